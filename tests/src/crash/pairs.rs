//! Killed twice: at one point, and again while it recovers from that, or later.

use millstream_engine::fault::point;

use super::process::{Life, Random};
use super::{all, each, known, seed};

/// Where the second kill hits what the first one makes necessary: the job, the two points.
const DIRECTED: [(&str, &str, &str); 17] = [
    // A torn record is cut off before the log goes on.
    ("windows", point::RECORD_TORN, point::CUT_BEFORE),
    ("snapshot", point::RECORD_TORN, point::CUT_AFTER),
    ("changelog", point::CLOSE_TORN, point::CUT_AFTER),
    // Files of an epoch that was not committed are removed.
    ("large", point::ASIDE_SYNCED, point::REMAINS_REMOVED),
    ("late", point::ASIDE_WRITTEN, point::REMAINS_REMOVED),
    ("flat_map", point::SNAPSHOT_WRITTEN, point::REMAINS_REMOVED),
    // What was committed is published again.
    ("snapshot", point::RECORD_SYNCED, point::NOTE_WRITTEN),
    ("snapshot", point::NOTE_WRITTEN, point::RENAME_BEFORE),
    ("two_sinks", point::RECORD_SYNCED, point::INLINE_WRITTEN),
    ("two_sinks", point::RENAME_AFTER, point::PUBLISH_FOLDER_BEFORE),
    ("large", point::RECORD_SYNCED, point::RENAME_AFTER),
    ("late", point::EXTEND_TORN, point::EXTEND_TORN),
    ("late", point::EXTEND_WRITTEN, point::PUBLISH_FOLDER_SYNCED),
    ("aggregate", point::EXTEND_BEFORE, point::EXTEND_SYNCED),
    ("windows", point::MARK_BEFORE, point::MARK_AFTER),
    // What was begun at the first start is begun again.
    ("windows", point::CREATE_WRITTEN, point::CREATE_WRITTEN),
    ("changelog", point::CLAIM_WRITTEN, point::CLAIM_AFTER),
];

#[test]
fn killed_again_while_it_recovers() {
    let known = known();
    each(&DIRECTED, |(name, first, second)| {
        let what = format!("{name}, killed at {first}, then at {second}");
        let job = known.iter().find(|known| known.case.name == *name).expect("a job of this name");
        let folder = job.folder();
        let times = job.times(first).unwrap_or_else(|| panic!("{what}: the first is not passed"));
        assert!(
            job.surely_killed_at(first, times.div_ceil(2)).in_a_process(&folder),
            "{what}: not killed at the first"
        );
        assert!(Life::killed_at(second, 1).in_a_process(&folder), "{what}: not killed at the second");
        job.finish(&what, &folder);
    });
}

#[test]
fn killed_twice_at_random() {
    let known = known();
    let mut random = Random(seed().rotate_left(32));
    let pairs: Vec<(usize, [Life; 2])> = (0..if all() { 150 } else { 12 })
        .map(|_| {
            let number = random.below(known.len() as u64) as usize;
            let passed: Vec<(&str, u64)> = known[number].passed.iter().map(|(point, times)| (*point, *times)).collect();
            let mut life = |recovers: bool| {
                let (point, times) = match random.below(4) {
                    0 if recovers => (*random.of(&point::RECOVERY), 1),
                    _ => *random.of(&passed),
                };
                let life = Life::killed_at(point, 1 + random.below(times));
                if random.below(2) == 0 { life } else { life.stepped(random.below(u64::MAX)) }
            };
            (number, [life(false), life(true)])
        })
        .collect();
    each(&pairs, |(number, [first, second])| {
        let job = &known[*number];
        let what = format!("{}, {first}, then {second}", job.case.name);
        let folder = job.folder();
        first.in_a_process(&folder);
        second.in_a_process(&folder);
        job.finish(&what, &folder);
    });
}

#[test]
fn killed_while_it_drops_its_checkpoint_and_asked_to_again() {
    let known = known();
    let points = [point::DROP_BEFORE, point::DROP_NOTED, point::DROP_REMOVED, point::DROP_AFTER, point::CREATE_BEFORE];
    each(&points, |at| {
        for name in ["two_sinks", "late"] {
            let job = known.iter().find(|known| known.case.name == name).expect("a job of this name");
            let what = format!("{name}, killed at {at}");
            let folder = job.folder();
            assert!(job.surely_killed_at(point::MARK_AFTER, 2).in_a_process(&folder), "{what}");
            let path = folder.join("crash.dead-letters.jsonl");
            let letters = std::fs::read(&path).unwrap();
            let fresh = Life { fresh: true, ..Life::killed_at(at, 1) };
            assert!(fresh.in_a_process(&folder), "{what}");
            assert!(std::fs::read(&path).unwrap() == letters, "{what}: the dead letters are kept");
            // The input is read again, and so are its malformed lines.
            std::fs::remove_file(&path).unwrap();
            Life { fresh: true, ..Life::default() }.here(&folder).unwrap();
            job.finish(&what, &folder);
        }
    });
}
