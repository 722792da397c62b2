//! A log with pseudonyms: whose name each is is on the device before the record, and is forgotten when that is asked for.

use super::*;
use crate::audit::event::Query;
use crate::audit::keeping::Act;
use crate::audit::keeping::Erased;
use crate::audit::keeping::Names;
use crate::audit::keeping::Order;

fn called(tenant: &str, id: &str) -> Vec<u8> {
    let mut frame = Vec::new();
    Event::Query(&Query {
        uid: 1,
        principal: Some(("User", id)),
        caller: Some(tenant),
        purpose: None,
        decision: "allow",
        code: None,
        statement: "",
        rows: 0,
        snapshot: None,
        tenants: &[],
        claimed: &[],
        reasons: &[],
    })
    .encode(1, &mut frame);
    frame
}

fn veiled(shaky: &Shaky) -> Store<Shaky> {
    Store::open(StoreSettings { pseudonyms: true, ..settings() }, shaky.clone(), [Some(SEED), None], 0)
        .unwrap()
}

/// Who called, as the records say it.
fn callers(files: &mut Shaky) -> Vec<String> {
    let mut lines = Vec::new();
    records(files).iter().for_each(|record| crate::audit::entry::line(record, &mut lines).unwrap());
    let lines = String::from_utf8(lines).unwrap();
    let ids = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    ids.filter_map(|line| Some(line["principal"]["id"].as_str()?.to_owned())).collect()
}

fn names(files: &mut Shaky) -> Names {
    Names::read(&files.read(files::VAULT).unwrap().unwrap_or_default()).unwrap()
}

#[test]
fn who_calls_has_one_pseudonym_over_restarts_and_another_in_each_tenant() {
    let shaky = Shaky::default();
    let mut store = veiled(&shaky);
    for (tenant, id) in [("acme", "ann"), ("acme", "bob"), ("globex", "ann"), ("acme", "ann")] {
        store.append(&mut called(tenant, id), 1).unwrap();
    }
    store.close(2).unwrap();
    drop(store);
    let mut store = veiled(&shaky);
    store.append(&mut called("acme", "ann"), 3).unwrap();
    store.close(4).unwrap();
    let mut files = shaky.clone();
    let (seen, names) = (callers(&mut files), names(&mut files));
    let of = |tenant, id| names.of(Some(tenant), id).remove(0);
    let ann = of("acme", "ann");
    assert_eq!(seen, [&ann, &of("acme", "bob"), &of("globex", "ann"), &ann, &ann].map(String::as_str));
    assert!(ann.starts_with('~') && ann.len() == 17 && names.iter().count() == 3, "{names:?}");
    assert_eq!(names.reveal(&ann, str::to_owned), "ann");
}

#[test]
fn wherever_the_power_goes_each_pseudonym_in_the_log_has_its_name() {
    for share in [0, 100, 255] {
        for faults in 0..12 {
            let shaky = Shaky::default();
            let mut store = veiled(&shaky);
            shaky.0.borrow_mut().faults = [vec![Fault::Fails(share)], vec![Fault::None; faults]].concat();
            for id in ["ann", "bob", "cy", "dee", "ann"] {
                // One that could not be written is asked for again.
                let first = store.append(&mut called("acme", id), 1);
                if first.is_err() {
                    store.append(&mut called("acme", id), 1).unwrap();
                }
                drop(store.sync(1));
            }
            let mut files = shaky.power_cut(share);
            let names = names(&mut files);
            for caller in callers(&mut files) {
                assert_ne!(names.reveal(&caller, str::to_owned), caller, "{share} {faults}");
            }
        }
    }
}

#[test]
fn a_name_that_is_forgotten_is_in_no_file_and_who_calls_again_is_somebody_else() {
    let shaky = Shaky::default();
    let mut store = veiled(&shaky);
    store.append(&mut called("acme", "ann"), 1).unwrap();
    store.append(&mut called("acme", "bob"), 1).unwrap();
    let before = names(&mut shaky.clone()).of(None, "ann").remove(0);
    let erased = Erased {
        tenant: "acme".to_owned(),
        count: 1,
        pseudonyms: vec![before.clone()],
        reason: "17".to_owned(),
        by: "dpo".to_owned(),
    };
    store.act(&Order { acts: vec![Act::Erase(erased)] }, 0, 2).unwrap();
    let named = |name: &[u8]| {
        let device = shaky.0.borrow();
        device.files.values().any(|inode| inode.borrow().seen.windows(name.len()).any(|part| part == name))
    };
    assert!(!named(b"ann") && named(b"bob"));
    store.append(&mut called("acme", "ann"), 3).unwrap();
    store.close(4).unwrap();
    let mut files = shaky.clone();
    let after = names(&mut files).of(None, "ann");
    assert!(after.len() == 1 && after[0] != before);
    assert_eq!(callers(&mut files).iter().filter(|caller| **caller == before).count(), 1, "its record stays");
}
