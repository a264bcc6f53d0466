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
pub(crate) struct Subject {
    pub(crate) method: Method,
    pub(crate) profile: &'static Profile,
    pub(crate) peer: &'static Peer,
    pub(crate) passage: &'static Passage,
    pub(crate) at: At,
}

impl Subject {
    /// Every method that a generation can be asked.
    pub(crate) fn all(profile: &str) -> Vec<Self> {
        let peer = World::get().peer(profile);
        let profile = Profile::by_name(profile).expect("a profile");
        let subject = |(method, passage): (&Method, &'static Passage)| match profile.slot(*method) {
            Slot::Callable(at) => Self { method: *method, profile, peer, passage, at },
            other => panic!("{method:?} is {other:?}"),
        };
        peer.passages.iter().map(subject).collect()
    }

    pub(crate) fn name(&self) -> String {
        format!("{} of {}", self.method.info().full_name, self.profile.name)
    }

    /// Parameters as the glue writes them, and how often it asked for a context.
    pub(crate) fn write_params(
        &self,
        request: &DynamicMessage,
    ) -> Result<(Tree, usize), GlueError> {
        let request = any::request(self.method, request);
        let mut contexts = 0;
        let segment = written(|params| {
            contexts = 0;
            transfer::write_params(&request, self.at, self.profile, params, &mut |_| contexts += 1)
        })?;
        Ok((self.decoded(&self.passage.params, &segment), contexts))
    }

    /// Parameters as the glue reads them, and whether it found a context.
    pub(crate) fn read_params(&self, params: &Tree) -> Result<(DynamicMessage, bool), GlueError> {
        let segment = encode::encode(&self.peer.generation, &self.passage.params, params);
        read(&segment, |root| {
            let (request, context) =
                transfer::read_params(self.method, self.at, self.profile, root)?;
            let descriptor = &self.passage.request.descriptor;
            Ok((any::request_message(&request, descriptor), context.is_some()))
        })
    }

    /// Results as the glue reads them.
    pub(crate) fn read_results(&self, results: &Tree) -> Result<DynamicMessage, GlueError> {
        self.read_segment(&encode::encode(&self.peer.generation, &self.passage.results, results))
    }

    /// A segment, whatever it holds, as the glue reads it for results.
    pub(crate) fn read_segment(&self, segment: &[u8]) -> Result<DynamicMessage, GlueError> {
        let reply =
            read(segment, |root| transfer::read_results(self.method, self.at, self.profile, root))?;
        let response = self.passage.response.as_ref().expect("a response");
        Ok(any::reply_message(&reply, &response.descriptor))
    }

    /// Places for objects in the reply that the glue reads.
    pub(crate) fn object_places(&self, results: &Tree) -> Result<usize, GlueError> {
        let segment = encode::encode(&self.peer.generation, &self.passage.results, results);
        let mut reply = read(&segment, |root| {
            transfer::read_results(self.method, self.at, self.profile, root)
        })?;
        Ok(transfer::object_places(&mut reply).len())
    }

    /// Results as the glue writes them.
    pub(crate) fn write_results(&self, response: &DynamicMessage) -> Result<Tree, GlueError> {
        let reply = any::reply(self.method, response);
        let segment =
            written(|results| transfer::write_results(&reply, self.at, self.profile, results))?;
        Ok(self.decoded(&self.passage.results, &segment))
    }

    fn decoded(&self, layout: &generation::Layout, segment: &[u8]) -> Tree {
        decode::decode(&self.peer.generation, layout, segment).expect("a message")
    }
}

/// Hands the root of a message of one segment on.
pub(crate) fn read<T>(segment: &[u8], read: impl FnOnce(any_pointer::Reader<'_>) -> T) -> T {
    let segments = [segment];
    let message = Reader::new(SegmentArray::new(&segments), ReaderOptions::new());
    read(message.get_root().expect("a root"))
}

/// The only segment of what is written, in a first segment that is large enough.
pub(crate) fn written(
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
