//! Where there is no room: what is written and what is counted are all that was asked, whatever the writer does.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::mpsc::Receiver;

use proptest::prelude::*;

use super::*;
use crate::audit::Level;
use crate::audit::frame;

/// What the writer does with one load.
#[derive(Debug, Clone, Copy)]
enum Does {
    Writes,
    Fails,
    Takes(u64),
}

/// A writer that does as it is told, and counts as the real one does.
struct Told {
    script: Vec<Does>,
    overflow: Overflow,
}

/// What came of it: the numbers in the log, and how many records it counted as lost and as shed.
#[derive(Debug, Default)]
struct Came {
    log: BTreeSet<usize>,
    lost: u64,
    shed: u64,
}

impl Told {
    fn run(mut self, messages: &Receiver<Message>) -> Came {
        let mut came = Came::default();
        while let Ok(message) = messages.recv() {
            let mut write = |mut bytes: Vec<u8>| {
                frame::number(&mut bytes, 0);
                let text = String::from_utf8(entry::lines(&bytes)).unwrap();
                came.log.extend(numbers(&text, 1).remove(0));
            };
            match message {
                Message::Load(mut load) => {
                    let does = self.script.pop().unwrap_or(Does::Writes);
                    if let Does::Takes(ms) = does {
                        std::thread::sleep(Duration::from_millis(ms));
                    }
                    load.written = !matches!(does, Does::Fails);
                    if load.written {
                        write(load.bytes.clone());
                    } else if !load.again {
                        let shed = matches!(self.overflow, Overflow::Shed(_));
                        let shed = if shed { load.records - load.durable } else { 0 };
                        came.shed += shed;
                        came.lost += load.records - shed;
                    }
                    drop(load.back.clone().try_send(load));
                }
                Message::Frames { bytes, .. } => write(bytes),
                Message::Reopen => {}
                Message::Stop => break,
            }
        }
        came
    }
}

/// Who got what: the numbers of those that may go on, by whether the device mattered to them.
#[derive(Debug, Default)]
struct Answered {
    acked: Vec<usize>,
    durable: Vec<usize>,
    refused: usize,
}

/// Asks in bursts, each request a task of its own, on a worker with room for a few records.
fn play(script: &[Does], bursts: &[(usize, usize)], overflow: Overflow) -> (Answered, Came, [u64; 2]) {
    let counters = counters();
    let (refused, shed, writing) = (Refused::default(), Refused::default(), AtomicBool::new(true));
    let synced = AtomicU64::new(0);
    let shared = Arc::new(Shared { counters, refused, shed, overflow, writing, synced });
    let (to_writer, messages) = std::sync::mpsc::sync_channel(2);
    let told = Told { script: script.to_vec(), overflow };
    let writer = std::thread::spawn(move || told.run(&messages));
    let answered: Rc<RefCell<Answered>> = Rc::default();
    let mut number = 0;
    on_a_worker(async || {
        let journal = WorkerJournal::start(to_writer, Arc::clone(&shared), 900);
        for (count, every) in bursts {
            for _ in 0..*count {
                let (own, answered) = (journal.clone(), Rc::clone(&answered));
                let level = if number % every == 0 { Level::Durable } else { Level::Acked };
                let now = number;
                number += 1;
                // A request that waits holds no other one up.
                drop(tokio::task::spawn_local(async move {
                    let bytes = record(0, now);
                    let got = match own.append(level, &mut |out| out.extend_from_slice(&bytes)) {
                        Ok(written) => written.await.is_ok(),
                        Err(Full) => false,
                    };
                    let mut answered = answered.borrow_mut();
                    match (got, level) {
                        (true, Level::Acked) => answered.acked.push(now),
                        (true, Level::Durable) => answered.durable.push(now),
                        (false, _) => answered.refused += 1,
                    }
                }));
            }
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        let all = || {
            let answered = answered.borrow();
            answered.acked.len() + answered.durable.len() + answered.refused
        };
        while all() < number {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        journal.settled().await;
    });
    let came = writer.join().unwrap();
    let counted = [shared.refused.take().0, shared.shed.take().0];
    (Rc::into_inner(answered).unwrap().into_inner(), came, counted)
}

fn does() -> impl Strategy<Value = Does> {
    prop_oneof![3 => Just(Does::Writes), 3 => Just(Does::Fails), 1 => (1..60_u64).prop_map(Does::Takes)]
}

fn overflow() -> impl Strategy<Value = Overflow> {
    let deadline = || (5..60_u64).prop_map(Duration::from_millis);
    prop_oneof![
        deadline().prop_map(Overflow::FailClosed),
        deadline().prop_map(Overflow::Block),
        deadline().prop_map(Overflow::Shed),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn requests_are_records_and_gaps_whatever_the_writer_does(
        script in proptest::collection::vec(does(), 0..12),
        bursts in proptest::collection::vec((1..14_usize, 1..5_usize), 1..6),
        overflow in overflow(),
    ) {
        let asked: usize = bursts.iter().map(|(count, _)| count).sum();
        let (answered, came, [refused, shed]) = play(&script, &bursts, overflow);
        let counted = refused + shed + came.lost + came.shed;
        prop_assert_eq!(came.log.len() as u64 + counted, asked as u64, "{:?} {:?} {} {}", answered, came, refused, shed);
        // Whom the device matters to went on only with a record, whatever was chosen.
        prop_assert!(answered.durable.iter().all(|number| came.log.contains(number)), "{:?} {:?}", answered, came);
        let without = answered.acked.iter().filter(|number| !came.log.contains(number)).count() as u64;
        match overflow {
            Overflow::FailClosed(_) | Overflow::Block(_) => {
                prop_assert_eq!((without, shed, came.shed), (0, 0, 0));
            }
            Overflow::Shed(_) => prop_assert_eq!(without, shed + came.shed),
        }
    }
}

#[test]
fn a_request_waits_for_a_log_that_fails_for_a_moment_and_not_for_one_that_is_stuck() {
    let block = Overflow::Block(Duration::from_secs(20));
    let (answered, came, counted) = play(&[Does::Writes, Does::Fails, Does::Fails], &[(1, 1)], block);
    assert_eq!((answered.durable, came.log.len(), came.lost, counted), (vec![0], 1, 0, [0, 0]));
    let block = Overflow::Block(Duration::from_millis(10));
    let (answered, ..) = play(&[Does::Takes(2_000)], &[(1, 1)], block);
    assert_eq!(answered.refused, 1);
    let closed = Overflow::FailClosed(Duration::from_millis(10));
    let (answered, ..) = play(&[Does::Takes(2_000)], &[(1, 1)], closed);
    assert_eq!(answered.refused, 1);
    let shed = Overflow::Shed(Duration::from_millis(10));
    let (answered, came, counted) = play(&[Does::Takes(2_000)], &[(1, 9), (1, 1)], shed);
    // The first is durable as its number is 0; neither is lost, for the log was only slow.
    assert_eq!((answered.refused, came.log.len(), came.shed, counted), (2, 2, 0, [0, 0]));
}
