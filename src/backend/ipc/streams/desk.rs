//! Opens the streams of one session, and ends them with it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bitcoin_grpc_contract::{Form, Method, Request};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::answers;
use super::conversation::{self, Asked, Conversation};
use super::entry::Filter;
use super::hub::{Hub, Opened, Opening};
use super::lookout::Lookout;
use super::mempool::{self, Mempool};
use super::object::{self, Ear};
use super::register::Control;
use super::ring::{Reader, Ring};
use super::subscriber::Subscriber;
use super::topic::Topic;
use super::wallet::{Loaded, Namer, OfWallet};
use crate::backend::ipc::link::Link;
use crate::backend::ipc::translate;
use crate::backend::ipc::wallets::Wallets;
use crate::error::CallError;
use crate::stream::EventStream;

/// How long the node's last words about all subscriptions are waited for. Each is a round trip.
const UNREGISTER_LIMIT: Duration = Duration::from_secs(3);

/// Kinds of events of single wallets that are subscribed to on the node at once: all six kinds of a
/// score of wallets. Each may keep some MB of events.
const WALLET_TOPICS: usize = 128;

/// A kind of events; and the wallet whose events they are, if they are those of a wallet.
type Key = (Method, Option<String>);

/// The streams of a session.
pub(in crate::backend::ipc) struct Desk {
    link: Rc<Link>,
    hub: Arc<Hub>,
    patience: Duration,
    control: Control,
    /// Updates of settings hold a thread of the node until their client has answered.
    updates: Control,
    mempool: Mempool,
    lookout: Rc<Lookout>,
    wallets: Rc<Wallets>,
    topics: RefCell<BTreeMap<Key, Rc<Topic>>>,
    /// Places for topics of wallets.
    places: Arc<Semaphore>,
    /// Rings that are told of the end. Those that nobody has any more are forgotten now and then.
    rings: RefCell<Vec<Weak<Ring>>>,
    /// Whether the node has ever been given an object.
    passed: Cell<bool>,
    /// Everything that has to end before the connection may.
    work: TaskTracker,
    /// Why the session ends, once it does.
    ending: watch::Sender<Option<CallError>>,
    taking: RefCell<Option<AbortHandle>>,
}

impl Desk {
    /// What opens streams, once it [begins](Self::begin).
    ///
    /// What the node has not answered for as long as `patience` keeps nobody else waiting.
    pub(in crate::backend::ipc) fn open(
        link: &Rc<Link>,
        hub: &Arc<Hub>,
        wallets: &Rc<Wallets>,
        patience: Duration,
    ) -> Rc<Self> {
        Rc::new(Self {
            link: Rc::clone(link),
            hub: Arc::clone(hub),
            patience,
            control: Control::new(link, patience),
            updates: Control::new(link, patience + answers::SETTING),
            mempool: Mempool::new(Control::new(link, patience)),
            lookout: Lookout::new(link, patience),
            wallets: Rc::clone(wallets),
            places: Arc::new(Semaphore::new(WALLET_TOPICS)),
            topics: RefCell::default(),
            rings: RefCell::default(),
            passed: Cell::default(),
            work: TaskTracker::new(),
            ending: watch::channel(None).0,
            taking: RefCell::default(),
        })
    }

    /// Opens what waits, then what comes.
    pub(in crate::backend::ipc) async fn begin(self: &Rc<Self>) {
        while let Some(opening) = self.hub.try_next() {
            Rc::clone(self).answer(opening).await;
        }
        let taking = spawn_local(Rc::clone(self).take());
        *self.taking.borrow_mut() = Some(taking.abort_handle());
    }

    async fn take(self: Rc<Self>) {
        loop {
            let opening = self.hub.next().await;
            self.work.spawn_local(Rc::clone(&self).answer(opening));
        }
    }

    /// Ends all streams, takes every object back and awaits the node's word.
    pub(in crate::backend::ipc) async fn close(&self, why: &CallError) {
        if let Some(taking) = self.taking.borrow_mut().take() {
            taking.abort();
        }
        self.hub.clear(why);
        self.ending.send_replace(Some(why.clone()));
        for ring in self.rings.borrow_mut().drain(..).filter_map(|ring| ring.upgrade()) {
            ring.end(Some(why.clone()));
        }
        self.work.close();
        if timeout(UNREGISTER_LIMIT, self.work.wait()).await.is_err() {
            tracing::warn!("the node did not confirm the end of every subscription in time");
        }
        self.wallets.close();
        self.link.bin.emptiness().await;
        self.lookout.end();
    }

    /// Whether the node has ever been given objects of ours.
    pub(in crate::backend::ipc) fn has_passed_objects(&self) -> bool {
        self.passed.get()
    }

    async fn answer(self: Rc<Self>, opening: Opening) {
        let Opening { request, reply } = opening;
        if reply.is_closed() {
            return;
        }
        self.passed.set(true);
        let ending = self.ending.borrow().clone();
        let opened = match ending {
            Some(why) => Err(why),
            None => match self.hub.permit(self.link.profile) {
                Ok(()) => Rc::clone(&self).start(request).await,
                Err(error) => Err(error),
            },
        };
        // A caller that left meanwhile unsubscribes by it.
        let _ = reply.send(opened);
    }

    async fn start(self: Rc<Self>, request: Request) -> Opened {
        let form = request.method().info().form;
        match (&request, form) {
            (Request::ChainRequestMempoolTransactions(_), _) => self.list_mempool(request).await,
            (Request::ChainUpdateRwSetting(_), _) => self.update(request).await,
            (_, Form::Bidirectional) => self.converse(request).await,
            _ => self.subscribe(request).await,
        }
    }

    async fn subscribe(self: Rc<Self>, request: Request) -> Opened {
        let filter = Filter::of(&request);
        let topic = self.topic(request)?;
        // What happens from here on is read; the tip is asked for later, so nothing falls between.
        let reader = topic.ring.reader();
        topic.registered().await?;
        self.stream(reader, filter, &topic.ring).await
    }

    async fn stream(&self, reader: Reader, filter: Filter, ring: &Ring) -> Opened {
        let tip = self.control.tip().await?;
        Ok(EventStream::new(Subscriber::new(reader, filter, tip, ring.bounds())))
    }

    /// The topic of a request, registered now if it was not.
    fn topic(self: &Rc<Self>, request: Request) -> Result<Rc<Topic>, CallError> {
        let key = (request.method(), request.key().map(str::to_owned));
        let known = self.topics.borrow().get(&key).cloned();
        let good = |topic: &Rc<Topic>| !topic.ring.has_ended() && !topic.is_overdue(self.patience);
        if let Some(topic) = known.filter(good) {
            return Ok(topic);
        }
        let place = key.1.as_ref().map(|_| self.place()).transpose()?;
        let topic = Topic::new(key.0, key.1.clone());
        self.watch(&topic.ring);
        self.topics.borrow_mut().insert(key, Rc::clone(&topic));
        let keeping = Rc::clone(self).keep(Rc::clone(&topic), request);
        self.work.spawn_local(async move {
            keeping.await;
            drop(place);
        });
        Ok(topic)
    }

    fn place(&self) -> Result<OwnedSemaphorePermit, CallError> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        place.map_err(|_| CallError::TooManyStreams { limit: WALLET_TOPICS })
    }

    /// Takes note that a wallet is being unloaded, and lets go of it.
    pub(super) fn unloaded(&self, wallet: &str) {
        self.wallets.forget(wallet);
        let topics = self.topics.borrow();
        for topic in topics.values().filter(|topic| topic.wallet.as_deref() == Some(wallet)) {
            topic.ring.end(Some(CallError::WalletNotLoaded(wallet.to_owned())));
        }
    }

    fn watch(&self, ring: &Arc<Ring>) {
        let mut rings = self.rings.borrow_mut();
        rings.retain(|ring| ring.strong_count() > 0);
        rings.push(Arc::downgrade(ring));
        if let Some(why) = &*self.ending.borrow() {
            ring.end(Some(why.clone()));
        }
    }

    /// Keeps the node's one subscription for as long as somebody reads its ring. The first reader
    /// joins before this task has its first turn.
    async fn keep(self: Rc<Self>, topic: Rc<Topic>, request: Request) {
        let post = self.lookout.post();
        let (ear, namer) = self.ear(&topic);
        let object = object::client(self.link.profile, ear);
        match self.control.register(&request, &object, &self.wallets).await {
            Ok(registration) => {
                topic.set_registered(Ok(()));
                self.serve(&topic.ring, namer).await;
                self.forget(&topic);
                self.control.unregister(registration).await;
            }
            Err(error) => {
                self.forget(&topic);
                topic.ring.end(Some(error.clone()));
                topic.set_registered(Err(error));
            }
        }
        drop(post);
    }

    /// What hears the events of a topic, and what finds out the names of wallets in them.
    fn ear(self: &Rc<Self>, topic: &Rc<Topic>) -> (Rc<dyn Ear>, Option<Namer>) {
        if let Some(name) = topic.wallet.clone() {
            let (topic, desk) = (Rc::clone(topic), Rc::downgrade(self));
            return (Rc::new(OfWallet { topic, name, desk }), None);
        }
        if topic.method == Method::WalletLoaderHandleLoadWallet {
            let (ear, namer) = Loaded::new(topic, &self.link);
            return (ear, Some(namer));
        }
        (Rc::<Topic>::clone(topic), None)
    }

    /// Completes once nobody reads a topic any more.
    async fn serve(&self, ring: &Ring, namer: Option<Namer>) {
        let naming = async {
            if let Some(namer) = namer {
                namer.run(&self.control, &self.wallets).await;
            }
            std::future::pending().await
        };
        tokio::select! {
            () = self.until_over(ring) => {}
            () = naming => {}
        }
    }

    async fn until_over(&self, ring: &Ring) {
        let mut ending = self.ending.subscribe();
        tokio::select! {
            () = ring.over() => {}
            _ = ending.wait_for(Option::is_some) => {}
        }
    }

    fn forget(&self, topic: &Rc<Topic>) {
        self.topics.borrow_mut().retain(|_, known| !Rc::ptr_eq(known, topic));
    }

    async fn list_mempool(self: Rc<Self>, request: Request) -> Opened {
        let reader = match self.mempool.join() {
            Some(reader) => reader,
            None => {
                let ring = self.mempool.begin();
                self.watch(&ring);
                let reader = ring.reader();
                let desk = Rc::clone(&self);
                self.work.spawn_local(async move { desk.mempool.run(&ring, &request).await });
                reader
            }
        };
        let tip = self.control.tip().await?;
        Ok(EventStream::new(Subscriber::new(reader, Filter::default(), tip, mempool::BOUNDS)))
    }

    /// A conversation about an object that the node keeps.
    async fn converse(self: Rc<Self>, request: Request) -> Opened {
        let (conversation, stream) = self.conversation(&request).await?;
        let (registered, answer) = oneshot::channel();
        let desk = Rc::clone(&self);
        self.work.spawn_local(async move {
            let post = desk.lookout.post();
            let asked = Rc::new(Asked(Arc::clone(&conversation)));
            let object = object::client(desk.link.profile, asked);
            match desk.control.register(&request, &object, &desk.wallets).await {
                Ok(registration) => {
                    let _ = registered.send(Ok(()));
                    desk.until_over(&conversation.ring).await;
                    desk.control.unregister(registration).await;
                }
                Err(error) => drop(registered.send(Err(error))),
            }
            drop(post);
        });
        answer.await.unwrap_or(Err(CallError::NodeLost))?;
        Ok(stream)
    }

    /// A conversation that lasts as long as one call.
    async fn update(self: Rc<Self>, request: Request) -> Opened {
        let (conversation, stream) = self.conversation(&request).await?;
        let desk = Rc::clone(&self);
        self.work.spawn_local(async move {
            let ring = &conversation.ring;
            let asked = Rc::new(Asked(Arc::clone(&conversation)));
            let object = object::client(desk.link.profile, asked);
            let turn = match desk.updates.turn().await {
                // Its client has left before its turn came.
                Ok(_) if ring.readers() == 0 || ring.has_ended() => return,
                Ok(turn) => turn,
                Err(error) => return conversation.conclude(Err(error)),
            };
            let _apart = match desk.link.apart.turn(desk.link.profile, &request).await {
                Ok(apart) => apart,
                Err(error) => return conversation.conclude(Err(error)),
            };
            if ring.readers() == 0 || ring.has_ended() {
                return;
            }
            ring.commit();
            let caller = turn.caller();
            let mut update = pin!(caller.lend(&request, &object));
            match timeout(desk.patience + answers::SETTING, &mut update).await {
                Ok(outcome) => conversation.conclude(outcome),
                Err(_) => {
                    conversation.conclude(Err(CallError::DeadlineExceeded));
                    // The thread is free when the node has answered after all.
                    let _ = update.await;
                }
            }
        });
        Ok(stream)
    }

    async fn conversation(
        &self,
        request: &Request,
    ) -> Result<(Arc<Conversation>, EventStream), CallError> {
        let turn = self.control.turn().await?;
        translate::check(turn.caller(), request).await?;
        drop(turn);
        let conversation = Conversation::new(request);
        self.watch(&conversation.ring);
        let reader = conversation.ring.reader();
        let tip = self.control.tip().await?;
        let subscriber = Subscriber::new(reader, Filter::default(), tip, conversation::BOUNDS);
        let stream = conversation.stream(subscriber);
        Ok((conversation, stream))
    }
}
