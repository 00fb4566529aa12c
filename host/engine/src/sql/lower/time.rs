//! How a GROUP BY uses event time: by windows, by sessions, by `date_bin` and `date_trunc`, by the event time itself; and
//! which of them the output mode allows.

use datafusion_expr::{Expr, ExprSchemable, LogicalPlan};
use datafusion_functions::core::expr_fn::get_field;

use super::Lowering;
use super::event_time::EventTimes;
use super::identity::Over;
use crate::Result;
use crate::job::OutputMode;
use crate::operator::Expressions;
use crate::operator::aggregate::{OutputColumn, TimeKey};
use crate::relation::event_time::as_event_time;
use crate::sql::functions::window::{SESSION_WINDOW, as_window_call, is_window_type, session_spec, window_spec};
use crate::sql::functions::window_time::window_time;
use crate::sql::rewrite::bin::as_bin;
use crate::sql::shown::shown;

/// Event time's part in a grouping.
pub(super) struct TimeGrouping {
    pub key: TimeKey,
    /// The grouping expression that it is, if any.
    pub at: Option<usize>,
    /// What comes out in its place; none = it is a key like the others too.
    pub column: Option<OutputColumn>,
    /// The mark of that column as event time.
    pub mark: Option<String>,
}

/// What an expression that is to be a window's time is called with.
pub(super) enum As {
    /// The instant in whose window a row lies.
    Instant,
    /// The time after which nothing more comes for the value.
    Last,
}

impl Lowering<'_> {
    /// Event time's part in a grouping by `by`.
    pub(super) fn time_grouping(
        &self,
        by: &[Expr],
        times: &EventTimes<'_>,
        input: &LogicalPlan,
        mode: OutputMode,
    ) -> Result<TimeGrouping> {
        let mut windows = by.iter().enumerate().filter_map(|(at, e)| as_window_call(e).map(|call| (at, call)));
        if let Some((at, (name, args))) = windows.next() {
            if windows.next().is_some() {
                return Err(self
                    .text
                    .refuse(self.text.find_call(name), "a query groups by one window only")
                    .with_help("group by the other one in a second query over the first"));
            }
            let refused = |e: String| {
                self.text.refuse(self.text.find_call(name), e).with_help(format!("write {name}(ts, '10 minutes')"))
            };
            self.check_window_column(name, &args[0], times, mode)?;
            let time = self.time_expression(&args[0], input, As::Instant)?;
            let key = if name == SESSION_WINDOW {
                let spec = session_spec(args).map_err(refused)?;
                if mode == OutputMode::Update {
                    let message =
                        "a session cannot be emitted in update mode: what came out may become part of a longer one";
                    return Err(self
                        .text
                        .refuse(self.text.find_call(name), message)
                        .with_help("set output_mode = \"append\" or \"complete\""));
                }
                TimeKey::Session { spec, time }
            } else {
                TimeKey::Window { spec: window_spec(args).map_err(refused)?, time }
            };
            let mark = times.mark(&args[0]).filter(|node| !node.is_empty());
            return Ok(TimeGrouping { key, at: Some(at), column: Some(OutputColumn::Time), mark });
        }
        let none = TimeGrouping { key: TimeKey::None, at: None, column: None, mark: None };
        if mode == OutputMode::Complete {
            return Ok(none);
        }
        let watermarked = |e: &Expr| times.mark(e).filter(|node| !node.is_empty());
        let bin = by.iter().enumerate().find_map(|(at, e)| {
            let (spec, time) = as_bin(e)?;
            watermarked(time).map(|_| (at, spec, time))
        });
        if let Some((at, spec, time)) = bin {
            let key = TimeKey::Window { spec, time: self.time_expression(time, input, As::Instant)? };
            return Ok(TimeGrouping { key, at: Some(at), column: Some(OutputColumn::Start), mark: None });
        }
        let Some((at, mark)) = by.iter().enumerate().find_map(|(at, e)| watermarked(e).map(|mark| (at, mark))) else {
            return Ok(none);
        };
        let key = TimeKey::EventTime { time: self.time_expression(&by[at], input, As::Last)? };
        // Of two windows that end together the start differs: a window is its own key.
        let is_window = is_window_type(&by[at].get_type(times.from).map_err(|e| self.text.error(e))?);
        Ok(TimeGrouping { key, at: Some(at), column: (!is_window).then_some(OutputColumn::Time), mark: Some(mark) })
    }

    /// A window over a column that the watermark says nothing about would close at the wrong time.
    fn check_window_column(&self, name: &str, time: &Expr, times: &EventTimes<'_>, mode: OutputMode) -> Result<()> {
        if mode == OutputMode::Complete {
            return Ok(());
        }
        let shown_time = shown(time);
        let refused = |message: String| self.text.refuse(self.text.find_call(name), message);
        match times.mark(time) {
            Some(watermark) if !watermark.is_empty() || mode == OutputMode::Update => return Ok(()),
            Some(_) => {
                let message = format!(
                    "append mode emits a window when the watermark passes its end, and `{shown_time}` has no watermark"
                );
                return Err(refused(message)
                    .with_help("add `watermark = \"1 minute\"` (how late rows may come) beside `event_time`"));
            }
            None => {}
        }
        if times.is_bound_of_window(time) {
            return Err(refused("a window's start or end is no event time: that is the last instant in it".into())
                .with_help(format!("write {name}(window, …), or {name}(window_time(window), …)")));
        }
        // The query may not read it at all: it is looked for in the tables.
        let mut tables = self.context.tables.values();
        let in_tables =
            || tables.find_map(|t| EventTimes { from: times.from, rows: &t.schema }.column().map(str::to_owned));
        if let Some(event_time) = times.column().map(str::to_owned).or_else(in_tables) {
            let message = format!(
                "{name} over `{shown_time}`, which is not the event time: that is `{event_time}`, and the watermark speaks of it"
            );
            let help = match time {
                Expr::Column(_) => format!("write {name}({event_time}, …), or make `{shown_time}` the event_time"),
                _ => format!("write {name}({event_time}, …)"),
            };
            return Err(refused(message).with_help(help));
        }
        if mode == OutputMode::Update {
            return Ok(());
        }
        let message = format!(
            "append mode emits a window when the watermark passes its end, and `{shown_time}` is no event time"
        );
        Err(refused(message).with_help(format!(
            "add `event_time = \"{shown_time}\"` and `watermark = \"1 minute\"` to the source, or set output_mode = \"complete\""
        )))
    }

    /// `expr` as event time: of a window its last instant or its end.
    pub(super) fn time_expression(&self, expr: &Expr, input: &LogicalPlan, what: As) -> Result<Expressions> {
        let (schema, failed) = (input.schema(), |e| self.text.error(e));
        let is_window = is_window_type(&expr.get_type(schema).map_err(failed)?);
        let expr = match what {
            As::Instant if is_window => window_time().call(vec![expr.clone()]),
            As::Last if is_window => get_field(expr.clone(), "end"),
            _ => expr.clone(),
        };
        as_event_time(&expr, schema, Over::Rows(input).one(&expr)).map_err(failed)
    }
}
