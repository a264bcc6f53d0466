//! SHA3-256 (FIPS 202), which the checksum of a Tor name is made with.

const LANES: usize = 25;
const ROUNDS: usize = 24;

/// Bytes of a block of SHA3-256.
const RATE: usize = 136;

/// Rotations and places of the combined steps rho and pi, in the order in which the lanes are visited.
const ROTATIONS: [u32; 24] =
    [1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44];
const PLACES: [usize; 24] =
    [10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1];

/// The hash of a message that fits one block, which is all that is needed here; longer ones are cut.
pub(super) fn sha3_256_short(message: &[u8]) -> [u8; 32] {
    let mut block = [0; RATE];
    let length = message.len().min(RATE - 1);
    block[..length].copy_from_slice(&message[..length]);
    block[length] = 0x06;
    block[RATE - 1] |= 0x80;
    let mut state = [0; LANES];
    for (lane, bytes) in state.iter_mut().zip(block.chunks_exact(8)) {
        *lane = bytes.iter().rev().fold(0, |lane, byte| lane << 8 | u64::from(*byte));
    }
    permute(&mut state);
    let mut hash = [0; 32];
    for (bytes, lane) in hash.chunks_exact_mut(8).zip(state) {
        bytes.copy_from_slice(&lane.to_le_bytes());
    }
    hash
}

fn permute(state: &mut [u64; LANES]) {
    let mut register: u8 = 1;
    for _ in 0..ROUNDS {
        theta(state);
        let mut moved = state[1];
        for (place, rotation) in PLACES.into_iter().zip(ROTATIONS) {
            moved = std::mem::replace(&mut state[place], moved.rotate_left(rotation));
        }
        for row in state.chunks_exact_mut(5) {
            let old = [row[0], row[1], row[2], row[3], row[4]];
            for (x, lane) in row.iter_mut().enumerate() {
                *lane ^= !old[(x + 1) % 5] & old[(x + 2) % 5];
            }
        }
        state[0] ^= round_constant(&mut register);
    }
}

fn theta(state: &mut [u64; LANES]) {
    let mut parity = [0; 5];
    for (place, lane) in state.iter().enumerate() {
        parity[place % 5] ^= lane;
    }
    for (place, lane) in state.iter_mut().enumerate() {
        let x = place % 5;
        *lane ^= parity[(x + 4) % 5] ^ parity[(x + 1) % 5].rotate_left(1);
    }
}

/// The next round constant: seven bits of a shift register, set at the places 2^j - 1.
fn round_constant(register: &mut u8) -> u64 {
    let mut constant = 0;
    for j in 0..7 {
        if *register & 1 == 1 {
            constant |= 1_u64 << ((1_u32 << j) - 1);
        }
        let carry = *register & 0x80 != 0;
        *register <<= 1;
        if carry {
            *register ^= 0x71;
        }
    }
    constant
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_values() {
        let hex = |hash: [u8; 32]| hash.iter().map(|b| format!("{b:02x}")).collect::<String>();
        assert_eq!(
            hex(sha3_256_short(b"")),
            "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a"
        );
        assert_eq!(
            hex(sha3_256_short(b"abc")),
            "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"
        );
    }
}
