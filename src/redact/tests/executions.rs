//! Very many small bodies of every format, each cut at every two places, under every kind of plan.
//!
//! Made by a generator that is quicker than a property test's: `LAW_EXECUTIONS=100000000 cargo test --release --lib
//! redact::tests::executions` is a matter of minutes. `LAW_SEED` begins elsewhere.

use std::sync::Arc;

use super::laws;
use super::oracle::Path;
use super::oracle::Step;
use crate::redact::Boundary;
use crate::redact::ClassIx;
use crate::redact::Content;
use crate::redact::Encoding;
use crate::redact::Foreign;
use crate::redact::Format;
use crate::redact::Malformed;
use crate::redact::Mask;
use crate::redact::Mode;
use crate::redact::Owns;
use crate::redact::Plan;
use crate::redact::Redactor;
use crate::redact::ShapeBuilder;
use crate::redact::detect::Kind;

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

const KEYS: [&str; 12] =
    ["a", "b", "ssn", "é", "SSN", "s_sn", r"\u0061", "tenant", "longer-key-name", "", "x", "a.b"];
const SCALARS: [&str; 23] = [
    "1",
    "-0.5e3",
    "true",
    "null",
    "\"\"",
    "\"x\"",
    r#""\"\\\u00e9\ud83d\ude00""#,
    "\"secret-123456\"",
    "\"é😀\"",
    r#""{\"ssn\":1,\"b\":[2]}""#,
    "\"[x]\"",
    "\"1984-06-05\"",
    "47.25",
    "\"acme\"",
    "\"globex\"",
    r#""\u007b'ssn':1}""#,
    r#""to ada@example.org, née""#,
    r#""a\u0040b.de\n""#,
    "\"4111 1111 1111 1111\"",
    "4111111111111111",
    "\"192.0.2.77\"",
    "\"DE89 3704 0044 0532 0130 00 \\\" ghp_16C7e42F292c6912E7710c838347Ae178B4a\"",
    r#""{\"a\":\"ada@example.org\"}""#,
];

fn space(random: &mut Random, out: &mut String) {
    if random.below(6) == 0 {
        out.push_str(random.one(&[" ", "\n", "\t ", "\r\n"]));
    }
}

/// A JSON value of about so many values in all.
fn json(random: &mut Random, size: usize, out: &mut String) {
    space(random, out);
    match random.below(if size > 0 { 5 } else { 2 }) {
        0 | 1 => out.push_str(random.one(&SCALARS)),
        2 => {
            out.push('[');
            for n in 0..random.below(4) {
                out.push_str(if n > 0 { "," } else { "" });
                json(random, size / 2, out);
            }
            space(random, out);
            out.push(']');
        }
        _ => {
            out.push('{');
            for n in 0..random.below(4) {
                out.push_str(if n > 0 { "," } else { "" });
                space(random, out);
                out.push('"');
                out.push_str(random.one(&KEYS));
                out.push_str("\":");
                json(random, size / 2, out);
            }
            space(random, out);
            out.push('}');
        }
    }
    space(random, out);
}

const PLAIN: [&str; 8] = ["a", "b", "ssn", "x", "SSN", "é", "tenant", "a[b]"];
const TEXTS: [&str; 10] =
    ["1", "", "secret", "a%20b", "{\"ssn\":1}", "acme", "é", "+x", "ada@example.org", "4111+1111+1111+1111"];

fn lines(random: &mut Random, before: &str, after: &str) -> String {
    let mut out = String::new();
    for _ in 0..random.below(3) + 1 {
        out.push_str(before);
        let mut document = String::new();
        json(random, 3, &mut document);
        out.push_str(&document.replace(['\n', '\r'], ""));
        out.push_str(after);
    }
    out
}

fn body(random: &mut Random, format: Format) -> String {
    let mut out = String::new();
    match format {
        Format::Json => json(random, 6, &mut out),
        Format::Lines | Format::Text => out = lines(random, "", "\n"),
        Format::Sequence => out = lines(random, "\u{1e}", "\n"),
        Format::Events => {
            let ends = random.one(&["\n\n", "\n\n", "\r\n\r\n", "\nid: 7\n\n"]);
            let begins = random.one(&["data: ", "data:", ": c\ndata: "]);
            out = lines(random, begins, ends);
        }
        Format::Form => {
            for n in 0..random.below(4) {
                out.push_str(if n > 0 { "&" } else { "" });
                out.push_str(&format!("{}={}", random.one(&PLAIN), random.one(&TEXTS)));
            }
        }
        Format::Csv { .. } => {
            out.push_str("ssn,b,a\r\n");
            for _ in 0..random.below(3) {
                let cell = |random: &mut Random| {
                    random.one(&["1", "", "\"x,\"\"y\"", "é", "secret", "ada@example.org"])
                };
                out.push_str(&format!("{},{},{}\r\n", cell(random), cell(random), cell(random)));
            }
        }
        Format::Multipart(_) => {
            for _ in 0..random.below(2) + 1 {
                let (name, text) = (random.one(&PLAIN), random.one(&TEXTS));
                out.push_str(&format!(
                    "--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n"
                ));
            }
            out.push_str("--B--\r\n");
        }
        Format::Xml => xml(random, 4, &mut out),
        // No text: messages have laws of their own, and what is opaque is not looked at.
        Format::Protobuf | Format::Grpc(_) | Format::Opaque => {}
    }
    out
}

fn xml(random: &mut Random, size: usize, out: &mut String) {
    let name = random.one(&["a", "b", "ssn", "x:ssn", "row", "é"]);
    let attribute = random.one(&["", "", " ssn='1'", " b=\"&lt;2\"", "\n a='x' "]);
    if random.below(5) == 0 {
        return out.push_str(&format!("<{name}{attribute}/>"));
    }
    out.push_str(&format!("<{name}{attribute}>"));
    for _ in 0..if size > 0 { random.below(3) } else { 0 } {
        match random.below(4) {
            0 => out.push_str(random.one(&[
                "text",
                "ada@example.org",
                "&amp;",
                "&#x41;",
                "<![CDATA[<c>]]>",
                "<!-- c -->",
                " ",
            ])),
            _ => xml(random, size / 2, out),
        }
    }
    out.push_str(&format!("</{name}>"));
}

/// Any plan, and its rules where the oracle can say what becomes of a document.
fn plan(random: &mut Random) -> (Arc<Plan>, Option<Vec<(Path, Mask)>>) {
    let step = |random: &mut Random| {
        let key = Step::Key(random.one(&["a", "b", "ssn", "é", "longer-key-name"]));
        match random.below(6) {
            0 => vec![Step::AnyKey],
            1 => vec![Step::Items],
            2 => vec![Step::Deeper, key],
            _ => vec![key],
        }
    };
    let mask = |random: &mut Random| Mask::parse(random.one(&Mask::WRITTEN)).unwrap();
    let mut rules = Vec::new();
    for _ in 0..random.below(4) + 1 {
        let path = Path((0..random.below(3) + 1).flat_map(|_| step(random)).collect());
        rules.push((path, mask(random)));
    }
    let kind = random.below(6);
    if kind < 2 {
        return (laws::plan_of(&rules), Some(rules));
    }
    let mut shape = ShapeBuilder::new();
    shape.mode(match kind {
        2 => Mode::Guarded,
        3 => Mode::Closed(ClassIx(99)),
        _ => Mode::Open,
    });
    for (number, (path, _)) in (0..).zip(&rules) {
        shape.path(&path.text(), ClassIx(number)).unwrap();
    }
    if kind == 4 {
        shape
            .rows(random.one(&["$[*]", "$", "a[*]"]), "tenant", random.one(&[Foreign::Drop, Foreign::Refuse]))
            .unwrap();
    }
    if kind == 5 {
        let node = shape.select(random.one(&["a", "$..b", "$[*]"])).unwrap();
        shape.json(node);
    }
    let finds = if random.below(2) == 0 { &Kind::ALL[..] } else { &[] };
    for kind in finds {
        // A class that is not hidden is not looked for.
        shape.detect(*kind, ClassIx(u16::try_from(random.below(6)).unwrap()));
    }
    let hidden = (0..).zip(&rules).filter(|(number, _)| *number != 1 || kind != 3);
    let hidden = hidden
        .map(|(number, (_, mask))| (ClassIx(number), mask.clone()))
        .chain([(ClassIx(99), mask(random))]);
    let hidden: Vec<_> = hidden.collect();
    (Arc::new(Plan::new(&Arc::new(shape.build().unwrap()), hidden, Some(laws::key_of_acme()))), None)
}

#[derive(Debug)]
struct Acme;

impl Owns for Acme {
    fn owns(&self, text: &str) -> bool {
        text == "acme"
    }
}

fn run(
    plan: &Arc<Plan>,
    format: Format,
    owner: &Arc<dyn Owns>,
    pieces: [&[u8]; 3],
) -> Result<Vec<u8>, Malformed> {
    let content = Content { format, encoding: Encoding::Identity };
    let mut redactor = Redactor::of_owner(Arc::clone(plan), content, owner);
    let mut out = Vec::new();
    for piece in pieces {
        if !piece.is_empty() {
            out.extend_from_slice(bytes::Buf::chunk(&redactor.feed(bytes::Bytes::copy_from_slice(piece))?));
        }
    }
    out.extend_from_slice(bytes::Buf::chunk(&redactor.finish()?.0));
    Ok(out)
}

fn wanted(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

#[test]
#[expect(clippy::print_stdout, reason = "how many there were is what a long run is for")]
fn no_cut_changes_what_leaves_of_any_body_under_any_plan() {
    let mut random = Random(wanted("LAW_SEED", 1));
    let (wanted, mut done, mut bodies, mut told) = (wanted("LAW_EXECUTIONS", 100_000), 0_u64, 0_u64, 0_u64);
    let owner: Arc<dyn Owns> = Arc::new(Acme);
    let others = [
        Format::Lines,
        Format::Sequence,
        Format::Events,
        Format::Form,
        Format::Csv { is_named: false },
        Format::Multipart(Boundary::new("B").unwrap()),
        Format::Xml,
    ];
    while done < wanted {
        let (plan, rules) = plan(&mut random);
        for _ in 0..8 {
            let format = if random.below(2) == 0 { Format::Json } else { random.one(&others) };
            let mut body = body(&mut random, format).into_bytes();
            let is_spoilt = random.below(4) == 0 && !body.is_empty();
            if is_spoilt {
                let at = random.below(body.len());
                body[at] = random.one(b"{}[]\",:\\0-.e t;<>&=\r\n\x1e\xff\xc3\x00");
            }
            body.truncate(random.one(&[96, 96, 96, 320]));
            let whole = run(&plan, format, &owner, [&body, b"", b""]);
            if let (Some(rules), Format::Json, Ok(out), Ok(text)) =
                (&rules, format, &whole, str::from_utf8(&body))
                && !is_spoilt
            {
                assert_eq!(str::from_utf8(out).unwrap(), laws::expected(rules, text).0, "{text}");
                told += 1;
            }
            // All cuts of short bodies, some of longer ones.
            let step = body.len() / 48 + 1;
            for i in (0..=body.len()).step_by(step) {
                for j in (i..=body.len()).step_by(step) {
                    let cut = run(&plan, format, &owner, [&body[..i], &body[i..j], &body[j..]]);
                    let same = match (&whole, &cut) {
                        (Ok(whole), Ok(cut)) => whole == cut,
                        (Err(whole), Err(cut)) => whole == cut || format != Format::Json,
                        (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
                    };
                    assert!(
                        same,
                        "{format:?} cut at {i}, {j}: {:?}\nwhole {:?}\ncut   {:?}\n{plan:?}",
                        String::from_utf8_lossy(&body),
                        whole.map(|out| String::from_utf8_lossy(&out).into_owned()),
                        cut.map(|out| String::from_utf8_lossy(&out).into_owned()),
                    );
                    done += 1;
                }
            }
            bodies += 1;
        }
    }
    println!("{done} executions of {bodies} bodies, {told} of them compared with the oracle");
}
