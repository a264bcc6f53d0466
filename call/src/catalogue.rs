//! What there is to call, and finding it by what somebody typed.

use prost_reflect::{DescriptorPool, MethodDescriptor, ServiceDescriptor};

use crate::error::CallError;
use crate::guess::did_you_mean;

/// The services of a server.
#[derive(Debug)]
pub(crate) struct Catalogue {
    pub(crate) pool: DescriptorPool,
    /// Those that the server lists; the pool has more.
    pub(crate) listed: Vec<String>,
}

impl Catalogue {
    pub(crate) fn services(&self) -> impl Iterator<Item = ServiceDescriptor> + '_ {
        self.listed.iter().filter_map(|name| self.pool.get_service_by_name(name))
    }

    /// The shortest name by which a service can be found.
    pub(crate) fn name(&self, service: &ServiceDescriptor) -> String {
        let same = self.services().filter(|other| other.name() == service.name()).count();
        if same == 1 { service.name().to_owned() } else { service.full_name().to_owned() }
    }

    /// The service of that name, with or without its package, in any case.
    pub(crate) fn find(&self, typed: &str) -> Option<ServiceDescriptor> {
        let full = self.services().find(|it| it.full_name().eq_ignore_ascii_case(typed));
        full.or_else(|| self.services().find(|it| it.name().eq_ignore_ascii_case(typed)))
    }

    /// Finds a method: `Chain.GetHeight`, `chain/getheight`, or with the package before it.
    pub(crate) fn method(&self, typed: &str) -> Result<MethodDescriptor, CallError> {
        let (service, name) =
            typed.rsplit_once(['.', '/']).ok_or_else(|| self.no_method_alone(typed))?;
        let service = self.find(service).ok_or_else(|| self.no_service(service))?;
        let found = service.methods().find(|method| method.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| {
            let known: Vec<String> = service.methods().map(|m| m.name().to_owned()).collect();
            let guess = did_you_mean(name, known.iter().map(String::as_str));
            let service = service.name();
            CallError::mistyped(format!(
                "{service} has no method {name}{guess}\n  bitcoin-grpc call {service} lists its methods"
            ))
        })
    }

    fn no_service(&self, typed: &str) -> CallError {
        let known: Vec<String> = self.services().map(|service| self.name(&service)).collect();
        let guess = did_you_mean(typed, known.iter().map(String::as_str));
        CallError::mistyped(format!(
            "the server has no service {typed}{guess}\n  bitcoin-grpc call lists its services"
        ))
    }

    /// Somebody forgot the service, or mistyped it.
    fn no_method_alone(&self, typed: &str) -> CallError {
        let names = self.services().flat_map(|service| {
            let name = self.name(&service);
            let methods = service.methods().map(|method| method.name().to_owned());
            methods.map(move |method| (format!("{name}.{method}"), method)).collect::<Vec<_>>()
        });
        let methods: Vec<(String, String)> = names.collect();
        let exact = methods.iter().filter(|(_, method)| method.eq_ignore_ascii_case(typed));
        let exact: Vec<&str> = exact.map(|(full, _)| full.as_str()).collect();
        if !exact.is_empty() {
            let guess = exact.join(" or ");
            return CallError::mistyped(format!(
                "{typed} needs its service; did you mean {guess}?"
            ));
        }
        let services: Vec<String> = self.services().map(|service| self.name(&service)).collect();
        let known = services.iter().chain(methods.iter().map(|(_, method)| method));
        let guess = did_you_mean(typed, known.map(String::as_str));
        CallError::mistyped(format!(
            "{typed} is no service, and methods are written Service.Method{guess}\n  bitcoin-grpc call \
             lists the services"
        ))
    }
}
