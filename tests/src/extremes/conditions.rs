//! Rows, the one rule, and conditions of a row with what each is by the rule.

use std::cmp::Ordering;

#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub id: i64,
    /// Seconds of the day.
    pub t: i64,
    pub f: Option<f64>,
    pub g: Option<f64>,
    pub h: Option<f32>,
    pub i: Option<i64>,
    pub j: Option<i64>,
}

/// The rule.
pub fn order(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// A float that can be a key: one for all that are equal.
#[derive(Debug, Clone, Copy)]
pub struct Key(pub Option<f64>);

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.0, other.0) {
            (Some(a), Some(b)) => order(a, b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        }
    }
}

pub fn both<T: Copy>(a: Option<T>, b: Option<T>, test: impl Fn(T, T) -> bool) -> Option<bool> {
    Some(test(a?, b?))
}

/// `value IN (items)`.
pub fn is_in<T: Copy>(value: Option<T>, items: &[Option<T>], equal: impl Fn(T, T) -> bool) -> Option<bool> {
    let found: Vec<Option<bool>> = items.iter().map(|item| both(value, *item, &equal)).collect();
    if found.contains(&Some(true)) { Some(true) } else { found.into_iter().min().flatten() }
}

pub fn and(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    if a == Some(false) || b == Some(false) { Some(false) } else { Some(a? && b?) }
}

pub const NAN: &str = "CAST('NaN' AS DOUBLE)";

/// What a condition is of a row.
pub type Is = Box<dyn Fn(&Row) -> Option<bool>>;

/// A condition, and what it is.
pub type Test = (String, Is);

/// An operator, and what it says of an order.
pub type Compare = (&'static str, fn(Ordering) -> bool);

/// Conditions of one row.
pub fn tests() -> Vec<Test> {
    let mut tests: Vec<Test> = Vec::new();
    let operators: [Compare; 6] = [
        ("=", Ordering::is_eq),
        ("<>", Ordering::is_ne),
        ("<", Ordering::is_lt),
        ("<=", Ordering::is_le),
        (">", Ordering::is_gt),
        (">=", Ordering::is_ge),
    ];
    for (operator, holds) in operators {
        let test = move |a: f64, b: f64| holds(order(a, b));
        let mut add = |a: &str, b: &str, is: Is| tests.push((format!("{a} {operator} {b}"), is));
        add("f", "g", Box::new(move |r| both(r.f, r.g, test)));
        add("f", "CAST(h AS DOUBLE)", Box::new(move |r| both(r.f, r.h.map(f64::from), test)));
        add(
            "h",
            "CAST(g AS FLOAT)",
            Box::new(move |r| both(r.h, r.g.map(|g| g as f32), |a, b| test(a.into(), b.into()))),
        );
        add("f", "CAST(i AS DOUBLE)", Box::new(move |r| both(r.f, r.i.map(|i| i as f64), test)));
        for (text, value) in
            [("0.0", 0.0), ("-0.0", 0.0), ("1.0", 1.0), (NAN, f64::NAN), ("CAST('-0.0' AS DOUBLE)", 0.0)]
        {
            add("f", text, Box::new(move |r| both(r.f, Some(value), test)));
            add(text, "f", Box::new(move |r| both(Some(value), r.f, test)));
        }
        add(
            "named_struct('a', f, 'b', i)",
            "named_struct('a', g, 'b', i)",
            Box::new(move |r| {
                // Of the parts null is least or equal; only where neither is null can an order be told simply.
                both(r.f, r.g, test)
            }),
        );
        add("i", "j", Box::new(move |r| both(r.i, r.j, |a, b| holds(a.cmp(&b)))));
        add("i", "-9223372036854775807", Box::new(move |r| r.i.map(|i| holds(i.cmp(&-i64::MAX)))));
    }
    let mut add = |text: &str, is: Is| tests.push((text.to_owned(), is));
    let equal = |a: f64, b: f64| order(a, b).is_eq();
    add("f IS DISTINCT FROM g", Box::new(|r| Some(Key(r.f) != Key(r.g))));
    add("f IS NOT DISTINCT FROM -0.0", Box::new(|r| Some(Key(r.f) == Key(Some(0.0)))));
    add("f IN (-0.0, 2.0)", Box::new(move |r| is_in(r.f, &[Some(0.0), Some(2.0)], equal)));
    add(
        "f NOT IN (0.0, 2.0, 3.0, 4.0, 5.0)",
        Box::new(move |r| is_in(r.f, &[0.0, 2.0, 3.0, 4.0, 5.0].map(Some), equal).map(|b| !b)),
    );
    add(&format!("f IN ({NAN}, 7.0, 8.0, 9.0, 10.0)"), Box::new(move |r| is_in(r.f, &[Some(f64::NAN)], equal)));
    add("f IN (g, -0.0)", Box::new(move |r| is_in(r.f, &[r.g, Some(0.0)], equal)));
    add("h IN (CAST(-0.0 AS FLOAT))", Box::new(move |r| is_in(r.h.map(f64::from), &[Some(0.0)], equal)));
    add("i IN (9223372036854775807, j)", Box::new(|r| is_in(r.i, &[Some(i64::MAX), r.j], |a, b| a == b)));
    add(
        "f BETWEEN -0.0 AND g",
        Box::new(|r| and(both(r.f, Some(0.0), |a, b| order(a, b).is_ge()), both(r.f, r.g, |a, b| order(a, b).is_le()))),
    );
    add("i NOT BETWEEN j AND 0", Box::new(|r| and(both(r.i, r.j, |a, b| a >= b), r.i.map(|i| i <= 0)).map(|b| !b)));
    add(
        "CASE f WHEN 1.0 THEN false WHEN 0.0 THEN true WHEN g THEN true ELSE false END",
        Box::new(move |r| {
            let is = |other| both(r.f, other, equal) == Some(true);
            Some(!is(Some(1.0)) && (is(Some(0.0)) || is(r.g)))
        }),
    );
    add(&format!("CASE f WHEN {NAN} THEN true ELSE false END"), Box::new(|r| Some(r.f.is_some_and(f64::is_nan))));
    add("nullif(f, -0.0) IS NULL", Box::new(|r| Some(r.f.is_none_or(|f| f == 0.0))));
    add(
        "array_has(make_array(f, 3.0), g)",
        Box::new(move |r| {
            let has = is_in(r.g, &[r.f, Some(3.0)], equal);
            r.g.and(has)
        }),
    );
    add("array_has(make_array(0.0), -0.0)", Box::new(|_| Some(true)));
    add(
        &format!("0.0 = -0.0 AND {NAN} > CAST('Infinity' AS DOUBLE) AND NOT -0.0 < 0.0 AND {NAN} = -{NAN}"),
        Box::new(|_| Some(true)),
    );
    add("make_array(f) = make_array(g)", Box::new(|r| Some(Key(r.f) == Key(r.g))));
    tests
}

pub fn is_struct(test: &str) -> bool {
    test.starts_with("named_struct")
}
