//! Where the story plays: a copy of the configuration, the app, Palisade in front of it, and the decision log.
//!
//! Never: writes outside its temporary folder.

use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use http::Method;
use http::StatusCode;
use serde_json::Value;

use crate::Fallible;
use crate::app;
use crate::app::Seen;
use crate::app::Window;
use crate::check::Check;
use crate::check::Outcome;
use crate::ground::copy;
use crate::ground::free;
use crate::ground::listener;
use crate::people::Keys;
use crate::people::Person;
use crate::show::Show;
use crate::sidecar::Running;
use crate::wire::Answer;
use crate::wire::Call;

/// How long anything may take to happen: a start, an edit, a line in the log.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);

/// The proof that a caller brings.
#[derive(Clone, Copy)]
pub(crate) enum Proof {
    /// A valid token.
    Token(Person),
    /// A token that has expired.
    Expired(Person),
    /// A token signed by somebody else's key.
    Forged(Person),
    /// The service's API key.
    ApiKey,
    /// None.
    Nothing,
}

/// One call of the story.
pub(crate) struct Step<'a> {
    pub(crate) title: &'a str,
    pub(crate) why: &'a str,
    pub(crate) proof: Proof,
    pub(crate) call: Call,
    pub(crate) checks: Vec<Check>,
}

/// All that runs.
pub(crate) struct Stage {
    /// The copy of `config/`, and the log beside it; removed with the stage.
    folder: tempfile::TempDir,
    /// The copy of `config/`.
    config: PathBuf,
    running: Running,
    window: Window,
    pub(crate) app: SocketAddr,
    pub(crate) keys: Keys,
    stranger: Keys,
    pub(crate) show: Show,
    steps: usize,
    checks: usize,
    traces: u64,
    failed: Vec<String>,
}

impl Stage {
    /// Starts the app and Palisade. With `usual_ports` on 9000, 8080 and 8081 where these are free.
    pub(crate) async fn set(usual_ports: bool) -> Fallible<Self> {
        let folder = tempfile::tempdir()?;
        let config = folder.path().join("config");
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/clinic/config"), &config)?;
        let keys = Keys::generate()?;
        keys.install(&config)?;
        let window = Window::default();
        let listener = listener(usual_ports, 9000)?;
        let app = listener.local_addr()?;
        tokio::spawn(app::serve(tokio::net::TcpListener::from_std(listener)?, Arc::clone(&window)));
        let [data, admin] = free([8080, 8081], usual_ports)?;
        let file = config.join("palisade.yaml");
        let text = std::fs::read_to_string(&file)?
            .replace("127.0.0.1:8080", &data.to_string())
            .replace("127.0.0.1:8081", &admin.to_string())
            .replace("127.0.0.1:9000", &app.to_string());
        std::fs::write(&file, text)?;
        let running = crate::sidecar::start_palisade(&file, data, admin)?;
        let stranger = Keys::generate()?;
        let show = Show::new();
        let (steps, checks, traces, failed) = (0, 0, 0, Vec::new());
        let mut stage = Self {
            folder,
            config,
            running,
            window,
            app,
            keys,
            stranger,
            show,
            steps,
            checks,
            traces,
            failed,
        };
        stage.wait_until_ready().await?;
        Ok(stage)
    }

    pub(crate) fn data(&self) -> SocketAddr {
        self.running.data
    }

    pub(crate) fn admin(&self) -> SocketAddr {
        self.running.admin
    }

    /// The folder to edit.
    pub(crate) fn config(&self) -> PathBuf {
        self.config.clone()
    }

    pub(crate) fn decision_log(&self) -> PathBuf {
        self.config.join("decisions.jsonl")
    }

    /// Writes everyone's credentials into a file for the shell.
    pub(crate) fn hand_out_credentials(&self, seconds: i64) -> Fallible<PathBuf> {
        let file = self.folder.path().join("credentials");
        std::fs::write(&file, self.keys.for_shell(seconds)?)?;
        Ok(file)
    }

    async fn wait_until_ready(&mut self) -> Fallible<()> {
        let started = Instant::now();
        let probe = Call::new(Method::GET, "/readyz");
        loop {
            let why = match probe.send(self.admin(), None).await {
                Ok(answer) if answer.status == StatusCode::OK => return Ok(()),
                Ok(answer) => format!("is not ready: {} {}", answer.status, answer.body),
                Err(why) => format!("does not answer: {why}"),
            };
            if self.running.has_ended() || started.elapsed() > PATIENCE {
                return Err(format!("Palisade {why}\n{}", self.running.said()).into());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Makes one call, shows it, and checks what the story says of it.
    pub(crate) async fn play(&mut self, step: Step<'_>) -> Fallible<()> {
        self.begin(step.title, step.why)?;
        self.call(step.proof, &step.call, &step.checks).await
    }

    /// The same within a step that has begun.
    pub(crate) async fn call(&mut self, proof: Proof, call: &Call, checks: &[Check]) -> Fallible<()> {
        self.show_call(proof, call)?;
        let (answer, trace) = self.send(proof, call).await?;
        self.conclude(answer, &trace, checks).await
    }

    /// Shows that a step begins.
    pub(crate) fn begin(&mut self, title: &str, why: &str) -> Fallible<()> {
        self.steps += 1;
        self.show.step(self.steps, title, why)
    }

    /// Changes one thing in a file of the copy, and shows the change.
    pub(crate) fn edit(&mut self, file: &str, from: &str, to: &str) -> Fallible<()> {
        self.rewrite(file, &[(from, to)])
    }

    /// Changes several things in a file of the copy at once, and shows the changes.
    pub(crate) fn rewrite(&mut self, file: &str, changes: &[(&str, &str)]) -> Fallible<()> {
        let mut text = std::fs::read_to_string(self.config.join(file))?;
        for (from, to) in changes {
            if !text.contains(from) {
                return Err(format!("`{file}` does not contain `{from}`").into());
            }
            text = text.replace(from, to);
        }
        self.show.edit(file, changes)?;
        self.replace(file, &text)
    }

    /// Adds a file to the copy, or with `None` takes it away.
    pub(crate) fn put(&mut self, file: &str, text: Option<&str>) -> Fallible<()> {
        match text {
            Some(text) => {
                self.show.edit(file, &[("", text)])?;
                self.replace(file, text)
            }
            None => {
                let path = self.config.join(file);
                self.show.edit(file, &[(&std::fs::read_to_string(&path)?, "")])?;
                std::fs::remove_file(path)?;
                Ok(())
            }
        }
    }

    /// Puts a whole file in place at once, as editors do, so that nobody reads half of it.
    fn replace(&self, file: &str, text: &str) -> Fallible<()> {
        let draft = self.folder.path().join(".draft");
        std::fs::write(&draft, text)?;
        std::fs::rename(draft, self.config.join(file))?;
        Ok(())
    }

    /// Repeats a call until its status is the first check's, then checks all.
    pub(crate) async fn play_until(
        &mut self,
        proof: Proof,
        call: &Call,
        until: StatusCode,
        checks: &[Check],
    ) -> Fallible<()> {
        let since = Instant::now();
        self.show_call(proof, call)?;
        loop {
            let (answer, trace) = self.send(proof, call).await?;
            if answer.status == until || since.elapsed() > PATIENCE {
                self.show.row("live", &format!("after {} ms", since.elapsed().as_millis()))?;
                return self.conclude(answer, &trace, checks).await;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Waits until `/readyz?verbose` speaks of this, and shows what it says.
    pub(crate) async fn readiness_tells(&mut self, of: &str) -> Fallible<()> {
        let since = Instant::now();
        let probe = Call::new(Method::GET, "/readyz?verbose");
        loop {
            let answer = probe.send(self.admin(), None).await?;
            let text = answer.body.as_str().map_or_else(|| answer.body.to_string(), str::to_owned);
            let tells = text.contains(of);
            if tells || since.elapsed() > PATIENCE {
                self.show.row("call", "GET /readyz?verbose  (admin listener)")?;
                self.show.row("answer", answer.status.as_str())?;
                let folder = format!("{}/", self.config.display());
                for line in text.lines() {
                    self.show.row("", &line.replace(&folder, ""))?;
                }
                let stays = answer.status == StatusCode::OK;
                return self.note(vec![
                    (tells, false, format!("it names `{of}`")),
                    (stays, true, "it stays ready: the last good snapshot serves".to_owned()),
                ]);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The number of things that did not go as told.
    pub(crate) fn finish(&mut self) -> Fallible<usize> {
        self.show.summary(self.steps, self.checks, &self.failed)?;
        Ok(self.failed.len())
    }

    fn show_call(&mut self, proof: Proof, call: &Call) -> Fallible<()> {
        let who = match proof {
            Proof::Token(who) => format!("{}, {} of {}", who.name, who.role, who.tenant),
            Proof::Expired(who) => format!("{}, with a token that expired ten minutes ago", who.name),
            Proof::Forged(who) => {
                format!("somebody who signed a token as {} with a key of their own", who.name)
            }
            Proof::ApiKey => "claims-robot, a service of acme with the role billing, by API key".to_owned(),
            Proof::Nothing => "nobody in particular".to_owned(),
        };
        self.show.row("caller", &who)?;
        let mut parts = vec![format!("{} {}", call.method, call.path)];
        parts.extend(call.headers.iter().map(|(name, value)| format!("{name}: {value}")));
        self.show.list("call", &parts, "   ")?;
        match &call.body {
            Some(body) => self.show.row("", &body.to_string()),
            None => Ok(()),
        }
    }

    async fn send(&mut self, proof: Proof, call: &Call) -> Fallible<(Answer, String)> {
        let call = match proof {
            Proof::Token(who) => bearer(call, &self.keys.token(who, 3600)?),
            Proof::Expired(who) => bearer(call, &self.keys.token(who, -600)?),
            Proof::Forged(who) => bearer(call, &self.stranger.token(who, 3600)?),
            Proof::ApiKey => call.clone().header("x-api-key", &self.keys.api_key),
            Proof::Nothing => call.clone(),
        };
        self.traces += 1;
        let trace = format!("{:032x}", 0xc11_1c00_0000_0000_u64 + self.traces);
        drop(self.window.lock().unwrap_or_else(PoisonError::into_inner).take());
        let answer = call.send(self.running.data, Some(&trace)).await?;
        Ok((answer, trace))
    }

    async fn conclude(&mut self, answer: Answer, trace: &str, checks: &[Check]) -> Fallible<()> {
        let seen = self.window.lock().unwrap_or_else(PoisonError::into_inner).take();
        let record = self.recorded(|line| line.get("decision").is_some(), trace).await?;
        let id = record.as_ref().and_then(|record| record.get("decision_id")).and_then(Value::as_str);
        let ended = match id {
            Some(id) if seen.is_some() => self.recorded(|line| line.get("ended").is_some(), id).await?,
            Some(_) | None => None,
        };
        self.show_answer(&answer, seen.as_ref())?;
        for (label, line) in [("record", &record), ("", &ended)] {
            if let Some(line) = line {
                self.show.record(label, line)?;
            }
        }
        let mut claims = vec![(record.is_some(), false, "the call is on record".to_owned())];
        let outcome = Outcome { answer, seen, record, ended };
        claims.extend(checks.iter().map(|check| (check.holds(&outcome), check.tells(), check.to_string())));
        self.note(claims)
    }

    /// Shows and remembers claims: does each hold, is it worth telling, what is it.
    fn note(&mut self, claims: Vec<(bool, bool, String)>) -> Fallible<()> {
        self.checks += claims.len();
        let (held, failed): (Vec<_>, Vec<_>) = claims.into_iter().partition(|(holds, ..)| *holds);
        let telling: Vec<String> =
            held.into_iter().filter(|(_, tells, _)| *tells).map(|(.., what)| what).collect();
        let failed: Vec<String> = failed.into_iter().map(|(.., what)| what).collect();
        self.show.checks(&telling, &failed)?;
        self.failed.extend(failed.into_iter().map(|what| format!("step {}: {what}", self.steps)));
        Ok(())
    }

    fn show_answer(&mut self, answer: &Answer, seen: Option<&Seen>) -> Fallible<()> {
        let text = |name| answer.body.get(name).and_then(Value::as_str);
        let status = answer.status.as_str();
        let refused = text("code").zip(text("title"));
        let Some(seen) = seen else {
            let (code, title) = refused.unwrap_or_default();
            let parts = [format!("{status} {code}: {title}"), "The app was not called.".to_owned()];
            return self.show.list("answer", &parts, " ");
        };
        let key = seen.headers.get("x-palisade-data-key").map_or("none", |key| key.to_str().unwrap_or("?"));
        self.show.row("app", &format!("is called with x-palisade-data-key: {key}"))?;
        self.show.row("answer", status)?;
        if answer.body.is_null() { Ok(()) } else { self.show.body(&answer.body, Some(&seen.answer)) }
    }

    /// The line of the decision log that has this text in it and is of this kind.
    async fn recorded(&self, kind: impl Fn(&Value) -> bool, with: &str) -> Fallible<Option<Value>> {
        let since = Instant::now();
        let log = self.decision_log();
        loop {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            let lines = text.lines().rev().filter(|line| line.contains(with));
            let mut records = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
            if let Some(record) = records.find(|record| kind(record)) {
                return Ok(Some(record));
            }
            if since.elapsed() > PATIENCE {
                return Ok(None);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn bearer(call: &Call, token: &str) -> Call {
    call.clone().header("authorization", format!("Bearer {token}"))
}
