//! What a plugin may use up, with the reason for each default.

use std::time::Duration;

/// Limits of one bound plugin; each of its instances has them to itself.
///
/// The stack is the engine's, for all plugins alike: see [`RuntimeOptions`](crate::RuntimeOptions).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory, all memories of an instance together. Default 64 MiB: a batch of 8,192 rows with
    /// strings takes 1 to 2 MiB, a Python or JavaScript runtime 20 to 30.
    pub memory: usize,
    /// Entries of all tables together. Default 100,000: Rust components have hundreds, an embedded JavaScript engine
    /// some 20,000.
    pub table_entries: usize,
    /// Bytes that a guest may hand over per call. Default 128 MiB: well above what 64 MiB of memory can hold twice,
    /// so it only stops one that hands over the same bytes again and again.
    pub returned_bytes: usize,
    /// Bytes that a flat-map may make of one batch, over all its calls. Default 512 MiB: columns of text hold 2 GiB
    /// at most, and a batch that grows a thousand-fold is a mistake.
    pub expanded_bytes: usize,
    /// How long one call may take. Default 500 ms: a batch takes milliseconds, and a machine that is busy with
    /// other things should not fail a job; a failing call is made once more with ten times that, so that a plugin which
    /// loops on everything is found out within ten seconds.
    pub call_time: Duration,
    /// How long starting an instance and its `bind` may take, each. Default 10 s: a language runtime may start slowly,
    /// and a plugin may parse a model.
    pub bind_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 64 << 20,
            table_entries: 100_000,
            returned_bytes: 128 << 20,
            expanded_bytes: 512 << 20,
            call_time: Duration::from_millis(500),
            bind_time: Duration::from_secs(10),
        }
    }
}

/// How one call is made. The default is a pooled instance and the limits' own time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallOptions {
    /// Start a new instance for this call instead of taking one that has worked before.
    pub fresh_instance: bool,
    /// What `call_time` is multiplied by.
    pub time_factor: u32,
    /// What it is divided by: for a call with a part of the rows. No call gets less than [`LEAST_CALL_TIME`].
    pub time_divisor: u32,
}

/// The least time of a call: the clock that stops calls ticks in milliseconds, and a small part of a batch has costs of
/// its own.
pub const LEAST_CALL_TIME: Duration = Duration::from_millis(20);

impl CallOptions {
    /// The second try of a call that failed: a fresh instance and ten times the time, since a stall of the machine is
    /// not the row's fault.
    pub const RETRY: Self = Self { fresh_instance: true, time_factor: 10, time_divisor: 1 };
}

impl CallOptions {
    /// How long a call may take where `call_time` is what a whole batch may.
    pub(crate) fn time_of(&self, call_time: Duration) -> Duration {
        let time = call_time.saturating_mul(self.time_factor) / self.time_divisor.max(1);
        time.max(LEAST_CALL_TIME.min(call_time))
    }
}

impl Default for CallOptions {
    fn default() -> Self {
        Self { fresh_instance: false, time_factor: 1, time_divisor: 1 }
    }
}
