//! Operators are put into relations in one folder, `relation/build`: elsewhere relations are only looked at.

use super::sources;
use crate::support::here;

#[test]
fn relations_are_built_in_one_place() {
    let root = here().join("../host/engine/src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let (mut looked_at, mut wrong) = (0, Vec::new());
    for file in files {
        let path = file.strip_prefix(&root).unwrap();
        if path.starts_with("relation/build") {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        for (at, _) in text.match_indices("Relation::") {
            let Some((variant, rest)) = text[at..].split_once(" {") else { continue };
            if !["Input", "Transform", "Union", "Stateful"].contains(&&variant["Relation::".len()..]) {
                continue;
            }
            // A pattern leaves out what it does not look at; who builds one names all there is.
            match rest.split('}').next().is_some_and(|fields| fields.contains("..")) {
                true => looked_at += 1,
                false => wrong.push(format!("{}: {variant}", path.display())),
            }
        }
    }
    assert!(looked_at > 10, "only {looked_at} patterns were found: does this test still read the sources right?");
    assert!(wrong.is_empty(), "built outside relation/build:\n{}", wrong.join("\n"));
}
