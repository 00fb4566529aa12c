//! The implementations for one struct of values and maps that are kept of a key.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Data, DeriveInput, Error, Fields, Result, spanned::Spanned};

use crate::names::{Named, names};

/// What stands behind a struct with `#[derive(KeyedState)]`.
pub fn state(input: DeriveInput) -> Result<TokenStream> {
    if let Some(attribute) = input.attrs.iter().find(|attribute| attribute.path().is_ident("state")) {
        return Err(Error::new(attribute.span(), "`#[state(…)]` stands at a field: `#[state(rename = \"…\")]`"));
    }
    let fields = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) if !fields.named.is_empty() => &fields.named,
            _ => {
                let what = "name the fields: what is kept of a key goes by their names";
                return Err(Error::new(input.ident.span(), what));
            }
        },
        Data::Enum(_) | Data::Union(_) => {
            let what = "what is kept of a key is a struct of `State<T>` and `MapState<K, V>`; an enum is one value, which \
                        serde knows";
            return Err(Error::new(input.ident.span(), what));
        }
    };
    let names = names(Named { attribute: "state", each: "state" }, fields)?;
    let visits = fields.iter().zip(&names).map(|(field, name)| {
        let (ident, ty) = (&field.ident, &field.ty);
        quote_spanned! { ty.span() =>
            <#ty as ::millstream_guest::operator::StateField>::visit(&mut self.#ident, #name, visitor)?;
        }
    });

    let name = &input.ident;
    let (impl_generics, type_generics, bounds) = input.generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics ::millstream_guest::operator::StateFields for #name #type_generics #bounds {
            fn visit<V__: ::millstream_guest::operator::StateVisitor>(
                &mut self,
                visitor: &mut V__,
            ) -> ::std::result::Result<(), ::millstream_guest::operator::Failure> {
                #(#visits)*
                ::std::result::Result::Ok(())
            }
        }

        #[automatically_derived]
        impl #impl_generics ::millstream_guest::operator::KeyedState for #name #type_generics #bounds {
            type Handle = Self;
            type Stored<'stored__> = &'stored__ ::millstream_guest::operator::StoredValues<'stored__>;

            fn stored<'stored__>(
                values: &'stored__ ::millstream_guest::operator::StoredValues<'stored__>,
            ) -> ::std::result::Result<
                ::std::option::Option<Self::Stored<'stored__>>,
                ::millstream_guest::operator::Failure,
            > {
                ::std::result::Result::Ok((!values.is_empty()).then_some(values))
            }

            fn into_handle(self) -> Self {
                self
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    fn refused(input: DeriveInput) -> String {
        state(input).map(|made| format!("nothing was wrong: {made}")).unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn what_cannot_be_kept_is_told_in_words() {
        assert!(refused(parse_quote! { enum E { A } }).ends_with("an enum is one value, which serde knows"));
        let unnamed = "name the fields: what is kept of a key goes by their names";
        assert_eq!(refused(parse_quote! { struct S(State<u64>); }), unnamed);
        assert_eq!(refused(parse_quote! { struct S {} }), unnamed);
        assert_eq!(
            refused(parse_quote! { #[state(rename = "s")] struct S { a: State<u64> } }),
            "`#[state(…)]` stands at a field: `#[state(rename = \"…\")]`"
        );
        assert_eq!(
            refused(parse_quote! { struct S { a: State<u64>, #[state(rename = "a")] b: State<u64> } }),
            "state `a` is there already: field `a`"
        );
    }
}
