//! What is meant: every subsystem's part, checked, with defaults filled in.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bitcoin_grpc_contract::{Access, PROFILES, Profile};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::caller::{self, CallerConfig};
use super::cli::Invocation;
use super::command::Command;
use super::embedded::{self, EmbeddedConfig};
use super::fault::Faults;
use super::listeners::{admin, listeners, rights};
use super::paths::{self, Chain, MAX_SOCKET_PATH};
use super::reader::Reader;
use super::spawn;
use crate::app::listen::ListenerConfig;
use crate::app::logging::{LogConfig, LogForm, OtlpConfig};
use crate::app::server::ServerConfig;
use crate::backend::ipc::{IpcConfig, LeaseConfig, Leases, Notifications, Place};
use crate::frontend::grpc::ConnectionLimits;
use crate::frontend::tokens::checked_name;
use crate::layer::admission::{Limits, OwnLimits};
use crate::layer::deadline::Deadlines;
use crate::layer::rights::Rights;
use crate::layer::streams::StreamLimits;

/// The level of the log unless told otherwise.
pub const LOG_LEVEL: &str = "info";

/// Longest name of an instance: that of a host, as DNS has them.
const MAX_INSTANCE: usize = 63;

/// Most threads that serve clients, and most connections that each has to the node. Both together
/// stay below the usual 1024 file descriptors only for small numbers, and a node runs the calls of
/// all its connections on one event loop: more than there are cores of gain nothing.
const MAX_WORKERS: usize = 64;

/// Most threads of the node, each a thread of its process with a stack, for each kind of call. So
/// many waits at once are more than a pool of miners needs.
const MAX_NODE_THREADS: usize = 1024;

/// Highest rate that can be set, in calls a second: more than any node answers.
const MAX_RATE: u32 = 1_000_000;

/// A token to make.
#[derive(Debug, Clone, Default)]
pub struct TokenConfig {
    /// Identity that it stands for.
    pub name: String,
    /// How long it is taken; for ever if that was not said.
    pub lasts: Option<Duration>,
}

/// A configuration without faults.
#[derive(Debug, Clone)]
pub struct Config {
    /// How to reach the node.
    pub node: IpcConfig,
    /// The embedded node, for the commands that have one.
    pub embedded: EmbeddedConfig,
    /// Listeners and workers.
    pub server: ServerConfig,
    /// What callers may do where no policy says.
    pub rights: Rights,
    /// The token to make, for the command that makes one.
    pub token: TokenConfig,
    /// Words that are no options: a method and its arguments, a shell, a command.
    pub words: Vec<String>,
    /// Whether help on the first word was asked for.
    pub help: bool,
    /// How to call a server, for the command that does.
    pub caller: CallerConfig,
    /// For how long calls may take.
    pub deadlines: Deadlines,
    /// How many streams may be open.
    pub streams: StreamLimits,
    /// How many calls may be under way and wait.
    pub limits: Limits,
    /// The listener for operators, if there is one.
    pub admin: Option<ListenerConfig>,
    /// Form and level of the log.
    pub log: LogConfig,
}

impl Config {
    /// Finds out what is meant by what was typed. `home` is the user's home directory, if known.
    ///
    /// # Errors
    /// With everything that is wrong, those of the file included.
    pub fn mean(invocation: Invocation, home: Option<&Path>) -> Result<Self, Faults> {
        let mut reader = Reader::new(&invocation.typed, invocation.faults);
        let embeds = !matches!(invocation.command, Command::Serve | Command::Check);
        let node = node(&mut reader, home, embeds);
        let config = Self {
            embedded: embedded::embedded(&mut reader),
            limits: limits(&mut reader, node.blocking_threads),
            streams: streams(&mut reader),
            node,
            server: server(&mut reader),
            rights: rights(&mut reader),
            token: token(&mut reader, invocation.command),
            caller: caller::caller(&mut reader),
            words: invocation.words,
            help: invocation.help,
            deadlines: deadlines(&mut reader),
            admin: admin(&mut reader),
            log: log(&mut reader),
        };
        if reader.faults.is_empty() { Ok(config) } else { Err(Faults(reader.faults)) }
    }
}

fn node(reader: &mut Reader<'_>, home: Option<&Path>, embeds: bool) -> IpcConfig {
    let usual = IpcConfig::default();
    IpcConfig {
        // An embedded node brings its own.
        place: if embeds { usual.place } else { place(reader, home) },
        profile: reader.one("profile", profile),
        connections: at_most(reader, "connections", MAX_WORKERS)
            .map_or(usual.connections, NonZeroUsize::get),
        read_threads: at_most(reader, "read-threads", MAX_NODE_THREADS)
            .map_or(usual.read_threads, NonZeroUsize::get),
        blocking_threads: at_most(reader, "blocking-threads", MAX_NODE_THREADS)
            .map_or(usual.blocking_threads, NonZeroUsize::get),
        big_reads: count(reader, "big-reads", usual.big_reads),
        queue: count(reader, "node-queue", usual.queue),
        retire_after: time(reader, "retire-after", usual.retire_after),
        leases: Leases::new(leases(reader)),
        notifications: reader.one("notifications", notifications).unwrap_or_default(),
        ..usual
    }
}

fn leases(reader: &mut Reader<'_>) -> LeaseConfig {
    let usual = LeaseConfig::default();
    let config = LeaseConfig {
        time_to_live: time(reader, "lease-time", usual.time_to_live),
        per_caller: count(reader, "leases-per-caller", usual.per_caller),
        total: count(reader, "leases", usual.total),
        instance: reader.one("instance", instance),
    };
    if reader.was_given("leases-per-caller") && config.per_caller > config.total {
        reader.fault("leases-per-caller", format!("is more than --leases, {}", config.total));
    }
    config
}

fn place(reader: &mut Reader<'_>, home: Option<&Path>) -> Place {
    if spawn::is_wanted(reader) {
        return spawn::spawn(reader, home)
            .map_or(Place::Unix(PathBuf::new()), |config| Place::Spawn(Arc::new(config)));
    }
    spawn::refuse(reader);
    Place::Unix(socket(reader, home))
}

fn socket(reader: &mut Reader<'_>, home: Option<&Path>) -> PathBuf {
    let chain = reader.one("chain", Chain::parse).unwrap_or_default();
    let data = reader.one("datadir", directory);
    let node = reader.one("node", unix);
    if reader.was_given("node") {
        for other in ["chain", "datadir"]
            .into_iter()
            .filter(|other| reader.was_given(other))
            .collect::<Vec<_>>()
        {
            reader.fault(other, "has no meaning beside --node, which names the socket itself");
        }
        return node.unwrap_or_default();
    }
    let data = data.or_else(|| home.map(paths::default_data_directory));
    match data.map(|data| paths::socket(&data, chain)) {
        Some(socket) => checked_socket(reader, socket),
        None => {
            reader.fault("node", "is needed: the home directory is unknown");
            PathBuf::new()
        }
    }
}

fn checked_socket(reader: &mut Reader<'_>, socket: PathBuf) -> PathBuf {
    if let Err(problem) = fits(&socket) {
        reader.fault("datadir", format!("makes a socket path that {problem}"));
    }
    socket
}

pub(super) fn fits(socket: &Path) -> Result<(), String> {
    let length = socket.as_os_str().len();
    if length <= MAX_SOCKET_PATH {
        return Ok(());
    }
    Err(format!("is {length} bytes long; sockets' paths have at most {MAX_SOCKET_PATH}"))
}

fn server(reader: &mut Reader<'_>) -> ServerConfig {
    ServerConfig {
        listen: listeners(reader),
        threads: at_most(reader, "threads", MAX_WORKERS).unwrap_or(ServerConfig::THREADS),
        max_connections: count(reader, "max-connections", ServerConfig::MAX_CONNECTIONS),
        connections: connections(reader),
        drain: reader.one("drain", any_time).unwrap_or(ServerConfig::DRAIN),
    }
}

fn connections(reader: &mut Reader<'_>) -> ConnectionLimits {
    let usual = ConnectionLimits::default();
    ConnectionLimits {
        keepalive: time(reader, "keepalive", usual.keepalive),
        idle: time(reader, "connection-idle", usual.idle),
        age: time(reader, "connection-age", usual.age),
    }
}

fn token(reader: &mut Reader<'_>, command: Command) -> TokenConfig {
    if command == Command::Token && !reader.was_given("name") {
        reader.fault("name", "is needed: the identity that the token stands for");
    }
    TokenConfig {
        name: reader.one("name", |text| checked_name(text).map(str::to_owned)).unwrap_or_default(),
        lasts: reader.one("lasts", some_time),
    }
}

fn deadlines(reader: &mut Reader<'_>) -> Deadlines {
    let deadlines = Deadlines {
        usual: time(reader, "deadline", Deadlines::USUAL),
        blocking: time(reader, "deadline-blocking", Deadlines::BLOCKING),
        max: time(reader, "deadline-max", Deadlines::MAX),
    };
    for (name, deadline) in
        [("deadline", deadlines.usual), ("deadline-blocking", deadlines.blocking)]
    {
        if deadline > deadlines.max {
            reader.fault(
                name,
                format!(
                    "is longer than --deadline-max, {}",
                    humantime::format_duration(deadlines.max)
                ),
            );
        }
    }
    deadlines
}

fn limits(reader: &mut Reader<'_>, blocking_threads: usize) -> Limits {
    Limits {
        in_flight: count(reader, "in-flight", Limits::IN_FLIGHT),
        queue: reader.one("queue", number).unwrap_or(Limits::QUEUE),
        // More could not be under way anyway.
        in_flight_blocking: count(reader, "in-flight-blocking", blocking_threads),
        queue_blocking: reader.one("queue-blocking", number).unwrap_or(Limits::QUEUE_BLOCKING),
        rate: reader.one("rate", rate),
        own: OwnLimits {
            in_flight: reader.one("in-flight-per-caller", positive).map(NonZeroUsize::get),
            in_flight_blocking: reader
                .one("in-flight-blocking-per-caller", positive)
                .map(NonZeroUsize::get),
            queue: reader.one("queue-per-caller", number),
            rate: reader.one("rate-per-caller", rate),
        },
    }
}

fn streams(reader: &mut Reader<'_>) -> StreamLimits {
    StreamLimits {
        total: count(reader, "max-streams", StreamLimits::TOTAL),
        per_caller: count(reader, "max-streams-per-caller", StreamLimits::PER_CALLER),
    }
}

fn log(reader: &mut Reader<'_>) -> LogConfig {
    LogConfig {
        form: reader.one("log", log_form).unwrap_or_default(),
        level: reader.one("log-level", log_level).unwrap_or_else(|| LOG_LEVEL.to_owned()),
        otlp: otlp(reader),
    }
}

fn otlp(reader: &mut Reader<'_>) -> Option<OtlpConfig> {
    let sample = reader.one("otlp-sample", part).unwrap_or(1.0);
    if reader.was_given("otlp-sample") && !reader.was_given("otlp") {
        reader.fault("otlp-sample", "needs --otlp, too");
    }
    if reader.was_given("otlp") && !cfg!(feature = "otlp") {
        reader.fault("otlp", "this program was built without it (feature otlp)");
    }
    reader.one("otlp", collector).map(|endpoint| OtlpConfig { endpoint, sample })
}

/// A collector's address. TLS is left to a collector beside this program.
fn collector(text: &str) -> Result<String, String> {
    let uri: http::Uri = text.parse().map_err(|_| "is no URL".to_owned())?;
    // Nobody would be told a user or a password.
    let bare = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    match uri.scheme_str() == Some("http") && bare {
        true => Ok(text.to_owned()),
        false => Err("is not of the form http://HOST:PORT".to_owned()),
    }
}

fn part(text: &str) -> Result<f64, String> {
    let part = text.parse().ok().filter(|part| (0.0..=1.0).contains(part));
    part.ok_or_else(|| "is no number from 0 to 1".to_owned())
}

fn count(reader: &mut Reader<'_>, name: &str, usual: usize) -> usize {
    reader.one(name, positive).map_or(usual, NonZeroUsize::get)
}

fn at_most(reader: &mut Reader<'_>, name: &str, most: usize) -> Option<NonZeroUsize> {
    reader.one(name, |text| match positive(text)? {
        number if number.get() <= most => Ok(number),
        _ => Err(format!("is more than {most}")),
    })
}

fn time(reader: &mut Reader<'_>, name: &str, usual: Duration) -> Duration {
    reader.one(name, some_time).unwrap_or(usual)
}

pub(super) fn unix(text: &str) -> Result<PathBuf, String> {
    let path = text.strip_prefix("unix:").filter(|path| !path.is_empty());
    let path = PathBuf::from(path.ok_or("is not of the form unix:PATH")?);
    fits(&path).map(|()| path)
}

pub(super) fn directory(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() { Err("is no directory".to_owned()) } else { Ok(PathBuf::from(text)) }
}

pub(super) fn profile(text: &str) -> Result<&'static Profile, String> {
    Profile::by_name(text).ok_or_else(|| {
        let names: Vec<_> = PROFILES.iter().map(|profile| profile.name).collect();
        format!("is no known generation; those are {}", names.join(", "))
    })
}

pub(super) fn access(text: &str) -> Result<Access, String> {
    let class = Access::ALL.into_iter().find(|class| class.name() == text);
    class.ok_or_else(|| format!("is none of {}", Access::ALL.map(Access::name).join(", ")))
}

/// Calls in a second.
fn rate(text: &str) -> Result<u32, String> {
    checked_rate(text.parse().ok())
}

pub(super) fn checked_rate(rate: Option<u32>) -> Result<u32, String> {
    let rate = rate.filter(|rate| (1..=MAX_RATE).contains(rate));
    rate.ok_or_else(|| format!("is no number of calls in a second from 1 to {MAX_RATE}"))
}

pub(super) fn number(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| "is not a number of 0 or more".to_owned())
}

fn positive(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "is not a number of 1 or more".to_owned())
}

/// Longest time that can be set. The clock cannot be set centuries ahead, which would be a panic in
/// every call; nothing here waits for a tenth of this.
const LONGEST_TIME: Duration = Duration::from_secs(366 * 24 * 60 * 60);

pub(super) fn any_time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text)
        .map_err(|_| "is no time such as 500ms, 30s or 15m".to_owned())?;
    if time > LONGEST_TIME { Err("is longer than a year".to_owned()) } else { Ok(time) }
}

pub(super) fn some_time(text: &str) -> Result<Duration, String> {
    let time = any_time(text)?;
    if time.is_zero() { Err("must not be zero".to_owned()) } else { Ok(time) }
}

fn instance(text: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match (1..=MAX_INSTANCE).contains(&text.len()) && text.chars().all(legal) {
        true => Ok(text.to_owned()),
        false => Err(format!("is not 1 to {MAX_INSTANCE} letters, digits, - or _")),
    }
}

pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "true" | "1" | "yes" => Ok(true),
        "false" | "0" | "no" => Ok(false),
        _ => Err("is neither true nor false".to_owned()),
    }
}

fn notifications(text: &str) -> Result<Notifications, String> {
    match text {
        "auto" => Ok(Notifications::Auto),
        "always" => Ok(Notifications::Always),
        "never" => Ok(Notifications::Never),
        _ => Err("is none of auto, always, never".to_owned()),
    }
}

fn log_form(text: &str) -> Result<LogForm, String> {
    match text {
        "human" => Ok(LogForm::Human),
        "json" => Ok(LogForm::Json),
        _ => Err("is neither human nor json".to_owned()),
    }
}

/// A word alone is a level: as the name of a part of the program, which it could be, it would silence all others.
fn log_level(text: &str) -> Result<String, String> {
    let alone = |part: &&str| !part.contains(['=', '[']) && part.parse::<LevelFilter>().is_err();
    if let Some(word) = text.split(',').map(str::trim).find(alone) {
        return Err(format!(
            "has {word:?}, which is none of off, error, warn, info, debug and trace"
        ));
    }
    EnvFilter::try_new(text)
        .map(|_| text.to_owned())
        .map_err(|error| format!("is no filter: {error}"))
}

#[cfg(test)]
#[path = "meant_tests.rs"]
mod tests;
