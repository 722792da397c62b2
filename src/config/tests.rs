//! What the config promises.

use super::*;
use crate::problem::Severity;

const SMALL: &str = "upstream: {address: '127.0.0.1:9000'}\npolicies: {directory: policies}\nmodel: {tenants: tenants.yaml}\n";

fn read(text: &str) -> Result<(Config, Vec<Problem>), Vec<Problem>> {
    Config::read("etc/palisade.yaml", text, &[], &|_| None)
}

fn errors(read: Result<(Config, Vec<Problem>), Vec<Problem>>) -> Vec<Problem> {
    read.unwrap_err().into_iter().filter(|p| p.severity == Severity::Error).collect()
}

fn codes(problems: &[Problem]) -> Vec<(&str, u32, u32)> {
    problems.iter().map(|p| (p.code, p.place.line, p.place.column)).collect()
}

#[test]
fn a_small_config_gets_every_default_and_paths_are_relative_to_it() {
    let (config, warnings) = read(SMALL).unwrap();
    assert_eq!(config.listen.data[0].to_string(), "127.0.0.1:8080");
    assert_eq!(config.files.policies, Some(PathBuf::from("etc/policies")));
    assert_eq!(config.limits.head_bytes, 32 << 10);
    assert!(config.decision_log.stdout);
    assert_eq!(warnings.iter().map(|w| w.code).collect::<Vec<_>>(), ["nobody", "no-routes"]);
}

#[test]
fn learning_is_off_unless_it_is_asked_for_and_bounded_where_it_is() {
    let (config, _) = read(SMALL).unwrap();
    assert_eq!((config.learning.percent, config.learning.body_bytes), (0, 256 << 10));
    let asked = |learning: &str| read(&format!("{SMALL}learning: {learning}\n"));
    let (config, _) = asked("{percent: 5, routes: [a], body_bytes: 1MiB, file: learned.json}").unwrap();
    assert_eq!((config.learning.percent, config.learning.body_bytes), (5, 1 << 20));
    assert_eq!(config.learning.file, Some(PathBuf::from("etc/learned.json")));
    assert_eq!(codes(&errors(asked("{body_bytes: 9MiB}"))), [("bad-value", 4, 24)]);
    assert_eq!(errors(asked("{percent: 101}")).len(), 1);
}

#[test]
fn a_websocket_lasts_no_longer_than_a_day_whatever_is_asked_for() {
    let (config, _) = read(SMALL).unwrap();
    assert_eq!(
        (config.timeouts.websocket_idle.as_secs(), config.timeouts.websocket_total.as_secs()),
        (300, 7_200)
    );
    let asked = |timeouts: &str| read(&format!("{SMALL}timeouts: {timeouts}\n"));
    assert!(asked("{websocket_idle: 24h, websocket_total: 24h}").is_ok());
    for timeouts in ["{websocket_idle: 25h}", "{websocket_total: 86401s}", "{websocket_total: 0s}"] {
        assert_eq!(codes(&errors(asked(timeouts))).len(), 1, "{timeouts}");
    }
}

fn upstream(text: &str, more: &str) -> Result<(Config, Vec<Problem>), Vec<Problem>> {
    read(&format!(
        "upstream: {{{text}}}\npolicies: {{directory: policies}}\nmodel: {{tenants: t.yaml}}\n{more}"
    ))
}

#[test]
fn a_place_where_the_app_runs_takes_over_what_it_does_not_say() {
    let (config, _) = upstream(
        "endpoints: ['a:1', '[::1]:2', 'unix:s/app.sock'], connect_timeout: 3s, eject: {failures: 9, base: 1s}",
        "upstreams: {us: {address: 'b:1', idle_max: 7}, eu: {address: 'c:1', connect_timeout: 4s, eject: {base: 2s}}}\n",
    )
    .unwrap();
    let [default, eu, us] = &config.upstream.all[..] else { panic!("{:?}", config.upstream.all) };
    let names = [default, eu, us].map(|way| &*way.name);
    assert_eq!(names, ["default", "eu", "us"]);
    assert_eq!(config.settings.upstreams.as_deref().unwrap().len(), 3);
    assert_eq!(
        default.endpoints,
        [
            Address::Host("a".into(), 1),
            Address::Host("::1".into(), 2),
            Address::Unix(PathBuf::from("etc/s/app.sock"))
        ]
    );
    let seconds = [default, eu, us].map(|way| way.connect_timeout.as_secs());
    assert_eq!(seconds, [3, 4, 3]);
    let eject = [default, eu, us].map(|way| (way.eject.failures, way.eject.base.as_secs()));
    assert_eq!(eject, [(9, 1), (9, 2), (9, 1)]);
    assert_eq!((us.idle_max, eu.idle_max), (7, crate::limits::UPSTREAM_IDLE_MAX));
}

#[test]
fn tls_is_taken_over_too_and_never_without_a_name() {
    let tls =
        "address: 'a:1', tls: {ca_file: ca.pem, client_certificate_file: c.pem, client_key_file: k.pem}";
    let (config, _) =
        upstream(tls, "upstreams: {eu: {address: 'b:1'}, us: {address: 'c:1', tls: {ca_file: us.pem}}}\n")
            .unwrap();
    let files: Vec<_> = config.upstream.all.iter().map(|way| way.tls.clone().unwrap().ca_file).collect();
    assert_eq!(files, ["etc/ca.pem", "etc/ca.pem", "etc/us.pem"].map(PathBuf::from));
    assert!(config.upstream.all[2].tls.as_ref().unwrap().client.is_none());
    let wrong = [
        ("address: 'a:1', tls: {}", "missing-key"),
        ("address: 'a:1', tls: {ca_file: x, client_key_file: k}", "missing-key"),
        ("address: 'a:1', tls: {ca_file: x, server_name: 'a b'}", "bad-value"),
        ("address: 'unix:/x', tls: {ca_file: x}", "missing-key"),
        ("address: 'a:1', tls: {ca_file: x, verify: false}", "unknown-key"),
    ];
    for (text, code) in wrong {
        let problems = errors(upstream(text, ""));
        assert_eq!(problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), [code], "{text}");
    }
}

#[test]
fn a_wrong_place_is_a_problem_where_it_stands() {
    let wrong = [
        ("address: 'a:1', endpoints: ['b:1']", "", [("bad-value", 1, 21)]),
        ("endpoints: ['a:1', 'a:1']", "", [("same-address", 1, 31)]),
        ("endpoints: ['a:1', 'unix:']", "", [("bad-value", 1, 31)]),
        ("endpoints: ['127.0.0.1:8080']", "", [("same-address", 1, 24)]),
        ("address: 'a:1', eject: {base: 9s, most: 8s}", "", [("bad-value", 1, 35)]),
        ("address: 'a:1'", "upstreams: {EU: {address: 'b:1'}}\n", [("bad-value", 4, 17)]),
        ("address: 'a:1'", "upstreams: {default: {address: 'b:1'}}\n", [("bad-value", 4, 22)]),
        ("address: 'a:1'", "upstreams: {eu: {}}\n", [("missing-key", 4, 17)]),
        ("address: 'a:1'", "upstreams: {eu: {adress: 'b:1', address: 'b:1'}}\n", [("unknown-key", 4, 18)]),
        (
            "address: 'a:1'",
            "upstreams: {eu: {address: 'b:1', forward_credential: true}}\n",
            [("bad-value", 4, 17)],
        ),
    ];
    for (text, more, expected) in wrong {
        assert_eq!(codes(&errors(upstream(text, more))), expected, "{text} {more}");
    }
}

#[test]
fn every_problem_is_reported_at_once_with_its_place() {
    let text = "\
listn: {}
listen:
  data: 8080
  h2c: maybe
upstream:
  address: nowhere
  connect_timeout: 5
timeouts: [1]
limits: {head_bytes: 9KiB, headers: 0, target_bytes: 2kb}
model: {tenants: t.yaml, unknown_route: refse}
identity:
  issuers:
    - {issuer: a, audiences: [x], jwks_file: k.json, algorithms: [HS256, ES265]}
    - {issuer: a, skew: 5m, tenants: ACME}
decision_log: {stdout: false}
";
    let problems = read(text).unwrap_err();
    let expected = [
        ("missing-key", 0, 0), // policies.directory
        ("unknown-key", 1, 1),
        ("bad-value", 3, 9),
        ("wrong-type", 4, 8),
        ("bad-value", 6, 12),
        ("bad-value", 7, 20),
        ("wrong-type", 8, 11),
        ("wrong-type", 9, 37),
        ("bad-value", 9, 54), // not a size
        ("unknown-value", 10, 41),
        ("bad-value", 13, 67),
        ("bad-value", 13, 74),
        ("missing-key", 14, 7),
        ("missing-key", 14, 7),
        ("duplicate-issuer", 14, 16),
        ("bad-value", 14, 25),
        ("bad-value", 14, 38),
        ("no-record", 15, 24),
    ];
    let errors: Vec<_> = problems.iter().filter(|p| p.severity == Severity::Error).cloned().collect();
    assert_eq!(codes(&errors), expected, "{problems:#?}");
    let hint = |code| problems.iter().find(|p| p.code == code).and_then(|p| p.hint.as_deref());
    assert_eq!(hint("unknown-key"), Some("did you mean `listen`?"));
    assert_eq!(hint("unknown-value"), Some("did you mean `refuse`?"));
}

#[test]
fn each_problem_of_a_place_that_the_log_is_sent_to_is_named() {
    let places = |text: &str| {
        let text = format!("{SMALL}decision_log: {{dir: log, ship: [{text}]}}\n");
        read(&text).map(|(config, _)| config.decision_log.ship).map_err(|problems| {
            let errors = problems.into_iter().filter(|problem| problem.severity == Severity::Error);
            errors.map(|problem| problem.message.to_string()).collect::<Vec<_>>()
        })
    };
    let http = "kind: http, url: 'https://x.example/in'";
    let [one] = &places(&format!("{{name: siem, {http}, format: ocsf}}")).unwrap()[..] else { panic!("one") };
    assert!(matches!(&one.to, crate::ship::To::Http { format: crate::ship::Format::Ocsf, .. }));
    let [one] = &places("{name: ch, kind: clickhouse, url: 'https://x.example'}").unwrap()[..] else {
        panic!("one")
    };
    let crate::ship::To::ClickHouse { url } = &one.to else { panic!("clickhouse") };
    let query = "query=INSERT%20INTO%20palisade.decisions%20FORMAT%20JSONEachRow&async_insert=1&wait_for_async_insert=1";
    assert_eq!(url.query(), Some(query));
    for (text, message) in [
        ("{kind: http, url: 'https://x.example/'}", "`decision_log.ship.0.name` is required"),
        ("{name: a}", "`decision_log.ship.0.kind` is required"),
        ("{name: a, kind: smtp}", "`smtp` is not a kind of place"),
        ("{name: A, kind: s3, bucket: b}", "`A` is not a name"),
        ("{name: a, kind: http}", "`decision_log.ship.0.url` is required"),
        ("{name: a, kind: http, url: 'http://x.example/'}", "the decision log is sent without TLS"),
        ("{name: a, kind: otlp, url: 'https://x.example', format: ocsf}", "`ocsf` is not for this kind"),
        ("{name: a, kind: clickhouse, url: 'https://x.example', table: 'a;b'}", "`a;b` is not a table"),
        ("{name: a, kind: kafka, brokers: [a], topic: t}", "`` is not a list of brokers"),
        (
            "{name: a, kind: kafka, brokers: ['a:1'], topic: t, username: u}",
            "`u` is not a user with a password",
        ),
        ("{name: a, kind: s3}", "`decision_log.ship.0.bucket` is required"),
        ("{name: a, kind: s3, bucket: b, batch: 0}", "`0` is not a number of records"),
        (&format!("{{name: a, {http}}}, {{name: a, {http}}}"), "there are two places named `a`"),
    ] {
        assert_eq!(places(text).unwrap_err(), [message], "{text}");
    }
}

#[test]
fn every_key_can_be_set_over_the_file_and_a_wrong_one_is_named() {
    let set = |sets: &[&str]| {
        let sets: Vec<String> = sets.iter().map(|s| (*s).to_owned()).collect();
        Config::read("palisade.yaml", SMALL, &sets, &|_| None)
    };
    let (config, _) =
        set(&["timeouts.head=3s", "listen.data=[127.0.0.1:1, 127.0.0.1:2]", "workers=3"]).unwrap();
    assert_eq!(config.timeouts.head, Duration::from_secs(3));
    assert_eq!(config.listen.data.len(), 2);
    assert_eq!(config.workers.map(NonZeroUsize::get), Some(3));
    for wrong in [
        "timeouts",
        "timeouts.haed=3s",
        "a..b=1",
        "=1",
        "timeouts.head.x=1",
        "workers=0",
        "timeouts=[",
        "upstream.address=",
    ] {
        let problems = set(&[wrong]).unwrap_err();
        assert!(
            problems[0].place.file.starts_with("--set ") || wrong.ends_with('='),
            "{wrong}: {problems:?}"
        );
    }
}

#[test]
fn variables_are_put_in_and_never_shown() {
    let text =
        format!("{SMALL}timeouts: {{head: '${{SECRET}}', total: '${{TOTAL:90s}}'}}\nworkers: ${{N}}\n");
    let read = |secret: &'static str| {
        Config::read("p.yaml", &text, &[], &move |name| match name {
            "SECRET" => Some(secret.to_owned()),
            "N" => Some("2".to_owned()),
            _ => None,
        })
    };
    let (config, _) = read("7s").unwrap();
    assert_eq!((config.timeouts.head.as_secs(), config.timeouts.total.as_secs()), (7, 90));
    assert_eq!(config.workers.map(NonZeroUsize::get), Some(2));
    let problems = errors(read("hunter2"));
    assert!(!format!("{problems:?}").contains("hunter2"), "{problems:?}");
    assert!(problems[0].message.contains("${SECRET}"));
}

#[test]
fn a_listener_is_never_its_own_upstream_or_another_listener() {
    for lines in ["listen: {data: '127.0.0.1:9000'}", "listen: {admin: '127.0.0.1:8080'}"] {
        let problems = errors(read(&format!("{SMALL}{lines}\n")));
        assert_eq!(problems[0].code, "same-address");
    }
}

#[test]
fn hosts_and_ports() {
    for (text, good) in [
        ("app:80", true),
        ("[::1]:80", true),
        ("::1:80", false),
        ("app", false),
        ("app:0", false),
        (":80", false),
        ("a/b:80", false),
        ("[app]:80", false),
        ("u@a:80", false),
    ] {
        let text = SMALL.replace("127.0.0.1:9000", text);
        assert_eq!(read(&text).is_ok(), good, "{text}");
    }
}

#[test]
fn an_empty_file_and_a_file_of_another_kind_are_problems_and_no_panic() {
    for text in [
        "",
        "[]",
        "x",
        "a: *b",
        "\u{feff}",
        "{",
        "- a\n- b",
        "? [a]\n: b",
        "upstream:\n\taddress: x",
        "!!map {}",
        "\0",
    ] {
        assert!(read(text).is_err(), "{text:?}");
    }
}

#[test]
fn the_schema_in_the_repository_is_the_one_of_this_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/config.schema.json");
    let now = Config::schema_json();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &now).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(path).unwrap_or_default(),
        now,
        "run with UPDATE_GOLDEN=1 and look at the difference"
    );
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_config_panic(text in "[a-z:{}\\[\\]&*!|>'\"#?%@` \n\t-]{0,200}") {
        let read = read(&text);
        proptest::prop_assert!(read.is_err());
    }
}

#[test]
fn an_issuers_keys_are_in_a_file_at_a_url_or_discovered_and_exactly_one_of_these() {
    let read = |keys: &str| {
        let text = format!(
            "upstream: {{address: '127.0.0.1:9000'}}\npolicies: {{directory: p}}\nmodel: {{tenants: t}}\n\
             identity: {{issuers: [{{issuer: 'https://id.example/a/', audiences: [x], {keys}}}]}}\n"
        );
        Config::read("palisade.yaml", &text, &[], &|_| None)
    };
    let fetched = |keys: &str| {
        let (config, _) = read(keys).unwrap();
        (config.files.jwks.len(), config.files.fetched_keys.first().map(|keys| keys.place.clone()))
    };
    let url = |text: &str| text.parse().unwrap();
    assert_eq!(fetched("jwks_file: k"), (1, None));
    let keys = "jwks_url: 'https://id.example/k?v=1'";
    assert_eq!(fetched(keys), (0, Some(KeyPlace::Url(url("https://id.example/k?v=1")))));
    let at = "https://id.example/a/.well-known/openid-configuration";
    assert_eq!(fetched("discovery: true"), (0, Some(KeyPlace::Discovery(url(at)))));
    let (config, _) = read(keys).unwrap();
    assert_eq!(&*config.files.fetched_keys[0].shown, "https://id.example/k");
    assert!(config.settings.issuers[0].fetched.is_some());
    for (keys, code) in [
        ("jwks_url: ''", "missing-key"),
        ("discovery: false", "missing-key"),
        ("jwks_file: k, discovery: true", "missing-key"),
        ("jwks_url: 'https://a.example/', jwks_file: k", "missing-key"),
        ("jwks_url: 'http://a.example/'", "plain-http"),
        ("jwks_url: 'https://user:pw@a.example/'", "bad-value"),
        ("jwks_url: k.json", "bad-value"),
        ("jwks_file: k, jwks_refresh: 1m", "two-sources"),
        ("discovery: true, jwks_cool_down: 500ms", "bad-value"),
        ("discovery: true, jwks_refresh: 1m, jwks_cool_down: 2m", "bad-value"),
        ("discovery: true, jwks_max_stale: 6m", "bad-value"),
        ("discovery: true, jwks_max_stale: 8d", "bad-value"),
    ] {
        let mut problems = read(keys).unwrap_err();
        problems.retain(|problem| problem.severity == Severity::Error);
        assert_eq!(problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), [code], "{keys}");
        assert!(!format!("{problems:?}").contains("pw@"));
    }
}
