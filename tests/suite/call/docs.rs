//! Every command of docs/call.md, as it stands there.

use super::world::{World, run};

/// The lines of the code blocks behind the mark.
fn commands(text: &str) -> Vec<&str> {
    let mut commands = Vec::new();
    let (mut marked, mut inside) = (false, false);
    for line in text.lines() {
        match line {
            "<!-- commands against the demo -->" => marked = true,
            "```sh" if marked => inside = true,
            "```" if inside => (marked, inside) = (false, false),
            line if inside && !line.is_empty() && !line.starts_with('#') => commands.push(line),
            _ => {}
        }
    }
    commands
}

#[tokio::test]
async fn the_commands_of_the_document_work() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/call.md");
    let text = std::fs::read_to_string(path).unwrap();
    let world = World::with(&[
        "--listen",
        "127.0.0.1:0",
        "--allow",
        "control",
        "--interval",
        "300ms",
        "--tx-rate",
        "5",
    ])
    .await;
    let programs = std::path::Path::new(env!("CARGO_BIN_EXE_bitcoin-grpc")).parent().unwrap();
    let usual = std::env::var("PATH").unwrap();
    let commands = commands(&text);
    assert!(commands.len() >= 12, "{commands:?}");
    for command in commands {
        let mut shell = std::process::Command::new("bash");
        shell.args(["-o", "pipefail", "-c", command]).stdin(std::process::Stdio::null());
        shell.env("PATH", format!("{}:{usual}", programs.display()));
        shell.env("BITCOIN_GRPC_ADDR", &world.address);
        let output = run(shell).await;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {errors}");
        assert!(!output.stdout.is_empty(), "{command} prints nothing");
    }
}
