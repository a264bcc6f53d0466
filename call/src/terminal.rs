//! Where answers go and further messages come from.

use std::fmt;
use std::io::{self, BufRead, Read};
use std::pin::Pin;

use tokio::sync::mpsc;

/// Longest line that is read, in bytes: as much as a field may have from a file.
const MAX_LINE: u64 = crate::fields::MAX_FILE;

/// Lines read ahead of what was sent.
const AHEAD: usize = 4;

/// What a call is joined to.
pub struct Terminal<'a> {
    /// Is given each piece of the answer; a fault ends the call.
    pub say: &'a mut dyn FnMut(&str) -> io::Result<()>,
    /// Where requests are read that are not arguments.
    pub input: Box<dyn BufRead + Send>,
    /// Completes when somebody wants the call to end.
    pub stop: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl fmt::Debug for Terminal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terminal").finish_non_exhaustive()
    }
}

/// All of an input.
pub(crate) fn whole(input: &mut dyn BufRead) -> io::Result<String> {
    let mut text = String::new();
    input.take(MAX_LINE + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_LINE { Err(too_long()) } else { Ok(text) }
}

/// The lines of an input that are not empty, read on a thread of their own: nothing can interrupt a
/// read of a terminal, and nobody waits for that thread.
pub(crate) fn lines(input: Box<dyn BufRead + Send>) -> mpsc::Receiver<io::Result<String>> {
    let (sender, lines) = mpsc::channel(AHEAD);
    std::thread::spawn(move || read_lines(input, &sender));
    lines
}

fn read_lines(mut input: Box<dyn BufRead + Send>, to: &mpsc::Sender<io::Result<String>>) {
    loop {
        let line = match line(&mut input) {
            Ok(Some(line)) if line.trim().is_empty() => continue,
            Ok(Some(line)) => Ok(line),
            Ok(None) => return,
            Err(error) => Err(error),
        };
        let is_last = line.is_err();
        if to.blocking_send(line).is_err() || is_last {
            return;
        }
    }
}

fn line(input: &mut dyn BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    input.take(MAX_LINE + 1).read_line(&mut line)?;
    match line.len() as u64 {
        0 => Ok(None),
        length if length > MAX_LINE => Err(too_long()),
        _ => Ok(Some(line)),
    }
}

fn too_long() -> io::Error {
    io::Error::other(format!("standard input: longer than {MAX_LINE} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_told_one_by_one_and_empty_ones_are_not() {
        let mut lines = lines(Box::new(io::Cursor::new("one\n\n \ntwo")));
        assert_eq!(lines.recv().await.unwrap().unwrap(), "one\n");
        assert_eq!(lines.recv().await.unwrap().unwrap(), "two");
        assert!(lines.recv().await.is_none());
    }

    #[tokio::test]
    async fn a_line_without_end_is_a_fault() {
        let endless = io::BufReader::new(io::repeat(b'x'));
        assert!(lines(Box::new(endless)).recv().await.unwrap().is_err());
        let mut endless = io::BufReader::new(io::repeat(b'x'));
        assert!(whole(&mut endless).is_err());
    }
}
