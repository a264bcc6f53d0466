//! How a server is to be called, in the configuration.

use std::path::PathBuf;
use std::time::Duration;

use bitcoin_grpc_call::{Address, Form};

use super::meant::{fits, some_time, switch};
use super::reader::Reader;

/// Where a server usually is.
const ADDRESS: &str = "127.0.0.1:50051";

/// How to call a server.
#[derive(Debug, Clone)]
pub struct CallerConfig {
    /// Where it is.
    pub address: Address,
    /// Authorities to trust, if it speaks TLS.
    pub authorities: Option<PathBuf>,
    /// Our certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Name in the server's certificate.
    pub server_name: Option<String>,
    /// File with our token.
    pub token: Option<PathBuf>,
    /// How long a call may take.
    pub timeout: Option<Duration>,
    /// How answers are shown.
    pub form: Form,
}

pub(super) fn caller(reader: &mut Reader<'_>) -> CallerConfig {
    let authorities = reader.one("tls-ca", file);
    let (certificate, key) = (reader.one("client-cert", file), reader.one("client-key", file));
    for (name, needs) in [
        ("client-cert", "client-key"),
        ("client-key", "client-cert"),
        ("client-cert", "tls-ca"),
        ("server-name", "tls-ca"),
    ] {
        if reader.was_given(name) && !reader.was_given(needs) {
            reader.fault(name, format!("needs --{needs}, too"));
        }
    }
    let address = address(reader);
    if matches!(address, Address::Unix(_)) && authorities.is_some() {
        reader.fault("tls-ca", "has no meaning for unix sockets, which are not encrypted");
    }
    let json = reader.one("json", switch).unwrap_or(false);
    CallerConfig {
        address,
        authorities,
        identity: certificate.zip(key),
        server_name: reader.one("server-name", |text| Ok(text.to_owned())),
        token: reader.one("token-file", file),
        timeout: reader.one("timeout", some_time),
        form: if json { Form::Json } else { Form::Text },
    }
}

/// The stronger source says which of the two counts.
fn address(reader: &mut Reader<'_>) -> Address {
    let source = |name| reader.typed.get(name).map(|given| given.source);
    let (tcp, unix) = (source("addr"), source("unix"));
    if tcp.is_some() && tcp == unix {
        reader.fault("unix", "has no meaning beside --addr");
    }
    let (tcp_address, path) = (reader.one("addr", host_and_port), reader.one("unix", socket));
    match path {
        Some(path) if unix > tcp => Address::Unix(path),
        _ => Address::Tcp(tcp_address.unwrap_or_else(|| ADDRESS.to_owned())),
    }
}

fn host_and_port(text: &str) -> Result<String, String> {
    let is_one = text.rsplit_once(':').is_some_and(|(host, port)| {
        let legal = |c: char| c.is_ascii_alphanumeric() || "-._[]:".contains(c);
        !host.is_empty()
            && host.chars().all(legal)
            && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    if is_one { Ok(text.to_owned()) } else { Err("is not of the form HOST:PORT".to_owned()) }
}

fn socket(text: &str) -> Result<PathBuf, String> {
    // As other options have it, and grpc's own names.
    let path = file(text.strip_prefix("unix:").unwrap_or(text))?;
    fits(&path).map(|()| path)
}

fn file(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() { Err("is no file".to_owned()) } else { Ok(PathBuf::from(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::options::option;
    use crate::config::typed::{Source, Typed};

    /// What comes of options, and the names of the faulty ones.
    fn read(given: &[(&str, &str, Source)]) -> (CallerConfig, Vec<String>) {
        let mut typed = Typed::default();
        for (name, value, source) in given {
            typed.give(option(name).unwrap(), *source, vec![(*value).to_owned()]);
        }
        let mut reader = Reader::new(&typed, Vec::new());
        let config = caller(&mut reader);
        (config, reader.faults.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn where_the_server_is() {
        use Source::{Environment, Flag};
        let tcp = |text: &str| Address::Tcp(text.to_owned());
        let unix = Address::Unix("/s".into());
        for (given, address) in [
            (vec![], tcp(ADDRESS)),
            (vec![("addr", "[::1]:1", Flag)], tcp("[::1]:1")),
            (vec![("unix", "/s", Flag)], unix.clone()),
            (vec![("unix", "unix:/s", Flag), ("addr", "a:1", Environment)], unix),
            (vec![("unix", "/s", Environment), ("addr", "a:1", Flag)], tcp("a:1")),
        ] {
            let (config, faults) = read(&given);
            assert_eq!((config.address, faults), (address, vec![]), "{given:?}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        use Source::Flag;
        for (given, fault) in [
            (vec![("unix", "/s", Flag), ("addr", "a:1", Flag)], "--unix"),
            (vec![("addr", "http://a:1", Flag)], "--addr"),
            (vec![("addr", "a", Flag)], "--addr"),
            (vec![("addr", "a:0", Flag)], "--addr"),
            (vec![("client-cert", "c", Flag), ("tls-ca", "a", Flag)], "--client-key"),
            (vec![("server-name", "n", Flag)], "--tls-ca"),
            (vec![("tls-ca", "a", Flag), ("unix", "/s", Flag)], "--tls-ca"),
            (vec![("timeout", "soon", Flag)], "--timeout"),
        ] {
            let (_, faults) = read(&given);
            assert_eq!(faults.len(), 1, "{given:?} {faults:?}");
            assert!(faults[0].contains(fault), "{faults:?}");
        }
    }
}
