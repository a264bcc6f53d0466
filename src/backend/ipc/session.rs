//! A group of connections to one run of a node, and the server threads on them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bitcoin_grpc_contract::wire::proxy_capnp::thread;
use bitcoin_grpc_contract::{Method, Profile, Service, Slot, v1};
use futures_util::future::select_all;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::timeout;

use super::config::IpcConfig;
use super::connection::{Connection, OpenError};
use super::connector::Connector;
use super::detect::{self, DetectError};
use super::held::Holdings;
use super::leases::{Ended, Home};
use super::link::{Caller, Link};
use super::queue::{Lane, Queue};
use super::ready::{self, Tip};
use super::signs::Signs;
use super::spawn::{Lifecycle, SettingsError, SpawnConfig, global_args};
use super::streams::{Desk, Hub};
use super::wallets::Wallets;
use super::worker::{Crew, Worker};
use crate::error::{CallError, LeaseEnd};

/// How long connecting and finding out the generation may take: a dozen round trips.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// Services whose objects may be made while the node still loads. Mining is not among them: newer
/// generations answer only once the chain is loaded.
const EARLY: [Service; 4] = [Service::Echo, Service::Chain, Service::Node, Service::Rpc];

/// An RPC command that only nodes with wallets have.
const WALLET_COMMAND: &str = "createwallet";

/// How long a node that has had objects of ours may take to close the connection when it shuts down. The
/// branches of #10102 close it within a tenth of a second, and were seen to corrupt their memory when
/// both sides closed it at once; those of #29409 wait for us.
const NODE_CLOSES: Duration = Duration::from_secs(1);

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    /// No connection.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// No generation.
    #[error(transparent)]
    Detect(#[from] DetectError),
    /// An object could not be made.
    #[error("the node went away while its objects were made: {0}")]
    Objects(#[from] capnp::Error),
    /// A call that belongs to connecting failed.
    #[error("the node did not answer a question about its state: {0}")]
    Question(#[from] CallError),
    /// A node could not be started.
    #[error("cannot start {0}: {1}")]
    Spawn(String, std::io::Error),
    /// A spawned node would have no settings.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A spawned node is not there to be connected to.
    #[error("{0}")]
    Absent(&'static str),
    /// The node serves a descriptor, but has no methods that would make it run.
    #[error("a node of this generation ({0}) cannot be led by its descriptor")]
    NotLed(&'static str),
    /// A spawned node does not come to run.
    #[error("{0}")]
    Unstarted(String),
    /// A caller had the node stopped.
    #[error("the node was stopped by a caller")]
    Unwanted,
    /// A spawned node ended.
    #[error("the node ended ({0})")]
    Exited(String),
    /// It took too long.
    #[error("the node did not finish the handshake within {} s", HANDSHAKE_LIMIT.as_secs())]
    Slow,
    /// The node is about to end.
    #[error("the node is shutting down")]
    Ending,
    /// The connection was lost.
    #[error("the connection to the node was lost")]
    Lost,
}

/// Connections to one run of a node.
pub(super) struct Session {
    pub(super) profile: &'static Profile,
    pub(super) signs: Rc<Signs>,
    connector: Connector,
    links: Vec<Rc<Link>>,
    crew: RefCell<Option<Rc<Crew>>>,
    holding: RefCell<Option<Holding>>,
    desk: RefCell<Option<Rc<Desk>>>,
    has_wallets: Cell<bool>,
    wallets: Rc<Wallets>,
}

/// The objects that callers hold leases on, and the task that ends the leases.
struct Holding {
    holdings: Rc<Holdings>,
    task: JoinHandle<()>,
}

fn hold(holdings: &Rc<Holdings>, mut ended: mpsc::UnboundedReceiver<Ended>) -> Holding {
    let kept = Rc::clone(holdings);
    let task = spawn_local(async move {
        tokio::select! {
            () = kept.leases.keep_time(&kept.home) => {}
            () = kept.let_go(&mut ended) => {}
        }
    });
    Holding { holdings: Rc::clone(holdings), task }
}

impl Session {
    /// Connects, finds out the generation, and makes the objects that can be made at any time.
    pub(super) async fn establish(
        config: &IpcConfig,
        connector: &Connector,
    ) -> Result<Self, SessionError> {
        let connecting = Self::connect_all(config, connector);
        timeout(HANDSHAKE_LIMIT, connecting).await.unwrap_or(Err(SessionError::Slow))
    }

    async fn connect_all(config: &IpcConfig, connector: &Connector) -> Result<Self, SessionError> {
        let signs = Rc::new(Signs::default());
        let first = connect(connector, config.profile, &signs, config).await?;
        let profile = first.profile;
        let mut links = vec![Rc::new(first)];
        while links.len() < config.connections {
            // The same node, as far as one can see; what it speaks is found out all the same.
            links.push(Rc::new(connect(connector, Some(profile), &signs, config).await?));
        }
        let (crew, holding, desk, has_wallets, wallets) = Default::default();
        let connector = connector.clone();
        Ok(Self { profile, signs, connector, links, crew, holding, desk, has_wallets, wallets })
    }

    /// Makes ready to lead a node that does nothing by itself.
    pub(super) fn lead(&self, config: &SpawnConfig) -> Result<(), SessionError> {
        self.can_be_led()?;
        let settings = global_args(&config.command.arguments, config.usual_data.as_deref())?;
        // It is led once only.
        let _ = self.first().life.set(Rc::new(Lifecycle::new(config.start, settings)));
        Ok(())
    }

    /// Whether the node has what it takes to be led.
    pub(super) fn can_be_led(&self) -> Result<(), SessionError> {
        let first = Method::NodeBaseInitialize;
        let able = matches!(self.profile.slot(first), Slot::Callable(_))
            && self.first().objects.get(first.info().service).is_some();
        if able { Ok(()) } else { Err(SessionError::NotLed(self.profile.name)) }
    }

    /// The life of the node, if it is ours to lead.
    pub(super) fn life(&self) -> Option<&Rc<Lifecycle>> {
        self.first().life.get()
    }

    /// Begins to take the node to where it runs. The steps go on whether or not anybody waits for them.
    pub(super) async fn begin(&self) -> Result<(), SessionError> {
        let Some(life) = self.life() else { return Ok(()) };
        let (life, link) = (Rc::clone(life), Rc::clone(self.home()));
        let on = link.make_thread().await?;
        spawn_local(async move {
            if let Err(error) = life.run(Caller::new(&link, Some(&on))).await {
                tracing::warn!(%error, "the node was not started");
            }
        });
        Ok(())
    }

    /// Ends the life of a node that is ours to lead, within about that time.
    pub(super) async fn stop_node(&self, limit: Duration) {
        let Some(life) = self.life() else { return };
        match self.first().make_thread().await {
            Ok(on) => life.stop(Caller::new(self.first(), Some(&on)), limit).await,
            Err(_) => life.lost(),
        }
    }

    /// Waits until the chain can be asked, and gives its tip.
    pub(super) async fn ready(&self, config: &IpcConfig) -> Result<Tip, SessionError> {
        ready::wait(self.first(), &self.connector, config).await
    }

    /// The first connection, on which questions about the node's state are asked.
    pub(super) fn first(&self) -> &Link {
        &self.links[0]
    }

    /// Makes the objects that need a loaded chain.
    pub(super) async fn complete(&self) -> Result<(), SessionError> {
        for link in &self.links {
            let on = link.make_thread().await?;
            link.make(Service::Mining, &on).await?;
        }
        let on = self.first().make_thread().await?;
        self.has_wallets.set(self.ask_for_wallets(&on).await?);
        Ok(())
    }

    /// Whether the node has wallets. Asking a node without for its wallet loader ends it.
    async fn ask_for_wallets(&self, on: &thread::Client) -> Result<bool, CallError> {
        let asked = Method::NodeListRpcCommands;
        if self.first().objects.get(asked.info().service).is_none() {
            return Ok(false);
        }
        let caller = Caller::new(self.first(), Some(on));
        let commands = caller.ask_as(v1::NodeListRpcCommandsRequest::default()).await?;
        Ok(commands.methods.iter().any(|command| command == WALLET_COMMAND))
    }

    /// The services that answer.
    pub(super) fn services(&self) -> Vec<Service> {
        let mut services = self.first().objects.services();
        if services.contains(&Service::Mining) && self.profile.has(Service::BlockTemplate) {
            services.push(Service::BlockTemplate);
        }
        if self.has_wallets.get() {
            services.extend([Service::WalletLoader, Service::Wallet]);
        }
        services
    }

    /// Puts server threads to work on a queue.
    pub(super) fn work(&self, queue: &Arc<Queue>, epoch: u64, config: &IpcConfig) -> Rc<Crew> {
        let (home, ended) = Home::new(Arc::clone(queue));
        let holdings = Rc::new(Holdings::new(config.leases.clone(), home));
        *self.holding.borrow_mut() = Some(hold(&holdings, ended));
        self.home().empty_bin();
        let (shared, home) = (Arc::clone(queue), self.home());
        let crew = Rc::new(Crew::new(shared, epoch, config, home, &holdings, &self.wallets));
        let numbers = [
            (Lane::Read, config.read_threads),
            (Lane::Blocking, config.blocking_threads),
            (Lane::Loop, 1),
        ];
        for (lane, number) in numbers {
            for link in self.links.iter().cycle().take(number.max(1)) {
                Worker::spawn(&crew, link, lane);
            }
        }
        *self.crew.borrow_mut() = Some(Rc::clone(&crew));
        crew
    }

    /// Opens streams from now on. Those that waited are open when this returns.
    pub(super) async fn open_streams(&self, hub: &Arc<Hub>, patience: Duration) {
        let desk = Desk::open(&self.links[0], hub, &self.wallets, patience);
        *self.desk.borrow_mut() = Some(Rc::clone(&desk));
        desk.begin().await;
    }

    /// Ends the streams, and takes the objects back that they have on the node, which may be `ending`.
    pub(super) async fn close_streams(&self, why: &CallError, ending: bool) {
        let desk = self.desk.borrow_mut().take();
        let Some(desk) = desk else { return };
        let had_objects = desk.has_passed_objects();
        desk.close(why).await;
        self.signs.release();
        if had_objects && ending {
            // Its last event may be on its way, too, and is answered before the connection closes.
            let _ = timeout(NODE_CLOSES, self.lost()).await;
        }
    }

    /// Completes when any connection is lost.
    pub(super) async fn lost(&self) {
        tokio::select! {
            _ = select_all(self.links.iter().map(|link| Box::pin(link.lost()))) => {}
            () = self.connector.exited() => {}
        }
    }

    /// The connection that objects other than the root ones live on.
    fn home(&self) -> &Rc<Link> {
        &self.links[0]
    }

    /// Ends all leases, and has their objects destroyed if the node can still be called.
    pub(super) async fn let_go(&self, why: &LeaseEnd) {
        let Some(holding) = self.holding.borrow_mut().take() else { return };
        holding.task.abort();
        if *why != LeaseEnd::Draining {
            self.home().bin.close();
        }
        holding.holdings.close(why);
        if let Some(crew) = &*self.crew.borrow() {
            crew.let_go();
        }
        self.home().bin.emptiness().await;
    }

    /// Ends all connections.
    pub(super) async fn close(self) {
        self.crew.borrow_mut().take();
        // Idle server threads hear of the end of their epoch and let go of what they hold.
        for _ in 0..2 {
            tokio::task::yield_now().await;
        }
        for link in &self.links {
            link.close().await;
        }
    }
}

async fn connect(
    connector: &Connector,
    wanted: Option<&'static Profile>,
    signs: &Rc<Signs>,
    config: &IpcConfig,
) -> Result<Link, SessionError> {
    let connection = Connection::open(connector, signs).await?;
    let on = connection.make_thread("bitcoin-grpc handshake").await?;
    let profile = match detect::choose(&connection.init, &on, wanted).await {
        Ok(profile) => profile,
        Err(error) => {
            drop(on);
            connection.close().await;
            return Err(error.into());
        }
    };
    let link = Link::new(connection, profile, Rc::clone(signs), config);
    for service in EARLY {
        link.make(service, &on).await?;
    }
    Ok(link)
}
