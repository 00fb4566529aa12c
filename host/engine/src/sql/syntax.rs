//! Clauses and operators that the parser reads and nothing here computes, refused where they stand, with what to write
//! instead. What is named here is refused by name; any other syntax that the planner does not know is refused by its kind.

use std::ops::{ControlFlow, Range};

use datafusion_sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, Expr as Ast, Function, FunctionArguments, GroupByExpr, Ident, JoinConstraint,
    JoinOperator, LimitClause, ObjectNamePart, PipeOperator, Query, Select, SelectItem, SetExpr, Spanned, Statement,
    Subscript, TableFactor, UnaryOperator, Value, Visit, Visitor,
};
use datafusion_sql::sqlparser::tokenizer::Span;

use super::error::SqlText;
use super::functions::BUILT_IN;
use super::over_functions::is_placed;
use super::parse::normalised;
use crate::{Error, Result};

/// Refuses what `statement` has in it that nothing computes; `asked_once`: over rows that end.
///
/// # Errors
/// There is such a thing.
pub(super) fn refuse(text: &SqlText, statement: &Statement, asked_once: bool) -> Result<()> {
    let mut syntax = Syntax { text, asked_once, refused: None };
    let _ = statement.visit(&mut syntax);
    syntax.refused.map_or(Ok(()), Err)
}

/// The refusal of a statement that is no query.
pub(super) fn no_query(text: &SqlText, statement: &Statement) -> Error {
    let said = statement.to_string();
    let verb = said.split_whitespace().next().unwrap_or_default().to_uppercase();
    let help = match verb.as_str() {
        "CREATE" if text.is_asked_once() => {
            "name its query within another one: WITH name AS (SELECT …) SELECT … FROM name"
        }
        "INSERT" | "CREATE" | "COPY" | "MERGE" => text.said(
            "write its query alone: where the rows go is said by a [sink.…] of the job file",
            "write its query alone: its rows are printed, and --format csv > FILE keeps them",
        ),
        "DELETE" | "UPDATE" | "TRUNCATE" => text.said(
            "rows of a stream are not changed: leave them out with WHERE, or change them in SELECT",
            "rows of files are not changed: leave them out with WHERE, or change them in SELECT",
        ),
        "EXPLAIN" => text.said(
            "`millstream check --explain` shows what a job does",
            "write its query alone: it is answered, and how is not shown",
        ),
        "DESCRIBE" | "DESC" | "SHOW" | "PRAGMA" | "SUMMARIZE" => "SELECT * FROM a_table LIMIT 5 shows its columns",
        "SET" | "USE" => text.said("options stand in the job file", "options are those of `millstream sql --help`"),
        _ => "write SELECT … FROM …",
    };
    text.refuse(text.find(&verb), "this is no query: it begins with SELECT or WITH").with_help(help)
}

struct Syntax<'a> {
    text: &'a SqlText,
    /// Rows do end: sub-queries may stand in expressions.
    asked_once: bool,
    refused: Option<Error>,
}

impl Syntax<'_> {
    fn at(&mut self, place: Range<usize>, message: impl Into<String>, help: &str) -> ControlFlow<()> {
        let refused = self.text.refuse(place, message);
        self.refused = Some(if help.is_empty() { refused } else { refused.with_help(help) });
        ControlFlow::Break(())
    }

    /// A clause that nothing computes.
    fn clause(&mut self, clause: &str, help: &str) -> ControlFlow<()> {
        self.at(self.text.find(clause), format!("{clause} is not supported"), help)
    }

    fn span(&mut self, span: Span, message: impl Into<String>, help: &str) -> ControlFlow<()> {
        self.at(self.text.range_of(span), message, help)
    }

    fn sub_query(&mut self) -> ControlFlow<()> {
        if self.asked_once {
            return ControlFlow::Continue(());
        }
        let at = self.text.find_any(&["IN (SELECT", "EXISTS (SELECT", "(SELECT", "(WITH"]);
        let message = "sub-queries can stand in FROM only: elsewhere their result would change with every epoch";
        self.at(at, message, "name the sub-query in FROM")
    }

    fn function(&mut self, f: &Function) -> ControlFlow<()> {
        if f.over.is_some() && !self.asked_once {
            let at = self.text.find("OVER");
            let message = "OVER needs all rows of its partition, and a stream's rows never end";
            return self.at(at, message, "group by window(…) instead");
        }
        if let [ObjectNamePart::Identifier(name)] = f.name.0.as_slice()
            && let (None, true) = (&f.over, self.asked_once)
            && is_placed(&normalised(name))
            && !BUILT_IN.has(&normalised(name))
        {
            let message = format!("`{}` is computed over rows in an order, and OVER says which", name.value);
            let help = format!("write {}(…) OVER (ORDER BY …)", name.value);
            return self.span(name.span, message, &help);
        }
        if f.name.0.len() > 1 {
            let message = format!("there is no function `{}`: functions have no dots in their names", f.name);
            return self.span(f.name.span(), message, "");
        }
        if !matches!(f.parameters, FunctionArguments::None) {
            return self.span(f.name.span(), format!("`{}` takes one list of arguments", f.name), "");
        }
        ControlFlow::Continue(())
    }

    fn operator(&mut self, left: &Ast, op: &BinaryOperator, right: &Ast) -> ControlFlow<()> {
        use BinaryOperator as B;
        let known = matches!(
            op,
            B::Gt
                | B::GtEq
                | B::Lt
                | B::LtEq
                | B::Eq
                | B::NotEq
                | B::Plus
                | B::Minus
                | B::Multiply
                | B::Divide
                | B::Modulo
                | B::And
                | B::Or
                | B::PGRegexMatch
                | B::PGRegexIMatch
                | B::PGRegexNotMatch
                | B::PGRegexNotIMatch
                | B::PGLikeMatch
                | B::PGILikeMatch
                | B::PGNotLikeMatch
                | B::PGNotILikeMatch
                | B::BitwiseAnd
                | B::BitwiseOr
                | B::BitwiseXor
                | B::PGBitwiseXor
                | B::PGBitwiseShiftLeft
                | B::PGBitwiseShiftRight
                | B::StringConcat
                | B::PGExp
                | B::AtArrow
                | B::ArrowAt
        );
        if known {
            return ControlFlow::Continue(());
        }
        let between = self.text.range_of(left.span()).end..self.text.range_of(right.span()).start;
        let spelled = op.to_string();
        let place =
            self.text.sql().get(between.clone()).and_then(|gap| gap.find(&spelled)).map(|at| between.start + at);
        let place = place.map_or_else(|| self.text.find(&spelled), |at| at..at + spelled.len());
        let help = match op {
            B::Arrow | B::LongArrow | B::HashArrow | B::HashLongArrow => {
                "read JSON in a text with json_get_str(column, 'key'), and fields of a struct with column['field']"
            }
            B::Question | B::QuestionAnd | B::QuestionPipe => {
                "whether JSON in a text has a key says json_contains(column, 'key')"
            }
            B::Xor => "write (a OR b) AND NOT (a AND b)",
            B::PGStartsWith => "write starts_with(text, 'start')",
            _ => "",
        };
        self.at(place, format!("the operator `{spelled}` is not supported"), help)
    }
}

impl Visitor for Syntax<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if let SetExpr::Values(_) = query.body.as_ref() {
            let at = self.text.find("VALUES");
            let help = "put fixed rows into a file, and read it with a source that has static = true";
            return self.at(at, "a query must read FROM a source or an operator", help);
        }
        if query.fetch.is_some() {
            return self.clause("FETCH", "write LIMIT n");
        }
        if let Some(LimitClause::LimitOffset { limit_by, .. }) = &query.limit_clause
            && !limit_by.is_empty()
        {
            let help = self.text.said(
                "keep the first row of each key with an operator that has dedup = { keys = [\"…\"] }",
                "SELECT DISTINCT ON (key) … keeps the first row of each key; of more, QUALIFY row_number() OVER (PARTITION BY key ORDER BY …) <= n",
            );
            return self.clause("LIMIT", help);
        }
        let piped = |p: &&PipeOperator| {
            let can = matches!(
                p,
                PipeOperator::Where { .. }
                    | PipeOperator::Select { .. }
                    | PipeOperator::OrderBy { .. }
                    | PipeOperator::Limit { .. }
            );
            !can
        };
        if let Some(pipe) = query.pipe_operators.iter().find(piped) {
            let what = pipe.to_string();
            let word = what.split_whitespace().next().unwrap_or("|>").to_owned();
            return self.at(
                self.text.find(&word),
                format!("`|> {word}` is not supported"),
                "write SELECT … FROM … instead",
            );
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        if let Some(view) = select.lateral_views.first() {
            let named = view.lateral_col_alias.first().map_or("value", |c| c.value.as_str());
            let call = view.lateral_view.to_string();
            let help = format!("write it in SELECT: {call} AS {named}");
            return self.at(self.text.find("LATERAL VIEW"), "LATERAL VIEW is not supported", &help);
        }
        let clauses = [
            (select.top.is_some(), "TOP", "write LIMIT n at the end"),
            (
                select.qualify.is_some() && !self.asked_once,
                "QUALIFY",
                "it goes with OVER, which a stream cannot do: group by window(…) instead",
            ),
            (
                !select.cluster_by.is_empty(),
                "CLUSTER BY",
                "leave it out: how rows are distributed does not change the result",
            ),
            (
                !select.distribute_by.is_empty(),
                "DISTRIBUTE BY",
                "leave it out: how rows are distributed does not change the result",
            ),
            (
                !select.sort_by.is_empty(),
                "SORT BY",
                self.text.said("leave it out: rows of a stream are in no order", "write ORDER BY"),
            ),
            (
                !select.named_window.is_empty() && !self.asked_once,
                "WINDOW",
                "it goes with OVER, which a stream cannot do: group by window(…) instead",
            ),
            (select.value_table_mode.is_some(), "SELECT AS", "name the columns"),
            (select.exclude.is_some(), "EXCLUDE", "write SELECT * EXCEPT (…)"),
        ];
        if let Some((_, clause, help)) = clauses.into_iter().find(|(there, ..)| *there) {
            return self.clause(clause, help);
        }
        if select.projection.is_empty() {
            let at = self.text.find_any(&["SELECT", "FROM"]);
            return self.at(at, "SELECT names no columns", "write SELECT * for all of them");
        }
        if select.from.is_empty() {
            let message = "a query must read FROM a source or an operator";
            return self.at(self.text.find("SELECT"), message, "name one of the job's nodes in FROM");
        }
        let (GroupByExpr::Expressions(_, modifiers) | GroupByExpr::All(modifiers)) = &select.group_by;
        if let Some(modifier) = modifiers.first() {
            let said = modifier.to_string();
            let message = self.text.said(
                "ROLLUP, CUBE and GROUPING SETS cannot be done on a stream",
                "this kind of grouping is not supported",
            );
            let help = self.text.said("use one operator per grouping", "write GROUP BY ROLLUP (a, b)");
            return self.at(self.text.find(&said), message, help);
        }
        if let GroupByExpr::Expressions(by, _) = &select.group_by
            && let Some(name) = aggregate_in(by)
        {
            let at = self.text.range_of(name.span);
            let message = format!("GROUP BY makes the groups, and `{}` is computed of one", name.value);
            return self.at(at, message, "group by columns, and write the aggregate in SELECT or HAVING");
        }
        if let Some(name) = select.selection.as_ref().and_then(|w| aggregate_in(std::slice::from_ref(w))) {
            let at = self.text.range_of(name.span);
            let message = format!("WHERE looks at single rows, and `{}` is an aggregate of many", name.value);
            return self.at(at, message, "write it in HAVING, behind GROUP BY");
        }
        for item in &select.projection {
            match item {
                SelectItem::ExprWithAliases { expr, .. } => {
                    return self.span(expr.span(), "an expression has one name", "write … AS name");
                }
                SelectItem::Wildcard(o) | SelectItem::QualifiedWildcard(_, o)
                    if o.opt_rename.is_some() || o.opt_alias.is_some() =>
                {
                    return self.at(
                        self.text.find_any(&["RENAME", "*"]),
                        "RENAME is not supported",
                        "write * EXCEPT (a), a AS b",
                    );
                }
                _ => {}
            }
        }
        for join in select.from.iter().flat_map(|t| &t.joins) {
            let refused = match &join.join_operator {
                JoinOperator::CrossApply | JoinOperator::OuterApply => Some("APPLY"),
                JoinOperator::AsOf { .. } => Some("ASOF"),
                JoinOperator::StraightJoin(_) => Some("STRAIGHT_JOIN"),
                _ => None,
            };
            if let Some(kind) = refused {
                return self.clause(kind, "write JOIN … ON");
            }
            if let JoinOperator::Right(common) | JoinOperator::RightOuter(common) | JoinOperator::FullOuter(common) =
                &join.join_operator
                && matches!(common, JoinConstraint::Using(_) | JoinConstraint::Natural)
            {
                let message =
                    "the column of USING would be the left side's, which is null where only the right side has a row";
                let help = "write ON a.x = b.x, and COALESCE(a.x, b.x) AS x in SELECT";
                return self.at(self.text.find_any(&["USING", "NATURAL"]), message, help);
            }
            if let JoinOperator::Inner(JoinConstraint::Using(names)) | JoinOperator::Join(JoinConstraint::Using(names)) =
                &join.join_operator
                && let Some(name) = names.iter().find(|n| n.0.len() > 1)
            {
                return self.span(name.span(), "USING takes names of columns, without a table", "write USING (column)");
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, table: &TableFactor) -> ControlFlow<()> {
        let (clause, help) = match table {
            TableFactor::Pivot { .. } => {
                ("PIVOT", "write a column each: max(v) FILTER (WHERE k = 'a') AS a, … GROUP BY …")
            }
            TableFactor::Unpivot { .. } => ("UNPIVOT", "write a SELECT for each column, and UNION ALL between them"),
            TableFactor::MatchRecognize { .. } => {
                let help = self.text.said(
                    "keep what was seen in a keyed plugin",
                    "lag(…) and lead(…) OVER (PARTITION BY … ORDER BY …) look at the rows beside a row",
                );
                ("MATCH_RECOGNIZE", help)
            }
            TableFactor::JsonTable { .. } => ("JSON_TABLE", "read JSON in a text with json_get_str(column, 'key')"),
            TableFactor::OpenJsonTable { .. } => ("OPENJSON", "read JSON in a text with json_get_str(column, 'key')"),
            TableFactor::XmlTable { .. } => ("XMLTABLE", ""),
            TableFactor::UNNEST { .. } => ("UNNEST", "write it in SELECT: SELECT id, unnest(tags) AS tag FROM …"),
            TableFactor::Function { lateral: true, .. } | TableFactor::Derived { lateral: true, .. } => {
                ("LATERAL", "write the sub-query without it, or unnest(…) in SELECT")
            }
            TableFactor::TableFunction { .. } => {
                ("TABLE", self.text.said("write FROM plugin(node)", "write FROM range(10), without TABLE"))
            }
            TableFactor::Table { name, .. } if name.0.len() > 1 && self.asked_once => {
                let at = self.text.range_of(name.span());
                let spelled = self.text.sql().get(at.clone()).unwrap_or_default();
                let last = spelled.rsplit('.').next().unwrap_or(spelled);
                let message = format!("there is no table `{spelled}`: names of tables have no dots");
                return self.at(at, message, &format!("write FROM {last}"));
            }
            TableFactor::Table { name, .. } if name.0.len() > 1 => {
                let message = format!("there is no source or operator `{name}`: names of nodes have no dots");
                return self.span(
                    name.span(),
                    message,
                    "write the name of a [source.…] or [operator.…] of the job file",
                );
            }
            TableFactor::Table { with_ordinality: true, .. } => ("WITH ORDINALITY", ""),
            _ => return ControlFlow::Continue(()),
        };
        self.clause(clause, help)
    }

    fn pre_visit_expr(&mut self, expr: &Ast) -> ControlFlow<()> {
        match expr {
            Ast::Subquery(_) | Ast::InSubquery { .. } | Ast::Exists { .. } => self.sub_query(),
            Ast::Function(f) => self.function(f),
            Ast::BinaryOp { left, op, right } => self.operator(left, op, right),
            Ast::Value(value) => match &value.value {
                Value::Placeholder(p) => self.span(
                    value.span,
                    format!("`{p}` stands for nothing: a query has no parameters"),
                    "write the value itself",
                ),
                _ => ControlFlow::Continue(()),
            },
            Ast::Identifier(ident) if ident.value.starts_with('@') && ident.quote_style.is_none() => self.span(
                ident.span,
                format!("there are no variables such as `{}`", ident.value),
                "write the value itself",
            ),
            Ast::UnaryOp { op: UnaryOperator::Plus | UnaryOperator::Minus | UnaryOperator::Not, .. } => {
                ControlFlow::Continue(())
            }
            Ast::UnaryOp { op, expr } => self.span(
                expr.span(),
                format!("the operator `{op}` is not supported"),
                "of a whole number, -1 - x has the other bits",
            ),
            Ast::JsonAccess { value, .. } => {
                let help =
                    "read JSON in a text with json_get_str(column, 'key'), and fields of a struct with column['field']";
                self.span(value.span(), "`:` reads no JSON here", help)
            }
            Ast::CompoundFieldAccess { access_chain, .. } => {
                let half = |a: &&AccessExpr| matches!(a, AccessExpr::Subscript(Subscript::Slice { lower_bound, upper_bound, .. }) if lower_bound.is_none() || upper_bound.is_none());
                match access_chain.iter().find(half) {
                    Some(_) => self.span(expr.span(), "a part of a list needs both ends", "write list[1:3]"),
                    None => ControlFlow::Continue(()),
                }
            }
            Ast::Cast { format: Some(_), expr, .. } => self.span(
                expr.span(),
                "CAST with FORMAT is not supported",
                "write to_timestamp(text, '%Y-%m-%d'), or to_char(time, '%H:%M')",
            ),
            Ast::Cast { array: true, expr, .. } => {
                self.span(expr.span(), "CAST … AS … ARRAY is not supported", "write CAST(x AS BIGINT[])")
            }
            Ast::AnyOp { right, .. } | Ast::AllOp { right, .. } if matches!(right.as_ref(), Ast::Subquery(_)) => {
                self.sub_query()
            }
            Ast::Like { any: true, expr, .. } | Ast::ILike { any: true, expr, .. } => self.span(
                expr.span(),
                "LIKE takes one pattern",
                "write s LIKE 'a%' OR s LIKE 'b%', or regexp_like(s, '^(a|b)')",
            ),
            Ast::Interval(interval) if interval.last_field.is_some() => {
                self.span(interval.value.span(), "INTERVAL takes one unit", "write INTERVAL '1 year 2 months'")
            }
            Ast::Interval(interval) if !is_constant(&interval.value) => self.span(
                interval.value.span(),
                "INTERVAL takes a constant",
                "n hours behind ts are to_timestamp(date_part('epoch', ts) + n * 3600)",
            ),
            known if is_planned(known) => ControlFlow::Continue(()),
            other => {
                let said = other.to_string();
                let message = format!("`{}` is not supported", shortened(&said));
                let at = self.text.range_of(other.span());
                let words: String = said.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let at =
                    if at.len() == self.text.sql().len() && !words.is_empty() { self.text.find(&words) } else { at };
                self.at(at, message, "see docs/sql.md for what a query may say")
            }
        }
    }
}

/// The name of an aggregate that is called in `exprs`, outside of sub-queries.
fn aggregate_in(exprs: &[Ast]) -> Option<Ident> {
    struct Aggregates(usize);
    impl Visitor for Aggregates {
        type Break = Ident;

        fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<Ident> {
            self.0 += 1;
            ControlFlow::Continue(())
        }

        fn post_visit_query(&mut self, _: &Query) -> ControlFlow<Ident> {
            self.0 -= 1;
            ControlFlow::Continue(())
        }

        fn pre_visit_expr(&mut self, expr: &Ast) -> ControlFlow<Ident> {
            let Ast::Function(f) = expr else { return ControlFlow::Continue(()) };
            match f.name.0.as_slice() {
                [ObjectNamePart::Identifier(name)]
                    if self.0 == 0 && f.over.is_none() && BUILT_IN.aggregates.contains_key(&normalised(name)) =>
                {
                    ControlFlow::Break(name.clone())
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    exprs.iter().find_map(|expr| match expr.visit(&mut Aggregates(0)) {
        ControlFlow::Break(name) => Some(name),
        ControlFlow::Continue(()) => None,
    })
}

/// Whether a value, or a sum of such, stands there.
fn is_constant(expr: &Ast) -> bool {
    match expr {
        Ast::Value(_) => true,
        Ast::UnaryOp { expr, .. } | Ast::Nested(expr) => is_constant(expr),
        Ast::BinaryOp { left, right, .. } => is_constant(left) && is_constant(right),
        _ => false,
    }
}

/// Expressions that the planner has a meaning for.
fn is_planned(expr: &Ast) -> bool {
    use Ast as A;
    matches!(
        expr,
        A::Identifier(_)
            | A::CompoundIdentifier(_)
            | A::IsFalse(_)
            | A::IsNotFalse(_)
            | A::IsTrue(_)
            | A::IsNotTrue(_)
            | A::IsNull(_)
            | A::IsNotNull(_)
            | A::IsUnknown(_)
            | A::IsNotUnknown(_)
            | A::IsDistinctFrom(..)
            | A::IsNotDistinctFrom(..)
            | A::InList { .. }
            | A::Between { .. }
            | A::Like { any: false, .. }
            | A::ILike { any: false, .. }
            | A::SimilarTo { .. }
            | A::AnyOp { .. }
            | A::AllOp { .. }
            | A::Cast { .. }
            | A::AtTimeZone { .. }
            | A::Extract { .. }
            | A::Ceil { .. }
            | A::Floor { .. }
            | A::Position { .. }
            | A::Substring { .. }
            | A::Trim { .. }
            | A::Overlay { .. }
            | A::Nested(_)
            | A::TypedString(_)
            | A::Case { .. }
            | A::GroupingSets(_)
            | A::Cube(_)
            | A::Rollup(_)
            | A::Tuple(_)
            | A::Struct { .. }
            | A::Dictionary(_)
            | A::Map(_)
            | A::Array(_)
            | A::Interval(_)
            | A::Wildcard(_)
            | A::QualifiedWildcard(..)
    )
}

/// As much of a query's text as a message can hold.
fn shortened(text: &str) -> String {
    const LETTERS: usize = 40;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LETTERS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
