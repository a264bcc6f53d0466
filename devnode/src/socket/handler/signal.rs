//! What the operator of a node hears of: messages, questions, progress, peers, bans, tips.
//!
//! A thread of the node that has something to tell waits for every listener. A client's call is answered when all that
//! it caused has been told.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use tokio::sync::Notify;

use super::Topic;
use crate::events::{EVENT_CAPACITY, Event, TipNews};
use crate::socket::answer::Fault;
use crate::socket::callback::{Callback, Caller, NodeThread, Trouble};
use crate::socket::connection::Connection;
use crate::socket::shared::Shared;

/// Text for people, as it is and translated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// As it is in the source.
    pub original: String,
    /// In the operator's language.
    pub translated: String,
}

/// Something for the operator.
#[derive(Clone, Debug, PartialEq)]
pub enum Signal {
    /// A step of the start.
    InitMessage(String),
    /// A message, and its style as a bit mask.
    MessageBox(Message, u32),
    /// A question, what is said where nobody can answer, and its style as a bit mask.
    Question(Message, String, u32),
    /// Long work went on.
    Progress {
        /// What it is; empty when it is over.
        title: String,
        /// Percent.
        progress: i32,
        /// Whether it could go on after a restart.
        resume_possible: bool,
    },
    /// The wallet loader was made.
    InitWallet,
    /// The number of peers changed to this.
    Connections(i32),
    /// The network was switched on or off.
    NetworkActive(bool),
    /// The warnings changed.
    Alert,
    /// A ban was made or lifted.
    BannedList,
    /// The tip changed. The number is the share of all transactions that the chain holds.
    BlockTip(TipNews, f64),
    /// The best header changed.
    HeaderTip(TipNews),
}

impl From<Event> for Signal {
    /// Events that are not for the operator do not come here; they would count as an alert.
    fn from(event: Event) -> Self {
        match event {
            Event::HeaderTip(tip) => Self::HeaderTip(tip),
            Event::BlockTip(tip, progress) => Self::BlockTip(tip, progress),
            Event::Progress(title, progress) => {
                Self::Progress { title: title.to_owned(), progress, resume_possible: false }
            }
            Event::Connections(count) => {
                Self::Connections(i32::try_from(count).unwrap_or(i32::MAX))
            }
            Event::NetworkActive(active) => Self::NetworkActive(active),
            Event::BannedList => Self::BannedList,
            _ => Self::Alert,
        }
    }
}

impl Signal {
    pub(super) fn topic(&self) -> Topic {
        match self {
            Self::InitMessage(_) => Topic::InitMessage,
            Self::MessageBox(..) => Topic::MessageBox,
            Self::Question(..) => Topic::Question,
            Self::Progress { .. } => Topic::Progress,
            Self::InitWallet => Topic::InitWallet,
            Self::Connections(_) => Topic::Connections,
            Self::NetworkActive(_) => Topic::NetworkActive,
            Self::Alert => Topic::Alert,
            Self::BannedList => Topic::BannedList,
            Self::BlockTip(..) => Topic::BlockTip,
            Self::HeaderTip(_) => Topic::HeaderTip,
        }
    }
}

/// Signals that were not told yet.
#[derive(Default)]
pub(in crate::socket) struct Signals {
    waiting: RefCell<VecDeque<Signal>>,
    more: Notify,
    /// Whether the task that tells what nobody else tells is there.
    works: Cell<bool>,
}

impl Signals {
    /// Adds a signal. The oldest is lost when there are too many.
    pub(in crate::socket) fn push(&self, signal: Signal) {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.len() == EVENT_CAPACITY {
            waiting.pop_front();
        }
        waiting.push_back(signal);
        self.more.notify_one();
    }

    fn take(&self) -> VecDeque<Signal> {
        std::mem::take(&mut self.waiting.borrow_mut())
    }
}

impl Shared {
    /// Tells everything that a client's call has caused, on the thread that runs the call.
    pub(in crate::socket) async fn tell_signals(&self, caller: &Caller) -> Result<(), Fault> {
        for signal in self.signals.take() {
            let net = Caller::Node(NodeThread::Net);
            let caller = if signal.topic() == Topic::Connections { &net } else { caller };
            self.tell_signal(&signal, caller)
                .await
                .map_err(|(connection, trouble)| connection.callback_failed(&trouble))?;
        }
        Ok(())
    }

    /// Tells a signal as the thread that loads the chain does, and gives the last listener's answer, if there was one.
    /// A running node seldom has a reason for some signals; this is how a test gives it one.
    pub async fn signal(&self, signal: Signal) -> Option<bool> {
        let caller = Caller::Node(NodeThread::InitLoad);
        match self.tell_signal(&signal, &caller).await {
            Ok(answer) => answer,
            Err((connection, trouble)) => {
                connection.note(Err(trouble));
                None
            }
        }
    }

    async fn tell_signal(
        &self,
        signal: &Signal,
        caller: &Caller,
    ) -> Result<Option<bool>, (Rc<Connection>, Trouble)> {
        let answer = Cell::new(None);
        let telling = async |callback: &Callback| {
            let said = callback.signal(caller, signal).await?;
            answer.set(said.or(answer.get()));
            Ok(())
        };
        let trouble =
            |callback: &Callback, trouble| Err((Rc::clone(&callback.connection), trouble));
        self.tell_all(signal.topic(), caller, telling, trouble).await?;
        Ok(answer.get())
    }

    /// Starts to tell what happens outside of clients' calls, if that is not done already.
    pub(super) fn start_signalling(self: &Rc<Self>) {
        if !self.signals.works.replace(true) {
            self.signals.take();
            tokio::task::spawn_local(Rc::clone(self).tell_what_happens());
        }
    }

    /// What no client caused comes from peers or from JSON-RPC, whose threads turn trouble into an answer of theirs.
    async fn tell_what_happens(self: Rc<Self>) {
        while self.handlers.has_operator() {
            for signal in self.signals.take() {
                let peers = signal.topic() == Topic::Connections;
                let thread = if peers { NodeThread::Net } else { NodeThread::Http };
                let told = self.tell_signal(&signal, &Caller::Node(thread)).await;
                match told {
                    Err((connection, trouble)) if peers => connection.note(Err(trouble)),
                    _ => {}
                }
            }
            self.signals.more.notified().await;
        }
        self.signals.works.set(false);
    }
}
