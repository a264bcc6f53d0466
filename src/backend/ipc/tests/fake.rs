//! A node of our own making: the plumbing of any generation, and whatever answers a test wants.

use std::cell::{Cell, RefCell};
use std::ops::Deref;
use std::path::PathBuf;
use std::rc::Rc;

use bitcoin_grpc_contract::wire::init_capnp::init;
use bitcoin_grpc_contract::wire::proxy_capnp::{context, thread, thread_map};
use bitcoin_grpc_contract::wire::wallet_capnp::wallet::get_wallet_name_results;
use bitcoin_grpc_contract::wire::wallet_capnp::wallet_loader::{
    get_wallets_results, load_wallet_results,
};
use bitcoin_grpc_contract::wire::wallet_capnp::{self, load_wallet_callback};
use bitcoin_grpc_contract::{
    At, CallbackAnswer, Event, Inner, Method, Profile, Reply, Request, Service, callback, transfer,
    v1,
};
use capnp::any_pointer;
use capnp::capability::{
    Client, DispatchCallResult, FromClientHook, FromServer, Params, Promise, Results, Server,
};
use capnp::private::capability::ClientHook;
use capnp_rpc::rpc_twoparty_capnp::Side;
use capnp_rpc::{CapabilityServerSet, RpcSystem, twoparty};
use futures_util::future::LocalBoxFuture;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::{AbortHandle, spawn_local};
use tokio_util::compat::{TokioAsyncReadCompatExt, TokioAsyncWriteCompatExt};

/// What a test answers with; `Err` is a C++ exception's text.
pub(super) type Answer = LocalBoxFuture<'static, Result<Reply, String>>;

/// What an object answered, if it was asked something.
type Said = Option<CallbackAnswer>;

type Threads = Rc<RefCell<CapabilityServerSet<Thread, thread::Client>>>;

/// The node.
pub(super) struct Fake {
    pub(super) profile: &'static Profile,
    answer: Box<dyn Fn(Request) -> Option<Answer>>,
    /// Calls that came while their thread had another: each would have ended an old node.
    pub(super) collisions: Cell<usize>,
    /// Methods called, in order.
    pub(super) calls: RefCell<Vec<Method>>,
    /// Threads made so far.
    pub(super) threads: Cell<usize>,
    /// Threads that were released.
    pub(super) released: Cell<usize>,
    connections: RefCell<Vec<AbortHandle>>,
    pub(super) socket: PathBuf,
    _folder: tempfile::TempDir,
    /// Names of the loaded wallets.
    pub(super) wallets: RefCell<Vec<String>>,
    /// Wallet objects that the client holds.
    pub(super) held: Cell<usize>,
    /// Calls on wallets after their `destroy`, and wallets let go of too early: each would have ended
    /// a real node.
    pub(super) too_late: Cell<usize>,
    /// The objects that clients have registered, by the number of their handlers.
    pub(super) registered: RefCell<Vec<(usize, Method, Client)>>,
    /// Handlers made so far.
    pub(super) handlers: Cell<usize>,
    /// The threads of the latest connection.
    threads_of: RefCell<Option<Threads>>,
    /// Our client's threads.
    client_threads: RefCell<Option<thread_map::Client>>,
    /// What a call does with the object that it is lent.
    pub(super) lent: RefCell<Option<Lent>>,
}

/// What a call does with the object that it is lent, and whether it then says `updated`.
pub(super) type Lent = Rc<dyn Fn(Rc<Fake>, Client) -> LocalBoxFuture<'static, bool>>;

impl Fake {
    /// Listens on a socket of its own. `answer` is asked first; where it has nothing to say, the
    /// fake answers what a freshly started regtest node does.
    pub(super) fn start(
        profile: &str,
        answer: impl Fn(Request) -> Option<Answer> + 'static,
    ) -> Rc<Self> {
        let folder = tempfile::tempdir().expect("a directory");
        let fake = Rc::new(Self {
            profile: Profile::by_name(profile).expect("a known generation"),
            answer: Box::new(answer),
            collisions: Cell::default(),
            calls: RefCell::default(),
            threads: Cell::default(),
            released: Cell::default(),
            connections: RefCell::default(),
            socket: folder.path().join("node.sock"),
            _folder: folder,
            wallets: RefCell::default(),
            held: Cell::default(),
            too_late: Cell::default(),
            registered: RefCell::default(),
            handlers: Cell::default(),
            threads_of: RefCell::default(),
            client_threads: RefCell::default(),
            lent: RefCell::default(),
        });
        let listener = UnixListener::bind(&fake.socket).expect("a socket");
        let node = Rc::clone(&fake);
        spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let task = spawn_local(Rc::clone(&node).serve(stream));
                node.connections.borrow_mut().push(task.abort_handle());
            }
        });
        fake
    }

    /// Ends all connections, as a crash would.
    pub(super) fn crash(&self) {
        for connection in self.connections.borrow_mut().drain(..) {
            connection.abort();
        }
    }

    /// Tells every object that was registered by a method, and gives their answers' messages.
    pub(super) async fn tell(&self, method: Method, event: &Event) -> Vec<Said> {
        let mut said = Vec::new();
        for object in self.objects_of(method) {
            said.push(self.tell_one(&object, event).await);
        }
        said
    }

    /// Tells one object.
    pub(super) async fn tell_one(&self, object: &Client, event: &Event) -> Said {
        let at = self.profile.inner(event.inner()).expect("a place");
        let answer = self.call_object(object, event.inner().interface_id(), at.ordinal, |params| {
            callback::write_event(event, at, self.profile, params, &mut |_| {}).expect("an event");
        });
        let answer = answer.await.expect("success");
        let results = answer.get().expect("results");
        callback::read_answer(event.inner(), at, self.profile, results).ok()
    }

    /// Calls an object by numbers, whatever it makes of them.
    pub(super) async fn call_object(
        &self,
        object: &Client,
        interface: u64,
        ordinal: u16,
        fill: impl FnOnce(any_pointer::Builder<'_>),
    ) -> capnp::Result<capnp::capability::Response<any_pointer::Owned>> {
        let mut call = object.hook.new_call(interface, ordinal, None).hook;
        fill(call.get());
        call.send().promise.await
    }

    /// Tells whoever wants to know that a wallet was loaded.
    pub(super) async fn load(self: &Rc<Self>, name: &str) {
        self.wallets.borrow_mut().push(name.to_owned());
        let threads = self.threads_of.borrow().clone().expect("a client");
        for object in self.objects_of(Method::WalletLoaderHandleLoadWallet) {
            let interface = Inner::LoadWalletCallbackCall.interface_id();
            let at = self.profile.inner(Inner::LoadWalletCallbackCall).expect("a place");
            let fill = |params: any_pointer::Builder<'_>| {
                let mut params = params.init_as::<load_wallet_callback::call_params::Builder<'_>>();
                params.set_wallet(wallet(self, &threads, name));
            };
            self.call_object(&object, interface, at.ordinal, fill).await.expect("success");
        }
    }

    /// Lets go of the objects that a method registered, as a wallet does when it is gone.
    pub(super) async fn release(&self, method: Method) {
        let interface = method.callback().expect("a callback");
        for object in self.objects_of(method) {
            self.call_object(&object, interface, 0, |_| {}).await.expect("success");
        }
    }

    fn objects_of(&self, method: Method) -> Vec<Client> {
        let registered = self.registered.borrow();
        registered.iter().filter(|r| r.1 == method).map(|r| r.2.clone()).collect()
    }

    /// Asks the client for a thread, as a node does before it calls from one of its own.
    pub(super) async fn client_thread(&self, name: &str) -> capnp::Result<()> {
        let map = self.client_threads.borrow().clone().expect("a client");
        let mut request = map.make_thread_request();
        request.get().set_name(name);
        request.send().promise.await.map(drop)
    }

    /// How often a method was called.
    pub(super) fn count(&self, method: Method) -> usize {
        self.calls.borrow().iter().filter(|called| **called == method).count()
    }

    /// Waits until a method was called, however busy the machine is.
    pub(super) async fn called(&self, method: Method) {
        while self.count(method) == 0 {
            super::settle().await;
        }
    }

    async fn serve(self: Rc<Self>, stream: UnixStream) {
        let (read, write) = stream.into_split();
        let options = capnp::message::ReaderOptions::new();
        let network =
            twoparty::VatNetwork::new(read.compat(), write.compat_write(), Side::Server, options);
        let threads = Rc::new(RefCell::new(CapabilityServerSet::new()));
        *self.threads_of.borrow_mut() = Some(Rc::clone(&threads));
        let init = object(&self, &threads, Inner::InitConstruct.interface_id(), &[]);
        // The peer's farewell is no error of ours.
        let _ = RpcSystem::new(Box::new(network), Some(init)).await;
    }

    fn default_answer(&self, request: &Request) -> Result<Reply, String> {
        Ok(match request {
            Request::ChainGetHeight(_) => {
                Reply::ChainGetHeight(v1::ChainGetHeightResponse { height: Some(7) })
            }
            Request::ChainEstimateMaxBlocks(_) => {
                Reply::ChainEstimateMaxBlocks(v1::ChainEstimateMaxBlocksResponse {
                    max_conf_target: 1008,
                })
            }
            Request::ChainShutdownRequested(_) => Reply::ChainShutdownRequested(Default::default()),
            Request::ChainGetSetting(_) => {
                Reply::ChainGetSetting(v1::ChainGetSettingResponse { value: "null".to_owned() })
            }
            Request::ChainFindFirstBlockWithTimeAndHeight(q) => {
                let found = (0..=7).contains(&q.min_height);
                let block = v1::FoundBlockResult {
                    hash: found.then(|| super::requests::hash(q.min_height as u8)),
                    height: found.then_some(q.min_height),
                    found,
                    ..Default::default()
                };
                let answer =
                    v1::ChainFindFirstBlockWithTimeAndHeightResponse { block: Some(block), found };
                Reply::ChainFindFirstBlockWithTimeAndHeight(answer)
            }
            Request::EchoEcho(q) => Reply::EchoEcho(v1::EchoEchoResponse { echo: q.echo.clone() }),
            Request::MiningGetTip(_) => {
                Reply::MiningGetTip(v1::MiningGetTipResponse { tip: Some(tip(7)) })
            }
            Request::MiningWaitTipChanged(_) => {
                Reply::MiningWaitTipChanged(v1::MiningWaitTipChangedResponse { tip: Some(tip(7)) })
            }
            Request::NodeExecuteRpc(_) => Reply::NodeExecuteRpc(v1::NodeExecuteRpcResponse {
                rpc_error: None,
                result: "7".to_owned(),
            }),
            Request::NodeListRpcCommands(_) => {
                Reply::NodeListRpcCommands(v1::NodeListRpcCommandsResponse {
                    methods: vec!["createwallet".to_owned()],
                })
            }
            Request::NodeIsSettingIgnored(_) => Reply::NodeIsSettingIgnored(Default::default()),
            Request::NodeShutdownRequested(_) => Reply::NodeShutdownRequested(Default::default()),
            other => return Err(format!("no answer to {}", other.method().info().full_name)),
        })
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.socket);
    }
}

/// A tip of that height.
pub(super) fn tip(height: i32) -> v1::BlockRef {
    v1::BlockRef { hash: super::requests::hash(height as u8), height }
}

/// A thread of the node. It knows whether a call runs on it.
pub(super) struct Thread {
    busy: Cell<bool>,
    node: Rc<Fake>,
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.node.released.set(self.node.released.get() + 1);
    }
}

impl thread::Server for Thread {}

struct ThreadMap {
    node: Rc<Fake>,
    threads: Threads,
}

impl thread_map::Server for ThreadMap {
    async fn make_thread(
        self: Rc<Self>,
        _: thread_map::MakeThreadParams,
        mut results: thread_map::MakeThreadResults,
    ) -> capnp::Result<()> {
        self.node.threads.set(self.node.threads.get() + 1);
        let thread = Thread { busy: Cell::new(false), node: Rc::clone(&self.node) };
        results.get().set_result(self.threads.borrow_mut().new_client(thread));
        Ok(())
    }
}

/// An object with the interfaces that its ids name.
pub(super) struct Object {
    node: Rc<Fake>,
    threads: Threads,
    interfaces: Vec<u64>,
    /// The name of a wallet, which is gone once it is destroyed.
    wallet: RefCell<Option<String>>,
    /// Number of the registration that it stands for.
    handler: Option<usize>,
}

fn object(node: &Rc<Fake>, threads: &Threads, interface: u64, more: &[u64]) -> Client {
    let mut interfaces = vec![interface];
    interfaces.extend(more);
    let (node, threads, wallet) = (Rc::clone(node), Rc::clone(threads), RefCell::default());
    made(Object { node, threads, interfaces, wallet, handler: None })
}

fn made(object: Object) -> Client {
    capnp_rpc::new_client::<Untyped, Object>(object).0
}

fn wallet(node: &Rc<Fake>, threads: &Threads, name: &str) -> wallet_capnp::wallet::Client {
    node.held.set(node.held.get() + 1);
    let interfaces = vec![Service::Wallet.interface_id()];
    let (node, threads) = (Rc::clone(node), Rc::clone(threads));
    let wallet = RefCell::new(Some(name.to_owned()));
    let object = Object { node, threads, interfaces, wallet, handler: None };
    capnp_rpc::new_client::<Untyped, Object>(object).0.cast_to()
}

impl Drop for Object {
    fn drop(&mut self) {
        self.forget();
    }
}

/// Lets `new_client` make a client without a generated type.
struct Untyped(Client);

impl FromClientHook for Untyped {
    fn new(hook: Box<dyn ClientHook>) -> Self {
        Self(Client::new(hook))
    }

    fn into_client_hook(self) -> Box<dyn ClientHook> {
        self.0.into_client_hook()
    }

    fn as_client_hook(&self) -> &dyn ClientHook {
        self.0.as_client_hook()
    }
}

impl FromServer<Object> for Untyped {
    type Dispatch = Dispatch;

    fn from_server(object: Rc<Object>) -> Dispatch {
        Dispatch(object)
    }
}

#[derive(Clone)]
struct Dispatch(Rc<Object>);

impl Deref for Dispatch {
    type Target = Object;

    fn deref(&self) -> &Object {
        &self.0
    }
}

impl Server for Dispatch {
    fn dispatch_call(
        self,
        interface: u64,
        ordinal: u16,
        params: Params<any_pointer::Owned>,
        results: Results<any_pointer::Owned>,
    ) -> DispatchCallResult {
        let promise = Promise::from_future(self.0.dispatch(interface, ordinal, params, results));
        DispatchCallResult::new(promise, false)
    }

    fn as_ptr(&self) -> usize {
        Rc::as_ptr(&self.0) as usize
    }
}

fn failed(text: &str) -> capnp::Error {
    capnp::Error::failed(format!("std::exception: {text}"))
}

fn unimplemented() -> capnp::Error {
    capnp::Error::unimplemented("no such method".to_owned())
}

impl Object {
    fn forget(&self) {
        let Some(name) = self.wallet.take() else { return };
        self.node.held.set(self.node.held.get() - 1);
        let unloaded = !self.node.wallets.borrow().contains(&name);
        let mut registered = self.node.registered.try_borrow_mut().into_iter();
        let listening = registered.any(|all| all.iter().any(|r| r.1 == Method::WalletHandleUnload));
        // A wallet's process ends if somebody still listens for its unloading when it goes.
        if unloaded && self.node.held.get() == 0 && listening {
            self.node.too_late.set(self.node.too_late.get() + 1);
        }
    }

    fn is_wallet(&self) -> bool {
        self.interfaces.contains(&Service::Wallet.interface_id())
    }

    /// Answers what is about wallets as such. `false`: it is not.
    fn wallets(
        &self,
        method: Method,
        results: &mut Results<any_pointer::Owned>,
    ) -> capnp::Result<bool> {
        let make = |name: &str| wallet(&self.node, &self.threads, name);
        let results = results.hook.get()?;
        match method {
            Method::WalletLoaderGetWallets => {
                let names = self.node.wallets.borrow();
                let results = results.init_as::<get_wallets_results::Builder<'_>>();
                let mut list = results.init_result(names.len() as u32);
                for (index, name) in names.iter().enumerate() {
                    list.set(index as u32, make(name).into_client_hook());
                }
            }
            Method::WalletLoaderLoadWallet => {
                self.node.wallets.borrow_mut().push("loaded".to_owned());
                let results = results.init_as::<load_wallet_results::Builder<'_>>();
                results.init_result().set_value(make("loaded"))?;
            }
            Method::WalletGetWalletName => {
                let name = self.wallet.borrow().clone().unwrap_or_default();
                let mut results = results.init_as::<get_wallet_name_results::Builder<'_>>();
                results.set_result(&name[..]);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    async fn dispatch(
        self: Rc<Self>,
        interface: u64,
        ordinal: u16,
        params: Params<any_pointer::Owned>,
        results: Results<any_pointer::Owned>,
    ) -> capnp::Result<()> {
        let profile = self.node.profile;
        let known = profile.interface(interface).is_some_and(|size| ordinal < size.methods);
        if !known || !self.interfaces.contains(&interface) {
            return Err(unimplemented());
        }
        if self.is_wallet() && self.wallet.borrow().is_none() {
            self.node.too_late.set(self.node.too_late.get() + 1);
        }
        if let Some((inner, _)) = profile.inner_at(interface, ordinal) {
            if inner == Inner::WalletDestroy {
                self.forget();
                return Ok(());
            }
            return self.plumbing(inner, params, results).await;
        }
        match profile.method_at(interface, ordinal) {
            Some((method, at)) => self.call(method, at, params, results).await,
            // A method of that generation which the contract has no word for.
            None => Err(failed("invalid thread handle")),
        }
    }

    async fn plumbing(
        &self,
        inner: Inner,
        params: Params<any_pointer::Owned>,
        mut results: Results<any_pointer::Owned>,
    ) -> capnp::Result<()> {
        if inner == Inner::InitConstruct {
            let given = params.get()?.get_as::<init::construct_params::Reader<'_>>()?;
            *self.node.client_threads.borrow_mut() = given.get_thread_map().ok();
            let mut results = results.hook.get()?.init_as::<init::construct_results::Builder<'_>>();
            let map = ThreadMap { node: Rc::clone(&self.node), threads: Rc::clone(&self.threads) };
            results.set_thread_map(capnp_rpc::new_client(map));
            return Ok(());
        }
        if inner == Inner::InitMakeMiningOld2 {
            return Err(failed(
                "Old mining interface (@2) not supported. Please update your client!",
            ));
        }
        {
            let params = params.get()?.get_as::<init::make_echo_params::Reader<'_>>()?;
            self.thread_of(params.get_context()?).await?;
        }
        if let (Some(number), Inner::HandlerDisconnect) = (self.handler, inner) {
            return self.disconnect(number).await;
        }
        let (service, more): (_, &[u64]) = match inner {
            Inner::InitMakeEcho => (Service::Echo, &[]),
            Inner::InitMakeMining => (Service::Mining, &[]),
            Inner::InitMakeRpc => (Service::Rpc, &[]),
            Inner::InitMakeChain => (Service::Chain, &[]),
            Inner::InitMakeNode => (Service::Node, &[]),
            Inner::NodeCustomWalletLoader => {
                (Service::WalletLoader, &[Inner::ChainClientDestroy.interface_id()])
            }
            // This ends a real node.
            _ => {
                self.node.crash();
                return Err(failed("crashed"));
            }
        };
        let made = object(&self.node, &self.threads, service.interface_id(), more);
        let mut results = results.hook.get()?.init_as::<init::make_echo_results::Builder<'_>>();
        results.set_result(made.cast_to());
        Ok(())
    }

    /// Ends a registration: the object is destroyed, then the client hears of it.
    async fn disconnect(&self, number: usize) -> capnp::Result<()> {
        let removed = {
            let mut registered = self.node.registered.borrow_mut();
            let at = registered.iter().position(|r| r.0 == number);
            at.map(|at| registered.remove(at))
        };
        let Some((_, method, object)) = removed else { return Ok(()) };
        // `destroy` is the first method of every callback interface that has one.
        let interface = method.callback().expect("a callback");
        self.node.call_object(&object, interface, 0, |_| {}).await.map(drop)
    }

    /// Registers the client's object, or lends it to the test.
    async fn take_object(
        &self,
        method: Method,
        at: At,
        params: any_pointer::Reader<'_>,
        mut results: Results<any_pointer::Owned>,
    ) -> capnp::Result<()> {
        let object = callback::passed(method, at, params).map_err(|e| failed(&e.to_string()))?;
        let object = object.ok_or_else(|| failed("a null object"))?;
        let lent = self.node.lent.borrow().clone();
        let number = self.node.handlers.replace(self.node.handlers.get() + 1);
        match method {
            Method::ChainRequestMempoolTransactions | Method::ChainUpdateRwSetting => {
                let updated = lent.expect("a use for it")(Rc::clone(&self.node), object).await;
                let results = results.hook.get()?;
                if method == Method::ChainUpdateRwSetting {
                    use bitcoin_grpc_contract::wire::chain_capnp::chain;
                    let mut results =
                        results.init_as::<chain::update_rw_setting_results::Builder<'_>>();
                    results.set_result(updated);
                }
                return Ok(());
            }
            _ => {}
        }
        self.node.registered.borrow_mut().push((number, method, object));
        let handler = made(Object {
            node: Rc::clone(&self.node),
            threads: Rc::clone(&self.threads),
            interfaces: vec![Inner::HandlerDisconnect.interface_id()],
            wallet: RefCell::default(),
            handler: Some(number),
        });
        callback::write_handler(method, at, results.hook.get()?, handler.cast_to())
            .map_err(|e| failed(&e.to_string()))
    }

    async fn call(
        &self,
        method: Method,
        at: At,
        params: Params<any_pointer::Owned>,
        mut results: Results<any_pointer::Owned>,
    ) -> capnp::Result<()> {
        let profile = self.node.profile;
        let raw = params.get()?;
        let thread = match at.context {
            true => {
                let raw = raw.get_as::<init::make_echo_params::Reader<'_>>()?;
                Some(self.thread_of(raw.get_context()?).await?)
            }
            false => None,
        };
        let _busy = thread.map(|thread| Busy::new(thread, &self.node));
        let (request, _) = transfer::read_params(method, at, profile, params.get()?)
            .map_err(|e| failed(&e.to_string()))?;
        self.node.calls.borrow_mut().push(method);
        if method.callback().is_some() {
            return self.take_object(method, at, params.get()?, results).await;
        }
        if self.wallets(method, &mut results)? {
            return Ok(());
        }
        let answer = match (self.node.answer)(request.clone()) {
            Some(answer) => answer.await,
            None => self.node.default_answer(&request),
        };
        let reply = answer.map_err(|text| failed(&text))?;
        transfer::write_results(&reply, at, profile, results.hook.get()?)
            .map_err(|e| failed(&e.to_string()))
    }

    async fn thread_of(&self, context: context::Reader<'_>) -> capnp::Result<Rc<Thread>> {
        if !context.has_thread() {
            return Err(failed("invalid thread handle"));
        }
        let client: thread::Client =
            capnp::capability::get_resolved_cap(context.get_thread()?).await;
        self.threads
            .borrow()
            .get_local_server_of_resolved(&client)
            .ok_or_else(|| failed("invalid thread handle"))
    }
}

/// A call on a thread, for as long as it runs.
struct Busy(Rc<Thread>);

impl Busy {
    fn new(thread: Rc<Thread>, node: &Fake) -> Self {
        if thread.busy.replace(true) {
            node.collisions.set(node.collisions.get() + 1);
        }
        Self(thread)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.set(false);
    }
}
