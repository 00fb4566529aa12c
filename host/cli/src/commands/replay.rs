//! `millstream replay CHECKPOINT --epoch N..M`

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use millstream_engine::connector::Connectors;
use millstream_engine::connector::sink::is_closed_pipe;
use millstream_engine::job::{Job, PluginChange};
use millstream_engine::run::{self, Changed, Environment, Replay, Replayed, ReplayedEpoch};
use millstream_engine::storage::LocalStorage;
use millstream_engine::{Error, Result};
use serde_json::{Value, json};

use super::{checkpoint_folder, print, print_to_reader};
use crate::args::ReplayArgs;
use crate::replayed::{Shown, put_fuel};
use crate::text;

/// Computes epochs again, and says how they went.
pub(crate) fn replay(args: &ReplayArgs) -> Result<ExitCode> {
    let folder = checkpoint_folder(&args.checkpoint)?;
    let changed = changed(args)?;
    let mut shown = Shown::new(args.json, &args.key);
    let options = Replay {
        epochs: args.epoch.0..=args.epoch.1,
        changed,
        keys: args.key.iter().cloned().collect(),
        runtime: None,
        threads: args.threads.map(NonZeroUsize::get),
        environment: Environment::default(),
    };
    let note = |line: &str| eprintln!("{line}");
    let show = |epoch: &ReplayedEpoch| print_to_reader(&shown.epoch(epoch));
    let done = match run::replay(&LocalStorage::new(&folder), options, &note, show) {
        // Whoever read the lines (`| head`) has seen enough.
        Err(error) if is_closed_pipe(&error) => return Ok(ExitCode::SUCCESS),
        done => done?,
    };
    if args.json {
        print(&format!("{}\n", summary_json(&done)))?;
    } else {
        print(&summary(&done))?;
    }
    Ok(if done.same == done.epochs { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What is to be compared with the job as it was.
fn changed(args: &ReplayArgs) -> Result<Option<Changed>> {
    let is_job = args.checkpoint.is_file();
    let job = match is_job {
        true => Some(Job::load(&args.checkpoint, &Connectors::built_in().keys(), &args.set)?),
        false => None,
    };
    let absolute = |file: &str| -> Result<PathBuf> {
        std::path::absolute(Path::new(file)).map_err(|e| Error::invalid(format!("{file}: {e}")).caused_by(e))
    };
    let plugins = args.plugin.iter().map(|(name, file)| {
        Ok(PluginChange { plugin: name.clone(), path: Some(absolute(file)?), ..PluginChange::default() })
    });
    let plugins: Vec<PluginChange> = plugins.collect::<Result<_>>()?;
    let set = if is_job { Vec::new() } else { args.set.clone() };
    let is_changed = job.is_some() || !set.is_empty() || !plugins.is_empty();
    Ok(is_changed.then_some(Changed { job, set, plugins }))
}

fn summary(done: &Replayed) -> String {
    let epochs = |n: u64| if n == 1 { "1 epoch".to_owned() } else { format!("{} epochs", text::count(n)) };
    let mut out = match done.epochs - done.same {
        0 => format!("{} computed again, each gave what was written", epochs(done.epochs)),
        unlike => format!(
            "{} of {} gave something else than was written: a plugin is not deterministic, or what they read has changed",
            unlike,
            epochs(done.epochs)
        ),
    };
    out += &format!(" ({} rows/s)\n", text::count(text::rate(done.rows_in, done.took)));
    if done.is_compared {
        out += &match done.epochs - done.same_after {
            0 => "the changed job gives the same in all of them\n".to_owned(),
            n => format!("the changed job gives something else in {} of them\n", text::count(n)),
        };
    }
    out
}

fn summary_json(done: &Replayed) -> Value {
    let mut summary = json!({
        "epochs": done.epochs,
        "as_written": done.same,
        "rows_in": done.rows_in,
        "seconds": done.took.as_secs_f64(),
    });
    if done.is_compared {
        summary["same_after"] = done.same_after.into();
        summary["seconds_after"] = done.took_after.as_secs_f64().into();
    }
    put_fuel(&mut summary, done.fuel, done.fuel_after);
    json!({ "summary": summary })
}
