//! Which plan can take the place of another one while the job runs.

use crate::plan::Plan;
use crate::{Error, ErrorKind, Result};

/// Refuses a plan that cannot take the place of `old` while its sources and sinks are open.
pub(super) fn check_takes_place(old: &Plan, new: &Plan) -> Result<()> {
    for (name, before) in old.sinks.iter() {
        let now = &new.sinks[name];
        if before.schema != now.schema {
            let columns = |schema: &arrow::datatypes::Schema| {
                let fields = schema.fields().iter().map(|field| {
                    let nulls = if field.is_nullable() { "" } else { " without nulls" };
                    format!("{} {}{nulls}", field.name(), field.data_type())
                });
                fields.collect::<Vec<_>>().join(", ")
            };
            let message = format!(
                "sink `{name}` would get other columns: {} instead of {}",
                columns(&now.schema),
                columns(&before.schema)
            );
            return Err(refused(message));
        }
        if before.mode != now.mode || before.keys != now.keys {
            return Err(refused(format!("the rows of sink `{name}` would mean something else")));
        }
    }
    if old.stateful.names().ne(new.stateful.names()) {
        return Err(refused("the job would keep other states".to_owned()));
    }
    Ok(())
}

fn refused(message: String) -> Error {
    Error::new(ErrorKind::Conflict, message)
        .with_help("a job that gives other columns is another job: stop it, and start it again with its file changed")
}
