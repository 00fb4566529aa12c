//! `millstream savepoint CHECKPOINT DIR`

use std::path::Path;
use std::sync::Arc;

use millstream_engine::Result;
use millstream_engine::checkpoint::save;
use millstream_engine::clock::{Clock, SystemClock};
use millstream_engine::executor::Executor;
use millstream_engine::storage::{LocalStorage, Storage};

use super::{checkpoint_folder, print};
use crate::args::SavepointArgs;
use crate::text;

/// Writes a savepoint.
pub(crate) fn savepoint(args: &SavepointArgs) -> Result<()> {
    let from: Arc<dyn Storage> = Arc::new(LocalStorage::new(checkpoint_folder(&args.checkpoint)?));
    let workers = Executor::of_process().workers(None);
    let saved = save(&from, &LocalStorage::new(&args.into), SystemClock.now(), &workers)?;
    print(&format!(
        "{}: job `{}` after epoch {}, {}\nrun --from {} begins with it\n",
        args.into.display(),
        saved.job,
        saved.epoch,
        text::bytes(saved.bytes),
        shown(&args.into)
    ))
}

/// A path as a shell takes it.
fn shown(path: &Path) -> String {
    let path = path.display().to_string();
    if path.contains(char::is_whitespace) { format!("'{path}'") } else { path }
}
