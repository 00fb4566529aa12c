//! `#[derive(Row)]`: a struct's fields are an output row's columns. `#[derive(KeyedState)]`: they are what is kept of a
//! key. What they make is described at millstream-guest's `Row` and `KeyedState`, which re-export them.

mod expand;
mod names;
mod state;

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

/// Makes a struct what a keyed operator keeps of a key: each field is a `State<T>` or a `MapState<K, V>`, kept under its
/// name. `#[state(rename = "…")]` gives it another. The struct needs a default.
#[proc_macro_derive(KeyedState, attributes(state))]
pub fn derive_keyed_state(item: TokenStream) -> TokenStream {
    let state = syn::parse(item).and_then(state::state);
    state.unwrap_or_else(syn::Error::into_compile_error).into()
}
