//! Where clients come in, and whom each listener lets in.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::meant::{access, number, switch, unix};
use super::reader::Reader;
use super::typed::Source;
use crate::app::listen::{Address, FileConfig, ListenerConfig};
use crate::app::rules::RulesConfig;
use crate::frontend::tls::TlsFiles;
use crate::layer::rights::Rights;

/// Where clients come in unless told otherwise: on this machine only, on gRPC's customary port.
pub(super) const LISTEN: &str = "127.0.0.1:50051";

/// Most permissions that a socket can have.
const MAX_MODE: u32 = 0o777;

/// The listeners of the file's tables, and those of `--listen`.
pub(super) fn listeners(reader: &mut Reader<'_>) -> Vec<ListenerConfig> {
    let mut listeners = Vec::new();
    for table in &reader.typed.listeners {
        let typed = reader.typed.completed(table);
        let mut of_table = Reader::new(&typed, std::mem::take(&mut reader.faults));
        if of_table.was_given("listen") {
            listeners.extend(described(&mut of_table));
        } else {
            of_table.fault("listen", "is needed in every listener of the file");
        }
        reader.faults = of_table.faults;
    }
    if reader.typed.listeners.is_empty() || reader.was_given("listen") {
        listeners.extend(described(reader));
    }
    listeners
}

/// The listeners that a set of options describes: one for each address.
fn described(reader: &mut Reader<'_>) -> Vec<ListenerConfig> {
    let addresses = if reader.was_given("listen") {
        reader.all("listen", address)
    } else {
        address(LISTEN).into_iter().collect()
    };
    let (rules, file) = (rules(reader), file(reader));
    if rules.tls.is_some() && !addresses.is_empty() && own(reader) && addresses.iter().all(is_unix)
    {
        reader.fault("tls-cert", "has no meaning for unix sockets, which are not encrypted");
    }
    let mut listeners = Vec::with_capacity(addresses.len());
    for address in addresses {
        if !address.is_local() && !rules.insecure && !rules.guards() {
            reader.fault("listen", format!("{address} can be reached from other machines; give it --tls-cert, --tls-key and --tokens or --tls-client-ca, or say --insecure-listen if everybody who reaches it may use the node"));
        }
        let tls = rules.tls.clone().filter(|_| !is_unix(&address));
        listeners.push(ListenerConfig {
            address,
            file,
            rules: RulesConfig { tls, ..rules.clone() },
        });
    }
    listeners
}

/// Whether TLS was asked for in the very table that describes these listeners.
fn own(reader: &Reader<'_>) -> bool {
    let given = reader.typed.get("tls-cert");
    given.is_some_and(|given| matches!(given.source, Source::Listener(_)))
}

const fn is_unix(address: &Address) -> bool {
    matches!(address, Address::Unix(_))
}

fn rules(reader: &mut Reader<'_>) -> RulesConfig {
    let policy = reader.one("policy", file_name);
    if policy.is_some() && reader.was_given("allow") {
        reader.fault("allow", "has no meaning beside --policy, which grants everything itself");
    }
    RulesConfig {
        rights: rights(reader),
        insecure: reader.one("insecure-listen", switch).unwrap_or(false),
        policy,
        tokens: reader.one("tokens", file_name),
        tls: tls(reader),
    }
}

pub(super) fn rights(reader: &mut Reader<'_>) -> Rights {
    reader.all("allow", access).into_iter().fold(Rights::open(), Rights::grant)
}

fn tls(reader: &mut Reader<'_>) -> Option<TlsFiles> {
    let (certificate, key) = (reader.one("tls-cert", file_name), reader.one("tls-key", file_name));
    let client_ca = reader.one("tls-client-ca", file_name);
    let optional = reader.one("tls-client-optional", switch).unwrap_or(false);
    let allow_1_2 = reader.one("tls12", switch).unwrap_or(false);
    for (name, given, needs, there) in [
        ("tls-cert", certificate.is_some(), "tls-key", key.is_some()),
        ("tls-key", key.is_some(), "tls-cert", certificate.is_some()),
        ("tls-client-ca", client_ca.is_some(), "tls-cert", certificate.is_some()),
        ("tls-client-optional", optional, "tls-client-ca", client_ca.is_some()),
        ("tls12", allow_1_2, "tls-cert", certificate.is_some()),
    ] {
        if given && !there && !reader.was_given(needs) {
            reader.fault(name, format!("needs --{needs}, too"));
        }
    }
    Some(TlsFiles { certificate: certificate?, key: key?, client_ca, optional, allow_1_2 })
}

fn file(reader: &mut Reader<'_>) -> FileConfig {
    FileConfig {
        mode: reader.one("socket-mode", mode).unwrap_or(FileConfig::MODE),
        uid: reader.one("socket-uid", id),
        gid: reader.one("socket-gid", id),
    }
}

fn address(text: &str) -> Result<Address, String> {
    if text.starts_with("unix:") {
        return unix(text).map(Address::Unix);
    }
    if let Some(index) = text.strip_prefix("systemd:") {
        return number(index).map(Address::Inherited);
    }
    let address = text.parse().map_err(|_| "is none of IP:PORT, unix:PATH and systemd:N")?;
    Ok(Address::Tcp(address))
}

/// The listener for operators, if one is wanted.
pub(super) fn admin(reader: &mut Reader<'_>) -> Option<ListenerConfig> {
    let address = reader.one("admin", admin_address)?;
    Some(ListenerConfig { file: file(reader), ..ListenerConfig::new(address) })
}

/// A port alone is one of this machine.
fn admin_address(text: &str) -> Result<Address, String> {
    if text.starts_with("unix:") {
        return unix(text).map(Address::Unix);
    }
    let port = text.parse().map(|port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let address = port.or_else(|_| text.parse());
    address.map(Address::Tcp).map_err(|_| "is none of PORT, IP:PORT and unix:PATH".to_owned())
}

fn file_name(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() { Err("is no file".to_owned()) } else { Ok(PathBuf::from(text)) }
}

fn mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= MAX_MODE);
    mode.ok_or_else(|| "is no octal mode such as 660".to_owned())
}

fn id(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| "is no number of a user or group".to_owned())
}

#[cfg(test)]
#[path = "listeners_tests.rs"]
mod tests;
