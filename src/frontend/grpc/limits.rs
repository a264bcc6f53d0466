//! Bounds of the gRPC frontend, with their reasons.

use std::time::Duration;

/// Largest request, in bytes: a block of the largest weight without witness data is 4,000,000 bytes,
/// and 4 MiB leaves room for the fields around it. It is gRPC's usual bound, too.
pub const MAX_REQUEST: usize = 4 * 1024 * 1024;

/// Largest reply, in bytes. The largest that has a use, a thousand transactions or the mempool's, is
/// below it; a longer one would be encoded in one piece for one client.
pub const MAX_REPLY: usize = 64 * 1024 * 1024;

/// Calls that one connection may have under way. A client with more opens another connection.
/// Beyond it HTTP/2 makes the client wait, which costs neither side anything.
pub const MAX_STREAMS: u32 = 1024;

/// Largest set of request headers, in bytes. gRPC's own take a few hundred.
pub const MAX_HEADERS: u32 = 16 * 1024;

/// How much of replies a connection may hold for a slow reader, in bytes for each stream.
pub const MAX_SEND_BUFFER: usize = 1024 * 1024;

/// What a client may send of one request before we read it, in bytes. The protocol's own 64 KiB
/// would make a block cross in 62 round trips.
pub const STREAM_WINDOW: u32 = 1024 * 1024;

/// The same for all requests of a connection together.
pub const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// How often an otherwise silent connection is pinged, so that dead peers and forgetful middleboxes
/// are noticed. Usual load balancers forget a connection after one to six minutes.
pub const KEEPALIVE: Duration = Duration::from_secs(30);

/// How long a ping may go unanswered.
pub const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a connection may be without a new call before its client is asked to leave it: longer
/// than usual clients keep one that they do not use.
pub const IDLE: Duration = Duration::from_secs(60 * 60);

/// How long a connection may last before its client is asked to leave it, so that clients spread
/// anew over instances, and certificates that have ended go out of use.
pub const AGE: Duration = Duration::from_secs(12 * 60 * 60);

/// Part of a connection's greatest age by which it may be younger when its client is asked to
/// leave. Connections that began together so do not end together.
pub const AGE_SPREAD: u32 = 10;

/// Streams that a client has opened and reset again and that we have not looked at yet. With more
/// it only wants to keep us busy (CVE-2023-44487), and its connection ends.
pub const MAX_RESETS: usize = 20;

/// How long a new connection may take to say that it speaks HTTP/2, in 24 bytes, and to shake hands
/// for TLS before. Until then no ping can tell whether anybody is there.
pub const HANDSHAKE: Duration = Duration::from_secs(10);

/// Bytes of requests that all connections together may have handed in without an answer yet:
/// sixteen of the largest, or hundreds of thousands of the usual ones. Each is held about three
/// times on its way to the node (as received, as a message, as written for the node).
pub const MAX_RECEIVED: usize = 16 * MAX_REQUEST;

/// How long one request may take to arrive. The largest needs 70 kB/s for that.
pub const RECEIVE: Duration = Duration::from_secs(60);

/// Longest message of a status, in bytes. Statuses travel in headers, which clients bound.
pub const MAX_STATUS_MESSAGE: usize = 1024;

/// Longest text in the details of a status, in bytes: a violation's field or description, or what stands in
/// the metadata of ErrorInfo.
pub const MAX_DETAIL: usize = 256;

/// All violations of a status together, in bytes; further ones are left out. With the rest of the status, in base64,
/// they stay below 8 KiB, which is as much as gRPC's C core takes of headers.
pub const MAX_VIOLATIONS: usize = 2 * 1024;
