//! Lines that have their turns one after the other.

use std::collections::{HashMap, VecDeque};

/// Empty lines that are kept for the next who need one.
const SPARE: usize = 64;

/// Things that wait, each in a line. The lines have their turns round and round, so that whoever has little in line
/// does not wait for whoever has much. Within a line, first come is first served.
#[derive(Debug)]
pub(crate) struct Fair<T> {
    lines: HashMap<u64, VecDeque<T>>,
    /// The lines in which somebody waits, in the order of their turns.
    turns: VecDeque<u64>,
    spare: Vec<VecDeque<T>>,
    length: usize,
}

impl<T> Default for Fair<T> {
    fn default() -> Self {
        Self { lines: HashMap::new(), turns: VecDeque::new(), spare: Vec::new(), length: 0 }
    }
}

impl<T> Fair<T> {
    pub(crate) const fn len(&self) -> usize {
        self.length
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Puts something at the end of a line. A new line has its turn after all others.
    pub(crate) fn push(&mut self, line: u64, value: T) {
        let (spare, turns) = (&mut self.spare, &mut self.turns);
        let line = self.lines.entry(line).or_insert_with(|| {
            turns.push_back(line);
            spare.pop().unwrap_or_default()
        });
        line.push_back(value);
        self.length += 1;
    }

    /// What comes next.
    pub(crate) fn peek(&self) -> Option<&T> {
        self.turns.front().and_then(|line| self.lines.get(line)?.front())
    }

    /// Takes what comes next.
    pub(crate) fn pop(&mut self) -> Option<T> {
        self.pop_if(|_| true)
    }

    /// Takes the first of the next line whose first is wanted. Lines that are passed over keep their turn.
    pub(crate) fn pop_if(&mut self, mut wanted: impl FnMut(&T) -> bool) -> Option<T> {
        let lines = &self.lines;
        let first = |line: &u64| lines.get(line).and_then(VecDeque::front);
        let place = self.turns.iter().position(|line| first(line).is_some_and(&mut wanted))?;
        let line = self.turns.remove(place)?;
        let value = self.lines.get_mut(&line)?.pop_front();
        self.length -= 1;
        self.turns.push_back(line);
        if self.length_of(line) == 0 {
            self.turns.pop_back();
            self.end(line);
        }
        value
    }

    /// Lines in which somebody waits.
    pub(crate) fn lines(&self) -> usize {
        self.turns.len()
    }

    /// How many wait in a line.
    pub(crate) fn length_of(&self, line: u64) -> usize {
        self.lines.get(&line).map_or(0, VecDeque::len)
    }

    /// The line in which most wait.
    pub(crate) fn longest(&self) -> Option<u64> {
        self.turns.iter().copied().max_by_key(|line| self.length_of(*line))
    }

    /// Takes the last of a line.
    pub(crate) fn pop_last(&mut self, line: u64) -> Option<T> {
        let value = self.lines.get_mut(&line)?.pop_back();
        self.length -= 1;
        if self.length_of(line) == 0 {
            self.turns.retain(|other| *other != line);
            self.end(line);
        }
        value
    }

    fn end(&mut self, line: u64) {
        let empty = self.lines.remove(&line);
        self.spare.extend(empty.filter(|_| self.spare.len() < SPARE));
    }

    /// Throws out what is not wanted.
    pub(crate) fn retain(&mut self, mut wanted: impl FnMut(&T) -> bool) {
        for line in self.lines.values_mut() {
            line.retain(&mut wanted);
        }
        self.lines.retain(|_, line| !line.is_empty());
        self.turns.retain(|line| self.lines.contains_key(line));
        self.length = self.lines.values().map(VecDeque::len).sum();
    }

    /// Takes everything.
    pub(crate) fn take_all(&mut self) -> impl Iterator<Item = T> + use<T> {
        let lines = std::mem::take(self).lines;
        lines.into_values().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(entries: &[(u64, char)]) -> Fair<char> {
        let mut fair = Fair::default();
        entries.iter().for_each(|(line, value)| fair.push(*line, *value));
        fair
    }

    fn drained(mut fair: Fair<char>) -> String {
        std::iter::from_fn(|| fair.pop()).collect()
    }

    #[test]
    fn lines_have_their_turns_and_keep_their_order() {
        let fair = filled(&[(1, 'a'), (1, 'b'), (1, 'c'), (2, 'x'), (3, 'y'), (3, 'z')]);
        assert_eq!(fair.peek(), Some(&'a'));
        assert_eq!(drained(fair), "axybzc");
    }

    #[test]
    fn who_comes_with_little_is_next_but_the_lines_before() {
        let mut fair = filled(&[(1, 'a'), (1, 'b'), (1, 'c')]);
        assert_eq!(fair.pop(), Some('a'));
        fair.push(2, 'x');
        assert_eq!(drained(fair), "bxc");
    }

    #[test]
    fn a_line_that_may_not_go_is_passed_over_and_keeps_its_turn() {
        let mut fair = filled(&[(1, 'a'), (2, 'x'), (2, 'y')]);
        assert_eq!(fair.pop_if(|value| *value != 'a'), Some('x'));
        assert_eq!(fair.pop_if(|value| *value == '?'), None);
        assert_eq!((fair.len(), drained(fair).as_str()), (2, "ay"));
    }

    #[test]
    fn the_last_of_the_longest_line_can_be_taken() {
        let mut fair = filled(&[(1, 'a'), (2, 'x'), (2, 'y'), (2, 'z'), (3, 'p')]);
        assert_eq!((fair.lines(), fair.longest(), fair.length_of(2)), (3, Some(2), 3));
        assert_eq!(fair.pop_last(2), Some('z'));
        assert_eq!((fair.pop_last(1), fair.pop_last(1)), (Some('a'), None));
        assert_eq!((fair.lines(), fair.len()), (2, 3));
        assert_eq!(drained(fair), "xpy");
        assert_eq!(Fair::<char>::default().longest(), None);
    }

    #[test]
    fn what_is_thrown_out_leaves_no_turns_behind() {
        let mut fair = filled(&[(1, 'a'), (2, 'x'), (2, 'y')]);
        fair.retain(|value| *value == 'y');
        assert_eq!((fair.len(), fair.peek()), (1, Some(&'y')));
        assert_eq!(drained(fair), "y");
    }

    /// Whatever comes in whatever order: nothing is lost, and between two turns of a line every other line
    /// that waits has one.
    #[test]
    fn no_line_waits_for_more_than_one_turn_of_each_other() {
        let mut seed = 7_u64;
        let mut random = move |n: u64| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % n
        };
        let (mut fair, mut waits) = (Fair::default(), HashMap::<u64, (usize, usize)>::new());
        let (mut pushed, mut popped) = (0, 0);
        for _ in 0..100_000 {
            if random(2) == 0 {
                let line = random(9);
                fair.push(line, line);
                // How many wait there, and how many turns others had meanwhile.
                waits.entry(line).or_default().0 += 1;
                pushed += 1;
            } else if let Some(line) = fair.pop() {
                popped += 1;
                for (other, (waiting, turns)) in &mut waits {
                    *turns = if *other == line || *waiting == 0 { 0 } else { *turns + 1 };
                    assert!(*turns <= 8, "line {other} was passed over");
                }
                waits.get_mut(&line).unwrap().0 -= 1;
            }
        }
        assert_eq!(pushed, popped + fair.len());
    }
}
