//! `docs/sql.md`: every example in it is run, and gives what stands there.
//!
//! A block ```` ```json NAME ```` is a table. A block ```` ```sql ```` is a one-off query over these tables; ```` ```sql job ````
//! and ```` ```sql refused [output mode] ```` are a job's query, over the same tables as streams, with all the
//! ```` ```toml job ```` blocks of the page in the job. The ```` ```text ```` block behind it holds what comes out. `MILLSTREAM_WRITE_DOCS=1` writes what came out into the page: read it before you commit it.
//!
//! What stands between two comments is written from the engine's table of functions, whose examples are run over these tables too.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};

use arrow::compute::concat_batches;
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use arrow::util::pretty::pretty_format_batches;
use millstream_engine::connector::Connectors;
use millstream_engine::job::Job;
use millstream_engine::run::{QueryTable, check, query};
use millstream_engine::sql::functions::{Example, ours, reference};

use crate::scratch::Scratch;
use crate::support::{here, runtime};

/// The page, which one test at a time reads or writes.
static PAGE: Mutex<()> = Mutex::new(());

fn page() -> (MutexGuard<'static, ()>, PathBuf, String) {
    let held = PAGE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let path = here().join("../docs/sql.md");
    let page = std::fs::read_to_string(&path).unwrap();
    (held, path, page)
}

fn writes_docs() -> bool {
    std::env::var_os("MILLSTREAM_WRITE_DOCS").is_some()
}

/// A fenced block: what stands behind the fence, its text, and its lines in the page.
#[derive(Debug, Clone)]
struct Block {
    kind: String,
    text: String,
    lines: std::ops::Range<usize>,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<(String, usize)> = None;
    for (number, line) in page.lines().enumerate() {
        let Some(kind) = line.strip_prefix("```") else { continue };
        match open.take() {
            None => open = Some((kind.to_owned(), number + 1)),
            Some((kind, from)) => {
                let text = page.lines().skip(from).take(number - from).collect::<Vec<_>>().join("\n");
                found.push(Block { kind, text, lines: from..number });
            }
        }
    }
    found
}

/// What the sources of the page are in a job.
const SOURCES: &str = r#"
name = "docs"
[source.events]
path = "events.jsonl"
format = "json"
schema = { id = "int64", user = "utf8", url = "utf8", ts = "timestamp", bytes = "int64", tags = "list<utf8>", info = "utf8" }
event_time = "ts"
watermark = "10 seconds"
[source.purchases]
path = "purchases.jsonl"
format = "json"
schema = { buyer = "utf8", at = "timestamp", amount = "float64" }
event_time = "at"
watermark = "10 seconds"
"#;

/// The job of one query; `tables` are further tables of the job file.
fn job(tables: &str, sql: &str, mode: &str) -> String {
    let mode = if mode.is_empty() { String::new() } else { format!("output_mode = \"{mode}\"\n") };
    let sink = "[sink.out]\ninput = \"x\"\nconnector = \"memory\"\n";
    // Plugins are named as they are from the folder of the project.
    let plugins = here().join("../plugins");
    let tables = tables.replace("\"plugins/", &format!("\"{}/", plugins.display()));
    format!("final_watermark = true\n{SOURCES}{tables}\n[operator.x]\nsql = '''{sql}'''\n{mode}{sink}")
}

fn refused(scratch: &Scratch, text: &str) -> String {
    let job = Job::parse(text, std::path::Path::new("job.toml"), scratch.path(), &Connectors::built_in().keys(), &[]);
    match job.and_then(|job| check(job, Some(&runtime())).map(|_| ())) {
        Ok(()) => "(it was not refused)".to_owned(),
        Err(e) => {
            let help = e.help().map_or(String::new(), |help| format!("\nhelp: {help}"));
            format!("{}{help}", e.message())
        }
    }
}

fn of_job(scratch: &Scratch, text: &str) -> String {
    match scratch.run(text) {
        Ok(ran) => {
            let batches = ran.tables.table("out").snapshot().unwrap();
            in_order(&concat_batches(batches[0].schema_ref(), &batches).unwrap(), false)
        }
        Err(e) => format!("error: {}", e.message()),
    }
}

fn answer(scratch: &Scratch, sql: &str, tables: &[QueryTable]) -> String {
    match query(sql, tables, scratch.path()) {
        Ok(answer) => in_order(&answer.batch, sql.to_uppercase().contains("ORDER BY")),
        Err(e) => format!("error: {}", e.message()),
    }
}

/// The rows as a table, in an order that does not depend on where they were kept.
fn in_order(batch: &RecordBatch, ordered: bool) -> String {
    let table = pretty_format_batches(std::slice::from_ref(batch)).unwrap().to_string();
    let mut lines: Vec<&str> = table.lines().collect();
    if !ordered && lines.len() > 4 {
        let last = lines.len() - 1;
        lines[3..last].sort_unstable();
    }
    lines.join("\n")
}

/// The tables of the page.
fn tables(scratch: &Scratch, blocks: &[Block]) -> Vec<QueryTable> {
    let mut tables = Vec::new();
    for block in blocks {
        if block.kind.starts_with("csv ") {
            scratch.write(&format!("{}.csv", &block.kind[4..]), format!("{}\n", block.text));
        }
        if let Some(name) = block.kind.strip_prefix("json ") {
            let file = scratch.write(&format!("{name}.jsonl"), format!("{}\n", block.text));
            tables.push(QueryTable::new(name, file));
        }
    }
    tables
}

#[test]
fn every_example_gives_what_stands_there() {
    let (_held, path, page) = page();
    let blocks = blocks(&page);
    let scratch = Scratch::new();
    let tables = tables(&scratch, &blocks);
    let of_jobs = blocks.iter().filter(|b| b.kind == "toml job").map(|b| b.text.as_str());
    let of_jobs = of_jobs.collect::<Vec<_>>().join("\n");
    let (mut wrong, mut examples) = (Vec::new(), 0);
    let mut lines: Vec<String> = page.lines().map(str::to_owned).collect();
    for pair in blocks.windows(2).rev() {
        let (asked, told) = (&pair[0], &pair[1]);
        let Some(how) = asked.kind.strip_prefix("sql") else { continue };
        assert_eq!(told.kind, "text", "docs/sql.md, line {}: no answer behind the query", asked.lines.start);
        let have = match how.trim().split_once(' ').unwrap_or((how.trim(), "")) {
            ("refused", mode) => refused(&scratch, &job(&of_jobs, &asked.text, mode)),
            ("job", mode) => of_job(&scratch, &job(&of_jobs, &asked.text, mode)),
            _ => answer(&scratch, &asked.text, &tables),
        };
        examples += 1;
        if have != told.text {
            wrong.push(format!("line {}: {}\ngives\n{have}\nand not\n{}", asked.lines.start, asked.text, told.text));
            lines.splice(told.lines.clone(), have.lines().map(str::to_owned));
        }
    }
    assert!(examples > 15, "only {examples} examples were found");
    if writes_docs() {
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
        return;
    }
    assert!(wrong.is_empty(), "docs/sql.md: {}", wrong.join("\n\n"));
}

/// What an example of a function gives, in one line.
fn in_a_line(scratch: &Scratch, example: &Example, tables: &[QueryTable]) -> String {
    let batch = match query(&format!("SELECT {}", example.sql), tables, scratch.path()) {
        Ok(answer) => answer.batch,
        Err(e) => return format!("error: {}", e.message()),
    };
    assert_eq!(batch.num_columns(), 1, "SELECT {}", example.sql);
    let options = FormatOptions::default().with_null("null");
    let values = ArrayFormatter::try_new(batch.column(0), &options).unwrap();
    (0..batch.num_rows()).map(|row| values.value(row).to_string()).collect::<Vec<_>>().join(", ")
}

#[test]
fn functions_give_what_their_examples_say() {
    let (_held, _, page) = page();
    let scratch = Scratch::new();
    let tables = tables(&scratch, &blocks(&page));
    let mut wrong = Vec::new();
    for example in ours().map(|function| &function.example) {
        let gives = in_a_line(&scratch, example, &tables);
        if gives != example.answer {
            wrong.push(format!("SELECT {}\ngives {gives}\nand not {}", example.sql, example.answer));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_page_shows_the_table_of_functions() {
    const MARKS: [&str; 2] = ["<!-- functions: MILLSTREAM_WRITE_DOCS=1 writes them -->\n", "<!-- functions end -->"];
    let (_held, path, page) = page();
    let (before, rest) = page.split_once(MARKS[0]).expect("the page has a place for functions");
    let (there, behind) = rest.split_once(MARKS[1]).expect("the place for functions ends");
    let section = format!("\n{}\n", reference::section());
    if writes_docs() {
        let page = [before, MARKS[0], &section, MARKS[1], behind].concat();
        std::fs::write(&path, page).unwrap();
        return;
    }
    assert_eq!(there, section, "docs/sql.md: MILLSTREAM_WRITE_DOCS=1 writes it");
}
