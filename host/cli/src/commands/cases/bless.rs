//! What came of a case is written down as what is to come.

use std::fs;
use std::io::ErrorKind;

use millstream_engine::{Error, Result};
use serde_json::Value;

use super::case::Case;
use super::compare::{LATE, OUTPUT, REJECTED, STATE};
use super::job::Came;

/// Writes the files of `case` that are others then; their names. Of rejected and late rows there is a file only if there are such,
/// of the state only if there was one.
///
/// # Errors
/// One cannot be written.
pub(super) fn write(case: &Case, came: &Came) -> Result<Vec<String>> {
    let mut changed = Vec::new();
    let state = came.state.as_deref().unwrap_or_default();
    for (file, rows, is_wanted) in [
        (OUTPUT, &came.output[..], true),
        (REJECTED, &came.rejected, !came.rejected.is_empty()),
        (LATE, &came.late, !came.late.is_empty()),
        (STATE, state, case.folder.join(STATE).is_file()),
    ] {
        let path = case.folder.join(file);
        let text: String = rows.iter().map(|row: &Value| format!("{row}\n")).collect();
        let before = fs::read_to_string(&path).ok();
        let done = match is_wanted {
            true if before.as_ref() == Some(&text) => continue,
            true => fs::write(&path, text),
            false if before.is_none() => continue,
            false => fs::remove_file(&path).or_else(|e| if e.kind() == ErrorKind::NotFound { Ok(()) } else { Err(e) }),
        };
        done.map_err(|e| Error::invalid(format!("{} cannot be written: {e}", path.display())))?;
        changed.push(if is_wanted { file.to_owned() } else { format!("{file} (removed)") });
    }
    Ok(changed)
}
