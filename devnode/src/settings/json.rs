//! JSON text as the node keeps it: numbers as written, names in order, and whatever of a broken text was understood.

use std::fmt;

/// A JSON value in its shortest text. Two values are equal if their texts are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Json(String);

impl Json {
    /// JSON null.
    pub fn null() -> Self {
        Self("null".to_owned())
    }

    /// `true` or `false`.
    pub fn boolean(value: bool) -> Self {
        Self(value.to_string())
    }

    /// A JSON string.
    pub fn string(text: &str) -> Self {
        let mut json = String::new();
        push_string(&mut json, text);
        Self(json)
    }

    /// Reads a text. Of a broken text everything up to the fault is kept and what is open is closed, as the node does
    /// it: `{` becomes `{}`. An empty text is null.
    pub fn parse(text: &str) -> Self {
        let mut reader = Reader::new(text);
        let complete = reader.value().is_some() && reader.rest.trim_start().is_empty();
        if !complete {
            reader.close_all();
        }
        if reader.out.is_empty() { Self::null() } else { Self(reader.out) }
    }

    /// Whether a text breaks off between the name of a member and its value. A node that reads it has an object with
    /// more names than values, and goes wrong as soon as it looks through that.
    pub fn breaks_off_in_a_member(text: &str) -> bool {
        let mut reader = Reader::new(text);
        reader.value().is_none() && reader.name_alone
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        self.0 == "null"
    }

    /// Whether it is `false`.
    pub fn is_false(&self) -> bool {
        self.0 == "false"
    }

    /// The elements of an array; none if it is something else.
    pub fn elements(&self) -> Option<Vec<Self>> {
        let mut reader = Reader::new(self.0.strip_prefix('[')?);
        let mut elements = Vec::new();
        while !reader.rest.starts_with(']') {
            reader.value()?;
            elements.push(Self(std::mem::take(&mut reader.out)));
            reader.rest = reader.rest.strip_prefix(',').unwrap_or(reader.rest);
        }
        Some(elements)
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Deepest nesting that is read.
const MAX_DEPTH: usize = 512;

/// Copies a JSON text in its shortest form. Every method gives none when the text is broken there; what was copied
/// until then stays.
struct Reader<'a> {
    rest: &'a str,
    out: String,
    /// Closing brackets still due, innermost last.
    closers: Vec<char>,
    /// Whether the text broke off behind the name of a member, before anything of its value.
    name_alone: bool,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text, out: String::new(), closers: Vec::new(), name_alone: false }
    }

    fn value(&mut self) -> Option<()> {
        self.skip_space();
        match self.rest.chars().next()? {
            '{' => self.list('}', Self::member),
            '[' => self.list(']', Self::value),
            '"' => self.string(),
            '-' | '0'..='9' => self.number(),
            _ => self.word(),
        }
    }

    fn list(&mut self, closer: char, item: fn(&mut Self) -> Option<()>) -> Option<()> {
        if self.closers.len() == MAX_DEPTH {
            return None;
        }
        self.copy_char();
        self.closers.push(closer);
        self.skip_space();
        if !self.rest.starts_with(closer) {
            loop {
                let before = self.out.len();
                if item(self).is_none() {
                    self.drop_partial_scalar(before);
                    return None;
                }
                self.skip_space();
                if self.rest.starts_with(closer) {
                    break;
                }
                self.rest = self.rest.strip_prefix(',')?;
                self.out.push(',');
            }
        }
        self.copy_char();
        self.closers.pop();
        Some(())
    }

    fn member(&mut self) -> Option<()> {
        self.skip_space();
        if !self.rest.starts_with('"') {
            return None;
        }
        self.string()?;
        let depth = self.closers.len();
        let value = self.member_value();
        self.name_alone |= value.is_none() && self.closers.len() == depth;
        value
    }

    fn member_value(&mut self) -> Option<()> {
        self.skip_space();
        self.rest = self.rest.strip_prefix(':')?;
        self.out.push(':');
        self.value()
    }

    fn string(&mut self) -> Option<()> {
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        loop {
            let (place, c) = chars.next()?;
            match c {
                '"' => {
                    push_string(&mut self.out, &text);
                    self.rest = &self.rest[place + 1..];
                    return Some(());
                }
                '\\' => text.push(escaped(&mut chars)?),
                control if control < ' ' => return None,
                plain => text.push(plain),
            }
        }
    }

    fn number(&mut self) -> Option<()> {
        let length =
            self.rest.find(|c: char| !matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'));
        let (number, rest) = self.rest.split_at(length.unwrap_or(self.rest.len()));
        is_number(number).then(|| {
            self.out.push_str(number);
            self.rest = rest;
        })
    }

    fn word(&mut self) -> Option<()> {
        let word =
            ["null", "true", "false"].into_iter().find(|word| self.rest.starts_with(word))?;
        self.out.push_str(word);
        self.rest = &self.rest[word.len()..];
        Some(())
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn copy_char(&mut self) {
        let mut chars = self.rest.chars();
        self.out.extend(chars.next());
        self.rest = chars.as_str();
    }

    /// After a fault: removes a member name without a value, and the comma before it.
    fn drop_partial_scalar(&mut self, before: usize) {
        let nested = self.out[before..].contains(['{', '[']);
        if !nested {
            self.out.truncate(before);
            if self.out.ends_with(',') {
                self.out.pop();
            }
        }
    }

    fn close_all(&mut self) {
        if self.out.ends_with(',') {
            self.out.pop();
        }
        while let Some(closer) = self.closers.pop() {
            self.out.push(closer);
        }
    }
}

fn escaped(chars: &mut impl Iterator<Item = (usize, char)>) -> Option<char> {
    Some(match chars.next()?.1 {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'u' => return unicode(chars),
        same @ ('"' | '\\' | '/') => same,
        _ => return None,
    })
}

fn unicode(chars: &mut impl Iterator<Item = (usize, char)>) -> Option<char> {
    let mut unit = || (0..4).try_fold(0, |unit, _| Some(unit * 16 + chars.next()?.1.to_digit(16)?));
    let high = unit()?;
    if !(0xd800..0xdc00).contains(&high) {
        return char::from_u32(high);
    }
    if chars.next()?.1 != '\\' || chars.next()?.1 != 'u' {
        return None;
    }
    let low = (0..4).try_fold(0, |unit, _| Some(unit * 16 + chars.next()?.1.to_digit(16)?))?;
    char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + low.checked_sub(0xdc00)?)
}

fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let unsigned = mantissa.strip_prefix('-').unwrap_or(mantissa);
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (unsigned, None),
    };
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent
            .is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}

fn push_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            control if control < ' ' || control == '\u{7f}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(control)))
            }
            plain => out.push(plain),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_get_short_and_keep_their_numbers() {
        for (text, short) in [
            (r#" { "a" : [ 1.50 , 2e5, null ] } "#, r#"{"a":[1.50,2e5,null]}"#),
            ("\"\\u20bf\\u00e9\"", "\"₿é\""),
            (r#""\ud83d\ude00""#, "\"😀\""),
            (r#"{"b":1,"a":2,"b":3}"#, r#"{"b":1,"a":2,"b":3}"#),
            ("", "null"),
        ] {
            assert_eq!(Json::parse(text).as_str(), short);
        }
    }

    #[test]
    fn broken_texts_keep_what_was_read() {
        for (text, kept) in [
            ("{", "{}"),
            ("[1,2", "[1,2]"),
            ("[1,", "[1]"),
            (r#"{"a":[1,x"#, r#"{"a":[1]}"#),
            (r#"{"a":"#, "{}"),
            ("nonsense", "null"),
        ] {
            assert_eq!(Json::parse(text).as_str(), kept, "{text}");
        }
    }

    #[test]
    fn a_name_without_a_value_is_told_from_other_faults() {
        for text in
            [r#"{"a""#, r#"{"a":"#, r#"{"a":"\ud800"}"#, r#"[{"b":1,"a":x}]"#, r#"{"a":{"b":"#]
        {
            assert!(Json::breaks_off_in_a_member(text), "{text}");
        }
        for text in [
            "{",
            "[1,",
            r#"{"a":[x]}"#,
            r#"{"a":{"#,
            r#"{"\ud800":1}"#,
            r#"["\ud800"]"#,
            r#"{"a":1}"#,
        ] {
            assert!(!Json::breaks_off_in_a_member(text), "{text}");
        }
    }

    #[test]
    fn arrays_come_apart() {
        let elements = Json::parse(r#"["a", [1,2], {"b": "]"}]"#).elements().unwrap();
        let texts: Vec<&str> = elements.iter().map(Json::as_str).collect();
        assert_eq!(texts, [r#""a""#, "[1,2]", r#"{"b":"]"}"#]);
        assert_eq!(Json::parse("[]").elements().map(|elements| elements.len()), Some(0));
        assert_eq!(Json::parse("1").elements(), None);
    }
}
