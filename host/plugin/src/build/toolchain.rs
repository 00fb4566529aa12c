//! The tools of a language, made ready once in a folder of the cache: the SDK, and the packages that it builds with, each of the
//! version and the hash that it names. Interpreters are the machine's own.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::language::Language;
use super::sdk::Sdk;
use super::{failed, lock};
use crate::cache::Cache;
use crate::error::{PluginError, Result};
use crate::rejects::cut;

/// The most bytes of a tool's message that are shown.
const MESSAGE_BYTES: usize = 16 << 10;
/// Is written last.
const DONE: &str = "done";

/// How a language's plugins are built on this machine.
pub(super) struct Toolchain {
    language: Language,
    folder: PathBuf,
}

impl Toolchain {
    /// That of `language`, made ready first where it is not, which `notify` is told of. `project` is for messages.
    pub(super) fn ready(cache: &Cache, notify: &dyn Fn(&str), language: Language, project: &Path) -> Result<Self> {
        let sdk = Sdk::of(language);
        let name = if language == Language::Python { "python" } else { "javascript" };
        let all = cache.folder("sdk")?;
        let folder = all.join(format!("{name}-{}", sdk.digest()));
        let toolchain = Self { language, folder };
        if toolchain.folder.join(DONE).is_file() {
            return Ok(toolchain);
        }
        let _lock = lock(&all)?;
        if toolchain.folder.join(DONE).is_file() {
            return Ok(toolchain);
        }
        toolchain.check_interpreter(project)?;
        let made = toolchain.make(&sdk, notify, project);
        if made.is_err() {
            // Nothing half made is kept.
            drop(fs::remove_dir_all(&toolchain.folder));
        }
        made.map(|()| toolchain)
    }

    fn make(&self, sdk: &Sdk, notify: &dyn Fn(&str), project: &Path) -> Result<()> {
        drop(fs::remove_dir_all(&self.folder));
        sdk.unpack(&self.folder)?;
        let online = "these packages come from the registry, once: is it within reach?";
        match self.language {
            Language::Python => {
                notify("installing what Python plugins are built with (componentize-py, from PyPI), once");
                let venv = self.folder.join("venv");
                self.run(Command::new("python3").args(["-m", "venv"]).arg(&venv), project, PYTHON)?;
                let requirements = self.folder.join("guest-sdk/python/requirements.txt");
                let install = ["-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps", "-r"];
                self.run(Command::new(self.python()).args(install).arg(requirements), project, online)?;
            }
            _ => {
                notify(
                    "installing what JavaScript plugins are built with (componentize-qjs, esbuild, typescript, from npm), once",
                );
                let mut install = Command::new("npm");
                install.args(["ci", "--no-audit", "--no-fund", "--loglevel", "error"]);
                self.run(install.current_dir(self.folder.join("guest-sdk/javascript")), project, online)?;
            }
        }
        let done = self.folder.join(DONE);
        fs::write(&done, "").map_err(|e| PluginError::io(&done, e))
    }

    /// Refuses a machine that has no interpreter, or one that is too old.
    fn check_interpreter(&self, project: &Path) -> Result<()> {
        let (program, hint, least) = match self.language {
            Language::Python => ("python3", PYTHON, [3, 11]),
            _ => ("node", NODE, [20, 0]),
        };
        let said = self.run(Command::new(program).arg("--version"), project, hint)?;
        let said = String::from_utf8_lossy(&said.stdout).trim().to_owned();
        let numbers =
            said.trim_start_matches(|c: char| !c.is_ascii_digit()).split('.').map_while(|n| n.parse::<u32>().ok());
        if numbers.take(2).lt(least) {
            return Err(failed(project, format!("`{program}` is too old: it says {said}"), hint));
        }
        Ok(())
    }

    fn python(&self) -> PathBuf {
        let scripts = if cfg!(windows) { "Scripts" } else { "bin" };
        self.folder.join("venv").join(scripts).join("python")
    }

    /// What decides what is built, besides the project.
    pub(super) fn identity(&self) -> &OsStr {
        self.folder.file_name().unwrap_or_default()
    }

    /// Makes the component of `project` at `output`; messages call it `shown`.
    pub(super) fn build(&self, shown: &Path, project: &Path, output: &Path) -> Result<()> {
        let mut builder = match self.language {
            Language::Python => {
                let mut builder = Command::new(self.python());
                builder.arg(self.folder.join("guest-sdk/python/build.py"));
                builder
            }
            _ => {
                let mut builder = Command::new("node");
                builder.arg(self.folder.join("guest-sdk/javascript/build.mjs"));
                builder
            }
        };
        let hint = if self.language == Language::Python { PYTHON } else { NODE };
        self.run(builder.arg(project).arg("-o").arg(output), shown, hint).map(drop)
    }

    fn run(&self, command: &mut Command, project: &Path, missing: &str) -> Result<Output> {
        let tool = command.get_program().to_string_lossy().into_owned();
        // Settings of whoever started this program are not the plugin's.
        command.stdin(Stdio::null()).env_remove("PYTHONPATH").env_remove("PYTHONHOME").env_remove("NODE_OPTIONS");
        let output = command.output().map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => failed(project, format!("`{tool}` was not found"), missing),
            _ => failed(project, format!("`{tool}` could not be started: {e}"), ""),
        })?;
        if output.status.success() {
            return Ok(output);
        }
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().trim_start_matches("error: ").to_owned();
        let message =
            Some(said(&output.stderr)).filter(|text| !text.is_empty()).unwrap_or_else(|| said(&output.stdout));
        let is_builder = command.get_args().any(|arg| arg == "-o");
        let hint = if is_builder { "" } else { missing };
        let message = if message.is_empty() { format!("{tool} ended with {}", output.status) } else { message };
        Err(failed(project, cut(message, MESSAGE_BYTES), hint))
    }
}

const PYTHON: &str = "install Python 3.11 or later, with venv and pip, as `python3`";
const NODE: &str = "install Node.js 20 or later, with npm";
