//! `bitcoin-grpc completions` and `bitcoin-grpc man`: what shells and `man` want to know of the program.

use std::io::{self, Write};
use std::str::FromStr;

use bitcoin_grpc_contract::{Method, Service};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::config::{command, completed};

const NAME: &str = "bitcoin-grpc";

/// Prints completions for the shell that the words name.
pub(super) fn completions(words: &[String]) -> io::Result<()> {
    let shell = words.first().map_or("", String::as_str);
    let shell = Shell::from_str(shell).map_err(io::Error::other)?;
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut completed(methods()), NAME, &mut script);
    let mut script = String::from_utf8(script).map_err(io::Error::other)?;
    match shell {
        Shell::Bash => script = script.replace(BASH_WRONG, BASH_RIGHT),
        Shell::Fish => script += &fish_methods(),
        _ => {}
    }
    print(script.as_bytes())
}

/// What clap_complete 4.6 calls, in one place of its script for bash, a program with a hyphen in its name; and
/// what in the others.
const BASH_WRONG: &str = "bitcoin__subcmd__grpc";
const BASH_RIGHT: &str = "bitcoin__grpc";

/// clap_complete gives fish no words but commands and options.
fn fish_methods() -> String {
    let condition =
        "__fish_bitcoin_grpc_using_subcommand call; and test (count (commandline -opc)) -eq 2";
    format!("complete -c {NAME} -n \"{condition}\" -f -a \"{}\"\n", methods().join(" "))
}

/// What can stand behind `call`: services, and their methods.
fn methods() -> Vec<&'static str> {
    let services = Service::ALL.into_iter().map(Service::name);
    services.chain(Method::ALL.into_iter().map(|method| method.info().full_name)).collect()
}

/// Prints the manual page of the program, or of the command that the words name.
pub(super) fn man(words: &[String]) -> io::Result<()> {
    let mut all = command().disable_help_subcommand(true);
    // So that pages know under what name each command is called.
    all.build();
    let name = words.first().map(String::as_str);
    let page = name.and_then(|name| all.find_subcommand(name)).unwrap_or(&all);
    let mut text = Vec::new();
    Man::new(page.clone()).render(&mut text)?;
    print(&text)
}

/// Whoever closes the pipe has read enough.
fn print(what: &[u8]) -> io::Result<()> {
    match io::stdout().lock().write_all(what) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}
