//! What the words around a value say of it: those of its key, and those before it in the text.
//!
//! Never: makes a finding of a value whose form is wrong.

use std::cell::Cell;

/// What words say of the value that they stand before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::redact) struct Hint(u8);

impl Hint {
    /// Nothing.
    pub(in crate::redact) const NONE: Self = Self(0);
    pub(super) const PHONE: Self = Self(1);
    /// A number that a state gives a person.
    pub(super) const ID: Self = Self(2);
    pub(in crate::redact) const SECRET: Self = Self(4);
    /// A version: looks like an address, and is none.
    pub(super) const VERSION: Self = Self(8);
    /// A number of something else than a person: an order, an article.
    pub(super) const THING: Self = Self(16);

    pub(in crate::redact) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The key that a text stands below. Its words are read when they are first asked for.
pub(in crate::redact) struct Key<'k> {
    key: &'k [u8],
    says: Cell<Option<Hint>>,
}

impl<'k> Key<'k> {
    pub(in crate::redact) const fn new(key: &'k [u8]) -> Self {
        Self { key, says: Cell::new(None) }
    }

    /// A key of which it is known what it says, if it is.
    pub(in crate::redact) const fn known(key: &'k [u8], says: Option<Hint>) -> Self {
        Self { key, says: Cell::new(says) }
    }

    /// May it speak of a secret?
    pub(in crate::redact) fn may_speak_of_secrets(&self) -> bool {
        match self.says.get() {
            Some(says) => says.has(Hint::SECRET),
            None => may_speak_of_secrets(self.key),
        }
    }

    /// Is it known that it does not say this of the value?
    pub(super) fn rules_out(&self, hint: Hint) -> bool {
        self.says.get().is_some_and(|says| !says.has(hint))
    }

    /// Does it say this of the value?
    pub(super) fn has(&self, hint: Hint) -> bool {
        let says = self.says.get().unwrap_or_else(|| of_words(self.key));
        self.says.set(Some(says));
        says.has(hint)
    }
}

/// Bytes before a value that are looked at for words.
const BEFORE: usize = 40;
/// Words before a value that say something of it.
const WORDS: usize = 4;

/// What the last words before a place say.
pub(super) fn before(text: &[u8], at: usize) -> Hint {
    let mut rest = super::part(text, at.saturating_sub(BEFORE), at);
    // A sentence speaks of its own.
    if let Some(end) = rest.iter().rposition(|byte| matches!(byte, b';' | b'\n' | b'!' | b'?')) {
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    let mut hint = Hint::NONE;
    // Nor does what stands before another number.
    if let Some(end) = rest.iter().rposition(u8::is_ascii_digit) {
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    for word in rest.rsplit(|byte| !byte.is_ascii_alphabetic()).filter(|word| !word.is_empty()).take(WORDS) {
        hint = hint.and(of_word(word));
    }
    hint
}

/// What a key says: `homePhone`, `home_phone`, `PHONE`.
pub(in crate::redact) fn of_words(key: &[u8]) -> Hint {
    let (mut hint, mut from) = (Hint::NONE, 0);
    for at in 0..=key.len() {
        let (last, next) = (super::byte_before(key, at), super::byte(key, at));
        let is_end = !next.is_ascii_alphabetic()
            || next.is_ascii_uppercase()
                && (last.is_ascii_lowercase() || super::byte(key, at + 1).is_ascii_lowercase());
        if is_end {
            hint = hint.and(of_word(super::part(key, from, at)));
            from = if next.is_ascii_alphabetic() { at } else { at + 1 };
        }
    }
    // What is written without a break, as `phonenumber` and `PhoneNumber` are, is looked at whole as well.
    hint.and(of_word(key))
}

/// The letters of a word, a bit for each.
const fn letters(word: &[u8]) -> u32 {
    let mut rest = word;
    let mut all = 0;
    while let [first, others @ ..] = rest {
        // The low five bits of a letter are its place in the alphabet.
        all |= 1 << (*first & 31);
        rest = others;
    }
    all
}

/// Of each word of [`of_word`] that speaks of a secret, or of the shorter one that is in it, the letters.
const SECRET_LETTERS: [u32; 11] = [
    letters(b"pwd"),
    letters(b"pass"),
    letters(b"key"),
    letters(b"credential"),
    letters(b"auth"),
    letters(b"bearer"),
    letters(b"signature"),
    letters(b"cookie"),
    letters(b"session"),
    letters(b"secret"),
    letters(b"token"),
];

/// Are the letters of a word that speaks of a secret among those of the key, and in one run? Most keys are told by it at once.
pub(super) fn may_speak_of_secrets(key: &[u8]) -> bool {
    let may = |all: u32| SECRET_LETTERS.into_iter().any(|word| all & word == word);
    may(letters(key)) && key.split(|byte| !byte.is_ascii_alphabetic()).any(|run| may(letters(run)))
}

/// Letters of the longest word that says something, and a little more.
const LETTERS: usize = 24;

fn of_word(word: &[u8]) -> Hint {
    let mut lower = [0; LETTERS];
    let word = super::part(word, 0, LETTERS.min(word.len()));
    let Some(lower) = lower.get_mut(..word.len()) else { return Hint::NONE };
    lower.copy_from_slice(word);
    lower.make_ascii_lowercase();
    match &*lower {
        b"tel" | b"tlf" | b"fon" | b"fono" | b"cell" | b"fax" | b"gsm" | b"sms" | b"handy" | b"call"
        | b"dial" | b"ring" | b"whatsapp" | b"appel" | b"appelez" | b"llame" | b"llamar" | b"anrufen"
        | b"movil" | b"portable" => Hint::PHONE,
        b"ssn" | b"sin" | b"itin" | b"tin" | b"tfn" | b"nhs" | b"nino" | b"bsn" | b"cpf" | b"nir"
        | b"dni" | b"nie" | b"nif" | b"pesel" | b"aadhaar" | b"aadhar" | b"nric" | b"idnr" | b"taxid"
        | b"tax" | b"steuer" | b"steuerid" | b"social" | b"national" | b"insurance" | b"medicare"
        | b"sozial" | b"personnummer" | b"cpr" | b"rut" | b"cuit" | b"mynumber" | b"citizen" | b"teudat"
        | b"nin" | b"insee" | b"securite" | b"fiscal" | b"codice" | b"identity" | b"ahv" | b"svnr" => {
            Hint::ID
        }
        b"pwd" | b"pass" | b"key" | b"credential" | b"credentials" | b"auth" | b"authorization"
        | b"bearer" | b"apikey" | b"passphrase" | b"signature" | b"cookie" | b"session" => Hint::SECRET,
        b"version" | b"versions" | b"ver" | b"v" | b"release" | b"build" | b"firmware" | b"oid"
        | b"section" | b"chapter" | b"revision" | b"semver" => Hint::VERSION,
        b"order" | b"invoice" | b"isbn" | b"ean" | b"gtin" | b"upc" | b"sku" | b"tracking" | b"parcel"
        | b"article" | b"product" | b"serial" | b"batch" | b"ticket" | b"issue" | b"reference" | b"ref"
        | b"timestamp" | b"epoch" | b"amount" | b"price" | b"total" | b"sum" | b"population"
        | b"latitude" | b"longitude" | b"lat" | b"lon" | b"lng" | b"coordinates" | b"checksum" | b"hash"
        | b"count" | b"size" | b"bytes" => Hint::THING,
        lower => of_part(lower),
    }
}

fn of_part(lower: &[u8]) -> Hint {
    let has = |part: &[u8]| lower.windows(part.len()).any(|window| window == part);
    let mut hint = Hint::NONE;
    if has(b"phone") || has(b"telefon") || has(b"mobil") || has(b"telephon") {
        hint = hint.and(Hint::PHONE);
    }
    if has(b"token") || has(b"secret") || has(b"passw") || has(b"credential") || has(b"apikey") {
        hint = hint.and(Hint::SECRET);
    }
    hint
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_key_speaks_by_its_words_however_they_are_joined() {
        for key in ["phone", "homePhone", "home_phone", "PHONE", "phonenumber", "telNr", "x-tel", "HTTPPhone"]
        {
            assert_eq!(of_words(key.as_bytes()), Hint::PHONE, "{key}");
        }
        for key in ["", "hotel", "phon", "telling", "caller"] {
            assert_eq!(of_words(key.as_bytes()), Hint::NONE, "{key}");
        }
        assert!(Key::new(b"apiKey").has(Hint::SECRET));
        assert!(Key::new(b"client_secret").has(Hint::SECRET));
        assert!(Key::new(b"taxId").has(Hint::ID));
        assert!(!Key::new(b"monkey").has(Hint::SECRET));
    }

    proptest! {
        #[test]
        fn what_speaks_of_a_secret_may(
            key in "([a-zA-Z]{0,3}(pwd|Pass|KEY|credential|credentials|auth|authorization|bearer|api_?[kK]ey|passphrase|signature|cookie|session|token|secret|passwd)?[-_A-Z0-9]?){1,4}"
        ) {
            prop_assert!(!of_words(key.as_bytes()).has(Hint::SECRET) || may_speak_of_secrets(key.as_bytes()), "{}", key);
        }
    }

    #[test]
    fn the_last_words_before_a_value_speak_of_it() {
        let said = |text: &str| before(text.as_bytes(), text.len());
        assert!(said("please call me on ").has(Hint::PHONE));
        assert!(said("Tel.: ").has(Hint::PHONE));
        assert!(said("NHS number is ").has(Hint::ID));
        assert!(!said("call me! order ").has(Hint::PHONE));
        assert!(!said("phone me when the order of six comes to ").has(Hint::PHONE));
    }
}
