//! Rows of a CSV file made longer, by empty cells at their ends.

use memchr::memchr2_iter;

/// Appends empty cells to rows whose text comes in pieces of any kind.
pub struct Widener {
    cells: usize,
    line_end: Vec<u8>,
    in_quotes: bool,
    /// Whether the last piece ended with a carriage return, which may be a line end's.
    has_return: bool,
}

impl Widener {
    /// Nothing has come; rows end with that, a line feed at its end.
    pub fn new(cells: usize, line_end: Vec<u8>) -> Self {
        Self { cells, line_end, in_quotes: false, has_return: false }
    }

    /// Appends what comes next to `made`, with longer rows; answers how much of the text was taken:
    /// all, unless there are `most` bytes before.
    pub fn widen(&mut self, text: &[u8], most: usize, made: &mut Vec<u8>) -> usize {
        let mut copied = 0;
        if self.has_return && !text.is_empty() {
            self.has_return = false;
            if self.line_end.len() > 1 && text[0] == b'\n' && !self.in_quotes {
                self.end_row(made);
                copied = 1;
                if made.len() >= most {
                    return copied;
                }
            } else {
                made.push(b'\r');
            }
        }
        let begun = copied;
        for at in memchr2_iter(b'"', b'\n', &text[begun..]).map(|at| begun + at) {
            if text[at] == b'"' {
                self.in_quotes = !self.in_quotes;
            } else if !self.in_quotes && text[copied..=at].ends_with(&self.line_end) {
                made.extend_from_slice(&text[copied..at + 1 - self.line_end.len()]);
                self.end_row(made);
                copied = at + 1;
                if made.len() >= most {
                    return copied;
                }
            }
        }
        self.has_return = self.line_end.len() > 1 && text[copied..].ends_with(b"\r");
        made.extend_from_slice(&text[copied..text.len() - usize::from(self.has_return)]);
        text.len()
    }

    #[inline(always)]
    fn end_row(&self, made: &mut Vec<u8>) {
        made.resize(made.len() + self.cells, b',');
        made.extend_from_slice(&self.line_end);
    }
}

#[cfg(test)]
mod tests {
    use super::Widener;

    /// The text with longer rows, given in pieces, and made in pieces of about `most` bytes.
    fn widened(text: &str, line_end: &str, piece: usize, most: usize) -> String {
        let mut widener = Widener::new(3, line_end.into());
        let mut all = Vec::new();
        for mut rest in text.as_bytes().chunks(piece) {
            while !rest.is_empty() {
                let mut made = Vec::new();
                let taken = widener.widen(rest, most, &mut made);
                rest = &rest[taken..];
                all.extend(made);
            }
        }
        String::from_utf8_lossy(&all).into_owned()
    }

    #[test]
    fn rows_get_cells_at_their_ends_wherever_pieces_end() {
        // Line ends within quotes are content, and may be any.
        let rows = ["1,a", "", "\"x\n\"\"y\",\"\"", "\"\r\n\",\"\"\"\n\"", "\"\r\"", "ab"];
        for line_end in ["\n", "\r\n"] {
            let all = |commas| rows.map(|row| format!("{row}{commas}{line_end}")).concat();
            for piece in (1..30).chain([1000]) {
                for most in [1, 7, 1000] {
                    assert_eq!(widened(&all(""), line_end, piece, most), all(",,,"));
                }
            }
        }
    }
}
