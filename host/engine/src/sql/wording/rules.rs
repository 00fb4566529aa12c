//! The planner's messages by their kinds: a pattern of what it says, and what a user is told and how to mend it.

use super::{About, NAME_IT, Reworded, between, readable, unqualified};
use crate::format::with_our_types;

/// What is said; each `{}` is any text.
struct Rule {
    says: &'static str,
    /// `{0}`, `{1}` and so on are what the pattern's `{}` are.
    message: &'static str,
    help: &'static str,
}

const fn rule(says: &'static str, message: &'static str, help: &'static str) -> Rule {
    Rule { says, message, help }
}

const CAST_ONE: &str = "CAST one of them to the type of the other";

/// Those that have more to say come first.
const RULES: [Rule; 67] = [
    rule(
        "Cannot infer common argument type for comparison operation {}",
        "there is no `{0}`: these types cannot be compared",
        CAST_ONE,
    ),
    rule(
        "Cannot infer common argument type for logical boolean operation {}",
        "there is no `{0}`: both sides must be conditions",
        "compare with something: … = 1, or … <> ''",
    ),
    rule(
        "Cannot infer common argument type for regex operation {}",
        "there is no `{0}`: a pattern matches texts",
        "CAST the value to VARCHAR",
    ),
    rule(
        "Cannot infer common type for bitwise operation {}",
        "there is no `{0}`: bits are those of whole numbers",
        "CAST to BIGINT",
    ),
    rule(
        "Cannot infer common string type for string concat operation {}",
        "there is no `{0}`: `||` puts texts together",
        "CAST to VARCHAR",
    ),
    rule("Cannot infer common argument type for {} operation {}", "there is no `{1}`", CAST_ONE),
    rule("Cannot infer common argument type for operation {}", "there is no `{0}`", CAST_ONE),
    rule(
        "Cannot get result type for temporal operation {}: {}",
        "there is no `{0}`",
        "a time and a length of time go together: ts + INTERVAL '1 hour'",
    ),
    rule("Cannot get result type for {} operation {}: {}", "there is no `{1}`", CAST_ONE),
    rule(
        "Unable to represent {} as months in a signed 32-bit integer",
        "`{0}` are longer than a length of time can be",
        LONGEST,
    ),
    rule("Unable to represent {} in a signed 32-bit integer", "`{0}` are longer than a length of time can be", LONGEST),
    rule(
        "{} decimal_places {} is out of supported",
        "`{0}` to {1} places: no number has so many",
        "write a number of places such as 2",
    ),
    rule(
        "Overflow happened on: {}",
        "what is made of these constants does not fit its type: {0}",
        "write smaller ones; of hours, minutes and seconds an INTERVAL has 292 years",
    ),
    rule("Cannot coerce arithmetic expression {} to valid types", "there is no `{0}`", CAST_ONE),
    rule(
        "There isn't a common type to coerce {} and {} in {} expression",
        "{2} matches texts, and these are {0} and {1}",
        "CAST to VARCHAR",
    ),
    rule("Failed to coerce types {} and {} in BETWEEN", "BETWEEN cannot compare {0} and {1}", CAST_ONE),
    rule("Can not find compatible types to compare {} with [{}]", "IN cannot compare {0} with {1}", CAST_ONE),
    rule(
        "Failed to coerce then ({}) and else ({}) to common types",
        "the results of CASE are of types that do not go together: {0}, else {1}",
        "CAST them to one type",
    ),
    rule("Failed to coerce case ({}) and when ({}) to common", "CASE cannot compare {0} with {1}", CAST_ONE),
    rule(
        "WHEN expressions in CASE{} must be boolean type, but got {}",
        "WHEN takes a condition, and this is {1}",
        "compare with something: … = 1",
    ),
    rule(
        "{} must be boolean type, but got {}",
        "a condition is needed here, and this is {1}",
        "compare with something: … = 1",
    ),
    rule(
        "Cannot create filter with non-boolean predicate '{}' returning {}",
        "WHERE takes a condition, and `{0}` is {1}",
        "compare with something: … = 1, or … <> ''",
    ),
    rule(
        "Unary operator 'NOT' requires a boolean expression, got {}",
        "NOT takes a condition, and this is {0}",
        "compare with something: NOT … = 1",
    ),
    rule(
        "Negation only supports",
        "a minus stands before numbers and lengths of time only",
        "CAST the value to a number",
    ),
    rule("Unary operator '-'", "a minus stands before numbers and lengths of time only", "CAST the value to a number"),
    rule("Unary operator '+'", "a plus stands before numbers and lengths of time only", "CAST the value to a number"),
    rule("Cannot automatically convert {} to {}.", "{0} does not become {1}", "CAST it"),
    rule("Cannot automatically convert {} to {}", "{0} does not become {1}", "CAST it"),
    rule(
        "Unsupported CAST from {} to {}",
        "there is no CAST of {0} to {1}",
        "CAST a part of it, or go by way of VARCHAR",
    ),
    rule(
        "Casting from {} to {} not supported",
        "there is no CAST of {0} to {1}",
        "CAST a part of it, or go by way of VARCHAR",
    ),
    rule(
        "Incompatible inputs for Union: Previous inputs were of type {}, but got incompatible type {} on column '{}'",
        "column `{2}` of the UNION is {0} in one query and {1} in another",
        CAST_ONE,
    ),
    rule("UNION queries have different number of columns", UNLIKE, LIKE_IT),
    rule("queries have different number of columns", UNLIKE, LIKE_IT),
    rule("Union schemas have different number of fields", UNLIKE, LIKE_IT),
    rule(
        "Cannot find column with position {} in SELECT clause. Valid columns: 1 to {}",
        "there is no column {0} to group by: SELECT has columns 1 to {1}",
        "write the column's name",
    ),
    rule(
        "Order by column out of bounds, specified: {}, max: {}",
        "there is no column {0} to order by: SELECT has {1}",
        "write the column's name",
    ),
    rule(
        "Order by index starts at 1",
        "there is no column 0 to order by: columns count from 1",
        "write the column's name",
    ),
    rule(
        "HAVING clause references: {} must appear in the GROUP BY",
        "HAVING speaks of groups, and the query makes none",
        "write WHERE instead, or add GROUP BY",
    ),
    rule(
        "Aggregate functions are not allowed in the WHERE clause",
        "WHERE looks at single rows, and this is an aggregate of many",
        "write it in HAVING, behind GROUP BY",
    ),
    rule(
        "WITH query name \"{}\" specified more than once",
        "WITH names two queries `{0}`",
        "give one of them another name",
    ),
    rule(
        "Source table contains {} columns but only {} names given",
        "{1} names are given for {0} columns",
        "name them all, or none",
    ),
    rule("LIMIT must be >= 0", "LIMIT takes a number of rows, 0 or more", "write LIMIT 10"),
    rule("OFFSET must be >=0", "OFFSET takes a number of rows, 0 or more", "write OFFSET 10"),
    rule("Expected LIMIT to be an integer", "LIMIT takes a number of rows, 0 or more", "write LIMIT 10"),
    rule("Expected OFFSET to be an integer", "OFFSET takes a number of rows, 0 or more", "write OFFSET 10"),
    rule(
        "For SELECT DISTINCT, ORDER BY expressions {} must appear in select list",
        "SELECT DISTINCT is ordered by its own columns only",
        "add the column to SELECT",
    ),
    rule(
        "Substring without for/from",
        "SUBSTRING takes a text, where to begin and how many letters",
        "write substr(text, 1, 3)",
    ),
    rule("Field {} not found in struct", "there is no field `{0}`", "name a field that the struct has"),
    rule(
        "Cannot access field at argument 1: type {} is not a ",
        "{0} has no fields",
        "read JSON in a text with json_get_str(column, 'key'), and elements of a list with list[1]",
    ),
    rule(
        "Aggregate function calls cannot be nested: `{}` is nested inside `{}`",
        "aggregates cannot be nested: `{0}` stands inside `{1}`",
        "aggregate in a sub-query first, and its result again",
    ),
    rule(
        "Too many columns! The subquery should only return one column",
        "a sub-query that is compared with gives one column",
        "SELECT one column; of two, write EXISTS (SELECT 1 FROM b WHERE b.x = a.x AND b.y = a.y)",
    ),
    rule(
        "Argument {} to grouping function is not in grouping columns",
        "grouping says of a column of GROUP BY whether it is left out, and `{0}` is none",
        "name a column that stands in ROLLUP, CUBE or GROUPING SETS",
    ),
    rule(
        "Invalid input syntax for type interval: \"{}\"",
        "`{0}` is no length of time",
        "write it as in INTERVAL '1 hour', or '90 minutes'",
    ),
    rule(
        "Decimal(precision = {}, scale = {}) should satisfy",
        "there is no DECIMAL({0}, {1})",
        "write DECIMAL(p, s) with p from 1 to 38 and s not greater than p",
    ),
    rule("Invalid HexStringLiteral '{}'", "X'{0}' is no bytes", "write two of 0-9 and a-f for each byte: X'0fa0'"),
    rule(
        "Nested identifiers are not yet supported for OuterReferenceColumn {}",
        "a sub-query cannot take a field out of the struct `{0}` of the query around it",
        "give the field a name in FROM of the query around it: FROM (SELECT s.field AS name, … FROM …)",
    ),
    rule("Invalid qualifier {}", "there is no table `{0}` in FROM", "write the name that FROM gives it"),
    rule(
        "unnest() can only be applied to array",
        "unnest takes a list or a struct",
        "string_to_array(text, ',') makes a list of a text",
    ),
    rule(
        "unnest on non-list or struct type",
        "unnest takes a list or a struct",
        "string_to_array(text, ',') makes a list of a text",
    ),
    rule(
        "Support for '{}' for data type {} is not implemented",
        "there is no `{0}` of {1}",
        "CAST its argument to a type that it takes, VARCHAR or BIGINT",
    ),
    rule(
        "Percentile value must be between 0.0 and 1.0 inclusive, {} is invalid",
        "a percentile is a number from 0 to 1, and this is {0}",
        "the 99th percentile is 0.99",
    ),
    rule(
        "Percentile value for '{}' must be a literal",
        "which percentile is meant must be a constant",
        "write a number from 0 to 1, 0.99 for example",
    ),
    rule(
        "Nth value indices are 1 based",
        "there is no value 0: values count from 1",
        "write 1 for the first one, -1 for the last one",
    ),
    rule("SUM not supported for {}", "there is no `sum` of {0}", SUM_OF),
    rule("AVG not supported for {}", "there is no `avg` of {0}", SUM_OF),
    rule("unnest() does not support null", "unnest takes a list or a struct, and this is null", ""),
    rule(
        "unnest on struct can only be applied at the root level",
        "unnest of a struct stands alone in SELECT",
        "write unnest(s), or s['field'] for one field",
    ),
];

const LONGEST: &str = "an INTERVAL has 2147483647 months or days at the most; times lie in the years 0001 to 9999";
const SUM_OF: &str = "name a column of numbers; rows are counted with count(*)";
const UNLIKE: &str = "the queries of a UNION must give as many columns as each other";
const LIKE_IT: &str = "write the same columns in the same order, NULL AS name where one is missing";

/// What a rule says of `text`, if one fits; `asked_once`: of a query that is in no job.
pub(super) fn reword(text: &str, asked_once: bool) -> Option<Reworded> {
    if text.starts_with("Projections require unique expression names") {
        let name = between(text, "expression \"", "\" at position");
        let name = name.map_or_else(|| text.to_owned(), |name| unqualified(&readable(name)));
        return Some(Reworded::new(format!("two columns are named `{name}`"), NAME_IT));
    }
    if is_ungrouped(text) {
        let name = between(text, "olumn \"", "\"").map_or_else(|| "a column".to_owned(), unqualified);
        return Some(Reworded::new(
            format!("`{name}` is neither in GROUP BY nor inside an aggregate"),
            format!("add it to GROUP BY, or say which of a group's values is meant, for example max({name})"),
        ));
    }
    if let Some(what) = text.strip_prefix("Unsupported SQL type ") {
        let name = what.trim_start_matches("(precision/scale not supported) ");
        let and = if asked_once { "and lists of them: BIGINT[]" } else { "and those of the job file" };
        let help =
            format!("types are BOOLEAN, INT, BIGINT, DOUBLE, DECIMAL(p, s), VARCHAR, BINARY, DATE, TIMESTAMP, {and}");
        return Some(Reworded::new(format!("there is no type `{name}`"), help).about(About::Clause(name.to_owned())));
    }
    let (rule, parts) = RULES.iter().find_map(|rule| Some((rule, captured(text, rule.says)?)))?;
    let mut message = rule.message.to_owned();
    for (at, part) in parts.iter().enumerate() {
        let part = with_our_types(&readable(part.trim().trim_end_matches('.')));
        message = message.replace(&format!("{{{at}}}"), &unqualified(&part));
    }
    let help = if rule.help == CAST_ONE { by_types(&message).unwrap_or(CAST_ONE) } else { rule.help };
    let said = Reworded::new(message, help);
    // These stand for a clause as a whole.
    let clauses = ["LIMIT", "OFFSET", "HAVING", "WHERE"];
    let clause = clauses.into_iter().find(|clause| said.message.starts_with(clause));
    let clause = clause.or_else(|| {
        let by = ["GROUP BY", "ORDER BY"].into_iter();
        by.into_iter().find(|clause| said.message.contains(&format!("to {}", clause.to_lowercase())))
    });
    let clause = clause.or_else(|| said.message.contains("names are given").then_some("WITH"));
    Some(match clause {
        Some(clause) => said.about(About::Clause(clause.to_owned())),
        None => said,
    })
}

/// How to mend an operation by the types in what is said of it.
fn by_types(message: &str) -> Option<&'static str> {
    let operation = between(message, "there is no `", "`")?;
    let (left, operator, right) = {
        let mut words = operation.split(' ');
        let left = words.next()?;
        let right = operation.rsplit(' ').next()?;
        (left, operation[left.len()..operation.len() - right.len()].trim(), right)
    };
    let one_is = |of: &[&str]| of.contains(&left) || of.contains(&right);
    let both_are = |of: &[&str]| of.contains(&left) && of.contains(&right);
    let is_sum = matches!(operator, "+" | "-");
    let is_arithmetic = is_sum || matches!(operator, "*" | "/" | "%");
    Some(match operator {
        "+" if both_are(&["utf8"]) => "texts are put together with ||",
        _ if is_sum && one_is(&["timestamp", "date"]) && one_is(&["utf8"]) => {
            "a length of time is written INTERVAL '1 hour', a time TIMESTAMP '2026-03-01 09:00:00'"
        }
        _ if is_sum && one_is(&["timestamp"]) => "a time and a length of time go together: ts + INTERVAL '1 hour'",
        _ if is_arithmetic && one_is(&["interval"]) => {
            "lengths of time are added to times; n hours behind ts are to_timestamp(date_part('epoch', ts) + n * 3600)"
        }
        _ if is_arithmetic && one_is(&["timestamp", "date"]) => {
            "the seconds of a time since 1970 are date_part('epoch', ts)"
        }
        _ if is_arithmetic && one_is(&["utf8"]) => "CAST(text AS BIGINT), or AS DOUBLE, makes a number of a text",
        _ if is_arithmetic && one_is(&["boolean"]) => "a condition becomes a number by CASE WHEN … THEN 1 ELSE 0 END",
        _ if one_is(&["timestamp"]) && !one_is(&["utf8", "boolean"]) => {
            "to_timestamp(n) makes a time of seconds since 1970, to_timestamp_millis(n) of milliseconds"
        }
        _ => return None,
    })
}

/// Whether `text` says that a column is neither a group's key nor inside an aggregate.
pub(super) fn is_ungrouped(text: &str) -> bool {
    ["must be in GROUP BY or an aggregate function", "must appear in the GROUP BY clause or must be"]
        .iter()
        .any(|said| text.contains(said))
}

/// What the `{}` of `pattern` are in `text`, wherever it begins; the last one goes to the end of the line.
fn captured<'t>(text: &'t str, pattern: &str) -> Option<Vec<&'t str>> {
    let mut words = pattern.split("{}");
    let first = words.next()?;
    let (_, mut rest) = text.split_once(first)?;
    let mut parts = Vec::new();
    for word in words {
        if word.is_empty() {
            parts.push(rest.split('\n').next().unwrap_or(rest));
            break;
        }
        let (part, after) = rest.split_once(word)?;
        parts.push(part);
        rest = after;
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_message() {
        assert_eq!(captured("x: a {1} and b in c", "a {} and {} in {}"), Some(vec!["{1}", "b", "c"]));
        assert_eq!(captured("nothing", "a {}"), None);
        let said =
            reword("Cannot infer common argument type for comparison operation Timestamp(ns) > Boolean", true).unwrap();
        assert_eq!(said.message, "there is no `timestamp > boolean`: these types cannot be compared");
        let said = reword("Cannot access field at argument 1: type List(Int64) is not a Struct, a Map, or Null", true)
            .unwrap();
        assert_eq!(said.message, "list<int64> has no fields");
    }
}
