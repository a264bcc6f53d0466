//! Answers that are not what they should be.

use capnp::message::Builder;
use capnp_rpc::rpc_capnp::message;

use super::{FaultKind, Moment};

/// Length of one segment that an oversize message says it has, in words: 4 GiB.
const OVERSIZE_WORDS: u32 = (1 << 29) - 1;

/// Length of noise, in bytes; enough for any reader to find a table of segments in it.
pub(super) const NOISE_BYTES: usize = 4096;

/// The farthest that a pointer can reach, in words.
const FARTHEST: u32 = (1 << 29) - 1;

/// A text that is in no message, as long as one word.
const MARK: &str = "nowhere";

/// What is written in place of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Spoiled {
    pub(super) bytes: Vec<u8>,
    /// Whether the connection ends behind it.
    pub(super) last: bool,
}

/// Spoils an answer. `noise` is what garbage is made of.
pub(super) fn spoil(kind: &FaultKind, answer: Vec<u8>, id: u32, noise: Vec<u8>) -> Spoiled {
    let (bytes, last) = match kind {
        FaultKind::HalfMessage => (answer[..answer.len() / 2].to_vec(), true),
        FaultKind::Disconnect(Moment::After) => (answer, true),
        FaultKind::Oversize => (oversize(&answer), false),
        FaultKind::Malformed => (malformed(id), false),
        FaultKind::Garbage => (noise, false),
        _ => (answer, false),
    };
    Spoiled { bytes, last }
}

/// The answer behind the table of a far longer message.
fn oversize(answer: &[u8]) -> Vec<u8> {
    let table = [0u32.to_le_bytes(), OVERSIZE_WORDS.to_le_bytes()].concat();
    [&table, answer].concat()
}

/// An answer whose results are behind its end.
fn malformed(id: u32) -> Vec<u8> {
    let mut message = Builder::new_default();
    let mut answer = message.init_root::<message::Builder<'_>>().init_return();
    answer.set_answer_id(id);
    let mut content = answer.init_results().init_content();
    // Setting a text cannot fail; without it the pointer is null, which is no fault.
    let _ = content.set_as(MARK);
    let mut bytes = capnp::serialize::write_message_to_words(&message);
    // A list of bytes: tag 1, element size 2, and the length with the final zero.
    let size = ((MARK.len() as u32 + 1) << 3 | 2).to_le_bytes();
    for word in bytes.chunks_exact_mut(8).filter(|word| word[0] & 3 == 1 && word[4..] == size) {
        word[..4].copy_from_slice(&(FARTHEST << 2 | 1).to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use capnp::message::ReaderOptions;
    use capnp::serialize::read_message_from_flat_slice;

    use super::*;

    fn answer() -> Vec<u8> {
        let mut message = Builder::new_default();
        let mut answer = message.init_root::<message::Builder<'_>>().init_return();
        answer.set_answer_id(7);
        answer.init_results().init_content().set_as("results").unwrap();
        capnp::serialize::write_message_to_words(&message)
    }

    fn spoiled(kind: FaultKind) -> Spoiled {
        spoil(&kind, answer(), 7, vec![1; NOISE_BYTES])
    }

    #[test]
    fn each_kind_is_what_it_says() {
        let half = spoiled(FaultKind::HalfMessage);
        assert!(
            half.last && answer().starts_with(&half.bytes) && half.bytes.len() < answer().len()
        );
        let after = spoiled(FaultKind::Disconnect(Moment::After));
        assert_eq!(after, Spoiled { bytes: answer(), last: true });
        let error = |bytes: &[u8]| {
            let read = read_message_from_flat_slice(&mut { bytes }, ReaderOptions::new());
            read.map(drop).unwrap_err()
        };
        error(&spoiled(FaultKind::Oversize).bytes);
        error(&spoiled(FaultKind::Garbage).bytes);
    }

    #[test]
    fn a_malformed_answer_is_an_answer_whose_results_cannot_be_read() {
        let bytes = spoiled(FaultKind::Malformed).bytes;
        let message = read_message_from_flat_slice(&mut &bytes[..], ReaderOptions::new()).unwrap();
        let root: message::Reader<'_> = message.get_root().unwrap();
        let Ok(message::Return(Ok(answer))) = root.which() else { panic!("no answer") };
        assert_eq!(answer.get_answer_id(), 7);
        let Ok(capnp_rpc::rpc_capnp::return_::Results(Ok(results))) = answer.which() else {
            panic!("no results")
        };
        let text = results.get_content().get_as::<capnp::text::Reader<'_>>();
        assert!(text.is_err(), "{text:?}");
    }
}
