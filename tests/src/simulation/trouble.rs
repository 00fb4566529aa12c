//! What goes wrong in one run of a simulated job.

use std::collections::BTreeSet;

use millstream_engine::fault::point;
use millstream_engine::storage::faulty::Fault;

use super::ledger::{REPLAYED, SWAPS};
use super::random::Random;

/// What a source is asked when it is found to be away for a while, which ends no run.
pub const AWAY: [&str; 3] = ["away: what is next", "away: what there is", "away: what it has read"];

/// What is to go wrong in one run.
#[derive(Debug, Clone, Copy)]
pub enum Trouble {
    Nothing,
    /// A call to the disk, counted from the run's beginning.
    Disk(u64, Fault),
    /// The process dies at a passing of a fault point.
    Point(&'static str, u64),
    /// A read of the input.
    Read(u64),
    /// Somebody asks for an end after so many epochs.
    Stop(u64),
    /// A bit of a file of the checkpoint is another when the job starts.
    Bit(u64),
}

impl Trouble {
    /// Every kind there is, as [`Trouble::kind`] says it.
    pub fn kinds() -> BTreeSet<String> {
        let faults = [Fault::Full, Fault::Broken, Fault::Death].map(|fault| Self::Disk(1, fault));
        let points = point::ALL.iter().map(|point| Self::Point(point, 1));
        let ends = [Self::Read(0), Self::Bit(0)].into_iter().chain(faults).chain(points).map(Self::kind);
        ends.chain(AWAY.map(str::to_owned)).chain(SWAPS.map(str::to_owned)).chain([REPLAYED.to_owned()]).collect()
    }

    pub fn kind(self) -> String {
        match self {
            Self::Disk(_, fault) => format!("{fault:?}"),
            Self::Point(point, _) => point.to_owned(),
            Self::Nothing | Self::Read(_) | Self::Stop(_) | Self::Bit(_) => {
                format!("{self:?}").split('(').next().unwrap().to_owned()
            }
        }
    }

    pub fn draw(random: &mut Random) -> Self {
        match random.below(16) {
            0 => Self::Nothing,
            1..=6 => {
                let call = 1 + random.below(*random.clone().pick(&[20, 60, 250]));
                Self::Disk(call, *random.pick(&[Fault::Full, Fault::Broken, Fault::Death, Fault::Death]))
            }
            7..=11 => Self::Point(random.pick::<&str>(&point::ALL), 1 + random.clone().below(5) * random.below(2)),
            12 => Self::Read(random.below(6)),
            13 => Self::Stop(random.below(5)),
            _ => Self::Bit(random.next()),
        }
    }
}
