//! `bitcoin-grpc check`: what is there, and what of it can be called.

use std::fmt::Write;
use std::io::ErrorKind;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use bitcoin_grpc_contract::{Method, Needs, Profile, Service, Slot};

use super::AppError;
use super::watch::tip;
use crate::backend::NodeInfo;
use crate::backend::ipc::{IpcConfig, Notifications, Place, probe};
use crate::config::Config;
use crate::layer::rights::Rights;
use crate::output::say;

/// Connects to the configured node and says what was found.
pub(super) async fn check(config: &Config) -> Result<(), AppError> {
    let node = found(&config.node).await?;
    say(report(&node, config));
    Ok(())
}

async fn found(config: &IpcConfig) -> Result<NodeInfo, AppError> {
    probe(config)
        .await
        .map_err(|error| AppError::NoNode { error, advice: advice_for(&config.place).to_owned() })
}

/// What to look at if there is no node.
pub(super) fn advice_for(place: &Place) -> &'static str {
    match place {
        Place::Unix(socket) => advice(socket),
        Place::Spawn(_) => SPAWNED,
    }
}

/// What to look at if nothing answers at a socket.
fn advice(socket: &Path) -> &'static str {
    match std::fs::metadata(socket) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => NOT_ALLOWED,
        Err(_) => NO_SOCKET,
        Ok(found) if !found.file_type().is_socket() => NOT_A_SOCKET,
        Ok(_) => match std::os::unix::net::UnixStream::connect(socket) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => NOT_ALLOWED,
            Err(_) => NOBODY_LISTENS,
            Ok(_) => NOT_UNDERSTOOD,
        },
    }
}

const NO_SOCKET: &str = "There is no such socket. Is the node running, with -ipcbind=unix? `bitcoin -m node -ipcbind=unix` \
starts one; a plain bitcoind has no IPC. Is it on that chain (--chain) and in that data directory (--datadir)?";
const NOT_ALLOWED: &str = "The socket may not be opened. Only the user that runs the node may; run bitcoin-grpc as that user.";
const NOT_A_SOCKET: &str = "That is not a socket. --node names the node's socket, usually node.sock in its data directory.";
const SPAWNED: &str =
    "What the node said stands in the log. docs/spawn.md tells how nodes are started.";
const NOBODY_LISTENS: &str = "The socket is there, but nobody listens on it: the node has probably ended without removing it.";
const NOT_UNDERSTOOD: &str = "Something listens there, but it does not answer as a known Bitcoin Core does. If it is one, \
--profile names its generation.";

fn report(node: &NodeInfo, config: &Config) -> String {
    let mut out = format!("node      {}\n", config.node.place);
    let _ = writeln!(out, "profile   {} ({})", node.profile.name, node.profile.title);
    let _ = writeln!(out, "tip       {}\n", tip(node));
    for service in Service::ALL {
        out += &service_report(node, service, config.rights, config.node.notifications);
    }
    out.truncate(out.trim_end().len());
    out
}

fn service_report(
    node: &NodeInfo,
    service: Service,
    rights: Rights,
    notifications: Notifications,
) -> String {
    let methods: Vec<_> = Method::ALL.into_iter().filter(|m| m.info().service == service).collect();
    let barriers =
        methods.iter().map(|method| (barrier(node, *method, rights, notifications), *method));
    let (able, unable): (Vec<_>, Vec<_>) = barriers.partition(|(barrier, _)| barrier.is_none());
    let mut out = format!(
        "{:<14}{:>3} of {} methods can be called\n",
        service.name(),
        able.len(),
        methods.len()
    );
    let mut unable: Vec<_> =
        unable.into_iter().filter_map(|(why, method)| Some((why?, method))).collect();
    unable.sort_by_key(|(why, _)| *why);
    for same in unable.chunk_by(|(first, _), (second, _)| first == second) {
        // If it is the whole interface, its name says enough.
        if same.len() == methods.len() {
            let _ = writeln!(out, "  {}", same[0].0.text(node.profile));
            continue;
        }
        let names: Vec<_> = same.iter().map(|(_, method)| method.info().name).collect();
        let _ = writeln!(out, "  {}: {}", same[0].0.text(node.profile), names.join(", "));
    }
    out
}

/// Why a method cannot be called, the most fundamental reason first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Barrier {
    NoInterface,
    Absent,
    Differs(&'static str),
    Streams(&'static str),
    Denied(&'static str),
}

impl Barrier {
    fn text(self, profile: &Profile) -> String {
        match self {
            Self::NoInterface => "the node does not offer this interface".to_owned(),
            Self::Absent => format!("not in {}", profile.name),
            Self::Differs(why) => format!("differs in {}: {why}", profile.name),
            Self::Streams(why) => why.to_owned(),
            Self::Denied(class) => format!("needs --allow {class}"),
        }
    }
}

fn barrier(
    node: &NodeInfo,
    method: Method,
    rights: Rights,
    notifications: Notifications,
) -> Option<Barrier> {
    let info = method.info();
    if node.profile.interface(info.interface_id).is_none() {
        return Some(Barrier::NoInterface);
    }
    match node.profile.slot(method) {
        Slot::Absent => return Some(Barrier::Absent),
        Slot::Differs(why) => return Some(Barrier::Differs(why)),
        Slot::Callable(_) => {}
    }
    if !node.services.contains(&info.service) {
        return Some(Barrier::NoInterface);
    }
    if !rights.hold(info.access) {
        return Some(Barrier::Denied(info.access.name()));
    }
    let why = match notifications {
        Notifications::Never => "streams are off (--notifications never)",
        Notifications::Auto if !node.profile.survives_lost_subscribers => {
            "streams of this node need --notifications always"
        }
        Notifications::Auto | Notifications::Always => return None,
    };
    (info.needs == Needs::Callback).then_some(Barrier::Streams(why))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(profile: &str, services: &[Service]) -> NodeInfo {
        let profile = Profile::by_name(profile).unwrap();
        NodeInfo { profile, services: services.to_vec(), tip: Some((7, [0xab; 32])) }
    }

    fn open_report(profile: &str, services: &[Service], of: Service) -> String {
        service_report(&node(profile, services), of, Rights::open(), Notifications::Auto)
    }

    #[test]
    fn counts_what_can_be_called_and_says_why_the_rest_cannot() {
        let report = open_report("core-32", &[Service::Echo], Service::Echo);
        assert_eq!(report, "Echo            1 of 1 methods can be called\n");
        let report = open_report("core-32", &[Service::Rpc], Service::Rpc);
        assert!(report.contains("0 of 1") && report.contains("--allow control"), "{report}");
        let report = open_report("core-32", &[], Service::Chain);
        assert!(report.ends_with("does not offer this interface\n"), "{report}");
    }

    #[test]
    fn objects_can_be_used_and_streams_where_the_node_survives_them() {
        let template = open_report("core-32", &[Service::BlockTemplate], Service::BlockTemplate);
        assert!(!template.contains("need"), "{template}");
        let risky = open_report("pr10102-2026-02", &[Service::Chain], Service::Chain);
        assert!(risky.contains("need --notifications always: HandleNotifications"), "{risky}");
        let sturdy = open_report("pr10102-2026-07", &[Service::Chain], Service::Chain);
        assert!(!sturdy.contains("--notifications"), "{sturdy}");
    }

    #[test]
    fn advice_by_what_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("node.sock");
        assert_eq!(advice(&path), NO_SOCKET);
        std::fs::write(&path, "").unwrap();
        assert_eq!(advice(&path), NOT_A_SOCKET);
        std::fs::remove_file(&path).unwrap();
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert_eq!(advice(&path), NOT_UNDERSTOOD);
        drop(listener);
        assert_eq!(advice(&path), NOBODY_LISTENS);
    }
}
