//! The local time zone by Go's rules, since restic writes local times and their offsets are part of a tree's bytes.

use super::Timestamp;
use jiff::tz::TimeZone;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

const DATABASES: [&str; 4] = ["/usr/share/zoneinfo", "/usr/share/lib/zoneinfo", "/usr/lib/locale/TZ", "/etc/zoneinfo"];

/// A time zone: which offset from UTC holds when.
#[derive(Clone, Debug)]
pub struct Zone(Option<TimeZone>);

impl Zone {
    /// Coordinated Universal Time.
    pub const UTC: Self = Self(None);

    /// The zone of this process, looked up once.
    pub fn local() -> &'static Self {
        static LOCAL: OnceLock<Zone> = OnceLock::new();
        LOCAL.get_or_init(|| Self::from_variable(std::env::var_os("TZ").as_deref()))
    }

    /// The zone that a value of `TZ` stands for, as Go understands it: unset is `/etc/localtime`; a name is looked up
    /// in the system's database, with or without a colon before it; a path is read; anything else, POSIX rules such as
    /// `CET-1CEST` included, is UTC.
    pub fn from_variable(tz: Option<&OsStr>) -> Self {
        let Some(tz) = tz else {
            return Self::from_file(Path::new("/etc/localtime")).unwrap_or(Self::UTC);
        };
        let name = tz.as_bytes();
        let name = OsStr::from_bytes(name.strip_prefix(b":").unwrap_or(name));
        if name.is_empty() || name == "UTC" {
            return Self::UTC;
        }
        let mut places = if name.as_bytes().starts_with(b"/") {
            vec![PathBuf::from(name)]
        } else {
            DATABASES.iter().map(|folder| Path::new(folder).join(name)).collect()
        };
        places.drain(..).find_map(|path| Self::from_file(&path)).unwrap_or(Self::UTC)
    }

    fn from_file(path: &Path) -> Option<Self> {
        let data = std::fs::read(path).ok()?;
        TimeZone::tzif("local", &data).ok().map(|zone| Self(Some(zone)))
    }

    /// Seconds east of UTC at this second.
    pub fn offset_at(&self, seconds: i64) -> i32 {
        let Some(zone) = &self.0 else { return 0 };
        let bounded = seconds.clamp(jiff::Timestamp::MIN.as_second(), jiff::Timestamp::MAX.as_second());
        jiff::Timestamp::from_second(bounded).map_or(0, |at| zone.to_offset(at).seconds())
    }

    /// A time of the file system, with this zone's offset and a year that can be written.
    pub fn timestamp(&self, seconds: i64, nanos: u32) -> Timestamp {
        Timestamp { seconds, nanos, offset: self.offset_at(seconds) }.clamp_year()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Summer and winter have their own offsets, and what is no name is UTC.
    #[test]
    fn offsets() {
        let zone = Zone::from_variable(Some(OsStr::new(":Asia/Kolkata")));
        assert_eq!(zone.offset_at(1_700_000_000), 19_800);
        let zone = Zone::from_variable(Some(OsStr::new("America/New_York")));
        assert_eq!(zone.offset_at(1_700_000_000), -18_000);
        assert_eq!(zone.offset_at(1_690_000_000), -14_400);
        assert_eq!(zone.offset_at(4_000_000_000), -14_400);
        assert_eq!(Zone::from_variable(Some(OsStr::new("CET-1CEST"))).offset_at(1_700_000_000), 0);
        assert_eq!(Zone::from_variable(Some(OsStr::new(""))).offset_at(0), 0);
    }

    /// Times that no calendar holds still have an offset.
    #[test]
    fn extremes() {
        let zone = Zone::from_variable(Some(OsStr::new("Europe/Berlin")));
        for (seconds, year) in [(i64::MIN, "0000-"), (i64::MAX, "9999-")] {
            let mut out = Vec::new();
            zone.timestamp(seconds, 999_999_999).write(&mut out);
            assert!(out.starts_with(year.as_bytes()));
        }
    }
}
