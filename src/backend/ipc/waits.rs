//! Waits that callers share: who waits for the same thing is answered by one wait on the node.
//!
//! A wait cannot be called off without risk: the node's `interrupt` sets a flag that ends whatever
//! wait sees it first. So waits are made of short turns, and between two of them it is seen who
//! still waits. The first caller puts a job in line (`queue.rs`), later ones join its group; the
//! group is answered at once when something happened, each member when its own time is up.

use std::collections::HashMap;
use std::time::Duration;

use bitcoin_grpc_contract::{Reply, Request, v1};
use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::leases::{LeaseId, Seat, Use, at};
use super::queue::Queue;
use crate::error::CallError;

/// Longest turn of a wait. So late a thread is free again after the last caller left, and so often
/// the node is called for every wait that goes on.
pub(super) const TURN: Duration = Duration::from_secs(1);

/// How much longer than asked the node may take for a turn before those who come new do not count on
/// it, if nobody else does any more.
const GRACE: Duration = Duration::from_secs(1);

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Goal {
    /// Another tip than this.
    Tip(Bytes),
    /// A better template than the lease's.
    Next {
        /// The lease.
        template: LeaseId,
        /// By how much the fees must rise.
        fee_threshold_sat: Option<i64>,
    },
}

impl Goal {
    /// The goal of a request and its timeout in milliseconds, if it is a wait that can be shared.
    pub(super) fn of(request: &Request, used: Option<&Use>) -> Option<(Self, Option<f64>)> {
        match (request, used) {
            (Request::MiningWaitTipChanged(q), _) => {
                Some((Self::Tip(q.current_tip.clone()), q.timeout_ms))
            }
            (Request::BlockTemplateWaitNext(q), Some(used)) => {
                let options = q.options.unwrap_or_default();
                let fee_threshold_sat = options.fee_threshold_sat;
                Some((Self::Next { template: used.id, fee_threshold_sat }, options.timeout_ms))
            }
            _ => None,
        }
    }

    /// What the node is asked in one turn. The handle is ours, and not on the wire.
    pub(super) fn question(&self, turn: Duration) -> Request {
        let timeout_ms = Some(turn.as_secs_f64() * 1000.0);
        match self {
            Self::Tip(tip) => Request::MiningWaitTipChanged(v1::MiningWaitTipChangedRequest {
                current_tip: tip.clone(),
                timeout_ms,
            }),
            Self::Next { fee_threshold_sat, .. } => {
                let fee_threshold_sat = *fee_threshold_sat;
                let options = v1::BlockWaitOptions { timeout_ms, fee_threshold_sat };
                Request::BlockTemplateWaitNext(v1::BlockTemplateWaitNextRequest {
                    handle: String::new(),
                    options: Some(options),
                })
            }
        }
    }

    /// The answer to a member whose time is up before any turn ended, if there is one.
    fn nothing(&self) -> Option<Reply> {
        match self {
            Self::Tip(_) => None,
            Self::Next { .. } => Some(Reply::BlockTemplateWaitNext(Default::default())),
        }
    }
}

/// A group and its number, which no other group of the process had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WaitId {
    pub(super) goal: Goal,
    number: u64,
}

/// One caller that waits.
pub(super) struct Member {
    pub(super) reply: oneshot::Sender<Result<Reply, CallError>>,
    /// When it is to be told that nothing happened.
    pub(super) until: Option<Instant>,
    /// When it stops waiting.
    pub(super) deadline: Option<Instant>,
    pub(super) used: Option<Use>,
    /// For the template that it may get.
    pub(super) seat: Option<Seat>,
}

impl Member {
    fn answer(self, result: Result<Reply, CallError>) {
        let Self { reply, used, seat, .. } = self;
        let leases = used.as_ref().map(Use::leases);
        // The lease's time begins anew before the caller hears.
        drop((used, seat));
        if let (Err(Ok(unheard)), Some(leases)) = (reply.send(result), leases) {
            // Who has left needs no answer, and no template.
            leases.abandon(unheard);
        }
    }

    fn is_over(&self, now: Instant) -> bool {
        self.reply.is_closed() || self.deadline.is_some_and(|deadline| deadline <= now)
    }
}

#[derive(Default)]
struct Group {
    number: u64,
    members: Vec<Member>,
    /// The answer of the last turn: nothing happened.
    last: Option<Reply>,
    /// When the node is to have answered the turn that goes on.
    turn_ends: Option<Instant>,
}

impl Group {
    fn new(number: u64, members: Vec<Member>) -> Self {
        Self { number, members, last: None, turn_ends: None }
    }

    /// Whether all have left while the node did not answer.
    fn is_lost(&self, now: Instant) -> bool {
        let overdue = self.turn_ends.is_some_and(|end| end + GRACE <= now);
        overdue && self.members.iter().all(|member| member.is_over(now))
    }

    fn dismiss(&mut self, now: Instant) {
        for member in self.members.extract_if(.., |member| member.is_over(now)) {
            member.answer(Err(CallError::DeadlineExceeded));
        }
    }
}

/// All groups of a queue.
#[derive(Default)]
pub(super) struct Waits {
    groups: HashMap<Goal, Group>,
    last: u64,
}

impl Waits {
    /// Members of all groups.
    pub(super) fn len(&self) -> usize {
        self.groups.values().map(|group| group.members.len()).sum()
    }

    /// Adds a member to the group of a goal. Its id, if the group is new and needs somebody to run
    /// it.
    pub(super) fn join(&mut self, goal: Goal, member: Member) -> Option<WaitId> {
        let now = Instant::now();
        match self.groups.get_mut(&goal) {
            Some(group) if group.is_lost(now) => group.dismiss(now),
            Some(group) => {
                group.members.push(member);
                return None;
            }
            None => {}
        }
        self.last += 1;
        let number = self.last;
        self.groups.insert(goal.clone(), Group::new(number, vec![member]));
        Some(WaitId { goal, number })
    }

    /// Gives a group another number, so that who runs it now does so no longer, and another may.
    pub(super) fn renew(&mut self, id: &WaitId) -> Option<WaitId> {
        let number = self.last + 1;
        let members = std::mem::take(&mut self.group(id)?.members);
        self.last = number;
        self.groups.insert(id.goal.clone(), Group::new(number, members));
        Some(WaitId { goal: id.goal.clone(), number })
    }

    /// Whether nobody waits in a group. An empty one is no more.
    pub(super) fn is_deserted(&mut self, id: &WaitId) -> bool {
        let Some(group) = self.group(id) else { return true };
        group.dismiss(Instant::now());
        let deserted = group.members.is_empty();
        if deserted {
            self.groups.remove(&id.goal);
        }
        deserted
    }

    fn group(&mut self, id: &WaitId) -> Option<&mut Group> {
        self.groups.get_mut(&id.goal).filter(|group| group.number == id.number)
    }

    /// Takes out the members whose time is up, with their answer. They stay where there is none yet.
    fn due(&mut self, id: &WaitId, now: Instant) -> Vec<(Member, Reply)> {
        let Some(group) = self.group(id) else { return Vec::new() };
        let Some(answer) = group.last.clone().or_else(|| id.goal.nothing()) else {
            return Vec::new();
        };
        let due = |member: &mut Member| member.until.is_some_and(|until| until <= now);
        group.members.extract_if(.., due).map(|member| (member, answer.clone())).collect()
    }

    fn next_due(&mut self, id: &WaitId) -> Option<Instant> {
        let group = self.group(id)?;
        if group.last.is_none() && id.goal.nothing().is_none() {
            return None;
        }
        group.members.iter().filter_map(|member| member.until).min()
    }

    /// Takes all members out of all groups.
    pub(super) fn take_all(&mut self) -> Vec<Member> {
        self.groups.drain().flat_map(|(_, group)| group.members).collect()
    }

    fn take_of(&mut self, lease: LeaseId) -> Vec<Member> {
        let of_lease =
            |goal: &Goal| matches!(goal, Goal::Next { template, .. } if *template == lease);
        let groups = self.groups.iter_mut().filter(|(goal, _)| of_lease(goal));
        groups.flat_map(|(_, group)| std::mem::take(&mut group.members)).collect()
    }
}

/// Answers a member from what happened. The member is whoever waits; its seat is for a template.
pub(super) type Answering<'a> = &'a mut dyn FnMut(&mut Member) -> Result<Reply, CallError>;

impl Queue {
    /// Length of the next turn of a group; `None` when nobody waits in it any more.
    pub(super) fn turn(&self, id: &WaitId) -> Option<Duration> {
        let mut state = self.lock();
        if state.waits.is_deserted(id) {
            return None;
        }
        let now = Instant::now();
        let group = state.waits.group(id)?;
        let left = group.members.iter().filter_map(|member| member.until).min();
        let turn = left.map_or(TURN, |until| until.saturating_duration_since(now).min(TURN));
        group.turn_ends = Some(now + turn);
        Some(turn)
    }

    /// Completes when the node has not answered a turn of a group for so long after it was to.
    pub(super) async fn unanswered(&self, id: &WaitId, limit: Duration) {
        let begun = Instant::now();
        loop {
            let Some(ends) = self.lock().waits.group(id).map(|group| group.turn_ends) else {
                // Who runs it learns of that.
                return std::future::pending().await;
            };
            let late = ends.unwrap_or(begun) + limit;
            if late <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(late).await;
        }
    }

    /// Answers the members of a group as their time comes, for as long as it is polled.
    pub(super) async fn keep_time(&self, id: &WaitId) {
        loop {
            let (due, next) = {
                let mut state = self.lock();
                (state.waits.due(id, Instant::now()), state.waits.next_due(id))
            };
            for (member, answer) in due {
                member.answer(Ok(answer));
            }
            tokio::select! {
                () = at(next) => {}
                () = self.joined.notified() => {}
            }
        }
    }

    /// Completes when nobody waits in a group any more.
    pub(super) async fn deserted(&self, id: &WaitId) {
        while !self.lock().waits.is_deserted(id) {
            tokio::time::sleep(TURN).await;
        }
    }

    /// Notes that a turn ended and nothing happened, and tells those whose time is up.
    pub(super) fn nothing_happened(&self, id: &WaitId, answer: Reply) {
        let due = {
            let mut state = self.lock();
            if let Some(group) = state.waits.group(id) {
                group.last = Some(answer);
            }
            state.waits.due(id, Instant::now())
        };
        for (member, answer) in due {
            member.answer(Ok(answer));
        }
    }

    /// Ends a group, each member with an answer of its own.
    pub(super) fn happened(&self, id: &WaitId, answer: Answering<'_>) {
        let group = {
            let mut state = self.lock();
            match state.waits.group(id) {
                Some(_) => state.waits.groups.remove(&id.goal),
                None => None,
            }
        };
        for mut member in group.map(|group| group.members).unwrap_or_default() {
            if !member.reply.is_closed() {
                let result = answer(&mut member);
                member.answer(result);
            }
        }
    }

    /// Ends the waits on a lease's template with nothing. `false`: there were none.
    pub(super) fn interrupt(&self, lease: LeaseId) -> bool {
        let members = self.lock().waits.take_of(lease);
        let waited = !members.is_empty();
        for member in members {
            member.answer(Ok(Reply::BlockTemplateWaitNext(Default::default())));
        }
        waited
    }

    /// Ends the waits on a template whose lease ended.
    pub(super) fn end_waits(&self, lease: LeaseId) {
        let members = self.lock().waits.take_of(lease);
        for member in members {
            let why = member.used.as_ref().map(Use::end).unwrap_or_default();
            member.answer(Err(CallError::LeaseGone(why)));
        }
    }
}

#[cfg(test)]
mod tests {
    use bitcoin_grpc_contract::Profile;

    use super::*;

    type Told = oneshot::Receiver<Result<Reply, CallError>>;

    fn queue() -> Queue {
        let queue = Queue::new(100, 1, Default::default());
        queue.open(Profile::by_name("core-32").unwrap(), Vec::new());
        queue
    }

    /// Waits for a new tip, for ever.
    fn join(queue: &Queue) -> (Option<WaitId>, Told) {
        let (reply, told) = oneshot::channel();
        let member = Member { reply, until: None, deadline: None, used: None, seat: None };
        (queue.lock().waits.join(Goal::Tip(Bytes::new()), member), told)
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_new_counts_on_a_turn_that_is_late_only_if_somebody_else_does() {
        let queue = queue();
        let (first, told) = join(&queue);
        let first = first.unwrap();
        assert_eq!(queue.turn(&first), Some(TURN));
        drop(told);
        tokio::time::sleep(TURN).await;
        let (second, told) = join(&queue);
        assert_eq!(second, None, "the turn may still be answered");
        tokio::time::sleep(GRACE).await;
        let (third, told_too) = join(&queue);
        assert_eq!(third, None, "somebody waits for it");
        drop((told, told_too));
        let (fourth, mut told) = join(&queue);
        let fourth = fourth.expect("a wait of its own");
        assert!(queue.lock().waits.is_deserted(&first));
        assert!(!queue.lock().waits.is_deserted(&fourth));
        assert!(told.try_recv().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_without_an_answer_is_noticed_when_it_is_late_by_the_limit() {
        let limit = Duration::from_secs(30);
        let queue = queue();
        let (id, _told) = join(&queue);
        let id = id.unwrap();
        queue.turn(&id);
        let begun = Instant::now();
        let late = async {
            queue.unanswered(&id, limit).await;
            begun.elapsed()
        };
        let next = async {
            tokio::time::sleep(TURN).await;
            queue.turn(&id);
        };
        let (late, ()) = tokio::join!(late, next);
        let earliest = 2 * TURN + limit;
        assert!((earliest..earliest + TURN / 10).contains(&late), "{late:?}");
    }
}
