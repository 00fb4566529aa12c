//! Who may compute: as many as there are slots, shared fairly between those who have something to do.
//!
//! Whoever has work sits on a [`Seat`] while it lasts. As long as there are at least as many slots as seats, each seat may
//! have its share of them, and more where others leave slots free; one that has more than its share gives it up after the
//! item that it is at, if somebody wants it. Where there are more seats than slots, those without one stand in line, and
//! each gets a slot for one item in its turn: jobs go by turns, whatever each of them has to do.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The slots of an executor.
#[derive(Debug)]
pub(super) struct Slots {
    count: usize,
    shared: Mutex<Shared>,
}

#[derive(Debug)]
struct Shared {
    free: usize,
    next: u64,
    seats: BTreeMap<u64, Sitting>,
    /// Seats that wait for a slot. Where there are some, no slot is free.
    line: VecDeque<u64>,
}

#[derive(Debug)]
struct Sitting {
    held: usize,
    /// How many it could use.
    wants: usize,
    /// It stood in line, and has got a slot.
    called: bool,
    calls: Arc<Condvar>,
}

impl Shared {
    /// What each seat that has work may have without asking.
    fn share(&self, count: usize) -> usize {
        let at_work = self.seats.values().filter(|sitting| sitting.wants > 0 || sitting.held > 0).count();
        (count / at_work.max(1)).max(1)
    }

    fn held(&self, seat: u64) -> usize {
        self.seats.get(&seat).map_or(0, |sitting| sitting.held)
    }

    /// How many slots other seats than `seat` lack of their shares, and could use.
    fn others_lack(&self, seat: u64, share: usize) -> usize {
        let others = self.seats.iter().filter(|(other, _)| **other != seat);
        others.map(|(_, sitting)| share.min(sitting.wants).saturating_sub(sitting.held)).sum()
    }

    fn take(&mut self, seat: u64) {
        self.free -= 1;
        self.seats.entry(seat).and_modify(|sitting| sitting.held += 1);
    }

    /// One slot less for `seat`: it goes to the first in line.
    fn give_back(&mut self, seat: u64) {
        self.seats.entry(seat).and_modify(|sitting| sitting.held -= 1);
        self.free += 1;
        let Some(first) = self.line.pop_front() else { return };
        self.take(first);
        if let Some(sitting) = self.seats.get_mut(&first) {
            sitting.called = true;
            sitting.calls.notify_one();
        }
    }
}

impl Slots {
    pub fn new(count: usize) -> Self {
        let shared = Shared { free: count, next: 0, seats: BTreeMap::new(), line: VecDeque::new() };
        Self { count, shared: Mutex::new(shared) }
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// A seat for somebody who could use so many slots.
    pub fn sit_down(self: &Arc<Self>, wants: usize) -> Seat {
        let calls = Arc::new(Condvar::new());
        let mut shared = self.lock();
        let id = shared.next;
        shared.next += 1;
        shared.seats.insert(id, Sitting { held: 0, wants, called: false, calls: calls.clone() });
        drop(shared);
        Seat { slots: self.clone(), id, calls }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // Nothing here panics half way.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who has something to compute. What it holds must be given back before it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    slots: Arc<Slots>,
    id: u64,
    calls: Arc<Condvar>,
}

impl Seat {
    /// Takes a slot; stands in line for it where none is free.
    pub fn take(&self) {
        let mut shared = self.slots.lock();
        if shared.free > 0 {
            shared.take(self.id);
            return;
        }
        shared.line.push_back(self.id);
        loop {
            if let Some(sitting) = shared.seats.get_mut(&self.id)
                && std::mem::take(&mut sitting.called)
            {
                return;
            }
            shared = self.calls.wait(shared).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes a slot that nobody else has a better right to, if there is one.
    pub fn try_take(&self) -> bool {
        let mut shared = self.slots.lock();
        let share = shared.share(self.slots.count);
        let lacking = shared.others_lack(self.id, share);
        let may = shared.free > 0 && (shared.held(self.id) < share || lacking < shared.free);
        if may {
            shared.take(self.id);
        }
        may
    }

    /// Whether a slot may be kept for another item; it is given back otherwise.
    pub fn keeps(&self) -> bool {
        let mut shared = self.slots.lock();
        let share = shared.share(self.slots.count);
        let lacking = shared.others_lack(self.id, share);
        let keeps = shared.line.is_empty() && (shared.held(self.id) <= share || lacking <= shared.free);
        if !keeps {
            shared.give_back(self.id);
        }
        keeps
    }

    /// Gives a slot back.
    pub fn give_back(&self) {
        self.slots.lock().give_back(self.id);
    }

    /// There are no more items: more slots are of no use.
    pub fn wants_no_more(&self) {
        self.slots.lock().seats.entry(self.id).and_modify(|sitting| sitting.wants = 0);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.slots.lock().seats.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    #[test]
    fn one_seat_has_all_slots_and_two_share_them() {
        let slots = Arc::new(Slots::new(4));
        let (one, other) = (slots.sit_down(4), slots.sit_down(4));
        other.wants_no_more();
        assert!((0..4).all(|_| one.try_take()) && !one.try_take());
        assert!(one.keeps(), "nobody else wants it");
        let third = slots.sit_down(1);
        assert!(!one.keeps() && one.keeps(), "one is enough for the third");
        assert!(!one.try_take() && third.try_take() && !third.try_take());
        third.give_back();
        drop(third);
        assert!(one.try_take() && one.keeps());
        (0..4).for_each(|_| one.give_back());
    }

    #[test]
    fn who_stands_in_line_is_called_in_turn_for_one_item_each() {
        let slots = Arc::new(Slots::new(1));
        let first = slots.sit_down(3);
        first.take();
        let (send, receive) = channel();
        let mut waiting = Vec::new();
        for i in 0..3 {
            let (slots, send) = (slots.clone(), send.clone());
            let in_line = i + 1;
            let body = {
                let slots = slots.clone();
                move || {
                    let seat = slots.sit_down(1);
                    for item in 0..2 {
                        seat.take();
                        send.send((item, i)).unwrap();
                        seat.give_back();
                    }
                }
            };
            waiting.push(std::thread::spawn(body));
            while slots.lock().line.len() < in_line {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        assert!(!first.keeps(), "somebody stands in line");
        waiting.into_iter().for_each(|thread| thread.join().unwrap());
        drop(send);
        let mut turns: Vec<(i32, usize)> = receive.iter().collect();
        assert_eq!(turns.iter().take(3).map(|(_, i)| *i).collect::<Vec<_>>(), [0, 1, 2]);
        turns.sort_unstable();
        assert_eq!(turns, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]);
    }
}
