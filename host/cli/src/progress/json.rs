//! `--progress json`: one object a line on standard error. An epoch's has `epoch`; before the first comes one with
//! `started`, last one with `summary`; a line for people is one with `message`; a source that goes away for a while, or is
//! back, is one with `source`.
//!
//! Times are RFC 3339 in UTC, durations milliseconds; a watermark is null as long as there is none.

use std::sync::Arc;

use millstream_engine::run::report::{EpochReport, LogLine, Observer, SourceChange, Started, Summary};
use serde_json::{Value, json};

use super::Progress;
use super::epoch_json::{EpochJson, millis, watermark};
use super::terminal::Terminal;

/// Shows a run as JSON lines.
pub(super) struct Json {
    terminal: Arc<Terminal>,
}

impl Json {
    pub(super) fn new(terminal: Arc<Terminal>) -> Self {
        Self { terminal }
    }

    fn tell(&self, value: &Value) {
        self.terminal.say(&value.to_string());
    }
}

fn epoch(report: &EpochReport) -> Value {
    serde_json::to_value(EpochJson::from(report)).expect("numbers and texts are JSON")
}

fn summary(job: &str, summary: &Summary) -> Value {
    json!({ "summary": {
        "job": job,
        "epochs": summary.epochs,
        "rows_in": summary.rows_in,
        "bytes_in": summary.bytes_in,
        "rows_out": summary.rows_out,
        "late": summary.late,
        "partly_late": summary.partly_late,
        "ahead": summary.ahead,
        "rejected": summary.rejected,
        "not_refreshed": summary.not_refreshed,
        "changed_files": summary.changed_files,
        "empty_files": summary.empty_files,
        "elapsed_ms": millis(summary.elapsed),
        "watermark": watermark(summary.watermark),
        "checkpoint": summary.checkpoint,
        "temporary_checkpoint": summary.temporary_checkpoint,
        "resumed_from": summary.resumed_from,
        "dead_letters": summary.dead_letters,
        "stopped": summary.stopped,
    } })
}

impl Observer for Json {
    fn started(&self, started: &Started) {
        self.tell(&json!({ "started": {
            "job": started.job,
            "checkpoint": started.checkpoint,
            "temporary_checkpoint": started.temporary_checkpoint,
            "resumed_from": started.resumed_from,
        } }));
    }

    fn epoch(&self, report: &EpochReport) {
        self.tell(&epoch(report));
    }

    fn message(&self, message: &str) {
        self.tell(&json!({ "message": message }));
    }

    fn logged(&self, epoch: u64, line: &LogLine) {
        self.tell(&json!({ "logged": {
            "epoch": epoch,
            "level": line.level.to_string(),
            "operator": &*line.node,
            "plugin": &*line.plugin,
            "text": line.text,
        }}));
    }

    fn source(&self, change: &SourceChange) {
        self.tell(&match change {
            SourceChange::Away { source, why } => json!({ "source": source, "away": true, "why": why }),
            SourceChange::Back { source, after } => {
                json!({ "source": source, "away": false, "after_ms": millis(*after) })
            }
        });
    }
}

impl Progress for Json {
    fn summary(&self, job: &str, ended: &Summary) {
        self.tell(&summary(job, ended));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::summary::tests::example;
    use super::super::terminal::tests::Shared;
    use super::*;

    #[test]
    fn each_line_is_an_object_and_the_last_is_the_summary() {
        let screen = Shared::default();
        let json = Json::new(Terminal::on(Box::new(Shared::default()), Box::new(screen.clone())));
        json.epoch(&EpochReport {
            epoch: 3,
            rows_in: 5,
            commit: Duration::from_micros(4_200),
            ..EpochReport::default()
        });
        json.message("two\nlines");
        json.source(&SourceChange::Away { source: "orders".into(), why: "no answer".into() });
        json.source(&SourceChange::Back { source: "orders".into(), after: Duration::from_millis(1500) });
        json.finish();
        json.summary("page-hits", &example());
        let lines: Vec<Value> = screen.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 5);
        assert_eq!((&lines[0]["epoch"], &lines[0]["commit_ms"]), (&json!(3), &json!(4.2)));
        assert_eq!((&lines[0]["started"], &lines[0]["watermark"]), (&json!("1970-01-01T00:00:00Z"), &Value::Null));
        assert_eq!(lines[1]["message"], "two\nlines");
        assert_eq!(lines[2], json!({ "source": "orders", "away": true, "why": "no answer" }));
        assert_eq!(lines[3], json!({ "source": "orders", "away": false, "after_ms": 1500.0 }));
        assert_eq!(lines[4]["summary"]["rows_out"]["console"], 12);
        assert_eq!(lines[4]["summary"]["watermark"], "end");
        assert_eq!(lines[4]["summary"]["stopped"], "input_ended");
    }
}
