//! Who listens to what.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use bitcoin_grpc_contract::Inner;

use crate::socket::callback::{Callback, Caller, Trouble};
use crate::socket::connection::Connection;
use crate::socket::shared::Shared;

/// Most subscriptions that a node keeps, all clients together. Real nodes have no such limit.
pub(in crate::socket) const MAX_REGISTRATIONS: usize = 10_000;

/// What a subscription is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::socket) enum Topic {
    /// Changes of chain and mempool.
    Chain,
    /// A command of JSON-RPC.
    Command,
    /// Steps of the start.
    InitMessage,
    /// Messages to the operator.
    MessageBox,
    /// Questions to the operator.
    Question,
    /// Progress of long work.
    Progress,
    /// The wallet loader was made.
    InitWallet,
    /// The number of peers.
    Connections,
    /// The network, switched on or off.
    NetworkActive,
    /// Warnings.
    Alert,
    /// Bans.
    BannedList,
    /// New tips.
    BlockTip,
    /// New best headers.
    HeaderTip,
}

impl Topic {
    fn is_for_the_operator(self) -> bool {
        !matches!(self, Self::Chain | Self::Command)
    }

    /// The method that tells a callback that nothing more will come, if it has one.
    fn destroy(self) -> Option<Inner> {
        Some(match self {
            Self::Command => return None,
            Self::Chain => Inner::ChainNotificationsDestroy,
            Self::InitMessage => Inner::InitMessageCallbackDestroy,
            Self::MessageBox => Inner::MessageBoxCallbackDestroy,
            Self::Question => Inner::QuestionCallbackDestroy,
            Self::Progress => Inner::ShowNodeProgressCallbackDestroy,
            Self::InitWallet => Inner::InitWalletCallbackDestroy,
            Self::Connections => Inner::NotifyNumConnectionsChangedCallbackDestroy,
            Self::NetworkActive => Inner::NotifyNetworkActiveChangedCallbackDestroy,
            Self::Alert => Inner::NotifyAlertChangedCallbackDestroy,
            Self::BannedList => Inner::BannedListChangedCallbackDestroy,
            Self::BlockTip => Inner::NotifyBlockTipCallbackDestroy,
            Self::HeaderTip => Inner::NotifyHeaderTipCallbackDestroy,
        })
    }
}

/// One subscription.
pub(in crate::socket) struct Registration {
    pub(in crate::socket) topic: Topic,
    pub(in crate::socket) callback: Callback,
    /// Later ones have greater numbers.
    number: u64,
    connected: Cell<bool>,
    /// Something is being told right now.
    busy: Cell<bool>,
}

impl Registration {
    /// Whether it has not ended.
    pub(super) fn is_connected(&self) -> bool {
        self.connected.get()
    }

    /// Tells something unless the subscription has ended. If it ends meanwhile, the callback is told so afterwards.
    pub(super) async fn tell<'a>(
        &'a self,
        caller: &'a Caller,
        telling: impl Future<Output = Result<(), Trouble>>,
    ) -> Result<(), Trouble> {
        if !self.connected.get() || self.callback.connection.is_dead() {
            return Ok(());
        }
        self.busy.set(true);
        let told = telling.await;
        self.busy.set(false);
        told?;
        match self.connected.get() {
            true => Ok(()),
            false => self.tell_end(caller).await,
        }
    }

    /// There is nobody to tell if the callback is null.
    async fn tell_end(&self, caller: &Caller) -> Result<(), Trouble> {
        let Some(destroy) = self.topic.destroy() else { return Ok(()) };
        match self.callback.end(caller, destroy).await {
            Err(Trouble::Null) => Ok(()),
            told => told,
        }
    }

    /// Ends the subscription.
    pub(super) async fn end(&self, caller: &Caller) -> Result<(), Trouble> {
        if !self.connected.replace(false) {
            return Ok(());
        }
        let shared = &self.callback.connection.shared;
        shared.handlers.remove(self.number);
        match self.busy.get() {
            true => Ok(()),
            false => self.tell_end(caller).await,
        }
    }
}

/// All subscriptions, in the order in which they were made.
#[derive(Default)]
pub(in crate::socket) struct Registry {
    list: RefCell<Vec<Rc<Registration>>>,
    made: Cell<u64>,
}

impl Registry {
    /// Adds a subscription; none if there are too many.
    pub(super) fn add(&self, topic: Topic, callback: Callback) -> Option<Rc<Registration>> {
        if self.list.borrow().len() == MAX_REGISTRATIONS {
            return None;
        }
        let number = self.made.get() + 1;
        self.made.set(number);
        let (connected, busy) = (Cell::new(true), Cell::new(false));
        let registration = Rc::new(Registration { topic, callback, number, connected, busy });
        self.list.borrow_mut().push(Rc::clone(&registration));
        Some(registration)
    }

    /// The next subscription to a topic after the one with a number, which need not exist any more.
    fn after(&self, topic: Topic, number: u64) -> Option<Rc<Registration>> {
        let list = self.list.borrow();
        list.iter().find(|known| known.topic == topic && known.number > number).cloned()
    }

    /// Whether anybody listens.
    pub(super) fn has(&self, topic: Topic) -> bool {
        self.after(topic, 0).is_some()
    }

    /// Whether anybody listens to anything but changes of chain and mempool.
    pub(super) fn has_operator(&self) -> bool {
        self.list.borrow().iter().any(|known| known.topic.is_for_the_operator())
    }

    fn remove(&self, number: u64) {
        self.list.borrow_mut().retain(|known| known.number != number);
    }

    /// Forgets all subscriptions of a connection. Whether there were any.
    pub(super) fn forget(&self, connection: &Connection) -> bool {
        let (gone, kept): (Vec<_>, _) = std::mem::take(&mut *self.list.borrow_mut())
            .into_iter()
            .partition(|known| std::ptr::eq(Rc::as_ptr(&known.callback.connection), connection));
        self.list.replace(kept);
        gone.iter().for_each(|known| known.connected.set(false));
        !gone.is_empty()
    }
}

impl Shared {
    /// Tells everybody who listens to a topic, one after the other, in the order in which they subscribed. Whoever
    /// subscribes meanwhile is told too. What to do about trouble is for the caller to say; after an error nobody else
    /// is told.
    pub(super) async fn tell_all<E>(
        &self,
        topic: Topic,
        caller: &Caller,
        telling: impl AsyncFn(&Callback) -> Result<(), Trouble>,
        trouble: impl Fn(&Callback, Trouble) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut last = 0;
        while let Some(next) = self.handlers.after(topic, last) {
            last = next.number;
            let told = next.tell(caller, telling(&next.callback)).await;
            told.or_else(|error| trouble(&next.callback, error))?;
        }
        Ok(())
    }
}
