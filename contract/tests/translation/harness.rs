//! The glue, as functions from messages to trees and back.

use bitcoin_grpc_contract::{At, GlueError, Method, Profile, Slot, transfer};
use bitcoin_grpc_testkit::world::{Passage, Peer};
use bitcoin_grpc_testkit::{Tree, World, any, decode, encode, generation};
use capnp::any_pointer;
use capnp::message::{Builder, HeapAllocator, Reader, ReaderOptions, SegmentArray};
use prost_reflect::DynamicMessage;

/// Words of the first segment that is tried, and of the largest. The kit reads one segment only.
const FIRST_WORDS: u32 = 1 << 12;
const LAST_WORDS: u32 = 1 << 22;

/// One method of one generation, seen from both sides.
pub struct Subject {
    pub method: Method,
    pub profile: &'static Profile,
    pub peer: &'static Peer,
    pub passage: &'static Passage,
    pub at: At,
}

impl Subject {
    /// Every method that a generation can be asked.
    pub fn all(profile: &str) -> Vec<Self> {
        let peer = World::get().peer(profile);
        let profile = Profile::by_name(profile).expect("a profile");
        let subject = |(method, passage): (&Method, &'static Passage)| match profile.slot(*method) {
            Slot::Callable(at) => Self { method: *method, profile, peer, passage, at },
            other => panic!("{method:?} is {other:?}"),
        };
        peer.passages.iter().map(subject).collect()
    }

    pub fn name(&self) -> String {
        format!("{} of {}", self.method.info().full_name, self.profile.name)
    }

    /// Parameters as the glue writes them, and how often it asked for a context.
    pub fn write_params(&self, request: &DynamicMessage) -> Result<(Tree, usize), GlueError> {
        let request = any::request(self.method, request);
        let mut contexts = 0;
        let segment = written(|params| {
            contexts = 0;
            transfer::write_params(&request, self.at, self.profile, params, &mut |_| contexts += 1)
        })?;
        Ok((self.decoded(&self.passage.params, &segment), contexts))
    }

    /// Parameters as the glue reads them, and whether it found a context.
    pub fn read_params(&self, params: &Tree) -> Result<(DynamicMessage, bool), GlueError> {
        let segment = encode::encode(&self.peer.generation, &self.passage.params, params);
        let message = message(&segment);
        let root = message.get_root::<any_pointer::Reader<'_>>().expect("a root");
        let (request, context) = transfer::read_params(self.method, self.at, self.profile, root)?;
        Ok((any::request_message(&request, &self.passage.request.descriptor), context.is_some()))
    }

    /// Results as the glue reads them.
    pub fn read_results(&self, results: &Tree) -> Result<DynamicMessage, GlueError> {
        let segment = encode::encode(&self.peer.generation, &self.passage.results, results);
        let message = message(&segment);
        let root = message.get_root::<any_pointer::Reader<'_>>().expect("a root");
        let reply = transfer::read_results(self.method, self.at, self.profile, root)?;
        let response = self.passage.response.as_ref().expect("a response");
        Ok(any::reply_message(&reply, &response.descriptor))
    }

    /// Results as the glue writes them.
    pub fn write_results(&self, response: &DynamicMessage) -> Result<Tree, GlueError> {
        let reply = any::reply(self.method, response);
        let segment = written(|results| transfer::write_results(&reply, self.at, self.profile, results))?;
        Ok(self.decoded(&self.passage.results, &segment))
    }

    fn decoded(&self, layout: &generation::Layout, segment: &[u8]) -> Tree {
        decode::decode(&self.peer.generation, layout, segment).expect("a message")
    }
}

fn message(segment: &[u8]) -> Reader<SegmentArray<'_>> {
    // The segments live as long as the message; one array of one is all that is needed.
    let mut options = ReaderOptions::new();
    options.traversal_limit_in_words(None);
    Reader::new(SegmentArray::new(Box::leak(Box::new([Box::leak(segment.to_vec().into_boxed_slice()) as &[u8]]))), options)
}

/// The only segment of what is written, in a first segment that is large enough.
fn written(
    mut write: impl FnMut(any_pointer::Builder<'_>) -> Result<(), GlueError>,
) -> Result<Vec<u8>, GlueError> {
    let mut words = FIRST_WORDS;
    loop {
        let mut message = Builder::new(HeapAllocator::new().first_segment_words(words));
        write(message.init_root::<any_pointer::Builder<'_>>())?;
        match &message.get_segments_for_output()[..] {
            [segment] => return Ok(segment.to_vec()),
            _ => words *= 8,
        }
        assert!(words <= LAST_WORDS, "a message of more than {LAST_WORDS} words");
    }
}
