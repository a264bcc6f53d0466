//! JSON, and what only looks like it.

use crate::maker::Maker;

/// Deepest lists and objects that are made one in the other.
const DEPTH: u8 = 3;

/// Texts in quotes as they stand in JSON: those with half of a surrogate pair are no text.
const TEXTS: [&str; 12] = [
    "\"\"",
    "\"x\"",
    "\"stop\"",
    "\"\\ud800\"",
    "\"\\udc00\"",
    "\"\\ud83d\\ude00\"",
    "\"\\u0000\"",
    "\"\\ud800\\u0041\"",
    "\"00\"",
    "\"bcrt1qft5p2uhsdcdc3l2ua4ap5qqfg4pjaqlp250x7us7a8qqhrxrxfsqseac85\"",
    "\"raw(51)\"",
    "\"é\u{fffd}\u{10ffff}\"",
];

/// Numbers, and what nearly is one.
const NUMBERS: [&str; 14] = [
    "0",
    "1",
    "-1",
    "110",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "1e400",
    "-0",
    "0.00000001",
    "01",
    "1.",
    "NaN",
];

/// Ends of what cannot be read to its end.
const BROKEN: [&str; 10] =
    ["", "[", "{", "\"", "{\"a\"", "{\"a\":", "[1,", "nul", "\u{feff}[]", "[]]"];

/// RPC commands that requests may run. Those that end the node, wait for ever, or make as many blocks as they are told
/// to, are not among them: whoever may run them may do that.
pub(crate) const COMMANDS: [&str; 41] = [
    "getblockcount",
    "getbestblockhash",
    "getblockhash",
    "getblock",
    "getblockheader",
    "getblockchaininfo",
    "getchaintips",
    "verifychain",
    "invalidateblock",
    "reconsiderblock",
    "preciousblock",
    "getindexinfo",
    "help",
    "echo",
    "echojson",
    "uptime",
    "generateblock",
    "submitblock",
    "submitheader",
    "getblocktemplate",
    "getmininginfo",
    "getnetworkinfo",
    "getpeerinfo",
    "getconnectioncount",
    "setnetworkactive",
    "setban",
    "listbanned",
    "clearbanned",
    "getmempoolinfo",
    "getrawmempool",
    "getmempoolentry",
    "gettxout",
    "estimatesmartfee",
    "getrawtransaction",
    "decoderawtransaction",
    "sendrawtransaction",
    "testmempoolaccept",
    "listtransactions",
    "listunspent",
    "getaddressinfo",
    "decodescript",
];

impl Maker<'_, '_> {
    /// JSON of any kind.
    pub(crate) fn json(&mut self) -> String {
        self.element(0)
    }

    /// Arguments of a command: a list, or an object.
    pub(crate) fn arguments(&mut self) -> String {
        match self.byte() % 8 {
            0 => String::new(),
            1 => self.json(),
            2 => self.object(0),
            _ => self.list(0),
        }
    }

    /// A request of JSON-RPC.
    pub(crate) fn rpc(&mut self) -> String {
        let (command, arguments) = (self.command(), self.arguments());
        let arguments = if arguments.is_empty() { "[]".to_owned() } else { arguments };
        match self.byte() % 8 {
            0 => self.json(),
            1 => format!("[{{\"method\":\"{command}\",\"params\":{arguments}}}]"),
            2 => format!("{{\"method\":\"{command}\",\"method\":\"stop\",\"params\":{arguments}}}"),
            3 => format!("{{\"method\":{},\"params\":{arguments}}}", self.json()),
            _ => format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{command}\",\"params\":{arguments}}}"
            ),
        }
    }

    /// A command's name.
    pub(crate) fn command(&mut self) -> String {
        match self.byte() {
            255 => "stop".to_owned(),
            254 => "no such command".to_owned(),
            _ => (*self.pick(&COMMANDS)).to_owned(),
        }
    }

    fn element(&mut self, depth: u8) -> String {
        match self.byte() % 16 {
            0..=2 => (*self.pick(&TEXTS)).to_owned(),
            3..=5 => (*self.pick(&NUMBERS)).to_owned(),
            6 => (*self.pick(&["null", "true", "false"])).to_owned(),
            7 => format!("\"{}\"", self.known_hex()),
            8 if self.errs() => (*self.pick(&BROKEN)).to_owned(),
            9 if self.errs() => self.nested(),
            10..=12 if depth < DEPTH => self.list(depth),
            13 if depth < DEPTH => self.object(depth),
            _ => self.byte().to_string(),
        }
    }

    fn list(&mut self, depth: u8) -> String {
        let items: Vec<_> = (0..self.byte() % 4).map(|_| self.element(depth + 1)).collect();
        format!("[{}]", items.join(","))
    }

    fn object(&mut self, depth: u8) -> String {
        let entry = |maker: &mut Self| {
            let key = *maker.pick(&TEXTS);
            format!("{key}:{}", maker.element(depth + 1))
        };
        let entries: Vec<_> = (0..self.byte() % 3).map(|_| entry(self)).collect();
        format!("{{{}}}", entries.join(","))
    }

    /// Lists in lists, some deeper than anybody reads.
    fn nested(&mut self) -> String {
        let depth = *self.pick(&[99, 100, 101, 511, 512, 513, 5000]);
        let (open, close) = *self.pick(&[("[", "]"), ("{\"a\":", "}")]);
        format!("{}1{}", open.repeat(depth), close.repeat(depth))
    }
}
