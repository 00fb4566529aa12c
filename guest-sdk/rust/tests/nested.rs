//! Lists, structs and maps: what a plugin asks for, reads and returns.

use std::collections::BTreeMap;

use millstream_guest::{
    prelude::*,
    testing::{self, Cell, Table},
};

/// The cosine of each row's embedding with the first row's, and its length.
struct Cosine(Input<List<Float32>>);

impl Map for Cosine {
    fn bind(_config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
        Ok((Self(input.column("embedding")?.list::<Float32>()?), Fields::new().float64("cosine").int32("length")))
    }

    fn call(&self, batch: Batch) -> Result<Mapped, Failure> {
        let embeddings = batch.get(self.0);
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(x * y)).sum::<f64>();
        let first = embeddings.slice(0).ok_or("the first row has no embedding")?;
        Ok(Mapped::each(&batch, |row| {
            let Some(v) = embeddings.slice(row) else { return (None, embeddings.get(row).map(|v| v.len() as i32)) };
            (Some(dot(first, v) / (dot(first, first) * dot(v, v)).sqrt()), Some(v.len() as i32))
        }))
    }
}

#[test]
fn embeddings_are_slices_of_whatever_numbers_and_lists_they_were() {
    let expected = [Cell::Float(1.0), Cell::Int(2)];
    let check = |input: Table| {
        let output = testing::map::<Cosine>("{}", &input).unwrap().table.select(&["cosine", "length"]);
        assert_eq!(output.row(0), expected);
        assert_eq!(output.row(1), [Cell::Float(0.0), Cell::Int(2)]);
        output
    };
    check(Table::new().cells("embedding", [[1.0f32, 0.0], [0.0, 3.0]]));
    check(Table::new().cells("embedding", [[1i64, 0], [0, 3]]));
    let output = check(Table::new().cells(
        "embedding",
        [Some(vec![Some(1.0), Some(0.0)]), Some(vec![Some(0.0), Some(3.0)]), Some(vec![None, Some(1.0)]), None],
    ));
    assert_eq!(output.row(2), [Cell::Null, Cell::Int(2)], "a list with a null in it is no slice");
    assert_eq!(output.row(3), [Cell::Null, Cell::Null]);
    let problem = testing::map::<Cosine>("{}", &Table::new().cells("embedding", [vec!["a"]])).unwrap_err();
    assert_eq!(problem.to_string(), "bind: column `embedding` is list of utf8; this plugin needs list of float32",);
}

#[derive(Clone)]
struct User {
    name: Option<&'static str>,
    age: i32,
}

fn users(users: [Option<User>; 3]) -> Table {
    let fields = [Field::new("name", DataType::Utf8), Field::new("age", DataType::Int32).not_null()];
    let value = |user: User| Cell::Struct(vec![("name".into(), user.name.into()), ("age".into(), user.age.into())]);
    Table::new().values("user", DataType::structure(fields), users.map(|user| user.map(value)))
}

/// A struct's fields, asked for like columns, one of them as another type.
struct Greets {
    name: Input<Utf8>,
    age: Input<Utf8>,
}

impl Map for Greets {
    fn bind(_config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
        let user = input.column("user")?;
        let (name, age) = (user.child("name")?.utf8()?, user.child("age")?.utf8()?);
        assert_eq!((name.slot(), age.slot()), (0, 0), "the struct is handed over once");
        Ok((Self { name, age }, Fields::new().utf8("greeting")))
    }

    fn call(&self, batch: Batch) -> Result<Mapped, Failure> {
        let (names, ages) = (batch.get(self.name), batch.get(self.age));
        Ok(Mapped::each(&batch, |row| Some(format!("{} is {}", names.get(row).unwrap_or("who"), ages.get(row)?))))
    }
}

#[test]
fn fields_of_structs_are_asked_for_like_columns() {
    let user = |name, age| Some(User { name, age });
    let output = testing::map::<Greets>("{}", &users([user(Some("Ada"), 36), None, user(None, 7)])).unwrap();
    let expected = Table::new().utf8("greeting", [Some("Ada is 36"), None, Some("who is 7")]);
    assert_eq!(output.table.select(&["greeting"]), expected);

    let problem = |input: Table| testing::map::<Greets>("{}", &input).unwrap_err().to_string();
    assert_eq!(problem(Table::new().utf8("user", ["Ada"])), "bind: column `user` is utf8; this plugin needs a struct");
    let nameless = DataType::structure([Field::new("age", DataType::Int8)]);
    let nameless = Table::new().values("user", nameless, [Cell::Null]);
    assert_eq!(problem(nameless), "bind: column `user` has no field `name`; it has `age`");
    let listed = [Field::new("name", DataType::list(DataType::Utf8)), Field::new("age", DataType::Int8)];
    let listed = Table::new().values("user", DataType::structure(listed), [Cell::Null]);
    assert_eq!(problem(listed), "bind: column `user.name` is list of utf8; this plugin needs utf8");
}

/// The whole struct, whose fields are found out when it is called; and a field as another type, which does not go
/// together.
struct Whole(Input<Struct>);

impl Map for Whole {
    fn bind(config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
        let user = input.column("user")?;
        let whole = user.structure()?;
        match config.text_or("age", "int32")?.as_str() {
            "int32" => drop(user.child("age")?.int32()?),
            _ => drop(user.child("age")?.utf8()?),
        }
        Ok((Self(whole), Fields::new().int32("next").utf8("names")))
    }

    fn call(&self, batch: Batch) -> Result<Mapped, Failure> {
        let users = batch.get(self.0);
        let ages = users.field::<Int32>("age")?;
        assert_eq!(users.field::<Utf8>("age").err().as_deref(), Some("field `age` is int32, not utf8"));
        assert_eq!(users.field::<Utf8>("id").err().as_deref(), Some("the struct has no field `id`"));
        let names: Vec<_> = users.fields().iter().map(|field| field.name.clone()).collect();
        Ok(Mapped::each(&batch, |row| {
            assert_eq!(
                users.get(row).map(|user| user.get::<Int32>("age").ok().flatten()),
                ages.is_valid(row).then(|| ages.get(row))
            );
            (ages.get(row).map(|age| age + 1), names.join(","))
        }))
    }
}

#[test]
fn a_struct_is_read_whole_and_is_asked_for_as_one_type() {
    let table = users([Some(User { name: None, age: 1 }), None, None]);
    let output = testing::map::<Whole>("{}", &table).unwrap().table.select(&["next", "names"]);
    assert_eq!(output, Table::new().int32("next", [Some(2), None, None]).utf8("names", ["name,age"; 3]));
    let problem = testing::map::<Whole>(r#"{"age": "utf8"}"#, &table).unwrap_err().to_string();
    let expected = "bind: column `user` is asked for as struct(name utf8, age int32) and as utf8; \
                    a column is handed over once";
    assert_eq!(problem, expected);
}

/// Lists of structs: one column of all items, and where each row's are. Maps by keys.
struct Totals {
    items: Input<List<Struct>>,
    prices: Input<Float64>,
    labels: Input<MapOf<Utf8, Int64>>,
    values: Input<Int64>,
}

impl Map for Totals {
    fn bind(_config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
        let (items, labels) = (input.column("items")?, input.column("labels")?);
        let prices = items.items()?.child("price")?.float64()?;
        let bound = Self { items: items.list()?, prices, labels: labels.map()?, values: labels.values()?.int64()? };
        Ok((bound, Fields::new().float64("total").int64("a").int64("sum")))
    }

    fn call(&self, batch: Batch) -> Result<Mapped, Failure> {
        let (items, prices, labels) = (batch.get(self.items), batch.get(self.prices), batch.get(self.labels));
        let values = batch.get(self.values);
        Ok(Mapped::each(&batch, |row| {
            let total = items.range(row).map(|range| range.filter_map(|item| prices.get(item)).sum::<f64>());
            let sum: Option<i64> = labels.range(row).map(|range| range.filter_map(|entry| values.get(entry)).sum());
            let (a, entries) = (labels.get(row).and_then(|labels| labels.get("a")), labels.get(row));
            assert_eq!(sum, entries.map(|entries| entries.iter().filter_map(|(_, value)| value).sum()));
            (total, a, sum)
        }))
    }
}

#[test]
fn lists_of_structs_and_maps_are_read_over_all_rows_at_once() {
    let fields = [Field::new("sku", DataType::Utf8), Field::new("price", DataType::Float64)];
    let item = |price: Option<f64>| Cell::Struct(vec![("price".into(), price.into())]);
    let lists = [
        Cell::List(vec![item(Some(1.5)), Cell::Null, item(Some(2.0))]),
        Cell::Null,
        Cell::List(vec![]),
        Cell::List(vec![item(None), item(Some(4.0))]),
    ];
    let map = |pairs: &[(&'static str, i64)]| Some(BTreeMap::from_iter(pairs.iter().copied()));
    let input = Table::new()
        .values("items", DataType::list(DataType::structure(fields)), lists)
        .cells("labels", [map(&[("a", 1), ("b", 2)]), None, map(&[]), map(&[("z", 5)])]);
    let output = testing::map::<Totals>("{}", &input).unwrap().table.select(&["total", "a", "sum"]);
    let expected = Table::new()
        .float64("total", [Some(3.5), None, Some(0.0), Some(4.0)])
        .int64("a", [Some(1), None, None, None])
        .int64("sum", [Some(3), None, Some(0), Some(5)]);
    assert_eq!(output, expected);
}

/// Every nested value that a row may have.
struct Nests(Input<Int64>);

impl Map for Nests {
    fn bind(_config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
        let fields = Fields::new()
            .field("list", DataType::list(DataType::Int64))
            .field("deep", DataType::list(DataType::list(DataType::Utf8)))
            .field("fixed", DataType::fixed_list(DataType::Float32, 2))
            .field("map", DataType::map(DataType::Utf8, DataType::Int64))
            .binary("bytes");
        Ok((Self(input.column("n")?.int64()?), fields))
    }

    fn call(&self, batch: Batch) -> Result<Mapped, Failure> {
        let n = batch.get(self.0);
        Ok(Mapped::try_each(&batch, |row| {
            let Some(n) = n.get(row) else { return Ok((None, vec![], None, None, None)) };
            if n == 13 {
                return Err("unlucky".into());
            }
            let list: Vec<_> = (0..n).map(|i| (i != 1).then_some(i)).collect();
            let map = BTreeMap::from([("n", Some(n)), ("none", None)]);
            Ok((
                Some(list),
                vec![vec!["x".repeat(n as usize)], vec![]],
                Some([n as f32, 0.5]),
                Some(map),
                Some(vec![7u8]),
            ))
        }))
    }
}

#[test]
fn rows_return_lists_fixed_lists_and_maps() {
    let output = testing::map::<Nests>("{}", &Table::new().int64("n", [Some(3), None, Some(13), Some(0)])).unwrap();
    assert_eq!(output.rejects, [(2, "unlucky".into())]);
    let expected = Table::new()
        .int64("n", [Some(3), None, Some(0)])
        .cells("list", [Some(vec![Some(0i64), None, Some(2)]), None, Some(vec![])])
        .cells("deep", [vec![vec!["xxx"], vec![]], vec![], vec![vec![""], vec![]]])
        .cells("fixed", [Some([3.0f32, 0.5]), None, Some([0.0, 0.5])])
        .cells(
            "map",
            [
                Some(BTreeMap::from([("n", Some(3i64)), ("none", None)])),
                None,
                Some(BTreeMap::from([("n", Some(0)), ("none", None)])),
            ],
        )
        .binary("bytes", [Some(&[7u8][..]), None, Some(&[7])]);
    assert_eq!(output.table, expected);
    assert_eq!(format!("{expected:?}").matches("Null").count(), 8);
}

/// Builders of nested columns forget what is taken back, whatever was pushed for the row.
#[test]
fn nested_builders_take_back_what_was_pushed_for_a_row() {
    let mut lists = ListBuilder::<StructBuilder<(Int64Builder, Utf8Builder)>>::default();
    let row = |lists: &mut ListBuilder<StructBuilder<(Int64Builder, Utf8Builder)>>, n: i64| {
        (0..n).for_each(|i| {
            lists.items().fields().0.push(i);
            lists.items().fields().1.push("s");
            lists.items().push();
        });
    };
    row(&mut lists, 2);
    lists.push();
    row(&mut lists, 5);
    lists.push_null();
    row(&mut lists, 1);
    lists.push();
    row(&mut lists, 3);
    lists.push();
    lists.truncate(3);
    row(&mut lists, 9);
    assert_eq!(lists.len(), 3);
    let column = lists.finish();
    assert_eq!((column.rows, column.children[0].rows, column.children[0].children[1].rows), (3, 3, 3));

    let mut fixed = FixedListBuilder::of(Int8Builder::default(), 2);
    fixed.push_null();
    fixed.items().push(1);
    assert_eq!(fixed.pending(), 1);
    fixed.truncate(1);
    fixed.items().extend_from_slice(&[1, 2]);
    fixed.push();
    let column = fixed.finish();
    assert_eq!((column.rows, column.children[0].rows, column.validity), (2, 4, Some(vec![0b10])));
    let one_short = std::panic::catch_unwind(|| {
        let mut fixed = ArrayBuilder::<Int8Builder, 2>::default();
        fixed.items().push(1);
        fixed.push();
    });
    assert_eq!(*one_short.unwrap_err().downcast::<String>().unwrap(), "a row of 1 items in a column of lists of 2");
}

/// Says that its lists have two items, and returns lists of three.
struct WrongSize(Input<Int64>);

impl Map for WrongSize {
    fn bind(_config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
        let fields = Fields::new().field("v", DataType::fixed_list(DataType::Float32, 2));
        Ok((Self(input.column("n")?.int64()?), fields))
    }

    fn call(&self, batch: Batch) -> Result<Mapped, Failure> {
        let _ = batch.get(self.0);
        Ok(Mapped::each(&batch, |_| [0.0f32; 3]))
    }
}

#[test]
fn a_fixed_list_of_another_size_is_told() {
    let error = testing::map::<WrongSize>("{}", &Table::new().int64("n", [1])).unwrap_err().to_string();
    assert_eq!(error, "call: column `v` was returned as list of 3 float32; `bind` promised list of 2 float32");
}

/// A null struct with a field that promises to have no nulls goes in and out unchanged.
struct PassesOn(Input<Struct>);

impl Map for PassesOn {
    fn bind(_config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
        let user = input.column("user")?;
        Ok((Self(user.structure()?), Fields::new().field("copy", user.data_type().clone())))
    }

    fn call(&self, batch: Batch) -> Result<Mapped, Failure> {
        assert_eq!(batch.get(self.0).null_count(), 1);
        Ok(batch.columns[0].clone().into())
    }
}

#[test]
fn null_structs_pass_through() {
    let user = |age| Some(User { name: None, age });
    let table = users([user(1), None, user(3)]);
    let output = testing::map::<PassesOn>("{}", &table).unwrap().table;
    assert_eq!(
        (0..3).map(|row| output.row(row)[1].clone()).collect::<Vec<_>>(),
        (0..3).map(|row| table.row(row)[0].clone()).collect::<Vec<_>>()
    );
}
