//! Points in time as restic's trees hold them: nanoseconds and an offset, written as Go's RFC 3339 does.

mod zone;

pub use zone::Zone;

use crate::{Error, Result};

/// A point in time, with the offset that it is written with.
///
/// The default is Go's zero time, which is what an absent field means: 0001-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Timestamp {
    /// Whole seconds since 1970-01-01 UTC; negative before.
    pub seconds: i64,
    /// Nanoseconds after that second, below 10^9.
    pub nanos: u32,
    /// Seconds east of UTC.
    pub offset: i32,
}

/// The first second of the year 1, and of the year 10000, in UTC.
const YEAR_1: i64 = -62_135_596_800;
const LONGEST: usize = 40;

impl Default for Timestamp {
    fn default() -> Self {
        Self { seconds: YEAR_1, nanos: 0, offset: 0 }
    }
}

impl Timestamp {
    /// Whether both are the same instant, whatever their offsets: Go's `Time.Equal`.
    pub fn same_instant(&self, other: &Self) -> bool {
        self.seconds == other.seconds && self.nanos == other.nanos
    }

    /// The same day and time in year 0 or 9999 when the year is before or after: restic's rule, since JSON times
    /// have four digits.
    #[must_use]
    pub fn clamp_year(self) -> Self {
        let local = self.seconds.saturating_add(i64::from(self.offset));
        let (day, rest) = (local.div_euclid(86_400), local.rem_euclid(86_400));
        let (year, month, mday) = civil(day);
        let clamped = year.clamp(0, 9999);
        if clamped == year {
            return self;
        }
        Self { seconds: days(clamped, month, mday) * 86_400 + rest - i64::from(self.offset), ..self }
    }

    /// Appends `2006-01-02T15:04:05.999999999Z07:00`, without quotes. Years beyond four digits are clamped.
    pub fn write(&self, out: &mut Vec<u8>) {
        let local = self.seconds.saturating_add(i64::from(self.offset));
        let (year, month, day) = civil(local.div_euclid(86_400));
        if !(0..=9999).contains(&year) {
            return self.clamp_year().write(out);
        }
        let second = local.rem_euclid(86_400) as u32;
        let mut text = [0u8; LONGEST];
        four(&mut text[0..], year as u32);
        text[4] = b'-';
        two(&mut text[5..], month);
        text[7] = b'-';
        two(&mut text[8..], day);
        text[10] = b'T';
        two(&mut text[11..], second / 3600);
        text[13] = b':';
        two(&mut text[14..], second / 60 % 60);
        text[16] = b':';
        two(&mut text[17..], second % 60);
        let mut end = 19;
        if self.nanos != 0 {
            text[19] = b'.';
            let mut rest = self.nanos;
            for place in (20..29).rev() {
                text[place] = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
            end = 29;
            while text[end - 1] == b'0' {
                end -= 1;
            }
        }
        if self.offset == 0 {
            text[end] = b'Z';
            end += 1;
        } else {
            let minutes = self.offset.unsigned_abs() / 60;
            text[end] = if self.offset < 0 { b'-' } else { b'+' };
            two(&mut text[end + 1..], minutes / 60 % 100);
            text[end + 3] = b':';
            two(&mut text[end + 4..], minutes % 60);
            end += 6;
        }
        out.extend_from_slice(&text[..end]);
    }

    /// Reads what Go, rustic and others write: any number of digits in the fraction (nine count), `Z` or an offset.
    ///
    /// # Errors
    /// [`Error::Damaged`] if it is not a time.
    pub fn parse(text: &[u8]) -> Result<Self> {
        parse(text).ok_or_else(|| Error::damaged("not a time in the form of RFC 3339"))
    }
}

fn parse(text: &[u8]) -> Option<Timestamp> {
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if text.len() < 20 || separators.iter().any(|&(at, byte)| text[at] != byte) {
        return None;
    }
    let pair = |at: usize| number(text.get(at..at + 2)?);
    let (year, month, day) = (number(&text[0..4])?, pair(5)?, pair(8)?);
    let (hour, minute, second) = (pair(11)?, pair(14)?, pair(17)?);
    if !(1..=12).contains(&month) || day < 1 || day > month_length(year, month) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut at = 19;
    let mut nanos = 0;
    if matches!(text[at], b'.' | b',') {
        let digits = text[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        let mut unit = 100_000_000;
        for byte in &text[at + 1..at + 1 + digits.min(9)] {
            nanos += u32::from(byte - b'0') * unit;
            unit /= 10;
        }
        at += 1 + digits;
    }
    let offset = match text.get(at..)? {
        b"Z" => 0,
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let (hours, minutes) = (pair(at + 1)?, pair(at + 4)?);
            // Go has read 24:60 as well before 1.20, but writes what it then cannot read.
            if hours > 23 || minutes > 59 {
                return None;
            }
            let offset = (hours * 3600 + minutes * 60) as i32;
            if *sign == b'-' { -offset } else { offset }
        }
        _ => return None,
    };
    let seconds = days(i64::from(year), month, day) * 86_400 + i64::from(hour * 3600 + minute * 60 + second);
    Some(Timestamp { seconds: seconds - i64::from(offset), nanos, offset })
}

/// The value of a run of digits.
fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + u32::from(byte - b'0')))
}

fn two(out: &mut [u8], value: u32) {
    out[0] = b'0' + (value / 10) as u8;
    out[1] = b'0' + (value % 10) as u8;
}

fn four(out: &mut [u8], value: u32) {
    two(out, value / 100);
    two(&mut out[2..], value % 100);
}

fn month_length(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Year, month and day of a day since 1970-01-01 (Howard Hinnant's `civil_from_days`).
fn civil(day: i64) -> (i64, u32, u32) {
    let z = day + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month as u32, (doy - (153 * mp + 2) / 5 + 1) as u32)
}

/// The day since 1970-01-01 of a date, the reverse of [`civil`]; a day beyond its month runs on into the next.
fn days(year: i64, month: u32, day: u32) -> i64 {
    let y = year - i64::from(month <= 2);
    let (era, yoe) = (y.div_euclid(400), y.rem_euclid(400));
    let doy = (153 * i64::from((month + 9) % 12) + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(timestamp: Timestamp) -> String {
        let mut out = Vec::new();
        timestamp.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    /// What Go prints comes back byte for byte.
    #[test]
    fn round_trip() {
        for good in [
            "2026-11-22T05:44:17.5Z",
            "2026-11-22T05:44:17Z",
            "1969-12-31T23:59:59.999999999-11:30",
            "0000-02-29T00:00:00.000000001+14:00",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59.1+02:00",
            "2000-02-29T12:00:00+05:45",
        ] {
            assert_eq!(text(Timestamp::parse(good.as_bytes()).unwrap()), good);
        }
    }

    /// rustic's groups of three digits, and more digits than nine, are understood.
    #[test]
    fn other_fractions() {
        let rustic = Timestamp::parse(b"2026-01-02T03:04:05.530+02:00").unwrap();
        assert_eq!(text(rustic), "2026-01-02T03:04:05.53+02:00");
        assert_eq!(Timestamp::parse(b"2026-01-02T03:04:05.1234567891+00:00").unwrap().nanos, 123_456_789);
    }

    /// Nonsense is refused, not misread.
    #[test]
    fn refused() {
        for bad in [
            "",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00.Z",
            "2026-01-01 00:00:00Z",
            "2026-01-01T00:00:00+0200",
            "2026-01-01T00:00:00ZZ",
            "+026-01-01T00:00:00Z",
        ] {
            assert!(Timestamp::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    /// A year that has no four digits becomes the nearest that has.
    #[test]
    fn clamped() {
        let far = Timestamp { seconds: i64::MAX / 4, nanos: 1, offset: 3600 };
        assert!(text(far).starts_with("9999-"));
        let before = Timestamp { seconds: i64::MIN / 4, nanos: 0, offset: 0 };
        assert!(text(before).starts_with("0000-"));
        let extreme = Timestamp { seconds: i64::MAX, nanos: 0, offset: 3600 };
        assert!(text(extreme).starts_with("9999-"));
    }
}
