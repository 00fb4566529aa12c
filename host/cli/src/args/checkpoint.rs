//! What can be written to look at a checkpoint, and to take from it.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
The log has the epochs since the oldest snapshot of the state that is needed; earlier ones
are gone. With --json each line is an epoch's record: what was read of each source, event
times, watermarks, counters, outputs, the components of the plugins that it was made with.

Examples:
  millstream epochs state
  millstream epochs job.toml --last 20
  millstream epochs job.toml --json | jq .counters")]
pub(crate) struct EpochsArgs {
    /// The checkpoint's folder, the job file, or the name of a running job.
    #[arg(value_name = "CHECKPOINT")]
    pub(crate) checkpoint: PathBuf,

    /// Only the last N.
    #[arg(long, value_name = "N")]
    pub(crate) last: Option<usize>,

    /// The records as they are, an object per line.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
A savepoint has the state after the last committed epoch, how far each source was read, and
the components that the job was swapped to. It is a folder that can be copied anywhere; all
of it has checksums. The job is not stopped for it, and does not notice. What sinks have
published is not in it.

Examples:
  millstream savepoint job.toml before-the-change
  millstream savepoint state /backup/state-of-today
  millstream run changed.toml --from before-the-change

Exit codes: 0 done, 1 failed, 2 the command line must be mended.")]
pub(crate) struct SavepointArgs {
    /// The checkpoint's folder, the job file, or the name of a running job.
    #[arg(value_name = "CHECKPOINT")]
    pub(crate) checkpoint: PathBuf,

    /// The folder to write to: one that is not there yet, or empty.
    #[arg(value_name = "DIR")]
    pub(crate) into: PathBuf,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Each epoch is computed with the job, the components and the configurations that it was made
with, from the state before it, the same offsets and the same time. Nothing is written, and
the job may run meanwhile. With a changed job or another version of a plugin, both are computed
from the same state on, side by side, and the rows are compared by the keys of their sinks, or
as a whole where they have none. A version of a plugin that cannot use that state is refused;
a changed job begins anew with what it cannot use. How far back epochs can be computed again is
said by keep_epochs and keep_bytes in the job file; their input must still be there.

Examples:
  millstream replay job.toml --epoch 12
  millstream replay state --epoch 10..20
  millstream replay state --epoch 10..20 --plugin rules=rules-v2.wasm
  millstream replay state --epoch 10..20 --plugin rules=rules-v2.wasm --key alerts=card,id
  millstream replay changed.toml --epoch 10..20 --json | jq .differences
  millstream replay job.toml --epoch 3 --set operator.totals.output_mode=complete

Exit codes: 0 the epochs gave again what was written, 1 they did not, or something failed, 2 the command line
must be mended. Differences of a changed job are no failure.")]
pub(crate) struct ReplayArgs {
    /// The checkpoint's folder, the job file, or the name of a running job. A job file that was changed since is compared with the job as it was.
    #[arg(value_name = "CHECKPOINT")]
    pub(crate) checkpoint: PathBuf,

    /// The epoch, or the first and the last one.
    #[arg(long, value_name = "N[..M]", value_parser = epochs)]
    pub(crate) epoch: (u64, u64),

    /// Another version of a plugin: its name in the job, and a .wasm file or a project folder. Can be given several times.
    #[arg(long, value_name = "NAME=FILE", value_parser = super::name_path)]
    pub(crate) plugin: Vec<(String, String)>,

    /// Change a key of the job: a dotted path, and TOML or plain text. Can be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = super::key_value)]
    pub(crate) set: Vec<(String, String)>,

    /// Compare the rows of a sink by these columns, instead of by its keys or as a whole. Can be given several times.
    #[arg(long, value_name = "SINK=COLUMN,...", value_parser = sink_columns)]
    pub(crate) key: Vec<(String, Vec<String>)>,

    /// How many threads compute at once, at the most. With 1, each time exactly the same fuel is counted. Without it, a thread per core.
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,

    /// An object per epoch, and one with `summary` at the end.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Each epoch that the running job commits is computed twice more, in this process: as it was, and
with the new version on a copy of its state; what both give is compared and dropped. The job is
only read, so ending it (Ctrl-C) leaves no trace. Columns, keys and states are checked as at a
swap; states of an older version are brought over in the copy.

It takes a job with keep_epochs of 1 or more.

Examples:
  millstream shadow state fraud_rules rules-2.wasm
  millstream shadow job.toml fraud_rules rules-2.wasm --key alerts=card,id
  millstream shadow job.toml fraud_rules rules-2.wasm --promote-after 20   then swap
  millstream shadow job.toml keep --with text=/shop --epochs 100 --json

Exit codes: 0 it was ended, promoted, or has seen all --epochs, 1 the new version failed, or was not swapped to,
2 the command line must be mended.")]
pub(crate) struct ShadowArgs {
    /// The job file, the checkpoint's folder, or the name of a running job.
    #[arg(value_name = "CHECKPOINT")]
    pub(crate) checkpoint: PathBuf,

    /// The plugin's name in the job.
    #[arg(value_name = "PLUGIN")]
    pub(crate) plugin: String,

    /// The component, or a project folder. Without it the component stays as it is, and --with says what changes.
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// Set a key of the plugin's `with`: TOML, or plain text. Other keys stay as they are. Can be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = super::key_value)]
    pub(crate) with: Vec<(String, String)>,

    /// Swap the running job to it after so many epochs with rows in which it gave the same, one after the other.
    #[cfg(unix)]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) promote_after: Option<u64>,

    /// End after so many epochs.
    #[arg(long, value_name = "N")]
    pub(crate) epochs: Option<u64>,

    /// Compare the rows of a sink by these columns, instead of by its keys or as a whole. Can be given several times.
    #[arg(long, value_name = "SINK=COLUMN,...", value_parser = sink_columns)]
    pub(crate) key: Vec<(String, Vec<String>)>,

    /// How many threads compute at once, at the most. With 1, each time exactly the same fuel is counted. Without it, a thread per core.
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,

    /// An object per epoch.
    #[arg(long)]
    pub(crate) json: bool,
}

fn sink_columns(text: &str) -> Result<(String, Vec<String>), String> {
    let wrong = || "write SINK=COLUMN,COLUMN, such as alerts=card,id".to_owned();
    let (sink, columns) = text.split_once('=').ok_or_else(wrong)?;
    let columns: Vec<String> = columns.split(',').map(|column| column.trim().to_owned()).collect();
    if sink.trim().is_empty() || columns.iter().any(String::is_empty) {
        return Err(wrong());
    }
    Ok((sink.trim().to_owned(), columns))
}

fn epochs(text: &str) -> Result<(u64, u64), String> {
    let wrong = || "write an epoch's number, or the first and the last one: 12 or 10..20".to_owned();
    let number = |text: &str| text.trim().parse::<u64>().map_err(|_| wrong());
    let (first, last) = match text.split_once("..") {
        Some((first, last)) => (number(first)?, number(last.trim_start_matches(['.', '=']))?),
        None => (number(text)?, number(text)?),
    };
    if first > last {
        Err(format!("the first epoch, {first}, is after the last one, {last}"))
    } else {
        Ok((first, last))
    }
}

#[cfg(test)]
mod tests {
    use super::epochs;

    #[test]
    fn epochs_are_one_or_from_one_to_another() {
        assert_eq!(epochs("12"), Ok((12, 12)));
        assert_eq!(epochs("10..20"), Ok((10, 20)));
        assert_eq!(epochs("10..=20"), Ok((10, 20)));
        for wrong in ["", "x", "..", "3..", "5..4", "-1"] {
            assert!(epochs(wrong).is_err(), "{wrong}");
        }
    }
}
