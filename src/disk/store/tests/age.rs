//! Segments that go by age and size, holds that keep them, and what is asked for in files.

use super::*;
use crate::audit::edge;
use crate::audit::keeping::Act;
use crate::audit::keeping::Hold;
use crate::audit::keeping::Order;
use crate::audit::keeping::Retention;

fn aged(shaky: &Shaky, retention: Retention) -> Store<Shaky> {
    Store::open(StoreSettings { retention, ..settings() }, shaky.clone(), [Some(SEED), None], 0).unwrap()
}

fn fill(store: &mut Store<Shaky>, times: std::ops::Range<u64>) {
    for at in times {
        store.append(&mut record(1_000 + at), at).unwrap();
        store.sync(at).unwrap();
        store.tick(at).unwrap();
    }
}

fn first(shaky: &Shaky) -> u64 {
    let names = shaky.clone().list("segments").unwrap();
    names[0].split('.').next().unwrap().parse().unwrap()
}

fn prunings(shaky: &Shaky) -> Vec<(u64, u64)> {
    let (mut files, mut lines) = (shaky.clone(), Vec::new());
    for name in files.list("segments").unwrap() {
        let bytes = files.read(&format!("segments/{name}")).unwrap().unwrap();
        let bytes = if name.ends_with(".zst") { zstd::stream::decode_all(&*bytes).unwrap() } else { bytes };
        lines.extend(crate::audit::entry::lines(&bytes[frame::SEGMENT_HEAD_BYTES..]));
    }
    let lines = String::from_utf8(lines).unwrap();
    let all = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let all = all.filter(|line| line["event"] == "prune");
    all.map(|line| (line["first"].as_u64().unwrap(), line["last"].as_u64().unwrap())).collect()
}

fn hold() -> Hold {
    Hold {
        hold: "case".to_owned(),
        tenant: None,
        class: None,
        since_ms: None,
        until_ms: None,
        reason: String::new(),
        by: String::new(),
    }
}

#[test]
fn segments_go_once_all_rules_are_past_and_each_pruning_says_all_that_is_gone() {
    let shaky = Shaky::default();
    let class = (crate::ids::ClassName::parse("pii").unwrap(), 700);
    let retention = Retention { default_ms: Some(500), classes: vec![class], ..Retention::default() };
    let mut store = aged(&shaky, retention);
    // Records say of themselves that they are of the first millisecond, but a segment ends when the next begins.
    fill(&mut store, 0..600);
    assert_eq!(first(&shaky), 0);
    fill(&mut store, 600..2_000);
    let told = prunings(&shaky);
    // Those that said less went with their segments.
    assert!(!told.is_empty() && told.iter().all(|(first, _)| *first == 0), "{told:?}");
    assert!(told.is_sorted() && told.last().unwrap().1 + 1 == first(&shaky), "{told:?}");
    // The leaves of the bundle that was cut stay, and of no other.
    let edges = shaky.clone().list(edge::FOLDER).unwrap();
    assert!(edges.len() <= 1, "{edges:?}");
}

#[test]
fn without_a_default_something_is_for_ever_and_nothing_goes() {
    let shaky = Shaky::default();
    let class = (crate::ids::ClassName::parse("pii").unwrap(), 7);
    let mut store = aged(&shaky, Retention { classes: vec![class], ..Retention::default() });
    fill(&mut store, 0..2_000);
    assert_eq!((first(&shaky), prunings(&shaky)), (0, Vec::new()));
}

#[test]
fn a_hold_beats_age_and_size_and_what_is_asked_for_in_a_file_is_signed_before_the_file_goes() {
    let shaky = Shaky::default();
    let retention = Retention { default_ms: Some(10), ..Retention::default() };
    let settings = StoreSettings { retention, bytes_max: 3_000, ..settings() };
    let mut store = Store::open(settings, shaky.clone(), [Some(SEED), None], 0).unwrap();
    let ask = |name: &str, act: Act| {
        let order = serde_json::to_vec(&Order { acts: vec![act] }).unwrap();
        shaky.clone().replace(&format!("orders/{name}.json"), &order).unwrap();
    };
    ask("1", Act::Hold(hold()));
    shaky.clone().replace("orders/2.json", b"no order").unwrap();
    store.tick(2_000).unwrap();
    assert_eq!(shaky.clone().list("orders").unwrap(), Vec::<String>::new());
    assert_eq!((store.signed_size, store.next), (1, 1));
    fill(&mut store, 2_000..4_000);
    assert_eq!((first(&shaky), prunings(&shaky)), (0, Vec::new()));
    ask("3", Act::Release { hold: "case".to_owned(), reason: String::new(), by: String::new() });
    fill(&mut store, 5_000..5_200);
    assert!(first(&shaky) > 0);
}
