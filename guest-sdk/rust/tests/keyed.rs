//! Keyed operators: states, timers, refused and late rows, and what the testing driver does with them.

use millstream_guest::{
    prelude::*,
    testing::{self, KeyedJob, Table},
};

/// Does what its rows say, and keeps what they set: `keep N`, `forget`, `look`, `at N` (a timer), `in N` (one by processing
/// time), `many N` (timers), `clear`, `refuse`, `late`, `fail`, `wrong` (a row that does not fit its column).
struct Obeys {
    says: Input<Utf8>,
    fields: usize,
}

impl Keyed for Obeys {
    type State = i64;
    type Output = Values;

    const STATE_VERSION: u32 = 2;

    fn bind(config: &Config, input: &Schema, key: &Fields) -> Result<(Self, KeyedOutput), Problem> {
        assert_eq!(key.iter().count(), 1);
        let mut output = KeyedOutput::of(Fields::new().int8("value").timestamp("time").utf8("what")).event_time("time");
        if config.get_or("keep_timers", false)? {
            output = output.keep_timers();
        }
        if config.get_or("aside", false)? {
            output = output.late_rows_aside().rows_by_event_time();
        }
        if let Some(micros) = config.optional::<u64>("ttl")? {
            output = output.time_to_live(Clock::EventTime, micros);
        }
        Ok((Self { says: input.column("says")?.utf8()?, fields: 3 }, output))
    }

    fn on_rows(
        &self,
        key: &Key,
        rows: &Rows,
        state: &mut State<i64>,
        out: &mut Out<Values>,
        timers: &mut Timers,
    ) -> Result<(), Failure> {
        for (row, says) in rows.get(self.says).iter().enumerate() {
            let (word, number) = says.unwrap_or_default().split_once(' ').unwrap_or((says.unwrap_or_default(), "0"));
            let number: i64 = number.parse().at_row(row)?;
            match word {
                "keep" => state.set(number),
                "add" => state.update(|value| *value += number),
                "forget" => state.remove(),
                "at" => timers.set(number as u32 % 10, number),
                "in" => timers.set_by(Clock::ProcessingTime, number as u32 % 10, number),
                "clear" => timers.clear(number as u32 % 10),
                "many" => (0..number).for_each(|tag| timers.set(10 + tag as u32, 1_000_000)),
                "refuse" => out.reject(row, format!("{key} refuses")),
                "late" => out.late(row),
                "fail" => Err("it fails").at_row(row)?,
                "wrong" => out.push(Values(vec![300.into(), Value::Null, Value::Null])),
                _ => out.push(self.values(state, timers.watermark(), "row")),
            }
        }
        Ok(())
    }

    fn on_timer(
        &self,
        _key: &Key,
        timer: &Timer,
        state: &mut State<i64>,
        out: &mut Out<Values>,
        timers: &mut Timers,
    ) -> Result<(), Failure> {
        out.push(self.values(state, None, &format!("{:?} {} at {}", timer.clock, timer.tag, timer.at)));
        match timer.tag {
            6 => return Err("six fails".into()),
            7 => timers.set(8, timer.at - 5),
            9 => state.remove(),
            _ => state.update(|value| *value += 1),
        }
        Ok(())
    }

    fn migrate(&self, from_version: u32, stored: &[u8]) -> Result<i64, Failure> {
        match from_version {
            1 => Ok(Encoded::<String>::from_bytes(stored)?.parse()?),
            other => Err(format!("version {other}").into()),
        }
    }
}

impl Obeys {
    fn values(&self, state: &State<i64>, time: Option<i64>, what: &str) -> Values {
        let time = time.map_or(Value::Null, Value::from);
        let values = vec![state.get().copied().into(), time, what.into()];
        assert_eq!(values.len(), self.fields);
        Values(values)
    }
}

millstream_guest::keyed!(Obeys);

fn table(rows: &[(&str, &str)]) -> Table {
    let table =
        Table::new().utf8("user", rows.iter().map(|(user, _)| if user.is_empty() { None } else { Some(*user) }));
    table.utf8("says", rows.iter().map(|(_, says)| *says))
}

fn job(config: &str) -> KeyedJob {
    testing::keyed::<Obeys>(config, &["user"], &table(&[])).expect("it binds")
}

fn texts(table: &Table) -> Vec<String> {
    (0..table.rows()).map(|row| table.row(row).iter().map(Value::to_string).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn states_are_kept_by_key_and_a_null_is_a_key() {
    let mut job = job("{}");
    let came = job.rows(&table(&[("ann", "keep 3"), ("", "keep 4"), ("ann", "look"), ("bob", "look")])).unwrap();
    assert_eq!(texts(&came.table), ["`ann` 3 null `row`", "`bob` null null `row`"]);
    assert_eq!((job.state::<i64>(&[Value::Null]), job.states()), (Some(4), 2));
    job.rows(&table(&[("ann", "forget"), ("", "add 5")])).unwrap();
    assert_eq!((job.state::<i64>(&["ann".into()]), job.state::<i64>(&[Value::Null])), (None, Some(9)));
}

#[test]
fn timers_fire_once_by_time_then_key() {
    let mut job = job("{}");
    let rows =
        [("bob", "at 20"), ("ann", "at 20"), ("ann", "at 11"), ("ann", "at 31"), ("eve", "at 12"), ("eve", "clear 2")];
    assert_eq!(job.rows(&table(&rows)).unwrap().table.rows(), 0);
    // Moved: the one at 11 by 31, before it fires.
    let came = job.watermark(20).unwrap();
    assert_eq!(texts(&came.table), ["`ann` null 20 `EventTime 0 at 20`", "`bob` null 20 `EventTime 0 at 20`"]);
    assert_eq!(job.watermark(30).unwrap().table.rows(), 0);
    assert_eq!(texts(&job.watermark(31).unwrap().table), ["`ann` 1 31 `EventTime 1 at 31`"]);
}

#[test]
fn what_is_set_in_the_past_fires_in_the_next_epoch() {
    let mut job = job("{}");
    job.watermark(100).unwrap();
    assert_eq!(job.rows(&table(&[("ann", "at 57")])).unwrap().table.rows(), 0);
    let came = job.rows(&table(&[])).unwrap();
    assert_eq!(texts(&came.table), ["`ann` null 57 `EventTime 7 at 57`"]);
    assert_eq!(texts(&job.rows(&table(&[])).unwrap().table), ["`ann` null 52 `EventTime 8 at 52`"]);
    assert_eq!(job.rows(&table(&[])).unwrap().table.rows(), 0);
}

#[test]
fn removing_a_state_clears_its_timers_but_those_set_with_it() {
    let rows = [("ann", "keep 1"), ("ann", "at 11"), ("bob", "at 12")];
    for (config, left) in [("{}", vec![13]), (r#"{"keep_timers": true}"#, vec![11, 13])] {
        let mut job = job(config);
        job.rows(&table(&rows)).unwrap();
        job.rows(&table(&[("ann", "forget"), ("ann", "at 13")])).unwrap();
        let at: Vec<_> = job.timers(&["ann".into()]).iter().map(|timer| timer.at).collect();
        assert_eq!(at, left);
        assert_eq!(job.timers(&["bob".into()]).len(), 1);
    }
}

#[test]
fn rows_may_clear_what_is_due_and_processing_time_has_timers_of_its_own() {
    let mut job = job("{}");
    job.rows(&table(&[("ann", "at 11"), ("ann", "in 11"), ("ann", "keep 5")])).unwrap();
    assert_eq!(job.epoch(&table(&[("ann", "clear 1")]), 50).unwrap().table.rows(), 0);
    assert_eq!(texts(&job.now(11).unwrap().table), ["`ann` 5 11 `ProcessingTime 1 at 11`"]);
}

#[test]
fn rows_are_refused_or_late_one_by_one() {
    let mut job = job("{}");
    let rows = [("ann", "keep 1"), ("bob", "late"), ("ann", "refuse"), ("bob", "refuse"), ("bob", "late")];
    let came = job.rows(&table(&rows)).unwrap();
    assert_eq!(came.rejects, [(2, "`ann` refuses".into()), (3, "`bob` refuses".into())]);
    assert_eq!(came.late, table(&[("bob", "late"), ("bob", "late")]));
}

#[test]
fn a_key_that_fails_is_refused_alone() {
    for (says, why) in
        [("fail", "it fails"), ("keep x", "invalid digit found in string"), ("wrong", "300 does not fit int8")]
    {
        let mut job = job("{}");
        job.rows(&table(&[("ann", "keep 1"), ("ann", "at 11")])).unwrap();
        let rows = [("bob", "add 2"), ("ann", "forget"), ("bob", "look"), ("ann", says), ("bob", "refuse")];
        let came = job.rows(&table(&rows)).unwrap();
        assert_eq!(came.rejects, [(1, why.into()), (3, why.into()), (4, "`bob` refuses".into())]);
        assert_eq!(texts(&came.table), ["`bob` 2 null `row`"]);
        // Its state and its timer are as they were.
        assert_eq!(job.state::<i64>(&["ann".into()]), Some(1));
        assert_eq!(job.timers(&["ann".into()]).len(), 1);
        // In several calls a key is still one piece of work.
        let mut job = self::job("{}").rows_per_call(1);
        let came = job.rows(&table(&[("ann", "keep 1"), ("bob", "keep 2"), ("ann", says)])).unwrap();
        assert_eq!((came.rejects.len(), job.state::<i64>(&["ann".into()]), job.states()), (2, None, 1));
    }
}

#[test]
fn what_is_kept_of_a_key_has_the_limits_of_a_job() {
    let mut job = job("{}");
    let outcome = job.rows(&table(&[("ann", "keep 1"), ("ann", "many 100001"), ("bob", "many 100000")])).unwrap();
    let why = "it set timers until their key had 100001; at most 100000 are kept".to_owned();
    assert_eq!(outcome.rejects, [(0, why.clone()), (1, why)]);
    assert_eq!(job.state::<i64>(&["ann".into()]), None);
    assert_eq!((job.timers(&["ann".into()]).len(), job.timers(&["bob".into()]).len()), (0, 100_000));
}

#[test]
fn timers_that_fail_are_gone_and_those_of_others_are_not_touched() {
    let mut job = job("{}");
    job.rows(&table(&[("ann", "at 16"), ("ann", "keep 1"), ("bob", "at 21"), ("ann", "at 22")])).unwrap();
    let came = job.watermark(30).unwrap();
    assert_eq!(texts(&came.table), ["`bob` null 21 `EventTime 1 at 21`"]);
    let timer = |tag, at| (vec!["ann".into()], Timer { clock: Clock::EventTime, tag, at }, "six fails".to_string());
    assert_eq!(came.failed_timers, [timer(6, 16), timer(2, 22)]);
    assert_eq!((job.state::<i64>(&["ann".into()]), job.timers(&["ann".into()])), (Some(1), vec![]));
    assert_eq!(job.watermark(40).unwrap().failed_timers, []);
}

#[test]
fn late_rows_go_aside_and_the_others_come_by_event_time() {
    let rows = table(&[("ann", "keep 1"), ("ann", "keep 2"), ("ann", "keep 3")]).timestamp("at", [30, 20, 10]);
    let mut job = testing::keyed::<Obeys>(r#"{"aside": true}"#, &["user"], &rows).unwrap().event_time("at");
    let came = job.epoch(&rows, 10).unwrap();
    assert_eq!(came.late, rows.take(&[2]));
    assert_eq!(job.state::<i64>(&["ann".into()]), Some(1));
}

#[test]
fn a_state_that_nobody_changes_goes_after_its_time() {
    let mut job = job(r#"{"ttl": 10}"#);
    job.epoch(&table(&[("ann", "keep 1"), ("bob", "keep 1"), ("bob", "at 99")]), 100).unwrap();
    job.epoch(&table(&[("ann", "add 1"), ("bob", "add 0")]), 105).unwrap();
    job.watermark(110).unwrap();
    assert_eq!((job.states(), job.state::<i64>(&["ann".into()])), (1, Some(2)));
    job.watermark(115).unwrap();
    assert_eq!(job.states(), 0);
}

#[test]
fn states_of_another_version_are_migrated_or_refused() {
    let mut job = job("{}");
    job.stored_by_version(1, &["ann".into()], &"41").unwrap();
    job.rows(&table(&[("ann", "add 1")])).unwrap();
    assert_eq!(job.state::<i64>(&["ann".into()]), Some(42));
    assert_eq!(job.stored_by_version(3, &["ann".into()], &"41").unwrap_err().to_string(), "call: version 3");
    let wrong = job.stored_by_version(1, &["ann".into()], &[1.5]).unwrap_err().to_string();
    assert!(wrong.starts_with("call: a stored state is no alloc::string::String"), "{wrong}");
}

#[test]
fn a_key_that_would_not_come_out_is_refused() {
    let input = Table::new().utf8("what", ["ann"]).utf8("says", ["look"]);
    let error = testing::keyed::<Obeys>("{}", &["what"], &input).err().expect("two columns of one name").to_string();
    assert!(error.contains("it makes a column `what`, and the key has one of that name"), "{error}");
}

#[test]
fn an_event_time_that_is_no_column_is_refused() {
    struct Wrong;

    impl Keyed for Wrong {
        type State = ();
        type Output = i64;

        fn bind(_config: &Config, _input: &Schema, _key: &Fields) -> Result<(Self, KeyedOutput), Problem> {
            Ok((Self, KeyedOutput::of(Fields::new().int64("n")).event_time("at")))
        }

        fn on_rows(
            &self,
            _key: &Key,
            _rows: &Rows,
            _state: &mut State<()>,
            _out: &mut Out<i64>,
            _timers: &mut Timers,
        ) -> Result<(), Failure> {
            Ok(())
        }
    }

    let refused = testing::keyed::<Wrong>("{}", &["user"], &table(&[])).err().unwrap().to_string();
    assert_eq!(refused, "bind: the output has no column `at` to be its event time");
}
