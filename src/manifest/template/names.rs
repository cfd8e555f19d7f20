//! The names of all filters, tests and functions, for suggestions.

/// Every filter.
pub(super) const FILTERS: &[&str] = &[
    "abs",
    "attr",
    "bool",
    "capitalize",
    "count",
    "d",
    "date",
    "default",
    "dictsort",
    "e",
    "escape",
    "first",
    "float",
    "format",
    "groupby",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "trim",
    "truncate",
    "unique",
    "upper",
    "urlencode",
];

/// Every test.
pub(super) const TESTS: &[&str] = &[
    "!=",
    "<",
    "<=",
    "==",
    ">",
    ">=",
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "equalto",
    "even",
    "false",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "int",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sameas",
    "sequence",
    "startingwith",
    "string",
    "true",
    "undefined",
    "upper",
];

/// Every function.
pub(super) const FUNCTIONS: &[&str] = &["range"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_the_engine() {
        let described = format!("{:?}", super::super::engine());
        for (list, names) in [("filters", FILTERS), ("tests", TESTS), ("globals", FUNCTIONS)] {
            let (_, found) = described.split_once(&format!("{list}: ")).expect("a list");
            let found = found.split([']', '}']).next().unwrap_or_default();
            let mut found: Vec<_> = found.split('"').skip(1).step_by(2).collect();
            // Those of programs cannot be written in a template.
            found.retain(|name| !name.starts_with('~'));
            found.sort_unstable();
            assert_eq!(found, names, "{list}");
        }
    }
}
