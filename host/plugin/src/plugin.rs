//! A loaded plugin: a compiled component of which it is known what it is and what it imports. Binding it to a
//! configuration and an input schema makes it callable.

use std::fmt;
use std::sync::Arc;

use wasmtime::component::{Component, InstancePre};

use crate::binding::{Input, InputField};
use crate::bound::{Bound, BoundAggregate, BoundFilter, BoundFlatMap, BoundMap};
use crate::error::{PluginError, Result};
use crate::inspect::{self, PluginKind};
use crate::instance::{Guest, Instances};
use crate::limits::Limits;
use crate::sandbox::Sandbox;
use crate::ticker::Ticker;
use crate::wasi;

/// A loaded component. Cloning it is cheap.
#[derive(Clone)]
pub struct Plugin(Arc<Inner>);

struct Inner {
    ticker: Arc<Ticker>,
    pre: InstancePre<Sandbox>,
    description: Description,
}

/// What can be known of a plugin without running it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Which operator it is.
    pub kind: PluginKind,
    /// The digest of the component's bytes: BLAKE3, in hexadecimal.
    pub digest: String,
    /// The component's size in bytes.
    pub size: usize,
    /// The names of what it exports.
    pub exports: Vec<String>,
    /// What it imports, types of the contract aside.
    pub imports: Vec<Import>,
}

/// Something that a component wants from its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The name of the interface or function, with its version.
    pub name: String,
    /// Whether it gets it. Of the others a call ends the plugin's call, naming the import.
    pub granted: bool,
}

impl Plugin {
    /// `bytes` are those that `component` was compiled of.
    pub(crate) fn new(
        ticker: Arc<Ticker>,
        origin: &str,
        digest: String,
        size: usize,
        component: &Component,
    ) -> Result<Self> {
        let engine = component.engine();
        let ty = component.component_type();
        let exports: Vec<String> = ty.exports(engine).map(|(name, _)| name.to_owned()).collect();
        let kind = inspect::kind(origin, exports.iter().map(String::as_str))?;
        let imports = ty
            .imports(engine)
            .filter(|(name, _)| !name.starts_with("millstream:operator/"))
            .map(|(name, _)| Import { name: name.to_owned(), granted: wasi::is_granted(name) })
            .collect();
        let pre = wasi::linker(component).and_then(|linker| linker.instantiate_pre(component)).map_err(|e| {
            PluginError::MissingExport {
                origin: origin.to_owned(),
                message: format!("its imports cannot be met: {e:#}"),
                hint: "build it with the SDK, or with the WIT, of this version".to_owned(),
            }
        })?;
        let description = Description { kind, digest, size, exports, imports };
        Ok(Self(Arc::new(Inner { ticker, pre, description })))
    }

    /// Which operator it is.
    pub fn kind(&self) -> PluginKind {
        self.0.description.kind
    }

    /// The digest of the component's bytes: BLAKE3, in hexadecimal. Two plugins with the same digest do the same.
    pub fn digest(&self) -> &str {
        &self.0.description.digest
    }

    /// What can be known of it without running it.
    pub fn describe(&self) -> &Description {
        &self.0.description
    }

    /// Offers the plugin a configuration and an input schema: it says which columns it reads and what it makes, or
    /// refuses.
    ///
    /// `config` is a JSON object. `input` are all columns of the batches that calls will be given; a plugin may see
    /// columns of any type, but read only those that [`normal_type`](crate::normal_type) knows.
    pub fn bind(&self, config: &str, input: &[InputField], limits: &Limits) -> Result<Bound> {
        Ok(match self.kind() {
            PluginKind::Filter => Bound::Filter(BoundFilter::new(self.start(config, input, limits)?)?),
            PluginKind::Map => Bound::Map(BoundMap::new(self.start(config, input, limits)?)?),
            PluginKind::FlatMap => Bound::FlatMap(BoundFlatMap::new(self.start(config, input, limits)?)?),
            PluginKind::Aggregate => Bound::Aggregate(BoundAggregate::new(self.start(config, input, limits)?)?),
            PluginKind::Keyed => {
                return Err(PluginError::Unsupported("keyed plugins cannot be called by this version yet".to_owned()));
            }
        })
    }

    fn start<G: Guest>(&self, config: &str, input: &[InputField], limits: &Limits) -> Result<Instances<G>> {
        Instances::start(self.0.ticker.clone(), self.0.pre.clone(), config, Input::new(input)?, limits)
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Plugin").field(&self.0.description).finish()
    }
}
