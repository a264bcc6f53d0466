//! A coin on the wire, in the compressed form of the node's coin database.
//!
//! Variable length integers are base 128, most significant group first, each continued group stored minus one.
//! Amounts drop their trailing decimal zeros. Six common script forms shrink to a tag and their hash or key.

use bitcoin::opcodes::all::{OP_CHECKSIG, OP_EQUAL, OP_PUSHBYTES_33, OP_PUSHBYTES_65};
use bitcoin::{PublicKey, Script};

use super::Coin;

/// Number of special script forms; other scripts are sent whole, their length shifted by this.
const SPECIAL_FORMS: u64 = 6;

/// A coin as the interfaces send it: varint of twice the height plus one for a coinbase, compressed amount, compressed
/// script.
pub fn encode_coin(coin: &Coin) -> Vec<u8> {
    let mut bytes = Vec::new();
    push_varint(&mut bytes, u64::from(coin.height) * 2 + u64::from(coin.coinbase));
    push_varint(&mut bytes, compress_amount(coin.output.value.to_sat()));
    push_script(&mut bytes, &coin.output.script_pubkey);
    bytes
}

fn push_varint(bytes: &mut Vec<u8>, mut value: u64) {
    let mut groups = vec![(value & 0x7f) as u8];
    while value > 0x7f {
        value = (value >> 7) - 1;
        groups.push((value & 0x7f) as u8 | 0x80);
    }
    bytes.extend(groups.iter().rev());
}

fn compress_amount(sat: u64) -> u64 {
    if sat == 0 {
        return 0;
    }
    let mut rest = sat;
    let mut zeros = 0;
    while rest.is_multiple_of(10) && zeros < 9 {
        rest /= 10;
        zeros += 1;
    }
    if zeros < 9 {
        1 + (rest / 10 * 9 + rest % 10 - 1) * 10 + zeros
    } else {
        1 + (rest - 1) * 10 + 9
    }
}

fn push_script(bytes: &mut Vec<u8>, script: &Script) {
    if let Some(special) = special_form(script) {
        bytes.extend(special);
        return;
    }
    push_varint(bytes, script.len() as u64 + SPECIAL_FORMS);
    bytes.extend_from_slice(script.as_bytes());
}

/// Tag 0 key hash, 1 script hash, 2 and 3 a compressed key, 4 and 5 an uncompressed key cut to its first half.
fn special_form(script: &Script) -> Option<Vec<u8>> {
    let bytes = script.as_bytes();
    if script.is_p2pkh() {
        return Some(tagged(0, &bytes[3..23]));
    }
    if script.is_p2sh() && bytes.last() == Some(&OP_EQUAL.to_u8()) {
        return Some(tagged(1, &bytes[2..22]));
    }
    let (push, key) = bytes.split_first()?;
    let (check, key) = key.split_last()?;
    if *check != OP_CHECKSIG.to_u8() {
        return None;
    }
    match key {
        [tag @ (2 | 3), point @ ..] if *push == OP_PUSHBYTES_33.to_u8() && key.len() == 33 => {
            Some(tagged(*tag, point))
        }
        [4, point @ ..] if *push == OP_PUSHBYTES_65.to_u8() && key.len() == 65 => {
            PublicKey::from_slice(key).ok()?;
            let odd = point[63] & 1;
            Some(tagged(4 | odd, &point[..32]))
        }
        _ => None,
    }
}

fn tagged(tag: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    bytes.extend_from_slice(payload);
    bytes
}

#[cfg(test)]
mod tests {
    use bitcoin::constants::genesis_block;
    use bitcoin::{Amount, Network, ScriptBuf, TxOut};

    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn coin(height: u32, coinbase: bool, sat: u64, script: ScriptBuf) -> Coin {
        Coin {
            output: TxOut { value: Amount::from_sat(sat), script_pubkey: script },
            height,
            coinbase,
        }
    }

    #[test]
    fn known_coins() {
        let anyone = ScriptBuf::from_bytes(vec![0x51]);
        assert_eq!(hex(&encode_coin(&coin(113, false, 400_000_000, anyone.clone()))), "8062270751");
        assert_eq!(hex(&encode_coin(&coin(6, true, 5_000_000_000, anyone.clone()))), "0d320751");
        let pool = encode_coin(&coin(super::super::MEMPOOL_HEIGHT, false, 100_000_000, anyone));
        assert_eq!(hex(&pool), "8efefefe7e090751");
    }

    #[test]
    fn keys_shrink() {
        let script = genesis_block(Network::Regtest).txdata[0].output[0].script_pubkey.clone();
        let bytes = encode_coin(&coin(0, true, 1, script.clone()));
        assert_eq!(bytes.len(), 2 + 33);
        assert_eq!(bytes[2], 4 | (script.as_bytes()[65] & 1));
    }
}
