//! The numbers, as Prometheus reads them: names, units, help. `docs/operating.md` has the same list.

use std::fmt;
use std::sync::Arc;

use bitcoin_grpc_contract::{Method, Profile};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::{LANES, Metrics, Snapshot};

/// What every name begins with.
const PREFIX: &str = "bitcoin_grpc";

/// Media type of the text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Service and method of calls to what does not exist, whatever their path was.
const UNKNOWN: &str = "unknown";

/// What is no count, but looked at when somebody asks.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// Calls under way and in line, by kind of method.
    pub admission: Vec<AdmissionLook>,
    /// Identities for which admission keeps numbers.
    pub identities: usize,
    /// Streams that are open.
    pub streams: usize,
    /// Leases that are held.
    pub leases: usize,
    /// Whether every worker's node answers.
    pub ready: bool,
    /// Generation of the node's interface, if one is connected.
    pub profile: Option<&'static Profile>,
    /// The program is ending.
    pub draining: bool,
    /// Of this process, where the system tells.
    pub process: Option<ProcessLook>,
}

/// Calls of one kind of methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdmissionLook {
    /// `short` or `blocking`.
    pub kind: &'static str,
    /// Under way.
    pub in_flight: usize,
    /// In line.
    pub queued: usize,
}

/// This process.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProcessLook {
    /// Memory that it occupies, in bytes.
    pub resident: u64,
    /// File descriptors that are open.
    pub descriptors: u64,
    /// How many may be open.
    pub max_descriptors: u64,
    /// Threads.
    pub threads: u64,
    /// Time on a processor, in seconds.
    pub cpu: f64,
    /// When it started, in seconds since 1970.
    pub started: f64,
}

/// The text for Prometheus.
///
/// # Errors
/// Never: it is written to memory.
pub fn text(
    metrics: &Arc<Metrics>,
    look: impl Fn() -> Look + Send + Sync + 'static,
) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Exposed { metrics: Arc::clone(metrics), look }));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry)?;
    Ok(text)
}

struct Exposed<L> {
    metrics: Arc<Metrics>,
    look: L,
}

impl<L> fmt::Debug for Exposed<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exposed").finish_non_exhaustive()
    }
}

impl<L: Fn() -> Look + Send + Sync + 'static> Collector for Exposed<L> {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        let look = (self.look)();
        calls(&mut page, &self.metrics)?;
        streams(&mut page, &self.metrics, &look)?;
        clients(&mut page, &self.metrics, &look)?;
        node(&mut page, &self.metrics, &look)?;
        look.process.map_or(Ok(()), |process| self::process(&mut page, process))
    }
}

fn calls(page: &mut Page<'_>, metrics: &Metrics) -> fmt::Result {
    let counts = metrics.calls.counts();
    page.counters(
        "calls",
        "Calls that ended, by how",
        counts.map(|(method, code, count)| (of_call(method, code.name()), count)),
    )?;
    let latencies = metrics.calls.latencies();
    page.histograms(
        "call_duration",
        "Time from a request's arrival as a whole to its answer or, for streams, to their end",
        latencies.map(|(method, code, times)| (of_call(Some(method), code.name()), times)),
    )?;
    let reasons = metrics.calls.reasons();
    page.counters(
        "errors",
        "Calls and requests without a reply, by the reason in their status (docs/errors.md)",
        reasons.map(|(reason, count)| ([("reason", reason.name())], count)),
    )?;
    page.counter(
        "repeated_reads",
        "Reads that were asked once more of the next node",
        metrics.calls.repeats(),
    )
}

fn streams(page: &mut Page<'_>, metrics: &Metrics, look: &Look) -> fmt::Result {
    page.gauge("streams", "Streams that are open", look.streams as f64)?;
    let messages = metrics.calls.messages();
    page.counters(
        "stream_messages",
        "Messages that streams gave, signs of life included",
        messages.map(|(method, count)| (of_method(method), count)),
    )?;
    let lag = [(NOTHING, metrics.calls.lag())];
    page.histograms(
        "stream_lag",
        "Time from an event's arrival to its being sent on",
        lag.into_iter(),
    )
}

fn clients(page: &mut Page<'_>, metrics: &Metrics, look: &Look) -> fmt::Result {
    page.gauge("connections", "Connections of clients that are open", metrics.open.get() as f64)?;
    page.counter(
        "connections_accepted",
        "Connections of clients that came in",
        metrics.connections.get(),
    )?;
    page.counter(
        "connections_refused",
        "Connections that ended before they spoke gRPC",
        metrics.connections_refused.get(),
    )?;
    let kinds = || look.admission.iter();
    page.gauges(
        "admission_in_flight",
        "Calls under way, by kind of method",
        kinds().map(|kind| ([("kind", kind.kind)], kind.in_flight as f64)),
    )?;
    page.gauges(
        "admission_queued",
        "Calls that wait for their turn, by kind of method",
        kinds().map(|kind| ([("kind", kind.kind)], kind.queued as f64)),
    )?;
    page.gauge(
        "admission_identities",
        "Callers that have calls under way or in line, or had lately",
        look.identities as f64,
    )?;
    page.gauge(
        "draining",
        "1 once the program was told to stop",
        f64::from(u8::from(look.draining)),
    )
}

fn node(page: &mut Page<'_>, metrics: &Metrics, look: &Look) -> fmt::Result {
    let node = &metrics.node;
    let round_trips = node.round_trips();
    page.histograms(
        "node_round_trip",
        "Time from a message to the node to its answer",
        round_trips.map(|(method, times)| (of_method(method), times)),
    )?;
    let lanes = || LANES.into_iter().enumerate();
    page.histograms(
        "node_wait",
        "Time that calls waited for a server thread of the node",
        lanes().map(|(index, name)| ([("lane", name)], node.lane(index).waited.snapshot())),
    )?;
    page.gauge(
        "node_queued",
        "Calls that wait for a server thread of the node",
        node.waiting() as f64,
    )?;
    page.gauges(
        "node_threads",
        "Server threads of the node that take calls",
        lanes().flat_map(|(index, name)| {
            let (all, busy) = (node.lane(index).threads.get(), node.lane(index).busy.get());
            let of = |state| [("lane", name), ("state", state)];
            [(of("busy"), busy as f64), (of("free"), (all - busy).max(0) as f64)]
        }),
    )?;
    page.gauge(
        "node_threads_retired",
        "Server threads that a call without a caller holds",
        node.retired.get() as f64,
    )?;
    page.counter(
        "node_connections",
        "Connections to the node that were made",
        node.connected.get(),
    )?;
    page.counter("node_connections_lost", "Connections to the node that ended", node.lost.get())?;
    page.counter("node_connections_failed", "Tries to connect that failed", node.failed.get())?;
    page.gauge("leases", "Leases on the node's objects that are held", look.leases as f64)?;
    page.gauge("node_ready", "1 while the node answers calls", f64::from(u8::from(look.ready)))?;
    if let Some(profile) = look.profile {
        page.info(
            "node",
            "Generation of the connected node's interface",
            &[("profile", profile.name), ("title", profile.title)],
        )?;
    }
    page.info("build", "This program", &[("version", env!("CARGO_PKG_VERSION"))])
}

fn process(page: &mut Page<'_>, process: ProcessLook) -> fmt::Result {
    page.gauge_in(
        "process_resident_memory",
        Unit::Bytes,
        "Memory that the process occupies",
        process.resident as f64,
    )?;
    page.gauge("process_open_fds", "File descriptors that are open", process.descriptors as f64)?;
    page.gauge(
        "process_max_fds",
        "File descriptors that may be open",
        process.max_descriptors as f64,
    )?;
    page.gauge("process_threads", "Threads of the process", process.threads as f64)?;
    page.counter_in("process_cpu", Unit::Seconds, "Time on a processor", process.cpu)?;
    page.gauge_in(
        "process_start_time",
        Unit::Seconds,
        "When the process started, since 1970",
        process.started,
    )
}

type Label = (&'static str, &'static str);

/// No labels.
const NOTHING: [Label; 0] = [];

fn of_method(method: Method) -> [Label; 2] {
    let info = method.info();
    [("service", info.service.name()), ("method", info.name)]
}

fn of_call(method: Option<Method>, code: &'static str) -> [Label; 3] {
    let [service, method] = method.map_or([("service", UNKNOWN), ("method", UNKNOWN)], of_method);
    [service, method, ("code", code)]
}

/// The text as it is written.
struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn each<S: AsRef<[Label]>, V>(
        &mut self,
        (name, help, unit, kind): (&str, &str, Option<&Unit>, MetricType),
        series: impl Iterator<Item = (S, V)>,
        write: impl Fn(&mut MetricEncoder<'_>, V) -> fmt::Result,
    ) -> fmt::Result {
        let name = format!("{PREFIX}_{name}");
        // Prometheus wants a full stop at the end, which the library does not add for collectors.
        let help = format!("{help}.");
        let mut metric = self.0.encode_descriptor(&name, &help, unit, kind)?;
        for (labels, value) in series {
            match labels.as_ref() {
                [] => write(&mut metric, value)?,
                labels => write(&mut metric.encode_family(&labels)?, value)?,
            }
        }
        Ok(())
    }

    fn counters<S: AsRef<[Label]>>(
        &mut self,
        name: &str,
        help: &str,
        series: impl Iterator<Item = (S, u64)>,
    ) -> fmt::Result {
        self.each((name, help, None, MetricType::Counter), series, |metric, count| {
            metric.encode_counter::<NoLabelSet, _, f64>(&count, None)
        })
    }

    fn counter(&mut self, name: &str, help: &str, count: u64) -> fmt::Result {
        self.counters(name, help, std::iter::once((NOTHING, count)))
    }

    fn counter_in(&mut self, name: &str, unit: Unit, help: &str, value: f64) -> fmt::Result {
        let series = std::iter::once((NOTHING, value));
        self.each((name, help, Some(&unit), MetricType::Counter), series, |metric, value| {
            metric.encode_counter::<NoLabelSet, _, f64>(&value, None)
        })
    }

    fn gauges<S: AsRef<[Label]>>(
        &mut self,
        name: &str,
        help: &str,
        series: impl Iterator<Item = (S, f64)>,
    ) -> fmt::Result {
        self.each((name, help, None, MetricType::Gauge), series, |metric, value| {
            metric.encode_gauge(&value)
        })
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        self.gauges(name, help, std::iter::once((NOTHING, value)))
    }

    fn gauge_in(&mut self, name: &str, unit: Unit, help: &str, value: f64) -> fmt::Result {
        let series = std::iter::once((NOTHING, value));
        self.each((name, help, Some(&unit), MetricType::Gauge), series, |metric, value| {
            metric.encode_gauge(&value)
        })
    }

    /// Times, in seconds.
    fn histograms<S: AsRef<[Label]>>(
        &mut self,
        name: &str,
        help: &str,
        series: impl Iterator<Item = (S, Snapshot)>,
    ) -> fmt::Result {
        let descriptor = (name, help, Some(&Unit::Seconds), MetricType::Histogram);
        self.each(descriptor, series, |metric, found| {
            metric.encode_histogram::<NoLabelSet>(found.sum, found.count, &found.buckets, None)
        })
    }

    fn info(&mut self, name: &str, help: &str, labels: &[Label]) -> fmt::Result {
        self.each(
            (name, help, None, MetricType::Info),
            [(NOTHING, ())].into_iter(),
            |metric, ()| metric.encode_info(&labels),
        )
    }
}
