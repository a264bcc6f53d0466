//! The methods that take a callback.

use std::rc::Rc;

use bitcoin_grpc_contract::wire::chain_capnp::chain;
use bitcoin_grpc_contract::{Inner, Method, Request};
use capnp::any_pointer;
use capnp::capability::{Client, FromClientHook};

use super::command::Offer;
use super::{Registration, Topic, return_handler};
use crate::socket::answer::Fault;
use crate::socket::callback::{Callback, Caller};
use crate::socket::connection::Connection;

/// Where the parameters of a method hold a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Right behind the context.
    Second,
    /// Behind a name.
    Third,
    /// In the description of a command.
    InCommand,
}

/// Whether a method takes a callback.
fn place(method: Method) -> Option<Place> {
    Some(match method {
        Method::ChainHandleNotifications | Method::ChainRequestMempoolTransactions => Place::Second,
        Method::ChainUpdateRwSetting => Place::Third,
        Method::ChainHandleRpc => Place::InCommand,
        method if operators_topic(method).is_some() => Place::Second,
        _ => return None,
    })
}

/// What a handler of `Node` is about.
fn operators_topic(method: Method) -> Option<Topic> {
    Some(match method {
        Method::NodeHandleInitMessage => Topic::InitMessage,
        Method::NodeHandleMessageBox => Topic::MessageBox,
        Method::NodeHandleQuestion => Topic::Question,
        Method::NodeHandleShowProgress => Topic::Progress,
        Method::NodeHandleInitWallet => Topic::InitWallet,
        Method::NodeHandleNotifyNumConnectionsChanged => Topic::Connections,
        Method::NodeHandleNotifyNetworkActiveChanged => Topic::NetworkActive,
        Method::NodeHandleNotifyAlertChanged => Topic::Alert,
        Method::NodeHandleBannedListChanged => Topic::BannedList,
        Method::NodeHandleNotifyBlockTip => Topic::BlockTip,
        Method::NodeHandleNotifyHeaderTip => Topic::HeaderTip,
        _ => return None,
    })
}

/// Something that takes a callback; the callback itself may be null.
pub(in crate::socket) struct Given {
    client: Option<Client>,
    /// What it serves, if it serves a command.
    offer: Option<Offer>,
}

/// The callback in the parameters of a method that takes one.
pub(in crate::socket) fn given(
    method: Method,
    params: any_pointer::Reader<'_>,
) -> Result<Option<Given>, Fault> {
    let client = match place(method) {
        None => return Ok(None),
        Some(Place::Second) => second(params),
        Some(Place::Third) => third(params),
        Some(Place::InCommand) => return offered(params).map(Some).map_err(Fault::Malformed),
    };
    client.map(|client| Some(Given { client, offer: None })).map_err(Fault::Malformed)
}

fn offered(params: any_pointer::Reader<'_>) -> Result<Given, capnp::Error> {
    let params: chain::handle_rpc_params::Reader<'_> = params.get_as()?;
    let mut offer = Offer::read(params.get_command()?)?;
    Ok(Given { client: offer.actor.take(), offer: Some(offer) })
}

fn second(params: any_pointer::Reader<'_>) -> Result<Option<Client>, capnp::Error> {
    let params: chain::handle_notifications_params::Reader<'_> = params.get_as()?;
    let client = params.has_notifications().then(|| params.get_notifications()).transpose()?;
    Ok(client.map(|client| Client::new(client.into_client_hook())))
}

fn third(params: any_pointer::Reader<'_>) -> Result<Option<Client>, capnp::Error> {
    let params: chain::update_rw_setting_params::Reader<'_> = params.get_as()?;
    let client = params.has_update().then(|| params.get_update()).transpose()?;
    Ok(client.map(|client| Client::new(client.into_client_hook())))
}

impl Connection {
    /// Answers a method that takes a callback.
    pub(in crate::socket) async fn subscribe(
        self: &Rc<Self>,
        request: Request,
        given: Given,
        caller: &Caller,
        out: any_pointer::Builder<'_>,
    ) -> Result<(), Fault> {
        let callback = Callback::new(Rc::clone(self), given.client);
        match request {
            Request::ChainHandleNotifications(_) => {
                let registration = self.register(Topic::Chain, callback)?;
                self.shared.start_telling();
                return_handler(registration, self, out);
                Ok(())
            }
            Request::ChainRequestMempoolTransactions(_) => {
                self.tell_mempool(&callback, caller).await
            }
            Request::ChainUpdateRwSetting(q) => {
                let updated = self.update_setting(&q.name, &callback, caller).await?;
                out.init_as::<chain::update_rw_setting_results::Builder<'_>>().set_result(updated);
                Ok(())
            }
            Request::ChainHandleRpc(_) => {
                let offer = given.offer.ok_or(Fault::Unimplemented)?;
                let registration = self.offer_command(offer, callback)?;
                return_handler(registration, self, out);
                Ok(())
            }
            request => {
                let topic = operators_topic(request.method()).ok_or(Fault::Unimplemented)?;
                let registration = self.register(topic, callback)?;
                self.shared.start_signalling();
                return_handler(registration, self, out);
                Ok(())
            }
        }
    }

    fn register(&self, topic: Topic, callback: Callback) -> Result<Rc<Registration>, Fault> {
        let full = || Fault::Malformed(capnp::Error::overloaded("too many handlers".to_owned()));
        self.shared.handlers.add(topic, callback).ok_or_else(full)
    }

    /// Takes a command that the client serves. Once the node's RPC server runs, nodes fail over that.
    fn offer_command(&self, offer: Offer, callback: Callback) -> Result<Rc<Registration>, Fault> {
        if self.shared.node().rpc_server_runs() {
            let what = "the RPC server runs already".to_owned();
            return Err(match self.rules.exceptions_kill {
                true => Fault::Dies(what),
                false => Fault::Exception(what),
            });
        }
        let registration = self.register(Topic::Command, callback)?;
        self.shared.commands.borrow_mut().push(offer.accepted(Rc::clone(&registration)));
        Ok(registration)
    }

    /// Tells every waiting transaction, parents first, and then that this was all.
    async fn tell_mempool(&self, callback: &Callback, caller: &Caller) -> Result<(), Fault> {
        let failed = |trouble| self.callback_failed(&trouble);
        let waiting: Vec<_> = {
            let node = self.shared.node();
            node.mempool_transactions().into_iter().map(|entry| entry.tx.clone()).collect()
        };
        for tx in waiting {
            callback.transaction_added(caller, &tx).await.map_err(failed)?;
        }
        callback.end(caller, Inner::ChainNotificationsDestroy).await.map_err(failed)
    }

    /// Lets the client decide on a setting. Nobody else can, meanwhile.
    async fn update_setting(
        &self,
        name: &str,
        callback: &Callback,
        caller: &Caller,
    ) -> Result<bool, Fault> {
        let failed = |trouble| self.callback_failed(&trouble);
        let _alone = self.shared.settings_lock.lock().await;
        let present = self.shared.node().settings().rw(name);
        let decision = callback.new_value(caller, &present).await.map_err(failed)?;
        let updated = self
            .shared
            .change(|node| node.settings_mut().update_rw(name, decision.value, decision.action));
        callback.end(caller, Inner::SettingsUpdateCallbackDestroy).await.map_err(failed)?;
        Ok(updated)
    }
}
