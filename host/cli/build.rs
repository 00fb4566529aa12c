//! What the program has within it is looked at anew when it was changed: the SDK and the templates of `plugin new`.

fn main() {
    for folder in ["templates", "../../guest-sdk/rust", "../../guest-sdk/rust-derive", "../../Cargo.toml"] {
        println!("cargo::rerun-if-changed={folder}");
    }
}
