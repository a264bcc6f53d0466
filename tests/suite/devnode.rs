//! `bitcoin-grpc devnode` from outside.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// A devnode that is killed when the test ends, however it ends.
struct Devnode {
    child: Child,
    /// Its height when it started.
    height: u32,
}

impl Drop for Devnode {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_bitcoin-grpc"));
    program.env_clear().env("HOME", "/nowhere").stderr(Stdio::null());
    program
}

/// Starts a devnode, and waits until it says where it listens.
fn start(socket: &Path, options: &[&str]) -> Devnode {
    let mut program = program();
    program.args(["devnode", "--socket"]).arg(socket).args(options).stdout(Stdio::piped());
    let mut child = program.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert_eq!(first, format!("listening on unix:{}", socket.display()));
    let second = lines.next().unwrap().unwrap();
    let height = second.split("at height ").nth(1).and_then(|rest| rest.split(',').next());
    Devnode { height: height.unwrap().parse().unwrap(), child }
}

fn check(socket: &Path) -> Output {
    let node = format!("unix:{}", socket.display());
    program().args(["check", "--node", &node]).output().unwrap()
}

#[test]
fn it_serves_the_generation_it_is_told_until_it_is_told_to_stop() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("node.sock");
    let options = ["--profile", "core-31", "--blocks", "7", "--interval", "0s"];
    let mut devnode = start(&socket, &options);
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let found = check(&socket);
    let text = String::from_utf8(found.stdout).unwrap();
    assert!(found.status.success() && text.contains("core-31"), "{text}");
    let pid = devnode.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(devnode.child.wait().unwrap().success());
    assert!(!socket.exists(), "the socket is still there");
}

#[test]
fn a_socket_in_use_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("node.sock");
    let _first = start(&socket, &["--blocks", "1"]);
    let mut second = program();
    second.args(["devnode", "--blocks", "1", "--socket"]).arg(&socket).stderr(Stdio::piped());
    let second = second.output().unwrap();
    let errors = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(errors.contains("cannot listen on"), "{errors}");
    assert!(check(&socket).status.success(), "the first one is still there");
}

#[test]
fn a_file_that_cannot_be_imported_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("blocks.hex");
    std::fs::write(&file, "00\n").unwrap();
    let output =
        program().args(["devnode", "--import"]).arg(&file).stderr(Stdio::piped()).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.contains("line 1 is not a block in hex"), "{errors}");
}

/// Whatever a killed node was doing, its chain is there again; and a second node waits for its turn.
#[test]
fn a_chain_outlives_a_killed_process() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let (socket, other) = (folder.path().join("node.sock"), folder.path().join("other.sock"));
    let mut heights = vec![110];
    for _ in 0..3 {
        let options = ["--data-dir", data, "--interval", "20ms", "--tx-rate", "200"];
        let devnode = start(&socket, &options);
        assert!(devnode.height >= heights[heights.len() - 1]);
        heights.push(devnode.height);
        let mut second = program();
        second.args(["devnode", "--data-dir", data, "--socket"]).arg(&other);
        let second = second.stderr(Stdio::piped()).output().unwrap();
        assert!(String::from_utf8(second.stderr).unwrap().contains("in use by another process"));
        std::thread::sleep(std::time::Duration::from_millis(300));
        // Dropping it kills it.
    }
    assert!(heights[3] > 110, "{heights:?}");
}
