//! Where in the archive the rows of a book and a day stand.
//!
//! Never: lets a name leave the archive's folder, or two books share a folder, on whatever file system.

use crate::ids::Digest;

/// A day, in milliseconds.
pub const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

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

/// The name of a day's folder: `2026-11-22`, in UTC.
#[must_use]
pub fn day_name(day: u64) -> String {
    let date =
        |day: i64| jiff::Timestamp::from_millisecond(day).ok().map(|at| at.strftime("%Y-%m-%d").to_string());
    let begins = day.checked_mul(DAY_MS).and_then(|ms| i64::try_from(ms).ok());
    // What no calendar has a day for, for it is past the year 9999.
    begins.and_then(date).unwrap_or_else(|| format!("day-{day}"))
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
    fn a_day_has_its_date() {
        assert_eq!(day_name(0), "1970-01-01");
        assert_eq!(day_name(20_779), "2026-11-22");
        assert_eq!(day_name(u64::MAX), format!("day-{}", u64::MAX));
    }
}
