//! Runs cargo, rustc and rustup for a plugin's project, as if the user had called them in its folder.
//!
//! A program that was itself started by cargo has its environment full of that cargo's settings (target folder, flags,
//! toolchain); none of them may reach the plugin's build.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::error::{PluginError, Result};
use crate::rejects::cut;

const TARGET: &str = "wasm32-wasip2";
/// The most bytes of a tool's message that are shown.
const MESSAGE_BYTES: usize = 16 << 10;

/// A Rust project and where it is built.
pub(super) struct Cargo<'a> {
    /// The folder as the user named it.
    pub shown: &'a Path,
    /// Its absolute path.
    pub project: &'a Path,
    /// Cargo's target folder for the plugins of this workspace: they share their dependencies.
    pub target: &'a Path,
}

impl Cargo<'_> {
    /// Makes sure that the standard library for the target is there, with rustup where it is not.
    pub(super) fn ensure_target(&self, notify: &dyn Fn(&str)) -> Result<()> {
        let mut rustc = self.command("rustc");
        rustc.args(["--print", "target-libdir", "--target", TARGET]);
        let output = self.run(rustc, "rustc", "install Rust from https://rustup.rs")?;
        let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if Path::new(&folder).is_dir() {
            return Ok(());
        }
        notify(&format!("adding the Rust target {TARGET} (rustup target add {TARGET})"));
        let mut rustup = self.command("rustup");
        rustup.args(["target", "add", TARGET]);
        let hint = format!("the Rust target {TARGET} is missing; install it with `rustup target add {TARGET}`");
        self.run(rustup, "rustup", &hint).map(drop)
    }

    /// Builds the crate; the path of the component.
    pub(super) fn build(&self) -> Result<PathBuf> {
        let mut cargo = self.command("cargo");
        cargo.args([
            "build",
            "--release",
            "--quiet",
            "--target",
            TARGET,
            "--message-format",
            "json-render-diagnostics",
        ]);
        cargo.arg("--target-dir").arg(self.target);
        cargo.env("RUSTFLAGS", "-C target-feature=+simd128");
        // The SDK's views and kernels become part of the plugin's loops: a tenth less time for maps, no more to build.
        cargo.env("CARGO_PROFILE_RELEASE_LTO", "true").env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1");
        let output = self.run(cargo, "cargo", "install Rust from https://rustup.rs")?;
        self.artifact(&String::from_utf8_lossy(&output.stdout))
    }

    /// The manifest of the workspace that the project belongs to: its own, where it belongs to none.
    pub(super) fn workspace(&self) -> Result<PathBuf> {
        let mut cargo = self.command("cargo");
        cargo.args(["locate-project", "--workspace", "--message-format", "plain"]);
        let output = self.run(cargo, "cargo", "install Rust from https://rustup.rs")?;
        Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
    }

    /// Writes the lock file of the workspace with this manifest, where there is none: a build that writes it is one whose
    /// sources change meanwhile.
    pub(super) fn ensure_lock(&self, workspace: &Path) -> Result<()> {
        if workspace.with_file_name("Cargo.lock").is_file() {
            return Ok(());
        }
        let mut cargo = self.command("cargo");
        cargo.args(["generate-lockfile", "--quiet"]);
        self.run(cargo, "cargo", "install Rust from https://rustup.rs").map(drop)
    }

    /// The component among what cargo says it made.
    fn artifact(&self, messages: &str) -> Result<PathBuf> {
        let manifest = self.project.join("Cargo.toml");
        let mut found = Vec::new();
        for message in messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            if message["reason"] != "compiler-artifact"
                || message["manifest_path"].as_str().map(Path::new) != Some(&manifest)
            {
                continue;
            }
            let names = message["filenames"].as_array().into_iter().flatten().filter_map(Value::as_str);
            found.extend(names.filter(|name| name.ends_with(".wasm")).map(PathBuf::from));
        }
        match &found[..] {
            [one] => Ok(one.clone()),
            [] => Err(self.failed(
                "cargo made no component of it",
                "a plugin is a library; its Cargo.toml says:\n[lib]\ncrate-type = [\"cdylib\"]",
            )),
            _ => Err(self.failed(
                &format!("cargo made {} components of it, where there should be one", found.len()),
                "put each plugin into a crate of its own",
            )),
        }
    }

    fn command(&self, tool: &str) -> Command {
        let mut command = Command::new(tool);
        command.current_dir(self.project).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            let Some(text) = name.to_str() else { continue };
            if is_inherited(text) {
                command.env_remove(&name);
            }
        }
        // Rustup sets this for what it starts. Where the project, or a folder above it, names its toolchain, that one
        // counts; elsewhere the one that is running now is a better guess than the default.
        if self
            .project
            .ancestors()
            .any(|f| f.join("rust-toolchain.toml").is_file() || f.join("rust-toolchain").is_file())
        {
            command.env_remove("RUSTUP_TOOLCHAIN");
        }
        command
    }

    fn run(&self, mut command: Command, tool: &str, missing: &str) -> Result<Output> {
        let output = match command.output() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(self.failed(&format!("`{tool}` was not found"), missing));
            }
            Err(error) => return Err(self.failed(&format!("`{tool}` could not be started: {error}"), "")),
            Ok(output) => output,
        };
        if output.status.success() {
            return Ok(output);
        }
        let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let hint = if tool == "rustup" { missing.to_owned() } else { String::new() };
        let message = if message.is_empty() { format!("{tool} ended with {}", output.status) } else { message };
        Err(self.failed(&cut(message, MESSAGE_BYTES), &hint))
    }

    fn failed(&self, message: &str, hint: &str) -> PluginError {
        PluginError::Build { project: self.shown.to_owned(), message: message.to_owned(), hint: hint.to_owned() }
    }
}

/// Whether an environment variable belongs to the cargo or rustc that started this program, or to the build of
/// something else. Where the registry is and how to reach it is the user's own setting and stays.
fn is_inherited(name: &str) -> bool {
    const KEPT: [&str; 7] =
        ["CARGO_HOME", "CARGO_NET_", "CARGO_HTTP_", "CARGO_REGISTRY_", "CARGO_REGISTRIES_", "CARGO_SOURCE_", "RUSTUP_"];
    let ours = ["CARGO", "RUSTC", "RUSTFLAGS", "RUSTDOC", "MAKEFLAGS", "RUST_BACKTRACE", "__CARGO"];
    ours.iter().any(|prefix| name.starts_with(prefix)) && !KEPT.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_users_own_settings_stay() {
        for name in
            ["CARGO", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER", "RUSTFLAGS"]
        {
            assert!(is_inherited(name), "{name}");
        }
        for name in ["CARGO_HOME", "CARGO_NET_OFFLINE", "RUSTUP_HOME", "PATH", "HOME"] {
            assert!(!is_inherited(name), "{name}");
        }
    }
}
