//! Runs the rounds, and prints the figures side by side.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use crate::measure::{Sample, median, resident_mib};
use crate::parties::{Parties, own};
use crate::plan::{Outcome, Plan};

/// Calls in flight while the memory is watched.
const SOAK_IN_FLIGHT: usize = 64;

/// Prints a line; the one place where this program speaks.
#[allow(clippy::print_stdout, reason = "a program that prints figures")]
pub(crate) fn say(line: &str) {
    println!("{line}");
    // A closed pipe ends the program at its next line anyhow.
    let _ = std::io::stdout().flush();
}

pub(crate) fn run(plan: &Plan) -> Outcome {
    let parties = Parties::start(plan)?;
    let kind = if plan.node.is_some() { "real" } else { "embedded" };
    say(&format!("node: {} ({kind}), method: {}", parties.profile.name, parties.method));
    let idle = resident_mib(parties.proxy.pid())?;
    for flight in &plan.concurrency {
        let rounds = (0..plan.rounds).map(|_| Round::measure(plan, &parties, *flight));
        print(*flight, &rounds.collect::<Outcome<Vec<_>>>()?);
    }
    soak(plan, &parties, idle)
}

/// Memory of the proxy after load.
fn soak(plan: &Plan, parties: &Parties, idle: f64) -> Outcome {
    let proxy = ["grpc", &parties.proxy.address];
    let soaked = load(&proxy, &parties.method, SOAK_IN_FLIGHT, plan.soak)?;
    let loaded = resident_mib(parties.proxy.pid())?;
    say(&format!(
        "memory of the proxy: {idle:.1} MiB idle, {loaded:.1} MiB after {} more calls in {:.0} s",
        soaked.calls, soaked.seconds
    ));
    Ok(())
}

/// Runs a load generator and reads what it reports.
pub(crate) fn load(kind: &[&str], method: &str, flight: usize, time: Duration) -> Outcome<Sample> {
    let mut command = own()?;
    command.arg("load").args(kind).arg(method);
    let output = command
        .args([flight.to_string(), time.as_millis().to_string()])
        .stderr(Stdio::inherit())
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let line = text.lines().last().ok_or("a load generator said nothing")?;
    serde_json::from_str(line).map_err(|_| text.into())
}

/// A party's figures in one round.
struct Figures {
    sample: Sample,
    /// CPU time of the party for each call, in microseconds.
    cpu: f64,
}

/// One round of measurements at one number of calls in flight.
struct Round {
    direct: Figures,
    echo: Figures,
    naive: Figures,
    proxy: Figures,
}

impl Round {
    fn measure(plan: &Plan, parties: &Parties, flight: usize) -> Outcome<Self> {
        let load = |kind: &[&str], method| load(kind, method, flight, plan.duration);
        let served = |party: &crate::parties::Party, method| {
            let (sample, cpu) = party.under(|| load(&["grpc", &party.address], method))?;
            Ok::<_, Box<dyn std::error::Error>>(Figures { sample, cpu })
        };
        let method = parties.method.as_str();
        let sample = load(&["direct", &parties.socket, parties.profile.name], method)?;
        // The direct client is the party itself.
        let direct = Figures { cpu: sample.cpu_us, sample };
        let echo = served(&parties.echo, "Echo.Echo")?;
        let naive = served(&parties.naive, method)?;
        let proxy = served(&parties.proxy, method)?;
        Ok(Self { direct, echo, naive, proxy })
    }
}

/// Picks a party out of a round.
type Pick = fn(&Round) -> &Figures;

/// The parties, in the order in which they are printed.
const ROWS: [(&str, Pick); 4] = [
    ("direct client", |round| &round.direct),
    ("echo server", |round| &round.echo),
    ("naive proxy", |round| &round.naive),
    ("bitcoin-grpc", |round| &round.proxy),
];

/// Picks a figure of a party.
type Figure = fn(&Figures) -> f64;

/// What is compared with the sum of direct client and echo server.
const COMPARED: [Figure; 3] = [|f| f.sample.p50_us, |f| f.sample.p99_us, |f| f.cpu];

fn print(flight: usize, rounds: &[Round]) {
    say(&format!(
        "\n{:<16} {:>9} {:>9} {:>9} {:>9}   over direct + echo: {:>5} {:>5} {:>5}",
        format!("{flight} in flight"),
        "calls/s",
        "p50 us",
        "p99 us",
        "cpu us",
        "p50",
        "p99",
        "cpu"
    ));
    for (index, (name, pick)) in ROWS.iter().enumerate() {
        let of = |figure: Figure| median(rounds.iter().map(|round| figure(pick(round))).collect());
        let mut line = format!(
            "{name:<16} {:>9.0} {:>9.0} {:>9.0} {:>9.1}",
            of(|f| f.sample.per_second()),
            of(|f| f.sample.p50_us),
            of(|f| f.sample.p99_us),
            of(|f| f.cpu)
        );
        // The first two are what the others are measured by.
        if index >= 2 {
            line.push_str(&format!("{:22}", ""));
            for figure in COMPARED {
                line.push_str(&format!(" {:>5.2}", ratio(rounds, *pick, figure)));
            }
        }
        say(&line);
    }
}

/// The middle of the rounds' ratios.
fn ratio(rounds: &[Round], pick: Pick, figure: Figure) -> f64 {
    let of = |round: &Round| figure(pick(round)) / (figure(&round.direct) + figure(&round.echo));
    median(rounds.iter().map(of).collect())
}
