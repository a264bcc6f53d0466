//! What one caller may do, as it is looked at for every call: a bit for each method.

use bitcoin_grpc_contract::{Access, Method, Service};

use super::Rights;
use super::commands::{CommandGrant, Commands};
use crate::error::CallError;
use crate::layer::admission::OwnLimits;

/// Words of 64 bits that hold a bit for every method.
const WORDS: usize = Method::ALL.len().div_ceil(64);

/// A service beside the contract's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// `grpc.health.v1`.
    Health,
    /// `grpc.reflection`, all versions.
    Reflection,
}

/// What a caller may do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    methods: [u64; WORDS],
    /// RPC commands inside `ExecuteRpc`.
    commands: Commands,
    health: bool,
    reflection: bool,
    /// How much it may do at once.
    limits: OwnLimits,
}

impl Grants {
    /// What classes stand for where no policy says more: their methods, every RPC command if
    /// `control` is among them, health and reflection.
    #[must_use]
    pub fn of(rights: Rights) -> Self {
        let mut grants = Self { health: true, reflection: true, ..Self::default() };
        for class in Access::ALL.into_iter().filter(|class| rights.hold(*class)) {
            grants.add_class(class);
        }
        if rights.hold(Access::Control) {
            grants.add_commands(CommandGrant::all());
        }
        grants
    }

    /// Adds the methods of a class, without any RPC command.
    pub fn add_class(&mut self, class: Access) {
        self.add_methods(|method| method.info().access == class);
    }

    /// Adds the methods of a service, without any RPC command.
    pub fn add_service(&mut self, service: Service) {
        self.add_methods(|method| method.info().service == service);
    }

    /// Adds one method.
    pub fn add_method(&mut self, method: Method) {
        let (word, bit) = place(method);
        self.methods[word] |= bit;
    }

    /// Adds RPC commands, and with them the methods that run them.
    pub fn add_commands(&mut self, commands: CommandGrant) {
        self.add_method(Method::NodeExecuteRpc);
        self.add_method(Method::RpcExecuteRpc);
        self.commands.add(commands);
    }

    /// Adds a service beside the contract's.
    pub fn add_beside(&mut self, service: Beside) {
        match service {
            Beside::Health => self.health = true,
            Beside::Reflection => self.reflection = true,
        }
    }

    /// Adds limits. Of several, the widest counts.
    pub fn add_limits(&mut self, limits: OwnLimits) {
        self.limits = self.limits.widest(limits);
    }

    /// How much the caller may do at once, as far as that is said.
    #[must_use]
    pub const fn limits(&self) -> OwnLimits {
        self.limits
    }

    /// Whether nothing at all is granted.
    #[must_use]
    pub fn are_none(&self) -> bool {
        Self { limits: OwnLimits::default(), ..self.clone() } == Self::default()
    }

    /// Adds everything that another caller may do.
    pub fn add_all(&mut self, other: &Self) {
        for (word, more) in self.methods.iter_mut().zip(other.methods) {
            *word |= more;
        }
        self.commands.add_all(&other.commands);
        self.health |= other.health;
        self.reflection |= other.reflection;
        self.add_limits(other.limits);
    }

    fn add_methods(&mut self, which: impl Fn(&Method) -> bool) {
        for method in Method::ALL.into_iter().filter(which) {
            self.add_method(method);
        }
    }

    /// Whether a method is granted.
    #[must_use]
    pub const fn hold(&self, method: Method) -> bool {
        let (word, bit) = place(method);
        self.methods[word] & bit != 0
    }

    /// Whether a service beside the contract's is granted.
    #[must_use]
    pub const fn hold_beside(&self, service: Beside) -> bool {
        match service {
            Beside::Health => self.health,
            Beside::Reflection => self.reflection,
        }
    }

    /// RPC commands that are granted.
    #[must_use]
    pub(super) const fn commands(&self) -> &Commands {
        &self.commands
    }

    /// Whether a method may be called.
    ///
    /// # Errors
    /// With the class that it needs.
    pub fn check(&self, method: Method) -> Result<(), CallError> {
        if self.hold(method) {
            return Ok(());
        }
        Err(CallError::Denied { method, class: method.info().access })
    }
}

/// Where a method's bit stands.
const fn place(method: Method) -> (usize, u64) {
    (method as usize / 64, 1 << (method as usize % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(grants: &Grants) -> Vec<Method> {
        Method::ALL.into_iter().filter(|method| grants.hold(*method)).collect()
    }

    #[test]
    fn nothing_is_granted_by_itself() {
        let nothing = Grants::default();
        assert_eq!(held(&nothing), []);
        assert!(!nothing.hold_beside(Beside::Health) && !nothing.hold_beside(Beside::Reflection));
    }

    #[test]
    fn a_class_a_service_and_a_method_stand_for_what_their_names_say() {
        for class in Access::ALL {
            let mut grants = Grants::default();
            grants.add_class(class);
            assert!(!held(&grants).is_empty());
            for method in Method::ALL {
                assert_eq!(grants.hold(method), method.info().access == class, "{method:?}");
            }
        }
        for service in Service::ALL {
            let mut grants = Grants::default();
            grants.add_service(service);
            for method in Method::ALL {
                assert_eq!(grants.hold(method), method.info().service == service, "{method:?}");
            }
        }
        for method in Method::ALL {
            let mut grants = Grants::default();
            grants.add_method(method);
            assert_eq!(held(&grants), [method]);
        }
    }

    #[test]
    fn a_union_holds_what_either_holds() {
        let (mut one, mut other) = (Grants::default(), Grants::default());
        one.add_method(Method::ChainGetHeight);
        other.add_method(Method::WalletLoaderRestoreWallet);
        other.add_beside(Beside::Health);
        one.add_all(&other);
        assert_eq!(held(&one), [Method::ChainGetHeight, Method::WalletLoaderRestoreWallet]);
        assert!(one.hold_beside(Beside::Health) && !one.hold_beside(Beside::Reflection));
    }
}
