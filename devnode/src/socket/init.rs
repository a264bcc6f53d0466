//! Methods outside of the contract: making the interfaces, and freeing them.

use std::rc::Rc;

use bitcoin_grpc_contract::wire::{
    chain_capnp, echo_capnp, init_capnp::init, mining_capnp, node_capnp, proxy_capnp::thread,
    rpc_capnp,
};
use bitcoin_grpc_contract::{Inner, Method, Service};
use capnp::any_pointer;
use capnp::capability::{FromClientHook, Params, Results};
use capnp::private::capability::ClientHook;

use super::answer::Fault;
use super::context;
use super::object::{Kind, Object, client};
use super::thread::ThreadMap;

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
                let map = capnp_rpc::new_client(ThreadMap(Rc::clone(&self.connection)));
                let out = results.get().init_as::<init::construct_results::Builder<'_>>();
                { out }.set_thread_map(map);
                return Ok(());
            }
            Inner::InitMakeMiningOld2 => return Err(superseded("mining interface (@2)")),
            Inner::EchoDestroy | Inner::ChainDestroy | Inner::NodeDestroy => {
                return self.destroy(params).await;
            }
            _ => {}
        }
        self.check_alive()?;
        let thread = self.connection.thread(context_of(params)?).await?;
        let _running = thread.enter(self.connection.rules.busy).await?;
        match inner {
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

/// The thread named in parameters that are, or begin with, a context. Every such method has the same layout there.
pub(super) fn context_of(
    params: &Params<any_pointer::Owned>,
) -> Result<Option<thread::Client>, Fault> {
    let params = params.get().map_err(Fault::Malformed)?;
    let params: init::make_echo_params::Reader<'_> = params.get_as().map_err(Fault::Malformed)?;
    if !params.has_context() {
        return Ok(None);
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
