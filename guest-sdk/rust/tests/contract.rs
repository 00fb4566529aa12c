//! The crate carries its own copy of the contract, so that it builds outside the repository too; the copy must say
//! what the original says. Comments may differ: they are for the readers of the original.

/// The declarations of a WIT file: no comments, one space between words, no commas before closing braces.
fn shape(wit: &str) -> String {
    let code = wit.lines().map(|line| line.split("//").next().unwrap_or_default());
    code.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ").replace(", }", " }")
}

#[test]
fn the_copy_of_the_contract_has_the_shape_of_the_original() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    // Absent where the crate was not built in its repository.
    let Ok(original) = std::fs::read_to_string(format!("{root}/wit/millstream.wit")) else { return };
    let copy = include_str!("../wit/millstream.wit");
    assert_eq!(
        shape(copy),
        shape(&original),
        "copy wit/millstream.wit to guest-sdk/rust/wit/ and adapt src/contract.rs"
    );
}

/// The members' names of a declaration between braces; each is followed by a colon.
fn members(text: &str, declaration: &str) -> Vec<String> {
    let body = text.split(&format!("{declaration} {{")).nth(1).and_then(|rest| rest.split('}').next());
    let body = body.unwrap_or_else(|| panic!("`{declaration}` is not there"));
    let names = body.split_whitespace().filter_map(|word| word.strip_suffix(':'));
    names.map(|name| name.replace('-', "_")).collect()
}

#[test]
fn the_types_written_by_hand_have_the_members_of_the_contract() {
    let wit = shape(include_str!("../wit/millstream.wit"));
    let rust = shape(include_str!("../src/contract.rs"));
    for (record, ours) in [
        ("field", "Field"),
        ("array", "Array"),
        ("batch", "Batch"),
        ("input-field", "InputField"),
        ("site", "Site"),
        ("request", "Request"),
        ("problem", "Problem"),
        ("read", "Read"),
        ("hints", "Hints"),
        ("binding", "Binding"),
        ("failure", "Failure"),
        ("rejects", "Rejects"),
    ] {
        let ours = members(&rust, &format!("pub struct {ours}"));
        assert_eq!(ours, members(&wit, &format!("record {record}")), "`{record}` differs");
    }
}
