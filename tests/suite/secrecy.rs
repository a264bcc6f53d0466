//! Who has no identity, or a wrong one, learns nothing from what is refused.

use bitcoin_grpc::app::listen::ListenerConfig;
use bitcoin_grpc::app::rules::RulesConfig;
use bitcoin_grpc::error::CallError;
use bitcoin_grpc::frontend::tokens;
use bitcoin_grpc_contract::Method;
use tonic::Code;

use super::harness::{Harness, Setup, failing, loopback};
use super::pki::written;
use super::visits::{Told, Way, visit_with};

/// What there is, what there is not, and what the connected node does not have.
const PATHS: [&str; 7] = [
    "/bitcoin.ipc.v1.Chain/GetHeight",
    "/bitcoin.ipc.v1.Chain/HandleNotifications",
    "/bitcoin.ipc.v1.Node/HandleMessageBox",
    "/bitcoin.ipc.v1.Chain/Nothing",
    "/no.such.Service/Method",
    "/grpc.health.v1.Health/Check",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
];

async fn harness() -> (Harness, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let (_, line) = tokens::make("reader", None).unwrap();
    let rules = RulesConfig {
        policy: Some(written(folder.path(), "policy.toml", "[identities]\nreader = {}")),
        tokens: Some(written(folder.path(), "tokens", &line)),
        ..RulesConfig::default()
    };
    let listen = vec![ListenerConfig { rules, ..ListenerConfig::new(loopback()) }];
    let method = Method::ChainGetHeight;
    let backend = failing(CallError::NotInProfile { method, profile: "core-30", why: None });
    (Harness::with(Setup { listen, ..Setup::default() }, backend).await, folder)
}

#[tokio::test]
async fn every_refusal_is_the_same() {
    let (harness, _folder) = harness().await;
    let way = |authorization: &[&str]| Way {
        authorization: authorization.iter().map(|value| (*value).to_owned()).collect(),
        ..Way::default()
    };
    let told = |reason: &str, message: &str| Told {
        code: Code::Unauthenticated,
        reason: reason.to_owned(),
        message: message.to_owned(),
    };
    let nobody = told("IDENTITY_REQUIRED", "an identity is needed");
    let wrong = told("CREDENTIAL_INVALID", "the credential is not taken");
    for (authorization, expected) in [
        (&[][..], nobody),
        (&["Bearer x"], wrong.clone()),
        (&["Basic x"], wrong.clone()),
        (&["Bearer x", "Bearer x"], wrong),
    ] {
        for path in PATHS {
            // Well formed or not: nothing of the message is looked at.
            for message in [&[][..], &[0xff; 20]] {
                let way = way(authorization);
                let found = visit_with(&harness.addresses[0], &way, path, message).await;
                assert_eq!(found.as_ref(), Ok(&expected), "{path} with {authorization:?}");
            }
        }
    }
}
