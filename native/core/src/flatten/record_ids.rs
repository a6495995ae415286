//! The id of the record at hand, as each table's rows have it.

use super::cell::LARGE;
use super::ids::Tail;
use super::masked::mask_text;
use crate::columns::{Mask, Treatment};

/// The cell of the id, plain and masked.
pub struct RecordIds {
    /// As it is.
    plain: Tail,
    /// In each way in which a table has it masked.
    forms: Vec<Form>,
    /// What one of them is written to first.
    buffer: Vec<u8>,
}

struct Form {
    treatment: Treatment,
    mask: Mask,
    cell: Tail,
    is_masked: bool,
}

impl RecordIds {
    /// No id.
    pub fn new() -> Self {
        Self { plain: Tail::new(), forms: Vec::new(), buffer: Vec::new() }
    }

    /// Forgets the id, and the memory of a long one.
    pub fn clear(&mut self) {
        self.plain.clear();
        if self.buffer.capacity() > LARGE {
            self.buffer = Vec::new();
        }
        for form in &mut self.forms {
            form.cell.clear();
            form.is_masked = false;
        }
    }

    /// Takes the cell of the record's id.
    pub fn set(&mut self, cell: &[u8], marks_text: bool) {
        self.plain.push(cell);
        for form in &mut self.forms {
            form.set(cell, &mut self.buffer, marks_text);
        }
    }

    /// The cell of the id, as it is.
    pub fn text(&self) -> &[u8] {
        self.plain.text()
    }

    /// The number of the form that a treatment makes of it.
    pub fn form(&mut self, treatment: &Treatment, mask: Mask, marks_text: bool) -> usize {
        let known = self.forms.iter().position(|form| form.treatment == *treatment);
        known.unwrap_or_else(|| {
            let (treatment, cell) = (treatment.clone(), Tail::new());
            let mut form = Form { treatment, mask, cell, is_masked: false };
            form.set(self.plain.text(), &mut self.buffer, marks_text);
            self.forms.push(form);
            self.forms.len() - 1
        })
    }

    /// The cell in that form, if in any.
    #[inline(always)]
    pub fn cell(&self, form: Option<usize>) -> &Tail {
        form.and_then(|form| self.forms.get(form)).map_or(&self.plain, |form| &form.cell)
    }

    /// Whether there is something masked in that form.
    pub fn is_masked(&self, form: usize) -> bool {
        self.forms.get(form).is_some_and(|form| form.is_masked)
    }
}

impl Form {
    fn set(&mut self, cell: &[u8], buffer: &mut Vec<u8>, marks_text: bool) {
        buffer.clear();
        self.is_masked = mask_text(&self.mask, cell, buffer, marks_text);
        self.cell.clear();
        self.cell.push(buffer);
    }
}
