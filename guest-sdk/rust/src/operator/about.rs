//! What an operator says about itself to whoever looks into the component, without being bound.

/// What an operator is, in words for people and a schema for programs; nothing here decides what it does. A crate with
/// one operator need not write one: its name and summary are the crate's name and description.
///
/// ```
/// use millstream_guest::prelude::*;
///
/// let about = About::new()
///     .config_schema(r#"{"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}"#)
///     .takes("<column>", "text", "what is searched");
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct About {
    pub(crate) summary: Option<String>,
    pub(crate) config_schema: Option<String>,
    pub(crate) columns: Vec<AboutColumn>,
}

/// A column that an operator takes or makes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AboutColumn {
    pub name: String,
    pub takes: bool,
    pub data_type: String,
    pub summary: String,
}

impl About {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What it does, in one line; else it is the description of the crate, or the one at its place in
    /// [`operators!`](crate::operators).
    pub fn summary(mut self, summary: impl Into<String>) -> Self {
        self.summary = Some(summary.into());
        self
    }

    /// A JSON schema of its configuration.
    pub fn config_schema(mut self, schema: impl Into<String>) -> Self {
        self.config_schema = Some(schema.into());
        self
    }

    /// A column that it takes: its name, or in angle brackets the key of the configuration that names it; its type, in
    /// words (`text`, `any number`); what it holds.
    pub fn takes(self, name: &str, data_type: &str, summary: &str) -> Self {
        self.column(name, true, data_type, summary)
    }

    /// A column that it makes.
    pub fn makes(self, name: &str, data_type: &str, summary: &str) -> Self {
        self.column(name, false, data_type, summary)
    }

    fn column(mut self, name: &str, takes: bool, data_type: &str, summary: &str) -> Self {
        let (name, data_type, summary) = (name.into(), data_type.into(), summary.into());
        self.columns.push(AboutColumn { name, takes, data_type, summary });
        self
    }
}
