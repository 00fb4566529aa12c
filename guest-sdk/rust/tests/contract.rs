//! The crate carries its own copy of the contract, so that it builds outside the repository too; the copy must say
//! what the original says. Comments may differ: they are for the readers of the original.

/// The declarations of a WIT file: no comments, one space between words.
fn shape(wit: &str) -> String {
    let code = wit.lines().map(|line| line.split("//").next().unwrap_or_default());
    code.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
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

/// The members of a declaration, by name.
fn members<'w>(wit: &'w str, declaration: &str) -> Vec<&'w str> {
    let body = wit.split(&format!("{declaration} {{")).nth(1).and_then(|rest| rest.split('}').next());
    body.expect("the contract has this declaration").split_whitespace().collect()
}

#[test]
fn the_types_written_by_hand_have_the_members_of_the_contract() {
    let wit = shape(include_str!("../wit/millstream.wit"));
    let rust = include_str!("../src/contract.rs");
    for (declaration, ours) in [("variant values", "pub enum Values"), ("variant data-type", "pub enum DataType")] {
        let names = members(&wit, declaration).into_iter().filter_map(|word| {
            let name = word.split(['(', ',']).next().unwrap_or_default();
            // What is left of `decimal(tuple<u8, s8>)` behind its comma.
            (!name.ends_with(">)")).then_some(name)
        });
        let body = rust.split(&format!("{ours} {{")).nth(1).and_then(|rest| rest.split("\n    }").next());
        let cases = body.expect("the type is there").lines().map(str::trim).filter(|line| !line.starts_with("//"));
        let cases = cases.filter_map(|line| line.split(['(', ',']).next()).filter(|name| !name.is_empty());
        assert!(names.map(str::to_lowercase).eq(cases.map(str::to_lowercase)), "`{ours}` differs from `{declaration}`");
    }
}
