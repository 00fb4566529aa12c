//! Where an output's bytes wait until its epoch is committed: in memory while they are few, then in a file aside.

use std::io::{self, Write};
use std::sync::Arc;

use super::Outlet;
use crate::connector::sink::AsideFile;
use crate::fault::point;

/// Takes an output's bytes as they come; what they are is known at the end without reading them again.
pub(super) struct OutputBuffer {
    outlet: Arc<Outlet>,
    /// The name aside, if it comes to that.
    path: String,
    hasher: blake3::Hasher,
    len: u64,
    bytes: OutputBytes,
}

/// Where they are.
pub(super) enum OutputBytes {
    Memory(Vec<u8>),
    Aside(AsideFile),
}

/// An output whose bytes are all there.
pub(super) struct BufferedOutput {
    pub(super) bytes: OutputBytes,
    pub(super) len: u64,
    pub(super) digest: String,
}

impl OutputBuffer {
    pub(super) fn new(outlet: Arc<Outlet>, path: String) -> Self {
        Self { outlet, path, hasher: blake3::Hasher::new(), len: 0, bytes: OutputBytes::Memory(Vec::new()) }
    }

    /// Bytes so far.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The file aside, if there is one.
    pub(super) fn aside(&self) -> Option<&str> {
        matches!(self.bytes, OutputBytes::Aside(_)).then_some(&*self.path)
    }

    /// From now on aside.
    pub(super) fn spill(&mut self) -> io::Result<()> {
        let OutputBytes::Memory(bytes) = &self.bytes else { return Ok(()) };
        self.outlet.faults.hit(point::ASIDE_BEFORE);
        let mut file = self.outlet.storage.create(&self.path)?;
        file.write_all(bytes)?;
        self.bytes = OutputBytes::Aside(AsideFile { path: self.path.clone(), file: Some(file) });
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<BufferedOutput> {
        if let OutputBytes::Aside(AsideFile { file: Some(file), .. }) = &mut self.bytes {
            file.flush()?;
            self.outlet.faults.hit(point::ASIDE_WRITTEN);
        }
        Ok(BufferedOutput { bytes: self.bytes, len: self.len, digest: self.hasher.finalize().to_hex().to_string() })
    }
}

impl Write for OutputBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let OutputBytes::Memory(held) = &mut self.bytes {
            if held.len() + bytes.len() <= self.outlet.inline_limit {
                held.extend_from_slice(bytes);
            } else {
                self.spill()?;
            }
        }
        if let OutputBytes::Aside(AsideFile { file: Some(file), .. }) = &mut self.bytes {
            file.write_all(bytes)?;
        }
        self.hasher.update(bytes);
        self.len += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
