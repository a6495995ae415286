//! The ways in which cells are masked.

/// What becomes of a column's cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// They are the same where the texts are.
    Pseudonym,
    /// The column is left out.
    Remove,
    /// All are the same.
    Redact,
    /// The first and the last character stay.
    Partial,
    /// Of a time its month stays.
    Month,
    /// Of a time its year stays.
    Year,
    /// They are as they are.
    Keep,
}

impl Method {
    /// The method of that name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "PSEUDONYM" => Self::Pseudonym,
            "REMOVE" => Self::Remove,
            "REDACT" => Self::Redact,
            "PARTIAL" => Self::Partial,
            "MONTH" => Self::Month,
            "YEAR" => Self::Year,
            "KEEP" => Self::Keep,
            _ => return None,
        })
    }
}
