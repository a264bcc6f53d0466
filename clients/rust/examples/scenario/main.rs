//! Carries out `clients/scenario.json` and prints what came of it, as the clients of all languages do.
//!
//! ```text
//! cargo run -p bitcoin-grpc-client --example scenario -- ADDRESS SCENARIO.json
//! ```
#![allow(clippy::print_stdout, reason = "an example that prints")]

mod steps;

use std::error::Error;

use bitcoin_grpc_client::Fault;
use serde::Deserialize;
use tonic::{Code, Status};

use steps::{Step, Steps};

#[derive(Deserialize)]
struct Scenario {
    steps: Vec<Step>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, path] = arguments.as_slice() else { return Err("ADDRESS SCENARIO.json".into()) };
    let scenario: Scenario = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    let mut client = Steps::connect(address).await?;
    for step in &scenario.steps {
        if let Err(error) = client.carry_out(step).await {
            let status = error.downcast::<Status>()?;
            println!("{}", told(step.name(), &Fault::from(status.as_ref())));
        }
    }
    Ok(())
}

fn told(name: &str, fault: &Fault) -> String {
    let mut words = vec![format!("{name}:"), code_name(fault.code), fault.reason.clone()];
    words.extend(fault.metadata.iter().map(|(key, value)| format!("{key}={value}")));
    words.extend(fault.violations.iter().map(|(field, text)| format!("{field}: {text}")));
    words.join(" ")
}

/// The code as the gRPC specification writes it: `OUT_OF_RANGE` for `OutOfRange`.
fn code_name(code: Code) -> String {
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}
