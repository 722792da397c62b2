//! Which files are looked at, by their names.
//!
//! Never: opens one.

use std::ffi::OsStr;
use std::path::Path;

use crate::cases;

/// A policy file, or links of templates.
pub(super) fn is_policy(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.ends_with(b".cedar") || name.ends_with(b".links.yaml")
}

pub(super) fn is_test(name: &OsStr) -> bool {
    let ends = |ending: &str| name.as_encoded_bytes().ends_with(ending.as_bytes());
    ends(cases::ENDING) || ends(cases::CEDAR_ENDING)
}

/// Neither hidden (`.x`, `..data`, `.#x`), nor an editor's backup (`x~`, `#x#`).
pub(super) fn is_visible(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    !name.starts_with(b".") && !name.starts_with(b"#") && !name.ends_with(b"~")
}

/// Is it this path, whose last part may have `*` in it for any characters?
pub(in crate::reload) fn matches(pattern: &Path, path: &Path) -> bool {
    let (Some(pattern_name), Some(name)) = (pattern.file_name(), path.file_name()) else { return false };
    pattern.parent() == path.parent() && fits(pattern_name.as_encoded_bytes(), name.as_encoded_bytes())
}

/// Takes the least for each `*`, and comes back to the last of them where that was too little.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut in_name, mut star) = (0, 0, None);
    while let Some(byte) = name.get(in_name) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, in_name));
                at += 1;
            }
            Some(same) if same == byte => {
                at += 1;
                in_name += 1;
            }
            Some(_) | None => {
                let Some((of_star, from)) = star else { return false };
                star = Some((of_star, from + 1));
                at = of_star + 1;
                in_name = from + 1;
            }
        }
    }
    pattern.iter().skip(at).all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters_of_a_name_and_for_no_folder() {
        let fits = |pattern: &str, path: &str| matches(Path::new(pattern), Path::new(path));
        for (pattern, path) in [
            ("keys/*.yaml", "keys/acme.yaml"),
            ("keys/*.yaml", "keys/.yaml"),
            ("keys/*", "keys/x"),
            ("keys/a*b*c", "keys/aXbXbXc"),
            ("keys/a.yaml", "keys/a.yaml"),
            ("*.yaml", "a.yaml"),
        ] {
            assert!(fits(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("keys/*.yaml", "keys/acme.yml"),
            ("keys/*.yaml", "keys/more/acme.yaml"),
            ("keys/*.yaml", "other/acme.yaml"),
            ("keys/a*b*c", "keys/aXcXb"),
            ("keys/*", "keys"),
            ("keys/a.yaml", "keys/b.yaml"),
        ] {
            assert!(!fits(pattern, path), "{pattern} {path}");
        }
    }
}
