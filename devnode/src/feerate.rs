//! Fee rates and money as text.

use std::fmt;

/// A fee rate in satoshi per 1000 virtual bytes. It may be zero or negative, as on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeeRate(i64);

impl FeeRate {
    /// No fee.
    pub const ZERO: Self = Self(0);

    /// A rate given in satoshi per 1000 virtual bytes.
    pub const fn from_sat_per_kvb(rate: i64) -> Self {
        Self(rate)
    }

    /// The rate that a fee in satoshi makes for a size in virtual bytes, rounded towards zero; zero for size zero.
    pub fn from_fee(fee: i64, vsize: u64) -> Self {
        if vsize == 0 {
            return Self::ZERO;
        }
        Self(narrow(i128::from(fee) * 1000 / i128::from(vsize)))
    }

    /// Satoshi per 1000 virtual bytes.
    pub const fn to_sat_per_kvb(self) -> i64 {
        self.0
    }

    /// The fee in satoshi for a size in virtual bytes, rounded up; a negative rate costs at least -1. Rates beyond all
    /// money wrap around as they do on nodes.
    pub fn fee(self, vsize: u64) -> i64 {
        let exact = self.0.wrapping_mul(vsize.cast_signed());
        let fee = exact.div_euclid(1000) + i64::from(exact.rem_euclid(1000) != 0);
        if fee == 0 && exact < 0 { -1 } else { fee }
    }

    /// The bytes on the wire: a little-endian int64 fee, followed on generations that send the size too by the int32
    /// 1000.
    pub fn to_wire(self, with_size: bool) -> Vec<u8> {
        let mut bytes = self.0.to_le_bytes().to_vec();
        if with_size {
            bytes.extend_from_slice(&1000_i32.to_le_bytes());
        }
        bytes
    }
}

impl fmt::Display for FeeRate {
    /// BTC per 1000 virtual bytes with all eight decimals, as in the node's messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let sat = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:08} BTC/kvB", sat / SAT_PER_BTC, sat % SAT_PER_BTC)
    }
}

const SAT_PER_BTC: u64 = 100_000_000;

/// An amount in satoshi as BTC text, trailing zeros cut but two decimals kept: `4.00`, `0.000003`.
pub fn format_money(amount: i64) -> String {
    let sat = amount.unsigned_abs();
    let mut text = format!("{}.{:08}", sat / SAT_PER_BTC, sat % SAT_PER_BTC);
    let decimals_start = text.len() - 8;
    while text.ends_with('0') && text.len() > decimals_start + 2 {
        text.pop();
    }
    if amount < 0 { format!("-{text}") } else { text }
}

/// Clamps to 64 bits; amounts that large cannot occur, rates on the wire can make them.
fn narrow(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_round_up() {
        assert_eq!(FeeRate::from_sat_per_kvb(100).fee(73), 8);
        assert_eq!(FeeRate::from_sat_per_kvb(1000).fee(73), 73);
        assert_eq!(FeeRate::from_sat_per_kvb(212_677).fee(142), 30_201);
        assert_eq!(FeeRate::from_sat_per_kvb(-1).fee(1), -1);
        assert_eq!(FeeRate::from_sat_per_kvb(1).fee(0), 0);
    }

    #[test]
    fn money_keeps_two_decimals() {
        assert_eq!(format_money(400_000_000), "4.00");
        assert_eq!(format_money(300), "0.000003");
        assert_eq!(format_money(30_200), "0.000302");
        assert_eq!(format_money(-150_000_000), "-1.50");
    }

    #[test]
    fn rates_show_as_btc() {
        assert_eq!(FeeRate::from_sat_per_kvb(1234).to_string(), "0.00001234 BTC/kvB");
    }
}
