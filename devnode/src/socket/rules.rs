//! What differs between generations at the socket: threads, template options, the end.
//!
//! The wire tables say where a method stands; this says how the library under it and the code behind it behave. Each
//! value was seen in recordings of that generation, or follows from the library version it was released with.

/// What happens when a call finds its server thread busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Busy {
    /// The node dies of a second call.
    Dies,
    /// One call waits; the node dies of the next.
    OneWaitsThenDies,
    /// One call waits; the next are refused.
    OneWaits,
    /// Calls wait for each other in order.
    Queues,
}

/// What happens to template options out of their bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bounds {
    /// The node dies.
    Die,
    /// Too low a reserved weight is an exception, everything else is moved into its bounds.
    Clamp,
    /// An exception names the bound.
    Throw,
}

/// What becomes of a node whose client leaves without ending its subscriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LostHandlers {
    /// It goes on without them.
    Forgotten,
    /// It goes on, but dies of them if it was about to end.
    DieWhenStopping,
    /// It dies.
    Die,
}

/// How a generation behaves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// Two calls on one thread.
    pub(super) busy: Busy,
    /// Whether an exception inside a call ends the node. Else it is the answer.
    pub(super) exceptions_kill: bool,
    /// Whether calls without a thread may run on a pool.
    pub(super) pool: bool,
    /// What a call without a thread is told.
    pub(super) no_thread: &'static str,
    /// Template options out of their bounds.
    pub(super) bounds: Bounds,
    /// Whether options that a client leaves out have the defaults of the schema. Else they are zero.
    pub(super) option_defaults: bool,
    /// Whether a template's coinbase has nothing but the height in its script, and is not made longer where that is
    /// too short for a block.
    pub(super) bare_coinbases: bool,
    /// Whether a submitted solution is accepted only if it is new and connected. Else anything stored is.
    pub(super) solutions_are_judged: bool,
    /// Whether open connections keep a stopping node from ending.
    pub(super) waits_for_clients: bool,
    /// Clients that leave without ending their subscriptions.
    pub(super) lost_handlers: LostHandlers,
    /// Whether dropping a handler ends the subscription. Else it goes on as long as the connection.
    pub(super) dropped_handlers_end: bool,
    /// Whether notifications have a number for the role of a chain state, not a struct.
    pub(super) numbered_roles: bool,
    /// Whether messages to the operator have a caption.
    pub(super) captions: bool,
    /// Whether a client that serves a command may answer with a help text of its own.
    pub(super) help_results: bool,
    /// How the names of threads that answer JSON-RPC begin.
    pub(super) http_thread: &'static str,
    /// Name of the thread that ends the node.
    pub(super) shutdown_thread: &'static str,
}

const INVALID_THREAD: &str = "invalid thread handle";

/// The oldest branches.
const OLDEST: Rules = Rules {
    busy: Busy::OneWaitsThenDies,
    exceptions_kill: true,
    pool: false,
    no_thread: INVALID_THREAD,
    bounds: Bounds::Die,
    option_defaults: false,
    bare_coinbases: false,
    solutions_are_judged: false,
    waits_for_clients: true,
    lost_handlers: LostHandlers::DieWhenStopping,
    dropped_handlers_end: false,
    numbered_roles: true,
    captions: true,
    help_results: false,
    http_thread: "b-httpworker.",
    shutdown_thread: "bitcoin-node",
};

/// May 2025.
const MAY_2025: Rules = Rules { shutdown_thread: "b-shutoff", captions: false, ..OLDEST };

/// The release 30.0, whose library asserts that a thread is free.
const CORE_30: Rules = Rules { busy: Busy::Dies, waits_for_clients: false, ..OLDEST };

/// February 2026.
const FEBRUARY_2026: Rules = Rules {
    busy: Busy::OneWaits,
    bounds: Bounds::Clamp,
    option_defaults: true,
    bare_coinbases: true,
    waits_for_clients: false,
    lost_handlers: LostHandlers::Die,
    dropped_handlers_end: true,
    numbered_roles: false,
    captions: false,
    help_results: true,
    http_thread: "b-http_pool_",
    ..OLDEST
};

/// The release 31.
const CORE_31: Rules = Rules { busy: Busy::Queues, ..FEBRUARY_2026 };

/// The release 32 and the branches of July 2026.
const NEWEST: Rules = Rules {
    exceptions_kill: false,
    pool: true,
    no_thread: "no thread specified and no pool configured",
    bounds: Bounds::Throw,
    bare_coinbases: false,
    solutions_are_judged: true,
    lost_handlers: LostHandlers::Forgotten,
    ..CORE_31
};

impl Rules {
    /// How the generation of a profile behaves; unknown ones as the newest.
    pub(super) fn of(profile: &str) -> &'static Self {
        match profile {
            "pr10102-2024-07" => &OLDEST,
            "pr29409-2025-05" => &MAY_2025,
            "core-30" => &CORE_30,
            "pr10102-2026-02" => &FEBRUARY_2026,
            "core-31" => &CORE_31,
            _ => &NEWEST,
        }
    }
}
