//! The names of columns, or of what is kept: the fields', unless an attribute says otherwise.

use std::collections::BTreeMap;

use syn::{Error, Field, LitStr, Result, ext::IdentExt, spanned::Spanned};

/// What fields are named for: the attribute that renames them, and what each of them is.
#[derive(Clone, Copy)]
pub struct Named {
    pub attribute: &'static str,
    pub each: &'static str,
}

/// The name of each field.
pub fn names<'f>(named: Named, fields: impl IntoIterator<Item = &'f Field>) -> Result<Vec<String>> {
    let mut taken = BTreeMap::new();
    fields.into_iter().map(|field| name(named, field, &mut taken)).collect()
}

fn name(named: Named, field: &Field, taken: &mut BTreeMap<String, String>) -> Result<String> {
    let each = named.each;
    let ident = field.ident.as_ref().map(|ident| ident.unraw().to_string()).unwrap_or_default();
    let (name, span) = match renamed(named, field)? {
        Some(name) if name.value().is_empty() => return Err(Error::new(name.span(), format!("a {each} needs a name"))),
        Some(name) => (name.value(), name.span()),
        None => (ident.clone(), field.ident.span()),
    };
    match taken.insert(name.clone(), ident) {
        Some(other) => Err(Error::new(span, format!("{each} `{name}` is there already: field `{other}`"))),
        None => Ok(name),
    }
}

fn renamed(Named { attribute: known, each }: Named, field: &Field) -> Result<Option<LitStr>> {
    let mut renamed = None;
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident(known)) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("rename") {
                return Err(meta.error(format!("unknown: `#[{known}(…)]` of a field knows `rename = \"…\"`")));
            }
            if renamed.replace(meta.value()?.parse()?).is_some() {
                return Err(meta.error(format!("a {each} has one name")));
            }
            Ok(())
        })?;
    }
    Ok(renamed)
}
