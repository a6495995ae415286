//! Which kinds of values columns have, noted where a cell is set: all that is done there is an OR.

use crate::json::byte_at;

/// Kinds of values as flags, the same as those of `Kind` in `kinds.py`.
pub mod kind {
    /// A string.
    pub const STRING: u8 = 1;
    /// A number without a point or an exponent.
    pub const INTEGER: u8 = 2;
    /// A number with a point, without an exponent.
    pub const DECIMAL: u8 = 4;
    /// A number with an exponent, or a zero with a sign.
    pub const OTHER_NUMBER: u8 = 8;
    /// `true` or `false`.
    pub const BOOLEAN: u8 = 16;
    /// `null`.
    pub const NULL: u8 = 32;
    /// A list that is a cell.
    pub const LIST: u8 = 64;
}

/// Which kinds of values a table's columns have, and how many digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableKinds {
    /// The table's number.
    pub table: usize,
    /// Sixteen bytes for each of its columns, ids left out: see `TableKinds` in `kinds.py`.
    pub bits: Vec<u8>,
}

/// So many digits on one side of a point stand for more, too.
const MOST_DIGITS: u32 = 55;

/// Kinds of values, and how many digits few-digit numbers have: one bit for each count of digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traits(u64);

/// The bit for no digits before the point.
const WHOLE: u32 = 8;
/// The bit for no digits after the point.
const FRACTION: u32 = 32;
/// A number has fewer digits than this on each side of its point, or is noted apart.
const FEW_DIGITS: usize = 24;

impl Traits {
    /// A value of that kind.
    pub const fn of(kind: u8) -> Self {
        Self(kind as u64)
    }

    /// An integer or decimal of so many digits before and after its point, fewer than 24 each.
    #[inline(always)]
    pub fn plain(has_point: bool, whole: usize, fraction: usize) -> Self {
        let kind = u64::from(kind::INTEGER) << u32::from(has_point);
        Self(kind | 1 << WHOLE << whole | 1 << FRACTION << fraction)
    }
}

/// What was seen of a node's values.
#[derive(Clone, Copy, Default)]
pub struct Seen {
    traits: u64,
    /// The most digits before the point of a number with many.
    whole: u32,
    /// The most digits after it.
    fraction: u32,
}

impl Seen {
    /// Notes a value.
    #[inline(always)]
    pub fn note(&mut self, Traits(bits): Traits) {
        self.traits |= bits;
    }

    /// Notes a number, of any form and length.
    pub fn note_number(&mut self, number: &[u8]) {
        if is_other(number) {
            return self.note(Traits::of(kind::OTHER_NUMBER));
        }
        let digits = number.strip_prefix(b"-").unwrap_or(number);
        let point = digits.iter().position(|&byte| byte == b'.');
        let whole = point.unwrap_or(digits.len());
        let fraction = point.map_or(0, |point| digits.len() - point - 1);
        if whole < FEW_DIGITS && fraction < FEW_DIGITS {
            return self.note(Traits::plain(point.is_some(), whole, fraction));
        }
        self.note(Traits::of(if point.is_some() { kind::DECIMAL } else { kind::INTEGER }));
        self.whole = self.whole.max(u32::try_from(whole).unwrap_or(u32::MAX));
        self.fraction = self.fraction.max(u32::try_from(fraction).unwrap_or(u32::MAX));
    }

    /// Takes what was seen, as the bits of a column.
    pub fn take(&mut self) -> u128 {
        let Self { traits, whole, fraction } = std::mem::take(self);
        let kinds = u128::from(traits as u8);
        if traits >> WHOLE == 0 && whole == 0 {
            return kinds;
        }
        let most = |first: u32, others: u32| {
            let bits = traits >> first & ((1 << FEW_DIGITS) - 1);
            others.max(bits.checked_ilog2().unwrap_or(0)).min(MOST_DIGITS)
        };
        kinds | 1 << (8 + most(WHOLE, whole)) | 1 << (64 + most(FRACTION, fraction))
    }
}

/// Whether a number has an exponent, or is a zero with a sign.
fn is_other(number: &[u8]) -> bool {
    number.iter().any(|byte| byte | 0x20 == b'e') || is_signed_zero(number)
}

/// Whether a number without an exponent is a zero with a sign.
#[inline]
pub fn is_signed_zero(number: &[u8]) -> bool {
    byte_at(number, 0) == b'-' && number.iter().all(|byte| matches!(byte, b'-' | b'0' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::{Seen, Traits, kind};

    /// The kinds of a column that has these numbers, and the most digits.
    fn seen(numbers: &[&str]) -> (u8, u32, u32) {
        let mut seen = Seen::default();
        numbers.iter().for_each(|number| seen.note_number(number.as_bytes()));
        let bits = seen.take();
        assert_eq!(seen.take(), 0);
        let digits = |bits: u64| bits.checked_ilog2().unwrap_or(0);
        (bits as u8, digits(bits as u64 >> 8), digits((bits >> 64) as u64))
    }

    #[test]
    fn a_number_is_of_the_kind_that_it_is_written_as() {
        let long = "1".repeat(1000);
        for (number, kind, whole, fraction) in [
            ("0", kind::INTEGER, 1, 0),
            ("-12", kind::INTEGER, 2, 0),
            ("0.50", kind::DECIMAL, 1, 2),
            ("-0.01", kind::DECIMAL, 1, 2),
            ("1e5", kind::OTHER_NUMBER, 0, 0),
            ("1.5E+05", kind::OTHER_NUMBER, 0, 0),
            ("-0", kind::OTHER_NUMBER, 0, 0),
            ("-0.00", kind::OTHER_NUMBER, 0, 0),
            (&long, kind::INTEGER, 55, 0),
            (&format!("-1.{long}"), kind::DECIMAL, 1, 55),
            (&"1".repeat(23), kind::INTEGER, 23, 0),
            (&"1".repeat(24), kind::INTEGER, 24, 0),
            (&"1".repeat(54), kind::INTEGER, 54, 0),
        ] {
            assert_eq!(seen(&[number]), (kind, whole, fraction), "{number}");
        }
    }

    #[test]
    fn the_most_digits_are_told() {
        let both = kind::INTEGER | kind::DECIMAL;
        assert_eq!(seen(&["1.25", "12345", "7"]), (both, 5, 2));
        assert_eq!(seen(&["1.2", &format!("0.{}", "3".repeat(30))]), (kind::DECIMAL, 1, 30));
        assert_eq!(seen(&[]), (0, 0, 0));
    }

    #[test]
    fn kinds_add_up() {
        let mut seen = Seen::default();
        seen.note(Traits::of(kind::NULL));
        seen.note(Traits::of(kind::LIST));
        seen.note(Traits::plain(true, 3, 4));
        let kinds = u128::from(kind::NULL | kind::LIST | kind::DECIMAL);
        assert_eq!(seen.take(), kinds | 1 << (8 + 3) | 1 << (64 + 4));
    }
}
