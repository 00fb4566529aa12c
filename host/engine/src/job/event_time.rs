//! Event time and its watermark.

use super::fields::Fields;
use super::text::Spanned;
use crate::error::Result;

/// Event time and its watermark, on a source or an operator.
#[derive(Debug, Clone)]
pub struct EventTimeSpec {
    /// The column.
    pub column: Spanned<String>,
    /// The delay, microseconds; none = event time without a watermark.
    pub delay: Option<i64>,
    /// After how long without rows it holds nobody back, microseconds.
    pub idle_after: Option<i64>,
    /// How far ahead of the epoch's processing time event times may be, microseconds; none = as far as they like.
    pub max_ahead: Option<i64>,
}

/// `event_time`, `watermark`, `idle_after`, `max_ahead`.
pub(super) fn event_time(fields: &Fields<'_>) -> Result<Option<EventTimeSpec>> {
    let column = fields.text("event_time")?;
    let delay = fields.micros("watermark")?;
    let idle_after = fields.micros("idle_after")?;
    let max_ahead = fields.micros("max_ahead")?;
    for (key, needs, missing) in [
        ("watermark", "event_time", column.is_none()),
        ("idle_after", "watermark", delay.is_none()),
        ("max_ahead", "event_time", column.is_none()),
    ] {
        if let (Some(entry), true) = (fields.get(key), missing) {
            return Err(fields
                .job
                .error(entry.key_span.clone(), format!("`{key}` needs `{needs}` beside it"))
                .with_help("`event_time` names the column, `watermark` how far it may lie behind"));
        }
    }
    if let (Some(entry), Some(..=0)) = (fields.get("max_ahead"), max_ahead) {
        let message = "`max_ahead` must be greater than zero: rows come a little after their time, by another clock";
        return Err(fields
            .job
            .error(entry.node.span.clone(), message)
            .with_help("for example `max_ahead = \"1 hour\"`"));
    }
    Ok(column.map(|column| EventTimeSpec { column, delay, idle_after, max_ahead }))
}
