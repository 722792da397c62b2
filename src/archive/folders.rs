//! Where in the archive the rows of a book and a month stand.
//!
//! Never: lets a name leave the archive's folder, or two books share a folder, on whatever file system.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

use crate::ids::Digest;

/// Microseconds of a day.
const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

/// Longest name of a folder that a book's own is written out in, in bytes; file systems take 255.
const NAME_BYTES_MAX: usize = 200;

/// The folder of a book, below the archive's. What is neither `[a-z0-9-]` is written as `_` and its hexadecimal code.
#[must_use]
pub fn folder_of(book: &str) -> String {
    if book.is_empty() {
        return "own".to_owned();
    }
    let mut name = String::from("books/");
    for byte in book.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' => name.push(char::from(byte)),
            other => name.push_str(&format!("_{other:02x}")),
        }
    }
    if name.len() > NAME_BYTES_MAX { format!("books/__{}", Digest::of(book.as_bytes())) } else { name }
}

/// A month of the calendar, in UTC: `2026-11`. [`Month::LATER`] is what no calendar has a month for, past the year 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Month(u32);

impl Month {
    /// Past the year 9999.
    pub const LATER: Self = Self(u32::MAX);

    /// The month of a time in microseconds since 1970.
    #[must_use]
    pub fn of(us: i64) -> Self {
        let Ok(at) = jiff::Timestamp::from_microsecond(us) else { return Self::LATER };
        let date = at.to_zoned(jiff::tz::TimeZone::UTC).date();
        let (year, month) = (u32::try_from(date.year()), u32::try_from(date.month()));
        match (year, month) {
            (Ok(year), Ok(month)) => Self(year * 100 + month),
            // Before the year 0: no clock of a log was ever set so.
            (Err(_), _) | (_, Err(_)) => Self(0),
        }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::LATER {
            return f.write_str("later");
        }
        write!(f, "{:04}-{:02}", self.0 / 100, self.0 % 100)
    }
}

/// Months of times that come one after another: the calendar is asked once a day of them.
#[derive(Debug)]
pub(super) struct Months {
    day: i64,
    month: Month,
}

impl Default for Months {
    fn default() -> Self {
        Self { day: i64::MIN, month: Month::LATER }
    }
}

impl Months {
    pub(super) fn of(&mut self, us: i64) -> Month {
        let day = us.div_euclid(DAY_US);
        if day != self.day {
            *self = Self { day, month: Month::of(us) };
        }
        self.month
    }
}

/// The folder of a book's month, below the archive's.
pub(super) fn folder_of_month(book: &str, month: Month) -> String {
    format!("{}/{month}", folder_of(book))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_book_leaves_the_archive_and_no_two_share_a_folder() {
        let books = [
            "",
            "acme",
            "acme/west",
            "acme_2fwest",
            "acme%2fwest",
            "acme-west",
            "..",
            "../x",
            "ACME",
            "own",
            "books/acme",
            "~",
            "a\0b",
        ];
        let long = ["x".repeat(300), "y".repeat(300)];
        let names: Vec<String> =
            books.iter().copied().chain(long.iter().map(String::as_str)).map(folder_of).collect();
        for name in &names {
            assert!(
                name.split('/').count() <= 2
                    && !name.contains("..")
                    && !name.contains('\0')
                    && name.len() < 255,
                "{name}"
            );
            assert_eq!(*name, name.to_lowercase(), "on some file systems `A` is `a`");
        }
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
        assert_eq!(folder_of("acme/west"), "books/acme_2fwest");
    }

    #[test]
    fn a_time_has_its_month_however_it_is_asked_for() {
        let mut months = Months::default();
        for (us, name) in [
            (0, "1970-01"),
            (20_779 * DAY_US, "2026-11"),
            (20_788 * DAY_US - 1, "2026-11"),
            (20_788 * DAY_US, "2026-12"),
            (20_779 * DAY_US, "2026-11"),
            (-1, "1969-12"),
            (i64::MAX, "later"),
        ] {
            assert_eq!(Month::of(us).to_string(), name);
            assert_eq!(months.of(us), Month::of(us));
        }
    }
}
