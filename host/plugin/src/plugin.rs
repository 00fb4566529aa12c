//! A loaded plugin: a compiled component of which it is known what it exports and imports. Binding one of its operators
//! to a configuration and an input schema makes it callable.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use wasmtime::component::{Component, InstancePre};

use crate::bound::{Bound, BoundAggregate, BoundFilter, BoundFlatMap, BoundKeyed, BoundMap};
use crate::catalog::{self, OperatorInfo};
use crate::error::{PluginError, Result};
use crate::fuel::Meter;
use crate::guests::{Indices, Kind};
use crate::inspect::{self, Exports, PluginKind};
use crate::limits::Limits;
use crate::pool::{Pool, Slot};
use crate::request::{Asked, Request};
use crate::sandbox::Sandbox;
use crate::ticker::Ticker;
use crate::wasi;

/// A loaded component. Cloning it is cheap.
#[derive(Clone)]
pub struct Plugin(Arc<Inner>);

struct Inner {
    ticker: Arc<Ticker>,
    meter: Option<Arc<Meter>>,
    pre: InstancePre<Sandbox>,
    indices: Arc<Indices>,
    exports: Exports,
    description: Description,
    catalog: OnceLock<Vec<OperatorInfo>>,
    /// Its instances: operators that are bound under the same limits share them.
    pools: Mutex<Vec<Arc<Pool>>>,
}

/// What can be known of a plugin without running it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The kinds of operators that it may hold.
    pub kinds: Vec<PluginKind>,
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
        meter: Option<Arc<Meter>>,
        origin: &str,
        digest: String,
        size: usize,
        component: &Component,
    ) -> Result<Self> {
        let engine = component.engine();
        let ty = component.component_type();
        let names: Vec<String> = ty.exports(engine).map(|(name, _)| name.to_owned()).collect();
        let exports = inspect::exports(origin, names.iter().map(String::as_str))?;
        let imports = ty
            .imports(engine)
            .filter(|(name, _)| !is_of_types(name))
            .map(|(name, _)| Import { name: name.to_owned(), granted: wasi::is_granted(name) })
            .collect();
        let wrong = |what: &str, e: wasmtime::Error| PluginError::MissingExport {
            origin: origin.to_owned(),
            message: format!("{what}: {e:#}"),
            hint: "build it with the SDK, or with the WIT, of this version".to_owned(),
        };
        let pre = wasi::linker(component)
            .and_then(|linker| linker.instantiate_pre(component))
            .map_err(|e| wrong("its imports cannot be met", e))?;
        let indices = Indices::new(&pre, &exports).map_err(|e| wrong("its exports are not the contract's", e))?;
        let description = Description { kinds: exports.kinds.clone(), digest, size, exports: names, imports };
        Ok(Self(Arc::new(Inner {
            ticker,
            meter,
            pre,
            indices: Arc::new(indices),
            exports,
            description,
            catalog: OnceLock::new(),
            pools: Mutex::new(Vec::new()),
        })))
    }

    /// The digest of the component's bytes: BLAKE3, in hexadecimal. Two plugins with the same digest do the same.
    pub fn digest(&self) -> &str {
        &self.0.description.digest
    }

    /// What can be known of it without running it.
    pub fn describe(&self) -> &Description {
        &self.0.description
    }

    /// The operators that it holds, one or more. Starts an instance the first time.
    ///
    /// # Errors
    /// If it does not start under `limits`, or its catalog is not sound.
    pub fn operators(&self, limits: &Limits) -> Result<&[OperatorInfo]> {
        if let Some(known) = self.0.catalog.get() {
            return Ok(known);
        }
        let given = self.pool(limits).catalog()?;
        let checked = catalog::checked(given, &self.0.exports.kinds)?;
        Ok(self.0.catalog.get_or_init(|| checked))
    }

    /// The operator named `name`, or, without a name, the only one.
    ///
    /// # Errors
    /// As of [`operators`](Self::operators), and if there is none of that name, or several and none is named.
    pub fn operator(&self, name: Option<&str>, limits: &Limits) -> Result<&OperatorInfo> {
        let operators = self.operators(limits)?;
        let found = match name {
            Some(name) => operators.iter().find(|operator| operator.name == name),
            None => operators.first().filter(|_| operators.len() == 1),
        };
        found.ok_or_else(|| PluginError::NoSuchOperator {
            message: match name {
                Some(name) => format!("the plugin holds no operator `{name}`"),
                None => "the plugin holds several operators, and none is named".to_owned(),
            },
            operators: operators.iter().map(|operator| operator.name.clone()).collect(),
        })
    }

    /// Offers one of its operators a configuration and an input schema: it says which columns it reads and what it
    /// makes, or refuses.
    pub fn bind(&self, request: &Request<'_>, limits: &Limits) -> Result<Bound> {
        let operator = self.operator(request.operator, limits)?;
        Ok(match operator.kind {
            PluginKind::Filter => Bound::Filter(BoundFilter::new(self.slot(operator, request, limits)?)?),
            PluginKind::Map => Bound::Map(BoundMap::new(self.slot(operator, request, limits)?)?),
            PluginKind::FlatMap => Bound::FlatMap(BoundFlatMap::new(self.slot(operator, request, limits)?)?),
            PluginKind::Aggregate => Bound::Aggregate(BoundAggregate::new(self.slot(operator, request, limits)?)?),
            PluginKind::Keyed => Bound::Keyed(BoundKeyed::new(self.slot(operator, request, limits)?)?),
        })
    }

    fn slot<K: Kind>(&self, operator: &OperatorInfo, request: &Request<'_>, limits: &Limits) -> Result<Slot<K>> {
        Slot::bind(&self.pool(limits), Asked::new(&operator.name, request)?, request.log.clone())
    }

    fn pool(&self, limits: &Limits) -> Arc<Pool> {
        let mut pools = self.0.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.iter().find(|pool| pool.limits() == limits) {
            return pool.clone();
        }
        let Inner { ticker, meter, pre, indices, .. } = &*self.0;
        let pool = Pool::new(ticker.clone(), meter.clone(), pre.clone(), indices.clone(), limits);
        pools.push(pool.clone());
        pool
    }
}

/// Whether an import is one of the contract's interfaces that hold nothing but types.
fn is_of_types(import: &str) -> bool {
    ["millstream:operator/columns@", "millstream:operator/types@"].iter().any(|types| import.starts_with(types))
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Plugin").field(&self.0.description).finish()
    }
}
