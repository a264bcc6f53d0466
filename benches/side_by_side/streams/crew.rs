//! Processes that take orders and answer in lines of JSON.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::parties::own;
use crate::plan::Outcome;

/// Another part of this program. It is ended with its owner.
pub(crate) struct Member {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Drop for Member {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Member {
    pub(crate) fn start(words: &[&str]) -> Outcome<Self> {
        let mut command = own()?;
        let mut process = command
            .arg("party")
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let orders = process.stdin.take().ok_or("no standard input")?;
        let answers = BufReader::new(process.stdout.take().ok_or("no standard output")?);
        Ok(Self { process, orders, answers })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn order(&mut self, order: &str) -> Outcome {
        writeln!(self.orders, "{order}")?;
        Ok(self.orders.flush()?)
    }

    pub(crate) fn answer<T: DeserializeOwned>(&mut self) -> Outcome<T> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        serde_json::from_str(&line).map_err(|_| format!("a party said: {line}").into())
    }

    /// Waits until it says that it is ready.
    pub(crate) fn ready(&mut self) -> Outcome {
        let answer: serde_json::Value = self.answer()?;
        match answer.get("ready") {
            Some(_) => Ok(()),
            None => Err(format!("a party said: {answer}").into()),
        }
    }
}

/// CPU time that the threads of a process have used, to the nanosecond. Linux only.
pub(crate) fn cpu(pid: u32) -> Outcome<Duration> {
    let mut nanos = 0;
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let told = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        nanos += told.split(' ').next().ok_or("unreadable /proc")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanos))
}
