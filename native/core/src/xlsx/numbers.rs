//! Which numbers a spreadsheet keeps as they are written.

/// So many significant digits a number of a spreadsheet has.
const MOST_DIGITS: usize = 15;

/// So many decimals a spreadsheet shows.
pub const MOST_DECIMALS: usize = 30;

/// How many decimals a number is written with that a spreadsheet can keep and show so.
///
/// None is the answer for more digits or decimals, an exponent, a zero with a sign, and for what is
/// no number of JSON. Every digit counts from the first on that is not zero, at the end zeros, too.
pub fn shown_decimals(text: &[u8]) -> Option<usize> {
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(unsigned);
    if whole == 0 || (whole > 1 && unsigned[0] == b'0') {
        return None;
    }
    let decimals = match &unsigned[whole..] {
        [] => 0,
        [b'.', fraction @ ..] if !fraction.is_empty() && digits(fraction) == fraction.len() => {
            fraction.len()
        }
        _ => return None,
    };
    let zeros = unsigned.iter().take_while(|&&byte| matches!(byte, b'0' | b'.')).count();
    let is_negative_zero = zeros == unsigned.len() && unsigned.len() < text.len();
    let significant = unsigned[zeros..].iter().filter(|byte| byte.is_ascii_digit()).count();
    let is_kept = significant <= MOST_DIGITS && decimals <= MOST_DECIMALS && !is_negative_zero;
    is_kept.then_some(decimals)
}

/// How many digits a text begins with.
fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

#[cfg(test)]
mod tests {
    use super::shown_decimals;

    #[test]
    fn a_number_is_one_only_if_no_digit_is_lost() {
        let cases = [
            ("0", Some(0)),
            ("-7", Some(0)),
            ("10.50", Some(2)),
            ("0.00", Some(2)),
            ("123456789012345", Some(0)),
            ("-12345678901234.5", Some(1)),
            ("0.000123456789012345", Some(18)),
            ("0.000000000000000000000000000001", Some(30)),
            ("0.0000000000000000000000000000001", None),
            ("1234567890123456", None),
            ("1000000000000000", None),
            ("1.000000000000000", None),
            ("-0", None),
            ("-0.0", None),
            ("1e5", None),
            ("1E5", None),
            ("0.5e1", None),
            ("007", None),
            ("1.", None),
            (".5", None),
            ("+1", None),
            ("1 ", None),
            ("-", None),
            ("", None),
            ("true", None),
            ("1.2.3", None),
        ];
        for (text, expected) in cases {
            assert_eq!(shown_decimals(text.as_bytes()), expected, "{text}");
        }
    }
}
