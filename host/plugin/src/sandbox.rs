//! What the host keeps for one instance: how much it has used up, what it wrote and logged, and what it is told of time
//! and chance.

use wasmtime::{ResourceLimiter, StoreContextMut};

use crate::limits::Limits;
use crate::logging::{LogLevel, Logged, printable};

/// The most bytes of standard output and error that are kept per call: enough for a stack trace, too little to hurt.
const CAPTURED_BYTES: usize = 64 << 10;
/// More core instances, memories or tables than any toolchain makes of one component.
const CORE_INSTANCES: usize = 100;
const MEMORIES: usize = 16;
const TABLES: usize = 100;

/// Whoever calls a function of the host.
pub(crate) type Caller<'a> = StoreContextMut<'a, Sandbox>;

/// An instance's side of the host.
#[derive(Debug)]
pub(crate) struct Sandbox {
    memory: Gauge,
    /// Bytes of memory that it had when it was last bound.
    bound_with: usize,
    table_entries: Gauge,
    /// Why the last request for memory or table entries was refused in this call.
    refused: Option<String>,
    /// Why the system gave no memory that the limit had granted.
    no_room: Option<String>,
    /// The code that the guest ended its process with in this call.
    exit: Option<u8>,
    output: Vec<u8>,
    output_dropped: bool,
    log: Logged,
    /// How often the guest has asked for the time in this call: what its clocks show.
    clock: u64,
    /// The state of the guest's random numbers in this call.
    random: u64,
}

#[derive(Debug)]
struct Gauge {
    used: usize,
    limit: usize,
}

impl Gauge {
    /// Takes `more`, if that keeps within the limit.
    fn take(&mut self, more: usize) -> bool {
        match self.used.checked_add(more) {
            Some(used) if used <= self.limit => {
                self.used = used;
                true
            }
            _ => false,
        }
    }
}

impl Sandbox {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            memory: Gauge { used: 0, limit: limits.memory },
            bound_with: 0,
            table_entries: Gauge { used: 0, limit: limits.table_entries },
            refused: None,
            no_room: None,
            exit: None,
            output: Vec::new(),
            output_dropped: false,
            log: Logged::default(),
            clock: 0,
            random: 0,
        }
    }

    /// Forgets what belonged to the call before.
    pub(crate) fn begin_call(&mut self) {
        self.refused = None;
        self.no_room = None;
        self.exit = None;
        self.output.clear();
        self.output_dropped = false;
        self.log = Logged::default();
        self.clock = 0;
        self.random = 0;
    }

    /// Keeps what the guest writes to its standard output or error, up to a bound.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let room = CAPTURED_BYTES.saturating_sub(self.output.len());
        self.output.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.output_dropped |= bytes.len() > room;
    }

    /// What the guest wrote to its standard output and error in this call. Control characters are replaced, since this
    /// text ends up on terminals.
    pub(crate) fn output(&self) -> String {
        let mut text = printable(&String::from_utf8_lossy(&self.output));
        if self.output_dropped {
            text.push_str("\n… (the rest was dropped)");
        }
        text
    }

    pub(crate) fn log(&mut self, level: LogLevel, text: &str) {
        self.log.push(level, text);
    }

    pub(crate) fn take_log(&mut self) -> Logged {
        std::mem::take(&mut self.log)
    }

    /// The next reading of the guest's clocks in this call: 1, 2, 3 and so on.
    pub(crate) fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// The next random number of this call: the same ones in every call (SplitMix64, Steele, Lea and Flood 2014).
    pub(crate) fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// What it holds now is what it needs to be bound at all: a language's runtime, a model.
    pub(crate) fn is_bound(&mut self) {
        self.bound_with = self.memory.used;
    }

    /// Whether it holds more than three quarters of the memory that calls may have: some runtimes never give back what a
    /// call took, and a new instance is better than one that fails.
    pub(crate) fn is_nearly_full(&self) -> bool {
        let room = self.memory.limit.saturating_sub(self.bound_with);
        self.memory.used.saturating_sub(self.bound_with) > room / 4 * 3
    }

    pub(crate) fn set_exit(&mut self, code: u8) {
        self.exit = Some(code);
    }

    pub(crate) fn exit(&self) -> Option<u8> {
        self.exit
    }

    pub(crate) fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }

    pub(crate) fn no_room(&self) -> Option<&str> {
        self.no_room.as_deref()
    }
}

impl ResourceLimiter for Sandbox {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        // Past the module's own maximum it fails anyway, and that is not our limit's doing.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let granted = self.memory.take(desired.saturating_sub(current));
        if !granted {
            let wanted = self.memory.used.saturating_add(desired.saturating_sub(current));
            self.refused =
                Some(format!("it wanted {} of memory, its limit is {}", mib(wanted), mib(self.memory.limit)));
        }
        Ok(granted)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        if is_of_the_system(&error) {
            self.no_room = Some(format!("the system gives no more memory: {}", error.root_cause()));
        }
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let granted = self.table_entries.take(desired.saturating_sub(current));
        if !granted {
            let limit = self.table_entries.limit;
            self.refused = Some(format!("it wanted a table of {desired} entries, its limit is {limit}"));
        }
        Ok(granted)
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES
    }

    fn tables(&self) -> usize {
        TABLES
    }

    fn memories(&self) -> usize {
        MEMORIES
    }
}

/// Whether an error of the engine's is one of the operating system's: it had no memory to give.
pub(crate) fn is_of_the_system(error: &wasmtime::Error) -> bool {
    error.chain().any(|cause| cause.is::<std::io::Error>())
}

/// Bytes as a person reads them: whole MiB, rounded up.
fn mib(bytes: usize) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_of_all_memories_counts_together() {
        let mut sandbox = Sandbox::new(&Limits { memory: 10 << 20, ..Limits::default() });
        assert!(sandbox.memory_growing(0, 6 << 20, None).unwrap());
        assert!(!sandbox.memory_growing(0, 5 << 20, None).unwrap());
        assert_eq!(sandbox.refused(), Some("it wanted 11 MiB of memory, its limit is 10 MiB"));
        assert!(sandbox.memory_growing(6 << 20, 10 << 20, None).unwrap());
    }

    #[test]
    fn memory_that_the_system_does_not_give_is_not_the_plugins_fault() {
        let mut sandbox = Sandbox::new(&Limits::default());
        sandbox.memory_grow_failed(wasmtime::Error::msg("larger than its type allows")).unwrap();
        assert_eq!(sandbox.no_room(), None);
        sandbox.memory_grow_failed(std::io::Error::from(std::io::ErrorKind::OutOfMemory).into()).unwrap();
        assert_eq!(sandbox.no_room(), Some("the system gives no more memory: out of memory"));
        sandbox.begin_call();
        assert_eq!(sandbox.no_room(), None);
    }

    #[test]
    fn what_a_binding_needs_does_not_fill_an_instance() {
        let mut sandbox = Sandbox::new(&Limits { memory: 100, ..Limits::default() });
        let holds = |sandbox: &mut Sandbox, bytes: usize| {
            sandbox.memory.used = bytes;
            sandbox.is_nearly_full()
        };
        assert_eq!((holds(&mut sandbox, 75), holds(&mut sandbox, 76)), (false, true));
        sandbox.is_bound();
        assert_eq!((holds(&mut sandbox, 94), holds(&mut sandbox, 95)), (false, true));
    }

    #[test]
    fn time_and_chance_are_the_same_in_every_call() {
        let mut sandbox = Sandbox::new(&Limits::default());
        let call = |sandbox: &mut Sandbox| (sandbox.tick(), sandbox.tick(), sandbox.random(), sandbox.random());
        let first = call(&mut sandbox);
        assert_eq!((first.0, first.1), (1, 2));
        assert_ne!(first.2, first.3);
        sandbox.begin_call();
        assert_eq!(call(&mut sandbox), first);
    }

    #[test]
    fn captured_output_is_bounded_and_harmless() {
        let mut sandbox = Sandbox::new(&Limits::default());
        sandbox.write(b"red: \x1b[31m\n");
        assert_eq!(sandbox.output(), "red: \u{fffd}[31m\n");
        sandbox.write(&vec![b'x'; CAPTURED_BYTES * 2]);
        assert!(sandbox.output().len() < CAPTURED_BYTES + 100);
        assert!(sandbox.output().ends_with("(the rest was dropped)"));
        sandbox.begin_call();
        assert_eq!(sandbox.output(), "");
    }
}
