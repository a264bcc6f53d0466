//! Runs the cases and prints the figures side by side.

use std::time::Duration;

use super::book::Arrival;
use super::crew::{Member, cpu};
use super::publisher::Published;
use super::work::{Case, Work};
use crate::measure::{median, peak_mib, reset_peak, resident_mib};
use crate::parties::{Party, streaming_proxy};
use crate::plan::Outcome;
use crate::report::say;

/// Events before those that are measured, so that buffers have their size.
const WARM_UP: usize = 2;

pub(crate) fn run(words: &[&str]) -> Outcome {
    let work = Work::parse(words)?;
    let folder = tempfile::tempdir()?;
    let socket = folder.path().join("node.sock");
    let socket = socket.to_str().ok_or("a path that is no text")?;
    let node = Member::start(&["publisher", socket])?;
    let proxy = streaming_proxy(socket)?;
    let mut stage = Stage { socket, node, proxy };
    for case in &work.cases {
        let rounds = (0..work.rounds).map(|_| stage.round(*case));
        print(*case, &rounds.collect::<Outcome<Vec<_>>>()?);
    }
    Ok(())
}

/// Everybody but the subscribers.
struct Stage<'a> {
    socket: &'a str,
    node: Member,
    proxy: Party,
}

/// One party's figures in one round: medians over its events, in microseconds.
struct Figures {
    /// Until the node had its answer to all that a block lets happen.
    answered: f64,
    first: f64,
    median: f64,
    p99: f64,
    last: f64,
    /// CPU time for each event.
    cpu: f64,
    /// CPU time of the subscribers for each event.
    subscribers: f64,
}

/// An event: when the node told it, and when it arrived.
type Event = (Published, Arrival);

struct Round {
    direct: Figures,
    proxy: Figures,
    /// Memory of the proxy before, and at its height, in MiB.
    memory: (f64, f64),
}

impl Stage<'_> {
    fn round(&mut self, case: Case) -> Outcome<Round> {
        let mut listener = Member::start(&["listener", self.socket])?;
        listener.ready()?;
        let served = listener.pid();
        // One subscriber alone, however many the proxy has.
        let direct = self.measure(&mut listener, served, case)?;
        drop(listener);
        let count = case.subscribers.to_string();
        let mut crowd = Member::start(&["crowd", &self.proxy.address, &count, "0"])?;
        crowd.ready()?;
        let served = self.proxy.pid();
        reset_peak(served)?;
        let before = resident_mib(served)?;
        let proxy = self.measure(&mut crowd, served, case)?;
        Ok(Round { direct, proxy, memory: (before, peak_mib(served)?) })
    }

    /// Lets events happen one after the other, each when everybody has the one before.
    fn measure(&mut self, subscribers: &mut Member, served: u32, case: Case) -> Outcome<Figures> {
        for _ in 0..WARM_UP {
            self.event(subscribers, case.size)?;
        }
        let before = (cpu(served)?, cpu(subscribers.pid())?);
        let events = (0..case.events)
            .map(|_| self.event(subscribers, case.size))
            .collect::<Outcome<Vec<_>>>()?;
        let after = (cpu(served)?, cpu(subscribers.pid())?);
        let of = |figure: fn(&Event) -> u64| {
            let late = |event: &Event| figure(event).saturating_sub(event.0.told) as f64 / 1e3;
            median(events.iter().map(late).collect())
        };
        let each = |used: Duration| used.as_secs_f64() * 1e6 / case.events as f64;
        Ok(Figures {
            answered: of(|(node, _)| node.answered),
            first: of(|(_, all)| all.first),
            median: of(|(_, all)| all.median),
            p99: of(|(_, all)| all.p99),
            last: of(|(_, all)| all.last),
            cpu: each(after.0.saturating_sub(before.0)),
            subscribers: each(after.1.saturating_sub(before.1)),
        })
    }

    fn event(&mut self, subscribers: &mut Member, size: usize) -> Outcome<Event> {
        self.node.order(&size.to_string())?;
        let told = self.node.answer()?;
        Ok((told, subscribers.answer()?))
    }
}

/// Picks a figure.
type Figure = fn(&Figures) -> f64;

/// The columns.
const COLUMNS: [(&str, Figure); 7] = [
    ("answer us", |f| f.answered),
    ("first us", |f| f.first),
    ("p50 us", |f| f.median),
    ("p99 us", |f| f.p99),
    ("last us", |f| f.last),
    ("cpu us", |f| f.cpu),
    ("theirs us", |f| f.subscribers),
];

fn print(case: Case, rounds: &[Round]) {
    let mut head =
        format!("{:<26}", format!("\n{} B, {} subscribers", case.size, case.subscribers));
    head.extend(COLUMNS.map(|(name, _)| format!(" {name:>10}")));
    say(&head);
    let row = |name: &str, pick: fn(&Round) -> &Figures| {
        let mut line = format!("{name:<25}");
        for (_, figure) in COLUMNS {
            let value = median(rounds.iter().map(|round| figure(pick(round))).collect());
            line.push_str(&format!(" {value:>10.1}"));
        }
        say(&line);
    };
    row("direct, one subscriber", |round| &round.direct);
    row("bitcoin-grpc", |round| &round.proxy);
    let ratio = |of: fn(&Figures) -> f64| {
        median(rounds.iter().map(|round| of(&round.proxy) / of(&round.direct)).collect())
    };
    let mut line = format!("{:<25}", "ratio");
    line.extend(COLUMNS.map(|(_, figure)| format!(" {:>10.2}", ratio(figure))));
    say(&line);
    let delivered = median(rounds.iter().map(|r| r.proxy.cpu).collect()) / case.subscribers as f64;
    let memory = |of: fn(&Round) -> f64| median(rounds.iter().map(of).collect());
    say(&format!(
        "cpu of bitcoin-grpc for each delivery: {delivered:.2} us; its memory: {:.1} MiB before, {:.1} MiB at the height",
        memory(|round| round.memory.0),
        memory(|round| round.memory.1)
    ));
}
