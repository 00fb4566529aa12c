//! Keyed operator: payments that come too quickly one after the other, or are too large for what their card usually pays.
//!
//! What a card has done weighs less the longer ago it is, by half for each half-life: so a card is a handful of numbers,
//! however often it pays, and a timer forgets it when it has not paid for long.

use millstream_guest::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// The rules and the columns; `carry` are those that an alert tells beside its own.
pub struct FraudRules {
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
    last: i64,
    /// Payments not long ago.
    recent: f64,
    /// Payments and their amounts, for what is usual.
    weight: f64,
    sum: f64,
}

impl Rules {
    /// The card at a payment; which rule it breaks.
    fn judge(&self, card: &mut Card, at: i64, amount: f64) -> Option<&'static str> {
        // One that comes out of order counts as if it had come at the time of the last.
        let seconds = at.saturating_sub(card.last).max(0) as f64 / 1e6;
        let left = |half_life: f64| (-seconds / half_life).exp2();
        card.recent = card.recent * left(self.recent_half_life_seconds) + 1.0;
        card.weight *= left(self.usual_half_life_seconds);
        card.sum *= left(self.usual_half_life_seconds);
        card.last = card.last.max(at);
        let is_large = card.weight >= self.learnt_from && amount > self.most_times_usual * card.sum / card.weight;
        if is_large {
            // Not learnt: a large fraud would make the next one usual.
            return Some("amount");
        }
        card.weight += 1.0;
        card.sum += amount;
        (card.recent > self.most_recent).then_some("velocity")
    }
}

impl Keyed for FraudRules {
    type State = Card;
    type Output = Values;

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
        Ok((Self { rules, time, amount, carry }, output))
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
            let Some(rule) = self.rules.judge(card, at, amount) else { continue };
            let usual = (card.weight > 0.0).then(|| card.sum / card.weight);
            let mut alert = vec![at.into(), rule.into(), amount.into(), usual.into(), card.recent.into()];
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

    fn about() -> About {
        About::new().config_schema(include_str!("config.json"))
    }
}

millstream_guest::keyed!(FraudRules);
