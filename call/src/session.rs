//! From what somebody typed to what they see.

use std::io::ErrorKind;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use http::uri::PathAndQuery;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;
use tonic::client::Grpc;
use tonic::{Code, Request, Status, Streaming};

use crate::catalogue::Catalogue;
use crate::dynamic::Dynamic;
use crate::error::CallError;
use crate::hashes::Hashes;
use crate::json::Reader;
use crate::reach::{Reach, Wire};
use crate::show::Writer;
use crate::terminal::{Terminal, lines, whole};
use crate::{describe, fields, reflect};

/// Longest answer, in bytes. A block has 4 MB at most, a list of templates or transactions more.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// Messages read ahead of what was sent.
const AHEAD: usize = 4;

/// Stands for standard input.
const INPUT: &str = "-";

/// How answers are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// For people: the value if there is just one, else indented JSON.
    #[default]
    Text,
    /// Each answer as JSON on a line.
    Json,
}

/// What somebody wants.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// `Service.Method`; `Service` lists its methods; nothing lists the services.
    pub method: Option<String>,
    /// `field=value`, or one JSON object, or `-` for one from standard input.
    pub arguments: Vec<String>,
    /// Say what the method does and takes, and call nothing.
    pub describe: bool,
    /// How to show answers.
    pub form: Form,
    /// How long the call may take; as long as the server lets it if `None`.
    pub timeout: Option<Duration>,
}

/// A server that has said what it has.
#[derive(Debug)]
pub struct Session {
    wire: Wire,
    catalogue: Catalogue,
    hashes: Arc<Hashes>,
}

impl Session {
    /// Connects, and asks the server what it has. `contract` has the descriptors of bitcoin-grpc's own
    /// contract, for servers that do not say, or leave out comments.
    ///
    /// # Errors
    /// When the server cannot be reached, or does not say what it has.
    pub async fn begin(reach: &Reach, contract: &[u8]) -> Result<Self, CallError> {
        let known = DescriptorPool::decode(contract)
            .map_err(|error| CallError::NoReflection(error.to_string()))?;
        let wire = reach.wire().await?;
        let marks = Hashes::of(&known);
        let catalogue = match reflect::catalogue(wire.clone()).await {
            // The call itself will be answered, or be told why not.
            Err(CallError::Failed(status)) if is_kept_back(&status) => {
                let listed = known.services().map(|service| service.full_name().to_owned());
                Catalogue { listed: listed.collect(), pool: known }
            }
            Err(CallError::Failed(status)) if is_broken(&status) => {
                return Err(reach.unreachable(&*status));
            }
            outcome => outcome?,
        };
        let hashes = Arc::new(Hashes::of(&catalogue.pool).and(marks));
        Ok(Self { wire, catalogue, hashes })
    }

    /// Carries a wish out. A closed output is no fault: nobody wants more.
    ///
    /// # Errors
    /// When the wish makes no call, and when the call fails.
    pub async fn run(&self, wish: &Wish, terminal: Terminal<'_>) -> Result<(), CallError> {
        match self.carry_out(wish, terminal).await {
            Err(CallError::Io(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            outcome => outcome,
        }
    }

    async fn carry_out(&self, wish: &Wish, terminal: Terminal<'_>) -> Result<(), CallError> {
        let Some(typed) = &wish.method else {
            return Ok((terminal.say)(describe::services(&self.catalogue).trim_end())?);
        };
        if let (true, Some(service)) = (wish.arguments.is_empty(), self.catalogue.find(typed)) {
            let name = self.catalogue.name(&service);
            return Ok((terminal.say)(describe::methods(&name, &service).trim_end())?);
        }
        let method = self.catalogue.method(typed)?;
        if wish.describe {
            let name = self.catalogue.name(method.parent_service());
            let text = describe::method(&name, &method, &self.hashes);
            return Ok((terminal.say)(text.trim_end())?);
        }
        let call = Call { session: self, wish, method: &method };
        match (method.is_client_streaming(), method.is_server_streaming()) {
            (false, false) => call.unary(terminal).await,
            (false, true) => call.listen(terminal).await,
            (true, _) => call.converse(terminal).await,
        }
    }
}

/// Whether reflection is not for this caller, or not there.
fn is_kept_back(status: &Status) -> bool {
    matches!(status.code(), Code::Unimplemented | Code::PermissionDenied | Code::Unauthenticated)
}

/// Whether it is the connection's fault, not the server's.
fn is_broken(status: &Status) -> bool {
    std::error::Error::source(status).is_some()
}

struct Call<'a> {
    session: &'a Session,
    wish: &'a Wish,
    method: &'a MethodDescriptor,
}

impl Call<'_> {
    async fn unary(&self, mut terminal: Terminal<'_>) -> Result<(), CallError> {
        let request = self.request(&mut terminal)?;
        let (mut grpc, path, codec) = self.grpc().await?;
        let answer = tokio::select! {
            answer = grpc.unary(self.timed(request), path, codec) => answer?.into_inner(),
            () = terminal.stop => return Err(CallError::Interrupted),
        };
        let writer = Writer { hashes: &self.session.hashes };
        let text = match self.wish.form {
            Form::Text => writer.text(&answer),
            Form::Json => writer.line(&answer).map(Some),
        };
        text.map_err(std::io::Error::from)?.map_or(Ok(()), |text| Ok((terminal.say)(&text)?))
    }

    async fn listen(&self, mut terminal: Terminal<'_>) -> Result<(), CallError> {
        let request = self.request(&mut terminal)?;
        let (mut grpc, path, codec) = self.grpc().await?;
        let told = async {
            let answers = grpc.server_streaming(self.timed(request), path, codec).await?;
            self.tell(answers.into_inner(), terminal.say).await
        };
        tokio::select! {
            outcome = told => outcome,
            () = terminal.stop => Ok(()),
        }
    }

    async fn converse(&self, terminal: Terminal<'_>) -> Result<(), CallError> {
        let first = match self.wish.arguments.as_slice() {
            [] => None,
            [input] if input == INPUT => None,
            _ => Some(self.typed_request()?),
        };
        let (sender, messages) = mpsc::channel(AHEAD);
        let hashes = Arc::clone(&self.session.hashes);
        let typed = lines(terminal.input);
        let typing = tokio::spawn(send(hashes, self.method.clone(), first, typed, sender));
        let typing = AbortOnDropHandle::new(typing);
        let (mut grpc, path, codec) = self.grpc().await?;
        let told = async {
            let messages = self.timed(ReceiverStream::new(messages));
            let answers = grpc.streaming(messages, path, codec).await?;
            self.tell(answers.into_inner(), terminal.say).await
        };
        tokio::select! {
            outcome = told => outcome,
            fault = fault_of(typing) => Err(fault),
            () = terminal.stop => Ok(()),
        }
    }

    async fn grpc(&self) -> Result<(Grpc<Wire>, PathAndQuery, Dynamic), CallError> {
        let mut grpc = Grpc::new(self.session.wire.clone()).max_decoding_message_size(MAX_ANSWER);
        grpc.ready().await.map_err(|error| Status::from_error(error.into()))?;
        let path = format!("/{}/{}", self.method.parent_service().full_name(), self.method.name());
        let path = PathAndQuery::from_str(&path)
            .map_err(|error| CallError::mistyped(error.to_string()))?;
        Ok((grpc, path, Dynamic(self.method.output())))
    }

    async fn tell(
        &self,
        mut answers: Streaming<DynamicMessage>,
        say: &mut dyn FnMut(&str) -> std::io::Result<()>,
    ) -> Result<(), CallError> {
        let writer = Writer { hashes: &self.session.hashes };
        while let Some(answer) = answers.message().await? {
            say(&writer.line(&answer).map_err(std::io::Error::from)?)?;
        }
        Ok(())
    }

    fn timed<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(timeout) = self.wish.timeout {
            request.set_timeout(timeout);
        }
        request
    }

    fn request(&self, terminal: &mut Terminal<'_>) -> Result<DynamicMessage, CallError> {
        match self.wish.arguments.as_slice() {
            [input] if input == INPUT => {
                from_json(&self.session.hashes, self.method, &whole(&mut terminal.input)?)
            }
            _ => self.typed_request(),
        }
    }

    fn typed_request(&self) -> Result<DynamicMessage, CallError> {
        let reader = Reader { hashes: &self.session.hashes };
        match self.wish.arguments.as_slice() {
            [json] if json.trim_start().starts_with('{') => {
                from_json(&self.session.hashes, self.method, json)
            }
            arguments => fields::request(&self.method.input(), arguments, reader),
        }
    }
}

fn from_json(
    hashes: &Hashes,
    method: &MethodDescriptor,
    text: &str,
) -> Result<DynamicMessage, CallError> {
    let request = Reader { hashes }.request(&method.input(), text);
    request.map_err(|wrong| CallError::mistyped(wrong.to_string()))
}

/// Sends the first message if it was typed already, then one for each line. Their end ends the client's
/// half.
async fn send(
    hashes: Arc<Hashes>,
    method: MethodDescriptor,
    first: Option<DynamicMessage>,
    mut lines: mpsc::Receiver<std::io::Result<String>>,
    messages: mpsc::Sender<DynamicMessage>,
) -> Result<(), CallError> {
    if let Some(first) = first
        && messages.send(first).await.is_err()
    {
        return Ok(());
    }
    while let Some(line) = lines.recv().await {
        let message = from_json(&hashes, &method, line?.trim())?;
        if messages.send(message).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Completes only with a fault.
async fn fault_of(typing: AbortOnDropHandle<Result<(), CallError>>) -> CallError {
    match typing.await {
        Ok(Err(fault)) => fault,
        _ => std::future::pending().await,
    }
}
