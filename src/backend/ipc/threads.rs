//! Our threads, as the node sees them.
//!
//! The node asks for a thread of ours before it calls one of our objects, and names it in the call.
//! Everything here runs on one thread, so a thread is nothing but its name.

use std::rc::Rc;

use bitcoin_grpc_contract::wire::proxy_capnp::{thread, thread_map};
use capnp_rpc::new_client;

use super::signs::Signs;

/// How the node's thread is called that shuts it down. The name that it asks us for has the process
/// before it and a number behind.
const SHUTDOWN_THREAD: &str = "/b-shutoff-";

/// Makes threads for the node.
pub(super) struct Threads {
    signs: Rc<Signs>,
}

impl Threads {
    pub(super) fn new(signs: &Rc<Signs>) -> Self {
        Self { signs: Rc::clone(signs) }
    }
}

struct Named(String);

impl thread_map::Server for Threads {
    async fn make_thread(
        self: Rc<Self>,
        params: thread_map::MakeThreadParams,
        mut results: thread_map::MakeThreadResults,
    ) -> capnp::Result<()> {
        let name = params.get()?.get_name()?.to_string()?;
        if name.contains(SHUTDOWN_THREAD) {
            // The node aborts if it goes on while it holds objects of ours; it can wait for this.
            self.signs.shutting_down().await;
        }
        results.get().set_result(new_client(Named(name)));
        Ok(())
    }

    async fn make_pool(
        self: Rc<Self>,
        _: thread_map::MakePoolParams,
        _: thread_map::MakePoolResults,
    ) -> capnp::Result<()> {
        // Calls without a thread run here all the same.
        Ok(())
    }
}

impl thread::Server for Named {
    async fn get_name(
        self: Rc<Self>,
        _: thread::GetNameParams,
        mut results: thread::GetNameResults,
    ) -> capnp::Result<()> {
        results.get().set_result(self.0.as_str());
        Ok(())
    }
}
