//! Scripts in JSON.

use bitcoin::opcodes::all::{OP_CHECKMULTISIG, OP_CHECKSIG};
use bitcoin::script::Instruction;
use bitcoin::{Address, Network, PublicKey, Script};
use serde::Serialize;

use super::descriptor;

/// The script of an input.
#[derive(Serialize)]
pub(super) struct ScriptSig {
    asm: String,
    hex: String,
}

impl ScriptSig {
    pub(super) fn of(script: &Script) -> Self {
        Self { asm: asm(script), hex: script.to_hex_string() }
    }
}

/// The script of an output.
#[derive(Serialize)]
pub(super) struct OutputScript {
    asm: String,
    desc: String,
    hex: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(rename = "type")]
    kind: &'static str,
}

pub(super) fn output_script(script: &Script) -> OutputScript {
    OutputScript {
        asm: asm(script),
        desc: descriptor::of_script(script),
        hex: script.to_hex_string(),
        address: address(script).map(|address| address.to_string()),
        kind: kind(script),
    }
}

/// The address of a script, if it has one. Keys alone have none.
pub(super) fn address(script: &Script) -> Option<Address> {
    Address::from_script(script, Network::Regtest).ok()
}

/// The words of a script: short pushes as numbers, longer ones in hex.
fn asm(script: &Script) -> String {
    let words: Vec<String> = script
        .instructions()
        .map(|instruction| match instruction {
            Ok(Instruction::PushBytes(push)) => push_word(push.as_bytes()),
            Ok(Instruction::Op(opcode)) => opcode_word(&opcode.to_string()),
            Err(_) => "[error]".to_owned(),
        })
        .collect();
    words.join(" ")
}

/// Longest push that is shown as a number, in bytes.
const LONGEST_NUMBER: usize = 4;

fn push_word(bytes: &[u8]) -> String {
    if bytes.len() > LONGEST_NUMBER {
        return super::block::hex(bytes);
    }
    let Some((last, _)) = bytes.split_last() else { return "0".to_owned() };
    let mut number: i64 = 0;
    for (place, byte) in bytes.iter().enumerate() {
        number |= i64::from(*byte) << (8 * place);
    }
    if last & 0x80 != 0 {
        let sign = 0x80_i64 << (8 * (bytes.len() - 1));
        number = -(number & !sign);
    }
    number.to_string()
}

fn opcode_word(name: &str) -> String {
    match name {
        "OP_PUSHNUM_NEG1" => "-1".to_owned(),
        "OP_PUSHBYTES_0" | "OP_0" => "0".to_owned(),
        "OP_CLTV" => "OP_CHECKLOCKTIMEVERIFY".to_owned(),
        "OP_CSV" => "OP_CHECKSEQUENCEVERIFY".to_owned(),
        name if name.starts_with("OP_RETURN_") => "OP_UNKNOWN".to_owned(),
        name => name.strip_prefix("OP_PUSHNUM_").unwrap_or(name).to_owned(),
    }
}

/// The standard form of a script, by its name.
fn kind(script: &Script) -> &'static str {
    match script {
        script if script.is_p2sh() => "scripthash",
        script if script.is_p2wpkh() => "witness_v0_keyhash",
        script if script.is_p2wsh() => "witness_v0_scripthash",
        script if script.is_p2tr() => "witness_v1_taproot",
        script if script.as_bytes() == [0x51, 0x02, 0x4e, 0x73] => "anchor",
        // Version 0 has no other lengths.
        script if script.is_witness_program() && script.as_bytes()[0] != 0 => "witness_unknown",
        script if script.is_op_return() && pushes_only(script) => "nulldata",
        script if public_key(script).is_some() => "pubkey",
        script if script.is_p2pkh() => "pubkeyhash",
        script if is_multisig(script) => "multisig",
        _ => "nonstandard",
    }
}

fn pushes_only(script: &Script) -> bool {
    script.instructions().skip(1).all(|instruction| match instruction {
        Ok(Instruction::PushBytes(_)) => true,
        Ok(Instruction::Op(opcode)) => opcode.to_u8() <= 0x60,
        Err(_) => false,
    })
}

/// The key of a script that asks for one signature of it.
pub(super) fn public_key(script: &Script) -> Option<PublicKey> {
    let (check, push) = script.as_bytes().split_last()?;
    let (length, key) = push.split_first()?;
    let whole = *check == OP_CHECKSIG.to_u8() && usize::from(*length) == key.len();
    PublicKey::from_slice(key).ok().filter(|_| whole)
}

fn is_multisig(script: &Script) -> bool {
    let words: Vec<_> = script.instructions().flatten().collect();
    let [Instruction::Op(wanted), keys @ .., Instruction::Op(total), Instruction::Op(check)] =
        words.as_slice()
    else {
        return false;
    };
    let number = |opcode: u8| usize::from(opcode.wrapping_sub(0x50));
    let plausible = |push: &Instruction<'_>| match push {
        Instruction::PushBytes(key) => matches!(key.len(), 33 | 65),
        Instruction::Op(_) => false,
    };
    *check == OP_CHECKMULTISIG
        && number(total.to_u8()) == keys.len()
        && (1..=keys.len()).contains(&number(wanted.to_u8()))
        && keys.iter().all(plausible)
}
