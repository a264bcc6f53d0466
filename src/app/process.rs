//! What the system says of this process.

use crate::metrics::exposition::ProcessLook;

/// Looks now; `None` where the system does not tell.
#[cfg(target_os = "linux")]
pub(super) fn look() -> Option<ProcessLook> {
    use procfs::process::{LimitValue, Process};
    let process = Process::myself().ok()?;
    let stat = process.stat().ok()?;
    let ticks = procfs::ticks_per_second() as f64;
    let max_descriptors = match process.limits().ok()?.max_open_files.soft_limit {
        LimitValue::Unlimited => u64::MAX,
        LimitValue::Value(limit) => limit,
    };
    Some(ProcessLook {
        resident: stat.rss * procfs::page_size(),
        descriptors: process.fd_count().ok()? as u64,
        max_descriptors,
        threads: u64::try_from(stat.num_threads).ok()?,
        cpu: (stat.utime + stat.stime) as f64 / ticks,
        started: procfs::boot_time_secs().ok()? as f64 + stat.starttime as f64 / ticks,
    })
}

/// Nothing is known here.
#[cfg(not(target_os = "linux"))]
pub(super) fn look() -> Option<ProcessLook> {
    None
}
