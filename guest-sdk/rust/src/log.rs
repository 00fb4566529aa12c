//! What an operator has to say while it works: lines that the host shows with the names of the plugin, its operator and
//! the epoch. In tests they go to standard error.
//!
//! Bounded by the host: 4 KiB a line, 64 KiB a call. A component that logs needs a host that offers it, which is in
//! [`Site::abilities`](crate::Site::abilities).

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For whoever looks for a mistake.
    Debug,
    /// Good to know.
    Info,
    /// Something may be wrong.
    Warn,
    /// Something is wrong.
    Error,
}

/// Shows a line.
pub fn log(level: Level, text: impl AsRef<str>) {
    show(level, text.as_ref());
}

/// For whoever looks for a mistake.
pub fn debug(text: impl AsRef<str>) {
    log(Level::Debug, text);
}

/// Good to know.
pub fn info(text: impl AsRef<str>) {
    log(Level::Info, text);
}

/// Something may be wrong.
pub fn warn(text: impl AsRef<str>) {
    log(Level::Warn, text);
}

/// Something is wrong.
pub fn error(text: impl AsRef<str>) {
    log(Level::Error, text);
}

#[cfg(not(target_family = "wasm"))]
fn show(level: Level, text: &str) {
    eprintln!("{level:?}: {text}");
}

#[cfg(target_family = "wasm")]
fn show(level: Level, text: &str) {
    use imports::millstream::operator::log;
    let level = match level {
        Level::Debug => log::Level::Debug,
        Level::Info => log::Level::Info,
        Level::Warn => log::Level::Warn,
        Level::Error => log::Level::Error,
    };
    log::log(level, text);
}

/// A world of its own, which is merged with that of the crate's operators; only where something is logged.
#[cfg(target_family = "wasm")]
#[allow(missing_docs, unsafe_code, clippy::all)]
mod imports {
    include!(concat!(env!("CARGO_MANIFEST_DIR"), "/bindings/log.rs.in"));
}
