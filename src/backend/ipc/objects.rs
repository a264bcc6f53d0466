//! The root objects of a connection.

use std::cell::RefCell;

use bitcoin_grpc_contract::wire::proxy_capnp::thread;
use bitcoin_grpc_contract::{Inner, Method, Profile, Service, Slot};
use capnp::capability::Client;

use super::wire;

/// The services whose object Init makes, with the method that makes it.
///
/// The wallet loader is not among them: Init's method of that name is meant for the wallet process
/// and ends the node. It is made by Node, when first needed.
const MAKERS: [(Service, Inner); 5] = [
    (Service::Echo, Inner::InitMakeEcho),
    (Service::Chain, Inner::InitMakeChain),
    (Service::Node, Inner::InitMakeNode),
    (Service::Rpc, Inner::InitMakeRpc),
    (Service::Mining, Inner::InitMakeMining),
];

/// Root objects by service, made one by one.
#[derive(Default)]
pub(super) struct Objects {
    made: RefCell<Vec<(Service, Client)>>,
}

impl Objects {
    /// The object of a service, if it has been made.
    pub(super) fn get(&self, service: Service) -> Option<Client> {
        self.made.borrow().iter().find(|(of, _)| *of == service).map(|(_, object)| object.clone())
    }

    /// The services that have an object.
    pub(super) fn services(&self) -> Vec<Service> {
        let mut services: Vec<_> = self.made.borrow().iter().map(|(service, _)| *service).collect();
        services.sort_unstable();
        services
    }

    /// Makes the object of a service that Init has a method for, and confirms that it is one.
    ///
    /// `false`: the generation has none, or the node made none because it is stopping.
    pub(super) async fn make(
        &self,
        service: Service,
        profile: &Profile,
        init: &Client,
        on: &thread::Client,
    ) -> capnp::Result<bool> {
        if self.get(service).is_some() {
            return Ok(true);
        }
        let maker = MAKERS
            .iter()
            .find(|(of, _)| *of == service)
            .and_then(|(_, maker)| profile.inner(*maker));
        let Some(maker) = maker else { return Ok(false) };
        let Some(object) =
            wire::make(init, Inner::InitConstruct.interface_id(), maker.ordinal, on).await?
        else {
            return Ok(false);
        };
        self.confirm(service, profile, object).await
    }

    /// Makes the wallet loader. The caller has made sure that the node has wallets.
    pub(super) async fn make_wallet_loader(
        &self,
        profile: &Profile,
        on: &thread::Client,
    ) -> capnp::Result<bool> {
        if self.get(Service::WalletLoader).is_some() {
            return Ok(true);
        }
        let maker = profile.inner(Inner::NodeCustomWalletLoader);
        let (Some(node), Some(maker)) = (self.get(Service::Node), maker) else { return Ok(false) };
        let interface = Inner::NodeCustomWalletLoader.interface_id();
        match wire::make(&node, interface, maker.ordinal, on).await? {
            Some(object) => self.confirm(Service::WalletLoader, profile, object).await,
            None => Ok(false),
        }
    }

    async fn confirm(
        &self,
        service: Service,
        profile: &Profile,
        object: Client,
    ) -> capnp::Result<bool> {
        let Some((interface, ordinal)) = last_with_context(service, profile) else {
            return Ok(false);
        };
        let answers = wire::has(&object, interface, ordinal).await?;
        if answers && self.get(service).is_none() {
            self.made.borrow_mut().push((service, object));
        }
        Ok(answers)
    }

    /// Forgets all, so that the node is told that they are no longer needed.
    pub(super) fn release(&self) {
        self.made.borrow_mut().clear();
    }
}

/// The service's highest method that names a thread: an object that has it has all below.
fn last_with_context(service: Service, profile: &Profile) -> Option<(u64, u16)> {
    let of_service = Method::ALL.into_iter().filter(|method| method.info().service == service);
    let places = of_service.filter_map(|method| match profile.slot(method) {
        Slot::Callable(at)
            if at.context && method.info().interface_id == service.interface_id() =>
        {
            Some((method.info().interface_id, at.ordinal))
        }
        _ => None,
    });
    places.max_by_key(|(_, ordinal)| *ordinal)
}
