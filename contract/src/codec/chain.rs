//! Structures of transactions, coins and the chain.

use bytes::Bytes;

use super::reader::{Reader, push_compact_size, push_var_int};
use crate::error::GlueError;
use crate::profile::{FeeRateForm, Profile};
use crate::v1;

/// Version that Core writes at the head of a locator and ignores when it reads one
/// (`primitives/block.h`, DUMMY_VERSION).
const LOCATOR_VERSION: i32 = 70016;

/// Height that stands for the mempool in a coin (`txmempool.h`, MEMPOOL_HEIGHT).
const MEMPOOL_HEIGHT: u32 = 0x7fff_ffff;

type Read<T> = Result<T, GlueError>;
type Written = Result<Vec<u8>, GlueError>;

pub(crate) fn out_point_from_wire(data: &[u8], _: &Profile) -> Read<v1::OutPoint> {
    let mut r = Reader::new("outpoint", data);
    let out_point = out_point(&mut r)?;
    r.end()?;
    Ok(out_point)
}

fn out_point(r: &mut Reader<'_>) -> Read<v1::OutPoint> {
    Ok(v1::OutPoint { txid: Bytes::copy_from_slice(r.take(32)?), vout: r.u32()? })
}

pub(crate) fn out_point_to_wire(out_point: &v1::OutPoint, _: &Profile) -> Written {
    let mut out = Vec::with_capacity(36);
    push_out_point(&mut out, out_point)?;
    Ok(out)
}

fn push_out_point(out: &mut Vec<u8>, out_point: &v1::OutPoint) -> Result<(), GlueError> {
    out.extend_from_slice(hash(&out_point.txid, "outpoint")?);
    out.extend_from_slice(&out_point.vout.to_le_bytes());
    Ok(())
}

/// No hash of another length may leave, whoever forgot to check it.
fn hash<'a>(bytes: &'a [u8], what: &'static str) -> Read<&'a [u8; 32]> {
    bytes.try_into().map_err(|_| GlueError::Decode { what, why: "has a hash that is not 32 bytes" })
}

pub(crate) fn fee_rate_from_wire(data: &[u8], p: &Profile) -> Read<v1::FeeRate> {
    let mut r = Reader::new("fee rate", data);
    let sat_per_kvb = match p.fee_rate {
        FeeRateForm::PerThousand => r.i64()?,
        FeeRateForm::FeeAndSize => per_thousand(r.i64()?, r.i32()?),
    };
    r.end()?;
    Ok(v1::FeeRate { sat_per_kvb })
}

/// A fee and a size as a rate, rounded down as Core does (`util/feefrac.h`, EvaluateFeeDown).
fn per_thousand(fee: i64, size: i32) -> i64 {
    match size {
        ..=0 => 0,
        size => i64::try_from((i128::from(fee) * 1000).div_euclid(size.into())).unwrap_or(i64::MAX),
    }
}

pub(crate) fn fee_rate_to_wire(rate: &v1::FeeRate, p: &Profile) -> Written {
    let mut out = rate.sat_per_kvb.to_le_bytes().to_vec();
    if p.fee_rate == FeeRateForm::FeeAndSize {
        out.extend_from_slice(&1000_i32.to_le_bytes());
    }
    Ok(out)
}

pub(crate) fn block_locator_from_wire(data: &[u8], _: &Profile) -> Read<v1::BlockLocator> {
    let mut r = Reader::new("locator", data);
    r.i32()?;
    let mut block_hashes = Vec::new();
    for _ in 0..r.length()? {
        block_hashes.push(Bytes::copy_from_slice(r.take(32)?));
    }
    r.end()?;
    Ok(v1::BlockLocator { block_hashes })
}

pub(crate) fn block_locator_to_wire(locator: &v1::BlockLocator, _: &Profile) -> Written {
    let mut out = LOCATOR_VERSION.to_le_bytes().to_vec();
    push_compact_size(&mut out, locator.block_hashes.len());
    for block_hash in &locator.block_hashes {
        out.extend_from_slice(hash(block_hash, "locator")?);
    }
    Ok(out)
}

pub(crate) fn tx_out_from_wire(data: &[u8], _: &Profile) -> Read<v1::TxOut> {
    let mut r = Reader::new("transaction output", data);
    let value_sat = r.i64()?;
    let length = r.length()?;
    let script_pubkey = Bytes::copy_from_slice(r.take(length)?);
    r.end()?;
    Ok(v1::TxOut { value_sat, script_pubkey })
}

pub(crate) fn tx_out_to_wire(output: &v1::TxOut, _: &Profile) -> Written {
    let mut out = output.value_sat.to_le_bytes().to_vec();
    push_compact_size(&mut out, output.script_pubkey.len());
    out.extend_from_slice(&output.script_pubkey);
    Ok(out)
}

pub(crate) fn tx_in_from_wire(data: &[u8], _: &Profile) -> Read<v1::TxIn> {
    let mut r = Reader::new("transaction input", data);
    let previous_output = Some(out_point(&mut r)?);
    let length = r.length()?;
    let script_sig = Bytes::copy_from_slice(r.take(length)?);
    let sequence = r.u32()?;
    r.end()?;
    Ok(v1::TxIn { previous_output, script_sig, sequence })
}

pub(crate) fn tx_in_to_wire(input: &v1::TxIn, _: &Profile) -> Written {
    let previous = input.previous_output.as_ref();
    let previous =
        previous.ok_or(GlueError::Decode { what: "transaction input", why: "spends nothing" })?;
    let mut out = Vec::with_capacity(41 + input.script_sig.len());
    push_out_point(&mut out, previous)?;
    push_compact_size(&mut out, input.script_sig.len());
    out.extend_from_slice(&input.script_sig);
    out.extend_from_slice(&input.sequence.to_le_bytes());
    Ok(out)
}

/// Scripts of some generations carry their own length.
pub(crate) fn script_from_wire(data: &[u8], p: &Profile) -> Read<Bytes> {
    if !p.prefixed_scripts {
        return Ok(Bytes::copy_from_slice(data));
    }
    let mut r = Reader::new("script", data);
    let length = r.length()?;
    let script = Bytes::copy_from_slice(r.take(length)?);
    r.end()?;
    Ok(script)
}

/// Public keys are packed as scripts are; "none" is a length of zero.
pub(crate) fn pub_key_from_wire(data: &[u8], p: &Profile) -> Read<Bytes> {
    script_from_wire(data, p)
}

pub(crate) fn script_to_wire(script: &[u8], p: &Profile) -> Vec<u8> {
    let mut out = Vec::with_capacity(script.len() + 5);
    if p.prefixed_scripts {
        push_compact_size(&mut out, script.len());
    }
    out.extend_from_slice(script);
    out
}

/// A coin: twice the height plus the coinbase flag, amount and script, each compressed
/// (`coins.h` and `compressor.h`).
pub(crate) fn coin_from_wire(data: &[u8], _: &Profile) -> Read<v1::Coin> {
    let mut r = Reader::new("coin", data);
    let code = r.var_int()?;
    let height = u32::try_from(code >> 1).map_err(|_| r.error("height too large"))?;
    let amount = decompress_amount(r.var_int()?).ok_or_else(|| r.error("amount too large"))?;
    let value_sat = i64::try_from(amount).map_err(|_| r.error("amount too large"))?;
    let script_pubkey = Bytes::from(decompress_script(&mut r)?);
    r.end()?;
    Ok(v1::Coin {
        height: (height != MEMPOOL_HEIGHT).then_some(height),
        coinbase: code & 1 == 1,
        output: Some(v1::TxOut { value_sat, script_pubkey }),
    })
}

pub(crate) fn coin_to_wire(coin: &v1::Coin, _: &Profile) -> Written {
    let output =
        coin.output.as_ref().ok_or(GlueError::Decode { what: "coin", why: "has no output" })?;
    let height = u64::from(coin.height.unwrap_or(MEMPOOL_HEIGHT));
    let amount = u64::try_from(output.value_sat).map_err(|_| GlueError::Number)?;
    let mut out = Vec::new();
    push_var_int(&mut out, height * 2 + u64::from(coin.coinbase));
    push_var_int(&mut out, compress_amount(amount));
    push_compressed_script(&mut out, &output.script_pubkey);
    Ok(out)
}

/// Decimal zeros at the end of an amount become an exponent (`compressor.cpp`).
fn compress_amount(mut n: u64) -> u64 {
    if n == 0 {
        return 0;
    }
    let mut exponent = 0;
    while n.is_multiple_of(10) && exponent < 9 {
        n /= 10;
        exponent += 1;
    }
    match exponent {
        9 => 1 + (n - 1) * 10 + 9,
        _ => 1 + ((n / 10) * 9 + n % 10 - 1) * 10 + exponent,
    }
}

fn decompress_amount(x: u64) -> Option<u64> {
    let Some(mut x) = x.checked_sub(1) else { return Some(0) };
    let exponent = x % 10;
    x /= 10;
    let n = match exponent {
        9 => x.checked_add(1)?,
        _ => (x / 9).checked_mul(10)?.checked_add(x % 9 + 1)?,
    };
    n.checked_mul(10_u64.pow(u32::try_from(exponent).ok()?))
}

/// Scripts of the common kinds are packed as a kind and a hash or key; others as their length plus
/// six and themselves.
const SPECIAL_SCRIPTS: usize = 6;

fn decompress_script(r: &mut Reader<'_>) -> Read<Vec<u8>> {
    let kind = r.var_int()?;
    Ok(match kind {
        0 => [&[0x76, 0xa9, 20], r.take(20)?, &[0x88, 0xac]].concat(),
        1 => [&[0xa9, 20], r.take(20)?, &[0x87]].concat(),
        2 | 3 => [&[33, kind.to_le_bytes()[0]], r.take(32)?, &[0xac]].concat(),
        4 | 5 => {
            let compressed = [&[kind.to_le_bytes()[0] - 2], r.take(32)?].concat();
            let key = bitcoin::secp256k1::PublicKey::from_slice(&compressed);
            let key = key.map_err(|_| r.error("has a key that is no point of the curve"))?;
            [&[65], key.serialize_uncompressed().as_slice(), &[0xac]].concat()
        }
        length => {
            let length = usize::try_from(length).ok().and_then(|l| l.checked_sub(SPECIAL_SCRIPTS));
            let length =
                length.filter(|l| *l <= 4_000_000).ok_or_else(|| r.error("script too long"))?;
            r.take(length)?.to_vec()
        }
    })
}

fn push_compressed_script(out: &mut Vec<u8>, script: &[u8]) {
    match script {
        [0x76, 0xa9, 20, hash @ .., 0x88, 0xac] if hash.len() == 20 => {
            out.push(0);
            out.extend_from_slice(hash);
        }
        [0xa9, 20, hash @ .., 0x87] if hash.len() == 20 => {
            out.push(1);
            out.extend_from_slice(hash);
        }
        [33, sign @ (2 | 3), x @ .., 0xac] if x.len() == 32 => {
            out.push(*sign);
            out.extend_from_slice(x);
        }
        [65, key @ .., 0xac] if key.len() == 65 && key[0] == 4 && is_point(key) => {
            out.push(4 | (key[64] & 1));
            out.extend_from_slice(&key[1..33]);
        }
        other => {
            push_var_int(out, (other.len() + SPECIAL_SCRIPTS) as u64);
            out.extend_from_slice(other);
        }
    }
}

fn is_point(key: &[u8]) -> bool {
    bitcoin::secp256k1::PublicKey::from_slice(key).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(name: &str) -> &'static Profile {
        Profile::by_name(name).expect("a profile of that name")
    }

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&text[i..i + 2], 16).expect("hex"))
            .collect()
    }

    #[test]
    fn a_recorded_coin_reads_and_writes_back() {
        let p = profile("pr29409-2025-05");
        let recorded = hex("8062270751");
        let coin = coin_from_wire(&recorded, p).expect("decodes");
        assert_eq!((coin.height, coin.coinbase), (Some(113), false));
        let output = coin.output.clone().expect("an output");
        assert_eq!((output.value_sat, &output.script_pubkey[..]), (400_000_000, &[0x51][..]));
        assert_eq!(coin_to_wire(&coin, p).expect("encodes"), recorded);
    }

    #[test]
    fn scripts_compress_as_core_compresses_them() {
        let point = "0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8";
        for (script, first) in [
            (format!("76a914{}88ac", "11".repeat(20)), 0),
            (format!("a914{}87", "22".repeat(20)), 1),
            (
                format!(
                    "21{}ac",
                    "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
                ),
                2,
            ),
            (format!("41{point}ac"), 4),
            ("0014".to_owned() + &"33".repeat(20), 6 + 22),
        ] {
            let script = hex(&script);
            let mut out = Vec::new();
            push_compressed_script(&mut out, &script);
            assert_eq!(out[0], first);
            let mut r = Reader::new("script", &out);
            assert_eq!(decompress_script(&mut r).expect("decodes"), script);
        }
    }

    #[test]
    fn amounts_survive_the_round_trip() {
        for n in [0, 1, 9, 10, 100_000_000, 5_000_000_000, 2_100_000_000_000_000, 123_456_789] {
            assert_eq!(decompress_amount(compress_amount(n)), Some(n));
        }
        assert_eq!(decompress_amount(u64::MAX), None);
    }

    #[test]
    fn fee_rates_differ_by_generation() {
        let rate = v1::FeeRate { sat_per_kvb: 100 };
        let (short, long) = (profile("pr29409-2025-05"), profile("pr10102-2026-02"));
        assert_eq!(fee_rate_to_wire(&rate, short).expect("encodes"), hex("6400000000000000"));
        let recorded = hex("6400000000000000e8030000");
        assert_eq!(fee_rate_to_wire(&rate, long).expect("encodes"), recorded);
        assert_eq!(fee_rate_from_wire(&recorded, long).expect("decodes"), rate);
        assert!(fee_rate_from_wire(&recorded, short).is_err());
        assert_eq!(per_thousand(1, 0), 0);
        assert_eq!(per_thousand(-1, 3), -334);
        assert_eq!(per_thousand(i64::MAX, 1), i64::MAX);
    }

    #[test]
    fn what_is_too_short_or_too_long_is_refused() {
        let p = profile("core-32");
        for n in [0, 35, 37] {
            assert!(out_point_from_wire(&vec![0; n], p).is_err());
        }
        assert!(block_locator_from_wire(&hex("80110100ffffffffffffffffff"), p).is_err());
        assert!(
            out_point_to_wire(&v1::OutPoint { txid: Bytes::from_static(&[1; 31]), vout: 0 }, p)
                .is_err()
        );
    }
}
