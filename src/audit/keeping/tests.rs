//! Rules and holds, each against what it must and must not touch.

use super::*;
use crate::audit::entry::Kind;

const DAY: u64 = 86_400_000;

fn retention() -> Retention {
    let tenant = |name| TenantPath::parse(name).unwrap();
    let class = |name| ClassName::parse(name).unwrap();
    Retention {
        default_ms: Some(100 * DAY),
        tenants: vec![(tenant("acme"), 10 * DAY), (tenant("acme/west"), 20 * DAY)],
        classes: vec![(class("pii"), 5 * DAY), (class("pii.contact"), 50 * DAY)],
    }
}

fn facts<'a>(book: &'a str, classes: &[&'a str]) -> Facts<'a> {
    Facts { kind: Kind::Decision, time_ms: 0, book, tenants: vec![book], classes: classes.to_vec() }
}

fn hold(name: &str) -> Hold {
    Hold {
        hold: name.to_owned(),
        tenant: None,
        class: None,
        since_ms: None,
        until_ms: None,
        reason: String::new(),
        by: String::new(),
    }
}

#[test]
fn the_nearest_rule_counts_a_class_before_a_tenant_and_of_several_classes_the_longest() {
    let kept = |book, classes: &[&'static str]| retention().of(&facts(book, classes)).map(|ms| ms / DAY);
    assert_eq!(kept("globex", &[]), Some(100));
    assert_eq!(kept("acme", &[]), Some(10));
    assert_eq!(kept("acme/east", &[]), Some(10));
    assert_eq!(kept("acme/west/sf", &[]), Some(20));
    assert_eq!(kept("acme2", &[]), Some(100));
    assert_eq!(kept("acme", &["clinical"]), Some(10));
    assert_eq!(kept("acme", &["pii.name"]), Some(5));
    assert_eq!(kept("acme", &["pii.name", "pii.contact.email", "clinical"]), Some(50));
    assert_eq!(Retention::default().of(&facts("acme", &["pii"])), None);
    assert!(!Retention::default().is_any() && retention().is_any());
}

#[test]
fn what_is_past_its_time_goes_but_for_what_is_held_and_the_programs_own_events() {
    let (retention, mut holds) = (retention(), Holds::default());
    let old = facts("acme", &[]);
    assert_eq!(retention.fate(&old, &holds, 10 * DAY), Fate::Kept);
    assert_eq!(retention.fate(&old, &holds, 10 * DAY + 1), Fate::Due);
    holds.add(Hold { tenant: Some("acme".to_owned()), ..hold("case-42") });
    assert_eq!(retention.fate(&old, &holds, 1_000 * DAY), Fate::Held("case-42"));
    assert_eq!(retention.fate(&facts("globex", &[]), &holds, 1_000 * DAY), Fate::Due);
    let own = Facts { kind: Kind::Event, ..facts("", &[]) };
    assert_eq!(retention.fate(&own, &holds, 1_000 * DAY), Fate::Kept);
    // A request of nobody is no event.
    assert_eq!(retention.fate(&facts("", &[]), &holds, 1_000 * DAY), Fate::Due);
    assert!(holds.release("case-42") && !holds.release("case-42"));
    assert_eq!(retention.fate(&old, &holds, 1_000 * DAY), Fate::Due);
}

#[test]
fn a_hold_covers_what_concerns_its_tenant_time_and_class_in_whose_book_it_may_stand() {
    let on_acme = Hold { tenant: Some("acme".to_owned()), ..hold("a") };
    assert!(on_acme.covers(&facts("acme/west", &[])) && !on_acme.covers(&facts("acme2", &[])));
    let reached = Facts { tenants: vec!["acme", "globex"], ..facts("globex", &[]) };
    assert!(on_acme.covers(&reached));
    let at = |time_ms| Facts { time_ms, ..facts("acme", &[]) };
    let in_time = Hold { since_ms: Some(5), until_ms: Some(7), ..hold("b") };
    assert_eq!([4, 5, 6, 7].map(|time| in_time.covers(&at(time))), [false, true, true, false]);
    let on_pii = Hold { class: Some("pii".to_owned()), ..hold("c") };
    assert!(on_pii.covers(&facts("x", &["pii.name"])) && !on_pii.covers(&facts("x", &["piid"])));
    assert!(on_pii.covers(&facts("x", &[])), "an outcome names no class");
}
