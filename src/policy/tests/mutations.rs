//! Changes of policies: each is one edit of one policy, and every part of every policy has one.

use super::*;
use crate::policy::Mutation;

const TEXT: &str = r#"// Above.
@id("reads")
permit (principal in Role::"r", action == Action::"read", resource in DataKey::"acme")
when { principal.auth == "jwt" && (context has purpose || resource.level < 2) }
unless { if resource.level == 3 then context.method == "GET" else !(resource.level > 4) };

@id("keeps") forbid (principal, action, resource) unless { principal has tenant }; // Behind.
@id("open") permit (principal, action == Action::"list", resource);
"#;

fn compile(text: &str) -> Result<(Policies, Vec<Problem>), Vec<Problem>> {
    Policies::compile(&source("schema", SCHEMA), &[source("p.cedar", text)], &model(TENANTS))
}

fn changed(mutation: &Mutation) -> String {
    let (before, after) = (TEXT.get(..mutation.bytes.start), TEXT.get(mutation.bytes.end..));
    [before.unwrap(), &mutation.with, after.unwrap()].concat()
}

#[test]
fn every_part_of_a_policy_is_dropped_once() {
    let (policies, _) = compile(TEXT).unwrap();
    let all = policies.mutations();
    let what = |id: &str| -> Vec<&str> {
        all.iter().filter(|one| policies.id(one.policy) == id).map(|one| one.what.as_str()).collect()
    };
    assert_eq!(
        what("reads"),
        [
            "the policy taken away",
            "`permit` turned into `forbid`",
            "`principal in Role::\"r\"` dropped from the scope",
            "`action == Action::\"read\"` dropped from the scope",
            "`resource in DataKey::\"acme\"` dropped from the scope",
            "`principal.auth == \"jwt\"` dropped",
            "`context has purpose` dropped",
            "`resource.level < 2` dropped",
            "`if resource.level == 3 then context.method == \"GET\" else !(resource.level > 4)` made `context.method == \"GET\"`",
            "`if resource.level == 3 then context.method == \"GET\" else !(resource.level > 4)` made `!(resource.level > 4)`",
        ]
    );
    assert_eq!(
        what("keeps"),
        ["the policy taken away", "`forbid` turned into `permit`", "`principal has tenant` dropped"]
    );
    assert_eq!(
        what("open"),
        [
            "the policy taken away",
            "`permit` turned into `forbid`",
            "`action == Action::\"list\"` dropped from the scope"
        ]
    );
}

#[test]
fn a_change_is_an_edit_of_its_policy_and_of_no_other() {
    let (policies, _) = compile(TEXT).unwrap();
    let mut refused = 0;
    for mutation in policies.mutations() {
        let id = policies.id(mutation.policy);
        let Ok((next, _)) = compile(&changed(&mutation)) else {
            refused += 1;
            continue;
        };
        for other in policies.ids() {
            let same = policies.effective_text(other) == next.effective_text(other);
            assert_eq!(same, other != id, "{}: {other}", mutation.what);
        }
        assert!((2..=8).contains(&mutation.place.line), "{mutation:?}");
    }
    assert_eq!(refused, 0);
}
