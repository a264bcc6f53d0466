//! Reflection, v1 and v1alpha: older tools know only the latter, newer ones may drop it. Descriptors
//! carry the comments of the `.proto` files, so that tools can show them.

use std::convert::Infallible;
use std::fmt;

use http::{Request, Response};
use hyper::body::Incoming;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic_reflection::pb::{v1, v1alpha};
use tonic_reflection::server::{Builder, Error};
use tower::Service;
use tower::util::BoxCloneSyncService;

use super::contract::HttpAnswer;
use super::receive::Received;

/// The contract's files and what they import, encoded as a `FileDescriptorSet`, comments included.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// Both versions of the reflection service. Clones share the descriptors.
#[derive(Clone)]
pub struct Reflection {
    v1: (&'static str, Version),
    v1alpha: (&'static str, Version),
}

impl Reflection {
    /// Serves the contract's descriptors, and those of health, of statuses' details and of
    /// reflection itself.
    ///
    /// # Errors
    /// When the descriptors that were built in do not decode.
    pub fn new() -> Result<Self, Error> {
        Ok(Self {
            v1: version(builder().build_v1()?),
            v1alpha: version(builder().build_v1alpha()?),
        })
    }

    /// The version whose service has that name.
    pub(super) fn find(&self, name: &str) -> Option<&Version> {
        [&self.v1, &self.v1alpha]
            .into_iter()
            .find(|(known, _)| *known == name)
            .map(|(_, version)| version)
    }
}

impl fmt::Debug for Reflection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reflection").finish_non_exhaustive()
    }
}

fn builder() -> Builder<'static> {
    Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        // The details of statuses travel as Any; tools look their types up here.
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
        // Both versions list both; the builder by itself would add its own only.
        .include_reflection_service(false)
        .register_encoded_file_descriptor_set(v1::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(v1alpha::FILE_DESCRIPTOR_SET)
}

/// One version's service, whose type tonic-reflection does not name.
#[derive(Clone)]
pub(super) struct Version(
    BoxCloneSyncService<Request<Received<Incoming>>, Response<Body>, Infallible>,
);

impl Version {
    pub(super) fn call(&self, request: Request<Received<Incoming>>) -> HttpAnswer {
        // tonic's servers are always ready.
        self.0.clone().call(request)
    }
}

fn version<S>(service: S) -> (&'static str, Version)
where
    S: Service<
            Request<Received<Incoming>>,
            Response = Response<Body>,
            Error = Infallible,
            Future: Send,
        > + NamedService
        + Clone
        + Send
        + Sync
        + 'static,
{
    (S::NAME, Version(BoxCloneSyncService::new(service)))
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use prost_types::FileDescriptorSet;

    use super::*;

    #[test]
    fn both_versions_have_their_service() {
        let reflection = Reflection::new().unwrap();
        assert!(reflection.find("grpc.reflection.v1.ServerReflection").is_some());
        assert!(reflection.find("grpc.reflection.v1alpha.ServerReflection").is_some());
        assert!(reflection.find("grpc.reflection.v2.ServerReflection").is_none());
    }

    #[test]
    fn descriptors_have_comments() {
        let set = FileDescriptorSet::decode(DESCRIPTORS).unwrap();
        let contract = set.file.iter().filter(|f| f.package() == "bitcoin.ipc.v1");
        for file in contract {
            let locations = &file.source_code_info.as_ref().unwrap().location;
            assert!(locations.iter().any(|l| l.leading_comments.is_some()), "{}", file.name());
        }
    }
}
