//! A connection of HTTP/2 to the app, which carries many requests at a time; and those of one endpoint.
//!
//! Never: lets more requests onto one than its bound, or a new one onto one that is not to be used any more.

use std::cell::Cell;
use std::cell::RefCell;
use std::rc::Rc;

use hyper::body::Incoming;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::limits;
use crate::request::Failure;

use super::link;
use super::link::Made;
use super::link::Many;
use super::link::Missed;
use super::link::Request;

/// A connection that carries many requests.
#[derive(Debug)]
pub(super) struct Trunk {
    pub(super) sender: Many,
    pub(super) task: AbortHandle,
    pub(super) made: Made,
    pub(super) heard: Rc<Cell<u32>>,
    /// How the app is called on it: `http` or `https`.
    pub(super) scheme: http::uri::Scheme,
    lanes: Cell<usize>,
    /// The tick since when it has carried nothing.
    idle_since: Cell<u32>,
    /// It did not take a request, so that it gets no further one.
    is_over: Cell<bool>,
}

impl Trunk {
    pub(super) fn new(
        (sender, task): (Many, AbortHandle),
        made: Made,
        heard: Rc<Cell<u32>>,
        scheme: http::uri::Scheme,
    ) -> Self {
        Self {
            sender,
            task,
            made,
            heard,
            scheme,
            lanes: Cell::new(0),
            idle_since: Cell::new(0),
            is_over: Cell::new(false),
        }
    }

    fn is_free(&self) -> bool {
        !self.sender.is_closed() && !self.is_over.get() && self.lanes.get() < limits::UPSTREAM_STREAMS_MAX
    }
}

/// One request's place on such a connection, to the end of its answer.
#[derive(Debug)]
pub(super) struct Lane {
    trunk: Rc<Trunk>,
    all: Rc<Trunks>,
    /// The tick in which its request was sent, and what had been heard by then, while there is no answer.
    waits: Cell<Option<(u32, u32)>>,
}

/// Whoever leaves after so many ticks without a word on the whole connection has waited for nobody.
const SILENT_TICKS: u32 = 4;

impl Lane {
    /// Sends a request, and gives the head of its answer.
    pub(super) async fn send(&self, request: Box<Request>) -> Result<http::Response<Incoming>, Missed> {
        self.waits.set(Some((self.all.now.get(), self.trunk.heard.get())));
        let sent = link::send_many(&self.trunk, request).await;
        self.waits.set(None);
        if matches!(&sent, Err(Missed { unsent: Some(_), .. })) {
            self.trunk.is_over.set(true);
        }
        sent
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.trunk.lanes.set(self.trunk.lanes.get().saturating_sub(1));
        let now = self.all.now.get();
        self.trunk.idle_since.set(now);
        if let Some((since, heard)) = self.waits.get()
            && heard == self.trunk.heard.get()
            && now.saturating_sub(since) >= SILENT_TICKS
        {
            self.trunk.is_over.set(true);
        }
    }
}

/// Those of one endpoint.
#[derive(Debug, Default)]
pub(super) struct Trunks {
    all: RefCell<Vec<Rc<Trunk>>>,
    /// Somebody makes one, and others wait for it.
    made: RefCell<Option<Rc<Making>>>,
    now: Cell<u32>,
}

/// One that is being made.
#[derive(Debug, Default)]
struct Making {
    ends: Notify,
    failure: Cell<Option<Failure>>,
}

/// What a request is given.
pub(super) enum Place {
    /// A place on a connection.
    Lane(Lane),
    /// The task to make one.
    Make(Maker),
}

/// Whoever makes a connection. Others are told when it is there, or that it will not be.
pub(super) struct Maker {
    all: Rc<Trunks>,
    making: Rc<Making>,
}

impl Maker {
    /// It is there.
    pub(super) fn made(self, trunk: Trunk) -> Lane {
        let trunk = Rc::new(trunk);
        self.all.all.borrow_mut().push(Rc::clone(&trunk));
        self.all.lane(&trunk)
    }

    /// It will not be there.
    pub(super) fn failed(self, failure: Failure) -> Failure {
        self.making.failure.set(Some(failure));
        failure
    }
}

impl Drop for Maker {
    fn drop(&mut self) {
        self.all.made.replace(None);
        self.making.ends.notify_waiters();
    }
}

impl Trunks {
    fn lane(self: &Rc<Self>, trunk: &Rc<Trunk>) -> Lane {
        trunk.lanes.set(trunk.lanes.get().saturating_add(1));
        Lane { trunk: Rc::clone(trunk), all: Rc::clone(self), waits: Cell::new(None) }
    }

    /// A place on a connection that is there, or is being made.
    pub(super) async fn place(self: &Rc<Self>) -> Result<Place, Failure> {
        loop {
            let free = self.all.borrow().iter().find(|trunk| trunk.is_free()).cloned();
            if let Some(trunk) = free {
                return Ok(Place::Lane(self.lane(&trunk)));
            }
            let making = self.made.borrow().clone();
            let Some(making) = making else {
                let making = Rc::new(Making::default());
                self.made.replace(Some(Rc::clone(&making)));
                return Ok(Place::Make(Maker { all: Rc::clone(self), making }));
            };
            making.ends.notified().await;
            if let Some(failure) = making.failure.get() {
                return Err(failure);
            }
        }
    }

    /// Closes what has carried nothing for so many ticks, and lets nothing more onto what does not stand any longer.
    pub(super) fn sweep(&self, now: u32, keep_ticks: u32, stands: impl Fn(&Made) -> bool) {
        self.now.set(now);
        self.all.borrow_mut().retain(|trunk| {
            let is_idle = trunk.lanes.get() == 0;
            let is_over = trunk.sender.is_closed() || trunk.is_over.get() || !stands(&trunk.made);
            let is_unused = is_idle && now.saturating_sub(trunk.idle_since.get()) >= keep_ticks;
            let stays = !is_over && !is_unused;
            if !stays && is_idle {
                trunk.task.abort();
            }
            stays
        });
    }

    /// Closes what is idle.
    pub(super) fn forget_idle(&self) {
        self.all.borrow_mut().retain(|trunk| {
            let is_idle = trunk.lanes.get() == 0;
            if is_idle {
                trunk.task.abort();
            }
            !is_idle
        });
    }
}
