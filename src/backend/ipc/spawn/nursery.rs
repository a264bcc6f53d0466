//! One spawned node after the other.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::process::ExitStatus;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::super::connector::Connector;
use super::super::session::SessionError;
use super::child::{Child, Way};
use super::config::{Restart, SpawnConfig};

/// Nodes that may be started again within [`WINDOW`]. One that ends more often needs a person.
const RESTARTS: usize = 10;

/// The time in which restarts are counted.
const WINDOW: Duration = Duration::from_secs(600);

/// What becomes of a node's place.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::backend::ipc) enum Next {
    /// Another node, after a pause.
    Another,
    /// Another one at once, started another way.
    OtherWay,
    /// None, because of this.
    Nothing(String),
}

/// Starts nodes, and knows when not to.
pub(in crate::backend::ipc) struct Nursery {
    pub(in crate::backend::ipc) config: Arc<SpawnConfig>,
    way: Cell<Way>,
    restarts: RefCell<VecDeque<Instant>>,
}

impl Nursery {
    pub(in crate::backend::ipc) fn new(config: &Arc<SpawnConfig>) -> Self {
        let way = Cell::new(Way::of(&config.command));
        Self { config: Arc::clone(config), way, restarts: RefCell::default() }
    }

    /// Starts a node.
    pub(in crate::backend::ipc) fn start(&self) -> Result<(Rc<Child>, Connector), SessionError> {
        let child = Child::spawn(&self.config, self.way.get());
        let child =
            child.map_err(|error| SessionError::Spawn(self.config.command.to_string(), error))?;
        let child = Rc::new(child);
        Ok((Rc::clone(&child), Connector::Spawned(child)))
    }

    /// Takes note that the node cannot be led by its descriptor. From now on they get sockets.
    pub(in crate::backend::ipc) fn cannot_be_led(&self) -> Next {
        self.way.set(Way::Socket);
        Next::OtherWay
    }

    /// What is to follow a node that ended so. `well`: it did what it was told to.
    pub(in crate::backend::ipc) fn after(&self, how: &str, well: bool) -> Next {
        let again = match self.config.restart {
            Restart::Always => true,
            Restart::OnFailure => !well,
            Restart::Never => false,
        };
        if !again {
            return Next::Nothing(format!("{how}; the node is not started again"));
        }
        let now = Instant::now();
        let mut restarts = self.restarts.borrow_mut();
        restarts.retain(|then| now.duration_since(*then) < WINDOW);
        if restarts.len() >= RESTARTS {
            let minutes = WINDOW.as_secs() / 60;
            return Next::Nothing(format!(
                "{how}; the node was started {RESTARTS} times in {minutes} minutes, and is not again"
            ));
        }
        restarts.push_back(now);
        Next::Another
    }
}

/// How a process ended, for people.
pub(in crate::backend::ipc) fn describe(status: Option<ExitStatus>) -> String {
    status.map_or_else(|| "it is not known how".to_owned(), |status| status.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::config::{Command, STOP_LIMIT, Start};
    use super::*;

    fn nursery(restart: Restart) -> Nursery {
        Nursery::new(&Arc::new(SpawnConfig {
            command: Command::new(["node".to_owned()]).unwrap(),
            restart,
            start: Start::Auto,
            stop_limit: STOP_LIMIT,
            usual_data: None,
        }))
    }

    #[test]
    fn each_policy_by_how_a_node_ended() {
        let table = [
            (Restart::Always, true, true),
            (Restart::Always, false, true),
            (Restart::OnFailure, true, false),
            (Restart::OnFailure, false, true),
            (Restart::Never, true, false),
            (Restart::Never, false, false),
        ];
        for (restart, well, again) in table {
            let next = nursery(restart).after("it ended", well);
            assert_eq!(next == Next::Another, again, "{restart:?} {well}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_always_ends_is_given_up_until_the_window_has_passed() {
        let nursery = nursery(Restart::Always);
        for _ in 0..RESTARTS {
            assert_eq!(nursery.after("SIGKILL", false), Next::Another);
        }
        let Next::Nothing(why) = nursery.after("SIGKILL", false) else { panic!("another one") };
        assert!(why.contains("10 times in 10 minutes") && why.contains("SIGKILL"), "{why}");
        tokio::time::advance(WINDOW).await;
        assert_eq!(nursery.after("SIGKILL", false), Next::Another);
    }

    #[tokio::test]
    async fn a_node_that_cannot_be_led_gets_a_socket() {
        let nursery = nursery(Restart::Never);
        assert_eq!(nursery.way.get(), Way::Led);
        assert_eq!(nursery.cannot_be_led(), Next::OtherWay);
        assert_eq!(nursery.way.get(), Way::Socket);
    }
}
