//! The implementations for one struct.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Data, DeriveInput, Error, Fields, Result, spanned::Spanned};

use crate::names::{Named, names};

/// As many columns as a tuple of builders has; the next ones are in a tuple of their own.
const TUPLE: usize = 12;

/// What stands behind a struct with `#[derive(Row)]`.
pub fn row(input: DeriveInput) -> Result<TokenStream> {
    if let Some(attribute) = input.attrs.iter().find(|attribute| attribute.path().is_ident("row")) {
        return Err(Error::new(attribute.span(), "`#[row(…)]` stands at a field: `#[row(rename = \"…\")]`"));
    }
    let fields = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => &fields.named,
            Fields::Unnamed(_) => {
                let what = "name the fields: their names are the columns' names; a tuple is a row without any derive";
                return Err(Error::new(input.ident.span(), what));
            }
            Fields::Unit => return Err(Error::new(input.ident.span(), "a row has at least one column")),
        },
        Data::Enum(_) | Data::Union(_) => {
            return Err(Error::new(input.ident.span(), "a row is a struct: each field is a column"));
        }
    };
    if fields.is_empty() {
        return Err(Error::new(input.ident.span(), "a row has at least one column"));
    }
    let names = names(Named { attribute: "row", each: "column" }, fields)?;
    let idents: Vec<_> = fields.iter().map(|field| &field.ident).collect();
    let types: Vec<_> = fields.iter().map(|field| &field.ty).collect();

    let builder = |ty: &&syn::Type| quote_spanned! { ty.span() => <#ty as ::millstream_guest::row::Cell>::Builder };
    let builders: Vec<_> = types.iter().map(builder).collect();
    let mut tuples: Vec<_> = builders.chunks(TUPLE).map(|chunk| quote! { (#(#chunk,)*) }).collect();
    let mut all = tuples.pop().unwrap_or_default();
    while let Some(before) = tuples.pop() {
        all = quote! { ::millstream_guest::builder::Both<#before, #all> };
    }

    let pushes = idents.iter().zip(&types).enumerate().map(|(at, (ident, ty))| {
        let (tuple, place) = (at / TUPLE, syn::Index::from(at % TUPLE));
        let last = (idents.len() - 1) / TUPLE;
        let way = std::iter::repeat_n(quote! { .1 }, tuple);
        let end = (tuple < last).then(|| quote! { .0 });
        quote_spanned! { ty.span() =>
            <#ty as ::millstream_guest::row::Cell>::push_to(self.#ident, &mut columns #(#way)* #end .#place);
        }
    });
    let all_fields = names.iter().zip(&types).map(|(name, ty)| {
        quote_spanned! { ty.span() => <#ty as ::millstream_guest::row::Cell>::field(#name) }
    });

    let name = &input.ident;
    let (impl_generics, type_generics, bounds) = input.generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics ::millstream_guest::row::Row for #name #type_generics #bounds {
            type Builders = #all;

            fn push_to(self, columns: &mut Self::Builders) {
                #(#pushes)*
            }
        }

        #[automatically_derived]
        impl #impl_generics ::millstream_guest::row::Record for #name #type_generics #bounds {
            fn fields() -> ::millstream_guest::Fields {
                ::std::vec![#(#all_fields),*].into()
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    fn refused(input: DeriveInput) -> String {
        row(input).map(|made| format!("nothing was wrong: {made}")).unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn what_is_no_row_is_told_in_words() {
        assert_eq!(refused(parse_quote! { enum E { A } }), "a row is a struct: each field is a column");
        let unnamed = refused(parse_quote! { struct S(i64); });
        assert!(unnamed.starts_with("name the fields: their names are the columns' names"), "{unnamed}");
        assert_eq!(refused(parse_quote! { struct S; }), "a row has at least one column");
        assert_eq!(refused(parse_quote! { struct S {} }), "a row has at least one column");
        assert_eq!(
            refused(parse_quote! { #[row(rename = "s")] struct S { a: i64 } }),
            "`#[row(…)]` stands at a field: `#[row(rename = \"…\")]`"
        );
    }

    #[test]
    fn names_are_given_once_and_attributes_are_known() {
        assert_eq!(
            refused(parse_quote! { struct S { #[row(renam = "b")] a: i64 } }),
            "unknown: `#[row(…)]` of a field knows `rename = \"…\"`"
        );
        assert_eq!(
            refused(parse_quote! { struct S { a: i64, #[row(rename = "a")] b: i64 } }),
            "column `a` is there already: field `a`"
        );
        assert_eq!(refused(parse_quote! { struct S { #[row(rename = "")] a: i64 } }), "a column needs a name");
        assert_eq!(
            refused(parse_quote! { struct S { #[row(rename = "b", rename = "c")] a: i64 } }),
            "a column has one name"
        );
        assert_eq!(refused(parse_quote! { struct S { #[row(rename = 1)] a: i64 } }), "expected string literal");
    }

    #[test]
    fn raw_names_and_generics_are_kept() {
        let made = row(parse_quote! { struct S<'a, T: Clone> where T: Ord { r#type: &'a str, t: T } });
        let made = made.map(|made| made.to_string()).unwrap_or_default();
        assert!(made.contains("field (\"type\")") && made.contains("self . r#type"), "{made}");
        assert!(
            made.contains("impl < 'a , T : Clone > :: millstream_guest :: row :: Row for S < 'a , T > where T : Ord")
        );
    }
}
