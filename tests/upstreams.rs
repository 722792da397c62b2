//! Several places where the app runs, and several endpoints of each: who is sent where, and what becomes of those that fail.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use common::Client;
use common::Folder;
use common::Sidecar;
use common::Upstream;
use common::faults::Fault;
use common::faults::Faults;
use common::faults::Way;
use common::faults::What;
use common::key;

/// A folder whose config has these lines of `upstream` (without braces) and these further ones.
fn folder(upstream: &str, more: &str) -> Folder {
    let folder = Folder::new(SocketAddr::from(([127, 0, 0, 1], 1)));
    let config = folder.read("palisade.yaml").replace("workers: 2", "workers: 1");
    let config = config.replace("address: 127.0.0.1:1", upstream);
    folder.write("palisade.yaml", &(config + more));
    folder
}

fn get(sidecar: &Sidecar, who: &str) -> common::Answer {
    sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", key(who)))
}

/// Asks until it is so; the answer to a question that must come true.
fn until<T>(what: &str, ask: impl Fn() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn metric(sidecar: &Sidecar, line: &str) -> Option<String> {
    let text = sidecar.admin("/metrics").text();
    text.lines().find_map(|known| Some(known.strip_prefix(line)?.trim().to_owned()))
}

/// An address that nobody listens at: it was somebody's a moment ago.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

const SHARDED: &str = "
tenants:
  acme: {upstream: eu, tenants: {west: {tenants: {sf1: {}}}, east: {upstream: us, tenants: {e1: {upstream: default}}}}}
  globex: {data_key: '7.', tenants: {north: {upstream: us}}}
";

#[test]
fn a_tenants_requests_reach_its_own_place_and_no_other() {
    let apps: Vec<Upstream> = (0..3).map(|_| Upstream::json("{}")).collect();
    let folder = folder(
        &format!("address: '{}'", apps[0].address),
        &format!(
            "upstreams: {{eu: {{address: '{}'}}, us: {{address: '{}'}}}}\n",
            apps[1].address, apps[2].address
        ),
    );
    folder.write("tenants.yaml", SHARDED);
    let callers: [(&str, &str, usize); 7] = [
        ("a", "acme", 1),
        ("w", "acme/west", 1),
        ("s", "acme/west/sf1", 1),
        ("e", "acme/east", 2),
        ("e1", "acme/east/e1", 0),
        ("g", "globex", 0),
        ("n", "globex/north", 2),
    ];
    let roles: &[&str] = &["clinician"];
    folder.keys(&callers.map(|(id, tenant, _)| (id, tenant, roles)));
    let sidecar = Sidecar::start(&folder);
    let mut client = Client::connect(sidecar.data);
    let seen = |apps: &[Upstream]| apps.iter().map(|app| app.heads().len()).collect::<Vec<_>>();
    // Each after each other one, so that no connection of one could serve another.
    for (first, _, one) in callers {
        for (second, _, other) in callers {
            let mut expected = seen(&apps);
            for (who, at) in [(first, one), (second, other)] {
                let answer = client.ask(&format!("GET /plain HTTP/1.1\r\n{}", key(who)), b"");
                assert_eq!(answer.status, 200, "{who}");
                expected[at] += 1;
            }
            assert_eq!(seen(&apps), expected, "{first}, {second}");
        }
    }
    // The tenant whose data it is says where, and not the one who calls.
    for (path, who, at) in [
        ("/t/acme.east/patients", "a", 2),
        ("/t/acme.west.sf1/patients", "w", 1),
        ("/t/globex.north/patients", "g", 2),
    ] {
        let mut expected = seen(&apps);
        let answer = client.ask(&format!("GET {path} HTTP/1.1\r\n{}", key(who)), b"");
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        expected[at] += 1;
        assert_eq!(seen(&apps), expected, "{path}");
    }
    for (app, named) in
        apps.iter().zip([&["globex", "acme/east/e1"][..], &["acme"], &["acme/east", "globex/north"]])
    {
        for head in app.heads() {
            let tenant = head.lines().find_map(|line| line.strip_prefix("x-palisade-tenant: ")).unwrap();
            assert!(
                named
                    .iter()
                    .any(|name| tenant == *name || (*name == "acme" && tenant.starts_with("acme/west"))),
                "{tenant}"
            );
        }
    }
}

#[test]
fn an_upstream_that_is_not_there_is_a_problem_with_its_place_and_never_goes_live() {
    let app = Upstream::json("{}");
    let folder =
        folder(&format!("address: '{}'", app.address), "upstreams: {eu: {address: '127.0.0.1:2'}}\n");
    let sidecar = Sidecar::start(&folder);
    folder.write("tenants.yaml", "tenants:\n  acme: {tenants: {west: {upstream: ue}}}\n  globex: {}\n");
    let check = Command::new(env!("CARGO_BIN_EXE_palisade"))
        .args(["check", "--config"])
        .arg(folder.path("palisade.yaml"))
        .output()
        .unwrap();
    let said = String::from_utf8(check.stderr).unwrap() + &String::from_utf8(check.stdout).unwrap();
    assert_eq!(check.status.code(), Some(3), "{said}");
    assert!(
        said.contains("there is no upstream `ue`") && said.contains("the configuration has `default`, `eu`"),
        "{said}"
    );
    assert!(said.contains("tenants.yaml:2:37"), "{said}");
    let ready = until("the edit is refused", || {
        let text = sidecar.admin("/readyz?verbose").text();
        text.contains("unknown-upstream").then_some(text)
    });
    assert!(
        ready.contains("[+] upstream default ") && ready.contains("[+] upstream eu 127.0.0.1:2\n"),
        "{ready}"
    );
    assert_eq!(get(&sidecar, "ann").status, 200, "the last good tenants serve");
    folder.write("tenants.yaml", common::TENANTS);
    until("the edit is mended", || {
        sidecar.admin("/readyz?verbose").text().contains("files are what is live").then_some(())
    });
}

#[test]
fn requests_are_spread_over_endpoints_by_how_busy_they_are() {
    // One answers at once, the other holds what it has.
    let held: Arc<Mutex<()>> = Arc::default();
    let (lock, quick) = (Arc::clone(&held), Upstream::json("{}"));
    let slow = Upstream::start(move |_, _| {
        drop(lock.lock().unwrap());
        Some(common::json_answer("{}"))
    });
    let folder = folder(&format!("endpoints: ['{}', '{}']", quick.address, slow.address), "");
    let sidecar = Sidecar::start(&folder);
    let all: usize = 40;
    for _ in 0..all {
        assert_eq!(get(&sidecar, "ann").status, 200);
    }
    let (one, other) = (quick.heads().len(), slow.heads().len());
    assert_eq!(one + other, all);
    assert!(one.min(other) > 5, "both are used: {one}, {other}");
    let guard = held.lock().unwrap();
    std::thread::scope(|scope| {
        // Whoever is sent to the slow one waits; then it is busier than the other, which gets the rest.
        let waiting = scope.spawn(|| {
            let mut statuses = Vec::new();
            for _ in 0..20 {
                let mut client = Client::connect(sidecar.data);
                client
                    .send(format!("GET /plain HTTP/1.1\r\nHost: a\r\n{}\r\n", key("ann")).as_bytes())
                    .unwrap();
                statuses.push(client);
                std::thread::sleep(Duration::from_millis(10));
            }
            statuses
        });
        let mut clients = waiting.join().unwrap();
        until("the quick one has answered all others", || (quick.heads().len() >= one + 19).then_some(()));
        drop(guard);
        for client in &mut clients {
            assert_eq!(client.read_answer(false).unwrap().status, 200);
        }
    });
    assert!(slow.heads().len() <= other + 1, "{} of 20", slow.heads().len() - other);
}

#[test]
fn an_endpoint_that_fails_is_left_alone_and_taken_back_when_it_answers() {
    let good = Upstream::json("{}");
    let app = Upstream::json("{}");
    let broken = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let breaks = Arc::clone(&broken);
    // It takes requests and resets, until it is mended.
    let flaky = Faults::before(app.address, move |_| {
        let is_broken = breaks.load(std::sync::atomic::Ordering::SeqCst);
        is_broken.then_some(Fault { way: Way::Answer, after: 0, what: What::Reset })
    });
    let folder = folder(
        &format!(
            "endpoints: ['{}', '{}'], eject: {{failures: 3, base: 500ms, most: 1s}}",
            good.address, flaky.address
        ),
        "",
    );
    let sidecar = Sidecar::start(&folder);
    let up = format!("palisade_upstream_endpoint_up{{endpoint=\"{}\",upstream=\"default\"}}", flaky.address);
    let ejections = up.replace("endpoint_up", "ejections_total");
    assert_eq!(metric(&sidecar, &up).as_deref(), Some("1"));
    until("it is left alone", || {
        let answer = get(&sidecar, "ann");
        assert!(answer.status == 200 || answer.code() == "unreachable", "{}", answer.text());
        let ejected = metric(&sidecar, &ejections) == Some("1".into());
        ejected.then_some(())
    });
    broken.store(false, std::sync::atomic::Ordering::SeqCst);
    until("it is back", || {
        // Whatever is asked meanwhile, none is asked of it while it is left alone.
        assert_eq!(get(&sidecar, "ann").status, 200);
        let before = app.heads().len();
        (before > 0 && metric(&sidecar, &up).as_deref() == Some("1")).then_some(())
    });
    for _ in 0..30 {
        assert_eq!(get(&sidecar, "ann").status, 200);
    }
    assert!(app.heads().len() > 3 && good.heads().len() > 3);
}

#[test]
fn an_app_may_listen_on_a_unix_socket() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("app.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let heads: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&heads);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let seen = Arc::clone(&seen);
            std::thread::spawn(move || {
                let mut head = Vec::new();
                let mut byte = [0];
                while stream.read(&mut byte).unwrap() > 0 {
                    head.push(byte[0]);
                    if head.ends_with(b"\r\n\r\n") {
                        seen.lock().unwrap().push(String::from_utf8(std::mem::take(&mut head)).unwrap());
                        stream.write_all(&common::json_answer("{\"a\":1}")).unwrap();
                    }
                }
            });
        }
    });
    let folder = folder(&format!("address: 'unix:{}'", path.display()), "");
    let sidecar = Sidecar::start(&folder);
    let mut client = Client::connect(sidecar.data);
    for _ in 0..3 {
        let answer = client.ask(&format!("GET /plain HTTP/1.1\r\n{}", key("ann")), b"");
        assert_eq!((answer.status, answer.text()), (200, "{\"a\":1}".to_owned()));
    }
    let heads = heads.lock().unwrap();
    assert_eq!(heads.len(), 3);
    assert!(heads[0].contains("\r\nhost: localhost\r\n"), "{}", heads[0]);
    let up =
        format!("palisade_upstream_endpoint_up{{endpoint=\"unix:{}\",upstream=\"default\"}}", path.display());
    assert_eq!(metric(&sidecar, &up).as_deref(), Some("1"));
}

#[test]
fn where_nobody_listens_requests_are_refused_and_no_endpoint_is_given_up_for_good() {
    let (one, other) = (nobody(), nobody());
    let folder =
        folder(&format!("endpoints: ['{one}', '{other}'], eject: {{failures: 1, base: 10m, most: 10m}}"), "");
    let sidecar = Sidecar::start(&folder);
    for _ in 0..6 {
        let answer = get(&sidecar, "ann");
        assert_eq!((answer.status, answer.code()), (502, "unreachable".to_owned()));
    }
    // Both are ejected for ten minutes; one comes back, and is found at once, for none is left.
    let listener = TcpListener::bind(one).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = [0; 4096];
            if stream.read(&mut head).is_ok() {
                drop(stream.write_all(&common::json_answer("{}")));
            }
        }
    });
    until("it is found", || (get(&sidecar, "ann").status == 200).then_some(()));
}

#[test]
fn an_endpoint_that_says_it_is_not_well_gets_no_requests_until_it_is() {
    let is_well = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let says = Arc::clone(&is_well);
    let app = Upstream::start(move |head, _| {
        let well =
            says.load(std::sync::atomic::Ordering::SeqCst) || !head.starts_with("GET /healthz?deep=1 ");
        let status = if well { "200 OK" } else { "503 Service Unavailable" };
        Some(
            format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}")
                .into_bytes(),
        )
    });
    let other = Upstream::json("{}");
    let folder = folder(
        &format!(
            "endpoints: ['{}', '{}'], health: {{path: '/healthz?deep=1', every: 50ms, healthy_after: 2, unhealthy_after: 2}}",
            app.address, other.address
        ),
        "",
    );
    let sidecar = Sidecar::start(&folder);
    let asked = |app: &Upstream| app.heads().iter().filter(|head| head.starts_with("GET /plain ")).count();
    let up = format!("palisade_upstream_endpoint_up{{endpoint=\"{}\",upstream=\"default\"}}", app.address);
    until("both are used", || {
        assert_eq!(get(&sidecar, "ann").status, 200);
        (asked(&app) > 3 && asked(&other) > 3).then_some(())
    });
    is_well.store(false, std::sync::atomic::Ordering::SeqCst);
    until("it is seen", || (metric(&sidecar, &up).as_deref() == Some("0")).then_some(()));
    let before = asked(&app);
    for _ in 0..20 {
        assert_eq!(get(&sidecar, "ann").status, 200);
    }
    assert_eq!(asked(&app), before);
    assert!(sidecar.admin("/readyz?verbose").text().contains(": is not well, and gets no requests\n"));
    is_well.store(true, std::sync::atomic::Ordering::SeqCst);
    until("it is used again", || {
        assert_eq!(get(&sidecar, "ann").status, 200);
        (asked(&app) > before).then_some(())
    });
    // The question is of nobody.
    let question = app.heads().into_iter().find(|head| head.starts_with("GET /healthz")).unwrap();
    let lines: Vec<&str> = question.lines().skip(1).filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), 3, "{question}");
    let unwell = up
        .replace("endpoint_up{", "health_checks_total{")
        .replace(",upstream", ",result=\"unwell\",upstream");
    assert!(
        metric(&sidecar, &unwell).is_some_and(|count| count != "0"),
        "{}",
        sidecar.admin("/metrics").text()
    );
}
