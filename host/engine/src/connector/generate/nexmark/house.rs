//! The sequence of events: which event a person, an auction or a bid is, and who and what is there by then.

use crate::connector::generate::draws::Draws;
use crate::connector::generate::math::exp;

/// Events of a round: a person, then auctions, then bids.
const ROUND: u64 = 50;

/// Auctions of a round.
pub(super) const AUCTIONS: u64 = 3;

/// Bids of a round.
const BIDS: u64 = ROUND - 1 - AUCTIONS;

/// The first person's id, and the first auction's.
const FIRST_ID: u64 = 1000;

/// One person, and one auction, of so many is hot at a time.
const HOT: u64 = 100;

/// Persons that are active at a time: the last ones.
const ACTIVE_PERSONS: u64 = 1000;

/// Auctions that are open at a time: the last ones.
pub(super) const OPEN_AUCTIONS: u64 = 100;

/// Events during which so many auctions are put up as are open at a time.
pub(super) const EVENTS_OPEN: u64 = OPEN_AUCTIONS * ROUND / AUCTIONS;

/// The event at which someone joins, by the number of the person.
pub(super) fn person_event(person: u64) -> u64 {
    person.saturating_mul(ROUND)
}

/// The event at which something is put up, by the number of the auction.
pub(super) fn auction_event(auction: u64) -> u64 {
    (auction / AUCTIONS).saturating_mul(ROUND).saturating_add(1 + auction % AUCTIONS)
}

/// The event at which someone bids, by the number of the bid.
pub(super) fn bid_event(bid: u64) -> u64 {
    bid_round(bid).saturating_mul(ROUND).saturating_add(1 + AUCTIONS + bid % BIDS)
}

/// The round of a bid.
pub(super) fn bid_round(bid: u64) -> u64 {
    bid / BIDS
}

/// The id of person or auction `number`.
pub(super) fn id(number: u64) -> i64 {
    i64::try_from(number.saturating_add(FIRST_ID)).unwrap_or(i64::MAX)
}

/// The hot one where `last` is the newest: the first of its hundred.
pub(super) fn hot(last: u64) -> u64 {
    last / HOT * HOT
}

/// A person that is active in round `round`.
pub(super) fn active_person(round: u64, draws: &mut Draws) -> u64 {
    round - draws.below(ACTIVE_PERSONS.min(round + 1))
}

/// An auction that is open during the bids of round `round`.
pub(super) fn open_auction(round: u64, draws: &mut Draws) -> u64 {
    let last = last_auction(round);
    last - draws.below(OPEN_AUCTIONS.min(last.saturating_add(1)))
}

/// The newest auction during the bids of round `round`.
pub(super) fn last_auction(round: u64) -> u64 {
    round.saturating_mul(AUCTIONS).saturating_add(AUCTIONS - 1)
}

/// A price from 1.00 to 1,000,000.00, in cents: each power of ten is as likely as any.
pub(super) fn price(draws: &mut Draws) -> i64 {
    (exp(draws.uniform() * 6.0 * std::f64::consts::LN_10) * 100.0).round() as i64
}

/// Appends what fills a row up to about the weight that it has in the benchmark: `bytes` letters, a fifth more or less.
pub(super) fn fill(bytes: u64, draws: &mut Draws, to: &mut Vec<u8>) {
    let count = bytes - bytes / 5 + draws.below(bytes / 5 * 2 + 1);
    draws.letters(usize::try_from(count).unwrap_or_default(), to);
}
