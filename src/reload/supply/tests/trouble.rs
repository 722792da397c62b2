//! What goes wrong around a bundle: its source, the folder that it is kept in, the thread that asks.

use super::*;

#[test]
fn a_pipe_where_a_kept_file_or_a_key_should_be_holds_nobody_up() {
    let stand = Stand::new();
    stand.publish(7, PERMIT);
    assert_eq!(stand.take(&stand.supply()), Ok(7));
    let pipe = |name: &str| {
        drop(fs::remove_file(stand.path(name)));
        let mode = 0o600.into();
        rustix::fs::mknodat(rustix::fs::CWD, stand.path(name), rustix::fs::FileType::Fifo, mode, 0).unwrap();
    };
    pipe("kept/bundle.tar.gz");
    let supply = stand.supply();
    assert!(supply.last_good().is_none());
    pipe("k.pub");
    assert_eq!(stand.take(&supply), Err("bundle-key"));
    pipe("b.tar.gz");
    supply.ask();
    assert_eq!(supply.told().unreachable.as_deref(), Some("it cannot be read: it is not a file"));
}

#[test]
fn a_query_in_the_sources_url_is_shown_nowhere() {
    let stand = Stand::new();
    let text = "upstream: {address: '127.0.0.1:9000'}\n\
                bundle: {source: 'http://127.0.0.1:1/b?sig=s3cret', name: n, public_keys: [k.pub], keep: kept, plain_http: true}\n";
    let path = stand.path("palisade.yaml");
    let (config, warnings) = Config::read(&path.to_string_lossy(), text, &[], &|_| None).unwrap();
    let supply = Supply::open(&config.files.bundle.unwrap());
    supply.ask();
    let told = supply.told();
    assert_eq!(told.source, "http://127.0.0.1:1/b");
    let all = format!("{:?} {warnings:?} {told:?} {:?}", supply.offer().problems, told.lines());
    assert!(told.unreachable.is_some() && !all.contains("s3cret"), "{all}");
    let bad = text.replace("http://", "http://u:s3cret@");
    let problems = Config::read(&path.to_string_lossy(), &bad, &[], &|_| None).unwrap_err();
    assert!(!problems.is_empty() && !format!("{problems:?}").contains("s3cret"), "{problems:?}");
}

#[test]
fn going_live_waits_for_no_disk() {
    let stand = Stand::new();
    stand.publish(7, PERMIT);
    let config = stand.config();
    let (reading, checked) = first(&config.files, &config.settings);
    let live = Live::new(checked.unwrap());
    let (tell, told) = std::sync::mpsc::channel();
    let (seen, accepted) = (Arc::clone(&live), stand.path("kept/accepted.json"));
    let on_change = move |change: &Change| {
        if let Change::Applied { .. } = change {
            tell.send((seen.current().generation(), fs::read_to_string(&accepted).unwrap())).unwrap();
        }
    };
    let (files, settings) = (config.files.clone(), Arc::clone(&config.settings));
    let slow = Duration::from_secs(3_600);
    let _reloader = Reloader::start(files, settings, Arc::clone(&live), &reading, slow, on_change).unwrap();
    stand.publish(8, &PERMIT.replace("\"p\"", "\"q\""));
    let (generation, kept) = told.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(generation == 2 && kept.contains("\"version\": 7"), "{generation} {kept}");
    let kept = || fs::read_to_string(stand.path("kept/accepted.json")).unwrap();
    wait("the keeping", || kept().contains("\"version\": 8"));
}

#[test]
fn where_what_was_taken_cannot_be_read_nothing_new_is_taken_until_somebody_has_looked() {
    let stand = Stand::new();
    stand.publish(8, PERMIT);
    assert_eq!(stand.take(&stand.supply()), Ok(8));
    let accepted = stand.path("kept/accepted.json");
    fs::write(&accepted, "{").unwrap();
    // The kept one is proven, and serves; neither an older nor a newer one is taken.
    let supply = stand.supply();
    stand.publish(7, PERMIT);
    assert_eq!(stand.take(&supply), Err("bundle-keep"));
    stand.publish(9, PERMIT);
    assert_eq!(stand.take(&supply), Err("bundle-keep"));
    let good = supply.last_good().unwrap().bundle.unwrap();
    assert_eq!((supply.accept(&good), good.header().version), (Ok(()), 8));
    let lines = supply.told().lines();
    assert!(
        lines.iter().any(|(good, line)| !good && line.contains("taken before is not known")),
        "{lines:?}"
    );
    let config = stand.config();
    let warnings = first(&config.files, &config.settings).1.unwrap().warnings().to_vec();
    assert!(
        warnings.iter().any(|w| w.message.ends_with("`n@8`, which is kept, is used instead")),
        "{warnings:?}"
    );
    // What may be mended is not written over.
    supply.keep_now();
    assert_eq!(fs::read_to_string(&accepted).unwrap(), "{");
    // Where the kept one is bad too, there is none.
    let kept = fs::read(stand.path("kept/bundle.tar.gz")).unwrap();
    fs::write(stand.path("kept/bundle.tar.gz"), "nonsense").unwrap();
    assert_eq!(stand.take(&stand.supply()), Err("bundle-keep"));
    assert!(stand.supply().last_good().is_none());
    fs::write(stand.path("kept/bundle.tar.gz"), kept).unwrap();
    // Removed, it is what is live that nothing goes below.
    fs::remove_file(&accepted).unwrap();
    stand.publish(7, PERMIT);
    assert_eq!(stand.take(&supply), Err("bundle-rollback"));
    assert!(fs::read_to_string(&accepted).unwrap().contains("\"version\": 8"));
    stand.publish(9, PERMIT);
    assert_eq!(stand.take(&supply), Ok(9));
    // Mended, it says what it said.
    let mended = fs::read(&accepted).unwrap();
    fs::write(&accepted, "").unwrap();
    let supply = stand.supply();
    stand.publish(10, PERMIT);
    assert_eq!(stand.take(&supply), Err("bundle-keep"));
    fs::write(&accepted, mended).unwrap();
    assert_eq!(stand.take(&supply), Ok(10));
}

#[test]
fn a_thread_that_dies_is_told_of_and_its_last_answer_no_longer_looks_well() {
    let stand = Stand::new();
    stand.publish(7, PERMIT);
    let mut bundle = Bundle::clone(&stand.config().files.bundle.unwrap());
    // No pause is as long as this and a little longer: the thread panics.
    bundle.poll = Duration::MAX;
    let supply = Arc::new(Supply::open(&Arc::new(bundle)));
    assert_eq!(stand.take(&supply), Ok(7));
    let well = |line: &(bool, String)| line.0 && line.1.starts_with("bundle source answered");
    assert!(supply.told().lines().iter().any(well));
    let asking = Arc::clone(&supply);
    let thread = std::thread::spawn(move || {
        let (_ask, told) = sync_channel(1);
        let (wake, _woken) = sync_channel(1);
        asking.run(&told, &wake);
    });
    assert!(thread.join().is_err());
    let lines = supply.told().lines();
    assert!(supply.told().is_dead && !lines.iter().any(well), "{lines:?}");
    assert!(lines.iter().any(|(good, line)| !good && line.contains("is no longer asked")), "{lines:?}");
}
