//! The templates of `plugin new`, which the program has within it, are looked at anew when they were changed.

fn main() {
    println!("cargo::rerun-if-changed=templates");
}
