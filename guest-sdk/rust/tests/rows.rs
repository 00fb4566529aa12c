//! Rows with names: `#[derive(Row)]`.

use std::collections::BTreeMap;

use millstream_guest::{
    prelude::*,
    row::Cell,
    testing::{self, Cell as Value, Table},
};

#[derive(Row)]
struct Url<'a> {
    host: &'a str,
    #[row(rename = "path-parts")]
    parts: Vec<&'a str>,
    port: Option<u16>,
}

struct SplitUrl(Input<Utf8>);

impl Map for SplitUrl {
    fn bind(_config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
        Ok((Self(input.column("url")?.utf8()?), Url::fields()))
    }

    fn call(&self, batch: Batch) -> Result<Mapped, Failure> {
        let urls = batch.get(self.0);
        Ok(Mapped::try_each(&batch, |row| {
            let mut parts = urls.get(row).ok_or("no url")?.split('/');
            let host = parts.next().unwrap_or_default();
            let (host, port) = host.split_once(':').map_or((host, None), |(host, port)| (host, port.parse().ok()));
            Ok(Url { host, parts: parts.collect(), port })
        }))
    }
}

#[test]
fn a_map_returns_structs() {
    let output =
        testing::map::<SplitUrl>("{}", &Table::new().utf8("url", [Some("a:80/b/c"), None, Some("d")])).unwrap();
    let expected = Table::new()
        .utf8("host", ["a", "d"])
        .cells("path-parts", [vec!["b", "c"], vec![]])
        .uint16("port", [Some(80), None]);
    assert_eq!(output.table.select(&["host", "path-parts", "port"]), expected);
    assert_eq!(output.rejects, [(1, "no url".to_owned())]);
}

#[test]
fn only_options_are_null() {
    let item = Field::new("item", DataType::Utf8).not_null();
    let expected = Fields::new().utf8("host").not_null().field("path-parts", DataType::List(item.into())).not_null();
    assert_eq!(Url::fields(), expected.uint16("port"));
}

/// More columns than a tuple has, of two lifetimes' worth of generics.
#[derive(Clone, Row)]
struct Wide<T: Cell + Clone, const N: usize>
where
    T: PartialEq,
{
    c0: T,
    c1: [u8; N],
    c2: i64,
    c3: i64,
    c4: i64,
    c5: i64,
    c6: i64,
    c7: i64,
    c8: i64,
    c9: i64,
    c10: i64,
    r#type: Micros,
    c12: Days,
    c13: Option<i128>,
    c14: BTreeMap<String, f64>,
    c15: i64,
    c16: i64,
    c17: i64,
    c18: i64,
    c19: i64,
    c20: i64,
    c21: i64,
    c22: i64,
    c23: i64,
    c24: bool,
    c25: Vec<u8>,
}

struct Widens(Input<Int64>);

impl FlatMap for Widens {
    fn bind(_config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
        Ok((Self(input.column("n")?.int64()?), Wide::<f32, 2>::fields()))
    }

    fn call(&self, batch: &Batch, out: Expander) -> Result<Expanded, Failure> {
        let n = batch.get(self.0);
        Ok(out.each_row(|row, sink| {
            let n = n.get(row).unwrap_or(0);
            let wide = Wide {
                c0: 0.5f32,
                c1: [1, 2],
                c2: n + 2,
                c3: n + 3,
                c4: n + 4,
                c5: n + 5,
                c6: n + 6,
                c7: n + 7,
                c8: n + 8,
                c9: n + 9,
                c10: n + 10,
                r#type: Micros(n + 11),
                c12: Days(12),
                c13: Some(n.into()),
                c14: BTreeMap::from([("x".to_owned(), 14.0)]),
                c15: n + 15,
                c16: n + 16,
                c17: n + 17,
                c18: n + 18,
                c19: n + 19,
                c20: n + 20,
                c21: n + 21,
                c22: n + 22,
                c23: n + 23,
                c24: n > 0,
                c25: vec![25],
            };
            (0..n).for_each(|_| sink.push(wide.clone()));
            if n == 2 {
                sink.reject("two is too many");
            }
        }))
    }
}

#[test]
fn a_row_has_as_many_columns_as_it_needs() {
    let output = testing::flat_map::<Widens>("{}", &Table::new().int64("n", [1, 2, 0])).unwrap();
    assert_eq!(output.rejects, [(1, "two is too many".to_owned())]);
    assert_eq!(output.table.rows(), 1);
    assert_eq!(output.table.names()[12], "type");
    let row = output.table.row(0).split_off(1);
    for (at, value) in row.iter().enumerate() {
        match value {
            Value::Int(value) if at == 12 || at == 13 => assert_eq!(*value as usize, 12 * (13 - at) + (at - 12)),
            Value::Int(value) => assert_eq!(*value as usize, at + 1),
            _ => assert!([0, 1, 14, 24, 25].contains(&at), "column {at} is {value:?}"),
        }
    }
    assert_eq!(row[24], Value::Bool(true));
}

#[derive(Row, Clone, Debug, Default, PartialEq)]
struct Line {
    sku: String,
    amount: Option<i64>,
}

/// The lines of each order, collected: a list of structs.
struct Collects;

impl Fold for Collects {
    type Input = (Utf8, Int64);
    type State = (Vec<String>, Vec<Option<i64>>);
    type Output = (Vec<AsStruct<Line>>, Option<AsStruct<Line>>);

    fn bind(_config: &Config, input: &Schema) -> Result<(Self, (Input<Utf8>, Input<Int64>), Fields), Problem> {
        let fields = vec![Vec::<AsStruct<Line>>::field("lines"), Option::<AsStruct<Line>>::field("last")];
        Ok((Self, (input.column("sku")?.utf8()?, input.column("amount")?.int64()?), fields.into()))
    }

    fn add(&self, state: &mut Self::State, (sku, amount): (Option<&str>, Option<i64>)) {
        state.0.push(sku.unwrap_or_default().to_owned());
        state.1.push(amount);
    }

    fn merge(&self, into: &mut Self::State, later: Self::State) {
        into.0.extend(later.0);
        into.1.extend(later.1);
    }

    fn finish(&self, (skus, amounts): Self::State) -> Self::Output {
        let lines: Vec<_> = skus.into_iter().zip(amounts).map(|(sku, amount)| AsStruct(Line { sku, amount })).collect();
        let last = lines.last().cloned();
        (lines, last)
    }
}

#[test]
fn records_stand_in_lists_and_columns_as_structs() {
    let input = Table::new().utf8("sku", ["a", "b", "c"]).int64("amount", [Some(1), None, Some(3)]);
    let output = testing::fold::<Collects>("{}", &[0, 2, 0], &input).unwrap();
    let line = |sku: &str, amount| AsStruct(Line { sku: sku.into(), amount });
    let expected = Table::new()
        .cells("lines", [vec![line("a", Some(1)), line("c", Some(3))], vec![], vec![line("b", None)]])
        .cells("last", [Some(line("c", Some(3))), None, Some(line("b", None))]);
    assert_eq!(output, expected);
    let named = Value::Struct(vec![("sku".into(), "b".into()), ("amount".into(), Value::Null)]);
    assert_eq!(output.row(2)[1], named);
}
