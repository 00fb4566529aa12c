//! `millstream top`

use std::io::{IsTerminal, stdout};
use std::time::Duration;

use millstream_engine::Result;
use millstream_engine::run::CanaryReport;
use millstream_engine::run::report::short;

use super::print;
use super::ps::{NO_REPLY, NONE, epoch, nothing, objects, watermark};
use crate::args::TopArgs;
use crate::columns::{self, Column, Side};
use crate::control::{self, Running};
use crate::progress::terminal;
use crate::{stop, text};

/// Time between two looks.
const EVERY: Duration = Duration::from_secs(1);

/// Shows the jobs that run: on a terminal again and again, until it is stopped.
pub(crate) fn top(args: &TopArgs) -> Result<()> {
    if args.json {
        return print(&objects(&control::all()?)?);
    }
    if !stdout().is_terminal() {
        return print(&(picture(&control::all()?).join("\n") + "\n"));
    }
    stop::at_once()?;
    let mut drawn = 0;
    loop {
        let mut lines = picture(&control::all()?);
        // What has left the screen at its top is not drawn over.
        lines.truncate(terminal::height().unwrap_or(24).saturating_sub(1));
        print(&terminal::over(drawn, &lines))?;
        drawn = lines.len();
        std::thread::sleep(EVERY);
    }
}

const COLUMNS: [Column; 15] = [
    ("job", Side::Left),
    ("pid", Side::Right),
    ("state", Side::Left),
    ("up", Side::Right),
    ("epoch", Side::Right),
    ("in/s", Side::Right),
    ("out/s", Side::Right),
    ("in", Side::Right),
    ("out", Side::Right),
    ("late", Side::Right),
    ("rejected", Side::Right),
    ("state rows", Side::Right),
    ("bytes", Side::Right),
    ("compute", Side::Right),
    ("commit", Side::Right),
];

fn picture(running: &[Running]) -> Vec<String> {
    if running.is_empty() {
        return vec![NONE.to_owned()];
    }
    let rows: Vec<_> = running.iter().map(cells).collect();
    let mut lines = columns::lines(&COLUMNS, &rows).into_iter();
    let mut picture: Vec<String> = lines.next().into_iter().collect();
    for (line, job) in lines.zip(running) {
        picture.push(line);
        picture.extend(details(job).iter().map(|detail| format!("    {}", columns::plain(detail))));
    }
    picture
}

fn cells(job: &Running) -> [String; 15] {
    let pid = job.pid.to_string();
    let Ok(status) = &job.status else {
        let mut cells = std::array::from_fn(|_| nothing());
        (cells[1], cells[2]) = (pid, NO_REPLY.to_owned());
        return cells;
    };
    let last = status.last_epoch.as_ref();
    let of_last = |text: String| last.map_or_else(nothing, |_| text);
    let time = |millis: f64| text::duration(Duration::try_from_secs_f64(millis / 1000.0).unwrap_or_default());
    let (up, totals) = (Duration::from_secs((status.elapsed_ms / 1000.0) as u64), &status.totals);
    [
        status.job.clone(),
        pid,
        status.state.to_string(),
        text::duration(up),
        epoch(status),
        text::short(status.rows_in_per_second),
        text::short(status.rows_out_per_second),
        text::short(totals.rows_in),
        text::short(totals.rows_out),
        text::short(totals.late),
        text::short(totals.rejected),
        of_last(text::short(last.map_or(0, |last| last.state_rows))),
        of_last(text::bytes(last.map_or(0, |last| last.state_bytes))),
        of_last(time(last.map_or(0.0, |last| last.compute_ms))),
        of_last(time(last.map_or(0.0, |last| last.commit_ms))),
    ]
}

/// What has no room in the table.
fn details(job: &Running) -> Vec<String> {
    let status = match &job.status {
        Ok(status) => status,
        Err(why) => return vec![why.to_string()],
    };
    let mut details = vec![format!("watermark {}", watermark(status))];
    for (name, plugin) in &status.plugins {
        let digest = short(&plugin.digest);
        let since = plugin.swapped_since.map(|epoch| format!(", swapped with epoch {epoch}")).unwrap_or_default();
        details.push(format!("plugin `{name}` {digest}{since}"));
    }
    details.extend(status.canary.as_ref().map(|canary| {
        let CanaryReport { plugin, digest, share, since, clean, promote_after } = canary;
        let digest = short(digest);
        let promoted = promote_after.map(|epochs| format!(", promoted after {epochs}")).unwrap_or_default();
        format!("plugin `{plugin}` {digest} answers for {share} of the keys since epoch {since}: {clean} clean epoch{}{promoted}", if *clean == 1 { "" } else { "s" })
    }));
    details.extend(status.away.iter().map(|(source, why)| format!("source `{source}` is away: {why}")));
    details
}
