//! Going through a bucket in pieces, while it is changed in between: by the arena, where keys that are put anew come last. An
//! arena that is written anew keeps the order of its entries, so that the place in it can be found again.

use super::{Bucket, DEAD};

impl Bucket {
    /// [`Bucket::go_through`] begins anew.
    pub(in crate::state) fn go_through_again(&mut self) {
        self.gone_through = 0;
    }

    /// Hands out keys and values, each at least once since [`Bucket::go_through_again`] unless it is deleted before, and
    /// goes on where it was the last time; as long as `take` wants more. Whether it came to the end. What is put
    /// meanwhile may be handed out or not.
    pub(in crate::state) fn go_through(&mut self, mut take: impl FnMut(&[u8], &[u8]) -> bool) -> bool {
        while self.gone_through < self.arena.len() {
            let (at, entry) = (self.gone_through, self.entry(self.gone_through));
            self.gone_through += entry.size();
            if entry.flags & DEAD == 0 && !take(self.key(at), self.value(at)) {
                return self.gone_through >= self.arena.len();
            }
        }
        true
    }
}
