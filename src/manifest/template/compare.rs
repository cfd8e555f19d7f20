//! Comparisons and conditions that never answer for values of different kinds.
//!
//! The engine compares a text with a number without a word, and then by their types. So a program
//! ([`super::program`]) calls the tests and filters of this file in place of the engine's operators.

use std::{cmp::Ordering, error, fmt};

use minijinja::{
    Environment, Error, ErrorKind, State, Value,
    value::{Kwargs, StringInput, ValueKind},
};

use super::values::{Day, Kind, truth_in_words};
use crate::diagnostics::Code;

/// The filter that a condition goes through.
pub(super) const TRUTH: &str = "~truth";
/// The filter of a column that stands alone as a condition: a cell without a value is false.
pub(super) const FILLED: &str = "~filled";
/// As [`FILLED`], for a column that is declared to be a text: `no` is a text there.
pub(super) const FILLED_TEXT: &str = "~filled-text";
/// Checks two values that are compared in a chain, and gives them back the other way round.
pub(super) const PAIR: &str = "~pair";
/// The same for `in`.
pub(super) const PAIR_IN: &str = "~pair-in";
/// The same for `+`.
pub(super) const PAIR_ADD: &str = "~pair-add";
/// In `where`, an empty cell is an empty text, and counts as missing here.
pub(super) const DEFAULT_IN_WHERE: &str = "~default";
/// The same for tests.
pub(super) const DEFINED_IN_WHERE: &str = "~defined";
/// The same for tests.
pub(super) const UNDEFINED_IN_WHERE: &str = "~undefined";

/// What to do about an error, kept beside its message.
#[derive(Debug)]
pub(super) struct Cure(Code, String);

impl fmt::Display for Cure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.1)
    }
}

impl error::Error for Cure {}

impl Cure {
    /// Of an error, if it has one.
    pub(super) fn of(error: &Error) -> Option<(Code, String)> {
        let Self(code, cure) = error::Error::source(error)?.downcast_ref()?;
        Some((*code, cure.clone()))
    }
}

/// An error of a value, with its cure.
pub(super) fn wrong(message: impl Into<String>, cure: impl Into<String>) -> Error {
    coded(Code::TemplateError, message, cure)
}

fn coded(code: Code, message: impl Into<String>, cure: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into()).with_source(Cure(code, cure.into()))
}

fn mixed(message: impl Into<String>, cure: impl Into<String>) -> Error {
    coded(Code::TypeMismatch, message, cure)
}

/// The engine's own error for a value that is missing, with the name of the variable.
fn defined(state: &State<'_, '_>, value: &Value) -> Result<(), Error> {
    if value.is_undefined() {
        StringInput::new(state, value)?;
    }
    Ok(())
}

fn mismatch(one: Kind, other: Kind) -> Error {
    let message = format!("this compares {} with {}", one.words(), other.words());
    mixed(message, one.cure(other, "NAME"))
}

/// How two values compare; an error if they are not of one kind.
fn order(one: &Value, other: &Value) -> Result<Ordering, Error> {
    let kinds = (Kind::of(one), Kind::of(other));
    match kinds {
        (Kind::List, Kind::List) => {
            for (one, other) in one.try_iter()?.zip(other.try_iter()?) {
                order(&one, &other)?;
            }
            Ok(if one == other { Ordering::Equal } else { one.cmp(other) })
        }
        (Kind::Day, Kind::Text) | (Kind::Text, Kind::Day) => days(one, other),
        (one_kind, other_kind) if one_kind == other_kind && one_kind != Kind::Any => {
            Ok(if one == other { Ordering::Equal } else { one.cmp(other) })
        }
        (one, other) => Err(mismatch(one, other)),
    }
}

/// A date and a text that is one too.
fn days(one: &Value, other: &Value) -> Result<Ordering, Error> {
    let parsed = |value: &Value| Day::without_time(value.as_str().unwrap_or_default());
    let not =
        || mixed("a date is compared with a text that is not one", Kind::Day.cure(Kind::Text, ""));
    match (one.downcast_object_ref::<Day>(), other.downcast_object_ref::<Day>()) {
        (Some(one), None) => Ok(one.compare(&parsed(other).ok_or_else(not)?)),
        (None, Some(other)) => Ok(parsed(one).ok_or_else(not)?.compare(other)),
        _ => Ok(one.cmp(other)),
    }
}

/// Whether a list, a mapping or a text has a value.
fn contains(value: &Value, list: &Value) -> Result<bool, Error> {
    match Kind::of(list) {
        Kind::Text => match (list.as_str(), value.as_str()) {
            (Some(text), Some(part)) => Ok(text.contains(part)),
            _ => Err(mismatch(Kind::of(value), Kind::Text)),
        },
        Kind::List | Kind::Mapping => {
            let mut found = false;
            for item in list.try_iter()? {
                found |= order(value, &item)?.is_eq();
            }
            Ok(found)
        }
        kind => {
            let message = format!("{} has no parts to look through with `in`", kind.words());
            Err(mixed(message, "`in` asks a list or a text"))
        }
    }
}

/// Whether an order is one that a comparison means.
type Means = fn(Ordering) -> bool;

/// The names of a comparison, and which orders it means.
const COMPARISONS: [(&[&str], Means); 6] = [
    (&["==", "eq", "equalto"], Ordering::is_eq),
    (&["!=", "ne"], Ordering::is_ne),
    (&["<", "lt", "lessthan"], Ordering::is_lt),
    (&["<=", "le"], Ordering::is_le),
    (&[">", "gt", "greaterthan"], Ordering::is_gt),
    (&[">=", "ge"], Ordering::is_ge),
];

/// The same value of the same type; of different kinds, nobody can have meant it.
fn same(state: &State<'_, '_>, one: &Value, other: &Value) -> Result<bool, Error> {
    defined(state, one)?;
    defined(state, other)?;
    Ok(order(one, other)?.is_eq() && one.is_integer() == other.is_integer())
}

fn numeric(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.trim().parse::<f64>().is_ok())
}

/// What stands alone as a condition.
fn truth(value: &Value) -> Result<Value, Error> {
    if value.as_str().is_some_and(|text| truth_in_words(text).is_some()) {
        let message = "a truth value in words stands as a condition, and every text counts as true";
        let cure = "give the column the type `boolean` under `columns:` of the audience \
                    (or `text`, if its words are texts)";
        return Err(coded(Code::TruthInWords, message, cure));
    }
    Ok(value.clone())
}

/// Two values the other way round: [`minijinja::machinery::Instruction::UnpackList`] turns them back.
fn swapped(one: Value, other: Value) -> Value {
    Value::from(vec![other, one])
}

/// A text that a chain compares with a date becomes one.
fn pair(state: &State<'_, '_>, one: &Value, other: &Value) -> Result<Value, Error> {
    defined(state, one)?;
    defined(state, other)?;
    order(one, other)?;
    let day = |value: &Value| match value.as_str().and_then(Day::without_time) {
        Some(day) => day.value(),
        None => value.clone(),
    };
    Ok(match (Kind::of(one), Kind::of(other)) {
        (Kind::Text, Kind::Day) => swapped(day(one), other.clone()),
        (Kind::Day, Kind::Text) => swapped(one.clone(), day(other)),
        _ => swapped(one.clone(), other.clone()),
    })
}

fn pair_add(state: &State<'_, '_>, one: &Value, other: &Value) -> Result<Value, Error> {
    defined(state, one)?;
    defined(state, other)?;
    if numeric(one) && numeric(other) {
        let message = "`+` joins two texts here that look like numbers";
        let cure = "to add them, put `|int` or `|float` behind both; to join them, write `~`";
        return Err(mixed(message, cure));
    }
    if matches!(
        (Kind::of(one), Kind::of(other)),
        (Kind::Text, Kind::Number) | (Kind::Number, Kind::Text)
    ) {
        let message = "`+` adds a text and a number here";
        let cure = "put `|int` or `|float` behind the text, or give its column a type under \
                    `columns:`; to join them, write `~`";
        return Err(mixed(message, cure));
    }
    Ok(swapped(one.clone(), other.clone()))
}

/// A test that asks for a number.
fn number_only(value: &Value) -> Result<(), Error> {
    match Kind::of(value) {
        Kind::Text => Err(mixed(
            "a text is asked here what only a number is asked",
            Kind::Text.cure(Kind::Number, "NAME"),
        )),
        _ => Ok(()),
    }
}

fn truth_only(value: &Value) -> Result<(), Error> {
    match Kind::of(value) {
        kind @ (Kind::Text | Kind::Number) => Err(mismatch(kind, Kind::Truth)),
        _ => Ok(()),
    }
}

/// The values that a filter puts in order are of one kind. `at` is the argument that may name a
/// part of each, beside `attribute=`.
pub(super) fn ordered(args: &[Value], at: Option<usize>) -> Result<(), Error> {
    let Some(list) = args.first().filter(|list| Kind::of(list) == Kind::List) else {
        return Ok(());
    };
    let named = |value: &Value| value.as_str().map(str::to_owned);
    let part = attribute(args, "attribute").or_else(|| args.get(at?).and_then(named));
    let mut first: Option<Value> = None;
    for item in list.try_iter()? {
        let value = match &part {
            Some(part) => path(&item, part)?,
            None => item,
        };
        if value.is_undefined() {
            continue;
        }
        match &first {
            Some(first) => _ = order(first, &value)?,
            None => first = Some(value),
        }
    }
    Ok(())
}

/// The values of a mapping are of one kind, if they are what is put in order.
pub(super) fn ordered_values(args: &[Value]) -> Result<(), Error> {
    if attribute(args, "by").as_deref() != Some("value") {
        return Ok(());
    }
    let Some(map) = args.first() else { return Ok(()) };
    let values = map.try_iter()?.map(|key| map.get_item(&key)).collect::<Result<Vec<_>, _>>()?;
    ordered(&[Value::from(values)], None)
}

/// The elements that a filter chooses by their truth alone. `at` is the argument that names a part.
pub(super) fn chosen(args: &[Value], at: Option<usize>) -> Result<(), Error> {
    let alone = args.len() == at.map_or(1, |at| at + 1);
    let Some(list) = args.first().filter(|list| alone && Kind::of(list) == Kind::List) else {
        return Ok(());
    };
    let part = at.and_then(|at| args.get(at)).and_then(Value::as_str);
    for item in list.try_iter()? {
        truth(&part.map_or(Ok(item.clone()), |part| path(&item, part))?)?;
    }
    Ok(())
}

/// A text among the named arguments.
fn attribute(args: &[Value], name: &str) -> Option<String> {
    let kwargs = args.last().filter(|last| last.is_kwargs())?;
    let kwargs = Kwargs::try_from(kwargs.clone()).ok()?;
    kwargs.peek::<String>(name).ok()
}

fn path(item: &Value, part: &str) -> Result<Value, Error> {
    part.split('.').try_fold(item.clone(), |value, name| match value.kind() {
        ValueKind::Undefined => Ok(value),
        _ => match name.parse::<usize>() {
            Ok(at) => value.get_item_by_index(at),
            Err(_) => value.get_attr(name),
        },
    })
}

fn empty(value: &Value) -> bool {
    value.is_undefined() || value.is_none() || value.as_str() == Some("")
}

/// Gives the engine its comparisons.
pub(super) fn fill(engine: &mut Environment<'_>) {
    for (names, means) in COMPARISONS {
        for name in names {
            engine.add_test(*name, move |state: &State<'_, '_>, one: &Value, other: &Value| {
                defined(state, one)?;
                defined(state, other)?;
                order(one, other).map(means)
            });
        }
    }
    engine.add_test("in", |state: &State<'_, '_>, value: &Value, list: &Value| {
        defined(state, value)?;
        defined(state, list)?;
        contains(value, list)
    });
    engine.add_test("sameas", same);
    engine.add_filter(TRUTH, truth);
    engine.add_filter(FILLED, |value: &Value| {
        if value.is_undefined() { Ok(Value::from("")) } else { truth(value) }
    });
    engine.add_filter(FILLED_TEXT, |value: &Value| {
        if value.is_undefined() { Value::from("") } else { value.clone() }
    });
    engine.add_filter(PAIR, pair);
    engine.add_filter(PAIR_IN, |state: &State<'_, '_>, value: &Value, list: &Value| {
        defined(state, value)?;
        defined(state, list)?;
        contains(value, list)?;
        Ok::<_, Error>(swapped(value.clone(), list.clone()))
    });
    engine.add_filter(PAIR_ADD, pair_add);
    engine.add_test(DEFINED_IN_WHERE, |value: &Value| !empty(value));
    engine.add_test(UNDEFINED_IN_WHERE, empty);
    engine.add_filter(
        DEFAULT_IN_WHERE,
        |value: &Value, other: Option<Value>, lax: Option<bool>| {
            if empty(value) || (lax == Some(true) && !value.is_true()) {
                other.unwrap_or_else(|| Value::from(""))
            } else {
                value.clone()
            }
        },
    );
    engine.add_test("odd", |value: &Value| {
        number_only(value)?;
        Ok::<_, Error>(minijinja::tests::is_odd(value.clone()))
    });
    engine.add_test("even", |value: &Value| {
        number_only(value)?;
        Ok::<_, Error>(minijinja::tests::is_even(value.clone()))
    });
    engine.add_test("divisibleby", |value: &Value, by: &Value| {
        number_only(value)?;
        number_only(by)?;
        Ok::<_, Error>(minijinja::tests::is_divisibleby(value, by))
    });
    engine.add_test("true", |value: &Value| {
        truth_only(value)?;
        Ok::<_, Error>(minijinja::tests::is_true(value))
    });
    engine.add_test("false", |value: &Value| {
        truth_only(value)?;
        Ok::<_, Error>(minijinja::tests::is_false(value))
    });
}
