//! The columns' names: the fields', unless an attribute says otherwise.

use std::collections::BTreeMap;

use syn::{Error, Field, LitStr, Result, ext::IdentExt, spanned::Spanned};

/// The name of each field's column.
pub fn names<'f>(fields: impl IntoIterator<Item = &'f Field>) -> Result<Vec<String>> {
    let mut taken = BTreeMap::new();
    fields.into_iter().map(|field| name(field, &mut taken)).collect()
}

fn name(field: &Field, taken: &mut BTreeMap<String, String>) -> Result<String> {
    let ident = field.ident.as_ref().map(|ident| ident.unraw().to_string()).unwrap_or_default();
    let (name, span) = match renamed(field)? {
        Some(name) if name.value().is_empty() => return Err(Error::new(name.span(), "a column needs a name")),
        Some(name) => (name.value(), name.span()),
        None => (ident.clone(), field.ident.span()),
    };
    match taken.insert(name.clone(), ident) {
        Some(other) => Err(Error::new(span, format!("column `{name}` is there already: field `{other}`"))),
        None => Ok(name),
    }
}

fn renamed(field: &Field) -> Result<Option<LitStr>> {
    let mut renamed = None;
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("row")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("rename") {
                return Err(meta.error("unknown: `#[row(…)]` of a field knows `rename = \"…\"`"));
            }
            if renamed.replace(meta.value()?.parse()?).is_some() {
                return Err(meta.error("a column has one name"));
            }
            Ok(())
        })?;
    }
    Ok(renamed)
}
