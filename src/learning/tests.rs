//! What the way to the thread promises; what the thread does is held over the wire (`tests/learning.rs`).

use http::HeaderMap;
use http::HeaderValue;
use http::header;

use super::*;
use crate::ids::DecisionId;
use crate::request::Body;
use crate::request::Learner as _;
use crate::request::Watch;

fn settings(percent: u64) -> Settings {
    Settings { percent, routes: Vec::new(), body_bytes: 64, file: None }
}

fn end(settings: Settings, room: usize) -> (watching::End, Receiver<Message>, Metrics) {
    let metrics = Metrics::new("1").unwrap();
    let dropped = metrics.learning().unwrap().dropped;
    let (queue, ended) = sync_channel(room);
    let budget = Arc::new(Budget::default());
    (watching::End { queue, settings: Arc::new(settings), budget, dropped }, ended, metrics)
}

fn id(n: u8) -> DecisionId {
    DecisionId::new(1_795_270_000_123, [n; 10])
}

fn watch(end: &watching::End) -> Box<dyn Watch> {
    let mut watch = end.watch(id(1), "r").unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    watch.head(Body::Response, &headers);
    watch
}

#[test]
fn a_full_queue_drops_and_counts_and_nobody_waits() {
    let (end, ended, metrics) = end(settings(100), 2);
    for _ in 0..5 {
        let mut watch = watch(&end);
        watch.piece(Body::Response, b"{}");
        watch.end(true);
    }
    assert!(metrics.text().contains("palisade_learning_dropped_total 3\n"), "{}", metrics.text());
    assert_eq!(end.budget.taken(), 4);
    assert_eq!(ended.try_iter().count(), 2);
    assert_eq!(end.budget.taken(), 0);
    // The thread is gone: that is counted as well, and nothing else happens.
    drop(ended);
    let mut watch = watch(&end);
    watch.piece(Body::Response, b"{}");
    watch.end(true);
    assert!(metrics.text().contains("palisade_learning_dropped_total 4\n"));
}

#[test]
fn copies_are_bounded_each_and_together() {
    let (end, ended, metrics) = end(settings(100), 10);
    let mut long = watch(&end);
    long.piece(Body::Response, &[b' '; 60]);
    long.piece(Body::Response, &[b' '; 60]);
    assert_eq!(end.budget.taken(), 64);
    long.end(true);
    let Ok(Message::Ended(bodies)) = ended.try_recv() else { panic!("it was handed on") };
    let (_, body) = bodies.bodies().next().unwrap();
    assert!(body.is_cut && body.bytes().len() == 64);
    drop(bodies);
    let (end, ended, _) =
        self::end(Settings { body_bytes: limits::LEARNING_HELD_BYTES_MAX, ..settings(100) }, 10);
    let (mut one, mut other) = (watch(&end), watch(&end));
    one.piece(Body::Response, &vec![b' '; limits::LEARNING_HELD_BYTES_MAX - 5]);
    other.piece(Body::Response, b"      ");
    assert_eq!(end.budget.taken(), limits::LEARNING_HELD_BYTES_MAX - 5);
    other.end(true);
    assert_eq!(ended.try_iter().count(), 0, "there was no room for it");
    drop(one);
    assert_eq!(end.budget.taken(), 0);
    assert!(metrics.text().contains("palisade_learning_dropped_total 0\n"));
}

#[test]
fn what_cannot_be_read_is_not_copied_and_what_was_not_there_is_not_handed_on() {
    let (end, ended, _) = end(settings(100), 10);
    let mut image = end.watch(id(1), "r").unwrap();
    image.head(Body::Response, &HeaderMap::new());
    image.piece(Body::Response, b"x");
    assert_eq!(end.budget.taken(), 0);
    image.end(true);
    watch(&end).end(true);
    assert_eq!(ended.try_iter().count(), 1);
}

#[test]
fn a_share_of_the_requests_of_the_chosen_routes_is_looked_at() {
    let chosen = Settings { routes: vec!["r".into()], ..settings(30) };
    let (end, _ended, _) = end(chosen, 1);
    let taken = (0..=255).filter(|n| end.watch(id(*n), "r").is_some()).count();
    assert!((50..110).contains(&taken), "{taken}");
    assert!(end.watch(id(1), "other").is_none());
}

#[test]
fn what_was_saved_is_gone_on_from_and_a_file_that_is_none_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("learned.json");
    let metrics = Metrics::new("1").unwrap();
    let learned_of = |bodies: u64| {
        let learning =
            Learning::start(Settings { file: Some(file.clone()), ..settings(100) }, &metrics).unwrap();
        let end = learning.end();
        for n in 0..bodies {
            let mut watch = end.watch(id(u8::try_from(n).unwrap()), "r").unwrap();
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            watch.head(Body::Response, &headers);
            watch.piece(Body::Response, br#"{"mail":"ann@example.org"}"#);
            watch.end(true);
        }
        learning.close();
        Learned::parse(&learning.told()).unwrap()
    };
    assert_eq!(learned_of(3).bodies(), 3);
    assert_eq!(learned_of(1).bodies(), 4);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("\"mail\"") && !text.contains("ann"), "{text}");
    std::fs::write(&file, "no such thing").unwrap();
    assert_eq!(learned_of(1).bodies(), 1);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "no such thing");
}
