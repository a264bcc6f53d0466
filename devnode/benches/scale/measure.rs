//! Time and memory.

use std::time::Instant;

/// Bytes of a MiB.
pub(crate) const MIB: u64 = 1 << 20;

/// Does something and prints how long it took.
pub(crate) fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let outcome = work();
    println!("{:>10.1} ms  {what}", begin.elapsed().as_secs_f64() * 1000.0);
    outcome
}

/// Memory that this process uses, in bytes; zero where the system does not say.
pub(crate) fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    number.map_or(0, |kib| kib * 1024)
}
