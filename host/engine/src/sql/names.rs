//! Names of columns, as a user means them ([`super::scope`]): before the planner sees a query, each name in it that means
//! a column, a relation or a plugin is put in quotes, spelled as what it means is. The planner itself reads names without
//! quotes in lower case, whatever there is.
//!
//! What a query calls its columns itself (`AS Total`) comes out as it was written. Names that mean nothing known are left as
//! they are: the planner refuses them, and says what there is.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{
    AccessExpr, Cte, ExcludeSelectItem, Expr as Ast, GroupByExpr, Ident, JoinConstraint, JoinOperator, ObjectName,
    ObjectNamePart, OrderBy, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, Statement,
    TableAlias, TableFactor, TableWithJoins, VisitMut, VisitorMut, WildcardAdditionalOptions, visit_expressions,
};

use super::InputTable;
use super::error::SqlText;
use super::functions::BUILT_IN;
use super::parse::normalised;
use super::plugin::PluginFunction;
use super::scope::{Known, Meant, meant};
use super::window_names::called;
use crate::{Error, Result};

/// Puts each name of `statement` that means something known in quotes. Functions that are there, plugins among them, are
/// known to `is_function`.
///
/// # Errors
/// A name that may mean two things.
pub(super) fn resolve(
    text: &SqlText,
    statement: &mut Statement,
    tables: &BTreeMap<String, InputTable>,
    plugins: &BTreeMap<String, PluginFunction>,
    is_function: &dyn Fn(&str) -> bool,
) -> Result<()> {
    let Statement::Query(query) = statement else { return Ok(()) };
    let plugins = plugins.keys().map(Known::exact).collect();
    Resolver { text, tables, plugins, is_function }.query(query, &Ctes::new(), &[]).map(|_| ())
}

/// A name that may mean several things.
pub(super) fn ambiguous(text: &SqlText, ident: &Ident, what: &str, names: &[String]) -> Error {
    let all = names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(" or ");
    let quoted = names.iter().map(|n| format!("\"{n}\"")).collect::<Vec<_>>().join(" or ");
    let message = format!("`{}` may mean the {what} {all}, which differ in case only", ident.value);
    text.refuse(text.range_of(ident.span), message).with_help(format!("write {quoted}, in quotes"))
}

/// `ident` as the planner reads no other meaning into it.
pub(super) fn spell(ident: &mut Ident, name: String) {
    ident.value = name;
    ident.quote_style = Some('"');
}

/// The columns that come out of a query, by name.
#[derive(Debug, Clone, Default)]
struct Columns(Vec<Known>);

type Ctes = BTreeMap<String, Columns>;

/// Rows that names may be about.
#[derive(Debug, Clone, Default)]
struct Rows {
    name: Option<Known>,
    columns: Vec<Known>,
}

/// What names in a clause may mean.
#[derive(Clone, Copy)]
struct Scope<'s> {
    /// The queries that `WITH` names.
    ctes: &'s Ctes,
    /// The rows of queries around this one.
    outer: &'s [Rows],
    rows: &'s [Rows],
    /// What SELECT calls its columns.
    aliases: &'s [Known],
    /// Whether these are nearer than the columns of the rows.
    aliases_first: bool,
}

struct Resolver<'a> {
    text: &'a SqlText,
    tables: &'a BTreeMap<String, InputTable>,
    plugins: Vec<Known>,
    /// Whether a function of this name is there: it goes before a plugin whose name differs in case.
    is_function: &'a dyn Fn(&str) -> bool,
}

impl Resolver<'_> {
    fn query(&self, query: &mut Query, ctes: &Ctes, outer: &[Rows]) -> Result<Columns> {
        let mut ctes = ctes.clone();
        for Cte { alias, query, .. } in query.with.iter_mut().flat_map(|w| &mut w.cte_tables) {
            let columns = self.query(query, &ctes, outer)?;
            let columns = renamed(columns.0, alias);
            ctes.insert(normalised(&alias.name), Columns(columns));
        }
        let Query { body, order_by, .. } = query;
        self.body(body, order_by.as_mut(), &ctes, outer)
    }

    fn body(&self, body: &mut SetExpr, order_by: Option<&mut OrderBy>, ctes: &Ctes, outer: &[Rows]) -> Result<Columns> {
        match body {
            SetExpr::Select(select) => self.select(select, order_by, ctes, outer),
            SetExpr::Query(query) => self.query(query, ctes, outer),
            SetExpr::SetOperation { left, right, .. } => {
                let columns = self.body(left, None, ctes, outer)?;
                self.body(right, None, ctes, outer)?;
                if let Some(order_by) = order_by {
                    self.names(
                        order_by,
                        Scope { ctes, outer: &[], rows: &[], aliases: &columns.0, aliases_first: true },
                    )?;
                }
                Ok(columns)
            }
            _ => Ok(Columns::default()),
        }
    }

    fn select(
        &self,
        select: &mut Select,
        order_by: Option<&mut OrderBy>,
        ctes: &Ctes,
        outer: &[Rows],
    ) -> Result<Columns> {
        let mut rows = Vec::new();
        for table in &mut select.from {
            self.from(table, &mut rows, ctes, outer)?;
        }
        let input = Scope { ctes, outer, rows: &rows, aliases: &[], aliases_first: false };
        let mut columns = Vec::new();
        let mut aliases = Vec::new();
        for item in &mut select.projection {
            self.item(item, input, &mut columns, &mut aliases)?;
        }
        self.names(&mut select.selection, input)?;
        let mut after = Scope { ctes, outer, rows: &rows, aliases: &aliases, aliases_first: false };
        if let GroupByExpr::Expressions(by, _) = &mut select.group_by {
            // Groups are not made of what is computed of groups: `count(*) AS userid … GROUP BY userid` means a column `userId`.
            let of_rows = aliases_of_rows(&aliases, &select.projection);
            self.names(by, Scope { aliases: &of_rows, ..after })?;
        }
        self.names(&mut select.having, after)?;
        self.names(&mut select.qualify, after)?;
        self.names(&mut select.distinct, after)?;
        if let Some(order_by) = order_by {
            after.aliases_first = true;
            self.names(order_by, after)?;
        }
        Ok(Columns(columns))
    }

    /// One item of SELECT: what it adds to the columns that come out, and to the names that other clauses may use.
    fn item(
        &self,
        item: &mut SelectItem,
        input: Scope<'_>,
        columns: &mut Vec<Known>,
        aliases: &mut Vec<Known>,
    ) -> Result<()> {
        match item {
            SelectItem::UnnamedExpr(expr) => {
                self.names(expr, input)?;
                columns.extend(output_name(expr, input).map(Known::exact));
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                self.names(expr, input)?;
                let known = Known::alias(alias);
                spell(alias, known.name.clone());
                columns.push(known.clone());
                aliases.push(known);
            }
            SelectItem::Wildcard(options) => {
                let gone = self.wildcard(options, input)?;
                columns.extend(input.rows.iter().flat_map(|r| &r.columns).filter(|c| !gone.contains(&c.name)).cloned());
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                let gone = self.wildcard(options, input)?;
                if let [ObjectNamePart::Identifier(ident)] = name.0.as_mut_slice()
                    && let Some(rows) = self.rows_named(ident, input)?
                {
                    columns.extend(rows.columns.iter().filter(|c| !gone.contains(&c.name)).cloned());
                }
            }
            SelectItem::QualifiedWildcard(..) | SelectItem::ExprWithAliases { .. } => {}
        }
        Ok(())
    }

    /// What a `*` leaves out.
    fn wildcard(&self, options: &mut WildcardAdditionalOptions, input: Scope<'_>) -> Result<Vec<String>> {
        let mut gone = Vec::new();
        let mut idents: Vec<&mut Ident> = Vec::new();
        if let Some(except) = &mut options.opt_except {
            idents.push(&mut except.first_element);
            idents.extend(&mut except.additional_elements);
        }
        let excluded = match &mut options.opt_exclude {
            Some(ExcludeSelectItem::Single(name)) => std::slice::from_mut(name),
            Some(ExcludeSelectItem::Multiple(names)) => names.as_mut_slice(),
            None => &mut [],
        };
        idents.extend(excluded.iter_mut().filter_map(single));
        for ident in idents {
            if let Some(name) = self.column(ident, input)? {
                gone.push(name);
            }
        }
        for replaced in options.opt_replace.iter_mut().flat_map(|r| &mut r.items) {
            self.names(&mut replaced.expr, input)?;
            self.column(&mut replaced.column_name, input)?;
        }
        Ok(gone)
    }

    fn from(&self, table: &mut TableWithJoins, rows: &mut Vec<Rows>, ctes: &Ctes, outer: &[Rows]) -> Result<()> {
        self.factor(&mut table.relation, rows, ctes, outer)?;
        for join in &mut table.joins {
            let left = rows.len();
            self.factor(&mut join.relation, rows, ctes, outer)?;
            match constraint(&mut join.join_operator) {
                Some(JoinConstraint::On(condition)) => {
                    self.names(condition, Scope { ctes, outer, rows, aliases: &[], aliases_first: false })?;
                }
                Some(JoinConstraint::Using(names)) => {
                    for ident in names.iter_mut().filter_map(single) {
                        self.using(ident, rows.split_at(left))?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A column that both sides of a join have, which must be spelled alike.
    fn using(&self, ident: &mut Ident, (left, right): (&[Rows], &[Rows])) -> Result<()> {
        let ctes = Ctes::new();
        let scope = |rows| Scope { ctes: &ctes, outer: &[], rows, aliases: &[], aliases_first: false };
        let (mut of_left, mut of_right) = (ident.clone(), ident.clone());
        match (self.column(&mut of_left, scope(left))?, self.column(&mut of_right, scope(right))?) {
            (Some(a), Some(b)) if a == b => spell(ident, a),
            (Some(a), Some(b)) => {
                let message = format!("USING needs columns of one name, and these are `{a}` and `{b}`");
                let help = format!("write ON a_table.\"{a}\" = other_table.\"{b}\"");
                return Err(self.text.refuse(self.text.range_of(ident.span), message).with_help(help));
            }
            _ => {}
        }
        Ok(())
    }

    fn factor(&self, factor: &mut TableFactor, rows: &mut Vec<Rows>, ctes: &Ctes, outer: &[Rows]) -> Result<()> {
        match factor {
            TableFactor::Table { name, alias, .. } => {
                let ident = name.0.last().and_then(ObjectNamePart::as_ident);
                let Some(name) = ident.map(normalised) else { return Ok(()) };
                let columns = match (ctes.get(&name), self.tables.get(&name)) {
                    (Some(columns), _) => columns.0.clone(),
                    (None, Some(table)) => table.schema.fields().iter().map(|f| Known::exact(f.name())).collect(),
                    (None, None) => Vec::new(),
                };
                rows.push(aliased(Some(Known::exact(name)), columns, alias.as_mut()));
            }
            TableFactor::Derived { subquery, alias, .. } => {
                let columns = self.query(subquery, ctes, outer)?.0;
                rows.push(aliased(None, columns, alias.as_mut()));
            }
            TableFactor::NestedJoin { table_with_joins, alias } => {
                let from = rows.len();
                self.from(table_with_joins, rows, ctes, outer)?;
                if alias.is_some() {
                    let columns = rows.drain(from..).flat_map(|r| r.columns).collect();
                    rows.push(aliased(None, columns, alias.as_mut()));
                }
            }
            TableFactor::UNNEST { alias, array_exprs, .. } => {
                self.names(array_exprs, Scope { ctes, outer, rows, aliases: &[], aliases_first: false })?;
                rows.push(aliased(None, Vec::new(), alias.as_mut()));
            }
            _ => {}
        }
        Ok(())
    }

    /// Names in the expressions of `part`.
    fn names(&self, part: &mut impl VisitMut, scope: Scope<'_>) -> Result<()> {
        let mut names = Names { resolver: self, scope, in_window: 0, in_query: 0, error: None };
        let _ = part.visit(&mut names);
        names.error.map_or(Ok(()), Err)
    }

    /// The column that `ident` means; it is spelled so.
    fn column(&self, ident: &mut Ident, scope: Scope<'_>) -> Result<Option<String>> {
        let columns: Vec<&Known> = scope.rows.iter().flat_map(|r| &r.columns).collect();
        let aliases: Vec<&Known> = scope.aliases.iter().collect();
        let outer: Vec<&Known> = scope.outer.iter().flat_map(|r| &r.columns).collect();
        let tiers = if scope.aliases_first { [aliases, columns, outer] } else { [columns, aliases, outer] };
        self.one(ident, "columns", &tiers)
    }

    /// The rows that `ident` names; it is spelled so.
    fn rows_named<'s>(&self, ident: &mut Ident, scope: Scope<'s>) -> Result<Option<&'s Rows>> {
        let names = |rows: &'s [Rows]| rows.iter().filter_map(|r| r.name.as_ref()).collect::<Vec<&Known>>();
        let found = self.one(ident, "tables", &[names(scope.rows), names(scope.outer)])?;
        let mut rows = scope.rows.iter().chain(scope.outer);
        Ok(found.and_then(|name| rows.find(|r| r.name.as_ref().is_some_and(|n| n.name == name))))
    }

    fn one(&self, ident: &mut Ident, what: &str, tiers: &[Vec<&Known>]) -> Result<Option<String>> {
        match meant(ident, tiers) {
            Meant::Nothing => Ok(None),
            Meant::One(name) => {
                spell(ident, name.clone());
                Ok(Some(name))
            }
            Meant::Several(names) => Err(ambiguous(self.text, ident, what, &names)),
        }
    }

    /// `table.column.field…`, or `column.field…`.
    fn path(&self, parts: &mut [&mut Ident], scope: Scope<'_>) -> Result<()> {
        let [first, second, ..] = parts else { return Ok(()) };
        let mut table: Ident = (**first).clone();
        if let Some(rows) = self.rows_named(&mut table, scope)? {
            let columns: Vec<&Known> = rows.columns.iter().collect();
            let is_column = self.one(second, "columns", &[columns])?.is_some();
            let mut column: Ident = (**first).clone();
            if is_column || self.column(&mut column, scope)?.is_none() {
                **first = table;
                return Ok(());
            }
        }
        self.column(first, scope).map(|_| ())
    }
}

/// The names in expressions of one scope.
struct Names<'a, 'r> {
    resolver: &'a Resolver<'r>,
    scope: Scope<'a>,
    /// Depth of calls of window functions around the expression.
    in_window: usize,
    /// Depth of sub-queries around the expression: these are looked at as a whole.
    in_query: usize,
    error: Option<Error>,
}

impl Names<'_, '_> {
    fn look_at(&mut self, expr: &mut Ast) -> Result<()> {
        // What a window is over is a column of the rows, whatever SELECT calls the like of it.
        let rows_only = Scope { aliases: &[], ..self.scope };
        let scope = if self.in_window > 0 { rows_only } else { self.scope };
        match expr {
            Ast::Identifier(ident) => {
                let found = self.resolver.column(ident, scope)?;
                let of = |name: &str| {
                    let has = |r: &&Rows| r.columns.iter().any(|c| c.name == *name);
                    let mut rows = scope.rows.iter().filter(has);
                    rows.next().filter(|_| rows.next().is_none()).and_then(|r| r.name.clone())
                };
                let shadowed = |name: &str| self.scope.aliases.iter().any(|a| a.name == *name);
                if self.in_window > 0
                    && let Some(name) = found
                    && shadowed(&name)
                    && let Some(table) = of(&name)
                {
                    *expr =
                        Ast::CompoundIdentifier(vec![Ident::with_quote('"', table.name), Ident::with_quote('"', name)]);
                }
                Ok(())
            }
            Ast::CompoundIdentifier(parts) => self.resolver.path(&mut parts.iter_mut().collect::<Vec<_>>(), scope),
            Ast::CompoundFieldAccess { root, access_chain } => {
                let Ast::Identifier(first) = root.as_mut() else { return Ok(()) };
                let fields = access_chain.iter_mut().map_while(|a| match a {
                    AccessExpr::Dot(Ast::Identifier(field)) => Some(field),
                    _ => None,
                });
                let mut parts = vec![first];
                parts.extend(fields);
                if parts.len() == 1 {
                    return Ok(());
                }
                self.resolver.path(&mut parts, scope)?;
                // They are no columns by themselves.
                for part in parts {
                    let name = normalised(part);
                    spell(part, name);
                }
                Ok(())
            }
            Ast::Function(call) => {
                if let [ObjectNamePart::Identifier(name)] = call.name.0.as_mut_slice()
                    && !(self.resolver.is_function)(&normalised(name))
                {
                    let plugins = self.resolver.plugins.iter().collect();
                    self.resolver.one(name, "plugins", &[plugins])?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl VisitorMut for Names<'_, '_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.in_query += 1;
        if self.in_query > 1 {
            return ControlFlow::Continue(());
        }
        let outer: Vec<Rows> = self.scope.rows.iter().chain(self.scope.outer).cloned().collect();
        match self.resolver.query(query, self.scope.ctes, &outer) {
            Ok(_) => ControlFlow::Continue(()),
            Err(error) => {
                self.error = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.in_query -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Ast) -> ControlFlow<()> {
        if self.in_query > 0 {
            return ControlFlow::Continue(());
        }
        if let Err(error) = self.look_at(expr) {
            self.error = Some(error);
            return ControlFlow::Break(());
        }
        self.in_window += usize::from(called(expr).is_some());
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Ast) -> ControlFlow<()> {
        if self.in_query == 0 {
            self.in_window -= usize::from(called(expr).is_some());
        }
        ControlFlow::Continue(())
    }
}

/// Those of what SELECT names that it computes of single rows.
fn aliases_of_rows(aliases: &[Known], items: &[SelectItem]) -> Vec<Known> {
    let of_groups = |known: &Known| {
        items.iter().any(|item| match item {
            SelectItem::ExprWithAlias { expr, alias } => alias.value == known.name && has_aggregate(expr),
            _ => false,
        })
    };
    aliases.iter().filter(|known| !of_groups(known)).cloned().collect()
}

fn has_aggregate(expr: &Ast) -> bool {
    let is_one = |name: &ObjectName| BUILT_IN.aggregates.contains_key(&name.to_string().to_lowercase());
    let found = visit_expressions(expr, |e| match e {
        Ast::Function(call) if is_one(&call.name) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}

/// The name that a column of SELECT without an alias has.
fn output_name(expr: &Ast, input: Scope<'_>) -> Option<String> {
    match expr {
        Ast::Identifier(ident) => Some(normalised(ident)),
        Ast::CompoundIdentifier(parts) => {
            let [table, column] = parts.as_slice() else { return None };
            let is_table = input.rows.iter().any(|r| r.name.as_ref().is_some_and(|n| n.name == table.value));
            is_table.then(|| normalised(column))
        }
        Ast::Nested(inner) => output_name(inner, input),
        _ => None,
    }
}

/// `columns` as `alias` names the rows, and where it says so them. Its names come out as they are written.
fn aliased(name: Option<Known>, columns: Vec<Known>, alias: Option<&mut TableAlias>) -> Rows {
    match alias {
        None => Rows { name, columns },
        Some(alias) => {
            let columns = renamed(columns, alias);
            Rows { name: Some(Known::exact(normalised(&alias.name))), columns }
        }
    }
}

fn renamed(mut columns: Vec<Known>, alias: &mut TableAlias) -> Vec<Known> {
    for (at, column) in alias.columns.iter_mut().enumerate() {
        let known = Known::alias(&column.name);
        spell(&mut column.name, known.name.clone());
        match columns.get_mut(at) {
            Some(column) => *column = known,
            None => columns.push(known),
        }
    }
    columns
}

fn single(name: &mut ObjectName) -> Option<&mut Ident> {
    match name.0.as_mut_slice() {
        [ObjectNamePart::Identifier(ident)] => Some(ident),
        _ => None,
    }
}

fn constraint(join: &mut JoinOperator) -> Option<&mut JoinConstraint> {
    use JoinOperator as J;
    match join {
        J::Join(c) | J::Inner(c) | J::Left(c) | J::LeftOuter(c) | J::Right(c) | J::RightOuter(c) | J::FullOuter(c) => {
            Some(c)
        }
        J::CrossJoin(c) | J::Semi(c) | J::LeftSemi(c) | J::RightSemi(c) | J::Anti(c) | J::LeftAnti(c) => Some(c),
        J::RightAnti(c) | J::StraightJoin(c) => Some(c),
        _ => None,
    }
}
