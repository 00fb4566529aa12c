//! What the operators of a relation do, for people.

use millstream_plugin::Hints;

/// What one operator does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Description {
    /// In a word or two: `filter`, `group by`. Empty: nothing that a person would want to know.
    pub does: &'static str,
    /// With what: expressions as in SQL, or words. Empty where it is a plugin that does it.
    pub with: Vec<String>,
    /// What an aggregation computes for each group.
    pub computes: Vec<String>,
    /// The plugins that it calls.
    pub plugins: Vec<PluginUse>,
}

/// The call of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginUse {
    /// The plugin's name.
    pub plugin: String,
    /// The columns that it is handed, or the expressions; those of its input that it does not ask for are left out.
    pub reads: Vec<String>,
    /// What it lets the engine do, where it is known.
    pub hints: Option<Hints>,
}

/// What an operator's expressions are, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InSql {
    /// Each of them, as in SQL.
    pub shown: Vec<String>,
    /// The plugins that they call.
    pub plugins: Vec<PluginUse>,
}

impl Description {
    /// It does this, with these words.
    pub(super) fn new(does: &'static str, with: Vec<String>) -> Self {
        Self { does, with, ..Self::default() }
    }

    /// It does this, with these expressions.
    pub(super) fn with_expressions(does: &'static str, InSql { shown, plugins }: InSql) -> Self {
        Self { does, with: shown, plugins, ..Self::default() }
    }
}
