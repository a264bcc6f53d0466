//! Streams by the program: lines, conversations, and their ends.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use super::world::{LONG, World};

struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(world: &World, words: &[&str]) -> Self {
        let mut child = Command::from(world.program(words))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    async fn next(&mut self) -> Json {
        let line = timeout(LONG, self.lines.next_line()).await.expect("a line in time");
        serde_json::from_str(&line.unwrap().expect("a line")).unwrap()
    }

    async fn says(&mut self, message: &Json) {
        let line = format!("{message}\n");
        self.child.stdin.as_mut().unwrap().write_all(line.as_bytes()).await.unwrap();
    }

    async fn ends(mut self) -> (Option<i32>, String) {
        drop(self.lines);
        let mut errors = String::new();
        let stderr = self.child.stderr.as_mut().unwrap();
        let read = tokio::io::AsyncReadExt::read_to_string(stderr, &mut errors);
        timeout(LONG, read).await.expect("an end in time").unwrap();
        (self.child.wait().await.unwrap().code(), errors)
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().unwrap().to_string();
        let sent = std::process::Command::new("kill").args([name, &id]).status().unwrap();
        assert!(sent.success());
    }
}

#[tokio::test]
async fn events_are_lines_until_somebody_stops() {
    let world = World::start().await;
    let mut events = Running::start(&world, &["chain.handlenotifications"]);
    let first = events.next().await;
    assert_eq!(first["sequence"], 1);
    let tip = world.prints(&["chain.getblockhash", "height=110"]).await;
    assert_eq!(first["started"]["tip_hash"], json!(tip));
    events.signal("-INT");
    assert_eq!(events.ends().await, (Some(0), String::new()));
}

#[tokio::test]
async fn a_closed_pipe_ends_a_stream() {
    let world = World::with(&["--listen", "127.0.0.1:0", "--interval", "200ms"]).await;
    let mut events = Running::start(&world, &["chain.handlenotifications"]);
    events.next().await;
    // Nobody reads any more, and blocks go on.
    assert_eq!(events.ends().await, (Some(0), String::new()));
}

#[tokio::test]
async fn a_unary_call_that_waits_is_interrupted() {
    let world = World::start().await;
    let tip = world.prints(&["chain.getblockhash", "height=110"]).await;
    let waiting = Running::start(&world, &["mining.waittipchanged", &format!("current_tip={tip}")]);
    tokio::time::sleep(Duration::from_secs(3)).await;
    waiting.signal("-INT");
    let (code, errors) = waiting.ends().await;
    assert_eq!(code, Some(130), "{errors}");
    assert!(errors.contains("interrupted"), "{errors}");
}

#[tokio::test]
async fn a_conversation_has_a_message_per_line() {
    let world = World::start().await;
    let mut update = Running::start(&world, &["chain.updaterwsetting", "start.name=some"]);
    assert!(update.next().await["started"].is_object());
    let asked = update.next().await["settings_update"].clone();
    assert_eq!(asked["value"], "null");
    assert!(asked["answer_within"].as_str().unwrap().ends_with('s'), "{asked}");
    let answer =
        json!({"invocation_id": asked["invocation_id"], "value": "\"new\"", "action": "WRITE"});
    update.says(&json!({ "answer": answer })).await;
    assert_eq!(update.next().await["updated"], true);
    drop(update.child.stdin.take());
    let (code, errors) = update.ends().await;
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert_eq!(world.prints(&["chain.getrwsetting", "name=some"]).await, "\"new\"");
}

#[tokio::test]
async fn a_line_that_is_no_message_ends_a_conversation() {
    let world = World::start().await;
    let mut update = Running::start(&world, &["chain.updaterwsetting"]);
    update.says(&json!({"start": {"nmae": "some"}})).await;
    let (code, errors) = update.ends().await;
    assert_eq!(code, Some(2), "{errors}");
    assert!(errors.contains("start: ") && errors.contains("did you mean name?"), "{errors}");
}
