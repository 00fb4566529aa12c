//! `millstream plugin test DIR`: a plugin's cases are run as jobs, and what comes of each is compared with what its folder says.

mod bless;
mod case;
mod compare;
mod job;
mod laws;
mod told;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use millstream_engine::{Error, ErrorKind, Result};
use millstream_plugin::Runtime;

use self::case::Case;
use self::compare::Difference;
use self::job::Tested;
use super::{print, runtime};
use crate::args::TestArgs;

/// The folder of a plugin's project in which its cases are.
const CASES: &str = "cases";
/// Some case, or a law, does not hold.
const FAILED: u8 = 1;

/// Runs the cases of a plugin and tells what came of them.
pub(crate) fn test(args: &TestArgs) -> Result<ExitCode> {
    if !args.path.exists() {
        return Err(Error::invalid(format!("{} does not exist", args.path.display()))
            .with_help("name the folder of a plugin's project, or a .wasm file and --cases"));
    }
    let folder = cases_folder(args)?;
    let runtime = runtime(|line| eprintln!("{line}"))?;
    let tested = Tested::new(&runtime, &args.path)?;
    let cases = cases(&folder, &args.case)?;
    let mut failed = 0;
    for case in &cases {
        let outcome = one(case, &tested, &runtime, args)?;
        failed += usize::from(!outcome.holds());
        print(&told::case(case, &outcome))?;
    }
    let laws = match args.no_laws {
        true => Vec::new(),
        false => laws::all(&cases, &tested)?,
    };
    print(&told::laws(&laws))?;
    let broken = laws.iter().filter(|law| !law.holds()).count();
    print(&told::all(cases.len(), failed, laws.len(), broken))?;
    Ok(if failed + broken == 0 { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

/// What came of a case.
enum Outcome {
    /// All as it is said.
    Held { rows_in: u64, rows_out: usize },
    /// It is another.
    Differs(Vec<Difference>),
    /// The job did not end well.
    Failed(Error),
    /// What came was written down as what is to come; the files that are others now.
    Blessed(Vec<String>),
}

impl Outcome {
    fn holds(&self) -> bool {
        matches!(self, Self::Held { .. } | Self::Blessed(_))
    }
}

fn one(case: &Case, tested: &Tested, runtime: &Runtime, args: &TestArgs) -> Result<Outcome> {
    let came = match job::run(case, tested, runtime) {
        Ok(came) => came,
        // What is wrong with a case, or with the plugin, is told with the others.
        Err(error) if error.kind() != ErrorKind::Internal => return Ok(Outcome::Failed(error)),
        Err(error) => return Err(error),
    };
    if args.bless {
        return Ok(Outcome::Blessed(bless::write(case, &came)?));
    }
    let differences = compare::all(case, &came)?;
    Ok(match differences.is_empty() {
        true => Outcome::Held { rows_in: came.rows_in, rows_out: came.output.len() },
        false => Outcome::Differs(differences),
    })
}

fn cases_folder(args: &TestArgs) -> Result<PathBuf> {
    if let Some(folder) = &args.cases {
        return Ok(folder.clone());
    }
    match args.path.is_dir() {
        true => Ok(args.path.join(CASES)),
        false => Err(Error::invalid(format!("{} has no cases beside it", args.path.display()))
            .with_help("name their folder with --cases, or the plugin's project")),
    }
}

/// The cases in `folder`, by name; only those that are `named`, if there are such.
fn cases(folder: &Path, named: &[String]) -> Result<Vec<Case>> {
    let unreadable = |e: std::io::Error| {
        Error::invalid(format!("{} is no folder with cases: {e}", folder.display())).with_help(
            "a case is a folder in it, such as cases/empty, with case.toml, the rows as input.jsonl or input.csv, and output.jsonl, which --bless writes",
        )
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.join(case::FILE).is_file() {
            names.extend(path.file_name().and_then(|name| name.to_str()).map(str::to_owned));
        }
    }
    names.sort();
    if names.is_empty() {
        return Err(Error::invalid(format!("there is no case in {}", folder.display()))
            .with_help("a case is a folder with a file case.toml"));
    }
    if let Some(unknown) = named.iter().find(|name| !names.contains(name)) {
        return Err(Error::invalid(format!("there is no case `{unknown}` in {}", folder.display()))
            .with_help(format!("its cases are {}", names.join(", "))));
    }
    let wanted = names.iter().filter(|name| named.is_empty() || named.contains(name));
    wanted.map(|name| Case::read(name, folder.join(name))).collect()
}
