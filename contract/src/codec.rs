//! The small structures that the node packs into `Data`, and the messages they become.
//!
//! Each has a `…_from_wire` and a `…_to_wire`. Their layout follows the serialization of Bitcoin
//! Core's types of the same name; where generations differ, the [`Profile`] says how.

mod chain;
mod net;
mod reader;

pub(crate) use chain::{
    block_locator_from_wire, block_locator_to_wire, coin_from_wire, coin_to_wire,
    fee_rate_from_wire, fee_rate_to_wire, out_point_from_wire, out_point_to_wire,
    pub_key_from_wire, script_from_wire, script_to_wire, tx_in_from_wire, tx_in_to_wire,
    tx_out_from_wire, tx_out_to_wire,
};
pub(crate) use net::{
    address_length, ban_map_from_wire, ban_map_to_wire, is_subnet, net_address_from_wire,
    net_address_to_wire, net_service_from_wire, net_service_to_wire, peer_address_from_wire,
    peer_address_to_wire, subnet_from_wire, subnet_to_wire,
};
