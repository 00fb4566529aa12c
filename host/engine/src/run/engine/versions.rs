//! The versions that a job goes back to: what gave way to a new one, and what goes on when a canary ends.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::format::Decode;
use crate::job::PluginChange;
use crate::name::Named;
use crate::plan::Plan;
use crate::record::CanaryVersion;
use crate::run::canary::CanaryTerms;
use crate::run::statics::Statics;

/// What gave way to a new version.
pub(super) struct Before {
    pub plan: Arc<Plan>,
    pub statics: Statics,
    pub decoders: Named<Arc<dyn Decode>>,
    pub plugins: BTreeMap<String, String>,
    pub fingerprints: BTreeMap<String, serde_json::Value>,
}

/// The canary of a job.
pub(super) struct Canary {
    pub change: PluginChange,
    pub terms: CanaryTerms,
    pub version: CanaryVersion,
    /// What the job goes on with when it ends.
    pub before: Before,
    /// Epochs in which it refused no more than the version before, one after the other.
    pub clean: u64,
}
