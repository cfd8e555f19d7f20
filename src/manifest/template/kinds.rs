//! Comparisons that can be refused before any row is looked at: cells are texts unless `columns:` says
//! otherwise. What only the rows show is found by [`super::compare`].

use std::{collections::HashSet, ops::Range};

use minijinja::machinery::ast::{BinOpKind, CallArg, CompareOpKind, Expr, UnaryOpKind};

use super::{
    checks::Refusal,
    expressions::{parts, variable},
    filters::NO_NUMBER_CURE,
    scope::{ROW, Scope},
    values::{Kind, truth_in_words},
};
use crate::{diagnostics::Code, manifest::suggest};

/// Deeper expressions are left to the rows.
const MOST_DEEP: usize = 40;

/// Tests that compare.
const COMPARING: [&str; 18] = [
    "==",
    "eq",
    "equalto",
    "!=",
    "ne",
    "<",
    "lt",
    "lessthan",
    "<=",
    "le",
    ">",
    "gt",
    "greaterthan",
    ">=",
    "ge",
    "sameas",
    "odd",
    "even",
];
const NUMBERS: [&str; 8] = ["int", "float", "length", "count", "abs", "round", "sum", "wordcount"];
const TEXTS: [&str; 18] = [
    "upper",
    "lower",
    "capitalize",
    "title",
    "trim",
    "replace",
    "join",
    "format",
    "string",
    "escape",
    "e",
    "safe",
    "truncate",
    "urlencode",
    "date",
    "strip",
    "indent",
    "wordwrap",
];
const LISTS: [&str; 11] = [
    "split",
    "lines",
    "list",
    "sort",
    "select",
    "reject",
    "selectattr",
    "rejectattr",
    "unique",
    "items",
    "dictsort",
];

/// Looks at expressions with the names of one scope.
pub(super) struct Kinds<'a, 't> {
    pub(super) text: &'t str,
    pub(super) scope: Scope<'a>,
    /// Names that the template gives to values itself.
    pub(super) locals: HashSet<&'t str>,
}

impl<'t> Kinds<'_, 't> {
    /// What is wrong with an expression, each with its place.
    pub(super) fn check(&self, root: &Expr<'t>, found: &mut Vec<Refusal>) {
        let all = parts(root);
        for expr in &all {
            match expr {
                Expr::BinOp(two) => {
                    let at = range(expr);
                    match two.op {
                        BinOpKind::In => self.looked_through(&two.left, &two.right, at, found),
                        BinOpKind::Sub if self.is_subtracted(expr, &two.left) => {
                            self.subtracted(expr, found);
                        }
                        op if calculates(op) => {
                            self.calculated(op, &two.left, &two.right, at, found)
                        }
                        op if compares(op) => self.compared(&two.left, &two.right, at, found),
                        _ => {}
                    }
                }
                Expr::Compare(chain) => {
                    let mut left = &chain.expr;
                    for next in &chain.ops {
                        let at = range(left).start..range(&next.expr).end;
                        match next.op {
                            CompareOpKind::In | CompareOpKind::NotIn => {
                                self.looked_through(left, &next.expr, at, found);
                            }
                            _ => self.compared(left, &next.expr, at, found),
                        }
                        left = &next.expr;
                    }
                }
                Expr::Test(test) => {
                    self.tested(test.name, &test.expr, &test.args, range(expr), found)
                }
                Expr::Filter(filter) if ["int", "float", "abs", "round"].contains(&filter.name) => {
                    if let Some(value) = &filter.expr
                        && self.kind(value, 0) == Kind::Day
                    {
                        found.push(self.no_number(value, range(expr)));
                    }
                }
                Expr::GetItem(of) if self.is_row(&of.expr) => {
                    let name = match &of.subscript_expr {
                        Expr::Const(name) => name.value.as_str(),
                        _ => continue,
                    };
                    self.row_column(name.unwrap_or_default(), range(&of.subscript_expr), found);
                }
                Expr::GetAttr(of) if self.is_row(&of.expr) => {
                    self.row_column(of.name, range(expr), found);
                }
                _ => {}
            }
        }
        self.bare_row(&all, found);
    }

    /// `first-name` is a column, and not a calculation.
    fn is_subtracted(&self, whole: &Expr<'t>, left: &Expr<'t>) -> bool {
        let name = self.text.get(range(whole)).unwrap_or_default();
        let unknown = variable(left).is_some_and(|left| self.scope.kind(left).is_none());
        unknown && self.scope.cell(name).is_some()
    }

    fn subtracted(&self, whole: &Expr<'t>, found: &mut Vec<Refusal>) {
        let name = self.text.get(range(whole)).unwrap_or_default();
        let message = format!("`{name}` is a subtraction here");
        let help = format!("for the column of that name, write row[\"{name}\"]");
        found.push(Refusal::coded(Code::UndefinedVariable, range(whole), message, help));
    }

    /// A calculation with a text.
    fn calculated(
        &self,
        op: BinOpKind,
        one: &Expr<'t>,
        other: &Expr<'t>,
        at: Range<usize>,
        found: &mut Vec<Refusal>,
    ) {
        let (left, right) = (self.kind(one, 0), self.kind(other, 0));
        if left == Kind::Day || right == Kind::Day {
            return found.push(self.no_number(if left == Kind::Day { one } else { other }, at));
        }
        let text = match (left, right) {
            // Two texts may be joined.
            (Kind::Text, Kind::Text | Kind::Any) if matches!(op, BinOpKind::Add) => return,
            (Kind::Text, _) => one,
            (Kind::Any, Kind::Text) if matches!(op, BinOpKind::Add) => return,
            (_, Kind::Text) => other,
            _ => return,
        };
        let text = self.shown(text);
        let message = format!("{text} is a text: it cannot be calculated with");
        let mut help = Kind::Text.cure(Kind::Number, text.trim_matches('`'));
        if matches!(op, BinOpKind::Add) {
            help += "; to join texts, write `~`";
        }
        found.push(Refusal::coded(Code::TypeMismatch, at, message, help));
    }

    /// A date that is calculated with.
    fn no_number(&self, date: &Expr<'t>, at: Range<usize>) -> Refusal {
        let shown = self.shown(date);
        let message = format!("{shown} is a date: it cannot be calculated with");
        let help = NO_NUMBER_CURE.replace("NAME", shown.trim_matches('`'));
        Refusal::coded(Code::TypeMismatch, at, message, help)
    }

    fn is_row(&self, expr: &Expr<'t>) -> bool {
        variable(expr) == Some(ROW) && !self.locals.contains(ROW) && self.scope.has_row()
    }

    /// A column in `row["…"]` exists.
    fn row_column(&self, name: &str, at: Range<usize>, found: &mut Vec<Refusal>) {
        if self.scope.cell(name).is_some() {
            return;
        }
        let help = suggest::among(name, self.scope.table.columns());
        let message = match self.scope.table.is_visitor_column(name) {
            true => format!("`{name}` is not a variable: anyone who reads it can open the chat"),
            false => format!("there is no column `{name}`"),
        };
        let help = help.unwrap_or_else(|| "the audience has no columns".to_owned());
        found.push(Refusal::coded(Code::UnknownColumn, at, message, help));
    }

    /// The row itself is not a value: all its cells would be shown.
    fn bare_row(&self, all: &[&Expr<'t>], found: &mut Vec<Refusal>) {
        let inside: Vec<*const Expr<'t>> = all
            .iter()
            .filter_map(|expr| match expr {
                Expr::GetItem(of) => Some(std::ptr::from_ref(&of.expr)),
                Expr::GetAttr(of) => Some(std::ptr::from_ref(&of.expr)),
                _ => None,
            })
            .collect();
        for expr in all {
            if self.is_row(expr) && !inside.contains(&std::ptr::from_ref(*expr)) {
                let message = "`row` alone would show all that is known of a visitor";
                let help = "name a column: row[\"First Name\"]";
                found.push(Refusal::coded(Code::TemplateError, range(expr), message, help));
            }
        }
    }

    fn tested(
        &self,
        name: &str,
        value: &Expr<'t>,
        args: &[CallArg<'t>],
        at: Range<usize>,
        found: &mut Vec<Refusal>,
    ) {
        let kind = self.kind(value, 0);
        let other = match (name, args.first()) {
            ("in", Some(CallArg::Pos(list))) => {
                return self.looked_through(value, list, at, found);
            }
            ("true" | "false", _) => Kind::Truth,
            ("odd" | "even" | "divisibleby", _) => Kind::Number,
            (name, Some(CallArg::Pos(other))) if COMPARING.contains(&name) => {
                return self.compared(value, other, at, found);
            }
            _ => return,
        };
        if kind == Kind::Text || (kind == Kind::Number && other == Kind::Truth) {
            let value = self.shown(value);
            let message = format!("{value} is {}, and never {}", kind.words(), other.words());
            let help = kind.cure(other, value.trim_matches('`'));
            found.push(Refusal::coded(Code::TypeMismatch, at, message, help));
        }
    }

    fn compared(
        &self,
        one: &Expr<'t>,
        other: &Expr<'t>,
        at: Range<usize>,
        found: &mut Vec<Refusal>,
    ) {
        if self.unknown_word(one, found) | self.unknown_word(other, found) {
            return;
        }
        let (left, right) = (self.kind(one, 0), self.kind(other, 0));
        if fits(left, right) && !self.is_bad_date(left, other) && !self.is_bad_date(right, one) {
            return;
        }
        let (shown, others) = (self.shown(one), self.shown(other));
        let message = format!(
            "{shown} is {}, and {others} is {}: the two cannot be compared",
            left.words(),
            right.words()
        );
        let cured = if right == Kind::Text && left != Kind::Text { &others } else { &shown };
        let help = self.of_a_literal(one, right).or_else(|| self.of_a_literal(other, left));
        let help = help.unwrap_or_else(|| left.cure(right, cured.trim_matches('`')));
        found.push(Refusal::coded(Code::TypeMismatch, at, message, help));
    }

    /// The cure for a text that is written here, where a value of another kind belongs: the column has its type.
    fn of_a_literal(&self, literal: &Expr<'t>, kind: Kind) -> Option<String> {
        let Expr::Const(text) = literal else { return None };
        let text = text.value.as_str()?;
        match kind {
            Kind::Number if text.trim().parse::<f64>().is_ok_and(f64::is_finite) => {
                Some(format!("write the number without quotes: {}", text.trim()))
            }
            Kind::Number => Some("compare it with a number, without quotes: 12".to_owned()),
            Kind::Truth => match truth_in_words(text) {
                Some(truth) => Some(format!("write it without quotes: {truth}")),
                None => Some("compare it with true or false, without quotes".to_owned()),
            },
            _ => None,
        }
    }

    /// Whether a date is compared with a text that is written here, and that is not a date.
    fn is_bad_date(&self, kind: Kind, other: &Expr<'t>) -> bool {
        let text = match other {
            Expr::Const(text) => text.value.as_str(),
            _ => None,
        };
        kind == Kind::Day
            && text.is_some_and(|text| super::values::Day::without_time(text).is_none())
    }

    fn looked_through(
        &self,
        value: &Expr<'t>,
        list: &Expr<'t>,
        at: Range<usize>,
        found: &mut Vec<Refusal>,
    ) {
        let items: &[Expr<'t>] = match list {
            Expr::List(list) => &list.items,
            Expr::Tuple(list) => &list.items,
            _ => {
                let (kind, text) = (self.kind(value, 0), self.kind(list, 0) == Kind::Text);
                if text && !matches!(kind, Kind::Text | Kind::Any) {
                    let (value, list) = (self.shown(value), self.shown(list));
                    let message = format!(
                        "{value} is {}, and {list} is a text: the two cannot be compared",
                        kind.words()
                    );
                    let help = "`in` looks for a text in a text, and for a value in a list";
                    found.push(Refusal::coded(Code::TypeMismatch, at, message, help));
                }
                return;
            }
        };
        for item in items {
            let before = found.len();
            self.compared(value, item, at.clone(), found);
            if found.len() > before {
                return;
            }
        }
    }

    /// A name without a meaning in a comparison: a text that lacks its quotes.
    fn unknown_word(&self, expr: &Expr<'t>, found: &mut Vec<Refusal>) -> bool {
        let Some(name) = variable(expr) else { return false };
        let known = self.locals.contains(name)
            || self.scope.kind(name).is_some()
            || matches!(name, ROW | "loop" | "range");
        if known {
            return false;
        }
        // It has words of its own.
        if self.scope.table.is_visitor_column(name) {
            return false;
        }
        let mut refusal = unknown_name(name, range(expr), &self.scope);
        if !refusal.help.starts_with("did you mean") {
            refusal.help = match name {
                "null" | "nil" | "NULL" | "undefined" => {
                    "to ask whether a column has a value, write `NAME is defined`".to_owned()
                }
                _ => format!("for the text, write it in quotes: '{name}'"),
            };
        }
        found.push(refusal);
        true
    }

    /// The kind of a value that exists; of `x|default(0)`, that of `x`.
    fn kind(&self, expr: &Expr<'t>, depth: usize) -> Kind {
        if depth > MOST_DEEP {
            return Kind::Any;
        }
        let inner = |expr: &Expr<'t>| self.kind(expr, depth + 1);
        match expr {
            Expr::Var(var) if self.locals.contains(var.id) => Kind::Any,
            Expr::Var(var) => self.scope.kind(var.id).unwrap_or(Kind::Any),
            Expr::Const(constant) => Kind::of(&constant.value),
            Expr::Slice(slice) => inner(&slice.expr),
            Expr::UnaryOp(one) => match one.op {
                UnaryOpKind::Not => Kind::Truth,
                UnaryOpKind::Neg => Kind::Number,
            },
            Expr::BinOp(two) => match two.op {
                BinOpKind::Concat => Kind::Text,
                BinOpKind::Sub if self.is_subtracted(expr, &two.left) => Kind::Any,
                BinOpKind::Sub
                | BinOpKind::Mul
                | BinOpKind::Div
                | BinOpKind::FloorDiv
                | BinOpKind::Rem
                | BinOpKind::Pow => Kind::Number,
                BinOpKind::Add | BinOpKind::ScAnd | BinOpKind::ScOr => {
                    either(inner(&two.left), inner(&two.right))
                }
                _ => Kind::Truth,
            },
            Expr::Compare(_) | Expr::Test(_) => Kind::Truth,
            Expr::IfExpr(two) => match &two.false_expr {
                Some(other) => either(inner(&two.true_expr), inner(other)),
                None => Kind::Any,
            },
            Expr::Filter(filter) => match (filter.name, &filter.expr) {
                ("default" | "d", Some(value)) => inner(value),
                ("int" | "float", Some(_)) => match filter.args.first() {
                    Some(CallArg::Pos(other) | CallArg::Kwarg(_, other)) => {
                        either(Kind::Number, inner(other))
                    }
                    _ => Kind::Number,
                },
                ("reverse", Some(value)) => inner(value),
                ("bool", _) => Kind::Truth,
                (name, _) if NUMBERS.contains(&name) => Kind::Number,
                (name, _) if TEXTS.contains(&name) => Kind::Text,
                (name, _) if LISTS.contains(&name) => Kind::List,
                _ => Kind::Any,
            },
            Expr::GetAttr(of) if self.is_row(&of.expr) => self.cell(of.name),
            Expr::GetItem(of) if self.is_row(&of.expr) => match &of.subscript_expr {
                Expr::Const(name) => name.value.as_str().map_or(Kind::Any, |name| self.cell(name)),
                _ => Kind::Any,
            },
            Expr::List(_) | Expr::Tuple(_) => Kind::List,
            Expr::Map(_) => Kind::Mapping,
            Expr::GetAttr(_) | Expr::GetItem(_) | Expr::Call(_) => Kind::Any,
        }
    }

    fn cell(&self, name: &str) -> Kind {
        self.scope.cell(name).map_or(Kind::Any, |column| column.kind())
    }

    /// An expression as it is written, in backquotes.
    fn shown(&self, expr: &Expr<'t>) -> String {
        let ranges = parts(expr).into_iter().map(range);
        let whole = ranges.reduce(|a, b| a.start.min(b.start)..a.end.max(b.end)).unwrap_or(0..0);
        let written = self.text.get(whole).unwrap_or_default().trim();
        match written.chars().count() {
            1..=40 if !written.contains('\n') => format!("`{written}`"),
            _ => "one side".to_owned(),
        }
    }
}

/// A name that means nothing.
pub(crate) fn unknown_name(name: &str, at: Range<usize>, scope: &Scope<'_>) -> Refusal {
    let help = match suggest::nearest(name, scope.names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => match suggest::list(scope.names()) {
            Some(list) => format!("there is {list}"),
            None => "the audience has no columns".to_owned(),
        },
    };
    let message = format!("there is no column or variable `{name}`");
    Refusal::coded(Code::UndefinedVariable, at, message, help)
}

fn range(expr: &Expr<'_>) -> Range<usize> {
    let span = expr.span();
    span.start_offset as usize..span.end_offset as usize
}

fn compares(op: BinOpKind) -> bool {
    use BinOpKind::{Eq, Gt, Gte, Lt, Lte, Ne};
    matches!(op, Eq | Ne | Lt | Lte | Gt | Gte)
}

fn calculates(op: BinOpKind) -> bool {
    use BinOpKind::{Add, Div, FloorDiv, Pow, Rem, Sub};
    matches!(op, Add | Sub | Div | FloorDiv | Rem | Pow)
}

fn either(one: Kind, other: Kind) -> Kind {
    if one == other { one } else { Kind::Any }
}

fn fits(one: Kind, other: Kind) -> bool {
    one == other
        || one == Kind::Any
        || other == Kind::Any
        || matches!((one, other), (Kind::Day, Kind::Text) | (Kind::Text, Kind::Day))
}
