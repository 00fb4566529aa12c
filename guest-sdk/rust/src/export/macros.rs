//! The macros that make a component of a crate.

/// Makes a component of a [`Filter`](crate::Filter): once per crate, at its top level. The operator's name is the crate's.
#[macro_export]
macro_rules! filter {
    ($plugin:ty) => {
        $crate::__export!([filter], [$crate::__one!(filter, $plugin)]);
    };
}

/// Makes a component of a [`Map`](crate::Map): once per crate, at its top level. The operator's name is the crate's.
#[macro_export]
macro_rules! map {
    ($plugin:ty) => {
        $crate::__export!([map], [$crate::__one!(map, $plugin)]);
    };
}

/// Makes a component of a [`FlatMap`](crate::FlatMap): once per crate, at its top level. The operator's name is the
/// crate's.
#[macro_export]
macro_rules! flat_map {
    ($plugin:ty) => {
        $crate::__export!([flat_map], [$crate::__one!(flat_map, $plugin)]);
    };
}

/// Makes a component of an [`Aggregate`](crate::Aggregate): once per crate, at its top level. The operator's name is the
/// crate's.
#[macro_export]
macro_rules! aggregate {
    ($plugin:ty) => {
        $crate::__export!([aggregate], [$crate::__one!(aggregate, $plugin)]);
    };
}

/// Makes a component of a [`Fold`](crate::Fold): once per crate, at its top level. The operator's name is the crate's.
#[macro_export]
macro_rules! fold {
    ($plugin:ty) => {
        $crate::aggregate!($crate::operator::Folding<$plugin>);
    };
}

/// Makes a component of a [`Keyed`](crate::Keyed) operator: once per crate, at its top level. The operator's name is the
/// crate's.
#[macro_export]
macro_rules! keyed {
    ($plugin:ty) => {
        $crate::__export!([keyed], [$crate::__one!(keyed, $plugin)]);
    };
}

/// Makes a component of several operators, of any kinds: once per crate, at its top level. Each has a name, unique in
/// the crate, and a line that says what it does. One instance holds all that a job uses of them.
///
/// ```
/// use millstream_guest::prelude::*;
///
/// /// Keeps rows with a text.
/// struct NotEmpty(Input<Utf8>);
///
/// impl Filter for NotEmpty {
///     fn bind(config: &Config, input: &Schema) -> Result<Self, Problem> {
///         Ok(Self(input.column_or_first(config.optional_text("column")?.as_deref())?.utf8()?))
///     }
///
///     fn call(&self, batch: &Batch) -> Result<Selection, Failure> {
///         Ok(kernel::select_bytes(&batch.get(self.0).as_bytes(), |text| !text.is_empty()).into())
///     }
/// }
///
/// /// Twice a number.
/// struct Double(Input<Float64>);
///
/// impl Map for Double {
///     fn bind(_config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
///         Ok((Self(input.argument(0)?.float64()?), Fields::new().float64("double")))
///     }
///
///     fn call(&self, batch: Batch) -> Result<Mapped, Failure> {
///         Ok(kernel::map_f64(&batch.get(self.0), |x| 2.0 * x).into())
///     }
/// }
///
/// millstream_guest::operators! {
///     filter NotEmpty as "not-empty": "Keeps the rows with a text";
///     map Double as "double": "Twice a number";
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! operators {
    ($($kind:ident $plugin:ty as $name:literal: $summary:literal);+ $(;)?) => {
        $crate::__export!([$($kind)+], [$($crate::export::Entry::$kind::<$plugin>($name, $summary)),+]);
    };
}

/// The one operator of a crate, named and described as the crate is.
#[doc(hidden)]
#[macro_export]
macro_rules! __one {
    ($kind:ident, $plugin:ty) => {
        $crate::export::Entry::$kind::<$plugin>(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_DESCRIPTION"))
    };
}

/// Natively a plugin is its traits and nothing more; that it fits into a component is checked all the same.
#[cfg(not(target_family = "wasm"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ([$($kind:ident)+], [$($entry:expr),+]) => {
        const _: &[$crate::export::Entry] = $crate::export::checked(&[$($entry),+]);
    };
}

/// The crate's operators, and the component's exports.
#[cfg(target_family = "wasm")]
#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ([$($kind:ident)+], [$($entry:expr),+]) => {
        #[allow(unsafe_code, missing_docs)]
        const _: () = {
            struct Here;

            impl $crate::export::Component for Here {
                const OPERATORS: &'static [$crate::export::Entry] = $crate::export::checked(&[$($entry),+]);
            }

            type Exported = $crate::export::Exports<Here>;
            $crate::export::wasm::catalog::export!(Exported with_types_in $crate::export::wasm::catalog);
            $crate::__once!(Exported [$($kind)+] [] [] [] [] [] []);
        };
    };
}

/// Exports the interface of each kind, once: what stands in the brackets behind are the kinds that were seen, and
/// `migration`, which is one for aggregates and keyed operators.
#[cfg(target_family = "wasm")]
#[doc(hidden)]
#[macro_export]
macro_rules! __once {
    ($type:ident [filter $($rest:ident)*] [$($seen:ident)?] $b:tt $c:tt $d:tt $e:tt $f:tt) => {
        $crate::__once!($type [$($rest)*] [filter] $b $c $d $e $f);
    };
    ($type:ident [map $($rest:ident)*] $a:tt [$($seen:ident)?] $c:tt $d:tt $e:tt $f:tt) => {
        $crate::__once!($type [$($rest)*] $a [map] $c $d $e $f);
    };
    ($type:ident [flat_map $($rest:ident)*] $a:tt $b:tt [$($seen:ident)?] $d:tt $e:tt $f:tt) => {
        $crate::__once!($type [$($rest)*] $a $b [flat_map] $d $e $f);
    };
    ($type:ident [aggregate $($rest:ident)*] $a:tt $b:tt $c:tt $d:tt $e:tt $f:tt) => {
        $crate::__once!($type [$($rest)*] $a $b $c [aggregate] $e [migration]);
    };
    ($type:ident [fold $($rest:ident)*] $a:tt $b:tt $c:tt $d:tt $e:tt $f:tt) => {
        $crate::__once!($type [$($rest)*] $a $b $c [aggregate] $e [migration]);
    };
    ($type:ident [keyed $($rest:ident)*] $a:tt $b:tt $c:tt $d:tt $e:tt $f:tt) => {
        $crate::__once!($type [$($rest)*] $a $b $c $d [keyed] [migration]);
    };
    ($type:ident [] $([$($kind:ident)?])*) => {
        $($($crate::export::wasm::$kind::export!($type with_types_in $crate::export::wasm::$kind);)?)*
    };
}
