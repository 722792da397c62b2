//! A log of many records over many days and tenants, compacted and asked: how large it is, and how long answers take.
//!
//! `cargo bench --features audit --bench records -- FOLDER 10000000` makes the log where there is none yet; what is measured goes to
//! standard output. It is the program's own encoding, segments and archive; only who calls what is by chance.
#![expect(
    clippy::too_many_lines,
    clippy::indexing_slicing,
    reason = "a record has many fields; a benchmark stops at the first surprise"
)]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use palisade::archive;
use palisade::audit::Decision;
use palisade::audit::Outcome;
use palisade::audit::frame;
use palisade::audit::record::Answer;
use palisade::audit::record::Books;
use palisade::audit::record::DecisionLatency;
use palisade::audit::record::Effect;
use palisade::audit::record::Hidden;
use palisade::audit::record::Http;
use palisade::audit::record::OutcomeLatency;
use palisade::audit::record::Principal;
use palisade::audit::record::Reason;
use palisade::audit::record::Redaction;
use palisade::audit::record::TenantSource;
use palisade::audit::trace::Trace;
use palisade::evidence::Folder;
use palisade::ids::Action;
use palisade::ids::DataKey;
use palisade::ids::DecisionId;
use palisade::ids::Digest;
use palisade::ids::TenantPath;
use palisade::query::Books as Asked;
use palisade::query::Bounds;
use palisade::query::By;
use palisade::query::Engine;
use palisade::query::Filter;

type Done<T = ()> = Result<T, Box<dyn std::error::Error>>;

const TENANTS: u64 = 200;
const DAYS: u64 = 30;
const DAY_MS: u64 = 86_400_000;
const BEGIN_MS: u64 = 20_700 * DAY_MS;
const SEGMENT_BYTES: usize = 64 << 20;
const ID: &str = "00112233445566778899aabbccddeeff";

/// Xorshift.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, most: u64) -> u64 {
        (self.next() >> 33) % most
    }

    /// Small numbers often, large ones seldom: one in `n` is of the n-th.
    fn zipf(&mut self, most: u64) -> u64 {
        let share = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        ((most as f64).powf(share) as u64).saturating_sub(1).min(most - 1)
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.next().to_le_bytes()[3])
    }
}

fn main() -> Done {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let [folder, count] = words.as_slice() else { return Err("the folder, and how many records?".into()) };
    let (log, count) = (Path::new(folder), count.parse::<u64>()?);
    let mut out = std::io::stdout().lock();
    if !log.join("log.json").exists() {
        let begun = Instant::now();
        let raw = make(log, count)?;
        let sealed = size(&log.join("segments"))?;
        writeln!(
            out,
            "made {count} records in {:.1?}: {:.1} bytes each raw, {:.1} in sealed segments",
            begun.elapsed(),
            raw as f64 / count as f64,
            sealed as f64 / count as f64
        )?;
    }
    let begun = Instant::now();
    let done = archive::compact(&Folder::open(log)?, &log.join("archive"), &mut |_| {})?;
    writeln!(
        out,
        "compacted {} of {} records in {:.1?}: {} files, {:.1} bytes each",
        done.records,
        done.all_records,
        begun.elapsed(),
        done.files,
        done.bytes as f64 / done.all_records as f64
    )?;
    ask(log, &mut out)?;
    let status = fs::read_to_string("/proc/self/status")?;
    let most = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM: not told");
    writeln!(out, "{most}")?;
    Ok(())
}

fn size(folder: &Path) -> Done<u64> {
    let mut all = 0;
    for entry in fs::read_dir(folder)? {
        all += entry?.metadata()?.len();
    }
    Ok(all)
}

/// Writes the segments; how many bytes they have before they are compressed.
fn make(log: &Path, count: u64) -> Done<u64> {
    fs::create_dir_all(log.join("segments"))?;
    fs::write(
        log.join("log.json"),
        format!(r#"{{"version":1,"log_id":"{ID}","origin":"bench.example/log"}}"#),
    )?;
    let (mut dice, mut seq, mut raw) = (Dice(0x2026_1122), 0, 0);
    let mut frames = Vec::new();
    let mut made = 0;
    while made < count {
        let time_ms = BEGIN_MS + DAYS * DAY_MS * made / count;
        made += one(&mut dice, time_ms, &mut frames)?;
        if frames.len() >= SEGMENT_BYTES || made >= count {
            let first = seq;
            seq += frame::number(&mut frames, seq);
            let head = [&frame::MAGIC[..], &u128::from_str_radix(ID, 16)?.to_be_bytes()].concat();
            raw += (head.len() + frames.len()) as u64;
            let sealed = zstd::stream::encode_all(&*[head, std::mem::take(&mut frames)].concat(), 3)?;
            fs::write(log.join(format!("segments/{first:020}.seg.zst")), sealed)?;
        }
    }
    Ok(raw)
}

/// One request: its decision, and its outcome where it was allowed.
fn one(dice: &mut Dice, time_ms: u64, out: &mut Vec<u8>) -> Done<u64> {
    let tenant = TenantPath::parse(&format!("tenant-{:03}", dice.zipf(TENANTS)))?;
    let crosses = dice.below(60) == 0;
    let caller = if crosses {
        TenantPath::parse(&format!("tenant-{:03}", dice.zipf(TENANTS)))?
    } else {
        tenant.clone()
    };
    let mirror = Some(tenant.as_str()).filter(|_| caller != tenant);
    let books = Books { book: caller.as_str(), mirror };
    let decision_id = DecisionId::new(time_ms, dice.bytes());
    let allowed = dice.below(12) > 0;
    let route = dice.zipf(40);
    let (name, path) = (format!("route-{route}"), format!("/v1/things-{route}/{}", dice.below(2_000_000)));
    let template = format!("/v1/things-{route}/{{id}}");
    let policy = format!("policy-{:03}", dice.zipf(300));
    let reasons =
        [Reason { policy_id: &policy, effect: if allowed { Effect::Permit } else { Effect::Forbid } }];
    let classes = [
        "pii.name",
        "pii.contact.email",
        "pii.contact.phone",
        "pii.ssn",
        "pii.dob",
        "health.note",
        "health.code",
        "pay.card",
        "pay.iban",
        "org.role",
        "geo.place",
        "free.text",
    ];
    let shown = classes.get(..1 + dice.below(4) as usize).unwrap_or_default();
    let hidden: Vec<Hidden<'_>> = classes
        .iter()
        .skip(9)
        .take(dice.below(3) as usize)
        .map(|class| Hidden { class, mask: "drop" })
        .collect();
    let (user, request_id) =
        (format!("user-{}", dice.zipf(1_000)), DecisionId::new(time_ms, dice.bytes()).to_string());
    let (roles, data_key) = (
        [Box::from(["clinician", "desk", "auditor"][dice.below(3) as usize])],
        DataKey::parse(tenant.as_str())?,
    );
    let sources = [TenantSource { source: "claim", tenant: caller.as_str() }];
    let frames = usize::from(mirror.is_some()) + 1;
    Decision {
        books,
        decision_id,
        time_ms,
        answer: if allowed { Answer::Allow } else { Answer::Deny { code: "forbidden", detail: None } },
        request_id: Some(request_id.as_bytes()),
        purpose: None,
        limited_by: None,
        trace: &Trace::continue_from(None, dice.bytes(), true),
        tenant: Some(&tenant),
        data_key: Some(&data_key),
        tenant_sources: &sources,
        principal: Some(Principal {
            kind: "User",
            id: &user,
            tenant: Some(&caller),
            auth_method: "jwt",
            issuer: Some("https://id.example.com"),
            roles: &roles,
            groups: &[],
            scopes: &[],
            actors: &[],
        }),
        action: Some(if route.is_multiple_of(3) { Action::List } else { Action::Read }),
        resource: Some(&name),
        http: Http {
            method: "GET",
            host: b"api.example.com",
            path: path.as_bytes(),
            route: Some(&template),
            status: (!allowed).then_some(403),
        },
        source_ip: Some(std::net::IpAddr::from([10, 1, dice.below(8) as u8, dice.below(250) as u8])),
        snapshot: Digest::of(&(time_ms / DAY_MS).to_le_bytes()),
        generation: 1 + time_ms / DAY_MS % 30,
        now_ms: time_ms - time_ms % 100,
        latency: DecisionLatency { identify_us: 8 + dice.below(20), authorize_us: 12 + dice.below(60) },
        reasons: &reasons,
        errors: &[],
        pathway: mirror.map(|_| "partners"),
        revealed: shown,
        hidden: &hidden,
        settable: &[],
        unsettable: &[],
    }
    .encode(out);
    if !allowed {
        return Ok(frames as u64);
    }
    let redactions: Vec<Redaction<'_>> = hidden
        .iter()
        .map(|hidden| Redaction {
            body: "response",
            class: hidden.class,
            mask: hidden.mask,
            count: 1 + dice.below(9),
        })
        .collect();
    let total_us = 900 + dice.zipf(90_000);
    Outcome {
        books,
        decision_id,
        time_ms: time_ms + total_us / 1_000,
        status: Some(200),
        request_bytes: 0,
        response_bytes: 300 + dice.below(6_000),
        ended: "complete",
        foreign_rows: 0,
        messages: None,
        redactions: &redactions,
        latency: OutcomeLatency { upstream_us: total_us - 100, redact_us: 20 + dice.below(70), total_us },
    }
    .encode(out);
    Ok(2 * frames as u64)
}

/// Asks each question thrice of an engine that stays open; the fastest counts.
fn ask(log: &Path, out: &mut impl std::io::Write) -> Done {
    let archive = log.join("archive");
    let bounds = Bounds { rows: 1_000_000, ..Bounds::default() };
    let one = Asked::These(["tenant-007".to_owned()].into());
    let engine = |books: &Asked| Engine::open(log, &archive, books.clone(), bounds);
    let begun = Instant::now();
    let (all, tenant) = (engine(&Asked::All)?, engine(&one)?);
    writeln!(out, "opened twice in {:.1?}", begun.elapsed())?;
    let sample = tenant.sql("SELECT request_id, principal FROM decisions WHERE type = 'decision' LIMIT 1")?;
    let named = String::from_utf8(palisade::query::json_lines(&sample)?)?;
    let named: serde_json::Value = serde_json::from_str(named.trim())?;
    let text = |name: &str| named[name].as_str().map(str::to_owned);
    let filter = Filter::default;
    let deny = || Filter { decision: Some("deny"), ..filter() };
    let questions = [
        ("one tenant: by day", &tenant, filter().stats()),
        ("one tenant: its last 100 denials", &tenant, deny().newest("*", 100)),
        ("one tenant: time by action", &tenant, "SELECT action, count(*), avg(authorize_us) FROM decisions WHERE type = 'decision' GROUP BY action".to_owned()),
        ("one tenant: who saw a class", &tenant, Filter { shown: Some("pii.contact".to_owned()), ..filter() }.top(By::Principal, 20)),
        ("Q1 denials by tenant and day", &all, "SELECT tenant, date_trunc('day', time) AS day, count(*) FROM decisions WHERE decision = 'deny' GROUP BY 1, 2".to_owned()),
        ("Q2 a class by a principal", &all, Filter { shown: Some("pii.ssn".to_owned()), principal: text("principal"), ..filter() }.newest("seq", 100)),
        ("Q3 top pathways", &all, Filter { without_mirrors: true, ..filter() }.pathways(20)),
        ("Q4 one request id", &all, Filter { id: text("request_id"), ..filter() }.newest("*", 10)),
        ("Q5 a tenant's last 100 denials", &all, deny().newest("*", 100).replace("WHERE", "WHERE tenant = 'tenant-007' AND")),
        ("Q6 a tenant's time by action", &all, "SELECT action, avg(authorize_us) FROM decisions WHERE tenant = 'tenant-007' GROUP BY action".to_owned()),
    ];
    for (what, engine, sql) in questions {
        let (mut best, mut rows) = (Duration::MAX, 0);
        for _ in 0..3 {
            let begun = Instant::now();
            rows = engine.sql(&sql)?.rows;
            best = best.min(begun.elapsed());
        }
        writeln!(out, "{what}: {best:.1?}, {rows} rows")?;
    }
    Ok(())
}
