//! What is said of calls: functions that are not there, arguments that they do not take.

use std::collections::BTreeMap;

use millstream_plugin::PluginKind;

use super::{About, Reworded, between, plain, without_speaker};
use crate::format::with_our_types;
use crate::job::suggest;
use crate::sql::functions::BUILT_IN;
use crate::sql::plugin::PluginFunction;

/// Functions that stand before `OVER` and nowhere else.
const OVER: [&str; 8] = ["row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead"];

/// What to write for functions of Spark, DuckDB and PostgreSQL that are not here.
const INSTEAD: [(&str, &str); 54] = [
    ("add_months", "write ts + INTERVAL '1 month'"),
    ("array_sort", "write array_sort of a list, or ORDER BY inside array_agg"),
    ("current_user", "a query knows no users"),
    ("date_add", "write ts + INTERVAL '3 days'"),
    ("date_diff", DIFFERENCE),
    ("date_sub", "write ts - INTERVAL '3 days'"),
    ("dateadd", "write ts + INTERVAL '3 days'"),
    ("datediff", DIFFERENCE),
    ("dayname", "write to_char(ts, '%A') for Monday, to_char(ts, '%a') for Mon"),
    ("dayofweek", "write date_part('dow', ts), which is 0 on Sundays"),
    ("epoch_ms", "write to_timestamp_millis(x) of a number, date_part('epoch', ts) * 1000 of a time"),
    ("first", "write first_value(x ORDER BY ts)"),
    ("from_json", "declare the column as struct<…> on the source, or read fields with json_get_str(column, 'key')"),
    ("get_json_object", "write json_get_str(column, 'key', 'inner key')"),
    ("getdate", "take times from the rows themselves"),
    ("hash", "group by the columns themselves"),
    ("hop", "group by window(ts, '10 minutes', '5 minutes')"),
    ("if", "it is called as if(condition, one, other)"),
    ("iif", "it is called as iif(condition, one, other)"),
    ("json_extract", "write json_get_json(column, 'key'), or json_get_str(column, 'key') for its text"),
    ("json_extract_string", "write json_get_str(column, 'key')"),
    ("json_value", "write json_get_str(column, 'key')"),
    ("last", "write last_value(x ORDER BY ts)"),
    ("locate", "write strpos(text, part)"),
    ("max_by", "write last_value(x ORDER BY y)"),
    ("arg_max", "write last_value(x ORDER BY y)"),
    ("md5", "hashes are not built in: write a map plugin"),
    ("min_by", "write first_value(x ORDER BY y)"),
    ("arg_min", "write first_value(x ORDER BY y)"),
    ("monthname", "write to_char(ts, '%B') for January, to_char(ts, '%b') for Jan"),
    ("mode", "group by the value too, and take the greatest count behind it"),
    ("monotonically_increasing_id", "rows of a stream have no numbers"),
    ("named_struct", "write struct(a, b) AS s"),
    ("percentile", "write approx_percentile_cont(x, 0.5)"),
    ("posexplode", "write unnest(list); places of elements are not kept"),
    ("quantile", "write approx_percentile_cont(x, 0.5)"),
    ("rand", "an epoch that is run again after a crash must give the same rows: take what is random from the rows"),
    ("regexp_extract", "it is called as regexp_extract(text, 'a(b)', 1); 1 is the first group, 0 the whole match"),
    ("session", "group by session_window(ts, '10 minutes')"),
    ("sha1", "hashes are not built in: write a map plugin"),
    ("sha2", "hashes are not built in: write a map plugin"),
    ("sha256", "hashes are not built in: write a map plugin"),
    ("sort_array", "write array_sort(list)"),
    ("split", "write string_to_array(text, ',')"),
    ("strptime", "write to_timestamp(text, '%Y-%m-%d')"),
    ("sysdate", "take times from the rows themselves"),
    ("time_bucket", "write date_bin('10 minutes', ts), or group by window(ts, '10 minutes')"),
    ("timestamp_seconds", "write to_timestamp_seconds(x), or declare the column as timestamp on the source"),
    ("timestampdiff", DIFFERENCE),
    ("to_json", "a sink with format = \"json\" writes structs and lists as they are"),
    ("to_seconds", "write INTERVAL '5 seconds'"),
    ("tumble", "group by window(ts, '10 minutes')"),
    ("unix_timestamp", "write date_part('epoch', ts)"),
    ("user", "a query knows no users"),
];

const DIFFERENCE: &str = "datediff(later, earlier) counts days; hours are \
                          (date_part('epoch', later) - date_part('epoch', earlier)) / 3600";

/// What is said otherwise of a query that is in no job.
const INSTEAD_ONCE: [(&str, &str); 10] = [
    ("from_json", "read fields with json_get_str(column, 'key')"),
    ("md5", NO_HASHES),
    ("mode", "write SELECT x FROM … GROUP BY x ORDER BY count(*) DESC LIMIT 1"),
    ("monotonically_increasing_id", "write row_number() OVER ()"),
    ("rand", "write random()"),
    ("sha1", NO_HASHES),
    ("sha2", NO_HASHES),
    ("sha256", NO_HASHES),
    ("timestamp_seconds", "write to_timestamp_seconds(x)"),
    ("to_json", "--format json prints structs and lists as they are"),
];

const NO_HASHES: &str = "there are no hashes: compare and group the values themselves";

/// Says what `text` says of a call, if it does; `asked_once`: of a query that is in no job.
pub(super) fn reword(text: &str, plugins: &BTreeMap<String, PluginFunction>, asked_once: bool) -> Option<Reworded> {
    if let Some(name) = between(text, "Invalid function '", "'") {
        return Some(unknown(name, plugins, asked_once));
    }
    // What a function says itself, ours above all, is more than that it says no.
    let text = match text.split_once("user-defined coercion failed with: ") {
        Some((_, inner)) if inner.contains('`') => {
            return Some(Reworded::new(plain(without_speaker(inner)), ""));
        }
        _ => text,
    };
    if text.contains("WITHIN GROUP") || text.contains("NULLS are not permitted") {
        return None;
    }
    let name = named(text)?;
    let said = match (arguments(text), given(text)) {
        (Some(count), _) => {
            let plural = if count == 1 { "" } else { "s" };
            format!("`{name}` does not take {count} argument{plural}")
        }
        (None, Some(given)) => format!("there is no `{name}` of {given}"),
        (None, None) => format!("`{name}` does not take these arguments"),
    };
    let cast = "CAST its argument to a type that it takes";
    let help = match BUILT_IN.usage(name) {
        Some(usage) => {
            let usage = usage.replace("_expression", "").replace("expression", "value");
            format!("it is called as {usage}; {cast}")
        }
        None => cast.to_owned(),
    };
    // Calls that the planner makes of other syntax.
    let (said, help) = match name {
        "make_array" => ("the elements of a list are of types that do not go together".to_owned(), cast.to_owned()),
        "array_element" => {
            let of = given(text).map_or(String::new(), |given| format!(", and this is {given}"));
            (
                format!("`[…]` takes an element out of a list{of}"),
                "substr(text, 1, 1) takes a letter out of a text, and struct['field'] a field".to_owned(),
            )
        }
        "array_slice" => {
            let of = given(text).and_then(|given| Some(given.split(", ").next()?.to_owned()));
            let of = of.map_or(String::new(), |of| format!(", and this is {of}"));
            (
                format!("`[…:…]` takes a part out of a list{of}"),
                "substr(text, 1, 2) takes letters out of a text".to_owned(),
            )
        }
        "btrim" => (said.replace("`btrim`", "`trim`"), help.replace("btrim(", "trim(")),
        _ => (said, help),
    };
    Some(Reworded::new(said, help).about(About::Call(name.to_owned())))
}

/// The function that `text` speaks of.
fn named(text: &str) -> Option<&str> {
    let marks = [
        ("Function '", "'"),
        ("function '", "'"),
        ("a call to '", "'"),
        ("The function ", " "),
        ("the function ", " "),
        ("Function `", "`"),
        ("'", "' does not support"),
    ];
    let known = |name: &&str| BUILT_IN.has(name);
    let found = marks.iter().find_map(|(before, after)| between(text, before, after).filter(known));
    // `abs function requires 1 argument, got 2`
    found.or_else(|| {
        let (name, _) = text.split_once(|c: char| !c.is_alphanumeric() && c != '_')?;
        let speaks = ["argument", " function", "does not support", "requires", "expects"];
        (speaks.iter().any(|word| text.contains(word)) && known(&name)).then_some(name)
    })
}

/// How many arguments were given, where that is what is wrong.
fn arguments(text: &str) -> Option<usize> {
    let number = |rest: &str| {
        let digits: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    // Several ways to call it fail in several ways: mostly it is the types.
    if text.contains("failed to match any signature") {
        let received: Vec<Option<usize>> = text.split("but received ").skip(1).map(number).collect();
        let counts = !received.is_empty() && received.iter().all(Option::is_some) && !text.contains("DataType: ");
        return if counts { received[0] } else { None };
    }
    for before in ["arguments but received ", "argument but received ", "argument(s) but received ", "arguments, but "]
    {
        if let Some((_, rest)) = text.split_once(before) {
            return number(rest);
        }
    }
    if text.contains("does not support zero arguments") {
        return Some(0);
    }
    text.contains("argument").then(|| text.split_once(", got ").and_then(|(_, rest)| number(rest)))?
}

/// The types of the arguments that were given, where they are what is wrong.
fn given(text: &str) -> Option<String> {
    let types = between(text, "(DataType: ", ").").or_else(|| between(text, "coercion from ", " to the signature"));
    let types = types.or_else(|| {
        let (_, rest) = text.split_once("but received ").or_else(|| text.split_once("does not support type "))?;
        let types = rest.split(['.', '\n']).next().unwrap_or(rest);
        types.starts_with(|c: char| c.is_ascii_uppercase()).then_some(types)
    })?;
    let types = types.trim().trim_end_matches(',');
    (!types.is_empty()).then(|| with_our_types(types))
}

fn unknown(name: &str, plugins: &BTreeMap<String, PluginFunction>, asked_once: bool) -> Reworded {
    if OVER.contains(&name) {
        let message = "OVER needs all rows of its partition, and a stream's rows never end";
        return Reworded::new(message, "group by window(…) instead").about(About::Words("OVER".into()));
    }
    if let Some(plugin) = plugins.get(name) {
        let makes_rows = match plugin.operator.kind {
            PluginKind::Keyed => Some(("keyed operator", format!("{name}(TABLE node PARTITION BY key)"))),
            PluginKind::FlatMap => Some(("flat-map", format!("{name}(node)"))),
            _ => None,
        };
        if let Some((is, call)) = makes_rows {
            let message = format!("`{name}` is a {is}, which makes rows of rows: it is called in FROM");
            return Reworded::new(message, format!("write SELECT … FROM {call}"));
        }
        let message = format!("`{name}` is a plugin, but neither a map nor an aggregate: SQL cannot call it");
        return Reworded::new(message, "make it an operator of its own, which reads the same input");
    }
    let held: Vec<String> = (plugins.keys())
        .filter(|held| held.strip_prefix(name).is_some_and(|operator| operator.starts_with('.')))
        .map(|held| format!("`{held}`"))
        .collect();
    if !held.is_empty() {
        let message = format!("the plugin `{name}` holds several operators, and none is named");
        return Reworded::new(message, format!("write one of {}", held.join(", ")));
    }
    let message = format!("there is no function `{name}`");
    let instead = INSTEAD_ONCE.iter().filter(|_| asked_once).chain(&INSTEAD);
    if let Some((_, help)) = instead.into_iter().find(|(theirs, _)| *theirs == name) {
        return Reworded::new(message, *help);
    }
    let mut names: Vec<&str> = BUILT_IN.names().chain(plugins.keys().map(String::as_str)).collect();
    // The same suggestion each time: a map is in no order.
    names.sort_unstable();
    match suggest::nearest(name, names) {
        Some(near) => Reworded::new(message, format!("did you mean `{near}`?")),
        None if asked_once => Reworded::new(message, "docs/sql.md names functions"),
        None => Reworded::new(message, "docs/sql.md names functions; what SQL does not have can be a plugin"),
    }
}
