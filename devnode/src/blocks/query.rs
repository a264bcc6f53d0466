//! Questions about the tree of headers.

use super::entry::BlockId;
use super::index::BlockIndex;

impl BlockIndex {
    /// The block at `height` on the chain that ends in `id`; none above it.
    pub fn ancestor(&self, id: BlockId, height: u32) -> Option<BlockId> {
        if self.entry(id).height < height {
            return None;
        }
        let mut at = id;
        while self.entry(at).height > height {
            if self.is_active(at) {
                return self.active_at(height);
            }
            at = self.entry(at).parent?;
        }
        Some(at)
    }

    /// The last block that two chains share. Two blocks of one tree always share genesis.
    pub fn common_ancestor(&self, one: BlockId, other: BlockId) -> Option<BlockId> {
        let height = self.entry(one).height.min(self.entry(other).height);
        let mut one = self.ancestor(one, height)?;
        let mut other = self.ancestor(other, height)?;
        while one != other {
            one = self.entry(one).parent?;
            other = self.entry(other).parent?;
        }
        Some(one)
    }

    /// The first block of the active chain that is at least this high and up to which some block's time is at least
    /// `min_time`, in seconds since 1970.
    pub fn first_at_least(&self, min_time: i64, min_height: i64) -> Option<BlockId> {
        let first = self.active_blocks().partition_point(|id| {
            let entry = self.entry(*id);
            i64::from(entry.max_time) < min_time || i64::from(entry.height) < min_height
        });
        self.active_blocks().get(first).copied()
    }

    /// Whether the node has every block of the chain ending in `id`, from `min_height` up to `max_height` (or to `id`
    /// itself). Bounds outside the chain are clipped to it.
    pub fn has_blocks(&self, id: BlockId, min_height: i64, max_height: Option<u32>) -> bool {
        let top = self.entry(id).height.min(max_height.unwrap_or(u32::MAX));
        let mut at = self.ancestor(id, top);
        while let Some(id) = at {
            let entry = self.entry(id);
            if !entry.has_data() {
                return false;
            }
            if i64::from(entry.height) <= min_height {
                return true;
            }
            at = entry.parent;
        }
        true
    }

    /// The highest block of the active chain that has been thrown away, if any was.
    pub fn prune_height(&self) -> Option<u32> {
        (1..=self.height())
            .rev()
            .find(|height| self.active_at(*height).is_some_and(|id| !self.entry(id).has_data()))
    }
}
