//! What is put into other words in DataFusion's logical plan, before it is lowered: where the planner would compute something
//! else than we mean, or nothing that a stream can be asked.

pub(super) mod bin;
pub(super) mod counted_sets;
pub(super) mod dates;
pub(super) mod distinct_on;
pub(super) mod normal_constants;
pub(super) mod only_value;
pub(super) mod sub_queries;
pub(super) mod time_constants;
