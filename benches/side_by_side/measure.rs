//! Latencies, CPU time and memory.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::plan::Outcome;

/// What a load generator reports on its standard output, as one line of JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// Calls answered.
    pub(crate) calls: u64,
    /// How long it took, in seconds.
    pub(crate) seconds: f64,
    /// Median latency in microseconds.
    pub(crate) p50_us: f64,
    /// 99th percentile in microseconds.
    pub(crate) p99_us: f64,
    /// CPU time of the generator itself for each call, in microseconds.
    pub(crate) cpu_us: f64,
}

impl Sample {
    pub(crate) fn per_second(&self) -> f64 {
        self.calls as f64 / self.seconds
    }

    /// From the latencies of all calls.
    pub(crate) fn from(mut nanos: Vec<u32>, took: Duration, cpu: Duration) -> Outcome<Self> {
        if nanos.is_empty() {
            return Err("no call was answered".into());
        }
        nanos.sort_unstable();
        let at =
            |share: f64| f64::from(nanos[((nanos.len() - 1) as f64 * share) as usize]) / 1000.0;
        Ok(Self {
            calls: nanos.len() as u64,
            seconds: took.as_secs_f64(),
            p50_us: at(0.5),
            p99_us: at(0.99),
            cpu_us: cpu.as_secs_f64() * 1e6 / nanos.len() as f64,
        })
    }
}

/// Clock ticks per second in /proc: fixed at 100 in every Linux user interface (`proc(5)`).
const TICKS: f64 = 100.0;

/// CPU time that a process has used, user and system. Linux only.
pub(crate) fn cpu_time(pid: u32) -> Outcome<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may hold spaces; user and system time are fields 14 and 15.
    let rest = stat.rsplit_once(')').ok_or("unreadable /proc")?.1;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks =
        |index: usize| -> Outcome<f64> { Ok(fields.get(index).ok_or("short /proc")?.parse()?) };
    Ok(Duration::from_secs_f64((ticks(11)? + ticks(12)?) / TICKS))
}

/// Resident memory of a process in MiB. Linux only.
pub(crate) fn resident_mib(pid: u32) -> Outcome<f64> {
    memory(pid, "VmRSS:")
}

/// The most it was since [`reset_peak`].
pub(crate) fn peak_mib(pid: u32) -> Outcome<f64> {
    memory(pid, "VmHWM:")
}

/// Forgets the height that the memory of a process once had.
pub(crate) fn reset_peak(pid: u32) -> Outcome {
    // `proc(5)`: 5 resets the peak.
    Ok(std::fs::write(format!("/proc/{pid}/clear_refs"), "5")?)
}

fn memory(pid: u32, figure: &str) -> Outcome<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(figure)).ok_or("no such figure")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1024.0)
}

/// The middle of some figures.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
