//! What loading costs as policies and tenants grow: a cold start, a reload after one file was edited, and memory.
//!
//! `cargo bench --bench load -- policies 10 10000 tenants 100000`: a row for each count, each in a process of its own, so
//! that none finds memory that another left. Without words it makes the smallest rows.
//! Files lie in a folder and are read from it, as the sidecar reads them. An edit is one policy of one file. Cold is the time
//! that passes and the processor time, of all threads; an edit is the processor time of the one thread that does it.
//! Must never time a load whose result it has not counted.

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use palisade::config::Config;
use palisade::reload;
use palisade::snapshot::Checked;

/// As in `palisade` itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const OF_EACH_TENANT: usize = 20;
const EDITS: usize = 5;
const CONFIG: &str = "upstream: {address: '127.0.0.1:9000'}\npolicies: {directory: policies}\nmodel: {tenants: tenants.yaml, classes: classes.yaml}\n";
const CLASSES: &str = "classes: {pii: {level: 2, classes: {name: {level: 2}, contact: {level: 3}}}}\n";

fn main() -> Outcome {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let words = if words.is_empty() { vec!["policies", "20", "tenants", "100"] } else { words };
    if let ["row", what, count, files] = words.as_slice() {
        return row(what, count.parse()?, files.parse()?);
    }
    let mut out = std::io::stdout().lock();
    let mut what = "policies";
    for word in words {
        if let "policies" | "tenants" = word {
            what = word;
            writeln!(out, "{}", if what == "tenants" { TENANTS_HEAD } else { POLICIES_HEAD })?;
            continue;
        }
        // `10000/1`: so many policies in so many files.
        let (count, files) = word.split_once('/').unwrap_or((word, "0"));
        let row = Command::new(std::env::current_exe()?).args(["row", what, count, files]).output()?;
        if !row.status.success() {
            return Err(format!("{what} {count}: {}", String::from_utf8_lossy(&row.stderr)).into());
        }
        out.write_all(&row.stdout)?;
        out.flush()?;
    }
    Ok(())
}

const POLICIES_HEAD: &str =
    " policies    files   cold s    CPU s  edit ms  (read   check  changes)   KiB each";
const TENANTS_HEAD: &str = "  tenants   cold s    CPU s  edit ms   bytes each";

fn row(what: &str, count: usize, files: usize) -> Outcome {
    let folder = tempfile::tempdir()?;
    let (policies, tenants) =
        if what == "tenants" { (20, count) } else { (count, (count / OF_EACH_TENANT).max(1)) };
    let files = if files == 0 { policies.div_ceil(OF_EACH_TENANT) } else { files };
    write(folder.path(), policies, files, tenants)?;
    let config = config(folder.path())?;
    let before = resident()?;
    let (started, before_cpu) = (Instant::now(), spent()?);
    let (mut reading, checked) = reload::first(&config.files, &config.settings);
    let mut checked = sound(checked)?;
    let (cold, cpu) = (started.elapsed(), spent()?.saturating_sub(before_cpu));
    if checked.snapshot().policies().len() != policies || checked.snapshot().model().tenants.len() != tenants
    {
        return Err("it is not what was written".into());
    }
    let memory = resident()?.saturating_sub(before);
    let mut best = [Duration::MAX; 3];
    for edit in 0..EDITS {
        write_policies(folder.path(), policies, files, tenants, Some((edit % files, edit + 1)))?;
        let started = spent_here()?;
        let next = reload::read(&config.files);
        let read = spent_here()?.saturating_sub(started);
        let started = spent_here()?;
        let now = sound(reload::checked_after(Some(checked.snapshot()), &next, &config.settings))?;
        let check = spent_here()?.saturating_sub(started);
        let started = spent_here()?;
        let changes = checked.snapshot().changes(now.snapshot());
        let changed = spent_here()?.saturating_sub(started);
        if changes.changed.is_empty() {
            return Err("the edit made no difference".into());
        }
        let sum =
            |three: &[Duration; 3]| three.iter().fold(Duration::ZERO, |all, one| all.saturating_add(*one));
        if sum(&[read, check, changed]) < sum(&best) {
            best = [read, check, changed];
        }
        (reading, checked) = (next, now);
    }
    drop((reading, checked));
    let ms = |took: Duration| took.as_secs_f64() * 1e3;
    let edit = best.iter().map(|one| ms(*one)).sum::<f64>();
    let mut out = std::io::stdout();
    if what == "tenants" {
        let (cold, cpu) = (cold.as_secs_f64(), cpu.as_secs_f64());
        writeln!(out, "{tenants:>9} {cold:>8.2} {cpu:>8.2} {edit:>8.1} {:>12}", memory / tenants)?;
    } else {
        let [read, check, changes] = best.map(ms);
        let each = memory as f64 / 1024.0 / policies as f64;
        writeln!(
            out,
            "{policies:>9} {files:>8} {:>8.2} {:>8.2} {edit:>8.1}  ({read:>5.1} {check:>7.1} {changes:>7.1}) {each:>10.1}",
            cold.as_secs_f64(),
            cpu.as_secs_f64()
        )?;
    }
    Ok(())
}

fn sound(checked: Result<Checked, Vec<palisade::problem::Problem>>) -> Outcome<Checked> {
    checked.map_err(|problems| format!("{:?}", problems.first()).into())
}

fn config(folder: &Path) -> Outcome<Config> {
    let file = folder.join("palisade.yaml");
    let read = Config::read(&file.to_string_lossy(), CONFIG, &[], &|_| None);
    Ok(read.map_err(|problems| format!("{:?}", problems.first()))?.0)
}

fn write(folder: &Path, policies: usize, files: usize, tenants: usize) -> Outcome {
    let mut text = "tenants:\n".to_owned();
    for n in 0..tenants {
        // A million fit one file.
        writeln!(text, " t{n}: {{}}")?;
    }
    std::fs::write(folder.join("tenants.yaml"), text)?;
    std::fs::write(folder.join("classes.yaml"), CLASSES)?;
    std::fs::create_dir(folder.join("policies"))?;
    write_policies(folder, policies, files, tenants, None)
}

/// Twenty policies a tenant, as in the bench of decisions. An edit writes one file anew, with another condition of
/// its first policy.
fn write_policies(
    folder: &Path,
    policies: usize,
    files: usize,
    tenants: usize,
    edit: Option<(usize, usize)>,
) -> Outcome {
    let of_each = policies.div_ceil(files);
    for file in 0..files {
        if edit.is_some_and(|(edited, _)| edited != file) {
            continue;
        }
        let mut text = String::new();
        for n in (file * of_each)..((file + 1) * of_each).min(policies) {
            let level = edit.filter(|_| n % of_each == 0).map(|(_, edit)| edit + 3);
            text.push_str(&policy(n, tenants, level));
        }
        std::fs::write(folder.join(format!("policies/f{file}.cedar")), text)?;
    }
    Ok(())
}

fn policy(n: usize, tenants: usize, level: Option<usize>) -> String {
    let (tenant, k) = ((n / OF_EACH_TENANT) % tenants, n % OF_EACH_TENANT);
    let principal = match k % 4 {
        0 => format!("principal == User::\"u{k}\""),
        1 => format!("principal in Group::\"g{tenant}-{k}\""),
        _ => format!("principal in Role::\"r{tenant}-{k}\""),
    };
    let condition = match (level, k % 4) {
        (Some(level), _) => format!("when {{ resource.level <= {level} }}"),
        (None, 0) => "when { resource.level <= 3 }".to_owned(),
        (None, 1) => String::new(),
        (None, 2) => "when { context has purpose && context.purpose == \"care\" }".to_owned(),
        (None, _) => "when { context.now < datetime(\"2030-01-01\") }".to_owned(),
    };
    let action = match k % 3 {
        0 => "action",
        1 => "action in [Action::\"read\", Action::\"list\"]",
        _ => "action == Action::\"export\"",
    };
    format!(
        "@id(\"p{n}\")\npermit ({principal}, {action}, resource in DataKey::\"t{tenant}/k{k}\") {condition};\n"
    )
}

/// Processor time of this process, all threads, in steps of 10 ms.
fn spent() -> Outcome<Duration> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    let after_name = text.rsplit(") ").next().ok_or("no name")?;
    let ticks: Vec<&str> = after_name.split(' ').collect();
    let ticks: u64 = [11, 12].iter().filter_map(|at| ticks.get(*at)?.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(10 * ticks))
}

/// Processor time of this thread: an edit of one file is checked on one, and other work on the machine does not count.
fn spent_here() -> Outcome<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(Duration::from_nanos(text.split(' ').next().ok_or("no first number")?.parse()?))
}

/// Bytes of memory that this process has in use.
fn resident() -> Outcome<usize> {
    let text = std::fs::read_to_string("/proc/self/statm")?;
    let pages: usize = text.split_whitespace().nth(1).ok_or("no second number")?.parse()?;
    Ok(pages * 4096)
}
