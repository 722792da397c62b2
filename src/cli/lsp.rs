//! `palisade lsp`: tells an editor of the files of a configuration, over the standard streams.
//!
//! One thread reads messages, one looks at the files, this one answers. What was found in a text that has been changed
//! since is not told. Never: writes a file, listens on a socket, or prints anything but messages.

use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::TryRecvError;
use std::sync::mpsc::sync_channel;
use std::time::Duration;
use std::time::Instant;

use crate::limits;
use crate::lsp;
use crate::lsp::Bad;
use crate::lsp::Look;
use crate::lsp::Session;
use crate::lsp::State;

use super::Exit;
use super::Global;
use super::Out;
use super::World;
use super::load;
use super::load_text;

mod look;

use look::Job;

pub(super) const AFTER: &str = "\
Editors start it and speak the Language Server Protocol with it over the standard streams: problems as one types (those of
`check` and `lint`), hover with the effective text of a policy, completion, go to definition, symbols, layout, quick fixes.
The configuration is the `palisade.yaml` of the workspace's folder or the nearest one around it; `--config` names another.

Examples:
  Neovim   vim.lsp.start({ name = 'palisade', cmd = { 'palisade', 'lsp' }, root_dir = vim.fn.getcwd() })
  Helix    languages.toml: [language-server.palisade] command = \"palisade\" args = [\"lsp\"]
  VS Code  a client of `vscode-languageclient` with { command: 'palisade', args: ['lsp'] }
The manual's chapter on policies has each whole.

Exit codes: 0 when the editor shut it down before it left, 1 otherwise.";

/// The name that a configuration is looked for by.
const NAME: &str = "palisade.yaml";
/// Typing is over when nothing was typed for this long.
const QUIET: Duration = Duration::from_millis(150);

/// What can happen.
enum Event {
    Message(Vec<u8>),
    /// A message of so many bytes was passed over; how it began.
    TooLarge(u64, Vec<u8>),
    /// The stream of messages ended, or is none: why.
    End(Option<String>),
    /// The files were looked at as they were after so many edits; nothing where they have changed meanwhile.
    Looked(u64, Option<Box<lsp::World>>),
}

pub(super) fn lsp(global: &Global, world: &World<'_>, out: &mut Out) -> Result<Exit, String> {
    let (tell, events) = sync_channel(limits::EDITOR_MESSAGES_MAX);
    let (jobs, wanted) = sync_channel(1);
    let edits = Arc::new(AtomicU64::new(0));
    thread("reader", {
        let tell = tell.clone();
        move || read(&tell)
    })?;
    thread("looker", {
        let edits = Arc::clone(&edits);
        move || look::work(&wanted, &tell, &edits)
    })?;
    let real = |path: &str| Some(std::fs::canonicalize(path).ok()?.to_string_lossy().into_owned());
    let mut served = Served {
        global,
        world,
        session: Session::new(Box::new(real)),
        edits,
        jobs,
        warned: false,
        due: None,
        busy: false,
    };
    let why = served.serve(&events).map_err(|error| format!("the editor cannot be told: {error}"))?;
    if let Some(why) = why {
        out.error(&why);
    }
    match served.session.state() {
        State::Left(true) | State::ShutDown => Ok(Exit::Ok),
        State::New | State::Running | State::Left(false) => Ok(Exit::Internal),
    }
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), String> {
    let started = std::thread::Builder::new().name(format!("lsp-{name}")).spawn(work);
    started.map(drop).map_err(|error| format!("no thread can be started: {error}"))
}

/// Reads messages until there are no more.
fn read(tell: &SyncSender<Event>) {
    let mut stdin = io::stdin().lock();
    loop {
        let (event, over) = match lsp::read_message(&mut stdin) {
            Ok(Some(bytes)) => (Event::Message(bytes), false),
            Ok(None) => (Event::End(None), true),
            Err(Bad::TooLarge { bytes, start }) => (Event::TooLarge(bytes, start), false),
            Err(Bad::Cut) => (Event::End(Some("the standard input ended within a message".to_owned())), true),
            Err(Bad::Header(why)) => {
                let why = format!("the standard input is not of the Language Server Protocol: {why}");
                (Event::End(Some(format!("{why}; an editor starts `palisade lsp`"))), true)
            }
            Err(Bad::Unreadable(error)) => {
                (Event::End(Some(format!("the standard input cannot be read: {error}"))), true)
            }
        };
        if tell.send(event).is_err() || over {
            return;
        }
    }
}

/// An editor that is served.
struct Served<'a> {
    global: &'a Global,
    world: &'a World<'a>,
    session: Session,
    /// How many edits there have been, for the thread that looks.
    edits: Arc<AtomicU64>,
    jobs: SyncSender<Job>,
    /// Has the editor been told that there is no configuration?
    warned: bool,
    /// When the files are to be looked at.
    due: Option<Instant>,
    /// Are they being looked at?
    busy: bool,
}

impl Served<'_> {
    /// Serves until the editor leaves; why, where it is not by its own word.
    fn serve(&mut self, events: &Receiver<Event>) -> io::Result<Option<String>> {
        loop {
            let event = match self.due.filter(|_| !self.busy) {
                None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(due) => events.recv_timeout(due.saturating_duration_since(Instant::now())),
            };
            match event {
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {
                    self.due = None;
                    self.look();
                }
                Ok(event) => {
                    if let Some(end) = self.all(event, events) {
                        self.send()?;
                        return Ok(end);
                    }
                }
            }
            if let Some((look, edits)) = self.session.take_look() {
                self.edits.store(edits, Ordering::Relaxed);
                self.due = Some(Instant::now() + if look == Look::Now { Duration::ZERO } else { QUIET });
            }
            self.send()?;
            if let State::Left(_) = self.session.state() {
                return Ok(None);
            }
        }
    }

    /// Takes an event and those that wait behind it; at the end, why.
    fn all(&mut self, first: Event, events: &Receiver<Event>) -> Option<Option<String>> {
        let (mut messages, mut next) = (Vec::new(), Ok(first));
        let mut end = None;
        while let Ok(event) = next {
            match event {
                Event::Message(bytes) => messages.push(bytes),
                Event::TooLarge(bytes, start) => {
                    // What came before it is to be heard before it.
                    self.session.receive(&std::mem::take(&mut messages));
                    self.session.passed_over(bytes, &start);
                }
                Event::Looked(edits, found) => {
                    self.busy = false;
                    if let Some(found) = found {
                        self.session.looked(edits, *found);
                    }
                }
                Event::End(why) => {
                    end = Some(why);
                    break;
                }
            }
            next = if messages.len() < limits::EDITOR_MESSAGES_MAX {
                events.try_recv()
            } else {
                Err(TryRecvError::Empty)
            };
        }
        self.session.receive(&messages);
        end
    }

    fn send(&mut self) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        self.session.take_out().iter().try_for_each(|message| lsp::write_message(&mut stdout, message))
    }

    /// Has the files looked at.
    fn look(&mut self) {
        let edits = self.session.edits();
        // It may have appeared, gone, or moved since the last look.
        let Some(config) = self.find() else {
            if !std::mem::replace(&mut self.warned, true) {
                let what = "there is no `palisade.yaml` in the workspace's folder or around it";
                self.session.say(2, &format!("{what}: start it with `palisade lsp --config FILE`"));
            }
            return self.session.looked(edits, lsp::World::default());
        };
        self.warned = false;
        let unsaved = self.session.unsaved();
        let global = Global { config: config.clone(), ..self.global.clone() };
        let loaded = match unsaved.get(&config) {
            Some(text) => load_text(&global, self.world, text.to_string()),
            None => load(&global, self.world),
        };
        let file = config.to_string_lossy().into();
        self.busy =
            self.jobs.send(Job { edits, file, loaded, unsaved, before: self.session.sound() }).is_ok();
    }

    /// The configuration that was named, or the nearest one around what the editor works in.
    fn find(&self) -> Option<PathBuf> {
        let named = &self.global.config;
        let here = || std::path::absolute(named).ok();
        if *named != Path::new(NAME) {
            return here();
        }
        let around =
            |folder: PathBuf| folder.ancestors().map(|folder| folder.join(NAME)).find(|path| path.is_file());
        self.session.folders().find_map(around).or_else(|| here().filter(|path| path.is_file()))
    }
}
