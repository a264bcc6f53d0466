//! Methods outside of the contract: making the interfaces, and freeing them.

use std::rc::Rc;

use bitcoin_grpc_contract::wire::{
    chain_capnp, echo_capnp, init_capnp::init, mining_capnp, node_capnp, rpc_capnp,
};
use bitcoin_grpc_contract::{Inner, Method, Service};
use capnp::any_pointer;
use capnp::capability::{FromClientHook, Params, Results};
use capnp::private::capability::ClientHook;

use super::answer::Fault;
use super::context::{self, Named};
use super::object::{Kind, Object, client};
use super::thread::ThreadMap;
use crate::fault::Called;

type Out<'a> = any_pointer::Builder<'a>;

impl Object {
    pub(super) async fn inner(
        &self,
        inner: Inner,
        params: &Params<any_pointer::Owned>,
        mut results: Results<any_pointer::Owned>,
    ) -> Result<(), Fault> {
        match inner {
            Inner::InitConstruct => {
                self.keep_thread_map(params)?;
                let map = capnp_rpc::new_client(ThreadMap(Rc::clone(&self.connection)));
                let out = results.get().init_as::<init::construct_results::Builder<'_>>();
                { out }.set_thread_map(map);
                return Ok(());
            }
            Inner::InitMakeMiningOld2 => return Err(superseded("mining interface (@2)")),
            Inner::EchoDestroy
            | Inner::ChainDestroy
            | Inner::NodeDestroy
            | Inner::HandlerDestroy => {
                return self.destroy(params).await;
            }
            _ => {}
        }
        self.check_alive()?;
        let serving = self.connection.enter_named(context_of(params)?).await?;
        self.hold(Called::Inner(inner)).await;
        match inner {
            Inner::HandlerDisconnect => self.end_subscription(&serving.caller).await,
            Inner::BlockTemplateSubmitSolutionOld7 => Err(superseded("submitSolution (@7)")),
            Inner::NodeCustomWalletLoader => {
                Err(Fault::Dies("the node was built without a wallet".to_owned()))
            }
            Inner::InitMakeWalletLoader => {
                Err(Fault::Dies("only a wallet process makes wallet loaders".to_owned()))
            }
            inner => self.make(inner, results.get()),
        }
    }

    /// Keeps what makes threads of the client; clients may pass none.
    fn keep_thread_map(&self, params: &Params<any_pointer::Owned>) -> Result<(), Fault> {
        let params = params.get().map_err(Fault::Malformed)?;
        let params: init::construct_params::Reader<'_> =
            params.get_as().map_err(Fault::Malformed)?;
        let map = params.has_thread_map().then(|| params.get_thread_map()).transpose();
        self.connection.their_threads.replace(map.map_err(Fault::Malformed)?);
        Ok(())
    }

    fn make(&self, inner: Inner, out: Out<'_>) -> Result<(), Fault> {
        let hook = |service| client(Kind::Root(service), &self.connection).hook;
        match inner {
            Inner::InitMakeEcho => out
                .init_as::<init::make_echo_results::Builder<'_>>()
                .set_result(echo_capnp::echo::Client::new(hook(Service::Echo))),
            Inner::InitMakeChain => out
                .init_as::<init::make_chain_results::Builder<'_>>()
                .set_result(chain_capnp::chain::Client::new(hook(Service::Chain))),
            Inner::InitMakeMining => out
                .init_as::<init::make_mining_results::Builder<'_>>()
                .set_result(mining_capnp::mining::Client::new(hook(Service::Mining))),
            Inner::InitMakeNode => out
                .init_as::<init::make_node_results::Builder<'_>>()
                .set_result(node_capnp::node::Client::new(hook(Service::Node))),
            Inner::InitMakeRpc => out
                .init_as::<init::make_rpc_results::Builder<'_>>()
                .set_result(rpc_capnp::rpc::Client::new(hook(Service::Rpc))),
            _ => return Err(Fault::Unimplemented),
        }
        Ok(())
    }
}

/// The threads named in parameters that are, or begin with, a context. Every such method has the same layout there.
pub(super) fn context_of(params: &Params<any_pointer::Owned>) -> Result<Named, Fault> {
    let params = params.get().map_err(Fault::Malformed)?;
    let params: init::make_echo_params::Reader<'_> = params.get_as().map_err(Fault::Malformed)?;
    if !params.has_context() {
        return Ok(Named::default());
    }
    context::named(Some(params.get_context().map_err(Fault::Malformed)?))
}

/// Puts a template into the results of the two methods that return one.
pub(super) fn return_template(method: Method, hook: Box<dyn ClientHook>, out: Out<'_>) {
    let template = mining_capnp::block_template::Client::new(hook);
    match method {
        Method::BlockTemplateWaitNext => out
            .init_as::<mining_capnp::block_template::wait_next_results::Builder<'_>>()
            .set_result(template),
        _ => out
            .init_as::<mining_capnp::mining::create_new_block_results::Builder<'_>>()
            .set_result(template),
    }
}

fn superseded(what: &str) -> Fault {
    Fault::Exception(format!("Old {what} not supported. Please update your client!"))
}
