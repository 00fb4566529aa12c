//! Keyed operator: how often each user has seen each page, kept in a map. A page `-x` makes it forget page `x`; a user who has
//! not come for a minute is told of, and forgotten.

use millstream_guest::prelude::*;

/// The columns.
pub struct Pages {
    at: Input<Timestamp>,
    page: Input<Utf8>,
}

/// What is kept of a user.
#[derive(Default, KeyedState)]
pub struct Seen {
    views: State<u64>,
    last: State<i64>,
    by_page: MapState<String, u64>,
}

/// A page was seen so often; or a user has left, after so many views of so many pages, of which this one had the most.
#[derive(Row)]
pub struct Told {
    at: Micros,
    page: Option<String>,
    views: u64,
    pages: Option<u64>,
}

const MINUTE: i64 = 60_000_000;

impl Keyed for Pages {
    type State = Seen;
    type Output = Told;

    fn bind(_config: &Config, input: &Schema, _key: &Fields) -> Result<(Self, KeyedOutput), Problem> {
        let bound = Self { at: input.column("at")?.timestamp()?, page: input.column("page")?.utf8()? };
        Ok((bound, KeyedOutput::of(Told::fields())))
    }

    fn needs(&self, _key: &Key, rows: &Rows, state: &Seen, wanted: &mut Wanted) -> Result<(), Failure> {
        rows.get(self.page).iter().flatten().for_each(|page| wanted.entry(&state.by_page, page));
        Ok(())
    }

    fn needs_for_timer(&self, _: &Key, _: &Timer, state: &Seen, wanted: &mut Wanted) -> Result<(), Failure> {
        wanted.all(&state.by_page);
        Ok(())
    }

    fn on_rows(
        &self,
        _key: &Key,
        rows: &Rows,
        state: &mut Seen,
        out: &mut Out<Told>,
        timers: &mut Timers,
    ) -> Result<(), Failure> {
        for (row, (at, page)) in rows.get(self.at).iter().zip(rows.get(self.page).iter()).enumerate() {
            let (Some(at), Some(page)) = (at, page) else {
                out.reject(row, "a view has a time and a page");
                continue;
            };
            let last = state.last.get().map_or(at, |last| at.max(*last));
            state.last.set(last);
            timers.set(0, last + MINUTE);
            if let Some(forgotten) = page.strip_prefix('-') {
                state.by_page.remove(forgotten);
                continue;
            }
            state.views.update(|views| *views += 1);
            let views = state.by_page.get_or_default(page)?;
            *views += 1;
            out.push(Told { at: Micros(at), page: Some(page.into()), views: *views, pages: None });
        }
        Ok(())
    }

    fn on_timer(
        &self,
        _key: &Key,
        timer: &Timer,
        state: &mut Seen,
        out: &mut Out<Told>,
        _timers: &mut Timers,
    ) -> Result<(), Failure> {
        let pages = state.by_page.all()?;
        let (most, pages) =
            pages.fold((None, 0), |(most, pages), (page, views)| (most.max(Some((*views, page.clone()))), pages + 1));
        let views = state.views.get().copied().unwrap_or(0);
        let page = most.map(|(_, page)| page);
        out.push(Told { at: Micros(timer.at), page, views, pages: Some(pages) });
        state.remove_all();
        Ok(())
    }
}

millstream_guest::keyed!(Pages);
