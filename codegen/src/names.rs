//! One rule for every change of case, so that names agree wherever they are written.

/// `getBlockHash` → `GetBlockHash`, `isRBFOptIn` → `IsRbfOptIn`: abbreviations are words, as every
/// language's generator makes them.
#[must_use]
pub fn contract(camel: &str) -> String {
    pascal_from_snake(&snake(camel))
}

/// `getBlockHash` → `GetBlockHash`.
#[must_use]
pub fn pascal(camel: &str) -> String {
    let mut chars = camel.chars();
    chars
        .next()
        .map(|first| first.to_ascii_uppercase().to_string() + chars.as_str())
        .unwrap_or_default()
}

/// `isRBFOptIn` → `is_rbf_opt_in`, `lastTXTime` → `last_tx_time`. Names in snake case stay.
#[must_use]
pub fn snake(camel: &str) -> String {
    let chars: Vec<char> = camel.chars().collect();
    let mut out = String::new();
    for (i, &c) in chars.iter().enumerate() {
        let after_lower =
            i > 0 && (chars[i - 1].is_ascii_lowercase() || chars[i - 1].is_ascii_digit());
        let before_lower = chars.get(i + 1).is_some_and(char::is_ascii_lowercase);
        let after_upper = i > 0 && chars[i - 1].is_ascii_uppercase();
        if c.is_ascii_uppercase() && (after_lower || (after_upper && before_lower)) {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// `snapshotMark` and `snapshot_mark` → `SNAPSHOT_MARK`.
#[must_use]
pub fn shouty(camel: &str) -> String {
    snake(camel).to_ascii_uppercase()
}

/// `fee_rate` → `FeeRate`, as prost names the variants of a oneof.
#[must_use]
pub fn pascal_from_snake(snake: &str) -> String {
    snake.split('_').map(pascal).collect()
}

/// A field name as Rust needs it: keywords become raw identifiers, as prost writes them.
#[must_use]
pub fn rust_field(snake: &str) -> String {
    match snake {
        "type" | "match" | "ref" | "move" | "loop" | "mod" | "use" | "where" | "fn" | "in"
        | "final" => {
            format!("r#{snake}")
        }
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_follows_words_not_letters() {
        for (camel, expected) in [
            ("getBlockHash", "get_block_hash"),
            ("isRBFOptIn", "is_rbf_opt_in"),
            ("lastTXTime", "last_tx_time"),
            ("fillPSBT", "fill_psbt"),
            ("getTransactionsByTxID", "get_transactions_by_tx_id"),
            ("bip152HighbandwidthTo", "bip152_highbandwidth_to"),
            ("block_hash", "block_hash"),
            ("witnessV0KeyHash", "witness_v0_key_hash"),
        ] {
            assert_eq!(snake(camel), expected);
        }
        assert_eq!(pascal("getHeight"), "GetHeight");
        assert_eq!(shouty("mempoolMin"), "MEMPOOL_MIN");
        assert_eq!(pascal_from_snake("witness_v0_key_hash"), "WitnessV0KeyHash");
    }
}
