//! Edits of files of API keys: what is added and taken out, and that nothing else changes.

use proptest::prelude::*;

use super::edit::Entry;
use super::edit::HEAD;
use super::edit::added;
use super::edit::removed;
use super::*;

const SHA: &str = "00000000000000000000000000000000000000000000000000000000000000a1";

fn entry<'e>(id: &'e str, sha256: &'e str, principal: &'e str, roles: &'e [String]) -> Entry<'e> {
    Entry {
        id,
        sha256,
        kind: "user",
        principal,
        tenant: "acme",
        lists: [("roles", roles), ("groups", &[]), ("scopes", &[])],
        times: [("not_before", None), ("expires", Some("2027-06-30T00:00:00Z"))],
    }
}

fn read(text: &str) -> Vec<ApiKeyEntry> {
    identity::api_key_entries("keys", text).unwrap_or_else(|problems| panic!("{problems:?}: {text}"))
}

fn ids(text: &str) -> Vec<String> {
    read(text).iter().map(|key| key.id.to_string()).collect()
}

fn line(text: &str, id: &str) -> u32 {
    read(text).iter().find(|key| &*key.id == id).unwrap().line
}

#[test]
fn a_key_is_added_to_a_file_of_any_layout_that_is_lines_and_the_rest_stays() {
    let sha = |n: u32| format!("{n:064x}");
    for before in [
        HEAD.to_owned(),
        "keys: []\n".to_owned(),
        format!(
            "# ours\nkeys:\n  # Ann\'s\n  - {{id: a, sha256: \"{}\", kind: user, principal: p, tenant: t}}\n",
            sha(1)
        ),
        format!(
            "keys:\n- id: a\n  sha256: \"{}\"\n  kind: user\n  principal: p\n  tenant: t\n# the end",
            sha(1)
        ),
    ] {
        let after =
            added(&before, &entry("new", SHA, "x: #\"y\\\u{1f600}", &["a b".to_owned(), "c".to_owned()]));
        for line in before.lines().filter(|line| line.starts_with('#') || line.contains("  ")) {
            assert!(after.contains(line), "{line} is gone: {after}");
        }
        let key = read(&after).into_iter().find(|key| &*key.id == "new").unwrap();
        assert_eq!(&*key.principal.id, "x: #\"y\\\u{1f600}");
        assert_eq!(key.principal.roles, ["a b", "c"].map(Box::<str>::from));
        assert_eq!(key.expires, 1_814_313_600);
        let old = if before == HEAD { "keys: []\n" } else { &*before };
        assert!(is_meant(&read(old), old, &after, "new"), "{after}");
        // What was added is taken out again, and nothing else.
        let back = removed(&after, key.line).unwrap();
        assert_eq!(ids(&back), ids(old));
        assert!(is_meant(&read(&after), &after, &back, "new"));
    }
}

#[test]
fn a_key_is_taken_out_with_its_lines_and_no_others() {
    let sha = |n: u32| format!("{n:064x}");
    let text = format!(
        "# head\nkeys:\n  - {{id: a, sha256: \"{}\", kind: user, principal: p, tenant: t}}\n  # of b\n  - sha256: \"{}\"\n    \
         id: b\n    kind: service\n    principal: q\n    tenant: t\n    roles:\n      - x\n      - y\n  # of c\n  - {{id: c, sha256: \"{}\",\n     \
         kind: user, principal: r, tenant: t}}\n# end\n",
        sha(1),
        sha(2),
        sha(3)
    );
    for (id, left, gone) in
        [("a", "b c", "id: a"), ("b", "a c", "principal: q"), ("c", "a b", "principal: r")]
    {
        let after = removed(&text, line(&text, id)).unwrap();
        assert_eq!(ids(&after).join(" "), left, "{after}");
        assert!(!after.contains(gone) && after.starts_with("# head") && after.ends_with("# end\n"));
        assert!(is_meant(&read(&text), &text, &after, id));
    }
    // The last one leaves a list of none, to which one can be added.
    let one = added(HEAD, &entry("only", SHA, "p", &[]));
    let none = removed(&one, line(&one, "only")).unwrap();
    assert!(read(&none).is_empty() && none.contains("keys: []"));
    assert_eq!(ids(&added(&none, &entry("next", SHA, "p", &[]))), ["next"]);
}

#[test]
fn what_does_not_lie_in_lines_of_its_own_is_not_edited() {
    let sha = |n: u32| format!("{n:064x}");
    let of =
        |id: &str, n| format!("{{id: {id}, sha256: \"{}\", kind: user, principal: p, tenant: t}}", sha(n));
    let text = format!("keys: [{}, {}]\n", of("a", 1), of("b", 2));
    let meant =
        |after: Option<String>, id| after.is_some_and(|after| is_meant(&read(&text), &text, &after, id));
    assert!(!meant(removed(&text, 1), "a"));
    assert!(!meant(Some(added(&text, &entry("new", SHA, "p", &[]))), "new"));
    assert!(removed("", 1).is_none() && removed("x", 0).is_none() && removed("- x", 9).is_none());
}

proptest! {
    #[test]
    fn whatever_is_added_and_taken_out_in_whatever_order_the_rest_stays(
        names in proptest::collection::btree_set("[a-zA-Z0-9_-]{1,12}", 1..6),
        principal in "[^\\p{Cc}]{1,40}", roles in proptest::collection::vec("[^\\p{Cc}]{1,20}", 0..3), pick in any::<usize>(),
    ) {
        let mut text = HEAD.to_owned();
        for (n, id) in names.iter().enumerate() {
            let next = added(&text, &entry(id, &format!("{n:064x}"), &principal, &roles));
            let old = if text == HEAD { "keys: []\n" } else { &*text };
            prop_assert!(is_meant(&read(old), old, &next, id), "{}", next);
            text = next;
        }
        let id = names.iter().nth(pick % names.len()).unwrap();
        let after = removed(&text, line(&text, id)).unwrap();
        prop_assert!(is_meant(&read(&text), &text, &after, id), "{}", after);
    }

    #[test]
    fn no_text_makes_an_edit_fail(text in "\\PC*", line in any::<u32>()) {
        removed(&text, line);
        added(&text, &entry("a", SHA, "p", &[]));
    }
}
