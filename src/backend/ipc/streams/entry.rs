//! An event as all its subscribers share it.

use std::sync::Arc;
use std::time::SystemTime;

use bitcoin_grpc_contract::v1::{BlockInfo, ChainNotificationKind as Kind};
use bitcoin_grpc_contract::{Event, Inner, Method, Request};
use bytes::Bytes;

/// What an entry costs beside the bytes of its event.
const OVERHEAD: usize = 128;

/// An event, encoded once.
#[derive(Debug)]
pub(super) struct Entry {
    /// When it arrived.
    pub(super) time: SystemTime,
    kind: Option<Kind>,
    forms: Forms,
}

#[derive(Debug)]
enum Forms {
    One(Bytes),
    /// With neither block nor undo data, with the block, with the undo data, with both.
    Block([Bytes; 4]),
}

impl Entry {
    /// Encodes an event for the messages of a method's stream; `None` if it has no place there.
    pub(super) fn new(method: Method, event: Event) -> Option<Arc<Self>> {
        Self::arrived(method, event, SystemTime::now())
    }

    /// The same for an event that arrived earlier.
    pub(super) fn arrived(method: Method, event: Event, time: SystemTime) -> Option<Arc<Self>> {
        let number = method.event_field(event.inner())?;
        let kind = kind(event.inner());
        Some(Arc::new(Self { time, kind, forms: forms(number, event) }))
    }

    /// An entry with a field that is encoded already, which every subscriber sees.
    pub(super) fn encoded(field: Bytes) -> Arc<Self> {
        Arc::new(Self { time: SystemTime::now(), kind: None, forms: Forms::One(field) })
    }

    /// Bytes that it keeps.
    pub(super) fn size(&self) -> usize {
        let bytes = match &self.forms {
            Forms::One(bytes) => bytes.len(),
            // Forms that are alike share their bytes; counting them twice errs on the safe side.
            Forms::Block(forms) => forms.iter().map(Bytes::len).sum(),
        };
        bytes + OVERHEAD
    }
}

fn forms(number: u32, mut event: Event) -> Forms {
    let Some(block) = block_of(&mut event) else { return Forms::One(encoded(number, &event)) };
    let (data, undo_data) = (block.data.take(), block.undo_data.take());
    let mut form = |data: Option<Bytes>, undo_data: Option<Bytes>| {
        if let Some(block) = block_of(&mut event) {
            (block.data, block.undo_data) = (data, undo_data);
        }
        encoded(number, &event)
    };
    let slim = form(None, None);
    let with_data = if data.is_some() { form(data.clone(), None) } else { slim.clone() };
    // The generations so far send no undo data, and then there are two forms and not four.
    if undo_data.is_none() {
        return Forms::Block([slim.clone(), with_data.clone(), slim, with_data]);
    }
    let (with_undo, whole) = (form(None, undo_data.clone()), form(data, undo_data));
    Forms::Block([slim, with_data, with_undo, whole])
}

fn encoded(number: u32, event: &Event) -> Bytes {
    let mut bytes = Vec::new();
    event.encode_field(number, &mut bytes);
    bytes.into()
}

fn block_of(event: &mut Event) -> Option<&mut BlockInfo> {
    match event {
        Event::ChainNotificationsBlockConnected(e) => e.block.as_mut(),
        Event::ChainNotificationsBlockDisconnected(e) => e.block.as_mut(),
        _ => None,
    }
}

fn kind(inner: Inner) -> Option<Kind> {
    Some(match inner {
        Inner::ChainNotificationsTransactionAddedToMempool => Kind::TransactionAddedToMempool,
        Inner::ChainNotificationsTransactionRemovedFromMempool => {
            Kind::TransactionRemovedFromMempool
        }
        Inner::ChainNotificationsBlockConnected => Kind::BlockConnected,
        Inner::ChainNotificationsBlockDisconnected => Kind::BlockDisconnected,
        Inner::ChainNotificationsUpdatedBlockTip => Kind::UpdatedBlockTip,
        Inner::ChainNotificationsChainStateFlushed => Kind::ChainStateFlushed,
        _ => return None,
    })
}

/// What a subscriber wants of the events.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    /// `None`: all.
    kinds: Option<Vec<Kind>>,
    block_data: bool,
    undo_data: bool,
}

impl Filter {
    /// What a request asks for.
    pub(super) fn of(request: &Request) -> Self {
        match request {
            Request::ChainHandleNotifications(q) => Self {
                kinds: (!q.kinds.is_empty()).then(|| q.kinds().collect()),
                block_data: q.include_block_data,
                undo_data: q.include_undo_data,
            },
            _ => Self::default(),
        }
    }

    /// The form of an entry that the subscriber gets, if it gets it at all.
    pub(super) fn form<'a>(&self, entry: &'a Entry) -> Option<&'a Bytes> {
        let wanted = match (&self.kinds, &entry.kind) {
            (Some(kinds), Some(kind)) => kinds.contains(kind),
            _ => true,
        };
        wanted.then(|| match &entry.forms {
            Forms::One(bytes) => bytes,
            Forms::Block(forms) => {
                &forms[usize::from(self.block_data) + 2 * usize::from(self.undo_data)]
            }
        })
    }
}
