//! What is bidden.

use arrow::datatypes::{DataType, SchemaRef};

use super::house::{active_person, bid_event, bid_round, fill, hot, id, last_auction, open_auction, price};
use crate::connector::generate::columns::{instants, numbers, schema_of, texts, write_number};
use crate::connector::generate::draws::Randoms;
use crate::connector::generate::event_times::EventTimes;
use crate::connector::generate::options::GenerateSpec;
use crate::connector::generate::rows::{Made, Rows};
use crate::connector::source::SourceError;
use crate::format::timestamp;

/// One bid in so many is not for a hot auction.
const NOT_HOT_AUCTION: u64 = 2;

/// One bid in so many is not of a hot bidder.
const NOT_HOT_BIDDER: u64 = 4;

/// The channels that half of the bids come by.
const HOT_CHANNELS: [&str; 4] = ["Google", "Facebook", "Baidu", "Apple"];

/// The other channels, which have numbers.
const CHANNELS: u64 = 10_000;

/// Makes bids.
#[derive(Debug)]
pub(in crate::connector::generate) struct Bids {
    times: EventTimes,
    auctions: Randoms,
    bidders: Randoms,
    prices: Randoms,
    channels: Randoms,
    urls: Randoms,
    extras: Randoms,
}

/// By what a bid came.
enum Channel {
    /// Of [`HOT_CHANNELS`].
    Hot(usize),
    /// Below [`CHANNELS`].
    Number(u64),
}

impl Bids {
    /// Takes `seed`, `start` and `events_per_second` from `spec`.
    ///
    /// # Errors
    /// [`SourceError::BadOption`].
    pub fn new(spec: &GenerateSpec) -> Result<Self, SourceError> {
        let randoms = |purpose| Randoms::new(spec.seed, purpose);
        Ok(Self {
            times: EventTimes::new(spec)?,
            auctions: randoms(b"b.auct  "),
            bidders: randoms(b"b.bidder"),
            prices: randoms(b"b.price "),
            channels: randoms(b"b.chann "),
            urls: randoms(b"b.url   "),
            extras: randoms(b"b.extra "),
        })
    }

    fn auction(&self, bid: u64) -> i64 {
        let round = bid_round(bid);
        let mut draws = self.auctions.of(bid);
        id(if draws.below(NOT_HOT_AUCTION) > 0 { hot(last_auction(round)) } else { open_auction(round, &mut draws) })
    }

    /// The hot bidder is the one next to the hot seller, as soon as there is one.
    fn bidder(&self, bid: u64) -> i64 {
        let round = bid_round(bid);
        let mut draws = self.bidders.of(bid);
        id(if draws.below(NOT_HOT_BIDDER) > 0 { (hot(round) + 1).min(round) } else { active_person(round, &mut draws) })
    }

    fn channel(&self, bid: u64) -> Channel {
        let mut draws = self.channels.of(bid);
        match draws.below(2) {
            0 => Channel::Hot(draws.below(HOT_CHANNELS.len() as u64) as usize),
            _ => Channel::Number(draws.below(CHANNELS)),
        }
    }

    fn write_channel(&self, bid: u64, to: &mut Vec<u8>) {
        match self.channel(bid) {
            Channel::Hot(index) => to.extend_from_slice(HOT_CHANNELS[index].as_bytes()),
            Channel::Number(number) => {
                to.extend_from_slice(b"channel-");
                write_number(number as u32, to);
            }
        }
    }

    /// Each channel has its url; the number of one in ten of those with a number does not stand in it.
    fn write_url(&self, bid: u64, to: &mut Vec<u8>) {
        let channel = self.channel(bid);
        let mut draws = self.urls.of(match channel {
            Channel::Hot(index) => CHANNELS + index as u64,
            Channel::Number(number) => number,
        });
        to.extend_from_slice(b"https://www.nexmark.com/");
        for _ in 0..3 {
            draws.letters(5, to);
            to.push(b'/');
        }
        to.extend_from_slice(b"item.htm?query=1");
        if let Channel::Number(number) = channel
            && draws.below(10) > 0
        {
            to.extend_from_slice(b"&channel_id=");
            write_number(number as u32, to);
        }
    }
}

impl Rows for Bids {
    fn schema(&self) -> SchemaRef {
        schema_of([
            ("auction", DataType::Int64),
            ("bidder", DataType::Int64),
            ("price", DataType::Int64),
            ("channel", DataType::Utf8),
            ("url", DataType::Utf8),
            ("date_time", timestamp()),
            ("extra", DataType::Utf8),
        ])
    }

    fn per_chunk(&self) -> u64 {
        16_384
    }

    fn columns(&self, from: u64, to: u64, wanted: &[usize]) -> Made {
        let column = |index: &usize| match index {
            0 => numbers(from..to, |bid| self.auction(bid)),
            1 => numbers(from..to, |bid| self.bidder(bid)),
            2 => numbers(from..to, |bid| price(&mut self.prices.of(bid))),
            3 => texts(from..to, 10, |bid, text| self.write_channel(bid, text)),
            4 => texts(from..to, 67, |bid, text| self.write_url(bid, text)),
            5 => instants(from..to, |bid| self.times.of(bid_event(bid))),
            // Without channel and url, which came later, 100 bytes in all.
            _ => texts(from..to, 68, |bid, text| fill(68, &mut self.extras.of(bid), text)),
        };
        Made::of(wanted.iter().map(column).collect())
    }
}
