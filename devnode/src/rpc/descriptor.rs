//! Output descriptors, as far as they need no keys.

use bitcoin::address::NetworkUnchecked;
use bitcoin::hex::FromHex;
use bitcoin::{Address, Network, Script, ScriptBuf};

use super::error::{RpcError, code};
use super::script::{address, public_key};

/// The characters that descriptors are made of, in the order that the checksum counts them (BIP 380).
const INPUT: &str = "0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ ";

/// The characters of a checksum.
const CHECKSUM: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// Length of a checksum.
const CHECKSUM_LENGTH: usize = 8;

/// The generator of the checksum's code, by bit.
const GENERATOR: [u64; 5] =
    [0xf5_dee5_1989, 0xa9_fdca_3312, 0x1b_ab10_e32d, 0x37_06b1_677a, 0x64_4d62_6ffd];

/// The descriptor that a node finds for a script without knowing any keys.
pub(super) fn of_script(script: &Script) -> String {
    let text = match (public_key(script), address(script)) {
        (Some(key), _) => format!("pk({key})"),
        (None, Some(_)) if script.is_p2tr() => {
            format!("rawtr({})", super::block::hex(&script.as_bytes()[2..]))
        }
        (None, Some(address)) => format!("addr({address})"),
        (None, None) => format!("raw({})", script.to_hex_string()),
    };
    match checksum(&text) {
        Some(checksum) => format!("{text}#{checksum}"),
        None => text,
    }
}

/// The script of a descriptor of the forms `raw(hex)` and `addr(address)`, with or without its checksum.
pub(super) fn to_script(text: &str) -> Result<ScriptBuf, RpcError> {
    let body = match text.split_once('#') {
        Some((body, given)) => checked(body, given)?,
        None => text,
    };
    let inner = |name: &str| body.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
    if let Some(hex) = inner("raw") {
        let bytes = Vec::from_hex(hex).map_err(|_| invalid("Raw script is not hex"))?;
        return Ok(ScriptBuf::from_bytes(bytes));
    }
    match inner("addr") {
        Some(text) => script_of_address(text).ok_or_else(|| invalid("Address is not valid")),
        None => Err(invalid(&format!("'{body}' is not a valid descriptor function"))),
    }
}

/// The script of an address of regtest.
pub(super) fn script_of_address(text: &str) -> Option<ScriptBuf> {
    let address = text.parse::<Address<NetworkUnchecked>>().ok()?;
    Some(address.require_network(Network::Regtest).ok()?.script_pubkey())
}

fn checked<'a>(body: &'a str, given: &str) -> Result<&'a str, RpcError> {
    if given.len() != CHECKSUM_LENGTH {
        return Err(invalid(&format!(
            "Expected 8 character checksum, not {} characters",
            given.len()
        )));
    }
    match checksum(body) {
        Some(own) if own == given => Ok(body),
        Some(own) => Err(invalid(&format!(
            "Provided checksum '{given}' does not match computed checksum '{own}'"
        ))),
        None => Err(invalid("Invalid characters in payload")),
    }
}

fn invalid(message: &str) -> RpcError {
    RpcError::new(code::ADDRESS_OR_KEY, message)
}

/// The checksum of a descriptor; none if it has a character that no descriptor has.
fn checksum(text: &str) -> Option<String> {
    let mut state = 1;
    let (mut group, mut in_group) = (0, 0);
    for character in text.chars() {
        let place = INPUT.find(character)? as u64;
        state = step(state, place & 31);
        group = group * 3 + (place >> 5);
        in_group += 1;
        if in_group == 3 {
            state = step(state, group);
            (group, in_group) = (0, 0);
        }
    }
    if in_group > 0 {
        state = step(state, group);
    }
    for _ in 0..CHECKSUM_LENGTH {
        state = step(state, 0);
    }
    state ^= 1;
    let letter = |place: usize| char::from(CHECKSUM[(state >> (5 * (7 - place)) & 31) as usize]);
    Some((0..CHECKSUM_LENGTH).map(letter).collect())
}

fn step(state: u64, value: u64) -> u64 {
    let top = state >> 35;
    let next = (state & 0x7_ffff_ffff) << 5 ^ value;
    let generators = GENERATOR.iter().enumerate().filter(|(bit, _)| top >> bit & 1 == 1);
    generators.fold(next, |next, (_, generator)| next ^ generator)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The checksums are Bitcoin Core's, from its documentation of descriptors and a regtest node.
    #[test]
    fn checksums_are_those_of_the_node() {
        assert_eq!(of_script(Script::from_bytes(&[0x51])), "raw(51)#8lvh9jxk");
        assert_eq!(checksum("raw(deadbeef)").unwrap(), "89f8spxm");
        assert_eq!(to_script("raw(51)#8lvh9jxk").unwrap().as_bytes(), [0x51]);
        assert!(to_script("raw(51)#8lvh9jxl").unwrap_err().message.contains("does not match"));
        assert!(to_script("wpkh(xyz)").is_err());
    }
}
