//! Which name is meant by one that a query writes. A name in quotes is meant as it stands. One without quotes is the name
//! that it is in lower case, if there is one; else the only one that fits without regard to case, as in Spark. Of several
//! that fit none is taken: who wrote it must say which.

use arrow::datatypes::{DataType, Field};
use datafusion_sql::sqlparser::ast::Ident;

/// A name that may be meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    /// As it is shown, and as the planner knows it.
    pub name: String,
    /// The query made it up, without quotes: it stands for the name in lower case too.
    pub made_up: bool,
    /// Its type, where that is known before the query is planned: that of a table's column.
    pub of: Option<DataType>,
}

impl Known {
    /// The name of a column or table that is there, or one in quotes.
    pub fn exact(name: impl Into<String>) -> Self {
        Self { name: name.into(), made_up: false, of: None }
    }

    /// A column of a table, or a field of a struct.
    pub fn field(field: &Field) -> Self {
        Self { of: Some(field.data_type().clone()), ..Self::exact(field.name()) }
    }

    /// What the query itself calls something.
    pub fn alias(ident: &Ident) -> Self {
        Self { name: ident.value.clone(), made_up: ident.quote_style.is_none(), of: None }
    }

    fn is(&self, lower: &str) -> bool {
        self.name == lower || (self.made_up && self.name.to_lowercase() == lower)
    }
}

/// What a written name may mean.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meant {
    /// Nothing that is known.
    Nothing,
    /// This.
    One(String),
    /// One of these; it is not said which.
    Several(Vec<String>),
}

/// What `written` means among `tiers`, the nearest first.
pub(super) fn meant<'k>(written: &Ident, tiers: &[Vec<&'k Known>]) -> Meant {
    if written.quote_style.is_some() {
        let there = tiers.iter().flatten().any(|known| known.name == written.value);
        return if there { Meant::One(written.value.clone()) } else { Meant::Nothing };
    }
    let lower = written.value.to_lowercase();
    let exactly = |known: &&'k Known| known.is(&lower);
    let nearly = |known: &&'k Known| known.name.to_lowercase() == lower;
    let fits: [&dyn Fn(&&'k Known) -> bool; 2] = [&exactly, &nearly];
    for fit in fits {
        for tier in tiers {
            let mut names: Vec<String> = tier.iter().filter(|k| fit(k)).map(|k| k.name.clone()).collect();
            names.sort_unstable();
            names.dedup();
            match names.len() {
                0 => {}
                1 => return Meant::One(names.swap_remove(0)),
                _ => return Meant::Several(names),
            }
        }
    }
    Meant::Nothing
}

/// The field of a struct that `written` means: the one that is named so, else the one that it is in lower case, else the
/// only one that fits.
pub(super) fn field_meant<'t>(of: &'t DataType, written: &str) -> Option<&'t Field> {
    let DataType::Struct(fields) = of else { return None };
    if let Some(field) = fields.iter().find(|f| f.name() == written) {
        return Some(field);
    }
    let lower = written.to_lowercase();
    if let Some(field) = fields.iter().find(|f| *f.name() == lower) {
        return Some(field);
    }
    let mut fitting = fields.iter().filter(|f| f.name().to_lowercase() == lower);
    match (fitting.next(), fitting.next()) {
        (Some(field), None) => Some(field),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn among(written: &str, names: &[&str]) -> Meant {
        let known: Vec<Known> = names.iter().map(|n| Known::exact(*n)).collect();
        meant(&Ident::new(written), &[known.iter().collect()])
    }

    #[test]
    fn a_name_without_quotes_is_the_one_in_lower_case_or_the_only_one_that_fits() {
        let one = |name: &str| Meant::One(name.to_owned());
        for written in ["id", "ID", "iD"] {
            assert_eq!(among(written, &["ID", "Id", "id"]), one("id"), "{written}");
            assert_eq!(among(written, &["Id", "name"]), one("Id"), "{written}");
            assert_eq!(among(written, &["ID", "Id"]), Meant::Several(vec!["ID".into(), "Id".into()]), "{written}");
        }
        assert_eq!(among("GRÖSSE", &["größe", "Größe2"]), Meant::Nothing);
        assert_eq!(among("ÄRGER", &["Ärger"]), one("Ärger"));
    }

    #[test]
    fn quotes_and_nearness() {
        let (input, alias) = (Known::exact("Total"), Known::alias(&Ident::new("TOTAL")));
        let quoted = |name: &str| Ident::with_quote('"', name);
        assert_eq!(meant(&quoted("total"), &[vec![&input, &alias]]), Meant::Nothing);
        assert_eq!(meant(&quoted("Total"), &[vec![&alias], vec![&input]]), Meant::One("Total".into()));
        // What the query calls `TOTAL` without quotes is `total` to it, wherever it stands.
        assert_eq!(meant(&Ident::new("total"), &[vec![&input], vec![&alias]]), Meant::One("TOTAL".into()));
    }
}
