//! What a spawned node says, passed to the log line by line.

use tokio::io::{AsyncRead, AsyncReadExt};

/// Longest line that is passed on, in bytes; the rest of a longer one is left out. A line of a node's log
/// has a few hundred.
const LINE: usize = 4096;

/// Bytes read at once.
const CHUNK: usize = 8192;

/// Where lines come from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source {
    /// Standard output.
    Output,
    /// Standard error.
    Errors,
}

/// Passes everything on until the other end is closed.
pub(super) async fn pass_on(mut from: impl AsyncRead + Unpin, source: Source, pid: i32) {
    let (mut lines, mut chunk) = (Lines::default(), [0; CHUNK]);
    loop {
        match from.read(&mut chunk).await {
            Ok(0) | Err(_) => break,
            Ok(read) => lines.take(&chunk[..read], |line| log(line, source, pid)),
        }
    }
    lines.end(|line| log(line, source, pid));
}

fn log(line: &str, source: Source, pid: i32) {
    match source {
        Source::Output => tracing::info!(target: "node", pid, "{line}"),
        Source::Errors => tracing::warn!(target: "node", pid, "{line}"),
    }
}

/// Makes lines of bytes.
#[derive(Default)]
struct Lines {
    line: Vec<u8>,
    left_out: usize,
}

impl Lines {
    fn take(&mut self, bytes: &[u8], mut line: impl FnMut(&str)) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = part.strip_suffix(b"\n").unwrap_or(part);
            let fits = text.len().min(LINE - self.line.len());
            self.line.extend_from_slice(&text[..fits]);
            self.left_out += text.len() - fits;
            if text.len() < part.len() {
                self.end(&mut line);
            }
        }
    }

    /// The line is over.
    fn end(&mut self, mut line: impl FnMut(&str)) {
        let text = readable(&self.line);
        match std::mem::take(&mut self.left_out) {
            0 if text.trim().is_empty() => {}
            0 => line(&text),
            left_out => line(&format!("{text} […{left_out} bytes left out]")),
        }
        self.line.clear();
    }
}

/// The text without what could change how a terminal shows the rest.
fn readable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_end_matches('\r');
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(parts: &[&[u8]]) -> Vec<String> {
        let (mut lines, mut seen) = (Lines::default(), Vec::new());
        for part in parts {
            lines.take(part, |line| seen.push(line.to_owned()));
        }
        lines.end(|line| seen.push(line.to_owned()));
        seen
    }

    #[test]
    fn lines_are_put_together_wherever_they_were_torn() {
        assert_eq!(lines(&[b"one\ntw", b"o\n", b"\nthree"]), ["one", "two", "three"]);
    }

    #[test]
    fn long_lines_are_cut_and_say_so() {
        let long = vec![b'x'; LINE + 7];
        let [line] = &lines(&[&long[..LINE - 1], &long[LINE - 1..], b"\n"])[..] else { panic!() };
        assert_eq!(line, &format!("{} […7 bytes left out]", "x".repeat(LINE)));
    }

    #[test]
    fn no_line_can_do_anything_to_a_terminal() {
        assert_eq!(lines(&[b"a\x1b[2Jb\xff\r\n"]), ["a\u{fffd}[2Jb\u{fffd}"]);
    }
}
