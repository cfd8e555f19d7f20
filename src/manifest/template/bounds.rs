//! The filters, tests and functions of templates, and what one value may weigh.
//!
//! Every value that comes into a template, and every one that goes into a filter or comes out of
//! it, has at most [`MAX_VALUE`]; all that filters are given for one text has [`MAX_WORK`].

use std::cell::Cell;

use minijinja::{
    Environment, Error, ErrorKind, Output, State, Value, filters, functions, tests,
    value::{Rest, ValueKind, ValueOrKwargs},
};

use super::{
    compare,
    filters::{countable, own},
};

/// What one value may weigh: its bytes, and [`ELEMENT`] for each value inside it.
pub(crate) const MAX_VALUE: usize = 64 << 10;
/// What may be looked up and given to filters for one text.
const MAX_WORK: usize = 4 << 20;
const ELEMENT: usize = 32;
/// Values inside values, inside values …
const MAX_DEPTH: usize = 128;
const MAX_RANGE: usize = 10_000;

thread_local! {
    /// What was looked up and filtered since [`start`].
    static WORK: Cell<usize> = const { Cell::new(0) };
    /// The largest value since then.
    static LARGEST: Cell<usize> = const { Cell::new(0) };
    /// The bytes that values added to the text since then.
    static WRITTEN: Cell<usize> = const { Cell::new(0) };
}

/// No text needs more; a template that would make more is broken.
const MAX_TEXT: usize = 1 << 20;

/// Whether the text grew too large since [`start`].
pub(crate) fn is_full() -> bool {
    WRITTEN.get() > MAX_TEXT
}

/// Writes a value into the text.
fn written(out: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let made;
    let text = match value.as_str() {
        Some(text) => text,
        None => {
            made = value.to_string();
            &made
        }
    };
    WRITTEN.set(WRITTEN.get() + text.len());
    if is_full() {
        return Err(Error::new(ErrorKind::WriteFailure, "a text has at most 1 MiB"));
    }
    out.write_str(text).map_err(Error::from)
}

/// A text begins.
pub(crate) fn start() {
    WORK.set(0);
    LARGEST.set(0);
    WRITTEN.set(0);
}

/// What a text took, of which the engine made `steps` steps, in about as long steps: one step may
/// compare or copy a large value, which takes as long as many small ones.
///
/// `written` is the size of the template: values may be written there, and `joins` is whether they
/// may be put together there. `made` is the size of the text.
pub(crate) fn cost(steps: u64, written: usize, joins: bool, made: usize) -> u64 {
    let parts = if joins { JOINED } else { 1 };
    let largest = (LARGEST.get().max(written) * parts).saturating_sub(SMALL);
    let steps = (steps + START).saturating_mul(1 + (largest / LARGE) as u64);
    let handled = (WORK.get() / HANDLED + made / HANDLED) as u64;
    steps.saturating_add(handled)
}

/// Steps that it takes to begin a text.
const START: u64 = 15;
/// How many large values one step may copy where values are put together.
const JOINED: usize = 4;
/// With values of up to this number of bytes, steps are as long as with none.
const SMALL: usize = 1024;
/// This number of bytes more makes a step twice as long, twice the number three times, and so on.
const LARGE: usize = 128;
/// The bytes that filters handle, or that are written, in one step.
const HANDLED: usize = 16;

/// Counts a value that is looked up; an error replaces a value that is too large.
pub(crate) fn looked_up(value: Value) -> Value {
    match charge(&value) {
        Ok(_) => value,
        Err(error) => Value::from(error),
    }
}

fn too_large() -> Error {
    Error::new(ErrorKind::InvalidOperation, "a value in a template has at most 64 KiB")
}

fn charge(value: &Value) -> Result<usize, Error> {
    let weight = weight(value)?;
    LARGEST.set(LARGEST.get().max(weight));
    let work = WORK.get().saturating_add(weight);
    WORK.set(work);
    if work > MAX_WORK { Err(Error::from(ErrorKind::OutOfFuel)) } else { Ok(weight) }
}

fn weight(value: &Value) -> Result<usize, Error> {
    let mut left = MAX_VALUE;
    weigh(value, &mut left, 0)?;
    Ok(MAX_VALUE - left)
}

fn weigh(value: &Value, left: &mut usize, depth: usize) -> Result<(), Error> {
    let own = ELEMENT + value.as_bytes().map_or(0, <[u8]>::len);
    *left = left.checked_sub(own).ok_or_else(too_large)?;
    if depth > MAX_DEPTH {
        return Err(too_large());
    }
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => {
            value.try_iter()?.try_for_each(|item| weigh(&item, left, depth + 1))
        }
        ValueKind::Map => value.try_iter()?.try_for_each(|key| {
            weigh(&key, left, depth + 1)?;
            weigh(&value.get_item(&key)?, left, depth + 1)
        }),
        _ => Ok(()),
    }
}

/// What some filters make of small values.
type Forecast = fn(&[Value]) -> Result<(), Error>;

/// A filter that refuses values that are too large, before and after.
fn guarded(
    filter: Value,
    forecast: Forecast,
) -> impl Fn(&mut State<'_, '_>, Rest<ValueOrKwargs>) -> Result<Value, Error> {
    move |state, args| {
        let args = args.into_values();
        for value in &args {
            charge(value)?;
        }
        forecast(&args)?;
        let made = filter.call(state, &args)?;
        let made = match made.kind() {
            // Values that are only made on demand would pile up.
            ValueKind::Iterable => {
                let items = made.try_iter()?.take(MAX_VALUE / ELEMENT + 1);
                Value::from(items.collect::<Vec<_>>())
            }
            _ => made,
        };
        LARGEST.set(LARGEST.get().max(weight(&made)?));
        Ok(made)
    }
}

fn anything(_: &[Value]) -> Result<(), Error> {
    Ok(())
}

fn ordered(args: &[Value]) -> Result<(), Error> {
    compare::ordered(args, None)
}

fn grouped(args: &[Value]) -> Result<(), Error> {
    compare::ordered(args, Some(1))
}

fn sorted(args: &[Value]) -> Result<(), Error> {
    compare::ordered_values(args)
}

fn distinct(args: &[Value]) -> Result<(), Error> {
    compare::ordered(args, None)
}

fn chosen(args: &[Value]) -> Result<(), Error> {
    compare::chosen(args, None)
}

fn chosen_by(args: &[Value]) -> Result<(), Error> {
    compare::chosen(args, Some(1))
}

fn at_most(bytes: Option<usize>) -> Result<(), Error> {
    if bytes.is_some_and(|bytes| bytes <= MAX_VALUE) { Ok(()) } else { Err(too_large()) }
}

fn replaced(args: &[Value]) -> Result<(), Error> {
    let text = |at: usize| args.get(at).map(ToString::to_string).unwrap_or_default();
    let (value, from, to) = (text(0), text(1), text(2));
    let times = value.matches(from.as_str()).count();
    at_most(times.checked_mul(to.len()).and_then(|grown| grown.checked_add(value.len())))
}

fn joined(args: &[Value]) -> Result<(), Error> {
    let Some((list, others)) = args.split_first() else { return Ok(()) };
    let items = list.len().unwrap_or(MAX_VALUE / ELEMENT);
    let joiner = others.iter().map(weight).sum::<Result<usize, _>>()?;
    at_most(items.checked_mul(joiner.saturating_sub(ELEMENT)))
}

fn formatted(args: &[Value]) -> Result<(), Error> {
    let Some(format) = args.first().and_then(Value::as_str) else { return Ok(()) };
    let wide = format.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() > 2);
    if wide || format.contains('*') || format.len() > 500 {
        let detail = "a format has at most 500 characters, and widths below 100";
        return Err(Error::new(ErrorKind::InvalidOperation, detail));
    }
    Ok(())
}

fn range(lower: isize, upper: Option<isize>, step: Option<isize>) -> Result<Value, Error> {
    let made = functions::range(lower, upper, step)?;
    if made.len().is_none_or(|length| length > MAX_RANGE) {
        let detail = "a range has at most 10,000 numbers";
        return Err(Error::new(ErrorKind::InvalidOperation, detail));
    }
    Ok(made)
}

/// Gives the engine all that templates have.
pub(super) fn fill(engine: &mut Environment<'_>) {
    engine.add_function("range", range);

    macro_rules! filters {
        ($($forecast:ident: $($name:ident)+;)+) => {
            $($(
                let filter = Value::from_function(filters::$name);
                engine.add_filter(stringify!($name), guarded(filter, $forecast));
            )+)+
        };
    }
    filters! {
        anything: abs attr capitalize default escape first items last length lines list lower map
            reverse round safe split string sum trim upper;
        countable: float int;
        ordered: max min sort;
        grouped: groupby;
        sorted: dictsort;
        distinct: unique;
        chosen: reject select;
        chosen_by: rejectattr selectattr;
        replaced: replace;
        joined: join;
        formatted: format;
    }
    own(engine, |engine, name, filter| engine.add_filter(name, guarded(filter, anything)));
    let count = Value::from_function(filters::length);
    engine.add_filter("count", guarded(count, anything));
    let default = Value::from_function(filters::default);
    engine.add_filter("d", guarded(default, anything));
    let escape = Value::from_function(filters::escape);
    engine.add_filter("e", guarded(escape, anything));

    compare::fill(engine);
    engine.set_formatter(written);
    macro_rules! tests {
        ($($test:ident: $($name:literal)+;)+) => {
            $($(engine.add_test($name, tests::$test);)+)+
        };
    }
    tests! {
        is_boolean: "boolean";
        is_defined: "defined";
        is_endingwith: "endingwith";
        is_float: "float";
        is_integer: "integer" "int";
        is_iterable: "iterable";
        is_lower: "lower";
        is_mapping: "mapping";
        is_none: "none";
        is_number: "number";
        is_sequence: "sequence";
        is_startingwith: "startingwith";
        is_string: "string";
        is_undefined: "undefined";
        is_upper: "upper";
    }
}
