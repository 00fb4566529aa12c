//! What is said before the first epoch and after the last one, as lines for people.

use millstream_engine::run::report::{Started, StopReason, Summary};

use crate::text;

/// Before the first epoch.
pub(super) fn started(started: &Started) -> Vec<String> {
    let from = match started.resumed_from {
        Some(epoch) => format!("{}: going on after epoch {epoch} of {}", started.job, started.checkpoint),
        None if started.temporary_checkpoint => {
            format!("{}: the job names no checkpoint, so the next run begins anew", started.job)
        }
        None => format!("{}: beginning, checkpoint {}", started.job, started.checkpoint),
    };
    vec![from]
}

/// After a run that ended well.
pub(super) fn ended(job: &str, summary: &Summary) -> Vec<String> {
    let mut lines = vec![format!(
        "{job}: {} {}, {} {} ({}) in {}, {} rows/s",
        text::count(summary.epochs),
        if summary.epochs == 1 { "epoch" } else { "epochs" },
        text::count(summary.rows_in),
        if summary.rows_in == 1 { "row" } else { "rows" },
        text::bytes(summary.bytes_in),
        text::duration(summary.elapsed),
        text::count(text::rate(summary.rows_in, summary.elapsed)),
    )];
    let mut detail = |label: &str, text: String| lines.push(format!("  {label:<11}{text}"));
    if !summary.rows_out.is_empty() {
        let rows: Vec<String> =
            summary.rows_out.iter().map(|(sink, rows)| format!("{sink} {}", text::count(*rows))).collect();
        detail("rows out", rows.join(", "));
    }
    if summary.late > 0 {
        detail("late", text::count(summary.late));
    }
    if summary.partly_late > 0 {
        detail("part late", format!("{}, for some of their windows", text::count(summary.partly_late)));
    }
    if summary.ahead > 0 {
        detail("ahead", format!("{}, further than max_ahead", text::count(summary.ahead)));
    }
    if summary.rejected > 0 {
        let place = summary.dead_letters.as_ref().map(|path| format!(", kept in {path}")).unwrap_or_default();
        detail("rejected", format!("{}{place}", text::count(summary.rejected)));
    }
    if summary.not_refreshed > 0 {
        let times = if summary.not_refreshed == 1 { "time" } else { "times" };
        let what = "static sources could not be read again, and stayed as they were";
        detail("refresh", format!("{} {times} {what}", text::count(summary.not_refreshed)));
    }
    if summary.changed_files > 0 {
        let what = "changed after they were read: what came later was not read";
        detail("changed", format!("{} {what}", text::files(summary.changed_files)));
    }
    if summary.empty_files > 0 {
        detail("empty", format!("{} without a byte, passed over", text::files(summary.empty_files)));
    }
    if let Some(watermark) = summary.watermark {
        detail("watermark", text::watermark(Some(watermark)));
    }
    if !summary.temporary_checkpoint {
        detail("checkpoint", summary.checkpoint.clone());
    }
    if summary.stopped == StopReason::Requested {
        let next = if summary.temporary_checkpoint { "the next run begins anew" } else { "run it again to go on" };
        detail("stopped", format!("when asked; {next}"));
    }
    lines
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;

    pub(crate) fn example() -> Summary {
        Summary {
            epochs: 10,
            rows_in: 50_000,
            bytes_in: 5 << 20,
            rows_out: BTreeMap::from([("console".to_owned(), 12), ("files".to_owned(), 3456)]),
            late: 3,
            partly_late: 0,
            ahead: 4,
            rejected: 2,
            not_refreshed: 1,
            changed_files: 2,
            empty_files: 1,
            elapsed: Duration::from_millis(2500),
            watermark: Some(i64::MAX),
            checkpoint: "state/page-hits".into(),
            temporary_checkpoint: false,
            resumed_from: None,
            dead_letters: Some("page-hits.dead-letters.jsonl".into()),
            stopped: StopReason::InputEnded,
        }
    }

    #[test]
    fn the_summary_says_what_there_is() {
        let lines = ended("page-hits", &example());
        assert_eq!(
            lines,
            [
                "page-hits: 10 epochs, 50,000 rows (5.0 MiB) in 2.5 s, 20,000 rows/s",
                "  rows out   console 12, files 3,456",
                "  late       3",
                "  ahead      4, further than max_ahead",
                "  rejected   2, kept in page-hits.dead-letters.jsonl",
                "  refresh    1 time static sources could not be read again, and stayed as they were",
                "  changed    2 files changed after they were read: what came later was not read",
                "  empty      1 file without a byte, passed over",
                "  watermark  end of input",
                "  checkpoint state/page-hits",
            ]
        );
        let short = Summary {
            epochs: 1,
            rows_in: 1,
            late: 0,
            ahead: 0,
            rejected: 0,
            not_refreshed: 0,
            changed_files: 0,
            empty_files: 0,
            watermark: None,
            temporary_checkpoint: true,
            stopped: StopReason::Requested,
            ..example()
        };
        let lines = ended("page-hits", &short);
        assert!(lines[0].starts_with("page-hits: 1 epoch, 1 row (5.0 MiB)"), "{}", lines[0]);
        assert_eq!(lines[2..], ["  stopped    when asked; the next run begins anew"]);
    }
}
