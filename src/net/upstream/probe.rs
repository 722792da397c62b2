//! Asks each endpoint of the app whether it is well, before requests find out that it is not.
//!
//! A thread of its own, with one task for each endpoint. It ends when nobody knows the places any more.
//! Never: says anything of a request or a caller, or waits longer than it is told.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::Weak;
use std::time::Duration;

use super::endpoint::Endpoint;
use super::fleet::Known;
use super::fleet::Spot;
use super::link;

/// How an endpoint is asked.
#[derive(Debug, Clone)]
pub struct Check {
    /// What is asked for: a path, and a query if it has one.
    pub path: http::uri::PathAndQuery,
    /// From the end of one question to the next.
    pub every: Duration,
    /// Longest that an answer takes, the connection included.
    pub timeout: Duration,
    /// So many good answers in a row, and it is well again.
    pub healthy_after: u32,
    /// So many that are none in a row, and it is not.
    pub unhealthy_after: u32,
}

/// What one endpoint's answers came to.
#[derive(Debug, Default)]
struct Row {
    is_down: bool,
    /// So many in a row say the opposite.
    against: u32,
}

impl Row {
    /// Takes an answer; says what it is taken for from now on, where that is another thing than before.
    fn took(&mut self, is_well: bool, check: &Check) -> Option<bool> {
        if is_well != self.is_down {
            self.against = 0;
            return None;
        }
        self.against = self.against.saturating_add(1);
        let enough = if self.is_down { check.healthy_after } else { check.unhealthy_after };
        if self.against < enough {
            return None;
        }
        *self = Self { is_down: !self.is_down, against: 0 };
        Some(self.is_down)
    }
}

/// Begins to ask, where anybody is to be asked.
pub(super) fn start(all: &[Arc<Known>]) -> io::Result<()> {
    let asked = all.iter().filter(|known| known.settings.check.is_some());
    let asked: Vec<(Weak<Known>, usize)> =
        asked.flat_map(|known| (0..known.spots.len()).map(move |at| (Arc::downgrade(known), at))).collect();
    if asked.is_empty() {
        return Ok(());
    }
    let asks = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return tracing::error!(%error, "nobody asks whether the app is well"),
        };
        let tasks = tokio::task::LocalSet::new();
        for (known, at) in asked {
            tasks.spawn_local(look_after(known, at));
        }
        runtime.block_on(tasks);
    };
    std::thread::Builder::new().name("upstream-health".to_owned()).spawn(asks).map(drop)
}

async fn look_after(known: Weak<Known>, at: usize) {
    let mut row = Row::default();
    loop {
        let Some(known) = known.upgrade() else { return };
        let (Some(check), Some(spot)) = (&known.settings.check, known.spots.get(at)) else { return };
        let asking = tokio::time::timeout(check.timeout, ask(&known, spot, check));
        let is_well = asking.await.is_ok_and(|is_well| is_well);
        spot.health.asked(is_well);
        if let Some(is_down) = row.took(is_well, check) {
            spot.health.found(is_down);
            let (upstream, endpoint) = (&*known.settings.name, &spot.address);
            if is_down {
                tracing::warn!(upstream, %endpoint, "an endpoint of the app is not well; it gets no requests");
            } else {
                tracing::info!(upstream, %endpoint, "an endpoint of the app is well again");
            }
        }
        let every = check.every;
        drop(known);
        tokio::time::sleep(every).await;
    }
}

/// Is it well? Each time by a new connection, as the first request to it would need one.
async fn ask(known: &Arc<Known>, spot: &Arc<Spot>, check: &Check) -> bool {
    let endpoint = Endpoint::new(known, spot, &Rc::default(), &Rc::default());
    let protocol = known.settings.protocol;
    let Ok((stream, open, _)) = endpoint.dial(protocol).await else { return false };
    let status = link::ask(stream, protocol, &spot.host(), check.path.clone()).await;
    drop(open);
    status.is_some_and(|status| status.is_success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_answers_in_a_row_are_needed_to_believe_them() {
        let check = Check {
            path: http::uri::PathAndQuery::from_static("/"),
            every: Duration::ZERO,
            timeout: Duration::ZERO,
            healthy_after: 2,
            unhealthy_after: 3,
        };
        let mut row = Row::default();
        let answers = [false, false, true, false, false, false, false, true, false, true, true, true, false];
        let found = answers.map(|is_well| row.took(is_well, &check));
        let mut expected = [None; 13];
        (expected[5], expected[10]) = (Some(true), Some(false));
        assert_eq!(found, expected);
    }
}
