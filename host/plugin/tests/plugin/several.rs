//! Several operators in one component, and in one instance of it.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type};
use millstream_plugin::{
    Bound, BoundMap, InputField, Limits, Plugin, PluginError, PluginKind, Request, Runtime, RuntimeOptions,
};

use super::{cache_dir, guest_dir, numbers, options, plugin};

fn bind(plugin: &Plugin, operator: Option<&str>, config: &str, batch: &RecordBatch) -> Result<Bound, PluginError> {
    let input = InputField::of_schema(&batch.schema());
    plugin.bind(&Request { operator, config, input: &input, ..Request::default() }, &Limits::default())
}

fn times(plugin: &Plugin, by: &str) -> BoundMap {
    match bind(plugin, Some("times"), &format!(r#"{{"by": {by}}}"#), &numbers([])) {
        Ok(Bound::Map(map)) => map,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_catalog_lists_them() {
    let plugin = plugin("several");
    let operators = plugin.operators(&Limits::default()).unwrap();
    let told: Vec<_> = operators.iter().map(|one| (one.name.as_str(), one.kind)).collect();
    use PluginKind::*;
    assert_eq!(told, [("above", Filter), ("times", Map), ("below", FlatMap), ("sum", Aggregate), ("count", Aggregate)]);
    assert_eq!(operators[0].summary, "Keeps the numbers above a number");
    assert_eq!((operators[0].columns[0].name.as_str(), operators[0].columns[0].made), ("<first>", false));

    let error = bind(&plugin, None, "{}", &numbers([])).unwrap_err().to_string();
    let all = "it holds `above`, `times`, `below`, `sum`, `count`";
    assert_eq!(error, format!("the plugin holds several operators, and none is named; {all}"));
    let error = bind(&plugin, Some("mean"), "{}", &numbers([])).unwrap_err().to_string();
    assert_eq!(error, format!("the plugin holds no operator `mean`; {all}"));
}

#[test]
fn each_works_in_a_slot_of_its_own() {
    // Room for a single instance: all that is bound is bound in it.
    let one = Runtime::new(RuntimeOptions { max_instances: 1, ..options(&cache_dir()) }).unwrap();
    let plugin = one.load(&guest_dir("several")).unwrap();
    let batch = numbers([1, 2, 3]);
    let maps: Vec<BoundMap> = (0..50).map(|by| times(&plugin, &by.to_string())).collect();
    for (by, map) in maps.iter().enumerate().rev() {
        let column = map.call(&batch).unwrap().columns.remove(0);
        let expected: Vec<f64> = (1..=3).map(|n| f64::from(n) * by as f64).collect();
        assert_eq!(column.as_primitive::<Float64Type>().values(), &expected[..]);
    }
    let Ok(Bound::Filter(above)) = bind(&plugin, Some("above"), r#"{"above": 1}"#, &batch) else { panic!() };
    let Ok(Bound::FlatMap(below)) = bind(&plugin, Some("below"), "{}", &batch) else { panic!() };
    let Ok(Bound::Aggregate(sum)) = bind(&plugin, Some("sum"), "{}", &batch) else { panic!() };
    let Ok(Bound::Aggregate(count)) = bind(&plugin, Some("count"), "{}", &batch) else { panic!() };
    assert_eq!(above.call(&batch).unwrap().keep.count_set_bits(), 2);
    assert_eq!(below.call(&batch).unwrap().parents.values(), &[0, 1, 1, 2, 2, 2]);
    for (aggregate, expected) in [(&sum, 6), (&count, 3)] {
        let states = aggregate.partial(&[0, 0, 0], 1, &batch).unwrap();
        assert_eq!(aggregate.finish(&states).unwrap()[0].as_primitive::<Int64Type>().value(0), expected);
    }

    // One that fails takes the instance with it, and the others are bound anew.
    drop(maps);
    let map = times(&plugin, "2");
    let error = map.call(&numbers([1, 13])).unwrap_err();
    assert_eq!((error.row(), error.to_string().as_str()), (Some(1), "the plugin failed: thirteen is unlucky"));
    assert_eq!(above.call(&batch).unwrap().keep.count_set_bits(), 2);
}

#[test]
fn what_is_bound_later_in_a_slot_is_not_what_was_bound_before() {
    let plugin = plugin("several");
    let two = times(&plugin, "2");
    drop(two);
    let three = times(&plugin, "3");
    assert_eq!(three.call(&numbers([5])).unwrap().columns[0].as_primitive::<Float64Type>().value(0), 15.0);
}
