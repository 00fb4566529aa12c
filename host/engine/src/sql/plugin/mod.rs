//! Plugins as functions in SQL: a map as a scalar function, an aggregate as an aggregate function. Types are checked when
//! the query is planned, by the plugin's own `bind`.

pub(super) mod calls;
pub(super) mod constants;
pub(super) mod qualified;
pub(super) mod sites;
pub(super) mod table_call;
pub(super) mod table_function;

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::compute::{concat, nullif};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, UInt32Type};
use datafusion_common::{DataFusionError, Result, ScalarValue, plan_err};
use datafusion_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use millstream_plugin::{Bound, BoundMap, Hints, InputField, Mapped, PluginKind};

use self::constants::Constants;
use crate::operator::aggregate::PluginAggregate;
use crate::operator::fingerprint::config_digest;
use crate::operator::{PluginCalls, PluginOperator, ROW_COLUMN, Room, reject_row};
use crate::{Error, ErrorKind};

/// A plugin that SQL may call by its name in the job.
#[derive(Clone)]
pub struct PluginFunction {
    /// The operator.
    pub operator: PluginOperator,
    /// The configuration for its use in SQL, a JSON object.
    pub config: String,
    /// The node whose SQL it is used in, for messages.
    pub node: Arc<str>,
    /// The call, as the query has it, where it is known; of equal ones the first.
    pub sql: Option<Arc<str>>,
}

impl fmt::Debug for PluginFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PluginFunction({:?}, {})", self.operator, self.config)
    }
}

/// Two are the same function if they run the same code with the same configuration, however they are called: a query may
/// group by a call, and select it in other white space.
impl PartialEq for PluginFunction {
    fn eq(&self, other: &Self) -> bool {
        self.called() == other.called()
            && self.operator.identity() == other.operator.identity()
            && self.config == other.config
    }
}

impl Eq for PluginFunction {}

impl Hash for PluginFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.called(), self.operator.identity(), &self.config).hash(state);
    }
}

impl PluginFunction {
    /// What SQL calls it.
    pub fn called(&self) -> &Arc<str> {
        &self.operator.called
    }

    /// As a scalar function whose arguments are these constants where they are some, if it is a map.
    pub(super) fn scalar(&self, constants: Constants) -> Option<Arc<ScalarUDF>> {
        (self.operator.kind == PluginKind::Map).then(|| {
            Arc::new(ScalarUDF::new_from_impl(PluginScalar {
                function: self.clone(),
                constants,
                // Volatile: a call has a side effect, the row's rejection, and must be made just as often as it is written.
                signature: Signature::user_defined(Volatility::Volatile),
                bound: Arc::default(),
            }))
        })
    }

    /// As an aggregate function, if it is an aggregate.
    pub fn aggregate(&self) -> Option<Arc<AggregateUDF>> {
        (self.operator.kind == PluginKind::Aggregate).then(|| {
            Arc::new(AggregateUDF::new_from_impl(PluginAggregateFunction {
                function: self.clone(),
                constants: Vec::new(),
                signature: Signature::user_defined(Volatility::Immutable),
            }))
        })
    }

    /// Bound to these columns and keys; `sql` is the call, as the query has it.
    ///
    /// # Errors
    /// It does not take them.
    fn bind_to(&self, sql: Option<&str>, inputs: &[InputField], keys: &[FieldRef]) -> crate::Result<Bound> {
        let bound = self.operator.bind(&self.node, sql, &self.config, inputs, keys);
        bound.map_err(|e| Error::from(e).context(format!("plugin `{}`", self.called())))
    }

    /// How it is called as an operator.
    pub fn calls(&self) -> PluginCalls {
        PluginCalls::new(self.node.clone(), self.called().clone())
    }

    fn bind(&self, fields: &[FieldRef], constants: &Constants) -> Result<Bound> {
        let schema = argument_schema(fields);
        let input = |(at, field): (usize, &FieldRef)| {
            let constant = constants.get(at).and_then(Option::as_ref);
            let array = |value: &ScalarValue| value.cast_to(field.data_type())?.to_array();
            Ok(InputField { field: field.clone(), constant: constant.map(array).transpose()? })
        };
        let inputs = schema.fields().iter().enumerate().map(input).collect::<Result<Vec<InputField>>>()?;
        self.operator.bind(&self.node, self.sql.as_deref(), &self.config, &inputs, &[]).map_err(|e| {
            let error = Error::from(e).context(format!("plugin `{}`", self.called()));
            DataFusionError::External(Box::new(Error::new(ErrorKind::Invalid, error.message().to_owned())))
        })
    }

    fn one_output(&self, bound: &Bound) -> Result<FieldRef> {
        let output = match bound {
            Bound::Map(map) => map.output(),
            Bound::Aggregate(aggregate) => aggregate.output(),
            _ => return plan_err!("plugin `{}` is no function", self.called()),
        };
        if output.len() != 1 {
            return plan_err!(
                "a plugin called in SQL gives one column; `{}` gives {}: use it as an operator of its own, or give it another configuration",
                self.called(),
                output.len()
            );
        }
        Ok(output[0].clone())
    }
}

/// The arguments of a call as columns, named `arg0`, `arg1` and so on: what a plugin in SQL sees as its input.
pub(super) fn argument_schema(fields: &[FieldRef]) -> SchemaRef {
    let named = |(i, f): (usize, &FieldRef)| Field::new(format!("arg{i}"), f.data_type().clone(), f.is_nullable());
    Arc::new(Schema::new(fields.iter().enumerate().map(named).collect::<Vec<_>>()))
}

/// A map plugin as a scalar function. The planner adds a hidden last argument, the row's number.
pub(super) struct PluginScalar {
    function: PluginFunction,
    /// Arguments that are constant, as the query was planned.
    constants: Constants,
    signature: Signature,
    /// Bound plugins by argument types: `CASE` and several calls share them.
    bound: Arc<Mutex<HashMap<BindingKey, BoundMap>>>,
}

type BindingKey = Vec<(DataType, bool)>;

impl fmt::Debug for PluginScalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.function.fmt(f)
    }
}

impl PartialEq for PluginScalar {
    fn eq(&self, other: &Self) -> bool {
        self.function == other.function && self.constants == other.constants
    }
}

impl Eq for PluginScalar {}

impl Hash for PluginScalar {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.function, &self.constants).hash(state);
    }
}

/// The user's arguments, without the hidden one.
fn visible<T>(fields: &[FieldRef], args: &[T]) -> usize {
    let hidden = fields.last().is_some_and(|f| f.name() == ROW_COLUMN);
    args.len() - usize::from(hidden)
}

impl PluginScalar {
    /// A digest of what it is configured with.
    pub fn config_digest(&self) -> String {
        config_digest(&self.function.config)
    }

    /// Which of the arguments it reads, by their places, and what it lets the engine do.
    pub fn reads(&self, fields: &[FieldRef]) -> Result<(Vec<usize>, Hints)> {
        self.bound(fields).map(|bound| (bound.reads().to_vec(), bound.hints()))
    }

    fn bound(&self, fields: &[FieldRef]) -> Result<BoundMap> {
        let key: BindingKey = fields.iter().map(|f| (f.data_type().clone(), f.is_nullable())).collect();
        // What another thread left behind in a panic is a list all the same.
        let mut bound = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = bound.get(&key) {
            return Ok(found.clone());
        }
        let made = self.function.bind(fields, &self.constants)?;
        self.function.one_output(&made)?;
        let Bound::Map(made) = made else { return plan_err!("plugin `{}` is no map", self.function.called()) };
        bound.insert(key, made.clone());
        Ok(made)
    }
}

impl ScalarUDFImpl for PluginScalar {
    fn name(&self) -> &str {
        self.function.called()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(arg_types.to_vec())
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        plan_err!("the type of `{}` depends on its arguments' fields", self.function.called())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let n = visible(args.arg_fields, args.arg_fields);
        let bound = self.bound(&args.arg_fields[..n])?;
        Ok(bound.output()[0].clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let n = visible(&args.arg_fields, &args.args);
        let fields = &args.arg_fields[..n];
        let bound = self.bound(fields)?;
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let arrays: Vec<ArrayRef> = if arrays.iter().all(|a| a.len() == args.number_rows) {
            arrays
        } else {
            args.args.iter().map(|a| a.to_array(args.number_rows)).collect::<Result<_>>()?
        };
        let schema = argument_schema(fields);
        let options = RecordBatchOptions::new().with_row_count(Some(args.number_rows));
        let batch = RecordBatch::try_new_with_options(schema, arrays[..n].to_vec(), &options)?;
        let row = |i: usize| arrays.get(n).map_or(i as u32, |rows| rows.as_primitive::<UInt32Type>().value(i));

        let calls = PluginCalls::new(self.function.node.clone(), self.function.called().clone());
        let made =
            calls.run(&batch, bound.reads(), &mut Room::of(&batch), |part, options| bound.call_with(part, options));
        let (parts, failing) = made.map_err(|e| DataFusionError::External(Box::new(e)))?;
        for (at, reason) in &failing {
            reject_row(row(*at), reason.clone());
        }
        // A row that failed has no value: null stands in its place until the row is left out.
        let output = bound.output()[0].data_type().clone();
        let mut pieces: Vec<ArrayRef> = Vec::new();
        let mut next = 0;
        for (range, Mapped { columns, rejects }) in parts {
            if range.start > next {
                pieces.push(new_null_array(&output, range.start - next));
            }
            // What stands in a refused row means nothing: null, so that what is computed of it does not fail as well.
            let refused = rejects.iter().map(|reject| reject.row as usize).collect::<Vec<_>>();
            for reject in rejects {
                reject_row(row(range.start + reject.row as usize), reject.reason);
            }
            next = range.end;
            for column in columns {
                pieces.push(if refused.is_empty() { column } else { without_values(&column, &refused)? });
            }
        }
        if next < args.number_rows {
            pieces.push(new_null_array(&output, args.number_rows - next));
        }
        let array = match pieces.len() {
            0 => new_null_array(&output, 0),
            1 => pieces.swap_remove(0),
            _ => concat(&pieces.iter().map(|p| p.as_ref()).collect::<Vec<&dyn Array>>())?,
        };
        Ok(ColumnarValue::Array(array))
    }
}

/// The column with nulls in these rows.
fn without_values(column: &ArrayRef, rows: &[usize]) -> Result<ArrayRef> {
    let mut gone = vec![false; column.len()];
    rows.iter().for_each(|row| gone[*row] = true);
    Ok(nullif(column, &BooleanArray::from(gone))?)
}

/// An aggregate plugin as an aggregate function: what the planner needs to know of it. It is computed by
/// [`PluginAggregate`].
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct PluginAggregateFunction {
    function: PluginFunction,
    /// Arguments that are constant, as the query was planned.
    constants: Constants,
    signature: Signature,
}

impl PluginAggregateFunction {
    /// The function, called with these constants.
    pub fn with(&self, constants: Constants) -> Self {
        Self { function: self.function.clone(), constants, signature: self.signature.clone() }
    }

    /// The aggregate over arguments of these fields.
    pub fn bind(&self, fields: &[FieldRef]) -> Result<PluginAggregate> {
        let bound = self.function.bind(fields, &self.constants)?;
        self.function.one_output(&bound)?;
        let Bound::Aggregate(bound) = bound else {
            return plan_err!("plugin `{}` is no aggregate", self.function.called());
        };
        Ok(PluginAggregate::new(self.function.called().clone(), &self.function.config, bound, argument_schema(fields)))
    }
}

impl AggregateUDFImpl for PluginAggregateFunction {
    fn name(&self) -> &str {
        self.function.called()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(arg_types.to_vec())
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let fields: Vec<FieldRef> = arg_types.iter().map(|t| Arc::new(Field::new("", t.clone(), true))).collect();
        Ok(self.return_field(&fields)?.data_type().clone())
    }

    fn return_field(&self, arg_fields: &[FieldRef]) -> Result<FieldRef> {
        let bound = self.function.bind(arg_fields, &self.constants)?;
        self.function.one_output(&bound)
    }

    fn accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        plan_err!("plugin `{}` can only aggregate groups of a stream", self.function.called())
    }

    fn state_fields(&self, _: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        plan_err!("plugin `{}` can only aggregate groups of a stream", self.function.called())
    }
}
