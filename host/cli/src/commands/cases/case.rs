//! A case: a folder with what an operator is given.
//!
//! `case.toml` has what a job file says of it: `[operator]` the keys of its node, `[input]` those of its source. The rows are in
//! `input.jsonl`, `input.csv` or `input.parquet`. Among JSON lines may stand some that are no rows: `{"$watermark": "…"}` moves
//! the watermark there, `{"$now": "…"}` processing time; what is due then happens before the next row comes.

use std::path::{Path, PathBuf};

use millstream_engine::format::time_of_text;
use millstream_engine::{Error, Result};
use serde::Deserialize;
use serde_json::Value;

/// What makes a folder a case.
pub(super) const FILE: &str = "case.toml";

const WATERMARK: &str = "$watermark";
const NOW: &str = "$now";

/// A case, as its folder has it.
#[derive(Debug)]
pub(super) struct Case {
    /// That of the folder.
    pub name: String,
    pub folder: PathBuf,
    pub told: Told,
    pub input: Input,
}

/// What `case.toml` says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Told {
    /// What it shows, for people.
    #[serde(default)]
    pub about: Option<String>,
    /// At the end of the input the watermark goes to the end of time.
    #[serde(default)]
    pub final_watermark: bool,
    /// Keys of a source.
    #[serde(default)]
    pub input: toml::Table,
    /// Keys of a node; `name`: which of a component's operators.
    #[serde(default)]
    pub operator: toml::Table,
}

/// The rows.
#[derive(Debug)]
pub(super) enum Input {
    /// All of a file.
    File { path: PathBuf, format: &'static str },
    /// JSON lines, step by step.
    Steps(Vec<Step>),
}

/// Rows, and where clocks go behind them.
#[derive(Debug, Default)]
pub(super) struct Step {
    /// JSON lines.
    pub rows: String,
    /// As a row has it.
    pub watermark: Option<String>,
    /// Processing time from its first row on, microseconds since 1970; none = as before.
    pub now: Option<i64>,
}

impl Case {
    /// The case `name` in `folder`.
    ///
    /// # Errors
    /// Its file says what it cannot say, or there are no rows beside it.
    pub(super) fn read(name: &str, folder: PathBuf) -> Result<Self> {
        let file = folder.join(FILE);
        let text = read(&file)?;
        let told: Told = toml::from_str(&text).map_err(|e| {
            Error::invalid(format!("{}: {e}", file.display())).with_help(
                "a case has [operator] with the keys of a node, [input] with those of a source, and may have about and final_watermark",
            )
        })?;
        let formats = [("input.jsonl", "json"), ("input.csv", "csv"), ("input.parquet", "parquet")];
        let mut found =
            formats.iter().map(|(file, format)| (folder.join(file), *format)).filter(|(path, _)| path.is_file());
        let (Some((path, format)), None) = (found.next(), found.next()) else {
            return Err(Error::invalid(format!("{} has none or several files of rows", folder.display()))
                .with_help("write the rows to input.jsonl, a JSON object a line, to input.csv, or to input.parquet"));
        };
        let input = match format {
            "json" => steps(&path, &told)?.map_or(Input::File { path, format }, Input::Steps),
            _ => Input::File { path, format },
        };
        Ok(Self { name: name.to_owned(), folder, told, input })
    }

    /// Which of the component's operators it is of, if that is said.
    pub(super) fn operator(&self) -> Option<&str> {
        self.told.operator.get("name")?.as_str()
    }
}

/// A text file.
pub(super) fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).map_err(|e| Error::invalid(format!("{} cannot be read: {e}", file.display())))
}

/// The steps of a file of JSON lines; none where clocks are moved nowhere in it.
fn steps(path: &Path, told: &Told) -> Result<Option<Vec<Step>>> {
    let (mut steps, mut step, mut is_moved): (Vec<Step>, Step, bool) = Default::default();
    for (number, line) in read(path)?.lines().enumerate() {
        let Some(moved) = moved(line) else {
            step.rows.push_str(line);
            step.rows.push('\n');
            continue;
        };
        is_moved = true;
        let place = || format!("{}, line {}", path.display(), number + 1);
        let text = |key: &str| match moved.get(key) {
            None => Ok(None),
            Some(Value::String(text)) if time_of_text(text).is_some() => Ok(Some(text.clone())),
            Some(other) => Err(Error::invalid(format!("{}: `{key}` is {other}, which is no time", place()))
                .with_help("write a time as \"2026-03-01T12:00:00Z\"")),
        };
        if let Some(unknown) = moved.keys().find(|key| ![WATERMARK, NOW].contains(&key.as_str())) {
            return Err(Error::invalid(format!("{}: `{unknown}` does not belong there", place()))
                .with_help(format!("a line that moves a clock has `{WATERMARK}`, `{NOW}`, or both")));
        }
        step.watermark = text(WATERMARK)?;
        let is_timed = told.input.contains_key("event_time") && !told.input.contains_key("watermark");
        if step.watermark.is_some() && !is_timed {
            return Err(Error::invalid(format!("{}: there is no watermark to be moved", place())).with_help(
                "name the column of event time in [input], as event_time, and no `watermark`: the case moves it",
            ));
        }
        steps.push(std::mem::take(&mut step));
        step.now = text(NOW)?.as_deref().and_then(time_of_text);
    }
    steps.push(step);
    Ok(is_moved.then_some(steps))
}

/// What a line says of clocks, if it is no row.
fn moved(line: &str) -> Option<serde_json::Map<String, Value>> {
    if !line.contains(WATERMARK) && !line.contains(NOW) {
        return None;
    }
    let Ok(Value::Object(told)) = serde_json::from_str(line) else { return None };
    (told.contains_key(WATERMARK) || told.contains_key(NOW)).then_some(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_move_clocks_part_the_rows() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().to_owned();
        let with = |lines: &str| {
            std::fs::write(folder.join("input.jsonl"), lines).unwrap();
            std::fs::write(folder.join(FILE), "[input]\nevent_time = \"at\"\n").unwrap();
            Case::read("c", folder.clone())
        };
        let Input::File { format, .. } = with("{\"at\": \"$watermark\"}\n").unwrap().input else { panic!("steps") };
        assert_eq!(format, "json");
        let text = "{\"n\":1}\n{\"n\":2}\n{\"$watermark\":\"2026-03-01T00:00:00Z\"}\n{\"$now\":\"2026-03-02T00:00:00Z\"}\n{\"n\":3}\n";
        let Input::Steps(steps) = with(text).unwrap().input else { panic!("no steps") };
        let told: Vec<_> =
            steps.iter().map(|step| (&*step.rows, step.watermark.is_some(), step.now.is_some())).collect();
        assert_eq!(told, [("{\"n\":1}\n{\"n\":2}\n", true, false), ("", false, false), ("{\"n\":3}\n", false, true)]);
        for (wrong, words) in [
            ("{\"$watermark\":\"noon\"}", "input.jsonl, line 1: `$watermark` is \"noon\", which is no time"),
            ("\n{\"$now\":\"2026-03-02T00:00:00Z\",\"n\":1}", "line 2: `n` does not belong there"),
        ] {
            let error = with(wrong).unwrap_err();
            assert!(error.message().contains(words), "{error}");
        }
        with("{\"$watermark\":\"2026-03-01T00:00:00Z\"}\n").unwrap();
        std::fs::write(folder.join(FILE), "").unwrap();
        let error = Case::read("c", folder.clone()).unwrap_err();
        assert!(error.message().contains("there is no watermark to be moved"), "{error}");
        std::fs::write(folder.join("input.csv"), "").unwrap();
        assert!(Case::read("c", folder.clone()).unwrap_err().message().contains("none or several files of rows"));
    }
}
