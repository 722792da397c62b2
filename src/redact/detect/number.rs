//! Groups of digits, and which kind of number they are: a card, a person's, a telephone's.
//!
//! Never: takes some groups of a number for the whole of it where the rest belongs to it.

use super::Found;
use super::Kind;
use super::Kinds;
use super::byte;
use super::byte_before;
use super::hint;
use super::hint::Hint;
use super::hint::Key;
use super::national;
use super::part;
use super::phone;

/// Most digits of any number that is looked for, and most groups of them.
const DIGITS: usize = 19;
const GROUPS: usize = 10;
/// Fewest digits of any of them.
const DIGITS_MIN: usize = 7;

/// Are so many bits set?
#[inline]
pub(super) const fn has_digits(mut bits: u64) -> bool {
    let mut left = DIGITS_MIN - 1;
    while left > 0 {
        bits &= bits.wrapping_sub(1);
        left -= 1;
    }
    bits != 0
}

/// Some groups of digits that follow one another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number<'n> {
    pub(super) text: &'n [u8],
    pub(super) from: usize,
    pub(super) to: usize,
    /// Their values.
    pub(super) digits: &'n [u8],
    groups: &'n [Group],
}

#[derive(Debug, Clone, Copy, Default)]
struct Group {
    from: usize,
    to: usize,
    /// Digits up to its end.
    end: usize,
}

impl Number<'_> {
    /// How many digits each group has.
    pub(super) fn lengths(&self) -> impl ExactSizeIterator<Item = usize> {
        self.groups.iter().map(|group| group.to - group.from)
    }

    /// Have the groups these lengths?
    pub(super) fn is_shaped(&self, lengths: &[usize]) -> bool {
        self.groups.len() == lengths.len() && self.lengths().eq(lengths.iter().copied())
    }

    /// Is it one group?
    pub(super) const fn is_bare(&self) -> bool {
        self.groups.len() == 1
    }

    /// What stands between the groups.
    pub(super) fn between(&self) -> impl Iterator<Item = &[u8]> {
        self.groups.windows(2).map(|two| match two {
            [one, next] => part(self.text, one.to, next.from),
            _ => &[],
        })
    }

    /// The one byte that stands between all groups; 0 where there is but one group.
    pub(super) fn separator(&self) -> Option<u8> {
        let mut all = self.between();
        let Some(first) = all.next() else { return Some(0) };
        let [separator] = first else { return None };
        all.all(|between| between == first).then_some(*separator)
    }

    /// Does what stands before or after it belong to it?
    pub(super) fn is_joined(&self) -> bool {
        self.is_joined_before() || is_joined_after(self.text, self.to)
    }

    fn is_joined_before(&self) -> bool {
        let joins = matches!(byte_before(self.text, self.from), b'-' | b'.' | b'/' | b'_' | b',');
        joins && byte_before(self.text, self.from - 1).is_ascii_alphanumeric()
    }

    /// Is it a part of a number with a decimal point?
    fn is_decimal(&self) -> bool {
        let before = byte_before(self.text, self.from);
        matches!(before, b'.' | b',') && byte_before(self.text, self.from - 1).is_ascii_digit()
            || matches!(byte(self.text, self.to), b'.' | b',')
                && byte(self.text, self.to + 1).is_ascii_digit()
    }
}

pub(super) fn is_joined_after(text: &[u8], to: usize) -> bool {
    match byte(text, to) {
        b'-' | b'/' | b'_' => byte(text, to + 1).is_ascii_alphanumeric(),
        b'.' | b',' => byte(text, to + 1).is_ascii_digit(),
        _ => false,
    }
}

/// What the words around a number say; asked for only where the form alone does not.
pub(super) struct Said<'n> {
    text: &'n [u8],
    at: usize,
    key: &'n Key<'n>,
    before: std::cell::Cell<Option<Hint>>,
}

impl<'n> Said<'n> {
    pub(super) const fn new(text: &'n [u8], at: usize, key: &'n Key<'n>) -> Self {
        Self { text, at, key, before: std::cell::Cell::new(None) }
    }

    /// Is it known already that nothing says this of it: by its key, and there are no words before it?
    pub(super) fn rules_out(&self, hint: Hint) -> bool {
        self.at == 0 && self.key.rules_out(hint)
    }

    /// Do they say this of it?
    pub(super) fn has(&self, hint: Hint) -> bool {
        self.key.has(hint) || {
            let before = self.before.get().unwrap_or_else(|| hint::before(self.text, self.at));
            self.before.set(Some(before));
            before.has(hint)
        }
    }
}

/// Adds the longest number that begins with the group of digits between these places, and says where it ends. What may
/// be two kinds of number is added as both.
pub(super) fn find(
    text: &[u8],
    from: usize,
    to: usize,
    kinds: Kinds,
    key: &Key<'_>,
    found: &mut Vec<Found>,
) -> Option<usize> {
    if to - from > DIGITS {
        return None;
    }
    let (mut digits, mut groups) = ([0_u8; DIGITS], [Group::default(); GROUPS]);
    let count = gather(text, from, to, &mut digits, &mut groups);
    let said = Said::new(text, from, key);
    for count in (1..=count).rev() {
        let groups = groups.get(..count)?;
        let (last, end) = groups.last().map(|last| (last.to, last.end))?;
        if end < DIGITS_MIN {
            break;
        }
        let digits = digits.get(..end)?;
        let number = Number { text, from, to: last, digits, groups };
        if kinds.has(Kind::Card) && is_card(&number) {
            found.push(Found { from, to: last, kind: Kind::Card });
            return Some(last);
        }
        let is_id = kinds.has(Kind::NationalId) && national::is_one(&number, &said);
        if is_id {
            found.push(Found { from, to: last, kind: Kind::NationalId });
        }
        if kinds.has(Kind::Phone)
            && (!is_id || national::is_written_as_phone(&number))
            && let Some((from, to)) = phone::phone(&number, &said)
        {
            found.push(Found { from, to, kind: Kind::Phone });
            return Some(to);
        }
        if is_id {
            return Some(last);
        }
    }
    None
}

/// Fills in the groups that follow one another, as many as fit; how many.
fn gather(
    text: &[u8],
    from: usize,
    to: usize,
    digits: &mut [u8; DIGITS],
    groups: &mut [Group; GROUPS],
) -> usize {
    let (mut from, mut to, mut end, mut count) = (from, to, 0, 0);
    for group in groups {
        let Some(places) = digits.get_mut(end..end + (to - from)) else { break };
        for (place, digit) in places.iter_mut().zip(part(text, from, to)) {
            *place = digit & 0x0f;
        }
        end += to - from;
        *group = Group { from, to, end };
        count += 1;
        let between = part(text, to, text.len().min(to + 4));
        let gap = between.iter().take_while(|byte| is_between(**byte)).count();
        if !matches!(gap, 1..=3) {
            break;
        }
        from = to + gap;
        let run = part(text, from, text.len().min(from + DIGITS + 1));
        let length = run.iter().take_while(|byte| byte.is_ascii_digit()).count();
        to = from + length;
        if length == 0 || byte(text, to).is_ascii_alphanumeric() {
            break;
        }
    }
    count
}

const fn is_between(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'/' | b'(' | b')')
}

fn is_card(number: &Number<'_>) -> bool {
    let digits = number.digits;
    let grouped =
        matches!(number.separator(), Some(0 | b' ' | b'-')) && number.lengths().all(|length| length >= 3);
    grouped
        && is_issued(digits, number.is_bare())
        && is_luhn(digits)
        && !number.is_decimal()
        && byte_before(number.text, number.from) != b'+'
        // The old length of Visa is that of an article's number, and one in ten has the right check digit for both.
        && !(digits.len() == 13 && is_ean(digits))
}

/// Is the number in a range that is issued, and as long as those are?
fn is_issued(digits: &[u8], is_bare: bool) -> bool {
    let Some((lead, _)) = digits.split_first_chunk::<6>() else { return false };
    let six = lead.iter().fold(0_u32, |six, digit| six * 10 + u32::from(*digit));
    let length = digits.len();
    match six {
        400_000..=499_999 => matches!(length, 13 | 16 | 19),
        510_000..=559_999 | 222_100..=272_099 => length == 16,
        340_000..=349_999 | 370_000..=379_999 => length == 15,
        300_000..=305_999 | 309_500..=309_599 | 360_000..=369_999 | 380_000..=399_999 => length == 14,
        352_800..=358_999 | 601_100..=601_199 | 644_000..=659_999 => length == 16,
        620_000..=629_999 | 810_000..=817_199 => matches!(length, 16 | 19),
        // Mir, RuPay, Troy.
        220_000..=220_499 => matches!(length, 16 | 19),
        508_000..=508_999 | 606_000..=608_999 | 817_200..=829_999 | 979_200..=979_299 => length == 16,
        // Maestro.
        501_800..=501_899
        | 502_000..=502_099
        | 503_800..=503_899
        | 589_300..=589_399
        | 630_400..=630_499
        | 675_900..=675_999
        | 676_100..=676_399 => matches!(length, 13 | 16 | 18 | 19) || length == 12 && !is_bare,
        _ => false,
    }
}

/// The check digit of ISO/IEC 7812.
pub(super) fn is_luhn(digits: &[u8]) -> bool {
    let sum: u32 = (0..)
        .zip(digits.iter().rev())
        .map(|(at, digit)| match (at % 2, u32::from(*digit)) {
            (1, digit @ 5..) => digit * 2 - 9,
            (1, digit) => digit * 2,
            (_, digit) => digit,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The check digit of articles (EAN-13), and of Swiss insurance numbers.
pub(super) fn is_ean(digits: &[u8]) -> bool {
    let sum: u32 =
        digits.iter().zip([1, 3].iter().cycle()).map(|(digit, weight)| u32::from(*digit) * weight).sum();
    digits.len() == 13 && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, kind: Kind) -> Option<&str> {
        let to = text.bytes().take_while(u8::is_ascii_digit).count();
        let mut found = Vec::new();
        find(text.as_bytes(), 0, to, Kinds::from_iter([kind]), &Key::new(b""), &mut found)?;
        text.get(found[0].from..found[0].to)
    }

    #[test]
    fn a_card_is_issued_and_has_its_check_digit() {
        for text in [
            "4111111111111111",
            "4111 1111 1111 1111",
            "5500-0000-0000-0004",
            "378282246310005",
            "3782 822463 10005",
            "30569309025904",
            "6011111111111117",
            "3530111333300000",
            "2223003122003222",
        ] {
            assert_eq!(found(text, Kind::Card), Some(text));
        }
        for text in [
            "4111111111111112",
            "4111-1111 1111-1111",
            "1111111111111117",
            "0.4111111111111111",
            "4006381333931",
            "41 11 11 11 11 11 11 11",
            "4111111111111111.5",
        ] {
            assert_eq!(found(text, Kind::Card), None, "{text}");
        }
        assert_eq!(found("4111 1111 1111 1111 12/28", Kind::Card), Some("4111 1111 1111 1111"));
    }

    #[test]
    fn every_wrong_digit_and_most_swaps_are_seen() {
        let digits = [4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1];
        for at in 0..digits.len() {
            for other in (0..10).filter(|other| *other != digits[at]) {
                let mut wrong = digits;
                wrong[at] = other;
                assert!(!is_luhn(&wrong));
            }
        }
    }
}
