//! What an expression of a template consists of, and which values it can have.

use minijinja::{
    machinery::ast::{BinOpKind, CallArg, Expr, UnaryOpKind},
    value::ValueKind,
};

/// Filters whose value is a number, or an error.
const NUMERIC: [&str; 6] = ["int", "float", "length", "count", "abs", "round"];

/// An expression and all that it consists of, each before its parts.
pub(super) fn parts<'e, 't>(root: &'e Expr<'t>) -> Vec<&'e Expr<'t>> {
    let mut found = Vec::new();
    let mut next = vec![root];
    while let Some(expr) = next.pop() {
        found.push(expr);
        let (mut inside, args): (Vec<&Expr<'t>>, &[CallArg<'t>]) = match expr {
            Expr::Var(_) | Expr::Const(_) => continue,
            Expr::Slice(slice) => {
                let ends = [&slice.start, &slice.stop, &slice.step].into_iter().flatten();
                (std::iter::once(&slice.expr).chain(ends).collect(), &[])
            }
            Expr::UnaryOp(one) => (vec![&one.expr], &[]),
            Expr::BinOp(two) => (vec![&two.left, &two.right], &[]),
            Expr::Compare(all) => {
                let others = all.ops.iter().map(|other| &other.expr);
                (std::iter::once(&all.expr).chain(others).collect(), &[])
            }
            Expr::IfExpr(either) => {
                let always = [&either.test_expr, &either.true_expr].into_iter();
                (always.chain(&either.false_expr).collect(), &[])
            }
            Expr::Filter(filter) => (filter.expr.iter().collect(), &filter.args),
            Expr::Test(test) => (vec![&test.expr], &test.args),
            Expr::GetAttr(of) => (vec![&of.expr], &[]),
            Expr::GetItem(of) => (vec![&of.expr, &of.subscript_expr], &[]),
            Expr::Call(call) => (vec![&call.expr], &call.args),
            Expr::List(list) => (list.items.iter().collect(), &[]),
            Expr::Tuple(tuple) => (tuple.items.iter().collect(), &[]),
            Expr::Map(map) => (map.keys.iter().chain(&map.values).collect(), &[]),
        };
        inside.extend(args.iter().map(|arg| match arg {
            CallArg::Pos(arg)
            | CallArg::Kwarg(_, arg)
            | CallArg::PosSplat(arg)
            | CallArg::KwargSplat(arg) => arg,
        }));
        next.extend(inside.into_iter().rev());
    }
    found
}

pub(super) fn variable<'t>(expr: &Expr<'t>) -> Option<&'t str> {
    match expr {
        Expr::Var(variable) => Some(variable.id),
        _ => None,
    }
}

/// The lists that a loop goes over, and not those inside them or in arguments.
pub(super) fn outermost<'e, 't>(value: &'e Expr<'t>) -> Vec<&'e Expr<'t>> {
    let mut found = Vec::new();
    let mut next = vec![value];
    while let Some(expr) = next.pop() {
        match expr {
            Expr::List(_) | Expr::Tuple(_) | Expr::Map(_) => found.push(expr),
            Expr::Filter(filter) => next.extend(&filter.expr),
            Expr::GetAttr(of) => next.push(&of.expr),
            Expr::GetItem(of) => next.push(&of.expr),
            Expr::Slice(slice) => next.push(&slice.expr),
            Expr::IfExpr(either) => {
                next.push(&either.true_expr);
                next.extend(&either.false_expr);
            }
            _ => {}
        }
    }
    found
}

/// Whether two texts or lists may be put together here.
pub(super) fn is_joint(expr: &Expr<'_>) -> bool {
    match expr {
        Expr::BinOp(two) => match two.op {
            BinOpKind::Concat => true,
            BinOpKind::Add => !is_number(expr),
            _ => false,
        },
        _ => false,
    }
}

/// Whether this is a number or an error, whatever the values are: `3`, `x|int`, `x|round(2)`, `a - b`.
pub(super) fn is_number(expr: &Expr<'_>) -> bool {
    is_number_with(expr, &|_| false)
}

/// The same, where some names are known to be numbers.
pub(super) fn is_number_with(expr: &Expr<'_>, numbers: &dyn Fn(&str) -> bool) -> bool {
    let mut next = vec![expr];
    while let Some(expr) = next.pop() {
        let number = match expr {
            Expr::Const(constant) => constant.value.kind() == ValueKind::Number,
            Expr::UnaryOp(one) if matches!(one.op, UnaryOpKind::Neg) => {
                next.push(&one.expr);
                true
            }
            Expr::Var(var) => numbers(var.id),
            Expr::Filter(filter) if matches!(filter.name, "default" | "d") => {
                next.extend(&filter.expr);
                filter.args.iter().all(|arg| match arg {
                    CallArg::Pos(arg) => {
                        next.push(arg);
                        true
                    }
                    _ => false,
                }) && filter.expr.is_some()
                    && filter.args.len() == 1
            }
            // `|int("…")` may be that text.
            Expr::Filter(filter) => {
                let number = |arg: &CallArg<'_>| matches!(arg, CallArg::Pos(arg) if is_number(arg));
                NUMERIC.contains(&filter.name) && filter.args.iter().all(number)
            }
            Expr::BinOp(two) => match two.op {
                BinOpKind::Add | BinOpKind::Mul => {
                    next.extend([&two.left, &two.right]);
                    true
                }
                BinOpKind::Sub
                | BinOpKind::Div
                | BinOpKind::FloorDiv
                | BinOpKind::Rem
                | BinOpKind::Pow => true,
                _ => false,
            },
            _ => false,
        };
        if !number {
            return false;
        }
    }
    true
}

/// Whether this is a list or a mapping of values that are not all written there.
pub(super) fn is_list(expr: &Expr<'_>) -> bool {
    let constant = |part: &&Expr<'_>| match part {
        Expr::Const(_) | Expr::List(_) | Expr::Tuple(_) | Expr::Map(_) => true,
        Expr::UnaryOp(one) => matches!(one.op, UnaryOpKind::Neg),
        _ => false,
    };
    matches!(expr, Expr::List(_) | Expr::Tuple(_) | Expr::Map(_))
        && !parts(expr).iter().all(constant)
}
