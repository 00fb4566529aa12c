//! What the versions of the plugin `fraud-rules` have in common: the rules, the columns and the alerts. They differ in how a
//! card's amounts become what it usually pays: in their [`Mean`].
//!
//! What a card has done weighs less the longer ago it is, by half for each half-life: so a card is a handful of numbers,
//! however often it pays, and a timer forgets it when it has not paid for long.

use std::marker::PhantomData;

use millstream_guest::prelude::*;
use serde::{Deserialize, Serialize};

/// How amounts become one that is usual: each is made a number, and what is usual is made of the mean of these numbers.
pub trait Mean: 'static {
    /// The version of a [`Card`] whose `sum` is a sum of these numbers.
    const STATE_VERSION: u32;

    /// What an amount adds to `sum`.
    fn number(amount: f64) -> f64;

    /// The amount whose number is `mean`.
    fn amount(mean: f64) -> f64;

    /// A card as an older version has stored it.
    ///
    /// # Errors
    /// If it cannot be carried over.
    fn migrate(from_version: u32, _card: Card) -> Result<Card, Failure> {
        Err(format!("cards of version {from_version} are unknown").into())
    }
}

/// The rules and the columns; `carry` are those that an alert tells beside its own.
pub struct FraudRules<M> {
    mean: PhantomData<M>,
    rules: Rules,
    time: Input<Timestamp>,
    amount: Input<Number>,
    carry: Vec<Input<Utf8>>,
}

#[derive(Deserialize)]
#[serde(default)]
struct Rules {
    time: String,
    amount: String,
    carry: Vec<String>,
    most_recent: f64,
    recent_half_life_seconds: f64,
    most_times_usual: f64,
    usual_half_life_seconds: f64,
    learnt_from: f64,
    forget_after_seconds: u32,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            time: "at".into(),
            amount: "amount".into(),
            carry: Vec::new(),
            most_recent: 5.0,
            recent_half_life_seconds: 60.0,
            most_times_usual: 20.0,
            usual_half_life_seconds: 7.0 * 86_400.0,
            learnt_from: 3.0,
            forget_after_seconds: 30 * 86_400,
        }
    }
}

/// What is known of a card. `recent`, `weight` and `sum` lose half of themselves in a half-life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// The latest payment, in microseconds.
    pub last: i64,
    /// Payments not long ago.
    pub recent: f64,
    /// Payments, for what is usual.
    pub weight: f64,
    /// The sum of their amounts, or of what the version's [`Mean`] makes of them.
    pub sum: f64,
}

impl Card {
    /// What it usually pays, if anything is known of it.
    fn usual<M: Mean>(&self) -> Option<f64> {
        (self.weight > 0.0).then(|| M::amount(self.sum / self.weight))
    }
}

impl Rules {
    /// The card at a payment; which rule it breaks.
    fn judge<M: Mean>(&self, card: &mut Card, at: i64, amount: f64) -> Option<&'static str> {
        // One that comes out of order counts as if it had come at the time of the last.
        let seconds = at.saturating_sub(card.last).max(0) as f64 / 1e6;
        let left = |half_life: f64| (-seconds / half_life).exp2();
        card.recent = card.recent * left(self.recent_half_life_seconds) + 1.0;
        card.weight *= left(self.usual_half_life_seconds);
        card.sum *= left(self.usual_half_life_seconds);
        card.last = card.last.max(at);
        let is_large = |usual| card.weight >= self.learnt_from && amount > self.most_times_usual * usual;
        if card.usual::<M>().is_some_and(is_large) {
            // Not learnt: a large fraud would make the next one usual.
            return Some("amount");
        }
        card.weight += 1.0;
        card.sum += M::number(amount);
        (card.recent > self.most_recent).then_some("velocity")
    }
}

impl<M: Mean> Keyed for FraudRules<M> {
    type State = Card;
    type Output = Values;

    const STATE_VERSION: u32 = M::STATE_VERSION;

    fn bind(config: &Config, input: &Schema, _key: &Fields) -> Result<(Self, KeyedOutput), Problem> {
        let rules: Rules = config.parse()?;
        for (key, life) in [
            ("recent_half_life_seconds", rules.recent_half_life_seconds),
            ("usual_half_life_seconds", rules.usual_half_life_seconds),
        ] {
            if life.is_nan() || life <= 0.0 {
                return Err(Problem::with_key(key, "a half-life is longer than 0"));
            }
        }
        let carry = rules.carry.iter().map(|name| input.column(name)?.utf8()).collect::<Result<_, _>>()?;
        let (time, amount) = (input.column(&rules.time)?.timestamp()?, input.column(&rules.amount)?.number()?);
        let fields = Fields::new().timestamp("at").utf8("rule").float64("amount").float64("usual").float64("recent");
        let fields = rules.carry.iter().fold(fields, |fields, name| fields.utf8(name));
        let output = KeyedOutput::of(fields).event_time("at").rows_by_event_time();
        // A card is the same whatever is thought of it.
        let output = output.adjustable(["most_recent", "most_times_usual", "learnt_from", "forget_after_seconds"]);
        Ok((Self { mean: PhantomData, rules, time, amount, carry }, output))
    }

    fn on_rows(
        &self,
        _key: &Key,
        rows: &Rows,
        state: &mut State<Card>,
        out: &mut Out<Values>,
        timers: &mut Timers,
    ) -> Result<(), Failure> {
        let (times, amounts) = (rows.get(self.time), rows.get(self.amount));
        for row in 0..rows.len() {
            let (Some(at), Some(amount)) = (times.get(row), amounts.get(row).filter(|amount| amount.is_finite()))
            else {
                out.reject(row, "a payment has a time and an amount");
                continue;
            };
            let card = state.get_or_default();
            let Some(rule) = self.rules.judge::<M>(card, at, amount) else { continue };
            let mut alert = vec![at.into(), rule.into(), amount.into(), card.usual::<M>().into(), card.recent.into()];
            alert.extend(self.carry.iter().map(|column| Value::from(rows.get(*column).get(row))));
            out.push(Values(alert));
        }
        if let Some(card) = state.get() {
            timers.set(0, card.last.saturating_add(i64::from(self.rules.forget_after_seconds) * 1_000_000));
        }
        Ok(())
    }

    fn on_timer(
        &self,
        _key: &Key,
        _timer: &Timer,
        state: &mut State<Card>,
        _out: &mut Out<Values>,
        _timers: &mut Timers,
    ) -> Result<(), Failure> {
        state.remove();
        Ok(())
    }

    fn migrate(&self, from_version: u32, stored: &[u8]) -> Result<Card, Failure> {
        M::migrate(from_version, Encoded::from_bytes(stored)?)
    }

    fn about() -> About {
        About::new().config_schema(include_str!("config.json"))
    }
}
