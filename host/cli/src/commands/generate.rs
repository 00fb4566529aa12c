//! `millstream generate access-logs`

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use millstream_engine::connector::generate::{AccessLogs, GenerateSpec, LogForm};
use millstream_engine::format::FileFormat;
use millstream_engine::format::encode::{FileColumns, encoder};
use millstream_engine::job::{parse_instant, parse_micros};
use millstream_engine::{Error, ErrorKind, Result};

use super::print;
use crate::args::{AccessLogArgs, GenerateCommand, LogFormat};
use crate::text;

/// Rows made at a time.
const ROWS: u64 = 65_536;

/// Makes sample data.
pub(crate) fn generate(command: &GenerateCommand) -> Result<()> {
    match command {
        GenerateCommand::AccessLogs(args) => access_logs(args),
    }
}

/// Writes the rows in order, spread evenly over the files. Each file appears whole under its name, so that a job that
/// is running on the folder never sees half of one.
fn access_logs(args: &AccessLogArgs) -> Result<()> {
    let logs = AccessLogs::new(&spec(args)?)?;
    if args.out.exists() && !args.out.is_dir() {
        return Err(Error::invalid(format!("--out: {} is no folder", args.out.display()))
            .with_help("name a folder; it is made if it is not there"));
    }
    let failed = |path: &Path| {
        let what = format!("cannot write {}", path.display());
        move |error: io::Error| {
            Error::new(ErrorKind::Unavailable, what).caused_by(error).with_help(
                "look at the disk's free space and the folder's rights; files that are complete already have their names",
            )
        }
    };
    fs::create_dir_all(&args.out).map_err(failed(&args.out))?;
    let mut written = 0;
    for file in 0..args.files {
        let path = path(args, file);
        if path.exists() {
            return Err(Error::invalid(format!("{} is there already", path.display()))
                .with_help("a job takes its input files as they are: choose another --out, or remove the old files"));
        }
        let rows = split(args.rows, args.files, file)..split(args.rows, args.files, file + 1);
        // Sources pass over names that start with a dot.
        let aside = args.out.join(format!(".{}", path.file_name().unwrap_or_default().display()));
        let out = BufWriter::with_capacity(1 << 20, File::create(&aside).map_err(failed(&aside))?);
        write(&logs, args.format, rows, out, &aside)?;
        written += fs::metadata(&aside).map_err(failed(&aside))?.len();
        fs::rename(&aside, &path).map_err(failed(&path))?;
    }
    let files = if args.files == 1 { "file" } else { "files" };
    let (count, rows, size) = (text::count(args.files), text::count(args.rows), text::bytes(written));
    print(&format!("{}: {rows} rows in {count} {files}, {size}\n", args.out.display()))
}

/// What the options say.
fn spec(args: &AccessLogArgs) -> Result<GenerateSpec> {
    let duration = |option: &str, text: &str| {
        parse_micros(text).map_err(|why| {
            Error::invalid(format!("{option}: `{text}` is not a duration: {why}"))
                .with_help("for example \"5 seconds\"")
        })
    };
    if !(1e-6..=1e9).contains(&args.events_per_second) {
        return Err(Error::invalid("--events-per-second must lie between 0.000001 and 1000000000"));
    }
    let start = parse_instant(&args.start).ok_or_else(|| {
        Error::invalid(format!("--start: `{}` is not a point in time with its zone", args.start))
            .with_help("for example 2026-01-01T00:00:00Z")
    })?;
    Ok(GenerateSpec {
        seed: args.seed,
        urls: args.urls,
        start,
        events_per_second: args.events_per_second,
        mean_delay: duration("--mean-delay", &args.mean_delay)?,
        max_delay: duration("--max-delay", &args.max_delay)?,
        ..GenerateSpec::default()
    })
}

/// The first row of file `file`.
fn split(rows: u64, files: u64, file: u64) -> u64 {
    let row = u128::from(rows) * u128::from(file) / u128::from(files);
    u64::try_from(row).expect("file is at most files, so this is at most rows")
}

/// Names sort in the order of the rows.
fn path(args: &AccessLogArgs, file: u64) -> PathBuf {
    let digits = (args.files - 1).to_string().len().max(3);
    let ending = lines_of(args.format).map_or("parquet", LogForm::extension);
    args.out.join(format!("access-{file:0digits$}.{ending}"))
}

/// The form of a format that is made of lines.
fn lines_of(format: LogFormat) -> Option<LogForm> {
    match format {
        LogFormat::Text => Some(LogForm::Text),
        LogFormat::Csv => Some(LogForm::Csv),
        LogFormat::Json => Some(LogForm::Json),
        LogFormat::Parquet => None,
    }
}

fn write(
    logs: &AccessLogs,
    format: LogFormat,
    rows: std::ops::Range<u64>,
    mut out: BufWriter<File>,
    path: &Path,
) -> Result<()> {
    let chunks = rows.clone().step_by(usize::try_from(ROWS).unwrap_or(usize::MAX));
    let chunks = chunks.map(|from| (from, rows.end.min(from + ROWS)));
    let what = || format!("cannot write {}", path.display());
    let failed = |error: io::Error| Error::new(ErrorKind::Unavailable, what()).caused_by(error);
    let Some(form) = lines_of(format) else {
        let refused = |error| Error::new(ErrorKind::Unavailable, what()).caused_by(error);
        let columns = FileColumns::new(FileFormat::Parquet, &AccessLogs::schema()).map_err(refused)?;
        let mut encoder = encoder(FileFormat::Parquet, columns.schema(), out).map_err(refused)?;
        for (from, to) in chunks {
            let batch = columns.convert(&logs.batch(from, to)).map_err(refused)?;
            encoder.write(&batch).map_err(refused)?;
        }
        return encoder.finish().map_err(refused)?.flush().map_err(failed);
    };
    out.write_all(form.header().as_bytes()).map_err(failed)?;
    let mut lines = Vec::new();
    for (from, to) in chunks {
        lines.clear();
        logs.write_lines(form, from, to, &mut lines);
        out.write_all(&lines).map_err(failed)?;
    }
    out.flush().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_share_the_rows_evenly_and_without_gaps() {
        for (rows, files) in [(10, 3), (0, 2), (2, 5), (u64::MAX, 7)] {
            let cuts: Vec<u64> = (0..=files).map(|file| split(rows, files, file)).collect();
            assert_eq!((cuts[0], cuts[cuts.len() - 1]), (0, rows));
            let sizes: Vec<u64> = cuts.windows(2).map(|cut| cut[1] - cut[0]).collect();
            let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
            assert!(most - least <= 1, "{sizes:?}");
        }
    }
}
