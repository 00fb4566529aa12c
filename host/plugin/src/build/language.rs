//! Which language a plugin's project is written in: told by the file that it begins with.

use std::path::Path;

use super::failed;
use crate::error::Result;

/// A language that plugins are built from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Language {
    /// A crate.
    Rust,
    /// Modules, run by CPython in the component.
    Python,
    /// Modules, run by QuickJS in the component.
    JavaScript,
    /// The same, checked first.
    TypeScript,
}

/// What a project of each begins with.
const BEGINS_WITH: [(&str, Language); 6] = [
    ("Cargo.toml", Language::Rust),
    ("plugin.py", Language::Python),
    ("plugin.js", Language::JavaScript),
    ("plugin.mjs", Language::JavaScript),
    ("plugin.ts", Language::TypeScript),
    ("plugin.mts", Language::TypeScript),
];

impl Language {
    /// That of the project in `folder`.
    ///
    /// # Errors
    /// [`PluginError::Build`](crate::PluginError::Build) if it is none, or begins in several ways.
    pub fn of(folder: &Path) -> Result<Self> {
        let there: Vec<_> = BEGINS_WITH.iter().filter(|(file, _)| folder.join(file).is_file()).collect();
        match there[..] {
            [(_, language)] => Ok(*language),
            [] => Err(failed(
                folder,
                "there is no plugin in it",
                "a project has a Cargo.toml (Rust), a plugin.py, a plugin.js or a plugin.ts; build others with their own tool, and name the .wasm file",
            )),
            _ => {
                let files: Vec<&str> = there.iter().map(|(file, _)| *file).collect();
                Err(failed(
                    folder,
                    format!("it has {}, and so is a project of several languages", files.join(" and ")),
                    "put each into a folder of its own",
                ))
            }
        }
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Python => "Python",
            Self::JavaScript => "JavaScript",
            Self::TypeScript => "TypeScript",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_of_one_language() {
        let folder = tempfile::tempdir().unwrap();
        let said = || Language::of(folder.path()).map_err(|e| e.to_string());
        assert!(said().unwrap_err().contains("there is no plugin in it"));
        std::fs::write(folder.path().join("plugin.ts"), "").unwrap();
        assert_eq!(said().unwrap(), Language::TypeScript);
        std::fs::write(folder.path().join("plugin.py"), "").unwrap();
        assert!(said().unwrap_err().contains("it has plugin.py and plugin.ts"));
    }
}
