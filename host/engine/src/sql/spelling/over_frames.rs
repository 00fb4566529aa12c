//! Frames as they are written: what is not said is written out, and what no row can have is refused.

use datafusion_sql::sqlparser::ast::{
    Expr as Ast, Ident, Value, WindowFrame, WindowFrameBound, WindowFrameUnits, WindowSpec,
};

use crate::Result;
use crate::sql::error::SqlText;

/// `spec` with its frame written out.
pub(super) fn with_frame(text: &SqlText, mut spec: WindowSpec, name: &Ident) -> Result<WindowSpec> {
    let refuse = |message: String, help: &str| text.refuse(text.range_of(name.span), message).with_help(help);
    use WindowFrameBound::{CurrentRow, Following, Preceding};
    let all =
        WindowFrame { units: WindowFrameUnits::Rows, start_bound: Preceding(None), end_bound: Some(Following(None)) };
    let ordered = !spec.order_by.is_empty();
    let Some(frame) = &mut spec.window_frame else {
        let peers =
            WindowFrame { units: WindowFrameUnits::Groups, start_bound: Preceding(None), end_bound: Some(CurrentRow) };
        spec.window_frame = Some(if ordered { peers } else { all });
        return Ok(spec);
    };
    let end = frame.end_bound.get_or_insert(CurrentRow).clone();
    if side(&end, true) < side(&frame.start_bound, false) {
        let said = |bound: &WindowFrameBound| bound.to_string();
        let message = format!("the frame ends ({}) before it begins ({})", said(&end), said(&frame.start_bound));
        let help = "write the earlier one first: BETWEEN 2 PRECEDING AND CURRENT ROW";
        return Err(refuse(message, help));
    }
    let distances = [&frame.start_bound, &end].into_iter().filter_map(|bound| match bound {
        Preceding(Some(n)) | Following(Some(n)) => Some(n.as_ref()),
        _ => None,
    });
    let distances: Vec<&Ast> = distances.collect();
    let is_count =
        |n: &Ast| matches!(n, Ast::Value(v) if matches!(&v.value, Value::Number(n, _) if n.parse::<u64>().is_ok()));
    let is_number = |n: &Ast| matches!(n, Ast::Value(v) if matches!(v.value, Value::Number(..)));
    let refused = match frame.units {
        WindowFrameUnits::Rows | WindowFrameUnits::Groups => distances.iter().find(|n| !is_count(n)).map(|n| {
            (
                format!("a frame of {} is bounded by a number of them, and not by `{n}`", frame.units),
                "write 2 PRECEDING",
            )
        }),
        WindowFrameUnits::Range => {
            let written = |n: &&&Ast| !is_number(n) && !matches!(n, Ast::Interval(_));
            distances.iter().find(written).map(|n| {
                let message =
                    format!("a frame by RANGE is bounded by a number or an interval, written out, and not by `{n}`");
                (message, "write 5 PRECEDING, or INTERVAL '1 hour' PRECEDING")
            })
        }
    };
    if let Some((message, help)) = refused {
        return Err(refuse(message, help));
    }
    if frame.units == WindowFrameUnits::Groups && !ordered {
        let message =
            "a frame of GROUPS is of rows that an order does not tell apart, and there is no ORDER BY".to_owned();
        return Err(refuse(message, "write ORDER BY before it, or ROWS"));
    }
    if frame.units == WindowFrameUnits::Range && !distances.is_empty() && spec.order_by.len() != 1 {
        let message = "a frame by RANGE with a distance needs one column that rows are ordered by".to_owned();
        return Err(refuse(message, "write ORDER BY with one column before it, or ROWS"));
    }
    // Without distances it goes by peers, of whatever type.
    if frame.units == WindowFrameUnits::Range && distances.is_empty() {
        frame.units = WindowFrameUnits::Groups;
        if !ordered {
            *frame = all;
        }
    }
    Ok(spec)
}

/// Bounds from the start of a partition to its end.
fn side(bound: &WindowFrameBound, is_end: bool) -> u8 {
    match bound {
        // Nothing ends before everything.
        WindowFrameBound::Preceding(None) if is_end => 0,
        WindowFrameBound::Preceding(None) => 1,
        WindowFrameBound::Preceding(Some(_)) => 2,
        WindowFrameBound::CurrentRow => 3,
        WindowFrameBound::Following(Some(_)) => 4,
        WindowFrameBound::Following(None) if is_end => 5,
        WindowFrameBound::Following(None) => 6,
    }
}
