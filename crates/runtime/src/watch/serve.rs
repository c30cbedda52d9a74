//! The serving side: from the worker's graph to a client.

use std::io::{self, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Instant, SystemTime};

use rackless_nf::{CapturedFrame, Graph, PacketTrace, WatchId, time};
use rackless_packet::filter::Filter;

use super::{CaptureRequest, Edge, Frame, Line, Trace, TraceRequest, hex};
use crate::control::Caller;

/// What waits for a slow client at most; the worker never waits for one.
const QUEUE: usize = 8192;

/// Something seen in the graph.
enum Seen {
    Trace(PacketTrace),
    Frame(CapturedFrame),
}

/// What a worker puts what it sees into.
#[derive(Clone)]
struct Queue {
    seen: SyncSender<Seen>,
    missed: Arc<AtomicU64>,
}

/// When a graph's time began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    /// By the clock that gives the graph its time.
    pub(crate) instant: Instant,
    /// In nanoseconds since 1970.
    pub(crate) unix_ns: u64,
}

impl Start {
    pub(crate) fn now() -> Self {
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { instant: Instant::now(), unix_ns: u64::try_from(unix.as_nanos()).unwrap_or(u64::MAX) }
    }
}

impl Queue {
    fn put(&self, seen: Seen) {
        if let Err(TrySendError::Full(_)) = self.seen.try_send(seen) {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Follows packets for a client until all are told or it goes away.
pub(crate) fn trace(request: &TraceRequest, caller: &mut Caller, stream: UnixStream) -> io::Result<()> {
    let filter = match filter(&request.filter) {
        Ok(filter) => filter,
        Err(error) => return refuse(stream, error),
    };
    let (count, workers) = (request.count, caller.workers() as u64);
    stream_of(caller, stream, Some(count), move |worker, graph, queue| {
        // Numbers of several workers shall not meet.
        let number = move |own: u64| (own - 1) * workers + worker as u64 + 1;
        let put = move |trace: PacketTrace| {
            let (number, copy_of) = (number(trace.number), trace.copy_of.map(number));
            queue.put(Seen::Trace(PacketTrace { number, copy_of, ..trace }));
        };
        Ok((graph.trace(&filter, count, put), Vec::new()))
    })
}

/// Captures frames for a client until it goes away.
pub(crate) fn capture(request: CaptureRequest, caller: &mut Caller, stream: UnixStream) -> io::Result<()> {
    let filter = match filter(&request.filter) {
        Ok(filter) => filter,
        Err(error) => return refuse(stream, error),
    };
    stream_of(caller, stream, None, move |_, graph, queue| {
        let put = move |frame| queue.put(Seen::Frame(frame));
        let begun = graph.capture(request.node.as_deref(), request.edges(), &filter, put);
        let (id, edges) = begun.map_err(|error| error.to_string())?;
        let edge = |edge: rackless_nf::Edge| Edge { name: edge.name, is_inbound: edge.is_inbound };
        Ok((id, edges.into_iter().map(edge).collect()))
    })
}

fn filter(text: &str) -> Result<Filter, String> {
    text.parse().map_err(|error: rackless_packet::filter::ParseFilterError| error.to_string())
}

/// Begins to watch the graphs of all workers, and passes on what is seen; at most `count` traces of several workers.
fn stream_of(
    caller: &mut Caller,
    mut stream: UnixStream,
    count: Option<u64>,
    begin: impl Fn(usize, &mut Graph, Queue) -> Result<(WatchId, Vec<Edge>), String> + Clone + Send + 'static,
) -> io::Result<()> {
    let (seen, receiver) = sync_channel(QUEUE);
    let missed = Arc::<AtomicU64>::default();
    let queue = Queue { seen, missed: Arc::clone(&missed) };
    let begun = caller.on_graphs(move |worker, graph| begin(worker, graph, queue.clone()));
    let begun = match begun.map(|begun| begun.into_iter().collect::<Result<Vec<_>, _>>()) {
        Some(Ok(begun)) => begun,
        // All graphs are the same: what one refuses, all refuse.
        Some(Err(error)) => return refuse(stream, error),
        None => return refuse(stream, "the worker does not answer".to_owned()),
    };
    let (ids, edges): (Vec<WatchId>, Vec<Vec<Edge>>) = begun.into_iter().unzip();
    // They have the same edges, too.
    put(&mut stream, &Line::Watching { edges: edges.into_iter().next().unwrap_or_default() })?;
    end_with_client(caller, &stream, ids.clone())?;
    let count = count.filter(|_| caller.workers() > 1);
    let passed = pass_on(&mut stream, &receiver, caller.start(), count);
    if passed.is_err() || count.is_some() {
        unwatch(caller, ids);
    }
    passed?;
    put(&mut stream, &Line::End { missed: missed.load(Ordering::Relaxed) })?;
    stream.shutdown(Shutdown::Both) // wakes the thread that watches for the client's end
}

/// Ends the watching when the client closes its side, in a thread of its own: the worker then lets go of the queue.
fn end_with_client(caller: &Caller, stream: &UnixStream, ids: Vec<WatchId>) -> io::Result<()> {
    let (mut caller, stream) = (caller.try_clone()?, stream.try_clone()?);
    let watch = move || {
        let mut reader = BufReader::new(stream);
        while matches!(reader.read(&mut [0; 64]), Ok(1..)) {}
        unwatch(&mut caller, ids);
    };
    std::thread::Builder::new().name("control".into()).spawn(watch).map(drop)
}

/// Ends the watching of all workers.
fn unwatch(caller: &mut Caller, ids: Vec<WatchId>) {
    caller.on_graphs(move |worker, graph| ids.get(worker).map(|id| graph.unwatch(*id)));
}

/// Passes on what is seen until nobody watches any more, or `count` packets have been told of.
fn pass_on(
    stream: &mut UnixStream,
    seen: &Receiver<Seen>,
    start: Start,
    count: Option<u64>,
) -> io::Result<()> {
    let mut left = count;
    for seen in seen {
        let is_packet = matches!(&seen, Seen::Trace(trace) if trace.copy_of.is_none());
        let line = match seen {
            Seen::Trace(trace) => Line::Trace(Trace::of(&trace, start.unix_ns)),
            Seen::Frame(frame) => Line::Frame(Frame {
                edge: frame.edge,
                time_ns: start.unix_ns + frame.time / time::NANOSECOND,
                drop: frame.drop,
                data: hex(&frame.data),
            }),
        };
        put(stream, &line)?;
        left = left.map(|left| left - u64::from(is_packet));
        if left == Some(0) {
            break;
        }
    }
    Ok(())
}

fn refuse(mut stream: UnixStream, error: String) -> io::Result<()> {
    put(&mut stream, &Line::Error(error))
}

fn put(stream: &mut UnixStream, line: &Line) -> io::Result<()> {
    let mut text = serde_json::to_string(line)?;
    text.push('\n');
    stream.write_all(text.as_bytes())
}
