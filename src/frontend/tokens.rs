//! Bearer tokens: a file has the SHA-256 of each and the identity that it stands for.
//!
//! Tokens are made by this program out of 256 random bits. Nobody can guess one, so a fast digest
//! keeps them as safe as a slow one would, and a caller with a wrong one costs next to nothing.
//! Passwords that people think of would need a slow digest, and are not taken.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use bitcoin::hashes::{Hash, sha256};
use subtle::ConstantTimeEq;

/// What every token begins with, so that people and scanners know one when they see it.
const PREFIX: &str = "btcgrpc_";

/// Random bytes in a token.
const RANDOM: usize = 32;

/// Most tokens in a file: more than anybody gives out by hand.
const MAX_TOKENS: usize = 10_000;

/// Longest name of an identity, in bytes: that of a host, as DNS has them.
pub const MAX_NAME: usize = 63;

/// SHA-256 of a token.
pub type Digest = [u8; 32];

/// The digest of a token.
#[must_use]
pub fn digest(token: &[u8]) -> Digest {
    sha256::Hash::hash(token).to_byte_array()
}

/// The tokens that are taken. It holds no token, only digests.
#[derive(Default)]
pub struct Tokens {
    /// By the digest's first bytes. What a lookup's time may tell of them says nothing of a token.
    by_start: HashMap<[u8; 8], Vec<Token>>,
    count: usize,
}

struct Token {
    digest: Digest,
    name: Arc<str>,
    /// It is not taken any more from then on.
    until: Option<SystemTime>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("count", &self.count).finish_non_exhaustive()
    }
}

impl Tokens {
    /// Reads a file's text: lines of `NAME sha256:HEX`, and `until:TIME` if the token ends. Empty
    /// lines and those that begin with `#` say nothing.
    ///
    /// # Errors
    /// With what is wrong with each line, and its number.
    pub fn parse(text: &str) -> Result<Self, Vec<(usize, String)>> {
        let (mut tokens, mut faults) = (Self::default(), Vec::new());
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Err(fault) = parse_line(line).and_then(|token| tokens.add(token)) {
                faults.push((number, fault));
            }
        }
        if faults.is_empty() { Ok(tokens) } else { Err(faults) }
    }

    fn add(&mut self, token: Token) -> Result<(), String> {
        if self.count == MAX_TOKENS {
            return Err(format!("there are more than {MAX_TOKENS} tokens"));
        }
        if self.find(&token.digest).is_some() {
            return Err("has the digest of an earlier line".to_owned());
        }
        self.count += 1;
        self.by_start.entry(start(&token.digest)).or_default().push(token);
        Ok(())
    }

    fn find(&self, digest: &Digest) -> Option<&Token> {
        let candidates = self.by_start.get(&start(digest))?;
        candidates.iter().find(|token| token.digest.ct_eq(digest).into())
    }

    /// The identity that a token with this digest stands for at that time.
    #[must_use]
    pub fn identity(&self, digest: &Digest, now: impl Fn() -> SystemTime) -> Option<&Arc<str>> {
        let token = self.find(digest)?;
        token.until.is_none_or(|until| now() < until).then_some(&token.name)
    }

    /// The identities that there are tokens for, as often as there are.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_start.values().flatten().map(|token| &*token.name)
    }
}

fn start(digest: &Digest) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = *digest;
    [a, b, c, d, e, f, g, h]
}

fn parse_line(line: &str) -> Result<Token, String> {
    let mut words = line.split_whitespace();
    let name = checked_name(words.next().unwrap_or_default());
    let name = name.map_err(|problem| format!("the name at its beginning {problem}"))?;
    let hex = words.next().and_then(|word| word.strip_prefix("sha256:"));
    let hash: Option<sha256::Hash> = hex.and_then(|hex| hex.parse().ok());
    let hash = hash.ok_or("does not go on with sha256: and 64 hexadecimal digits")?;
    let until = match words.next() {
        None => None,
        Some(word) => Some(word.strip_prefix("until:").and_then(time).ok_or(UNTIL)?),
    };
    if words.next().is_some() {
        return Err("has more words than a token's line".to_owned());
    }
    Ok(Token { digest: hash.to_byte_array(), name: Arc::from(name), until })
}

const UNTIL: &str = "does not end with until: and a time such as 2027-01-31T00:00:00Z";

fn time(text: &str) -> Option<SystemTime> {
    humantime::parse_rfc3339(text).ok()
}

/// A name that an identity may have: it goes to the node as the user of RPC commands, whose lists
/// use colons and commas.
///
/// # Errors
/// With what is wrong with it, which does not repeat it: it may be a token in the wrong place.
pub fn checked_name(name: &str) -> Result<&str, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !(1..=MAX_NAME).contains(&name.len()) || !name.chars().all(legal) {
        return Err(format!("is not 1 to {MAX_NAME} letters, digits, -, _ or ."));
    }
    if name == "anonymous" || name.starts_with("anonymous-") || name == "authenticated" {
        return Err("has a meaning of its own and cannot be an identity".to_owned());
    }
    Ok(name)
}

/// A new token for an identity, and the line for the file.
///
/// # Errors
/// When the system gives no random bytes.
pub fn make(name: &str, until: Option<SystemTime>) -> Result<(String, String), getrandom::Error> {
    let mut random = [0; RANDOM];
    getrandom::fill(&mut random)?;
    let token = random.iter().fold(PREFIX.to_owned(), |text, byte| text + &format!("{byte:02x}"));
    let hash = sha256::Hash::hash(token.as_bytes());
    let until = until.map(|time| format!(" until:{}", humantime::format_rfc3339_seconds(time)));
    Ok((token, format!("{name} sha256:{hash}{}", until.unwrap_or_default())))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000)
    }

    fn faults(text: &str) -> Vec<(usize, String)> {
        Tokens::parse(text).unwrap_err()
    }

    /// The digest of "abc" stands in FIPS 180-2.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_token_is_known_by_its_sha256() {
        let tokens = Tokens::parse(&format!("# ours\n\n  alice  sha256:{ABC}  \n")).unwrap();
        assert_eq!(tokens.identity(&digest(b"abc"), now).map(|name| &**name), Some("alice"));
        for wrong in [&b"abd"[..], b"", b"ABC", b"abc\0"] {
            assert_eq!(tokens.identity(&digest(wrong), now), None);
        }
    }

    #[test]
    fn what_was_made_is_taken_until_it_ends() {
        let until = now() + Duration::from_secs(60);
        let (token, line) = make("monitor", Some(until)).unwrap();
        let (other, lasting) = make("monitor", None).unwrap();
        assert!(token.starts_with(PREFIX) && token.len() == PREFIX.len() + 64 && token != other);
        assert!(!line.contains(&token[PREFIX.len()..]));
        let tokens = Tokens::parse(&format!("{line}\n{lasting}")).unwrap();
        let at = |token: &str, time| tokens.identity(&digest(token.as_bytes()), || time).is_some();
        assert!(at(&token, until - Duration::from_secs(1)) && !at(&token, until));
        assert!(at(&other, until));
    }

    /// The wrong one of the two texts that making a token prints.
    #[test]
    fn a_token_in_the_place_of_its_digest_is_not_repeated() {
        let (token, _) = make("monitor", None).unwrap();
        for text in [token.clone(), format!("monitor {token}"), format!("monitor sha256:{token}")] {
            let told = faults(&text).remove(0).1;
            assert!(!told.contains(&token[PREFIX.len()..]), "{told}");
        }
    }

    #[test]
    fn every_faulty_line_is_named() {
        let text = format!(
            "a sha256:{ABC}\nb\nc md5:{ABC}\nd sha256:12\n\ne sha256:{ABC}\nf/g sha256:{ABC}"
        );
        assert_eq!(
            faults(&text).iter().map(|(line, _)| *line).collect::<Vec<_>>(),
            [2, 3, 4, 6, 7]
        );
        for rest in ["until:tomorrow", "until:2027-01-31T00:00:00Z more", "more"] {
            assert_eq!(faults(&format!("a sha256:{ABC} {rest}")).len(), 1, "{rest}");
        }
        assert!(
            faults(&format!("anonymous-unix sha256:{ABC}"))[0].1.contains("meaning of its own")
        );
    }

    #[test]
    fn nothing_of_a_token_is_shown() {
        let tokens = Tokens::parse(&format!("alice sha256:{ABC}")).unwrap();
        assert!(!format!("{tokens:?}").contains("alice"));
    }
}
