//! Every call to the disk is a place to stop: after the restart the folder is what it would have been.

use std::collections::BTreeMap;

use super::*;
use crate::connector::file;

/// The committer's side: what the log holds. It is taken to be sound; the checkpoint has tests of its own.
struct Committer {
    disk: Disk,
    log: Vec<(Vec<OutputRecord>, Vec<u8>)>,
    /// Epochs that the log says are published: it learns of them with the next record.
    mark: usize,
    /// Epochs that are published between two marks.
    lag: usize,
}

impl Committer {
    /// Starts, or starts again, and runs all epochs.
    fn run(&mut self, case: SinkCase, epochs: &[Vec<RecordBatch>]) -> Result<()> {
        let context = SinkContext { first_epoch: self.log.len() as u64, ..context(&self.disk) };
        for (epoch, (outputs, inline)) in self.log.iter().enumerate().skip(self.mark) {
            for output in outputs {
                republish(output, epoch as u64, inline, &context)?;
            }
        }
        let mut published = self.log.len();
        let mut sink = case.build(&context)?;
        let publisher = sink.publisher();
        for (epoch, batches) in epochs.iter().enumerate().skip(published) {
            for batch in batches {
                sink.write(batch)?;
            }
            let mut prepared = sink.finish(epoch as u64)?;
            publisher.make_durable(&mut prepared)?;
            let mut inline = b"another sink's".to_vec();
            for output in &mut prepared.outputs {
                if let Held::Inline { offset } = &mut output.held {
                    *offset = inline.len() as u64;
                }
            }
            if let Payload::Inline(bytes) = &prepared.payload {
                inline.extend_from_slice(bytes);
            }
            self.mark = published;
            self.log.push((prepared.outputs.clone(), inline));
            publisher.publish(epoch as u64, &prepared.outputs, prepared.payload)?;
            if self.log.len() - published >= self.lag || epoch + 1 == epochs.len() {
                publisher.sync()?;
                published = self.log.len();
            }
        }
        self.mark = published;
        Ok(())
    }
}

/// A sink that publishes in one of the ways there are.
#[derive(Debug, Clone, Copy)]
enum SinkCase {
    Append,
    Snapshot,
    Lines,
}

impl SinkCase {
    fn build(self, context: &SinkContext) -> Result<Box<dyn Sink>> {
        let csv = FileFormat::Csv { header: true, delimiter: b',' };
        let made = match self {
            Self::Lines => return build_dead_letters(&dead_letter_spec(), schema(), context),
            Self::Append => {
                // Small parts, so that epochs are split.
                let (path, publication) = (Path::new("/disk"), file::sink::Publication::Parts);
                let mut sink = file::sink::FileSink::open_folder("out", path, csv, publication, schema(), context)?;
                sink.split = 140_000;
                return Ok(Box::new(sink));
            }
            Self::Snapshot => OutputMode::Complete,
        };
        build(&file_spec(csv, made), made, schema(), &[], context)
    }
}

/// Epochs of so many rows; no two lines are the same. 9,000 rows are two chunks, and too large for the record.
fn epochs(sizes: &[i64]) -> Vec<Vec<RecordBatch>> {
    let mut next = 100_000;
    let mut batch = |rows: i64| {
        next += rows;
        self::rows(&(next - rows..next).collect::<Vec<_>>())
    };
    sizes.iter().map(|&size| if size > 10 { vec![batch(10), batch(size - 10)] } else { vec![batch(size)] }).collect()
}

type Files = BTreeMap<String, Vec<u8>>;

fn undisturbed(case: SinkCase, epochs: &[Vec<RecordBatch>], lag: usize) -> (Files, u64) {
    let disk = Disk::default();
    let mut committer = Committer { disk: disk.clone(), log: Vec::new(), mark: 0, lag };
    committer.run(case, epochs).unwrap();
    (disk.visible(), disk.calls())
}

/// What a reader may see at any time: whole files, of committed epochs.
fn check_visible(case: SinkCase, committer: &Committer) {
    let mut allowed: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for output in committer.log.iter().flat_map(|(outputs, _)| outputs) {
        allowed.entry(&output.target).or_default().push(&output.digest);
    }
    if !matches!(case, SinkCase::Lines) {
        for (name, bytes) in committer.disk.visible() {
            let digest = blake3::hash(&bytes).to_hex();
            assert!(
                allowed.get(name.as_str()).is_some_and(|d| d.contains(&digest.as_str())),
                "{case:?}: {name} is not committed"
            );
        }
    }
}

fn disturbed(case: SinkCase, epochs: &[Vec<RecordBatch>], lag: usize, stops: &[(u64, Option<u64>)], expected: &Files) {
    let disk = Disk::default();
    let mut committer = Committer { disk: disk.clone(), log: Vec::new(), mark: 0, lag };
    for &(calls, power) in stops {
        disk.stop_after(calls);
        let ended = committer.run(case, epochs);
        match power {
            Some(seed) => disk.lose_power(seed),
            None => disk.kill(),
        }
        if let Err(error) = ended {
            assert_eq!(
                error.kind(),
                ErrorKind::Unavailable,
                "{case:?} {lag} {stops:?}: {error} {:?}",
                std::error::Error::source(&error).map(ToString::to_string)
            );
        }
        check_visible(case, &committer);
    }
    if let Err(error) = committer.run(case, epochs) {
        panic!("{case:?} {lag} {stops:?}: {error}, {:?}", error.help());
    }
    let found = disk.visible();
    let (names, expected_names): (Vec<_>, Vec<_>) = (found.keys().collect(), expected.keys().collect());
    assert_eq!(names, expected_names, "{case:?} {lag} {stops:?}");
    assert!(&found == expected, "{case:?} {lag} {stops:?}: other bytes");
    let left: Vec<String> = disk.paths().into_iter().filter(|p| p.ends_with(".aside") || p.ends_with(".new")).collect();
    // A power failure may bring an old name back; the next start removes it.
    assert!(left.is_empty() || stops.iter().any(|s| s.1.is_some()), "{case:?} {lag} {stops:?}: left over {left:?}");
}

const CASES: [SinkCase; 3] = [SinkCase::Append, SinkCase::Snapshot, SinkCase::Lines];

#[test]
fn stopped_at_every_call() {
    let epochs = epochs(&[1, 0, 9000, 1, 9000, 1]);
    for case in CASES {
        for lag in [1, 3] {
            let (expected, calls) = undisturbed(case, &epochs, lag);
            let split = expected.keys().filter(|name| name.ends_with("-1.csv")).count();
            assert_eq!(split, if matches!(case, SinkCase::Append) { 2 } else { 0 });
            for call in 1..=calls {
                disturbed(case, &epochs, lag, &[(call, None)], &expected);
                disturbed(case, &epochs, lag, &[(call, Some(call))], &expected);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn stopped_again_and_again(
        case in prop::sample::select(&CASES[..]),
        sizes in prop::collection::vec(prop::sample::select(&[0i64, 1, 1, 9000][..]), 1..7),
        lag in 1usize..4,
        stops in prop::collection::vec((1u64..80, prop::option::of(any::<u64>())), 1..6),
    ) {
        let epochs = epochs(&sizes);
        let (expected, _) = undisturbed(case, &epochs, lag);
        disturbed(case, &epochs, lag, &stops, &expected);
    }
}
