//! Those who join the auction house.

use arrow::datatypes::{DataType, SchemaRef};

use super::house::{fill, id, person_event};
use crate::connector::generate::columns::{instants, numbers, schema_of, texts, write_number};
use crate::connector::generate::draws::Randoms;
use crate::connector::generate::event_times::EventTimes;
use crate::connector::generate::options::GenerateSpec;
use crate::connector::generate::rows::{Made, Rows};
use crate::connector::source::SourceError;
use crate::format::timestamp;

const FIRST_NAMES: [&str; 12] =
    ["Ada", "Bruno", "Clara", "David", "Elif", "Farid", "Grace", "Hugo", "Ines", "Jonas", "Kofi", "Lena"];

const LAST_NAMES: [&str; 10] =
    ["Adler", "Brandt", "Costa", "Dubois", "Egger", "Fischer", "Garcia", "Hansen", "Ivanova", "Jensen"];

/// The states that the benchmark's queries ask for, and some of their cities.
const STATES: [(&str, [&str; 3]); 6] = [
    ("AZ", ["Phoenix", "Tucson", "Mesa"]),
    ("CA", ["Fresno", "Oakland", "Sacramento"]),
    ("ID", ["Boise", "Nampa", "Pocatello"]),
    ("OR", ["Eugene", "Portland", "Salem"]),
    ("WA", ["Seattle", "Spokane", "Tacoma"]),
    ("WY", ["Casper", "Cheyenne", "Laramie"]),
];

/// Makes persons.
#[derive(Debug)]
pub(in crate::connector::generate) struct Persons {
    times: EventTimes,
    names: Randoms,
    addresses: Randoms,
    credit_cards: Randoms,
    places: Randoms,
    extras: Randoms,
}

impl Persons {
    /// Takes `seed`, `start` and `events_per_second` from `spec`.
    ///
    /// # Errors
    /// [`SourceError::BadOption`].
    pub fn new(spec: &GenerateSpec) -> Result<Self, SourceError> {
        let randoms = |purpose| Randoms::new(spec.seed, purpose);
        Ok(Self {
            times: EventTimes::new(spec)?,
            names: randoms(b"p.name  "),
            addresses: randoms(b"p.email "),
            credit_cards: randoms(b"p.card  "),
            places: randoms(b"p.place "),
            extras: randoms(b"p.extra "),
        })
    }

    fn name(&self, person: u64, to: &mut Vec<u8>) {
        let mut draws = self.names.of(person);
        to.extend_from_slice(draws.one_of(&FIRST_NAMES).as_bytes());
        to.push(b' ');
        to.extend_from_slice(draws.one_of(&LAST_NAMES).as_bytes());
    }

    fn address(&self, person: u64, to: &mut Vec<u8>) {
        let mut draws = self.addresses.of(person);
        draws.letters(7, to);
        to.push(b'@');
        draws.letters(5, to);
        to.extend_from_slice(b".com");
    }

    /// Four groups of four digits.
    fn credit_card(&self, person: u64, to: &mut Vec<u8>) {
        let mut draws = self.credit_cards.of(person);
        for group in 0..4 {
            if group > 0 {
                to.push(b' ');
            }
            write_number(1000 + draws.below(9000) as u32, to);
        }
    }

    /// State and city.
    fn place(&self, person: u64) -> (&'static str, &'static str) {
        let mut draws = self.places.of(person);
        let (state, cities) = draws.one_of(&STATES);
        (state, draws.one_of(&cities))
    }
}

impl Rows for Persons {
    fn schema(&self) -> SchemaRef {
        schema_of([
            ("id", DataType::Int64),
            ("name", DataType::Utf8),
            ("email_address", DataType::Utf8),
            ("credit_card", DataType::Utf8),
            ("city", DataType::Utf8),
            ("state", DataType::Utf8),
            ("date_time", timestamp()),
            ("extra", DataType::Utf8),
        ])
    }

    fn per_chunk(&self) -> u64 {
        8192
    }

    fn columns(&self, from: u64, to: u64, wanted: &[usize]) -> Made {
        let column = |index: &usize| match index {
            0 => numbers(from..to, id),
            1 => texts(from..to, 12, |person, text| self.name(person, text)),
            2 => texts(from..to, 17, |person, text| self.address(person, text)),
            3 => texts(from..to, 19, |person, text| self.credit_card(person, text)),
            4 => texts(from..to, 8, |person, text| text.extend_from_slice(self.place(person).1.as_bytes())),
            5 => texts(from..to, 2, |person, text| text.extend_from_slice(self.place(person).0.as_bytes())),
            6 => instants(from..to, |person| self.times.of(person_event(person))),
            // 200 bytes in all.
            _ => texts(from..to, 126, |person, text| fill(126, &mut self.extras.of(person), text)),
        };
        Made::of(wanted.iter().map(column).collect())
    }
}
