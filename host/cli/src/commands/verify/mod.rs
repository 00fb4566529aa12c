//! `millstream plugin verify FILE`: each operator is tried, and what came of it is told.

mod again;
mod given;
mod json;
mod told;

use std::process::ExitCode;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, FieldRef};
use millstream_engine::{Error, ErrorKind, Result};
use millstream_plugin::verify::{Report, Trial, Verdict, asked_fields, rows_of, verify as try_operator};
use millstream_plugin::{InputField, Limits, OperatorInfo, Plugin, PluginError, PluginKind, Request};

use self::given::Given;
use super::{print, runtime};
use crate::args::VerifyArgs;

/// Not deterministic, or it fails.
const FAILED: u8 = 1;
/// Some operators could not be tried.
const TO_MEND: u8 = 2;

/// Tries the operators of a plugin and tells what came of it.
pub(crate) fn verify(args: &VerifyArgs) -> Result<ExitCode> {
    if !args.path.exists() {
        return Err(Error::invalid(format!("{} does not exist", args.path.display()))
            .with_help("name a .wasm file, or the folder of a plugin's project"));
    }
    let given = Given::new(args)?;
    let plugin = runtime(|line| eprintln!("{line}"))?.load(&args.path)?;
    let limits = Limits::default();
    let operators: Vec<&OperatorInfo> = match &args.operator {
        Some(name) => vec![plugin.operator(Some(name), &limits)?],
        None => plugin.operators(&limits)?.iter().collect(),
    };
    let mut verdicts = Vec::new();
    for operator in &operators {
        let tried = match one(&plugin, operator, &given, args) {
            Ok(tried) => tried,
            Err(error) if operators.len() == 1 || error.kind() != ErrorKind::Invalid => return Err(error),
            // The others are tried all the same.
            Err(error) => {
                let text = match args.json {
                    true => json::refused(operator, &error),
                    false => told::refused(operator, &error),
                };
                print(&text)?;
                verdicts.push(None);
                continue;
            }
        };
        let again = again::command(args, &operator.name, operators.len() > 1);
        let between = if operators.len() > 1 && !args.json { "\n" } else { "" };
        let text = match args.json {
            true => json::report(&tried.report, &again),
            false => told::report(&tried.report, &tried.of, &again),
        };
        print(&format!("{text}{between}"))?;
        verdicts.push(Some(tried.report.verdict()));
    }
    if operators.len() > 1 && !args.json {
        print(&told::all(&verdicts))?;
    }
    let failed = verdicts.iter().any(|verdict| verdict.is_some_and(|verdict| verdict != Verdict::Deterministic));
    Ok(match verdicts.iter().any(Option::is_none) {
        _ if failed => ExitCode::from(FAILED),
        true => ExitCode::from(TO_MEND),
        false => ExitCode::SUCCESS,
    })
}

/// A trial that was made.
struct Tried {
    report: Report,
    /// With which rows, in words.
    of: String,
}

/// Tries one operator.
fn one(plugin: &Plugin, operator: &OperatorInfo, given: &Given, args: &VerifyArgs) -> Result<Tried> {
    let limits = Limits::default();
    let is_keyed = operator.kind == PluginKind::Keyed;
    let keys = if is_keyed { given.keys()? } else { Vec::new() };
    let config = given.config.as_str();
    let request = Request { operator: Some(&operator.name), config, node: "verify", ..Request::default() };
    let refused = |fields: &[FieldRef], error: PluginError| given::refused(operator, fields, args, error);

    let (fields, rows): (Vec<FieldRef>, RecordBatch) = match &given.rows {
        Some(rows) => (rows.schema().fields().iter().cloned().collect(), rows.clone()),
        None => {
            let fields = given.fields(&keys);
            let input: Vec<InputField> = fields.iter().cloned().map(InputField::from).collect();
            let of_keys = given::found(&fields, &keys, "--key")?;
            let asked = Request { input: &input, keys: &of_keys, ..request.clone() };
            let fields = asked_fields(plugin, &asked, &limits).map_err(|error| refused(&fields, error))?;
            let names: Vec<&str> = keys.iter().map(String::as_str).collect();
            let rows = rows_of(&fields, &names, args.rows as usize, args.seed)?;
            (fields, rows)
        }
    };
    let of_keys = given::found(&fields, &keys, "--key")?;
    let input: Vec<InputField> = fields.iter().cloned().map(InputField::from).collect();
    let is_time = |field: &FieldRef| matches!(field.data_type(), DataType::Timestamp(..));
    let event_time = match &args.event_time {
        None => fields.iter().position(is_time),
        Some(name) => {
            given::found(&fields, std::slice::from_ref(name), "--event-time")?;
            let at = fields.iter().position(|field| field.name() == name);
            Some(at.filter(|at| is_time(&fields[*at])).ok_or_else(|| {
                Error::invalid(format!("--event-time: the column `{name}` is no timestamp"))
                    .with_help("name a column with times")
            })?)
        }
    };
    let request = Request { input: &input, keys: &of_keys, ..request };
    let trial = Trial { rows: &rows, seed: args.seed, event_time };
    let report = try_operator(plugin, &request, &limits, &trial).map_err(|error| refused(&fields, error))?;
    let of_time = event_time.filter(|_| is_keyed).map(|at| fields[at].name().as_str());
    let of = told::tried_with(&report, &fields, &keys, of_time, args.input.as_deref());
    Ok(Tried { report, of })
}
