//! Plugins that hold several operators: each by `plugin.operator` or by a name of its own, as a node and in SQL; what they
//! log, and errors that name their row.

use std::sync::{Arc, Mutex};

use millstream_engine::Error;
use millstream_engine::run::report::LogLine;
use millstream_engine::run::{Observer, RunOptions};
use serde_json::{Value, json};

use crate::scratch::Scratch;
use crate::support::{Ran, here, runtime};

/// A job over the numbers 1 to 5, with the plugin `pack` and, of the same file, `tenfold`, which is one of its operators.
fn job(operators: &str) -> String {
    let pack = here().join("../host/plugin/tests/guest/several");
    format!(
        "name = \"job\"\ncheckpoint = \"state\"\n\
         [source.numbers]\npath = \"in\"\nformat = \"json\"\nschema = {{ n = \"int64\" }}\n\
         [plugin.pack]\npath = {pack:?}\nwith = {{ times = {{ by = 2 }} }}\n\
         [plugin.tenfold]\npath = {pack:?}\noperator = \"times\"\nwith = {{ by = 10 }}\n\
         {operators}\n[sink.out]\ninput = \"x\"\nconnector = \"memory\"\n"
    )
}

fn numbers(last: i64) -> Scratch {
    let scratch = Scratch::new();
    scratch.write("in/a.json", (1..=last).map(|n| format!("{{\"n\":{n}}}\n")).collect::<String>());
    scratch
}

fn run(operators: &str) -> Vec<Value> {
    numbers(5).run(&job(operators)).unwrap_or_else(|e| panic!("{e:?}")).rows("out")
}

fn refused(operators: &str) -> Error {
    numbers(5).run(&job(operators)).map(|_: Ran| ()).unwrap_err()
}

#[test]
fn each_is_called_by_its_name() {
    let above = "[operator.x]\ninput = \"numbers\"\nplugin = \"pack.above\"\nwith = { above = 3 }";
    assert_eq!(run(above), [json!({"n": 4}), json!({"n": 5})]);
    let sql = |query: &str| run(&format!("[operator.x]\nsql = \"{query}\""));
    let both = sql("SELECT pack.times(n) AS two, TenFold(n) AS ten FROM numbers WHERE n < 3");
    assert_eq!(both, [json!({"two": 2.0, "ten": 10.0}), json!({"two": 4.0, "ten": 20.0})]);
}

#[test]
fn tables_and_aggregates_too() {
    let below = run("[operator.x]\nsql = \"SELECT n, below FROM pack.below(numbers) WHERE n = 2\"");
    assert_eq!(below, [json!({"n": 2, "below": 0}), json!({"n": 2, "below": 1})]);
    let sums = run(
        "[operator.x]\noutput_mode = \"complete\"\nsql = \"SELECT pack.sum(n) AS s, pack.count(n) AS c FROM numbers\"",
    );
    assert_eq!(sums, [json!({"s": 15, "c": 5})]);
}

#[test]
fn what_is_not_there_is_told_with_what_is() {
    let told = |operators: &str| {
        let error = refused(operators);
        (error.message().to_owned(), error.help().unwrap_or_default().to_owned())
    };
    let (message, help) = told("[operator.x]\ninput = \"numbers\"\nplugin = \"pack\"");
    assert!(message.contains("plugin `pack` holds several operators, and none is named"), "{message}");
    assert!(help.contains("`pack.above`, `pack.times`, `pack.below`"), "{help}");
    let (message, help) = told("[operator.x]\ninput = \"numbers\"\nplugin = \"pack.tims\"");
    assert!(message.contains("plugin `pack` holds no operator `tims`") && help.contains("`times`"), "{message} {help}");
    let (message, help) = told("[operator.x]\nsql = \"SELECT pack(n) AS x FROM numbers\"");
    assert!(message.contains("the plugin `pack` holds several operators, and none is named"), "{message}");
    assert!(help.contains("`pack.times`"), "{help}");
    let flat = "[operator.x]\nsql = \"SELECT n FROM pack.below(numbers)\"";
    let error = numbers(1).run(&job(flat).replace("{ times = { by = 2 } }", "{ by = 2 }")).map(|_| ()).unwrap_err();
    assert!(error.message().contains("`with` has `by`, which is no table of an operator"), "{error}");
    let (message, help) = told("[operator.x]\nsql = \"SELECT pack.tims(n) AS x FROM numbers\"");
    assert!(message.contains("there is no function `pack.tims`") && help.contains("`pack.times`"), "{message} {help}");

    let wrong = job("[operator.x]\ninput = \"numbers\"\nplugin = \"tenfold\"")
        .replace("with = { times = {", "with = { tims = {");
    let error = numbers(1).run(&wrong).map(|_| ()).unwrap_err();
    assert!(error.message().contains("`with` has a table `tims`, and the plugin holds no such operator"), "{error}");

    let wrong = job("[operator.x]\ninput = \"numbers\"\nplugin = \"tenfold\"").replace("\"times\"", "\"tymes\"");
    let error = numbers(1).run(&wrong).map(|_| ()).unwrap_err();
    assert!(error.message().contains("the plugin holds no operator `tymes`"), "{error}");
    assert_eq!(error.location().map(|at| &at.text[at.span.clone()]), Some("tymes"));
}

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Observer for Heard {
    fn logged(&self, epoch: u64, line: &LogLine) {
        self.0.lock().unwrap().push(format!("{epoch} {line}"));
    }
}

#[test]
fn a_row_that_a_plugin_names_is_the_only_dead_letter_and_what_it_logs_is_heard() {
    let scratch = numbers(20);
    let heard = Arc::new(Heard::default());
    let options = RunOptions { observer: heard.clone(), runtime: Some(runtime()), ..RunOptions::default() };
    let ran =
        scratch.run_with(&job("[operator.x]\nsql = \"SELECT n, tenfold(n) AS t FROM numbers\""), options).unwrap();
    assert_eq!((ran.rows("out").len(), ran.summary.rejected), (19, 1));
    let letter = scratch.lines("job.dead-letters.jsonl")[0].clone();
    assert_eq!((letter["line"].as_u64(), letter["node"].as_str()), (Some(13), Some("x")));
    assert_eq!(letter["reason"], "the plugin failed: thirteen is unlucky");
    let heard = heard.0.lock().unwrap();
    let calls: Vec<&str> = heard.iter().map(String::as_str).filter(|line| line.contains("rows times")).collect();
    // The whole, what stands before the row, and what stands behind it: nothing else was tried.
    let line = |rows: u32| format!("0 operator `x`, plugin `tenfold`: info: {rows} rows times 10");
    assert_eq!(calls, [line(20), line(12), line(7)]);
    assert!(heard.iter().any(|line| line.contains("debug: bound at x")), "{heard:?}");
}

#[test]
fn plugins_in_from_are_told_of_their_calls_as_they_are_written() {
    let heard = |operators: &str| {
        let heard = Arc::new(Heard::default());
        let options = RunOptions { observer: heard.clone(), ..RunOptions::default() };
        numbers(3).run_with(&job(operators), options).unwrap();
        heard.0.lock().unwrap().join("\n")
    };
    let lines = heard("[operator.x]\nsql = \"SELECT n, below FROM pack.below(TABLE numbers)\"");
    assert!(lines.contains("below is bound at Some(\"pack.below(TABLE numbers)\")"), "{lines}");
    let lines = heard("[operator.x]\ninput = \"numbers\"\nplugin = \"pack.times\"\nwith = { by = 1 }");
    assert!(lines.contains("bound at x\n") || lines.ends_with("bound at x"), "{lines}");
}

#[test]
fn the_plan_says_what_a_plugin_lets_the_engine_do() {
    let scratch = numbers(1);
    let told = |operators: &str| {
        let plan = millstream_engine::run::check(scratch.job(&job(operators)).unwrap(), Some(&runtime())).unwrap();
        format!("{:?}", plan.explain())
    };
    let above = told("[operator.x]\ninput = \"numbers\"\nplugin = \"pack.above\"");
    assert!(above.contains("plugin pack.above reads n; is not given rows with a null in these"), "{above}");
    let sums = told("[operator.x]\noutput_mode = \"complete\"\nsql = \"SELECT pack.sum(n) AS s FROM numbers\"");
    assert!(sums.contains("pack.sum reads n\""), "{sums}");
}
