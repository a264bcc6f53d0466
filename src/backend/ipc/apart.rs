//! Keeps calls apart that would have a node stand still for ever if it had them at once.
//!
//! While somebody decides on a setting, a client or the wallets' process, the node holds its lock on all
//! settings, and waits for the answer, which its event loop brings. A method that names no server thread
//! runs on that event loop, and those that want the settings wait there for the lock.
//!
//! Two calls of MapPort wait for the end of the same thread, of which only one is told.

use std::sync::Arc;
use std::time::Duration;

use bitcoin_grpc_contract::{Method, Profile, Request, Slot};
use tokio::sync::{Mutex, OwnedMutexGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};
use tokio::time::timeout;

use crate::error::CallError;

/// How long a call waits for its time: longer than a client may think about a setting. Loading a
/// wallet can take hours; meanwhile nobody should have to wait behind who waits for that.
const PATIENCE: Duration = Duration::from_secs(6);

const MAPPING: &str = "another call of it is under way, and two at once wait for each other for ever; try again later";
const UNDER_WAY: &str = "a setting may be written at any moment, by a client or a wallet that is being loaded, and the node would stand still for ever; try again later";

/// Either a call on the node's event loop, or calls that may have a setting decided on; and one MapPort. Copies are the
/// same.
#[derive(Debug, Clone, Default)]
pub struct Apart {
    settings: Arc<RwLock<()>>,
    ports: Arc<Mutex<()>>,
}

/// Held while a call of either kind runs.
pub(super) enum Turn {
    /// Alone on the event loop.
    Loop { _alone: OwnedRwLockWriteGuard<()> },
    /// Together with others.
    Decision { _beside: OwnedRwLockReadGuard<()> },
    /// Alone in mapping ports.
    Ports { _alone: OwnedMutexGuard<()> },
    /// Any other call.
    Free,
}

impl Apart {
    /// Waits until a call does no harm.
    pub(super) async fn turn(
        &self,
        profile: &Profile,
        request: &Request,
    ) -> Result<Turn, CallError> {
        let method = request.method();
        let turn = async {
            match profile.slot(method) {
                Slot::Callable(at) if !at.context => {
                    Turn::Loop { _alone: Arc::clone(&self.settings).write_owned().await }
                }
                _ if decides(request) => {
                    Turn::Decision { _beside: Arc::clone(&self.settings).read_owned().await }
                }
                _ if method == Method::NodeMapPort => {
                    Turn::Ports { _alone: Arc::clone(&self.ports).lock_owned().await }
                }
                _ => Turn::Free,
            }
        };
        let why = if method == Method::NodeMapPort { MAPPING } else { UNDER_WAY };
        let turn = timeout(PATIENCE, turn).await;
        turn.map_err(|_| CallError::Refused { method, why })
    }
}

/// Whether a setting is decided on in the course of a call. Wallets write down which of them are to be loaded.
fn decides(request: &Request) -> bool {
    match request {
        Request::ChainUpdateRwSetting(_)
        | Request::WalletRemove(_)
        | Request::WalletLoaderCreateWallet(_)
        | Request::WalletLoaderLoadWallet(_)
        | Request::WalletLoaderMigrateWallet(_)
        | Request::WalletLoaderRestoreWallet(_) => true,
        Request::NodeExecuteRpc(q) => q.method.contains("wallet"),
        _ => false,
    }
}
