//! A map over an allocator that gives every list of bytes an odd address: what comes out is right all the same. Column
//! `copies` counts such lists so far, so that a test sees that there are some.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicI64, Ordering};

use millstream_guest::prelude::*;

/// Bytes go one further than they would.
struct Odd;

static COPIES: AtomicI64 = AtomicI64::new(0);

/// With room for the byte in front.
fn wider(layout: Layout, size: usize) -> Layout {
    Layout::from_size_align(size + 16, layout.align().max(16)).expect("it is no larger than memory")
}

// SAFETY: as `System`, one byte on where the alignment allows it.
unsafe impl GlobalAlloc for Odd {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() > 1 {
            return unsafe { System.alloc(layout) };
        }
        let start = unsafe { System.alloc(wider(layout, layout.size())) };
        if start.is_null() { start } else { unsafe { start.add(1) } }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        if layout.align() > 1 {
            return unsafe { System.dealloc(start, layout) };
        }
        unsafe { System.dealloc(start.sub(1), wider(layout, layout.size())) }
    }
}

#[global_allocator]
static ALLOCATOR: Odd = Odd;

/// What the host's lists are put into, in place of the C library's, which aligns everything.
///
/// # Safety
/// As the canonical ABI says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cabi_realloc(old: *mut u8, old_len: usize, align: usize, new_len: usize) -> *mut u8 {
    if new_len == 0 {
        return align as *mut u8;
    }
    let layout = |len| Layout::from_size_align(len, align).expect("it is no larger than memory");
    let new = unsafe { ALLOCATOR.alloc(layout(new_len)) };
    assert!(!new.is_null(), "out of memory");
    COPIES.fetch_add(i64::from(new.addr() % 2 == 1), Ordering::Relaxed);
    if old_len > 0 {
        unsafe {
            std::ptr::copy_nonoverlapping(old, new, old_len.min(new_len));
            ALLOCATOR.dealloc(old, layout(old_len));
        }
    }
    new
}

struct Misaligned {
    n: Input<Int64>,
    text: Option<Input<Utf8>>,
}

impl Map for Misaligned {
    fn bind(_config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
        let n = input.argument(0)?.int64()?;
        let text = if input.len() > 1 { Some(input.argument(1)?.utf8()?) } else { None };
        let fields = Fields::new().int64("double").int64("length").int64("copies");
        Ok((Self { n, text }, fields))
    }

    fn call(&self, batch: Batch) -> Result<Mapped, Failure> {
        let n = batch.get(self.n);
        let mut lengths = Int64Builder::with_capacity(batch.rows());
        for row in 0..batch.rows() {
            lengths.push_option(self.text.and_then(|text| Some(batch.get(text).get(row)?.len() as i64)));
        }
        let copies = Column::int64(vec![COPIES.load(Ordering::Relaxed); batch.rows()]);
        Ok(vec![kernel::map_i64(&n, |n| n.wrapping_mul(2)), lengths.finish(), copies].into())
    }
}

millstream_guest::map!(Misaligned);
