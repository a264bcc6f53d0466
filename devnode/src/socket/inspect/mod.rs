//! What a node reads out of the bytes of a call, and what ends it.
//!
//! Everything here goes by the bytes themselves and by what was seen of real nodes. The contract has rules of its own,
//! which keep callers from doing harm. Were one of them lost, harmful bytes would come in here, and must be found.

mod bytes;
mod table;

use bitcoin_grpc_contract::Method;
use bitcoin_grpc_contract::wire::common_capnp::pair;
use bitcoin_grpc_contract::wire::init_capnp::init;
use capnp::message::{Builder, HeapAllocator};
use capnp::private::layout::{CapTable, PointerBuilder, StructBuilder, StructSize};
use capnp::traits::{FromPointerBuilder, Imbue, ImbueMut};
use capnp::{any_pointer, data, data_list, raw, struct_list};

pub(super) use bytes::{Forms, Unreadable};
use table::Kind;

/// Any struct: only its pointers are looked at.
type AnyStruct<'a> = init::make_echo_params::Reader<'a>;

/// Two serialized values.
type Pair = pair::Owned<data::Owned, data::Owned>;

/// Why parameters cannot be read.
pub(super) enum Fault {
    /// Cap'n Proto itself does not get through.
    Malformed(capnp::Error),
    /// The node does not get through.
    Unreadable(Unreadable),
}

impl From<capnp::Error> for Fault {
    fn from(error: capnp::Error) -> Self {
        Self::Malformed(error)
    }
}

/// Parameters as the node reads them.
pub(super) struct Rewritten {
    message: Builder<HeapAllocator>,
    caps: CapTable,
}

impl Rewritten {
    pub(super) fn params(&self) -> Result<any_pointer::Reader<'_>, capnp::Error> {
        let mut root: any_pointer::Reader<'_> = self.message.get_root_as_reader()?;
        root.imbue(&self.caps);
        Ok(root)
    }
}

/// A value that a node reads otherwise than it was written.
struct Change {
    place: usize,
    at: At,
    bytes: Vec<u8>,
}

/// Where at a place a value stands.
#[derive(Clone, Copy)]
enum At {
    Itself,
    /// In a list.
    Item(u32),
    /// In a list, as the first of a pair.
    Key(u32),
}

/// Reads the serialized values in the parameters of a call as a node does. Gives other parameters if it reads something
/// else than what stands there: nodes ignore what follows a value, and take a missing one for a default.
pub(super) fn params(
    method: Method,
    context: bool,
    forms: Forms,
    params: any_pointer::Reader<'_>,
) -> Result<Option<Rewritten>, Fault> {
    let values = table::values(method);
    if values.is_empty() {
        return Ok(None);
    }
    let pointers = raw::get_struct_pointer_section(params.get_as::<AnyStruct<'_>>()?);
    let mut changes = Vec::new();
    for (place, kind) in values {
        let place = place + usize::from(context);
        let index = u32::try_from(place).unwrap_or(u32::MAX);
        let value = (index < pointers.len()).then(|| pointers.get(index));
        let value = value.filter(|value| !value.is_null());
        look(*kind, value, place, forms, &mut changes)?;
    }
    if changes.is_empty() {
        return Ok(None);
    }
    Ok(Some(rewrite(params, &changes)?))
}

/// Reads what stands at a place.
fn look(
    kind: Kind,
    value: Option<any_pointer::Reader<'_>>,
    place: usize,
    forms: Forms,
    changes: &mut Vec<Change>,
) -> Result<(), Fault> {
    let mut read = |kind, at, data: Option<&[u8]>| {
        let read = bytes::read(kind, data, forms);
        let read = read.map_err(Fault::Unreadable)?;
        changes.extend(read.map(|bytes| Change { place, at, bytes }));
        Ok::<_, Fault>(())
    };
    match (kind, value) {
        (Kind::Hashes | Kind::OutPoints, Some(list)) => {
            let list: data_list::Reader<'_> = list.get_as()?;
            for item in 0..list.len() {
                // In a list, nothing is as good as an empty text: too few bytes.
                read(kind, At::Item(item), Some(list.get(item)?))?;
            }
        }
        (Kind::Coins, Some(list)) => {
            let list: struct_list::Reader<'_, Pair> = list.get_as()?;
            for item in 0..list.len() {
                let pair = raw::get_struct_pointer_section(list.get(item));
                read(Kind::OutPoint, At::Key(item), data_at(pair, 0)?)?;
                // A coin is read, and then written anew; what it was does not matter.
                let coin = data_at(pair, 1)?;
                bytes::read(Kind::Coin, coin, forms).map_err(Fault::Unreadable)?;
            }
        }
        // No list is an empty one.
        (Kind::Hashes | Kind::OutPoints | Kind::Coins, None) => {}
        (kind, None) => read(kind, At::Itself, None)?,
        (kind, Some(value)) => read(kind, At::Itself, Some(value.get_as::<data::Reader<'_>>()?))?,
    }
    Ok(())
}

fn data_at(
    pointers: capnp::any_pointer_list::Reader<'_>,
    index: u32,
) -> Result<Option<&[u8]>, capnp::Error> {
    let pointer = (index < pointers.len()).then(|| pointers.get(index));
    let pointer = pointer.filter(|pointer| !pointer.is_null());
    pointer.map(|pointer| pointer.get_as::<data::Reader<'_>>()).transpose()
}

/// Copies parameters, with other values in some places.
fn rewrite(params: any_pointer::Reader<'_>, changes: &[Change]) -> Result<Rewritten, capnp::Error> {
    let (mut message, mut caps) = (Builder::new_default(), CapTable::new());
    let mut root: any_pointer::Builder<'_> = message.init_root();
    root.imbue_mut(&mut caps);
    root.set_as(params)?;
    for change in changes {
        let Fields(fields) = root.reborrow().get_as()?;
        let mut pointer = fields.get_pointer_field(change.place);
        match change.at {
            At::Itself => pointer.set_data(&change.bytes),
            At::Item(item) => {
                let list = any_pointer::Builder::new(pointer);
                list.get_as::<data_list::Builder<'_>>()?.set(item, &change.bytes);
            }
            At::Key(item) => {
                let list = any_pointer::Builder::new(pointer);
                let pairs: struct_list::Builder<'_, Pair> = list.get_as()?;
                pairs.get(item).set_key(&change.bytes[..])?;
            }
        }
    }
    Ok(Rewritten { message, caps })
}

/// A struct of which only the pointers count.
struct Fields<'a>(StructBuilder<'a>);

/// Room for every place that the table names, and the context before it.
const ROOM: StructSize = StructSize { data: 0, pointers: 4 };

impl<'a> FromPointerBuilder<'a> for Fields<'a> {
    fn init_pointer(builder: PointerBuilder<'a>, _: u32) -> Self {
        Self(builder.init_struct(ROOM))
    }

    fn get_from_pointer(
        builder: PointerBuilder<'a>,
        default: Option<&'a [capnp::Word]>,
    ) -> Result<Self, capnp::Error> {
        Ok(Self(builder.get_struct(ROOM, default)?))
    }
}
