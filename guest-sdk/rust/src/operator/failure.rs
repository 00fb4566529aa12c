//! How an operator says that a whole call failed.

/// Why a whole call failed. Any error converts with `?`, any text with `.into()`. The host then looks for the rows
/// at fault by calling again on parts of the batch; where you know the row, reject it instead.
pub type Failure = Box<dyn std::error::Error>;
