//! Finds out which generation of the interface a node speaks, without doing anything to it.
//!
//! There is no version to ask for, and the same number means different things: what makes the Node
//! object on one generation makes a wallet loader on another, which ends the process. So the tree
//! below is walked, and two kinds of step are taken:
//!
//! - `Has` asks whether an object has a method, by a call that names no server thread and is
//!   therefore answered but never run (see [`wire::has`]). It must not be asked about a method that
//!   takes no context, because that would run.
//! - `Make` runs a method of Init. It is taken only at numbers where every generation that is still
//!   possible has a method that makes an object out of nothing, or nothing at all. Before a number
//!   beyond 3 is used, Init's methods have been counted by `Has`, because numbers from 5 on are those
//!   of `makeWalletLoader` on some generation, which ends the node. `makeWalletLoader` itself is not
//!   even asked about.
//!
//! Every generation is confirmed by the exact number of methods of its Chain or Node interface: a
//! generation that is not in the tables has moved something, and is refused. What remains is a node
//! of the future that makes its wallet loader where a known one with as many methods makes Rpc or
//! Chain; nothing but its name could tell.
//!
//! | generation | Init @2 | @3 | @4 | @5 | @6 | @7 |
//! | --- | --- | --- | --- | --- | --- | --- |
//! | core-30 | Mining | | | | | |
//! | core-31 | error | Mining | | | | |
//! | core-32 | error | Mining | Rpc | | | |
//! | pr29409-2025-05 | Mining | Chain | | | | |
//! | pr10102-2024-07 | Node | Chain | Mining | wallet loader | | |
//! | pr10102-2026-02 | error | Mining | Chain | Node | wallet loader | Tracing |
//! | pr10102-2026-07 | error | Mining | Rpc | Chain | Node | wallet loader |
//!
//! `makeMining` is left out where it would wait for the chain to load (core-31 and later).

use bitcoin_grpc_contract::wire::proxy_capnp::thread;
use bitcoin_grpc_contract::{Inner, Profile, Service};
use capnp::capability::Client;

use super::wire;

const INIT: u64 = Inner::InitConstruct.interface_id();
const ECHO: u64 = Service::Echo.interface_id();
const CHAIN: u64 = Service::Chain.interface_id();
const NODE: u64 = Service::Node.interface_id();
const MINING: u64 = Service::Mining.interface_id();
const RPC: u64 = Service::Rpc.interface_id();

/// A step of the search.
#[derive(Debug)]
pub(super) enum Step {
    /// Run this method of Init, which makes an object for the following steps to ask.
    Make {
        /// Its number.
        ordinal: u16,
        /// It made an object.
        made: &'static Step,
        /// It answered with an error.
        error: &'static Step,
        /// There is no such method.
        absent: &'static Step,
    },
    /// Ask whether the object made last (Init itself, if the interface is Init) has this method.
    Has {
        /// Type id of the interface.
        interface: u64,
        /// Its number.
        ordinal: u16,
        /// It has.
        yes: &'static Step,
        /// It has not.
        no: &'static Step,
    },
    /// The generation of this name.
    Found(&'static str),
    /// No known generation, because of this.
    Unknown(&'static str),
}

use Step::{Found, Has, Make, Unknown};

static NO_ECHO: Step = Unknown("Init has no makeEcho, so this is no Bitcoin Core node");
static BROKEN: Step = Unknown("a method of Init that makes an object answers with an error");
static OTHER_INIT: Step = Unknown("Init has another number of methods");
static OTHER_CHAIN: Step = Unknown("the Chain interface is of an unknown generation");
static OTHER_NODE: Step = Unknown("the Node interface is of an unknown generation");
static OTHER_OBJECT: Step = Unknown("Init makes an unexpected object");

/// Asks for exactly `$count` methods, of which the last takes a context.
macro_rules! exactly {
    ($count:literal of $interface:expr, else $other:expr, $then:expr) => {
        Has {
            interface: $interface,
            ordinal: $count - 1,
            yes: &Has { interface: $interface, ordinal: $count, yes: &$other, no: $then },
            no: &$other,
        }
    };
}

/// Takes a `Make` that must succeed.
macro_rules! make {
    ($ordinal:literal, $then:expr) => {
        Make { ordinal: $ordinal, made: $then, error: &BROKEN, absent: &OTHER_INIT }
    };
}

/// Where the search begins.
pub(super) static START: Step = Make {
    ordinal: 1,
    made: &Has { interface: ECHO, ordinal: 1, yes: &BY_MINING, no: &NO_ECHO },
    error: &BROKEN,
    absent: &NO_ECHO,
};

/// Since Core 31 number 2 is taken by a method that answers with an error.
static BY_MINING: Step = Make { ordinal: 2, made: &EARLY, error: &LATE, absent: &OTHER_INIT };

static EARLY: Step = Has {
    interface: NODE,
    ordinal: 10,
    yes: &JULY_2024,
    no: &Has { interface: MINING, ordinal: 0, yes: &MINING_FIRST, no: &OTHER_OBJECT },
};

static JULY_2024: Step = exactly!(58 of NODE, else OTHER_NODE, &Has {
    interface: INIT,
    ordinal: 6,
    yes: &OTHER_INIT,
    no: &make!(3, &exactly!(51 of CHAIN, else OTHER_CHAIN, &Found("pr10102-2024-07"))),
});

static MINING_FIRST: Step = Has {
    interface: INIT,
    ordinal: 3,
    yes: &Has {
        interface: INIT,
        ordinal: 4,
        yes: &OTHER_INIT,
        no: &make!(3, &exactly!(55 of CHAIN, else OTHER_CHAIN, &Found("pr29409-2025-05"))),
    },
    no: &Found("core-30"),
};

static LATE: Step = Has {
    interface: INIT,
    ordinal: 3,
    yes: &Has { interface: INIT, ordinal: 4, yes: &MORE_THAN_MINING, no: &Found("core-31") },
    no: &OTHER_INIT,
};

/// Five methods, or eight, before the fifth is run.
static MORE_THAN_MINING: Step = Has {
    interface: INIT,
    ordinal: 5,
    yes: &Has { interface: INIT, ordinal: 8, yes: &OTHER_INIT, no: &BRANCHES_OF_2026 },
    no: &make!(4, &Has { interface: RPC, ordinal: 0, yes: &Found("core-32"), no: &OTHER_OBJECT }),
};

static BRANCHES_OF_2026: Step = make!(
    4,
    &Has {
        interface: RPC,
        ordinal: 0,
        yes: &Has { interface: INIT, ordinal: 6, yes: &JULY_2026, no: &OTHER_INIT },
        no: &Has { interface: CHAIN, ordinal: 1, yes: &FEBRUARY_2026, no: &OTHER_OBJECT },
    }
);

static FEBRUARY_2026: Step = exactly!(51 of CHAIN, else OTHER_CHAIN, &Has {
    interface: INIT,
    ordinal: 7,
    yes: &make!(5, &exactly!(58 of NODE, else OTHER_NODE, &Found("pr10102-2026-02"))),
    no: &OTHER_INIT,
});

static JULY_2026: Step = make!(
    5,
    &exactly!(52 of CHAIN, else OTHER_CHAIN, &make!(
        6, &exactly!(58 of NODE, else OTHER_NODE, &Found("pr10102-2026-07"))
    ))
);

/// Why a generation could not be found out.
#[derive(Debug, thiserror::Error)]
pub(super) enum DetectError {
    /// The node speaks none that is known.
    #[error("the node's interface fits no known generation: {0}; known are {names}", names = names())]
    Unknown(&'static str),
    /// The generation that was asked for would end this node.
    #[error("the node's interface is {found}; with {wanted} assumed, a call would end the node")]
    Deadly {
        /// What it was found to be.
        found: &'static str,
        /// What it should be.
        wanted: &'static str,
    },
    /// The node is about to end.
    #[error("the node makes no objects; it may be shutting down")]
    Stopping,
    /// The connection failed.
    #[error("the node went away while its interface was found out: {0}")]
    Lost(#[from] capnp::Error),
}

fn names() -> String {
    let names: Vec<_> =
        bitcoin_grpc_contract::PROFILES.iter().map(|profile| profile.name).collect();
    names.join(", ")
}

/// Walks the tree.
pub(super) async fn detect(
    init: &Client,
    on: &thread::Client,
) -> Result<&'static Profile, DetectError> {
    let mut step = &START;
    let mut object = None;
    loop {
        step = match step {
            Make { ordinal, made, error, absent } => {
                match wire::make(init, INIT, *ordinal, on).await {
                    Ok(Some(new)) => {
                        object = Some(new);
                        made
                    }
                    Ok(None) => return Err(DetectError::Stopping),
                    Err(fault) => match fault.kind {
                        capnp::ErrorKind::Disconnected => return Err(fault.into()),
                        capnp::ErrorKind::Unimplemented => absent,
                        _ => error,
                    },
                }
            }
            Has { interface, ordinal, yes, no } => {
                let asked = object.as_ref().filter(|_| *interface != INIT).unwrap_or(init);
                if wire::has(asked, *interface, *ordinal).await? { yes } else { no }
            }
            Found(name) => {
                return Profile::by_name(name).ok_or(DetectError::Unknown("it has no table"));
            }
            Unknown(why) => return Err(DetectError::Unknown(why)),
        };
    }
}

/// Finds the generation out, or takes the one that the operator names if that cannot end the node.
pub(super) async fn choose(
    init: &Client,
    on: &thread::Client,
    wanted: Option<&'static Profile>,
) -> Result<&'static Profile, DetectError> {
    let found = detect(init, on).await;
    let Some(wanted) = wanted else { return found };
    match found {
        Ok(found) if found.name == wanted.name => {}
        Ok(found) if is_deadly(found, wanted) => {
            return Err(DetectError::Deadly { found: found.name, wanted: wanted.name });
        }
        Ok(found) => tracing::warn!(
            found = found.name,
            wanted = wanted.name,
            "the node seems to speak another generation than the one named"
        ),
        Err(DetectError::Unknown(why)) => tracing::warn!(
            why,
            wanted = wanted.name,
            "the node fits no known generation; going on with the one named"
        ),
        Err(error) => return Err(error),
    }
    Ok(wanted)
}

/// Methods of Init that are called to get the root objects.
const MAKERS: [Inner; 5] = [
    Inner::InitMakeEcho,
    Inner::InitMakeChain,
    Inner::InitMakeNode,
    Inner::InitMakeMining,
    Inner::InitMakeRpc,
];

/// Whether making the objects of `wanted` would run the wallet loader's method of `found`.
fn is_deadly(found: &Profile, wanted: &Profile) -> bool {
    let deadly = found.inner(Inner::InitMakeWalletLoader).map(|at| at.ordinal);
    MAKERS.iter().filter_map(|maker| wanted.inner(*maker)).any(|at| Some(at.ordinal) == deadly)
}
