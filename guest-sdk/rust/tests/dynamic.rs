//! Outputs whose columns the configuration names.

use millstream_guest::{
    builder::Dynamic,
    prelude::*,
    testing::{self, Table},
};
use serde::Deserialize;

/// The fields of a JSON object, as the columns that the configuration names.
struct Fielded {
    json: Input<Utf8>,
    fields: Fields,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    r#type: DataType,
    #[serde(default)]
    required: bool,
}

impl Map for Fielded {
    fn bind(config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
        let columns: Vec<Named> = config.get("columns")?;
        let fields =
            columns.into_iter().map(|column| match (Field::new(column.name, column.r#type), column.required) {
                (field, true) => field.not_null(),
                (field, false) => field,
            });
        let fields: Fields = fields.collect();
        Dynamic::rows(&fields).map_err(Problem::new)?;
        Ok((Self { json: input.column("json")?.utf8()?, fields: fields.clone() }, fields))
    }

    fn call(&self, batch: Batch) -> Result<Mapped, Failure> {
        let (texts, mut rows, mut rejects) = (batch.get(self.json), Dynamic::rows(&self.fields)?, Rejects::new());
        for row in 0..batch.rows() {
            let object = serde_json::from_str::<serde_json::Value>(texts.get(row).unwrap_or("{}"));
            let pushed = match object {
                Ok(serde_json::Value::Null) => Err("no object".into()),
                Ok(object) => rows.push_value(object),
                Err(error) => Err(error.to_string()),
            };
            if let Err(reason) = pushed {
                rows.push_null();
                rejects.push(row, reason);
            }
        }
        Ok(Mapped::from(rows.into_columns()).with_rejects(rejects))
    }
}

#[test]
fn columns_are_made_by_configuration_and_refusals_are_words() {
    let config = r#"{"columns": [
        {"name": "id", "type": "int32", "required": true},
        {"name": "tags", "type": "list<utf8>"},
        {"name": "at", "type": "struct<x: float64, y: float64>"},
        {"name": "point", "type": "fixed_list<float32, 2>"},
        {"name": "counts", "type": "map<utf8, int64>"}
    ]}"#;
    let rows = [
        (r#"{"id": 1, "tags": ["a", null], "at": {"y": 2, "x": 0.5}, "point": [1, 2], "counts": {"a": 1}}"#, None),
        (r#"{"id": 2}"#, None),
        (r#"{"id": 3000000000}"#, Some("field `id`: 3000000000 does not fit int32")),
        (r#"{"tags": []}"#, Some("field `id` is null; it never may be")),
        (r#"{"id": 1, "tags": ["a", 5]}"#, Some("field `tags`: 5 cannot stand in a column of utf8")),
        (r#"{"id": 1, "tags": "a"}"#, Some("field `tags`: `a` cannot stand in a column of list of utf8")),
        (r#"{"id": 1, "at": {"x": 1, "z": 1}}"#, Some("field `at`: there is no field `z`")),
        (r#"{"id": 1, "at": {"x": true}}"#, Some("field `at`: field `x`: true cannot stand in a column of float64")),
        (
            r#"{"id": 1, "point": [1, 2, 3]}"#,
            Some("field `point`: a list of 3 cannot stand in a column of list of 2 float32"),
        ),
        (r#"{"id": 1, "point": [1, 1e300]}"#, Some("field `point`: 1e300 does not fit float32")),
        (r#"{"id": 1, "more": 1}"#, Some("there is no field `more`")),
        (
            r#"[1]"#,
            Some(
                "a list of 1 cannot stand in a column of struct(id int32, tags list of utf8, at struct(x float64, y float64), point list of 2 float32, counts map of utf8 to int64)",
            ),
        ),
        ("null", Some("no object")),
        (r#"{"id": 4, "tags": ["z"], "counts": {"b": null}}"#, None),
    ];
    let input = Table::new().utf8("json", rows.map(|(json, _)| json));
    let output = testing::map::<Fielded>(config, &input).unwrap();
    let refused = rows.iter().enumerate().filter_map(|(row, (_, reason))| Some((row, (*reason)?.to_owned())));
    assert_eq!(output.rejects, refused.collect::<Vec<_>>());
    let at = DataType::structure([Field::new("x", DataType::Float64), Field::new("y", DataType::Float64)]);
    let point = Value::Struct(vec![("x".into(), 0.5.into()), ("y".into(), 2.0.into())]);
    let expected = Table::new()
        .int32("id", [1, 2, 4])
        .cells("tags", [Some(vec![Some("a"), None]), None, Some(vec![Some("z")])])
        .values("at", at, [point, Value::Null, Value::Null])
        .cells("point", [Some([1.0f32, 2.0]), None, None])
        .values(
            "counts",
            DataType::map(DataType::Utf8, DataType::Int64),
            [Value::Map(vec![("a".into(), 1.into())]), Value::Null, Value::Map(vec![("b".into(), Value::Null)])],
        );
    assert_eq!(output.table.select(&["id", "tags", "at", "point", "counts"]), expected);

    let wrong = testing::map::<Fielded>(r#"{"columns": [{"name": "x", "type": "int"}]}"#, &input).unwrap_err();
    assert_eq!(wrong.to_string(), "bind: `columns`: `int` is no type: `int` is none");
}

#[test]
fn every_type_takes_its_values_and_says_what_it_does_not_take() {
    let pushed = |data_type: &DataType, value: Value| {
        let mut builder = Dynamic::of(data_type).unwrap();
        let pushed = builder.push_value(value.clone());
        assert_eq!(builder.len(), usize::from(pushed.is_ok()), "{data_type}: {value:?}");
        let column = builder.finish();
        assert_eq!(column.data_type, *data_type);
        pushed.map(|()| Table::new().values("v", data_type.clone(), [value]).row(0).remove(0))
    };
    let ints = [
        (DataType::Int8, i8::MIN.into(), i8::MAX.into()),
        (DataType::Uint8, 0, u8::MAX.into()),
        (DataType::Int16, i16::MIN.into(), i16::MAX.into()),
        (DataType::Uint16, 0, u16::MAX.into()),
        (DataType::Int32, i32::MIN.into(), i32::MAX.into()),
        (DataType::Uint32, 0, u32::MAX.into()),
        (DataType::Int64, i64::MIN.into(), i64::MAX.into()),
        (DataType::Uint64, 0, u64::MAX.into()),
        (DataType::Date, i32::MIN.into(), i32::MAX.into()),
        (DataType::Timestamp, i64::MIN.into(), i64::MAX.into()),
        (DataType::Decimal(5, 2), -99_999, 99_999),
    ];
    for (data_type, least, most) in ints {
        for fits in [least, most, 7] {
            assert_eq!(pushed(&data_type, Value::Int(fits)), Ok(Value::Int(fits)));
        }
        for beyond in [least - 1, most + 1] {
            assert!(pushed(&data_type, Value::Int(beyond)).unwrap_err().starts_with(&beyond.to_string()));
        }
        let text = pushed(&data_type, "7".into()).unwrap_err();
        assert_eq!(text, format!("`7` cannot stand in a column of {data_type}"));
    }
    assert_eq!(pushed(&DataType::Float64, 3i64.into()), Ok(Value::Float(3.0)));
    assert_eq!(pushed(&DataType::Int64, 3.0.into()).unwrap_err(), "3.0 cannot stand in a column of int64");
    assert_eq!(pushed(&DataType::Boolean, true.into()), Ok(Value::Bool(true)));
    assert_eq!(pushed(&DataType::Binary, (&b"ab"[..]).into()), Ok(Value::Bytes(b"ab".to_vec())));
    assert_eq!(pushed(&DataType::Utf8, (&b"ab"[..]).into()).unwrap_err(), "2 bytes cannot stand in a column of utf8");
    let map = DataType::map(DataType::Utf8, DataType::Int8);
    let null_key = Value::Map(vec![(Value::Null, 1.into())]);
    assert_eq!(pushed(&map, null_key).unwrap_err(), "a key of a map cannot be null");
    let lists = DataType::list(DataType::list(DataType::Int8));
    let deep = Value::List(vec![Value::List(vec![1.into(), 2.into()]), Value::List(vec![3.into(), 300.into()])]);
    assert_eq!(pushed(&lists, deep).unwrap_err(), "300 does not fit int8");
    let none = Dynamic::of(&DataType::Other("tdm".into())).unwrap_err();
    assert_eq!(none, "columns of tdm cannot be built");
}

#[test]
fn a_row_that_is_null_is_null_in_every_column() {
    let fields = Fields::new().int64("a").utf8("b");
    let mut rows = Dynamic::rows(&fields).unwrap();
    rows.push_value(Value::Struct(vec![("a".into(), 1.into())])).unwrap();
    rows.push_null();
    let columns = rows.into_columns();
    assert_eq!((Value::of(&columns[0], 0), Value::of(&columns[1], 0)), (Value::Int(1), Value::Null));
    assert_eq!((Value::of(&columns[0], 1), Value::of(&columns[1], 1)), (Value::Null, Value::Null));
}
