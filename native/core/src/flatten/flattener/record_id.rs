//! The id of a record.

use super::Flattener;
use crate::boundary::{Span, value_end};
use crate::flatten::bare_keys;
use crate::flatten::cell::{Cell, Texts};
use crate::json::{Malformed, byte_at, number_end, skip_space};

impl Flattener {
    /// Takes the record's key as its id.
    pub(super) fn read_key_id(&mut self, data: &[u8], (start, end): Span) -> Result<(), Malformed> {
        let key = data.get(start..end).ok_or(Malformed)?;
        simdutf8::basic::from_utf8(key).map_err(|_| Malformed)?;
        let (cell, stop) = self.string(data, start)?;
        self.take_id(data, cell);
        if key[0] == b'"' && stop == end { Ok(()) } else { Err(Malformed) }
    }

    /// Takes the record's first member with the id's key as its id, if that is a string or number.
    ///
    /// Child rows may come before that member, so it is looked for in advance.
    pub(super) fn read_own_id(&mut self, data: &[u8], start: usize) -> Result<(), Malformed> {
        if byte_at(data, start) != b'{' {
            if self.settings.id_field.is(b"value") {
                self.read_id(data, start)?;
            }
            return Ok(());
        }
        let mut at = skip_space(data, start + 1);
        while byte_at(data, at) == b'"' {
            let (is_id, key_end) = self.is_id_field(data, at + 1)?;
            let colon = skip_space(data, key_end);
            let value = skip_space(data, colon + 1);
            if is_id {
                return self.read_id(data, value);
            }
            let long = self.ahead.as_ref().map(|ahead| &ahead.relay.stretches);
            let end = long.and_then(|long| long.end_of_long(value));
            let end = end.or_else(|| value_end(data, value)).ok_or(Malformed)?;
            at = skip_space(data, end);
            if byte_at(data, at) == b',' {
                at = skip_space(data, at + 1);
            }
        }
        Ok(())
    }

    /// Whether the key whose content is at `at` is the id's, and where it ends.
    fn is_id_field(&self, data: &[u8], at: usize) -> Result<(bool, usize), Malformed> {
        let (key, end) = bare_keys::read(data, at)?;
        Ok((self.settings.id_field.is(&key), end))
    }

    fn read_id(&mut self, data: &[u8], at: usize) -> Result<(), Malformed> {
        let cell = match byte_at(data, at) {
            b'"' => self.string(data, at)?.0,
            b'-' | b'0'..=b'9' => Cell { start: at, end: number_end(data, at)? },
            _ => return Ok(()),
        };
        self.take_id(data, cell);
        Ok(())
    }

    fn take_id(&mut self, data: &[u8], cell: Cell) {
        let marks_text = self.settings.marks_text;
        let texts = Texts { data, scratch: &self.scratch, marks_text };
        let ids = &mut self.trees.record_ids;
        match texts.text(cell) {
            Some(text) => ids.set(text, marks_text),
            None => {
                let mut text = Vec::new();
                texts.append(cell, &mut text);
                ids.set(&text, marks_text);
            }
        }
    }
}
