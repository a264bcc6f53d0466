//! Wallets by name.
//!
//! A wallet's capability keeps the node from unloading the wallet, and from ending: both wait until
//! everybody has let go of it. So none is kept for longer than [`KEPT`] after it was looked up,
//! however much it is used, and the last call on it lets it go. A callback that tells of unloading
//! would allow more, but on the generations that have wallets a callback that is alive when the
//! connection ends takes the node along.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use bitcoin_grpc_contract::transfer::{ObjectPlace, object_places};
use bitcoin_grpc_contract::wire::init_capnp::init::make_echo_params;
use bitcoin_grpc_contract::wire::node_capnp::external_signer::get_name_results;
use bitcoin_grpc_contract::{Inner, Reply, Request, v1};
use capnp::capability::Client;
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::sleep;

use super::fault::{self, Fault};
use super::held::{Destroy, Held};
use super::link::{Caller, Link};
use super::wire;
use crate::error::CallError;

/// How long wallets are kept after they were looked up. `unloadwallet` and the node's end wait that
/// long at most, besides the calls under way; looking up takes one call, and one more per wallet.
const KEPT: Duration = Duration::from_secs(1);

/// The wallets of a session that were looked up lately.
#[derive(Default)]
pub(super) struct Wallets {
    kept: RefCell<HashMap<String, Rc<Held>>>,
    letting_go: RefCell<Option<AbortHandle>>,
}

impl Wallets {
    /// The loaded wallet of that name.
    pub(super) async fn find(
        self: &Rc<Self>,
        caller: Caller<'_>,
        name: &str,
    ) -> Result<Rc<Held>, CallError> {
        if let Some(held) = self.kept.borrow().get(name) {
            return Ok(Rc::clone(held));
        }
        let wallets = loaded(caller).await?;
        let found = wallets.get(name).cloned();
        self.keep(wallets);
        found.ok_or_else(|| CallError::WalletNotLoaded(name.to_owned()))
    }

    /// Whether a wallet is loaded, and not being unloaded.
    pub(super) async fn lists(
        self: &Rc<Self>,
        caller: Caller<'_>,
        name: &str,
    ) -> Result<bool, CallError> {
        let wallets = loaded(caller).await?;
        let listed = wallets.contains_key(name);
        self.keep(wallets);
        Ok(listed)
    }

    fn keep(self: &Rc<Self>, wallets: HashMap<String, Rc<Held>>) {
        let before = self.kept.replace(wallets);
        self.let_go_later();
        drop(before);
    }

    fn let_go_later(self: &Rc<Self>) {
        let kept = Rc::clone(self);
        let task = spawn_local(async move {
            sleep(KEPT).await;
            kept.kept.take();
        });
        if let Some(earlier) = self.letting_go.replace(Some(task.abort_handle())) {
            earlier.abort();
        }
    }

    /// Keeps a wallet that the node has just told of for as long as one that was looked up.
    pub(super) fn warm(self: &Rc<Self>, name: String, wallet: Rc<Held>) {
        let replaced = self.kept.borrow_mut().insert(name, wallet);
        drop(replaced);
        let counting = self.letting_go.borrow().as_ref().is_some_and(|task| !task.is_finished());
        if !counting {
            self.let_go_later();
        }
    }

    /// Lets go of a wallet that is being unloaded.
    pub(super) fn forget(&self, name: &str) {
        let wallet = self.kept.borrow_mut().remove(name);
        drop(wallet);
    }

    /// Lets go of all.
    pub(super) fn close(&self) {
        if let Some(task) = self.letting_go.take() {
            task.abort();
        }
        self.kept.take();
    }
}

/// All wallets that are loaded.
async fn loaded(caller: Caller<'_>) -> Result<HashMap<String, Rc<Held>>, CallError> {
    let question = Request::WalletLoaderGetWallets(v1::WalletLoaderGetWalletsRequest {});
    let (_, objects) = caller.ask_objects(&question).await?;
    // All are held before the first is asked for its name, so that none is lost on an error.
    let held: Result<Vec<_>, _> =
        objects.into_iter().flatten().map(|object| hold(caller.link, object)).collect();
    let mut wallets = HashMap::new();
    for held in held? {
        wallets.insert(name_of(caller, &held).await?, held);
    }
    Ok(wallets)
}

/// What is called by a name.
#[derive(Clone, Copy)]
enum Kind {
    Wallet,
    Signer,
}

/// Takes a wallet over from the node.
pub(super) fn hold(link: &Link, wallet: Client) -> Result<Rc<Held>, CallError> {
    hold_kind(link, wallet, Kind::Wallet)
}

/// What a wallet is called.
pub(super) async fn name_of(caller: Caller<'_>, wallet: &Held) -> Result<String, CallError> {
    name(caller, wallet, Kind::Wallet).await
}

fn hold_kind(link: &Link, object: Client, kind: Kind) -> Result<Rc<Held>, CallError> {
    let method = match kind {
        Kind::Wallet => Inner::WalletDestroy,
        Kind::Signer => Inner::ExternalSignerDestroy,
    };
    let Some(at) = link.profile.inner(method) else {
        return Err(CallError::Internal("an object that cannot be destroyed".to_owned()));
    };
    let destroy = Destroy { interface_id: method.interface_id(), ordinal: at.ordinal };
    Ok(Held::new(object, destroy, &link.bin))
}

async fn name(caller: Caller<'_>, held: &Held, kind: Kind) -> Result<String, CallError> {
    match kind {
        Kind::Wallet => {
            let question = v1::WalletGetWalletNameRequest::default();
            Ok(caller.with(held.client()).ask_as(question).await?.name)
        }
        Kind::Signer => signer_name(caller, held).await,
    }
}

/// The contract has no word for this method.
async fn signer_name(caller: Caller<'_>, held: &Held) -> Result<String, CallError> {
    let method = Inner::ExternalSignerGetName;
    let (Some(at), Some(thread)) = (caller.link.profile.inner(method), caller.thread) else {
        return Err(CallError::Internal("a signer without a name".to_owned()));
    };
    let answer = wire::call(held.client(), method.interface_id(), at.ordinal, |params| {
        let params = params.init_as::<make_echo_params::Builder<'_>>();
        params.init_context().set_thread(thread.clone());
        Ok::<_, Fault>(())
    });
    let lister = bitcoin_grpc_contract::Method::NodeListExternalSigners;
    let answer =
        answer.await.map_err(|fault| fault.into_call_error(lister, caller.link.profile))?;
    let text = || -> Result<String, capnp::Error> {
        let results = answer.get()?.get_as::<get_name_results::Reader<'_>>()?;
        Ok(results.get_result()?.to_string()?)
    };
    text().map_err(|error| fault::of_reply(error.into()))
}

/// Makes a call that may return wallets or signers, and puts their names in the reply.
pub(super) async fn ask(caller: Caller<'_>, request: &Request) -> Result<Reply, CallError> {
    let (mut reply, objects) = caller.ask_objects(request).await?;
    if objects.is_empty() {
        return Ok(reply);
    }
    let signers = matches!(request, Request::NodeListExternalSigners(_));
    let kind = if signers { Kind::Signer } else { Kind::Wallet };
    let held: Result<Vec<_>, _> = objects
        .into_iter()
        .map(|object| object.map(|object| hold_kind(caller.link, object, kind)).transpose())
        .collect();
    let mut names = Vec::new();
    for held in held? {
        names.push(match held {
            Some(held) => name(caller, &held, kind).await?,
            None => String::new(),
        });
    }
    for (place, name) in object_places(&mut reply).into_iter().zip(names) {
        if let ObjectPlace::Name(place) = place {
            *place = name;
        }
    }
    Ok(reply)
}
