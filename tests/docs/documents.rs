//! The tables of JSON documents have every field.

use serde_json::Value;

use super::{read, root};

/// The names of the fields in `place` of a schema.
fn fields(schema: &Value, place: &str) -> Vec<String> {
    let fields = schema.pointer(place).and_then(Value::as_object).expect("fields");
    fields.keys().cloned().collect()
}

/// The names in the first column of the table after `head`.
fn rows(page: &str, head: &str) -> Vec<String> {
    let (_, after) = page.split_once(head).unwrap_or_else(|| panic!("no {head}"));
    let lines = after.lines().skip_while(|line| !line.starts_with('|')).skip(2);
    let cells =
        lines.take_while(|line| line.starts_with('|')).filter_map(|line| line.split('|').nth(1));
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

fn schema(name: &str) -> Value {
    let text = read(&root().join("schemas").join(name));
    serde_json::from_str(&text).expect("a schema")
}

#[track_caller]
fn same(mut found: Vec<String>, mut expected: Vec<String>) {
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn every_field_of_a_plan_is_in_the_tables() {
    let page = read(&root().join("docs/planning.md"));
    let plan = schema("plan.json");
    same(rows(&page, "prints one complete document"), fields(&plan, "/properties"));
    same(
        rows(&page, "\nA change has these fields:"),
        fields(&plan, "/definitions/Change/properties"),
    );
}

#[test]
fn every_field_of_the_document_of_an_apply_is_in_the_table() {
    let page = read(&root().join("docs/apply.md"));
    let apply = schema("apply.json");
    same(rows(&page, "ends with one document:"), fields(&apply, "/properties"));
    let (_, after) = page.split_once("each failed change: ").expect("the fields of a failure");
    let failed = after.split(" |").next().unwrap_or_default().split('`').skip(1).step_by(2);
    same(failed.map(str::to_owned).collect(), fields(&apply, "/definitions/Failed/properties"));
}
