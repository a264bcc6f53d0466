//! Bitcoin Core's configuration file, read as its own programs read it.
//! Source: Bitcoin Core's doc/bitcoin-conf.md, and how its programs treat the cases that it leaves open.

use std::io::Read;
use std::path::Path;

use super::settings::SettingsError;

/// Largest file that is read, in bytes. Real ones have a few thousand.
const LARGEST: u64 = 1024 * 1024;

/// One line that sets something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// The section (a network) it is for; empty for all.
    pub(super) section: String,
    /// The name as it stands there, which may begin with `no`.
    pub(super) name: String,
    /// The value.
    pub(super) value: String,
}

/// Reads a file; `None` if there is none.
pub(super) fn read(path: &Path) -> Result<Option<Vec<Line>>, SettingsError> {
    text(path)?.map(|text| parse(&text, path)).transpose()
}

/// The text of a file, if there is one.
pub(super) fn text(path: &Path) -> Result<Option<String>, SettingsError> {
    let unreadable = |error: std::io::Error| SettingsError::file(path, error);
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let mut text = String::new();
    file.take(LARGEST + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > LARGEST {
        return Err(SettingsError::file(path, format!("has more than {LARGEST} bytes")));
    }
    Ok(Some(text))
}

fn parse(text: &str, path: &Path) -> Result<Vec<Line>, SettingsError> {
    let (mut lines, mut section) = (Vec::new(), String::new());
    for (number, line) in (1..).zip(text.lines()) {
        let fault = |what| SettingsError::file(path, format!("line {number} {what}"));
        let (line, comment) = line.split_once('#').map_or((line, false), |(line, _)| (line, true));
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            name.clone_into(&mut section);
            continue;
        }
        if line.starts_with('-') {
            return Err(fault("begins with a dash, which options in this file do not have"));
        }
        let (name, value) = line.split_once('=').ok_or_else(|| fault("sets nothing"))?;
        let (name, value) = (name.trim(), value.trim().to_owned());
        if comment && name.contains("rpcpassword") {
            return Err(fault("has a # in a password, which cannot be told from a comment"));
        }
        // A section's name before the option's is the same as standing in the section.
        let whole = match section.as_str() {
            "" => name.to_owned(),
            section => format!("{section}.{name}"),
        };
        let (section, name) = whole.split_once('.').unwrap_or(("", &whole));
        lines.push(Line { section: section.to_owned(), name: name.to_owned(), value });
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Result<Vec<(String, String, String)>, String> {
        let lines = parse(text, Path::new("bitcoin.conf")).map_err(|error| error.to_string())?;
        Ok(lines.into_iter().map(|l| (l.section, l.name, l.value)).collect())
    }

    fn line(section: &str, name: &str, value: &str) -> (String, String, String) {
        (section.to_owned(), name.to_owned(), value.to_owned())
    }

    #[test]
    fn sections_comments_and_spaces() {
        let text = "# all\n a = b=c # why\nregtest.x=1\n\n[test]\nnoy=1\r\n[]\nz=\n";
        let expected = [
            line("", "a", "b=c"),
            line("regtest", "x", "1"),
            line("test", "noy", "1"),
            line("", "z", ""),
        ];
        assert_eq!(lines(text).unwrap(), expected);
    }

    #[test]
    fn what_a_node_refuses_is_refused() {
        for (text, what) in [
            ("\n-x=1", "line 2 begins with a dash"),
            ("nolisten", "line 1 sets nothing"),
            ("rpcpassword=a#b", "cannot be told from a comment"),
        ] {
            let error = lines(text).unwrap_err();
            assert!(error.contains(what), "{error}");
        }
    }
}
