//! A sheet as XML: a header, rows as they come, and the end.

use std::io::{self, Write};

use super::cells::{Cell, Cells, malformed};
use super::numbers::{MOST_DECIMALS, shown_decimals};
use super::rows::TableRows;
use super::text;

/// Styles by their number in the workbook; see `package.py`.
const HEADER: &[u8] = b"1";
/// That of numbers without decimals; those of numbers with more of them follow.
const NUMBER: usize = 3;

const BEGIN: &str = concat!(
    r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>"#,
    "\n",
    r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">"#,
    r#"<sheetViews><sheetView workbookViewId="0">"#,
    r#"<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>"#,
    r#"<selection pane="bottomLeft" activeCell="A2" sqref="A2"/></sheetView></sheetViews>"#,
    r#"<sheetFormatPr defaultRowHeight="15"/><cols>"#,
);

/// A sheet in the making: rows are made in `xml`, and taken from there.
pub struct Sheet {
    /// XML that was not taken yet.
    pub xml: Vec<u8>,
    /// For each column, what its cells begin with up to the row's number.
    begins: Vec<Vec<u8>>,
    /// For each count of decimals, what comes before a number.
    numbers: Vec<Vec<u8>>,
    /// How many rows there are beside the header.
    pub rows: u64,
    /// For each column, how many cells were cut short; and in which this was done in the last row.
    cut: Vec<u64>,
    just_cut: Vec<usize>,
}

impl Sheet {
    /// A sheet that begins with the table's header.
    pub fn begin(table: &TableRows) -> io::Result<Self> {
        let letters = (0..table.columns()).map(letters);
        let mut sheet = Self {
            xml: BEGIN.as_bytes().to_vec(),
            begins: letters.map(|it| [b"<c r=\"", &*it].concat()).collect(),
            numbers: (0..=MOST_DECIMALS).map(before_number).collect(),
            rows: 0,
            cut: vec![0; table.columns()],
            just_cut: Vec::new(),
        };
        for (column, width) in (1..).zip(table.widths()) {
            let xml = &mut sheet.xml;
            write!(xml, r#"<col min="{column}" max="{column}" width="{width}" customWidth="1"/>"#)?;
        }
        sheet.xml.extend_from_slice(b"</cols><sheetData>");
        sheet.append_header(table.header())?;
        Ok(sheet)
    }

    fn append_header(&mut self, header: &[u8]) -> io::Result<()> {
        self.xml.extend_from_slice(b"<row r=\"1\">");
        let mut cells = Cells::of(header);
        for begin in &self.begins {
            let name = match cells.next_cell()? {
                Some(Cell::Bare(name) | Cell::Text(name)) => name,
                _ => &[],
            };
            self.xml.extend_from_slice(begin);
            self.xml.extend_from_slice(b"1\" s=\"");
            self.xml.extend_from_slice(HEADER);
            self.xml.push(b'"');
            append_text(&mut self.xml, name);
        }
        self.xml.extend_from_slice(b"</row>");
        Ok(())
    }

    /// Appends a row to `xml`; answers how many bytes that are.
    pub fn append(&mut self, row: &[u8]) -> io::Result<usize> {
        let before = self.xml.len();
        let number = (self.rows + 2).to_string();
        let number = number.as_bytes();
        let xml = &mut self.xml;
        for piece in [&b"<row r=\""[..], number, b"\">"] {
            xml.extend_from_slice(piece);
        }
        let mut cells = Cells::of(row);
        for (column, begin) in self.begins.iter().enumerate() {
            let cell = cells.next_cell()?.ok_or_else(malformed)?;
            if cell == Cell::Missing {
                continue;
            }
            for piece in [begin, number, &b"\""[..]] {
                xml.extend_from_slice(piece);
            }
            let is_cut = match cell {
                Cell::Missing => false,
                Cell::Bare(value) => append_bare(xml, value, &self.numbers),
                Cell::Text(value) => append_text(xml, value),
            };
            if is_cut {
                self.just_cut.push(column);
            }
        }
        if cells.next_cell()?.is_some() {
            return Err(malformed());
        }
        xml.extend_from_slice(b"</row>");
        Ok(xml.len() - before)
    }

    /// Keeps the row that was appended.
    pub fn keep(&mut self) {
        self.rows += 1;
        for column in self.just_cut.drain(..) {
            self.cut[column] += 1;
        }
    }

    /// Takes back the row that was appended, of so many bytes.
    pub fn take_back(&mut self, bytes: usize) {
        self.xml.truncate(self.xml.len() - bytes);
        self.just_cut.clear();
    }

    /// Appends the end to `xml`.
    pub fn end(&mut self) -> io::Result<()> {
        let last = letters(self.begins.len().saturating_sub(1));
        self.xml.extend_from_slice(b"</sheetData><autoFilter ref=\"A1:");
        self.xml.extend_from_slice(&last);
        write!(self.xml, "{}\"/></worksheet>", self.rows + 1)
    }

    /// In how many cells of which columns text was cut short.
    pub fn cut(&self) -> Vec<(usize, u64)> {
        let cut = self.cut.iter().copied().enumerate();
        cut.filter(|&(_, cells)| cells > 0).collect()
    }
}

/// Appends the rest of a cell that is a number or a boolean, or else text; answers as `append_text`.
#[inline]
fn append_bare(xml: &mut Vec<u8>, value: &[u8], numbers: &[Vec<u8>]) -> bool {
    let (before, value): (&[u8], &[u8]) = match value {
        b"true" => (b" t=\"b\"><v>", b"1"),
        b"false" => (b" t=\"b\"><v>", b"0"),
        _ => match shown_decimals(value) {
            Some(decimals) => (&numbers[decimals], value),
            None => return append_text(xml, value),
        },
    };
    for piece in [before, value, b"</v></c>"] {
        xml.extend_from_slice(piece);
    }
    false
}

/// What comes before a number with so many decimals.
fn before_number(decimals: usize) -> Vec<u8> {
    format!(" s=\"{}\"><v>", NUMBER + decimals).into_bytes()
}

/// Appends the rest of a cell that is text, in which quotes are doubled; whether it was cut short.
#[inline]
fn append_text(xml: &mut Vec<u8>, value: &[u8]) -> bool {
    xml.extend_from_slice(b" t=\"inlineStr\"><is><t xml:space=\"preserve\">");
    let is_cut = text::append(xml, value);
    xml.extend_from_slice(b"</t></is></c>");
    is_cut
}

/// What a column is called in references: A, B, …, Z, AA, ….
fn letters(column: usize) -> Vec<u8> {
    let mut letters = Vec::new();
    let mut left = column + 1;
    while left > 0 {
        left -= 1;
        letters.insert(0, b'A' + (left % 26) as u8);
        left /= 26;
    }
    letters
}

#[cfg(test)]
mod tests {
    use super::letters;

    #[test]
    fn columns_are_called_as_in_a_spreadsheet() {
        let cases = [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA"), (16_383, "XFD")];
        for (column, expected) in cases {
            assert_eq!(letters(column), expected.as_bytes());
        }
    }
}
