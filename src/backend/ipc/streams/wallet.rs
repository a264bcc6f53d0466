//! What is told of single wallets, and of wallets being loaded.
//!
//! A wallet that is unloaded says so first, and then lets go of every object it was given. Either ends
//! the streams of its events.

use std::rc::{Rc, Weak};
use std::time::SystemTime;

use bitcoin_grpc_contract::transfer::ObjectPlace;
use bitcoin_grpc_contract::{Event, callback};
use capnp::capability::Client;
use tokio::sync::mpsc;

use super::desk::Desk;
use super::entry::Entry;
use super::object::{Answering, Ear};
use super::register::Control;
use super::topic::Topic;
use crate::backend::ipc::fault::RETRY_AFTER;
use crate::backend::ipc::held::Held;
use crate::backend::ipc::link::Link;
use crate::backend::ipc::wallets::{self, Wallets};
use crate::error::CallError;

/// Wallets that may wait to be asked for their names. A node loads them one by one, which takes it
/// longer than an answer.
const NAMELESS: usize = 64;

/// Hears one kind of events of one wallet.
pub(super) struct OfWallet {
    pub(super) topic: Rc<Topic>,
    pub(super) name: String,
    pub(super) desk: Weak<Desk>,
}

impl Ear for OfWallet {
    fn hear(self: Rc<Self>, event: Event) -> Option<Answering> {
        let unloads = matches!(event, Event::UnloadWalletCallbackCall(_));
        Rc::clone(&self.topic).hear(event);
        if unloads {
            // There is no second unloading.
            self.topic.ring.end(None);
            if let Some(desk) = self.desk.upgrade() {
                desk.unloaded(&self.name);
            }
        }
        None
    }

    fn misheard(&self, why: String) {
        self.topic.misheard(why);
    }

    fn released(&self) {
        self.topic.ring.end(Some(CallError::WalletNotLoaded(self.name.clone())));
    }
}

/// A wallet that the node has told of.
struct Nameless {
    event: Event,
    time: SystemTime,
    wallet: Rc<Held>,
}

/// Hears of wallets being loaded. They are asked for their names after the node was answered, as it
/// holds locks until then.
pub(super) struct Loaded {
    topic: Rc<Topic>,
    link: Rc<Link>,
    line: mpsc::Sender<Nameless>,
}

/// The wallets without names yet.
pub(super) struct Namer {
    topic: Rc<Topic>,
    line: mpsc::Receiver<Nameless>,
}

impl Loaded {
    /// Hears for a topic, and what finds out the names.
    pub(super) fn new(topic: &Rc<Topic>, link: &Rc<Link>) -> (Rc<Self>, Namer) {
        let (line, waiting) = mpsc::channel(NAMELESS);
        let ear = Self { topic: Rc::clone(topic), link: Rc::clone(link), line };
        (Rc::new(ear), Namer { topic: Rc::clone(topic), line: waiting })
    }
}

impl Ear for Loaded {
    fn hear(self: Rc<Self>, _: Event) -> Option<Answering> {
        self.misheard("a wallet was loaded, and not passed".to_owned());
        None
    }

    fn hear_with(self: Rc<Self>, event: Event, objects: Vec<Option<Client>>) -> Option<Answering> {
        let Some(wallet) = objects.into_iter().flatten().next() else { return self.hear(event) };
        match wallets::hold(&self.link, wallet) {
            Ok(wallet) => {
                let nameless = Nameless { event, time: SystemTime::now(), wallet };
                if self.line.try_send(nameless).is_err() {
                    self.topic.ring.end(Some(CallError::Busy { retry_after: RETRY_AFTER }));
                }
            }
            Err(error) => self.topic.ring.end(Some(error)),
        }
        None
    }

    fn misheard(&self, why: String) {
        self.topic.misheard(why);
    }
}

impl Namer {
    /// Asks wallets for their names, one after the other, and tells of each once it has one.
    pub(super) async fn run(mut self, control: &Control, wallets: &Rc<Wallets>) {
        while let Some(nameless) = self.line.recv().await {
            match introduce(nameless, control, wallets).await {
                Ok((event, time)) => {
                    if let Some(entry) = Entry::arrived(self.topic.method, event, time) {
                        self.topic.ring.push(entry);
                    }
                }
                Err(error) => self.topic.ring.end(Some(error)),
            }
        }
    }
}

async fn introduce(
    nameless: Nameless,
    control: &Control,
    wallets: &Rc<Wallets>,
) -> Result<(Event, SystemTime), CallError> {
    let Nameless { mut event, time, wallet } = nameless;
    let name = wallets::name_of(control.turn().await?.caller(), &wallet).await?;
    // Whoever hears of it is likely to use it next.
    wallets.warm(name.clone(), wallet);
    for place in callback::event_places(&mut event) {
        if let ObjectPlace::Name(place) = place {
            place.clone_from(&name);
        }
    }
    Ok((event, time))
}
