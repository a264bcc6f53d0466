//! Values whose meaning is written otherwise in older generations.

use crate::error::GlueError;
use crate::v1;

/// `relay` of older generations: whether to announce the transaction to all peers.
pub(crate) fn relay_of_method(method: i32) -> Result<bool, GlueError> {
    match v1::BroadcastMethod::try_from(method) {
        Ok(v1::BroadcastMethod::MempoolAndBroadcast) => Ok(true),
        Ok(v1::BroadcastMethod::MempoolOnly) => Ok(false),
        _ => Err(GlueError::FieldUnavailable("broadcast_method")),
    }
}

/// The broadcast method that `relay` stands for.
pub(crate) fn method_of_relay(relay: bool) -> i32 {
    let method = match relay {
        true => v1::BroadcastMethod::MempoolAndBroadcast,
        false => v1::BroadcastMethod::MempoolOnly,
    };
    method.into()
}

/// `ChainstateRole` of older generations: 0 normal, 1 made from a snapshot not yet validated,
/// 2 the background chain that validates it (`kernel/chain.h` until 2025).
pub(crate) fn role_of_number(role: u32) -> Result<v1::ChainstateRole, GlueError> {
    match role {
        0..=2 => Ok(v1::ChainstateRole { validated: role != 1, historical: role == 2 }),
        _ => Err(GlueError::Decode { what: "chainstate role", why: "unknown number" }),
    }
}

/// The number of older generations for a role.
pub(crate) fn number_of_role(role: &v1::ChainstateRole) -> u32 {
    match (role.validated, role.historical) {
        (_, true) => 2,
        (false, false) => 1,
        (true, false) => 0,
    }
}
