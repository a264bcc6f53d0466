//! What a server says of itself, by reflection.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use http::uri::PathAndQuery;
use prost::Message;
use prost_reflect::DescriptorPool;
use prost_types::{FileDescriptorProto, FileDescriptorSet};
use tokio_stream::{StreamExt, iter};
use tonic::client::Grpc;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

use crate::catalogue::Catalogue;
use crate::error::CallError;
use crate::reach::Wire;

/// How long the server may take in all.
const WITHIN: Duration = Duration::from_secs(10);

/// Services, and files, of one server. The contract of bitcoin-grpc has eight and seven.
const MAX_THINGS: usize = 1000;

/// Longest answer, in bytes. The contract's largest file is half a MiB with its comments.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// Both versions of the service; their messages are the same.
const VERSIONS: [&str; 2] = [
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

/// Asks a server what it has.
pub(crate) async fn catalogue(wire: Wire) -> Result<Catalogue, CallError> {
    let slow = |_| CallError::NoReflection("it took too long".to_owned());
    tokio::time::timeout(WITHIN, either(wire)).await.map_err(slow)?
}

async fn either(wire: Wire) -> Result<Catalogue, CallError> {
    let [new, old] = VERSIONS.map(|path| Asker { wire: wire.clone(), path });
    match new.catalogue().await {
        Err(CallError::Failed(status)) if status.code() == Code::Unimplemented => {
            old.catalogue().await
        }
        outcome => outcome,
    }
}

struct Asker {
    wire: Wire,
    path: &'static str,
}

impl Asker {
    async fn catalogue(self) -> Result<Catalogue, CallError> {
        let listed = self.services().await?;
        let symbols = listed.iter().cloned().map(MessageRequest::FileContainingSymbol).collect();
        let files = self.files(symbols).await?;
        let pool = DescriptorPool::from_file_descriptor_set(FileDescriptorSet { file: files })
            .map_err(|error| CallError::NoReflection(error.to_string()))?;
        Ok(Catalogue { pool, listed })
    }

    async fn services(&self) -> Result<Vec<String>, CallError> {
        let answers = self.ask(vec![MessageRequest::ListServices(String::new())]).await?;
        let names = answers.into_iter().flat_map(|answer| match answer {
            MessageResponse::ListServicesResponse(list) => list.service,
            _ => Vec::new(),
        });
        Ok(names.map(|service| service.name).take(MAX_THINGS).collect())
    }

    /// The files with some symbols, and all that they import. What the server does not tell of is left
    /// out.
    async fn files(
        &self,
        mut questions: Vec<MessageRequest>,
    ) -> Result<Vec<FileDescriptorProto>, CallError> {
        let mut files = BTreeMap::new();
        while !questions.is_empty() && files.len() < MAX_THINGS {
            let before = files.len();
            for answer in self.ask(questions).await? {
                let MessageResponse::FileDescriptorResponse(found) = answer else { continue };
                for bytes in found.file_descriptor_proto {
                    let file = FileDescriptorProto::decode(bytes.as_slice())
                        .map_err(|error| CallError::NoReflection(error.to_string()))?;
                    files.insert(file.name().to_owned(), file);
                }
            }
            if files.len() == before {
                break;
            }
            questions = missing(&files).into_iter().map(MessageRequest::FileByFilename).collect();
        }
        Ok(files.into_values().collect())
    }

    /// One answer for each question.
    async fn ask(&self, what: Vec<MessageRequest>) -> Result<Vec<MessageResponse>, Status> {
        let count = what.len();
        let questions = what.into_iter().map(|question| ServerReflectionRequest {
            message_request: Some(question),
            ..Default::default()
        });
        let questions: Vec<_> = questions.collect();
        let mut grpc = Grpc::new(self.wire.clone()).max_decoding_message_size(MAX_ANSWER);
        grpc.ready().await.map_err(|error| Status::from_error(error.into()))?;
        let codec = ProstCodec::<ServerReflectionRequest, ServerReflectionResponse>::default();
        let path = PathAndQuery::from_static(self.path);
        let answers = grpc.streaming(Request::new(iter(questions)), path, codec).await?;
        let answers = answers.into_inner().take(count);
        let answers: Vec<ServerReflectionResponse> = answers.collect::<Result<_, Status>>().await?;
        Ok(answers.into_iter().filter_map(|answer| answer.message_response).collect())
    }
}

/// Names that are imported and not there yet.
fn missing(files: &BTreeMap<String, FileDescriptorProto>) -> BTreeSet<String> {
    let imported = files.values().flat_map(|file| &file.dependency);
    imported.filter(|name| !files.contains_key(*name)).cloned().collect()
}
