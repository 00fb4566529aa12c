//! Keyed operators with several values and maps: entries are asked for, fetched and stored one by one.

use std::collections::BTreeMap;

use millstream_guest::{
    operator::StateVisitor,
    prelude::*,
    testing::{self, KeyedJob, Table},
};

/// What is kept of a user.
#[derive(Default, KeyedState)]
struct Seen {
    views: State<u64>,
    #[state(rename = "by-page")]
    by_page: MapState<String, u64>,
    pairs: MapState<(i64, Option<bool>), String>,
    last: State<String>,
}

/// Does what its rows say: `view P`, `get P`, `set P`, `blind P` (sets without having asked), `unset P`, `list`, `sum` (all
/// entries, which it asks for), `clear`, `pair N`, `forget`, `unlast`, `at N`, `fail`.
struct Obeys {
    says: Input<Utf8>,
    asks: bool,
}

fn words(says: Option<&str>) -> (&str, &str) {
    let says = says.unwrap_or_default();
    says.split_once(' ').unwrap_or((says, ""))
}

impl Keyed for Obeys {
    type State = Seen;
    type Output = String;

    const STATE_VERSION: u32 = 3;

    fn bind(config: &Config, input: &Schema, _key: &Fields) -> Result<(Self, KeyedOutput), Problem> {
        let mut output = KeyedOutput::of(Fields::new().utf8("said"));
        if let Some(micros) = config.optional::<u64>("ttl")? {
            output = output.time_to_live(Clock::EventTime, micros);
        }
        Ok((Self { says: input.column("says")?.utf8()?, asks: config.get_or("asks", true)? }, output))
    }

    fn needs(&self, _key: &Key, rows: &Rows, state: &Seen, wanted: &mut Wanted) -> Result<(), Failure> {
        for says in rows.get(self.says).iter().filter(|_| self.asks) {
            match words(says) {
                ("view" | "get" | "unset", page) => wanted.entry(&state.by_page, page),
                ("again", _) => state.last.get().into_iter().for_each(|page| wanted.entry(&state.by_page, page)),
                ("sum" | "clear", _) => wanted.all(&state.by_page),
                ("pair", n) => wanted.entry(&state.pairs, &(n.parse()?, None)),
                _ => {}
            }
        }
        Ok(())
    }

    fn needs_for_timer(&self, _: &Key, timer: &Timer, state: &Seen, wanted: &mut Wanted) -> Result<(), Failure> {
        wanted.entry(&state.by_page, &format!("p{}", timer.tag));
        Ok(())
    }

    fn on_rows(
        &self,
        _key: &Key,
        rows: &Rows,
        state: &mut Seen,
        out: &mut Out<String>,
        timers: &mut Timers,
    ) -> Result<(), Failure> {
        for says in rows.get(self.says).iter() {
            let (word, page) = words(says);
            match word {
                "view" => {
                    state.views.update(|views| *views += 1);
                    *state.by_page.get_or_default(page)? += 1;
                    state.last.set(page.into());
                }
                "again" => *state.by_page.get_or_default(&state.last.get().cloned().unwrap_or_default())? += 1,
                "get" => {
                    out.push(format!("{page} {:?} {}", state.by_page.get(page)?, state.by_page.contains_key(page)?))
                }
                "set" | "blind" => state.by_page.insert(page.into(), 100),
                "unset" => state.by_page.remove(page),
                "list" => out.push(format!("{:?}", state.by_page.iter().collect::<Vec<_>>())),
                "sum" => out.push(state.by_page.all()?.map(|(_, n)| n).sum::<u64>().to_string()),
                "clear" => state.by_page.clear()?,
                "pair" => {
                    let text = state.pairs.get_or_insert_with(&(page.parse()?, None), || page.into())?;
                    text.push('!');
                }
                "forget" => state.remove_all(),
                "unlast" => state.last.remove(),
                "at" => timers.set(page.parse()?, page.parse()?),
                _ => return Err("it fails".into()),
            }
        }
        Ok(())
    }

    fn on_timer(
        &self,
        _key: &Key,
        timer: &Timer,
        state: &mut Seen,
        out: &mut Out<String>,
        _timers: &mut Timers,
    ) -> Result<(), Failure> {
        out.push(format!("{:?}", state.by_page.get(&format!("p{}", timer.tag))?));
        Ok(())
    }

    fn migrate(&self, from_version: u32, stored: &StoredValues) -> Result<Seen, Failure> {
        if from_version == 1 {
            let last = stored.get::<String>("page")?.map(State::of).unwrap_or_default();
            return Ok(Seen {
                views: State::of(stored.get::<u32>("views")?.unwrap_or(0).into()),
                last,
                ..Seen::default()
            });
        }
        let mut state = Seen::default();
        state.by_page.insert("p".into(), 1);
        Ok(state)
    }
}

millstream_guest::keyed!(Obeys);

fn table(rows: &[(&str, &str)]) -> Table {
    Table::new().utf8("user", rows.iter().map(|(user, _)| *user)).utf8("says", rows.iter().map(|(_, says)| *says))
}

fn job(config: &str) -> KeyedJob {
    testing::keyed::<Obeys>(config, &["user"], &table(&[])).expect("it binds")
}

fn ann(says: &[&str]) -> Table {
    table(&says.iter().map(|says| ("ann", *says)).collect::<Vec<_>>())
}

fn said(table: &Table) -> Vec<String> {
    (0..table.rows()).map(|row| table.row(row)[1].to_string().trim_matches('`').to_owned()).collect()
}

fn pages(job: &KeyedJob, user: &str) -> BTreeMap<String, u64> {
    job.entries("by-page", &[user.into()])
}

#[test]
fn entries_are_fetched_and_stored_one_by_one() {
    let mut job = job("{}");
    job.rows(&table(&[("ann", "view a"), ("bob", "view a"), ("ann", "view b"), ("ann", "view a")])).unwrap();
    assert_eq!(pages(&job, "ann"), [("a".into(), 2), ("b".into(), 1)].into());
    assert_eq!(pages(&job, "bob"), [("a".into(), 1)].into());
    assert_eq!(job.value::<u64>("views", &["ann".into()]), Some(3));
    let came =
        job.rows(&ann(&["get a", "get c", "list", "view a", "again", "list", "unset a", "get a", "list"])).unwrap();
    assert_eq!(
        said(&came.table),
        ["a Some(2) true", "c None false", r#"[("a", 2)]"#, r#"[("a", 4)]"#, "a None false", "[]"]
    );
    assert_eq!(pages(&job, "ann"), [("b".into(), 1)].into());
    job.rows(&ann(&["pair 7", "pair -7"])).unwrap();
    job.rows(&ann(&["pair 7"])).unwrap();
    let pairs = [((-7, None), "-7!".to_owned()), ((7, None), "7!!".to_owned())];
    assert_eq!(job.entries::<(i64, Option<bool>), String>("pairs", &["ann".into()]), pairs.into());
}

#[test]
fn what_was_not_asked_for_is_an_error_and_needs_no_asking_to_be_set() {
    let mut job = job(r#"{"asks": false}"#);
    let what = "an entry of `by-page` is looked at that `needs` did not ask for";
    for says in ["get a", "view a"] {
        assert_eq!(job.rows(&ann(&["at 9", says])).unwrap().rejects, [(0, what.into()), (1, what.into())]);
    }
    let what = "all entries of `by-page` are looked at, and `needs` did not ask for all";
    assert_eq!(job.rows(&ann(&["sum"])).unwrap().rejects, [(0, what.into())]);
    assert_eq!(job.rows(&ann(&["clear"])).unwrap().rejects, [(0, what.into())]);
    // What the call has set it may look at.
    assert_eq!(said(&job.rows(&ann(&["blind a", "get a", "blind b"])).unwrap().table), ["a Some(100) true"]);
    assert_eq!(said(&job.rows(&ann(&["unset a", "get a"])).unwrap().table), ["a None false"]);
    assert_eq!(pages(&job, "ann"), [("b".into(), 100)].into());
}

#[test]
fn entries_have_the_limits_of_a_job() {
    let mut job = job("{}");
    let long = format!("set {}", "x".repeat(64 << 10));
    let outcome = job.rows(&ann(&["set a", &long])).unwrap();
    let why = "an entry of `by-page` has 65541 bytes for its own key; at most 64 KiB are kept".to_owned();
    assert_eq!(outcome.rejects, [(0, why.clone()), (1, why)]);
}

#[test]
fn all_entries_of_a_key_can_be_asked_for_and_there_may_be_none() {
    let mut job = job("{}");
    assert_eq!(said(&job.rows(&ann(&["sum", "get zz", "set a", "sum"])).unwrap().table), ["0", "zz None false", "100"]);
    job.rows(&table(&[("ann", "view b"), ("bob", "view c")])).unwrap();
    let came = job.rows(&table(&[("bob", "sum"), ("ann", "sum"), ("ann", "list"), ("ann", "get a")])).unwrap();
    assert_eq!(said(&came.table), ["1", "101", r#"[("a", 100), ("b", 1)]"#, "a Some(100) true"]);
    assert_eq!(said(&job.rows(&ann(&["clear", "view b", "sum"])).unwrap().table), ["1"]);
    assert_eq!(pages(&job, "ann"), [("b".into(), 1)].into());
}

#[test]
fn a_value_goes_alone_and_all_goes_with_timers() {
    let mut job = job("{}");
    job.rows(&ann(&["view a", "view b", "at 9", "unlast"])).unwrap();
    assert_eq!(job.value::<String>("last", &["ann".into()]), None);
    assert_eq!((job.value::<u64>("views", &["ann".into()]), job.timers(&["ann".into()]).len()), (Some(2), 1));
    job.rows(&ann(&["forget", "view a", "sum", "at 8"])).unwrap();
    assert_eq!((pages(&job, "ann"), job.value::<u64>("views", &["ann".into()])), ([("a".into(), 1)].into(), Some(1)));
    assert_eq!(job.timers(&["ann".into()]).iter().map(|timer| timer.at).collect::<Vec<_>>(), [8]);
    job.rows(&ann(&["forget"])).unwrap();
    assert_eq!((job.states(), job.timers(&["ann".into()]).len()), (0, 0));
}

#[test]
fn timers_ask_too_and_many_rows_come_in_several_calls() {
    let rows = ann(&["view p9", "view p9", "at 9", "at 8", "get p9", "sum"]);
    for mut job in [job("{}"), job("{}").rows_per_call(1), job("{}").rows_per_call(4)] {
        assert_eq!(said(&job.rows(&rows).unwrap().table), ["p9 Some(2) true", "2"]);
        assert_eq!(said(&job.watermark(10).unwrap().table), ["None", "Some(2)"]);
    }
}

#[test]
fn entries_go_when_nobody_has_changed_the_key_for_long() {
    let mut job = job(r#"{"ttl": 10}"#);
    job.epoch(&table(&[("ann", "blind a"), ("bob", "view a")]), 100).unwrap();
    job.epoch(&table(&[("ann", "blind b"), ("bob", "get a")]), 105).unwrap();
    job.watermark(110).unwrap();
    assert_eq!((pages(&job, "ann").len(), pages(&job, "bob").len()), (2, 0));
    job.watermark(115).unwrap();
    assert_eq!(job.states(), 0);
}

#[test]
fn values_of_an_older_version_are_migrated_by_their_names() {
    let mut job = job("{}");
    let bytes = |n: u32| Encoded(n).to_bytes().unwrap();
    let ann = ["ann".into()];
    job.values_stored_by_version(1, &ann, &[("views", bytes(7)), ("page", Encoded("a").to_bytes().unwrap())]).unwrap();
    assert_eq!((job.value::<u64>("views", &ann), job.value::<String>("last", &ann)), (Some(7), Some("a".into())));
    let wrong = job.values_stored_by_version(1, &ann, &[("view", bytes(7))]).unwrap_err().to_string();
    assert_eq!(wrong, "call: the stored states have no value `page`, but `view`");
    let wrong = job.values_stored_by_version(2, &ann, &[("views", bytes(7))]).unwrap_err().to_string();
    assert_eq!(wrong, "call: `migrate` set entries of `by-page`; maps stay as they are");
}

/// A state whose fields are told by hand.
#[derive(Default)]
struct ByHand {
    n: State<u64>,
    map: MapState<u8, u8>,
}

impl millstream_guest::StateFields for ByHand {
    fn visit<V: StateVisitor>(&mut self, visitor: &mut V) -> Result<(), Failure> {
        visitor.value("n", &mut self.n)?;
        visitor.map("map", &mut self.map)
    }
}

impl KeyedState for ByHand {
    type Handle = Self;
    type Stored<'a> = &'a StoredValues<'a>;

    fn stored<'a>(values: &'a StoredValues<'a>) -> Result<Option<&'a StoredValues<'a>>, Failure> {
        Ok(Some(values))
    }

    fn into_handle(self) -> Self {
        self
    }
}

#[test]
fn a_state_can_be_told_by_hand() {
    struct Counts;

    impl Keyed for Counts {
        type State = ByHand;
        type Output = u64;

        fn bind(_config: &Config, _input: &Schema, _key: &Fields) -> Result<(Self, KeyedOutput), Problem> {
            Ok((Self, KeyedOutput::of(Fields::new().uint64("n"))))
        }

        fn on_rows(
            &self,
            _key: &Key,
            rows: &Rows,
            state: &mut ByHand,
            out: &mut Out<u64>,
            _timers: &mut Timers,
        ) -> Result<(), Failure> {
            state.map.insert(rows.len() as u8, 1);
            out.push(state.n.update(|n| {
                *n += rows.len() as u64;
                *n
            }));
            Ok(())
        }
    }

    let mut job = testing::keyed::<Counts>("{}", &["user"], &table(&[])).unwrap();
    job.rows(&table(&[("ann", ""), ("ann", "")])).unwrap();
    job.rows(&table(&[("ann", "")])).unwrap();
    assert_eq!(job.value::<u64>("n", &["ann".into()]), Some(3));
    assert_eq!(job.entries::<u8, u8>("map", &["ann".into()]).into_keys().collect::<Vec<_>>(), [1, 2]);
}
