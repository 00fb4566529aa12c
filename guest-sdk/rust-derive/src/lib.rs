//! `#[derive(Row)]`: a struct's fields are an output row's columns. What it makes is described at millstream-guest's
//! `Row`, which re-exports it.

mod expand;
mod names;

use proc_macro::TokenStream;

/// Makes a struct an output row: each field is a column of its name.
///
/// A column is null where the field is an `Option`, and else promises not to be. Fields may be any values of columns:
/// numbers, texts, `Micros`, `Days`, bytes, lists (`Vec<T>`, `[T; N]`), maps (`BTreeMap`), structs (`AsStruct<T>`).
/// `#[row(rename = "…")]` gives a column another name. `T::fields()` is what `bind` returns for the columns.
#[proc_macro_derive(Row, attributes(row))]
pub fn derive_row(item: TokenStream) -> TokenStream {
    let row = syn::parse(item).and_then(expand::row);
    row.unwrap_or_else(syn::Error::into_compile_error).into()
}
