//! A small part of the script language, run honestly.
//!
//! Enough for the scripts of tests: constants, hashes, equality. Anything else, above all signatures, is left
//! undecided, and the devnode accepts what it cannot decide. It is no validating node.

use bitcoin::hashes::{Hash, hash160, sha256};
use bitcoin::opcodes::all as op;
use bitcoin::script::Instruction;
use bitcoin::{Script, Transaction, TxIn, Witness};

use crate::coins::CoinView;
use crate::reject::{Reject, RejectKind};

const STACK_TOO_SMALL: &str = "Operation not valid with the current stack size";
const FALSE_AT_END: &str =
    "Script evaluated without error but finished with a false/empty top stack element";

/// What running the scripts of an input gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptVerdict {
    /// They allow the spend.
    Passes,
    /// They refuse it, for this reason.
    Fails(&'static str),
    /// They contain something that is not run here.
    Undecided,
}

/// Refuses a transaction if the script of any of its inputs does, with this code.
pub(crate) fn check_scripts(
    tx: &Transaction,
    coins: &impl CoinView,
    code: &str,
) -> Result<(), Reject> {
    for (place, input) in tx.input.iter().enumerate() {
        let Some(coin) = coins.coin(&input.previous_output) else { continue };
        if let ScriptVerdict::Fails(why) = verify_spend(input, &coin.output.script_pubkey) {
            let (txid, wtxid) = (tx.compute_txid(), tx.compute_wtxid());
            let spent = input.previous_output;
            let debug = format!(
                "input {place} of {txid} (wtxid {wtxid}), spending {}:{}",
                spent.txid, spent.vout
            );
            return Err(Reject::new(RejectKind::Consensus, format!("{code} ({why})"), debug));
        }
    }
    Ok(())
}

/// Runs the scripts that guard an output against what an input brings.
pub fn verify_spend(input: &TxIn, guard: &Script) -> ScriptVerdict {
    if guard.is_p2wsh() {
        return verify_witness_script(&input.witness, guard);
    }
    if guard.is_witness_program() || guard.is_p2sh() {
        return ScriptVerdict::Undecided;
    }
    let mut stack = Vec::new();
    match run(&input.script_sig, &mut stack) {
        ScriptVerdict::Passes => {}
        other => return other,
    }
    match run(guard, &mut stack) {
        ScriptVerdict::Passes if stack.last().is_some_and(|top| is_true(top)) => {
            ScriptVerdict::Passes
        }
        ScriptVerdict::Passes => ScriptVerdict::Fails(FALSE_AT_END),
        other => other,
    }
}

fn verify_witness_script(witness: &Witness, guard: &Script) -> ScriptVerdict {
    let Some(script) = witness.last() else {
        return ScriptVerdict::Fails("Witness program was passed an empty witness");
    };
    if sha256::Hash::hash(script).to_byte_array() != guard.as_bytes()[2..] {
        return ScriptVerdict::Fails("Witness program hash mismatch");
    }
    let mut stack: Vec<Vec<u8>> =
        witness.iter().take(witness.len() - 1).map(<[u8]>::to_vec).collect();
    match run(Script::from_bytes(script), &mut stack) {
        ScriptVerdict::Passes if stack.len() != 1 => {
            ScriptVerdict::Fails("Stack size must be exactly one after execution")
        }
        ScriptVerdict::Passes if !is_true(&stack[0]) => ScriptVerdict::Fails(FALSE_AT_END),
        other => other,
    }
}

/// Runs a script on a stack. `Passes` means that it came to its end.
fn run(script: &Script, stack: &mut Vec<Vec<u8>>) -> ScriptVerdict {
    for instruction in script.instructions() {
        let step = match instruction {
            Ok(Instruction::PushBytes(bytes)) => {
                stack.push(bytes.as_bytes().to_vec());
                ScriptVerdict::Passes
            }
            Ok(Instruction::Op(opcode)) => apply(opcode, stack),
            Err(_) => ScriptVerdict::Fails("Opcode missing or not understood"),
        };
        if step != ScriptVerdict::Passes {
            return step;
        }
    }
    ScriptVerdict::Passes
}

fn apply(opcode: bitcoin::Opcode, stack: &mut Vec<Vec<u8>>) -> ScriptVerdict {
    let needed = match opcode {
        op::OP_DUP | op::OP_DROP | op::OP_HASH160 | op::OP_SHA256 | op::OP_VERIFY => 1,
        op::OP_EQUAL | op::OP_EQUALVERIFY | op::OP_CHECKSIG => 2,
        _ => 0,
    };
    let Some(rest) = stack.len().checked_sub(needed) else {
        return ScriptVerdict::Fails(STACK_TOO_SMALL);
    };
    let args = stack.split_off(rest);
    match opcode {
        op::OP_NOP => {}
        op::OP_DROP => {}
        op::OP_DUP => stack.extend([args[0].clone(), args[0].clone()]),
        op::OP_HASH160 => stack.push(hash160::Hash::hash(&args[0]).to_byte_array().to_vec()),
        op::OP_SHA256 => stack.push(sha256::Hash::hash(&args[0]).to_byte_array().to_vec()),
        op::OP_EQUAL => stack.push(if args[0] == args[1] { vec![1] } else { vec![] }),
        op::OP_EQUALVERIFY if args[0] != args[1] => {
            return ScriptVerdict::Fails("Script failed an OP_EQUALVERIFY operation");
        }
        op::OP_EQUALVERIFY => {}
        op::OP_VERIFY if !is_true(&args[0]) => {
            return ScriptVerdict::Fails("Script failed an OP_VERIFY operation");
        }
        op::OP_VERIFY => {}
        op::OP_RETURN => return ScriptVerdict::Fails("OP_RETURN was encountered"),
        op::OP_PUSHNUM_NEG1 => stack.push(vec![0x81]),
        number
            if (op::OP_PUSHNUM_1.to_u8()..=op::OP_PUSHNUM_16.to_u8()).contains(&number.to_u8()) =>
        {
            stack.push(vec![number.to_u8() - op::OP_PUSHNUM_1.to_u8() + 1]);
        }
        _ => return ScriptVerdict::Undecided,
    }
    ScriptVerdict::Passes
}

/// Everything but zero, in any length and sign.
fn is_true(value: &[u8]) -> bool {
    match value.split_last() {
        Some((last, rest)) => rest.iter().any(|byte| *byte != 0) || !matches!(last, 0 | 0x80),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::ScriptBuf;

    use super::*;

    fn spend(script_sig: &[u8], witness: &[&[u8]], guard: &Script) -> ScriptVerdict {
        let input = TxIn {
            script_sig: ScriptBuf::from_bytes(script_sig.to_vec()),
            witness: Witness::from_slice(witness),
            ..TxIn::default()
        };
        verify_spend(&input, guard)
    }

    #[test]
    fn constants_decide() {
        assert_eq!(spend(&[], &[], Script::from_bytes(&[0x51])), ScriptVerdict::Passes);
        assert_eq!(
            spend(&[], &[], Script::from_bytes(&[0x00])),
            ScriptVerdict::Fails(FALSE_AT_END)
        );
        assert_eq!(spend(&[0x51], &[], Script::from_bytes(&[])), ScriptVerdict::Passes);
    }

    #[test]
    fn a_key_hash_needs_a_stack_and_its_key() {
        let guard =
            ScriptBuf::from_hex("76a914111111111111111111111111111111111111111188ac").unwrap();
        assert_eq!(spend(&[], &[], &guard), ScriptVerdict::Fails(STACK_TOO_SMALL));
        assert_eq!(
            spend(&[1, 1, 1, 2], &[], &guard),
            ScriptVerdict::Fails("Script failed an OP_EQUALVERIFY operation")
        );
    }

    #[test]
    fn a_witness_script_must_fit_its_hash() {
        let guard = Script::from_bytes(&[0x51]).to_p2wsh();
        assert_eq!(spend(&[], &[&[0x51]], &guard), ScriptVerdict::Passes);
        assert_eq!(
            spend(&[], &[&[0x52]], &guard),
            ScriptVerdict::Fails("Witness program hash mismatch")
        );
        assert_eq!(
            spend(&[], &[], &guard),
            ScriptVerdict::Fails("Witness program was passed an empty witness")
        );
    }
}
