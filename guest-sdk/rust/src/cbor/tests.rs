use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::*;

fn bytes<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(value, &mut bytes).unwrap();
    bytes
}

fn back<T: Serialize + DeserializeOwned>(value: &T) -> T {
    read(&bytes(value)).unwrap()
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Everything {
    flag: bool,
    small: (i8, u8, i16, u16),
    large: (i64, u64, i128, u128),
    letter: char,
    text: Option<String>,
    floats: Vec<f64>,
    by_pair: BTreeMap<(i32, i32), Vec<Shape>>,
    unit: (),
    nested: Option<Box<Everything>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<i32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Nothing,
    Circle(f32),
    Pair(i32, String),
    Box { width: u32, height: u32 },
}

fn everything() -> Everything {
    let shapes = vec![
        Shape::Nothing,
        Shape::Circle(0.1),
        Shape::Pair(-1, "ü".into()),
        Shape::Box { width: 70_000, height: 300 },
    ];
    Everything {
        flag: true,
        small: (-128, 255, i16::MIN, u16::MAX),
        large: (i64::MIN, u64::MAX, i128::MIN, u128::MAX),
        letter: '€',
        text: Some("x".repeat(300)),
        floats: vec![0.1, -0.0, f64::INFINITY, f64::MIN_POSITIVE],
        by_pair: BTreeMap::from([((1, -2), shapes), ((0, 0), vec![])]),
        nested: Some(Box::default()),
        ..Everything::default()
    }
}

#[test]
fn values_of_every_shape_come_back() {
    assert_eq!(back(&everything()), everything());
    assert_eq!(back(&Everything::default()), Everything::default());
    for number in [0, 1, 23, 24, 255, 256, 65_535, 65_536, u32::MAX.into(), u64::from(u32::MAX) + 1, u64::MAX] {
        assert_eq!(back(&number), number);
        let signed = !(number as i64);
        assert_eq!(back(&signed), signed);
        let (wide, negative) = (i128::from(number) * 7, -i128::from(number) - 1);
        assert_eq!((back(&wide), back(&negative)), (wide, negative));
    }
    let strange = f64::from_bits(0x7ff8_0000_0000_1234);
    assert_eq!(back(&strange).to_bits(), strange.to_bits(), "a NaN keeps its bits");
    let json: serde_json::Value = serde_json::from_str(r#"{"a": [1, -2, 0.5, null, true, {"b": ""}]}"#).unwrap();
    assert_eq!(back(&json), json);
}

/// The examples of RFC 8949, appendix A.
#[test]
fn what_is_written_is_cbor() {
    assert_eq!(bytes(&1_000_000), [0x1a, 0, 0x0f, 0x42, 0x40]);
    assert_eq!(bytes(&-1000), [0x39, 0x03, 0xe7]);
    assert_eq!(bytes(&1.1), [0xfb, 0x3f, 0xf1, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a]);
    assert_eq!(bytes("\u{6c34}"), [0x63, 0xe6, 0xb0, 0xb4]);
    assert_eq!(bytes(&(1, [2, 3])), [0x82, 1, 0x82, 2, 3]);
    assert_eq!(bytes(&BTreeMap::from([("a", 1), ("b", 2)])), [0xa2, 0x61, 0x61, 1, 0x61, 0x62, 2]);
    assert_eq!(bytes(&(true, None::<i32>)), [0x82, 0xf5, 0xf6]);
    // Of a length that is not known beforehand.
    assert_eq!(read::<Vec<i32>>(&[0x9f, 1, 2, 0xff]).unwrap(), [1, 2]);
    assert_eq!(read::<BTreeMap<String, i32>>(&[0xbf, 0x61, 0x61, 1, 0xff]).unwrap(), BTreeMap::from([("a".into(), 1)]));
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct First {
    count: u32,
    gone: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Second {
    count: u64,
    #[serde(default)]
    sum: f64,
}

#[test]
fn fields_go_by_their_names() {
    let first = bytes(&First { count: 7, gone: "x".into() });
    assert_eq!(read::<Second>(&first).unwrap(), Second { count: 7, sum: 0.0 });
    let error = read::<First>(&bytes(&Second { count: 7, sum: 0.0 })).unwrap_err();
    assert_eq!(error.to_string(), "missing field `gone`");
}

#[test]
fn bytes_that_are_no_value_are_told_in_words() {
    let error = |bytes: &[u8]| read::<Vec<i64>>(bytes).map(|_| "read").unwrap_or_else(|e| e.to_string().leak());
    assert_eq!(error(&[]), "the bytes end too early");
    assert_eq!(error(&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]), "the bytes end too early");
    assert_eq!(error(&[0x81, 1, 1]), "1 bytes are left over");
    assert_eq!(error(&[0x81, 0x61, 0x61]), "invalid type: string \"a\", expected i64");
    assert_eq!(error(&[0x81, 0x1c]), "no value begins with 0x1c");
    assert_eq!(error(&[0xff]), "no value begins with 0xff");
    let text = read::<String>(&[0x61, 0xff]).unwrap_err().to_string();
    assert_eq!(text, "a text is not valid UTF-8");
    assert_eq!(
        read::<(i64, i64)>(&[0x83, 1, 2, 3]).unwrap_err().to_string(),
        "there are more items than the type takes"
    );
    let deep = read::<serde_json::Value>(&[0x81; 100_000]).unwrap_err().to_string();
    assert_eq!(deep, "the value is nested deeper than 128");

    // Whatever the bytes, there is an answer.
    let good = bytes(&everything());
    for at in 0..good.len() {
        assert!(read::<Everything>(&good[..at]).is_err());
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            let _ = read::<Everything>(&bad);
        }
    }
}
