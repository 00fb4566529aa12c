//! The SDKs, which the library has within it, are looked at anew when they were changed.

fn main() {
    let sdks =
        ["rust", "rust-derive", "python/millstream_guest", "python/build.py", "javascript/src", "javascript/types"];
    for folder in sdks {
        println!("cargo::rerun-if-changed=../../guest-sdk/{folder}");
    }
}
