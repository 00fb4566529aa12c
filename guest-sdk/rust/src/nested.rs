//! Nested columns: lists, structs and maps, as kinds to ask for and as views to read them by.
//!
//! A nested column is columns again: a list's items lie one after the other in a column of their own, a struct's fields
//! are columns, a map is a list of keys and values. So nothing is copied or put together a row at a time: a row of a
//! list is a range of its items, and where these are numbers, a slice.
//!
//! | column | kind | asked for by | read by | a row |
//! |---|---|---|---|---|
//! | list | [`List<K>`](List) | `column.list::<K>()` | [`ListColumn`] | [`Items`], or `&[f32]` by [`slice`](ListColumn::slice) |
//! | fixed list | [`FixedList<K>`](FixedList) | `column.fixed_list::<K>()` | [`FixedListColumn`] | the same |
//! | struct | [`Struct`] | `column.structure()` | [`StructColumn`] | its fields, each a column |
//! | map | [`MapOf<K, V>`](MapOf) | `column.map::<K, V>()` | [`MapColumn`] | [`Entries`] |
//!
//! Mostly the struct itself isn't needed: `input.column("user")?.child("name")?.utf8()?` asks for one of its fields like
//! for a column, with casts and messages, and [`Batch::get`](crate::Batch::get) gives the field's view.

mod items;
mod list;
mod map;
mod structure;

pub use items::Items;
pub use list::{FixedList, FixedListColumn, List, ListColumn};
pub use map::{Entries, MapColumn, MapOf};
pub use structure::{Struct, StructColumn, StructRow};
