//! Golden cases of verbs: each is a file of a folder, opens with a sentence, and has sections, `=== <name>`; what came out
//! stands under `=== out`. `UPDATE_GOLDEN=1` rewrites it.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use tempfile::TempDir;

const OUT: &str = "\n=== out\n";

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Copies a folder with all that is in it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// A copy of the clinic's configuration.
pub fn clinic() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&root().join("examples/clinic/config"), folder.path());
    folder
}

/// The names and texts of a case's sections.
pub fn sections(case: &str) -> impl Iterator<Item = (&str, &str)> {
    case.split("\n=== ").skip(1).map(|section| section.split_once('\n').unwrap_or((section, "")))
}

/// The words of a command; what stands in `'…'` is one.
pub fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, part) in line.split('\'').enumerate() {
        if at % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// Plays each case of `tests/golden/<folder>`, of which there are so many at least; what comes out must be what it says.
pub fn hold(folder: &str, least: usize, play: impl Fn(&str) -> String) {
    let files = fs::read_dir(root().join("tests/golden").join(folder)).unwrap();
    let mut cases: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= least, "only {} cases found", cases.len());
    let wrong: Vec<String> = cases.iter().filter_map(|path| differs(path, &play)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn differs(path: &Path, play: &impl Fn(&str) -> String) -> Option<String> {
    let text = fs::read_to_string(path).unwrap();
    let (case, want) = text.split_once(OUT).unwrap_or((text.trim_end_matches('\n'), ""));
    let got = play(case);
    if got == want {
        return None;
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path, format!("{case}{OUT}{got}")).unwrap();
        return None;
    }
    let at = want.lines().zip(got.lines()).take_while(|(want, got)| want == got).count();
    let line = |text: &str| text.lines().nth(at).unwrap_or("<the end>").to_owned();
    let name = path.file_name().unwrap().to_string_lossy();
    Some(format!("{name}, line {} of what comes out\n  want: {}\n   got: {}", at + 1, line(want), line(&got)))
}
