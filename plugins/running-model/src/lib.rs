//! Keyed operator: a logistic regression for each key that learns as it goes. Of each row first what the model says, then
//! what came of it is learnt: so each prediction was made by a model that had not seen its row.
//!
//! The steps are AdaGrad's (Duchi, Hazan and Singer 2011): each weight's get smaller by what it has been moved already, so
//! that features need not be of one scale.

use millstream_guest::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// The columns, and how quickly is learnt.
pub struct RunningModel {
    features: Vec<Input<Number>>,
    label: Input<Number>,
    rate: f64,
    /// The columns that come out beside the prediction.
    carry: Vec<Input<Utf8>>,
}

#[derive(Deserialize)]
struct With {
    features: Vec<String>,
    label: String,
    rate: Option<f64>,
    carry: Option<Vec<String>>,
}

/// A weight for each feature and one for all rows, each with the sum of the squares of what it was moved along.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Model {
    weights: Vec<f64>,
    squares: Vec<f64>,
    learnt: u64,
}

impl Model {
    fn of(features: usize) -> Self {
        Self { weights: vec![0.0; features + 1], squares: vec![0.0; features + 1], learnt: 0 }
    }

    /// How probable it is that the label is 1. The last feature is 1 in all rows.
    fn predict(&self, features: &[f64]) -> f64 {
        let sum: f64 = self.weights.iter().zip(features).map(|(weight, x)| weight * x).sum();
        1.0 / (1.0 + (-sum).exp())
    }

    fn learn(&mut self, features: &[f64], label: f64, rate: f64) {
        let error = self.predict(features) - label;
        for ((weight, square), x) in self.weights.iter_mut().zip(&mut self.squares).zip(features) {
            let gradient = error * x;
            *square += gradient * gradient;
            if *square > 0.0 {
                *weight -= rate * gradient / square.sqrt();
            }
        }
        self.learnt += 1;
    }
}

impl Keyed for RunningModel {
    type State = Model;
    type Output = Values;

    fn bind(config: &Config, input: &Schema, _key: &Fields) -> Result<(Self, KeyedOutput), Problem> {
        let with: With = config.parse()?;
        if with.features.is_empty() {
            return Err(Problem::with_key("features", "a model learns from one column or more"));
        }
        let features = with.features.iter().map(|name| input.column(name)?.number()).collect::<Result<_, _>>()?;
        let names = with.carry.unwrap_or_default();
        let carry = names.iter().map(|name| input.column(name)?.utf8()).collect::<Result<_, _>>()?;
        let label = input.column(&with.label)?.number()?;
        let fields = names.iter().fold(Fields::new(), |fields, name| fields.utf8(name));
        let fields = fields.float64("label").float64("prediction").not_null().uint64("learnt").not_null();
        Ok((
            Self { features, label, rate: with.rate.unwrap_or(0.5), carry },
            KeyedOutput::of(fields).adjustable(["rate"]),
        ))
    }

    fn on_rows(
        &self,
        _key: &Key,
        rows: &Rows,
        state: &mut State<Model>,
        out: &mut Out<Values>,
        _timers: &mut Timers,
    ) -> Result<(), Failure> {
        let columns: Vec<_> = self.features.iter().map(|column| rows.get(*column)).collect();
        let carried: Vec<_> = self.carry.iter().map(|column| rows.get(*column)).collect();
        let labels = rows.get(self.label);
        for row in 0..rows.len() {
            let features = columns.iter().map(|column| column.get(row)).chain([Some(1.0)]);
            let features: Option<Vec<f64>> = features.map(|x| x.filter(|x| x.is_finite())).collect();
            let Some(features) = features else {
                out.reject(row, "a feature is null or no finite number");
                continue;
            };
            let label = labels.get(row);
            if label.is_some_and(|label| label != 0.0 && label != 1.0) {
                out.reject(row, "a label is 0, 1, or null where it is not known");
                continue;
            }
            let model = state.get_or_insert_with(|| Model::of(self.features.len()));
            let mut values: Vec<Value> = carried.iter().map(|column| column.get(row).into()).collect();
            values.extend([label.into(), model.predict(&features).into(), model.learnt.into()]);
            out.push(Values(values));
            if let Some(label) = label {
                model.learn(&features, label, self.rate);
            }
        }
        Ok(())
    }

    fn about() -> About {
        About::new().config_schema(include_str!("config.json"))
    }
}

millstream_guest::keyed!(RunningModel);
