use super::*;

/// Where the tables stand.
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/errors.md");

/// What repairs them.
const REPAIR: &str = "BITCOIN_GRPC_WRITE_DOCS=1 cargo test --lib error::reason";

const HEAD: &str = "| reason | code | who failed | is sending it again safe | details besides ErrorInfo | meaning |\n\
                    | --- | --- | --- | --- | --- | --- |\n";

fn line(reason: Reason) -> String {
    let row = reason.row();
    let details = match (row.waits, row.details) {
        (false, "") => "–".to_owned(),
        (true, "") => "RetryInfo".to_owned(),
        (false, details) => details.to_owned(),
        (true, details) => format!("RetryInfo, {details}"),
    };
    let (name, code) = (row.name, row.code.name());
    format!(
        "| `{name}` | `{code}` | {} | {} | {details} | {} |\n",
        row.whose, row.again, row.meaning
    )
}

fn table(stage: Stage) -> String {
    let reasons = Reason::ALL.into_iter().filter(|reason| reason.row().stage == stage);
    reasons.map(line).fold(HEAD.to_owned(), |table, line| table + &line)
}

/// The document with the tables of this program in place of its own.
fn written(text: &str) -> String {
    let mut tables = [table(Stage::Call), table(Stage::Request)].into_iter();
    let mut lines = text.lines().peekable();
    let mut written = String::new();
    while let Some(line) = lines.next() {
        if line.starts_with('|') {
            written += &tables.next().unwrap_or_default();
            while lines.next_if(|line| line.starts_with('|')).is_some() {}
        } else {
            written = written + line + "\n";
        }
    }
    assert!(tables.next().is_none(), "a table is missing in {DOCUMENT}");
    written
}

#[test]
fn the_documentation_has_these_tables() {
    let text = std::fs::read_to_string(DOCUMENT).unwrap();
    let written = written(&text);
    if std::env::var_os("BITCOIN_GRPC_WRITE_DOCS").is_some() {
        std::fs::write(DOCUMENT, &written).unwrap();
    } else {
        assert!(text == written, "docs/errors.md differs from the program's table; run: {REPAIR}");
    }
}

#[test]
fn names_are_there_once_and_look_like_names() {
    let mut names: Vec<_> = Reason::ALL.into_iter().map(Reason::name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Reason::ALL.len());
    assert!(names.iter().all(|name| name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')));
    for (index, reason) in Reason::ALL.into_iter().enumerate() {
        assert_eq!(reason as usize, index);
    }
}

#[test]
fn nobody_is_to_wait_for_what_waiting_does_not_mend() {
    for reason in Reason::ALL.into_iter().filter(|reason| reason.row().waits) {
        assert!(matches!(reason.code(), Code::ResourceExhausted | Code::Unavailable), "{reason:?}");
    }
}
