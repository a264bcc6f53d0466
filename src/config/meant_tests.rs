use super::*;
use crate::app::listen::Address;
use crate::backend::ipc::{Restart, STOP_LIMIT, Start};
use crate::config::Command;
use crate::config::file;
use crate::config::options::option;
use crate::config::typed::{Source, Typed};

const HOME: &str = "/home/satoshi";

/// An invocation with options from a file's text, the environment and flags.
fn invocation(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Invocation {
    let (mut typed, mut faults) = (Typed::default(), Vec::new());
    file::parse(file, "test.toml", &mut typed, &mut faults);
    for (source, values) in [(Source::Environment, environment), (Source::Flag, flags)] {
        for (name, value) in values {
            let values = value.split(',').map(str::to_owned).collect();
            typed.give(option(name).unwrap(), source, values);
        }
    }
    Invocation { command: Command::Serve, typed, words: Vec::new(), help: false, faults }
}

fn mean(flags: &[(&str, &str)]) -> Result<Config, Faults> {
    Config::mean(invocation("", &[], flags), Some(Path::new(HOME)))
}

fn socket(config: &Config) -> PathBuf {
    match &config.node.place {
        Place::Unix(path) => path.clone(),
        Place::Spawn(config) => panic!("{}", config.command),
    }
}

fn faults(flags: &[(&str, &str)]) -> Vec<String> {
    mean(flags).unwrap_err().0.iter().map(ToString::to_string).collect()
}

#[test]
fn nothing_typed_is_the_default() {
    let config = mean(&[]).unwrap();
    assert_eq!(socket(&config), paths::default_data_directory(Path::new(HOME)).join("node.sock"));
    assert_eq!(config.server.threads, ServerConfig::THREADS);
    assert_eq!(config.rights, Rights::open());
    assert_eq!(config.deadlines, Deadlines::default());
    let blocking = config.node.blocking_threads;
    assert_eq!(config.limits, Limits { in_flight_blocking: blocking, ..Limits::default() });
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default() {
    let file = "queue = 1\nin-flight = 1\ndeadline = \"1s\"";
    let environment = [("queue", "2"), ("in-flight", "2")];
    let invocation = invocation(file, &environment, &[("queue", "3")]);
    let config = Config::mean(invocation, None.or(Some(Path::new(HOME)))).unwrap();
    assert_eq!(config.limits.queue, 3);
    assert_eq!(config.limits.in_flight, 2);
    assert_eq!(config.deadlines.usual, Duration::from_secs(1));
    assert_eq!(config.limits.queue_blocking, Limits::QUEUE_BLOCKING);
}

#[test]
fn threads_and_connections_have_an_upper_bound() {
    let most =
        [("threads", 64), ("connections", 64), ("read-threads", 1024), ("blocking-threads", 1024)];
    for (option, most) in most {
        let mean = |number: usize| {
            let invocation = invocation("", &[], &[(option, &number.to_string())]);
            Config::mean(invocation, Some(Path::new(HOME)))
        };
        assert!(mean(most).is_ok(), "{option}");
        let faults = mean(most + 1).unwrap_err().0;
        assert_eq!(faults.len(), 1, "{option}");
        assert_eq!(faults[0].problem, format!("\"{}\" is more than {most}", most + 1));
    }
}

#[test]
fn every_fault_is_reported_at_once_with_the_name_it_was_typed_by() {
    let file = "colour = \"red\"\nqueue = \"long\"\ndeadline = 1.5";
    let invocation =
        invocation(file, &[("threads", "0")], &[("listen", "everywhere"), ("allow", "all")]);
    let faults = Config::mean(invocation, Some(Path::new(HOME))).unwrap_err().0;
    let mut places: Vec<_> = faults.iter().map(|fault| fault.place.as_str()).collect();
    places.sort_unstable();
    let wanted = [
        "--allow",
        "--listen",
        "BITCOIN_GRPC_THREADS",
        "colour (in test.toml)",
        "deadline (in test.toml)",
        "queue (in the file)",
    ];
    assert_eq!(places, wanted);
}

#[test]
fn a_file_may_name_every_option_by_its_kind() {
    let file = "listen = [\"127.0.0.1:1\", \"unix:/tmp/s\"]\ninsecure-listen = true\nthreads = 2\nallow = \"control\"";
    let config = Config::mean(invocation(file, &[], &[]), Some(Path::new(HOME))).unwrap();
    let addresses: Vec<_> = config.server.listen.into_iter().map(|l| l.address).collect();
    assert_eq!(
        addresses,
        [Address::Tcp("127.0.0.1:1".parse().unwrap()), Address::Unix("/tmp/s".into())]
    );
    assert_eq!(config.server.threads.get(), 2);
    assert!(config.rights.hold(Access::Control));
}

#[test]
fn a_damaged_file_is_a_fault() {
    let invocation = invocation("queue = ", &[], &[]);
    assert_eq!(
        Config::mean(invocation, Some(Path::new(HOME))).unwrap_err().0[0].place,
        "test.toml"
    );
}

#[test]
fn listening_beyond_this_machine_must_be_said_out_loud() {
    for address in ["0.0.0.0:50051", "[::]:50051", "192.0.2.1:50051"] {
        let refused = faults(&[("listen", address)]);
        assert!(refused.len() == 1 && refused[0].contains("--insecure-listen"), "{refused:?}");
        assert_eq!(faults(&[("listen", address), ("insecure-listen", "false")]).len(), 1);
        assert!(mean(&[("listen", address), ("insecure-listen", "true")]).is_ok());
    }
    assert!(mean(&[("listen", "[::1]:0,127.0.0.2:0,unix:/tmp/s")]).is_ok());
}

#[test]
fn the_socket_by_chain_directory_and_name() {
    let socket = |flags| socket(&mean(flags).unwrap());
    assert_eq!(
        socket(&[("chain", "regtest"), ("datadir", "/d")]),
        Path::new("/d/regtest/node.sock")
    );
    assert_eq!(socket(&[("node", "unix:/x/y.sock")]), Path::new("/x/y.sock"));
}

#[test]
fn a_node_to_be_started_by_its_command() {
    let spawned = |flags: &[(&str, &str)]| match mean(flags).unwrap().node.place {
        Place::Spawn(config) => config,
        Place::Unix(path) => panic!("{}", path.display()),
    };
    let config = spawned(&[("node", "spawn:node -regtest '-datadir=/a b'")]);
    assert_eq!(config.command.program, "node");
    assert_eq!(config.command.arguments, ["-regtest", "-datadir=/a b"]);
    assert_eq!((config.restart, config.start), (Restart::OnFailure, Start::Auto));
    assert_eq!(config.stop_limit, STOP_LIMIT);
    let config = spawned(&[
        ("node", "spawn:node"),
        ("restart", "never"),
        ("start", "manual"),
        ("stop-limit", "5s"),
        ("threads", "1"),
    ]);
    assert_eq!((config.restart, config.start), (Restart::Never, Start::Manual));
    assert_eq!(config.stop_limit, Duration::from_secs(5));
}

#[test]
fn a_file_can_give_the_command_as_a_list() {
    let file = "node = [\"spawn:/a b/node\", \"-x=1 2\"]";
    let config = Config::mean(invocation(file, &[], &[]), Some(Path::new(HOME))).unwrap();
    let Place::Spawn(config) = config.node.place else { panic!("a socket") };
    assert_eq!(config.command.program, "/a b/node");
    assert_eq!(config.command.arguments, ["-x=1 2"]);
}

#[test]
fn what_a_spawned_node_cannot_have_is_a_fault() {
    let node = ("node", "spawn:node -regtest");
    for other in [
        ("chain", "regtest"),
        ("datadir", "/d"),
        ("threads", "2"),
        ("connections", "3"),
        ("start", "later"),
        ("restart", "sometimes"),
        ("stop-limit", "0s"),
    ] {
        assert_eq!(faults(&[node, other]).len(), 1, "{other:?}");
    }
    for option in ["start", "restart", "stop-limit"] {
        let value = if option == "stop-limit" { "5s" } else { "bad" };
        assert!(!faults(&[("node", "unix:/x"), (option, value)]).is_empty(), "{option}");
    }
    assert_eq!(faults(&[("node", "spawn:")]).len(), 1);
    assert_eq!(faults(&[("node", "spawn:node 'open")]).len(), 1);
}

#[test]
fn a_socket_that_cannot_be_is_a_fault() {
    let long = format!("/{}", "x".repeat(MAX_SOCKET_PATH));
    assert_eq!(faults(&[("node", &format!("unix:{long}"))]).len(), 1);
    assert_eq!(faults(&[("datadir", &long)]).len(), 1);
    assert_eq!(faults(&[("node", "/x/y.sock")]).len(), 1);
    assert_eq!(faults(&[("node", "unix:/x"), ("chain", "regtest")]).len(), 1);
    assert_eq!(faults(&[("chain", "testnet3")]).len(), 1);
    assert!(Config::mean(invocation("", &[], &[]), None).is_err());
}

#[test]
fn a_default_longer_than_the_maximum_is_a_fault() {
    assert_eq!(faults(&[("deadline-max", "1s")]).len(), 2);
    assert!(mean(&[("deadline-max", "20m")]).is_ok());
    assert_eq!(faults(&[("deadline", "0s")]).len(), 1);
}

#[test]
fn a_time_that_no_clock_can_be_set_to_is_a_fault() {
    for name in ["drain", "keepalive", "deadline-max", "interval", "reorg-every"] {
        let refused = faults(&[(name, "500000000000years")]);
        assert!(refused.iter().any(|f| f.contains("longer than a year")), "{name}: {refused:?}");
        assert!(mean(&[(name, "1year")]).is_ok(), "{name}");
    }
}

#[test]
fn generations_are_known_by_name() {
    assert_eq!(mean(&[("profile", "core-32")]).unwrap().node.profile.unwrap().name, "core-32");
    // The proxy and the embedded node read it both, and it is told once.
    let refused = faults(&[("profile", "core-99")]);
    assert!(refused.len() == 1 && refused[0].contains("core-32"), "{refused:?}");
}

#[test]
fn the_help_tells_the_defaults_that_hold() {
    let usual = format!("{:?}", mean(&[]).unwrap());
    let spawned = format!("{:?}", mean(&[("node", "spawn:node")]).unwrap());
    let mut told = 0;
    for option in crate::config::options::OPTIONS {
        let Some((_, rest)) = option.help.split_once("[default: ") else {
            continue;
        };
        let default = rest.trim_end_matches(']');
        // These are told in words.
        if [
            "admin",
            "in-flight-per-caller",
            "in-flight-blocking-per-caller",
            "queue-per-caller",
            "rate",
            "rate-per-caller",
            "otlp",
            "otlp-sample",
            "datadir",
            "data-dir",
            "in-flight-blocking",
            "instance",
            "profile",
            "socket",
            "socket-uid",
            "socket-gid",
            "lasts",
            "server-name",
            "timeout",
            "mock-time",
        ]
        .contains(&option.name)
        {
            continue;
        }
        let mut flags = vec![(option.name, default)];
        let mut expected = &usual;
        if ["start", "restart", "stop-limit"].contains(&option.name) {
            flags.push(("node", "spawn:node"));
            expected = &spawned;
        }
        let typed = mean(&flags);
        assert_eq!(&format!("{:?}", typed.unwrap()), expected, "--{}", option.name);
        told += 1;
    }
    assert!(told > 15);
}

#[test]
fn limits_of_one_caller_are_read() {
    let flags =
        [("in-flight-per-caller", "7"), ("queue-per-caller", "0"), ("rate-per-caller", "9")];
    let limits = mean(&flags).unwrap().limits;
    let own =
        OwnLimits { in_flight: Some(7), queue: Some(0), rate: Some(9), ..OwnLimits::default() };
    assert_eq!((limits.own, limits.rate), (own, None));
    for (name, bad) in [("rate", "0"), ("rate", "1000001"), ("rate-per-caller", "x")] {
        assert_eq!(faults(&[(name, bad)]).len(), 1, "{name} {bad}");
    }
}

#[test]
fn a_port_alone_is_one_of_this_machine() {
    let at = |text| mean(&[("admin", text)]).unwrap().admin.unwrap().address.to_string();
    assert_eq!(at("9332"), "127.0.0.1:9332");
    assert_eq!(at("0.0.0.0:9332"), "0.0.0.0:9332");
    assert_eq!(at("unix:/run/admin"), "unix:/run/admin");
    for bad in ["", "x", "70000", "localhost:1", "systemd:0"] {
        assert_eq!(faults(&[("admin", bad)]).len(), 1, "{bad}");
    }
    assert!(mean(&[]).unwrap().admin.is_none());
}

#[test]
fn traces_go_to_a_collector_by_http() {
    let flags = [("otlp", "http://localhost:4317"), ("otlp-sample", "0.25")];
    let otlp = mean(&flags).unwrap().log.otlp.unwrap();
    assert_eq!((otlp.endpoint.as_str(), otlp.sample), ("http://localhost:4317", 0.25));
    for bad in ["", "localhost:4317", "https://localhost:4317", "http://", "/x", "http://me:x@h:1"]
    {
        assert_eq!(faults(&[("otlp", bad)]).len(), 1, "{bad}");
    }
    for bad in ["-0.1", "1.1", "NaN", "all"] {
        assert_eq!(faults(&[("otlp", "http://a:1"), ("otlp-sample", bad)]).len(), 1, "{bad}");
    }
    assert_eq!(faults(&[("otlp-sample", "0.5")]).len(), 1);
}

#[test]
fn leases_are_bounded_as_typed() {
    let flags = [("lease-time", "90s"), ("leases", "3"), ("leases-per-caller", "2")];
    let leases = mean(&flags).unwrap().node.leases;
    let expected = LeaseConfig {
        time_to_live: Duration::from_secs(90),
        per_caller: 2,
        total: 3,
        instance: None,
    };
    assert_eq!(*leases.config(), expected);
    assert_eq!(faults(&[("leases", "3"), ("leases-per-caller", "4")]).len(), 1);
    for bad in ["", "a b", "a.b", &"x".repeat(64)] {
        assert_eq!(faults(&[("instance", bad)]).len(), 1, "{bad}");
    }
}

#[test]
fn a_level_of_the_log_that_is_none_is_refused() {
    for good in ["info", "WARN", "off", "warn,bitcoin_grpc=debug", "bitcoin_grpc::app=trace, error"]
    {
        assert_eq!(log_level(good).as_deref(), Ok(good));
    }
    for bad in ["warning", "verbose", "info,bitcoin_grpc", "a=b=c"] {
        assert!(log_level(bad).is_err(), "{bad}");
    }
}
