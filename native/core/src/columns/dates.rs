//! The months of times (docs/spec.md 5.3), as `dates.py` reads them.
//!
//! The usual forms are read here, of which there may be millions in a column. All others are left to
//! whoever reads them slowly: so both always agree.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// A year and a month, in Seoul.
pub type Month = (i64, u32);

/// Reads any text that may be a time.
pub type ReadSlowly = dyn Fn(&str) -> Option<Month> + Send + Sync;

const FIRST_YEAR: i64 = 1990;
/// Characters of a text that is looked at.
const LONGEST: usize = 100;
/// So many texts that were read slowly are remembered.
const REMEMBERED: usize = 4096;
/// Units of Unix time in a second.
const EPOCH_UNITS: [u64; 4] = [1, 1_000, 1_000_000, 1_000_000_000];
const LAST_EPOCH_S: u64 = 1 << 33;
const DAY_S: i64 = 86_400;
/// Seoul's offset from UTC since before the first year.
const SEOUL_S: i64 = 9 * 3600;

/// Reads times.
pub struct Dates {
    last_year: i64,
    slowly: Box<ReadSlowly>,
    remembered: Mutex<HashMap<String, Option<Month>>>,
}

impl Dates {
    /// Reads times up to the year after `this_year`, and those of unusual forms `slowly`.
    pub fn new(this_year: i64, slowly: Box<ReadSlowly>) -> Self {
        Self { last_year: this_year + 1, slowly, remembered: Mutex::default() }
    }

    /// Appends the month of a time; false if the text is none.
    pub fn write_month(&self, text: &str, to: &mut Vec<u8>) -> bool {
        let Some((year, month)) = self.month(text) else { return false };
        write_year(year, to);
        let [tens, ones] = [month / 10, month % 10].map(|digit| b'0' + digit as u8);
        to.extend_from_slice(&[b'-', tens, ones]);
        true
    }

    /// Appends the year of a time; false if the text is none.
    pub fn write_year(&self, text: &str, to: &mut Vec<u8>) -> bool {
        let Some((year, _)) = self.month(text) else { return false };
        write_year(year, to);
        true
    }

    fn month(&self, text: &str) -> Option<Month> {
        if text.len() > LONGEST && text.chars().nth(LONGEST).is_some() {
            return None;
        }
        match usual(text.as_bytes(), |year| (FIRST_YEAR..=self.last_year).contains(&year)) {
            Some(month) => Some(month),
            None => self.remembered(text),
        }
    }

    /// The month of a text of an unusual form, or of none.
    #[cold]
    fn remembered(&self, text: &str) -> Option<Month> {
        let known = || self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&month) = known().get(text) {
            return month;
        }
        let month = (self.slowly)(text);
        let mut known = known();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(text.to_owned(), month);
        month
    }
}

/// Appends a year of four digits, without the detour of a text.
fn write_year(year: i64, to: &mut Vec<u8>) {
    let digits = [1000, 100, 10, 1].map(|unit| b'0' + (year / unit % 10) as u8);
    to.extend_from_slice(&digits);
}

/// The month of a time of a usual form in a year that counts; None where that takes more to tell.
fn usual(text: &[u8], counts: impl Fn(i64) -> bool) -> Option<Month> {
    let month = if text.iter().all(u8::is_ascii_digit) {
        calendar(text).filter(|&(year, _)| counts(year)).or_else(|| epoch(text, &counts))
    } else {
        written(text)
    };
    month.filter(|&(year, _)| counts(year))
}

/// Digits of a calendar, for the day alone or down to the minute, the second or less.
fn calendar(text: &[u8]) -> Option<Month> {
    if !matches!(text.len(), 8 | 10 | 12 | 14 | 17) {
        return None;
    }
    let day =
        Day { year: digits(text, 0, 4)?, month: digits(text, 4, 2)?, day: digits(text, 6, 2)? };
    let part = |at| if text.len() > at { digits(text, at, 2) } else { Some(0) };
    clock(part(8)?, part(10)?, part(12)?)?;
    day.is_real().then_some((day.year, day.month as u32))
}

/// Digits that are no date of a calendar: Unix time, in a unit in which the year counts.
fn epoch(text: &[u8], counts: impl Fn(i64) -> bool) -> Option<Month> {
    if !(8..=19).contains(&text.len()) || text[0] == b'0' || calendar_is_doubtful(text) {
        return None;
    }
    let whole = text.iter().fold(0_u64, |whole, byte| whole * 10 + u64::from(byte - b'0'));
    let moments = EPOCH_UNITS.into_iter().map(|unit| whole / unit).filter(|&at| at <= LAST_EPOCH_S);
    // In UTC, the year before the first one still counts as in `read_time`.
    let months = moments.map(|at| month_of(at as i64 + SEOUL_S));
    months.into_iter().find(|&(year, _)| counts(year))
}

/// Whether they may be the calendar's in a way that is not looked at here: the end of a day, or a
/// second 60.
fn calendar_is_doubtful(text: &[u8]) -> bool {
    matches!(text.len(), 10 | 12 | 14 | 17)
        && (digits(text, 8, 2) == Some(24) || digits(text, 12, 2) == Some(60))
}

/// As ISO 8601 writes it, but also with dots or slashes, a space before the time, or no time.
fn written(text: &[u8]) -> Option<Month> {
    let separator = *text.get(4)?;
    let is_date = matches!(separator, b'-' | b'.' | b'/') && text.get(7) == Some(&separator);
    let day =
        Day { year: digits(text, 0, 4)?, month: digits(text, 5, 2)?, day: digits(text, 8, 2)? };
    if !is_date || !day.is_real() {
        return None;
    }
    let Some(rest) = text.get(11..) else {
        return (text.len() == 10).then_some((day.year, day.month as u32));
    };
    if !matches!(text[10], b' ' | b'T') || rest.get(2) != Some(&b':') {
        return None;
    }
    let (hour, minute) = (digits(rest, 0, 2)?, digits(rest, 3, 2)?);
    let mut second = 0;
    let mut rest = &rest[5..];
    if let [b':', ..] = rest {
        second = digits(rest, 1, 2)?;
        rest = &rest[3..];
        if let [b'.', fraction @ ..] = rest {
            let length = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if length == 0 {
                return None;
            }
            rest = &fraction[length..];
        }
    }
    let seconds = clock(hour, minute, second)?;
    let Some(offset) = offset(rest)? else { return Some((day.year, day.month as u32)) };
    Some(month_of(day.number() * DAY_S + seconds - offset + SEOUL_S))
}

/// Seconds that an offset from UTC has, None for none; no offset of another form.
fn offset(text: &[u8]) -> Option<Option<i64>> {
    let (sign, hours, minutes) = match text {
        [] => return Some(None),
        b"Z" => return Some(Some(0)),
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            (sign, digits(text, 1, 2)?, digits(text, 4, 2)?)
        }
        [sign @ (b'+' | b'-'), _, _, _, _] => (sign, digits(text, 1, 2)?, digits(text, 3, 2)?),
        _ => return None,
    };
    let seconds = (hours * 60 + minutes) * 60;
    let is_one = hours < 24 && minutes < 60;
    is_one.then_some(Some(if *sign == b'-' { -seconds } else { seconds }))
}

/// Seconds of a day that a usual time is after its beginning.
fn clock(hour: i64, minute: i64, second: i64) -> Option<i64> {
    let is_usual = hour < 24 && minute < 60 && second < 60;
    is_usual.then_some((hour * 60 + minute) * 60 + second)
}

fn digits(text: &[u8], at: usize, count: usize) -> Option<i64> {
    let digits = text.get(at..at + count)?;
    digits.iter().try_fold(0, |number, byte| {
        byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0'))
    })
}

/// A day of the calendar.
struct Day {
    year: i64,
    month: i64,
    day: i64,
}

impl Day {
    fn is_real(&self) -> bool {
        let is_leap = self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0);
        let days = match self.month {
            2 => 28 + i64::from(is_leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return false,
        };
        self.year > 0 && (1..=days).contains(&self.day)
    }

    /// How many days it is after the first of 1970.
    fn number(&self) -> i64 {
        // Years that begin with March have their leap day at the end.
        let year = self.year - i64::from(self.month <= 2);
        let day_of_year = (153 * ((self.month + 9) % 12) + 2) / 5 + self.day - 1;
        year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
            - 719_468
    }
}

/// The month that is so many seconds after the beginning of 1970, all in one time zone.
fn month_of(seconds: i64) -> Month {
    let days = seconds.div_euclid(DAY_S) + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month as u32)
}

#[cfg(test)]
mod tests {
    use super::{DAY_S, Dates, Day, month_of};

    fn month(text: &str) -> Option<String> {
        let mut month = Vec::new();
        let dates = Dates::new(2026, Box::new(|text| (text == "slow").then_some((2022, 7))));
        dates.write_month(text, &mut month).then(|| String::from_utf8_lossy(&month).into_owned())
    }

    #[test]
    fn usual_times_have_a_month() {
        for (text, expected) in [
            ("20220705", "2022-07"),
            ("2022070515", "2022-07"),
            ("20220705152210", "2022-07"),
            ("20220705152210123", "2022-07"),
            ("2022-07-05", "2022-07"),
            ("2022.07.05", "2022-07"),
            ("2022/07/05 15:22", "2022-07"),
            ("2022-06-30T23:30:00Z", "2022-07"),
            ("2022-06-30T23:30:00.123+00:00", "2022-07"),
            ("2022-07-01T00:30:00+1400", "2022-06"),
            ("2022-12-31T20:00:00-01:00", "2023-01"),
            ("2024-02-29", "2024-02"),
            ("1656601199", "2022-06"),
            ("1656601200", "2022-07"),
            ("1656601200000", "2022-07"),
            ("1656601200000000000", "2022-07"),
            ("slow", "2022-07"),
        ] {
            assert_eq!(month(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["2022-02-29", "1989-12-31", "2028-01-01", "20220732", "1", "", "2022-07.05"] {
            assert_eq!(month(text), None, "{text}");
        }
        assert_eq!(month(&"slow".repeat(26)), None);
    }

    #[test]
    fn days_are_counted_from_1970() {
        let mut number = Day { year: 1600, month: 1, day: 1 }.number();
        for year in 1600..2400 {
            for month in 1..=12 {
                for day in 1..=31 {
                    let it = Day { year, month, day };
                    if it.is_real() {
                        assert_eq!(it.number(), number);
                        assert_eq!(month_of(number * DAY_S), (year, month as u32));
                        assert_eq!(month_of(number * DAY_S + DAY_S - 1), (year, month as u32));
                        number += 1;
                    }
                }
            }
        }
        assert_eq!(Day { year: 1970, month: 1, day: 1 }.number(), 0);
    }
}
