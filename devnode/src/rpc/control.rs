//! The node as a program: help, echo, time, the end.

use super::command::{Command, Kind, Param, commands, find, needed, optional};
use super::error::RpcError;
use super::params::Params;
use super::value::{RpcResult, result};
use crate::clock::Clock;
use crate::generation::Generation;
use crate::node::Node;

/// Arguments of the echo commands.
const ECHOED: [Param; 10] = [
    optional("arg0", Kind::Any),
    optional("arg1", Kind::Any),
    optional("arg2", Kind::Any),
    optional("arg3", Kind::Any),
    optional("arg4", Kind::Any),
    optional("arg5", Kind::Any),
    optional("arg6", Kind::Any),
    optional("arg7", Kind::Any),
    optional("arg8", Kind::Any),
    optional("arg9", Kind::Any),
];

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "help",
        params: &[optional("command", Kind::Text)],
        about: "Lists all commands, or explains one.",
        run: help,
    },
    Command {
        name: "stop",
        params: &[optional("wait", Kind::Number)],
        about: "Stops the node.",
        run: stop,
    },
    Command { name: "echo", params: &ECHOED, about: "Gives its arguments back.", run: echo },
    Command { name: "echojson", params: &ECHOED, about: "Gives its arguments back.", run: echo },
    Command {
        name: "uptime",
        params: &[],
        about: "Seconds that the node has run.",
        run: |node, _| result(node.uptime().as_secs()),
    },
    Command {
        name: "setmocktime",
        params: &[needed("timestamp", Kind::Number)],
        about: "Stops the node's clock at a time in seconds since 1970; 0 lets it run again.",
        run: set_mock_time,
    },
];

fn help(_: &mut Node, params: &Params) -> RpcResult {
    let text = match params.optional::<String>(0)? {
        Some(name) => match find(&name) {
            Ok(command) => command.help(),
            Err(_) => format!("help: unknown command: {name}"),
        },
        None => {
            let mut lines: Vec<String> = commands().map(Command::usage).collect();
            lines.sort_unstable();
            lines.join("\n")
        }
    };
    result(text)
}

fn stop(node: &mut Node, _: &Params) -> RpcResult {
    node.request_shutdown();
    result("Bitcoin Core stopping")
}

fn echo(_: &mut Node, params: &Params) -> RpcResult {
    result(params.all())
}

/// Highest time that can be set: what a count of nanoseconds can hold, or, on newer nodes, the time of a header.
fn last_second(generation: Generation) -> i64 {
    match generation {
        Generation::Core32 => u32::MAX.into(),
        _ => i64::MAX / 1_000_000_000,
    }
}

fn set_mock_time(node: &mut Node, params: &Params) -> RpcResult {
    let time: i64 = params.get(0)?;
    let last = last_second(node.generation());
    if !(0..=last).contains(&time) {
        return Err(RpcError::parameter(format!(
            "Mocktime must be in the range [0, {last}], not {time}."
        )));
    }
    node.set_clock(if time == 0 { Clock::System } else { Clock::Mock(time) });
    result(())
}
