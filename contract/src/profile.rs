//! Generations of the node's interface, and what each has.

use crate::glue::{Inner, Method, PROFILES, Service};

/// One generation of the node's interface ("wire profile").
#[derive(Debug)]
pub struct Profile {
    /// Name, as `--profile` takes it.
    pub name: &'static str,
    /// What speaks it, for people.
    pub title: &'static str,
    /// Form of a CFeeRate inside `Data`.
    pub fee_rate: FeeRateForm,
    /// Scripts and public keys carry their length inside the `Data`.
    pub prefixed_scripts: bool,
    /// The node survives a client that dies while the node holds its callbacks.
    pub survives_lost_subscribers: bool,
    /// An exception inside a call ends the node's process.
    pub exceptions_kill: bool,
    /// By [`Method`].
    pub(crate) methods: &'static [Slot],
    /// By [`Inner`].
    pub(crate) inner: &'static [Slot],
    /// The interfaces it has, with the number of their methods.
    pub interfaces: &'static [InterfaceSize],
}

/// Form of a CFeeRate inside `Data`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeeRateForm {
    /// 8 bytes: satoshi per 1000 vB, little endian.
    PerThousand,
    /// 12 bytes: fee in satoshi (8 bytes), size in vB (4 bytes), little endian.
    FeeAndSize,
}

/// An interface and the number of methods it has in one generation.
#[derive(Debug)]
pub struct InterfaceSize {
    /// Name.
    pub name: &'static str,
    /// Type id.
    pub id: u64,
    /// One more than its highest ordinal.
    pub methods: u16,
}

/// A method in one generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// It can be called.
    Callable(At),
    /// There is no such method.
    Absent,
    /// What has its name there means or carries something else.
    Differs(&'static str),
}

/// Where a method stands on the wire, and in which layouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// Number of the method in its interface.
    pub ordinal: u16,
    /// Its parameters name the server thread that runs it. Without, the node runs it on its event loop.
    pub context: bool,
    pub(crate) params: u16,
    pub(crate) results: u16,
}

impl Profile {
    /// The generation of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<&'static Self> {
        PROFILES.iter().find(|profile| profile.name == name)
    }

    /// What this generation has of a method.
    #[must_use]
    pub fn slot(&self, method: Method) -> Slot {
        self.methods[method as usize]
    }

    /// Whether this generation can be asked anything of a service.
    #[must_use]
    pub fn has(&self, service: Service) -> bool {
        let of_service = Method::ALL.into_iter().filter(|method| method.info().service == service);
        of_service.into_iter().any(|method| matches!(self.slot(method), Slot::Callable(_)))
    }

    /// What this generation has of a method outside the contract.
    #[must_use]
    pub fn inner_slot(&self, inner: Inner) -> Slot {
        self.inner[inner as usize]
    }

    /// Where a method outside the contract stands; `None` if it cannot be called.
    #[must_use]
    pub fn inner(&self, inner: Inner) -> Option<At> {
        match self.inner_slot(inner) {
            Slot::Callable(at) => Some(at),
            Slot::Absent | Slot::Differs(_) => None,
        }
    }

    /// The method of the contract at a place on the wire.
    #[must_use]
    pub fn method_at(&self, interface_id: u64, ordinal: u16) -> Option<(Method, At)> {
        Method::ALL.into_iter().find_map(|method| match self.slot(method) {
            Slot::Callable(at)
                if at.ordinal == ordinal && method.info().interface_id == interface_id =>
            {
                Some((method, at))
            }
            _ => None,
        })
    }

    /// The method outside the contract at a place on the wire.
    #[must_use]
    pub fn inner_at(&self, interface_id: u64, ordinal: u16) -> Option<(Inner, At)> {
        Inner::ALL.into_iter().find_map(|inner| match self.inner_slot(inner) {
            Slot::Callable(at) if at.ordinal == ordinal && inner.interface_id() == interface_id => {
                Some((inner, at))
            }
            _ => None,
        })
    }

    /// The interface, if this generation has it.
    #[must_use]
    pub fn interface(&self, id: u64) -> Option<&InterfaceSize> {
        self.interfaces.iter().find(|interface| interface.id == id)
    }

    /// Names of the generations that can answer a method, newest name last.
    pub fn that_have(method: Method) -> impl Iterator<Item = &'static str> {
        let able = move |p: &&Self| matches!(p.slot(method), Slot::Callable(_));
        PROFILES.iter().filter(able).map(|profile| profile.name)
    }
}
