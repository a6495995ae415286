//! How wide columns are shown.

use std::io;

use unicode_width::UnicodeWidthStr;

use super::cells::{Cell, Cells};

/// Characters that a column shows at least and at most.
const NARROWEST: usize = 8;
const WIDEST: usize = 60;
/// What the filter's button takes of a header, and what cells have around them.
const BUTTON: usize = 3;
const AROUND: usize = 2;

/// The widths of columns: those of the longest lines in them.
pub struct Widths;

impl Widths {
    /// By the header and some rows, in characters: those of double width, as Hangul, count twice.
    pub fn of(header: &[u8], rows: Vec<&[u8]>) -> io::Result<Vec<usize>> {
        let mut widths = Vec::new();
        let mut names = Cells::of(header);
        while let Some(name) = names.next_cell()? {
            widths.push(width(name) + BUTTON);
        }
        for row in rows {
            let mut cells = Cells::of(row);
            for widest in &mut widths {
                let Some(cell) = cells.next_cell()? else { break };
                *widest = (width(cell) + AROUND).max(*widest);
            }
        }
        Ok(widths.into_iter().map(|width| width.clamp(NARROWEST, WIDEST)).collect())
    }
}

fn width(cell: Cell<'_>) -> usize {
    let text = match cell {
        Cell::Missing => return 0,
        Cell::Bare(text) | Cell::Text(text) => text,
    };
    // No line is shown wider, and none of so many bytes is narrower.
    let text = &text[..text.len().min(16 * WIDEST)];
    String::from_utf8_lossy(text).lines().map(UnicodeWidthStr::width).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::Widths;

    #[test]
    fn wide_characters_count_twice_and_the_longest_line_counts() {
        let rows = vec![
            &b"\"1234567890\",,1,\"\""[..],
            "\"가나다라마바사\",\"a\n한글한글한글\",1234567890123,\"\"".as_bytes(),
        ];
        let header = "이름,b,c,".to_owned() + &"d".repeat(200);
        assert_eq!(Widths::of(header.as_bytes(), rows).ok(), Some(vec![16, 14, 15, 60]));
    }
}
