//! Between the messages of capnp-rpc and the kit's own encoding, capabilities included.

use capnp::any_pointer;
use capnp::message::{Builder, HeapAllocator, Reader, ReaderOptions, SegmentArray};
use capnp::private::layout::CapTable;
use capnp::traits::{Imbue, ImbueMut};

use crate::decode::decode;
use crate::encode::encode;
use crate::generation::{Generation, Layout};
use crate::tree::Tree;

/// Words beyond its contents that a message may need: its root pointer, and one to spare.
const HEAD_WORDS: u64 = 2;

/// What a struct of capnp-rpc holds.
///
/// # Errors
/// When it is malformed or too large.
pub fn read(
    generation: &Generation,
    layout: &Layout,
    from: any_pointer::Reader<'_>,
) -> capnp::Result<Tree> {
    let words = from.target_size()?.word_count + HEAD_WORDS;
    let words = u32::try_from(words).map_err(|_| capnp::Error::failed("too large".to_owned()))?;
    let mut message = Builder::new(HeapAllocator::new().first_segment_words(words));
    let mut table = CapTable::new();
    let mut root: any_pointer::Builder<'_> = message.init_root();
    root.imbue_mut(&mut table);
    root.set_as(from)?;
    match &message.get_segments_for_output()[..] {
        [segment] => decode(generation, layout, segment).map_err(capnp::Error::failed),
        _ => Err(capnp::Error::failed("more than one segment".to_owned())),
    }
}

/// Puts a struct into a message of capnp-rpc; its capabilities are places in the table.
///
/// # Errors
/// When the message has no room for it.
pub fn write(
    generation: &Generation,
    layout: &Layout,
    tree: &Tree,
    table: &CapTable,
    mut to: any_pointer::Builder<'_>,
) -> capnp::Result<()> {
    let segment = encode(generation, layout, tree);
    let segments = [&segment[..]];
    let message = Reader::new(SegmentArray::new(&segments), ReaderOptions::new());
    let mut root: any_pointer::Reader<'_> = message.get_root()?;
    root.imbue(table);
    to.set_as(root)
}
