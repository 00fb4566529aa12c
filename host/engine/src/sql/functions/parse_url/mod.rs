//! `parse_url(url, part[, key])`: a part of a URL, or the value of a key of its query, as in Spark. What is not there is null.
//! So is everything for `try_parse_url` of a text that is no URL, for which `parse_url` fails.

mod uri;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use arrow::datatypes::DataType;
use datafusion_common::{Result, exec_err, plan_err};
use datafusion_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use datafusion_functions::utils::make_scalar_function;

use self::uri::Uri;
use super::function::{Example, Function, Implementation};
use crate::format::shown_type;
use crate::operator::is_text;

/// What stands in the table of functions.
pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "parse_url",
        signature: "parse_url(url, part[, key]) → text",
        gives: "the `PROTOCOL`, `USERINFO`, `HOST`, `AUTHORITY`, `PATH`, `QUERY`, `FILE` (path and query) or `REF` of a URL, or what \
                a key is in its `QUERY`; null if it is not there. A row whose text is no URL is a dead letter",
        example: Example { sql: "parse_url('https://shop.org/cart?id=7&via=mail', 'QUERY', 'via')", answer: "mail" },
        by: Implementation::Scalar(|| parse_url("parse_url", false)),
    },
    Function {
        name: "try_parse_url",
        signature: "try_parse_url(url, part[, key]) → text",
        gives: "the same as `parse_url`, and null of a text that is no URL",
        example: Example { sql: "try_parse_url('no url', 'HOST')", answer: "null" },
        by: Implementation::Scalar(|| parse_url("try_parse_url", true)),
    },
];

fn parse_url(name: &'static str, tries: bool) -> ScalarUDF {
    ScalarUDF::new_from_impl(ParseUrl { name, tries, signature: Signature::user_defined(Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ParseUrl {
    name: &'static str,
    tries: bool,
    signature: Signature,
}

impl ScalarUDFImpl for ParseUrl {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let name = self.name;
        if !(2..=3).contains(&types.len()) {
            return plan_err!(
                "`{name}` takes a URL, a part and perhaps a key: {name}(url, 'HOST'), {name}(url, 'QUERY', 'id')"
            );
        }
        if let Some(other) = types.iter().find(|t| !is_text(t) && **t != DataType::Null) {
            return plan_err!("`{name}` takes texts, as in {name}(url, 'HOST'), and this is {}", shown_type(other));
        }
        Ok(vec![DataType::Utf8; types.len()])
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        make_scalar_function(|args: &[ArrayRef]| self.parts(args), Vec::new())(&args.args)
    }
}

impl ParseUrl {
    fn parts(&self, args: &[ArrayRef]) -> Result<ArrayRef> {
        let [urls, parts, keys @ ..] = args else { return exec_err!("`{}` takes a URL and a part", self.name) };
        let (urls, parts) = (urls.as_string::<i32>(), parts.as_string::<i32>());
        let keys = keys.first().map(|keys| keys.as_string::<i32>());
        let mut found = StringBuilder::new();
        for row in 0..urls.len() {
            if urls.is_null(row) || parts.is_null(row) || keys.is_some_and(|keys| keys.is_null(row)) {
                found.append_null();
                continue;
            }
            let key = keys.map(|keys| keys.value(row));
            match of_url(urls.value(row), parts.value(row), key) {
                Ok(part) => found.append_option(part),
                Err(_) if self.tries => found.append_null(),
                Err(why) => {
                    return exec_err!("'{}' is no URL: {why}; try_parse_url gives null of it", urls.value(row));
                }
            }
        }
        Ok(Arc::new(found.finish()))
    }
}

/// A part of `url`, or what `key` is in its query; or why it is no URL.
fn of_url<'u>(url: &'u str, part: &str, key: Option<&str>) -> std::result::Result<Option<&'u str>, String> {
    // Only a query has keys: Spark does not look at the URL then.
    if key.is_some() && part != "QUERY" {
        return Ok(None);
    }
    let uri = Uri::parse(url)?;
    Ok(match part {
        "PROTOCOL" => uri.scheme,
        "USERINFO" => uri.user_info,
        "HOST" => uri.host,
        "AUTHORITY" => uri.authority,
        "PATH" => uri.path,
        "QUERY" => match key {
            None => uri.query,
            Some(key) => uri.query.and_then(|query| value_of(query, key)),
        },
        "FILE" => uri.file,
        "REF" => uri.fragment,
        _ => None,
    })
}

/// What stands behind the first `key=`.
fn value_of<'q>(query: &'q str, key: &str) -> Option<&'q str> {
    query.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of Spark's documentation and tests, and its rules for what is not there.
    #[test]
    fn parts_are_what_spark_gives() {
        let url = "http://userinfo@spark.apache.org/path?query=1&k2=v=2&k2=3&empty=#Ref";
        for (part, key, found) in [
            ("HOST", None, Some("spark.apache.org")),
            ("PATH", None, Some("/path")),
            ("QUERY", None, Some("query=1&k2=v=2&k2=3&empty=")),
            ("REF", None, Some("Ref")),
            ("PROTOCOL", None, Some("http")),
            ("FILE", None, Some("/path?query=1&k2=v=2&k2=3&empty=")),
            ("AUTHORITY", None, Some("userinfo@spark.apache.org")),
            ("USERINFO", None, Some("userinfo")),
            ("QUERY", Some("query"), Some("1")),
            ("QUERY", Some("k2"), Some("v=2")),
            ("QUERY", Some("empty"), Some("")),
            ("QUERY", Some("uery"), None),
            ("QUERY", Some("Query"), None),
            ("HOST", Some("query"), None),
            ("host", None, None),
            ("PORT", None, None),
        ] {
            assert_eq!(of_url(url, part, key), Ok(found), "{part} {key:?}");
        }
        for (url, part, found) in [
            ("https://a.org", "PATH", Some("")),
            ("https://a.org", "QUERY", None),
            ("https://a.org", "FILE", Some("")),
            ("https://a.org/?", "FILE", Some("/?")),
            ("mailto:ann@a.org", "FILE", None),
            ("/cart?id=1", "FILE", Some("/cart?id=1")),
            ("/cart?id=1", "HOST", None),
        ] {
            assert_eq!(of_url(url, part, None), Ok(found), "{url} {part}");
        }
        assert!(of_url("inva lid://a", "host", None).is_err());
        assert_eq!(of_url("inva lid://a", "HOST", Some("k")), Ok(None));
    }
}
