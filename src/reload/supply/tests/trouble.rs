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
