//! The clauses of a query in the order in which names come to mean something: FROM, SELECT, the others.

use std::collections::BTreeMap;

use datafusion_sql::sqlparser::ast::{
    Cte, ExcludeSelectItem, GroupByExpr, Ident, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, OrderBy,
    Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, TableFactor, TableWithJoins, VisitMut,
    WildcardAdditionalOptions,
};

use super::expressions;
use super::ident::{normalised, spell};
use super::items::{aliases_of_rows, by_what_comes_out, name_field, output};
use super::lookup::Lookup;
use super::rows::{Columns, Ctes, Rows, Scope, aliased, renamed};
use super::scope::Known;
use super::written::quoted;
use crate::Result;
use crate::sql::InputTable;

/// Goes through queries.
pub(super) struct Walk<'a> {
    pub lookup: Lookup<'a>,
    pub tables: &'a BTreeMap<String, InputTable>,
}

impl Walk<'_> {
    /// Resolves the names of `query`; gives the columns that come out of it.
    ///
    /// # Errors
    /// A name that may mean two things.
    pub fn query(&self, query: &mut Query, ctes: &Ctes, outer: &[Rows]) -> Result<Columns> {
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
        let input = Scope::of_rows(ctes, outer, &rows);
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
            if select.distinct.is_some() {
                by_what_comes_out(order_by, &select.projection);
            }
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
                match name_field(expr, input) {
                    Some(field) => {
                        let mut alias = Ident::new(String::new());
                        spell(&mut alias, field.name.clone());
                        *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
                        columns.push(field.clone());
                        aliases.push(field);
                    }
                    None => columns.extend(output(expr, input)),
                }
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                self.names(expr, input)?;
                let known = Known { of: output(expr, input).and_then(|column| column.of), ..Known::alias(alias) };
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
                    && let Some(rows) = self.lookup.rows_named(ident, input)?
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
            gone.extend(self.lookup.column(ident, input)?.map(|column| column.name));
        }
        for replaced in options.opt_replace.iter_mut().flat_map(|r| &mut r.items) {
            self.names(&mut replaced.expr, input)?;
            self.lookup.column(&mut replaced.column_name, input)?;
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
                    self.names(condition, Scope::of_rows(ctes, outer, rows))?;
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
        let scope = |rows| Scope::of_rows(&ctes, &[], rows);
        let (mut of_left, mut of_right) = (ident.clone(), ident.clone());
        let lookup = &self.lookup;
        let found = (lookup.column(&mut of_left, scope(left))?, lookup.column(&mut of_right, scope(right))?);
        match (found.0.map(|column| column.name), found.1.map(|column| column.name)) {
            (Some(a), Some(b)) if a == b => spell(ident, a),
            (Some(a), Some(b)) => {
                let message = format!("USING needs columns of one name, and these are `{a}` and `{b}`");
                let help = format!("write ON a_table.{} = other_table.{}", quoted(&a), quoted(&b));
                return Err(lookup.text.refuse(lookup.text.range_of(ident.span), message).with_help(help));
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
                    (None, Some(table)) => table.schema.fields().iter().map(|f| Known::field(f)).collect(),
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
                self.names(array_exprs, Scope::of_rows(ctes, outer, rows))?;
                rows.push(aliased(None, Vec::new(), alias.as_mut()));
            }
            _ => {}
        }
        Ok(())
    }

    /// Names in the expressions of `part`.
    fn names(&self, part: &mut impl VisitMut, scope: Scope<'_>) -> Result<()> {
        let sub_query = |query: &mut Query, outer: &[Rows]| self.query(query, scope.ctes, outer).map(|_| ());
        expressions::resolve(part, &self.lookup, scope, &sub_query)
    }
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
