//! Messages in a stream of bytes.

/// Most segments of a message that are believed; capnp's own limit.
const MAX_SEGMENTS: usize = 512;

/// Longest message that is looked at, in bytes: the largest block in a reply, several times over. A client that says
/// more is answered by the reader behind.
const MAX_BYTES: usize = 256 << 20;

/// Cuts a stream into messages. What is no message is handed on as it comes.
#[derive(Debug, Default)]
pub(super) struct Frames {
    bytes: Vec<u8>,
    /// Something came that is no message. There is no way back from there.
    lost: bool,
}

impl Frames {
    /// More bytes of the stream.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next message, if it is complete; or everything there is, if it is no message.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        if self.lost {
            return (!self.bytes.is_empty()).then(|| std::mem::take(&mut self.bytes));
        }
        match length(&self.bytes) {
            Ok(Some(length)) if self.bytes.len() >= length => {
                let rest = self.bytes.split_off(length);
                Some(std::mem::replace(&mut self.bytes, rest))
            }
            Ok(_) => None,
            Err(NoMessage) => {
                self.lost = true;
                self.next()
            }
        }
    }
}

/// Bytes that cannot be a message.
struct NoMessage;

/// Length of the message that begins here, its table included; none if the table is not complete.
fn length(bytes: &[u8]) -> Result<Option<usize>, NoMessage> {
    let word = |place: usize| {
        let bytes = bytes.get(4 * place..4 * place + 4)?;
        bytes.try_into().ok().map(u32::from_le_bytes)
    };
    let Some(last) = word(0) else { return Ok(None) };
    let segments = last as usize + 1;
    if segments > MAX_SEGMENTS {
        return Err(NoMessage);
    }
    let table = (segments / 2 + 1) * 8;
    let mut length = table;
    for segment in 1..=segments {
        let Some(words) = word(segment) else { return Ok(None) };
        length = length.saturating_add((words as usize).saturating_mul(8));
    }
    if length > MAX_BYTES { Err(NoMessage) } else { Ok(Some(length)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(size: usize) -> Vec<u8> {
        let mut message = capnp::message::Builder::new_default();
        message.set_root(vec![7; size].as_slice()).unwrap();
        capnp::serialize::write_message_to_words(&message)
    }

    #[test]
    fn messages_are_cut_wherever_the_bytes_are() {
        let messages = [message(1), message(20_000), message(7)];
        let stream = messages.concat();
        for step in [1, 7, 8, 1000, stream.len()] {
            let mut frames = Frames::default();
            let mut found = Vec::new();
            for part in stream.chunks(step) {
                frames.push(part);
                found.extend(std::iter::from_fn(|| frames.next()));
            }
            assert_eq!(found, messages, "{step}");
        }
    }

    #[test]
    fn noise_passes() {
        let mut frames = Frames::default();
        frames.push(&[255; 10]);
        assert_eq!(frames.next(), Some(vec![255; 10]));
        frames.push(&message(1));
        assert_eq!(frames.next(), Some(message(1)));
        assert_eq!(frames.next(), None);
    }
}
