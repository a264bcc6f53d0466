//! The tables: methods, requests, replies, and what every generation has of them.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::Glue;
use crate::contract::{Form, Needs, Rpc, Service};
use crate::facts::{FeeRateForm, Profile};
use crate::layout::{Availability, Base, WireStruct};
use crate::names::{pascal, snake};
use crate::schema::{Access, Target};

pub(super) fn tables(glue: &Glue<'_>, profiles: &[Profile]) -> String {
    let mut out = String::new();
    services(glue, &mut out);
    methods(glue, &mut out);
    requests(glue, &mut out);
    inner_methods(glue, &mut out);
    generations(glue, profiles, &mut out);
    transfers(glue, &mut out);
    out
}

pub(super) fn rpcs<'a>(glue: &'a Glue<'_>) -> impl Iterator<Item = (&'a Service, &'a Rpc)> {
    glue.contract.services.iter().flat_map(|s| s.methods.iter().map(move |m| (s, m)))
}

fn services(glue: &Glue<'_>, out: &mut String) {
    let names: Vec<&str> = glue.contract.services.iter().map(|s| s.name.as_str()).collect();
    out.push_str("/// The services of the contract, one for each interface of the node.\n#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]\npub enum Service {\n");
    for service in &glue.contract.services {
        let doc = service.doc.lines().next().unwrap_or_default();
        let _ = writeln!(out, "    /// {doc}\n    {},", service.name);
    }
    let _ = writeln!(
        out,
        "}}\n\nimpl Service {{\n    /// All services.\n    pub const ALL: [Self; {}] = [{}];",
        names.len(),
        names.iter().map(|n| format!("Self::{n}")).collect::<Vec<_>>().join(", ")
    );
    out.push_str("    /// Name, as in the contract.\n    #[must_use]\n    pub const fn name(self) -> &'static str {\n        match self {\n");
    for name in &names {
        let _ = writeln!(out, "            Self::{name} => \"{name}\",");
    }
    out.push_str("        }\n    }\n\n    /// Type id of the interface on the wire.\n    #[must_use]\n    pub const fn interface_id(self) -> u64 {\n        match self {\n");
    for service in &glue.contract.services {
        let id = glue.schema.interface(&service.name).map_or(0, |i| i.id);
        let _ = writeln!(out, "            Self::{} => {id:#x},", service.name);
    }
    out.push_str("        }\n    }\n\n    /// How calls find their object on the node.\n    #[must_use]\n    pub const fn target(self) -> Target {\n        match self {\n");
    for service in &glue.contract.services {
        let target = match service.target {
            Target::Root => "Root",
            Target::Leased => "Leased",
            Target::Named => "Named",
        };
        let _ = writeln!(out, "            Self::{} => Target::{target},", service.name);
    }
    out.push_str("        }\n    }\n}\n\n");
}

fn methods(glue: &Glue<'_>, out: &mut String) {
    let count = rpcs(glue).count();
    out.push_str("/// Every method of the contract.\n#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]\n#[repr(u16)]\npub enum Method {\n");
    for (service, rpc) in rpcs(glue) {
        let _ = writeln!(
            out,
            "    /// `{}.{}`\n    {}{},",
            service.name, rpc.name, service.name, rpc.name
        );
    }
    let _ = write!(
        out,
        "}}\n\nimpl Method {{\n    /// All methods, in the order of the contract.\n    pub const ALL: [Self; {count}] = ["
    );
    for (service, rpc) in rpcs(glue) {
        let _ = write!(out, "Self::{}{}, ", service.name, rpc.name);
    }
    let _ = write!(out, "];\n}}\n\npub(crate) static METHODS: [MethodInfo; {count}] = [\n");
    for (service, rpc) in rpcs(glue) {
        let interface_id = glue.schema.interface(&rpc.interface).map_or(0, |i| i.id);
        let _ = writeln!(
            out,
            "    MethodInfo {{ service: Service::{0}, name: \"{1}\", path: \"/bitcoin.ipc.v1.{0}/{1}\", full_name: \"{0}.{1}\", interface_id: {interface_id:#x}, wire_name: \"{2}\", access: Access::{3}, form: Form::{4}, needs: Needs::{5}, blocking: {6}, idempotent: {7}, cacheable: {8} }},",
            service.name,
            rpc.name,
            rpc.wire_name,
            access(rpc.access),
            form(rpc.form),
            needs(rpc.needs),
            rpc.blocking,
            rpc.idempotent,
            rpc.cacheable.is_some(),
        );
    }
    out.push_str("];\n\n");
}

fn access(access: Access) -> &'static str {
    match access {
        Access::Read => "Read",
        Access::Submit => "Submit",
        Access::Wallet => "Wallet",
        Access::Control => "Control",
        Access::Lifecycle => "Lifecycle",
    }
}

fn form(form: Form) -> &'static str {
    match form {
        Form::Unary => "Unary",
        Form::ServerStreaming => "ServerStreaming",
        Form::Bidirectional => "Bidirectional",
    }
}

fn needs(needs: Needs) -> &'static str {
    match needs {
        Needs::Nothing => "Nothing",
        Needs::Callback => "Callback",
        Needs::ReturnsObject => "ReturnsObject",
        Needs::Object => "Object",
    }
}

/// The message that opens a call.
fn opening(rpc: &Rpc) -> String {
    match rpc.form {
        Form::Bidirectional => format!("{}Start", rpc.request.trim_end_matches("Request")),
        _ => rpc.request.clone(),
    }
}

fn requests(glue: &Glue<'_>, out: &mut String) {
    out.push_str("/// The message that opens a call of any method.\n#[derive(Debug, Clone, PartialEq)]\n#[allow(clippy::large_enum_variant, reason = \"requests are moved once or twice; a box would cost more\")]\npub enum Request {\n");
    for (service, rpc) in rpcs(glue) {
        let _ = writeln!(
            out,
            "    /// Request of `{0}.{1}`.\n    {0}{1}(v1::{2}),",
            service.name,
            rpc.name,
            opening(rpc)
        );
    }
    out.push_str("}\n\nimpl Request {\n    /// The method that the request is for.\n    #[must_use]\n    pub const fn method(&self) -> Method {\n        match self {\n");
    for (service, rpc) in rpcs(glue) {
        let _ =
            writeln!(out, "            Self::{0}{1}(_) => Method::{0}{1},", service.name, rpc.name);
    }
    out.push_str("        }\n    }\n\n    /// Bytes that it takes in the contract's encoding.\n    #[must_use]\n    pub fn size(&self) -> usize {\n        match self {\n");
    for (service, rpc) in rpcs(glue) {
        let _ = writeln!(
            out,
            "            Self::{}{}(m) => prost::Message::encoded_len(m),",
            service.name, rpc.name
        );
    }
    out.push_str("        }\n    }\n}\n\n/// The reply to a call of any unary method.\n#[derive(Debug, Clone, PartialEq)]\n#[allow(clippy::large_enum_variant, reason = \"replies are moved once or twice; a box would cost more\")]\npub enum Reply {\n");
    for (service, rpc) in rpcs(glue).filter(|(_, r)| r.form == Form::Unary) {
        let _ = writeln!(
            out,
            "    /// Response of `{0}.{1}`.\n    {0}{1}(v1::{2}),",
            service.name, rpc.name, rpc.response
        );
    }
    out.push_str("}\n\nimpl Reply {\n    /// The method that the reply answers.\n    #[must_use]\n    pub const fn method(&self) -> Method {\n        match self {\n");
    for (service, rpc) in rpcs(glue).filter(|(_, r)| r.form == Form::Unary) {
        let _ =
            writeln!(out, "            Self::{0}{1}(_) => Method::{0}{1},", service.name, rpc.name);
    }
    out.push_str("        }\n    }\n}\n\n");
    for (service, rpc) in rpcs(glue).filter(|(_, r)| r.form == Form::Unary) {
        let variant = format!("{}{}", service.name, rpc.name);
        let _ = writeln!(
            out,
            "impl Unary for v1::{} {{\n    type Response = v1::{};\n    const METHOD: Method = Method::{variant};\n    fn into_request(self) -> Request {{ Request::{variant}(self) }}\n    fn response(reply: Reply) -> Option<Self::Response> {{ match reply {{ Reply::{variant}(m) => Some(m), _ => None }} }}\n}}\n",
            rpc.request, rpc.response
        );
    }
}

/// Methods of the node's interfaces that are not in the contract: plumbing and callbacks.
fn inner<'a>(glue: &'a Glue<'_>) -> Vec<(&'a str, &'a str)> {
    let mut inner = Vec::new();
    for interface in glue.schema.interfaces.values() {
        for method in &interface.methods {
            if !rpcs(glue).any(|(_, r)| r.interface == interface.name && r.wire_name == method.name)
            {
                inner.push((interface.name.as_str(), method.name.as_str()));
            }
        }
    }
    inner.sort_unstable();
    inner
}

fn inner_methods(glue: &Glue<'_>, out: &mut String) {
    let inner = inner(glue);
    out.push_str("/// Methods on the wire that the contract has no word for: plumbing, and the callbacks.\n#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]\n#[repr(u16)]\npub enum Inner {\n");
    for (interface, method) in &inner {
        let _ = writeln!(out, "    /// `{interface}.{method}`\n    {interface}{},", pascal(method));
    }
    let _ = write!(
        out,
        "}}\n\nimpl Inner {{\n    /// All of them.\n    pub const ALL: [Self; {}] = [",
        inner.len()
    );
    for (interface, method) in &inner {
        let _ = write!(out, "Self::{interface}{}, ", pascal(method));
    }
    out.push_str("];\n    /// Type id of the interface that has the method.\n    #[must_use]\n    pub const fn interface_id(self) -> u64 {\n        match self {\n");
    for (interface, method) in &inner {
        let id = glue.schema.interface(interface).map_or(0, |i| i.id);
        let _ = writeln!(out, "            Self::{interface}{} => {id:#x},", pascal(method));
    }
    out.push_str("        }\n    }\n}\n\n");
}

/// The layouts of a method's parameters or results: the newest, then the variants by name.
pub(super) fn layouts_of(glue: &Glue<'_>, base: &Base) -> Vec<String> {
    let mut keys: Vec<(bool, String)> = glue
        .layouts
        .structs
        .iter()
        .filter(|(_, s)| s.base == *base)
        .map(|(key, s)| (s.variant.is_some(), key.clone()))
        .collect();
    keys.sort();
    keys.into_iter().map(|(_, key)| key).collect()
}

fn slot(glue: &Glue<'_>, profile: &Profile, interface: &str, method: &str) -> String {
    let place = (profile.profile.clone(), interface.to_owned(), method.to_owned());
    match glue.layouts.methods.get(&place) {
        Some(Availability::Callable { ordinal, params, results }) => {
            let context =
                glue.layouts.structs.get(params).is_some_and(|wire| glue.context_of(wire));
            let (i, m) = (interface.to_owned(), method.to_owned());
            let index = |base: &Base, key: &String| {
                layouts_of(glue, base).iter().position(|k| k == key).unwrap_or(0)
            };
            let params = index(&Base::Params(i.clone(), m.clone()), params);
            let results = index(&Base::Results(i, m), results);
            format!(
                "Slot::Callable(At {{ ordinal: {ordinal}, context: {context}, params: {params}, results: {results} }})"
            )
        }
        Some(Availability::Differs(why)) => format!("Slot::Differs({why:?})"),
        Some(Availability::Absent) | None => "Slot::Absent".to_owned(),
    }
}

fn generations(glue: &Glue<'_>, profiles: &[Profile], out: &mut String) {
    let inner = inner(glue);
    let (methods, inners) = (rpcs(glue).count(), inner.len());
    let _ = writeln!(
        out,
        "/// Every generation of the node's interface that is known.\npub static PROFILES: [Profile; {}] = [",
        profiles.len()
    );
    for profile in profiles {
        let fee_rate = match profile.encodings.fee_rate {
            FeeRateForm::PerThousand => "PerThousand",
            FeeRateForm::FeeAndSize => "FeeAndSize",
        };
        let upper = constant(&profile.profile);
        let _ = writeln!(
            out,
            "    Profile {{ name: {:?}, title: {:?}, fee_rate: FeeRateForm::{fee_rate}, prefixed_scripts: {}, survives_lost_subscribers: {}, exceptions_kill: {}, methods: &METHODS_{upper}, inner: &INNER_{upper}, interfaces: &INTERFACES_{upper} }},",
            profile.profile,
            profile.title,
            profile.encodings.prefixed_scripts,
            profile.server.survives_lost_subscribers,
            profile.server.exceptions_kill,
        );
    }
    out.push_str("];\n\n");
    for profile in profiles {
        let upper = constant(&profile.profile);
        let _ = writeln!(out, "static METHODS_{upper}: [Slot; {methods}] = [");
        for (service, rpc) in rpcs(glue) {
            // What a service inherits cannot be reached where there is no object of the service.
            let slot = match profile.interfaces.contains_key(&service.name) {
                true => slot(glue, profile, &rpc.interface, &rpc.wire_name),
                false => "Slot::Absent".to_owned(),
            };
            let _ = writeln!(out, "    {slot},");
        }
        let _ = writeln!(out, "];\nstatic INNER_{upper}: [Slot; {inners}] = [");
        for (interface, method) in &inner {
            let _ = writeln!(out, "    {},", slot(glue, profile, interface, method));
        }
        let _ = writeln!(
            out,
            "];\nstatic INTERFACES_{upper}: [InterfaceSize; {}] = [",
            profile.interfaces.len()
        );
        for (name, interface) in &profile.interfaces {
            let size = interface.methods.iter().map(|m| m.ordinal + 1).max().unwrap_or(0);
            let _ = writeln!(
                out,
                "    InterfaceSize {{ name: {name:?}, id: {}, methods: {size} }},",
                interface.id
            );
        }
        out.push_str("];\n\n");
    }
}

fn constant(profile: &str) -> String {
    profile.replace('-', "_").to_ascii_uppercase()
}

/// The four functions that carry a call across, one arm for each method and layout.
fn transfers(glue: &Glue<'_>, out: &mut String) {
    let empty = BTreeMap::new();
    let _ = &empty as &BTreeMap<(), ()>;
    out.push_str("pub(crate) fn write_params(request: &Request, at: At, p: &Profile, params: capnp::any_pointer::Builder<'_>, context: ContextWriter<'_>) -> Result<(), GlueError> {\n    let _ = &context;\n    match (request, at.params) {\n");
    for_layouts(glue, Part::Params, |variant, index, _, module, function, has_context| {
        let context = if has_context { "context(b.reborrow().init_context()); " } else { "" };
        let _ = writeln!(
            out,
            "        (Request::{variant}(m), {index}) => {{ #[allow(unused_mut)] let mut b = params.init_as::<{module}::Builder<'_>>(); {context}write_{function}(m, b, p) }}"
        );
    });
    out.push_str("        _ => Err(GlueError::NoLayout),\n    }\n}\n\n");
    out.push_str("pub(crate) fn read_params<'a>(method: Method, at: At, p: &Profile, params: capnp::any_pointer::Reader<'a>) -> Result<(Request, Option<wire::proxy_capnp::context::Reader<'a>>), GlueError> {\n    match (method, at.params) {\n");
    for_layouts(glue, Part::Params, |variant, index, _, module, function, has_context| {
        let context = if has_context {
            "if r.has_context() { Some(r.get_context()?) } else { None }"
        } else {
            "None"
        };
        let _ = writeln!(
            out,
            "        (Method::{variant}, {index}) => {{ let r = params.get_as::<{module}::Reader<'a>>()?; Ok((Request::{variant}(read_{function}(r, p)?), {context})) }}"
        );
    });
    out.push_str("        _ => Err(GlueError::NoLayout),\n    }\n}\n\n");
    out.push_str("pub(crate) fn read_results(method: Method, at: At, p: &Profile, results: capnp::any_pointer::Reader<'_>) -> Result<Reply, GlueError> {\n    match (method, at.results) {\n");
    for_layouts(glue, Part::Results, |variant, index, _, module, function, _| {
        let _ = writeln!(
            out,
            "        (Method::{variant}, {index}) => Ok(Reply::{variant}(read_{function}(results.get_as::<{module}::Reader<'_>>()?, p)?)),"
        );
    });
    out.push_str("        _ => Err(GlueError::NoLayout),\n    }\n}\n\n");
    out.push_str("pub(crate) fn write_results(reply: &Reply, at: At, p: &Profile, results: capnp::any_pointer::Builder<'_>) -> Result<(), GlueError> {\n    match (reply, at.results) {\n");
    for_layouts(glue, Part::Results, |variant, index, _, module, function, _| {
        let _ = writeln!(
            out,
            "        (Reply::{variant}(m), {index}) => write_{function}(m, results.init_as::<{module}::Builder<'_>>(), p),"
        );
    });
    out.push_str("        _ => Err(GlueError::NoLayout),\n    }\n}\n\n");
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Part {
    Params,
    Results,
}

pub(super) fn for_layouts(
    glue: &Glue<'_>,
    part: Part,
    mut emit: impl FnMut(&str, usize, &WireStruct, &str, &str, bool),
) {
    for (service, rpc) in rpcs(glue) {
        if part == Part::Results && rpc.form != Form::Unary {
            continue;
        }
        let (interface, method) = (rpc.interface.clone(), rpc.wire_name.clone());
        let base = match part {
            Part::Params => Base::Params(interface, method),
            Part::Results => Base::Results(interface, method),
        };
        let wanted = match part {
            Part::Params => opening(rpc),
            Part::Results => rpc.response.clone(),
        };
        for (index, key) in layouts_of(glue, &base).iter().enumerate() {
            let wire: &WireStruct = &glue.layouts.structs[key];
            let Some(message) = glue.messages_of(wire).into_iter().find(|m| m.name == wanted)
            else {
                continue;
            };
            let function = glue.function_name(key, wire, message);
            let variant = format!("{}{}", service.name, rpc.name);
            emit(&variant, index, wire, &glue.module(wire), &function, glue.context_of(wire));
        }
    }
    let _ = snake("");
}
