//! The reference of the manifest is made from its schemas.

use std::fmt::Write as _;

use pushsync::manifest::schema;
use serde_json::{Map, Value, json};

use super::{generated, root};

const HEAD: &str = "\
# Every field of the manifest

Generated from the JSON Schemas [project.json](../schemas/project.json) and
[messages.json](../schemas/messages.json); editors show the same words: see [Editors](manifest.md#editors).
[The manifest](manifest.md) explains how the fields work together.

`NAME` and `KEY` stand for names of your choice, `[]` for an entry of a list. Settings belong in `pushsync.yaml`; fields
with the mark *in any file* may also be in the files that it includes.
";

/// Where a definition is used, under which name, and what an example of it is called.
const SECTIONS: [(&str, &str, &str, &str); 17] = [
    ("the file", "", "", ""),
    ("Api", "api", "", ""),
    ("Limits", "limits", "", ""),
    ("Safety", "safety", "", ""),
    ("Privacy", "privacy", "", ""),
    ("Lints", "lints", "", ""),
    ("Locale", "locale", "", ""),
    ("Sender", "senders", "NAME", "support"),
    ("Audience", "audiences", "NAME", "beta"),
    ("Visitor", "audiences.NAME.visitor", "", "beta"),
    ("Expect", "audiences.NAME.expect", "", "beta"),
    ("Message", "messages", "KEY", "dark-mode"),
    ("Recipients", "messages.KEY.to", "", "dark-mode"),
    ("Active", "messages.KEY.active", "", "dark-mode"),
    ("Move", "moved", "[]", ""),
    ("Import", "import", "[]", ""),
    ("Removed", "removed", "[]", ""),
];

fn definition<'a>(schema: &'a Value, name: &str) -> &'a Map<String, Value> {
    let found = if name == "the file" { schema } else { &schema["definitions"][name] };
    found.as_object().unwrap_or_else(|| panic!("no definition {name}"))
}

/// The name of what is referred to.
fn referred(property: &Value) -> Option<&str> {
    property["$ref"].as_str()?.strip_prefix("#/definitions/")
}

/// The forms of a property, however deep they lie.
fn forms(property: &Value) -> Vec<&Value> {
    let inner = ["allOf", "anyOf"].into_iter().find_map(|name| property[name].as_array());
    match inner {
        Some(inner) => inner.iter().flat_map(forms).collect(),
        None => vec![property],
    }
}

/// What may stand there, in words.
fn kind(schema: &Value, property: &Value) -> String {
    let each = forms(property).into_iter().map(|form| one(schema, form));
    each.collect::<Vec<_>>().join(", or ")
}

fn one(schema: &Value, form: &Value) -> String {
    if let Some(name) = referred(form) {
        let of = &schema["definitions"][name];
        return match of["oneOf"].as_array().filter(|all| all[0].get("const").is_some()) {
            Some(values) => {
                let values = values.iter().map(|value| format!("`{}`", text(&value["const"])));
                values.collect::<Vec<_>>().join(", ")
            }
            None => match section(name) {
                Some(path) => format!("[mapping](#in-{})", anchor(&path)),
                None => panic!("{name} has no section"),
            },
        };
    }
    if let Some(word) = form.get("const") {
        return format!("`{}`", text(word));
    }
    match &form["type"] {
        Value::String(name) => match name.as_str() {
            "integer" => match (form["minimum"].as_u64(), form["maximum"].as_u64()) {
                (Some(least), Some(most)) => format!("whole number from {least} to {most}"),
                (Some(0), None) => "whole number, not negative".to_owned(),
                (Some(least), None) => format!("whole number, at least {least}"),
                (None, _) => "whole number".to_owned(),
            },
            "boolean" => "true or false".to_owned(),
            "array" => format!("list of: {}", one(schema, &form["items"])),
            "object" => {
                format!("mapping of names to: {}", kind(schema, &form["additionalProperties"]))
            }
            "string" => "text".to_owned(),
            name => panic!("{name}"),
        },
        Value::Array(kinds) if kinds.len() == 3 => "text".to_owned(),
        Value::Array(_) => "any value (a number with a fraction counts as a text)".to_owned(),
        other => panic!("{other}: {form}"),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The heading of a definition's section.
fn section(name: &str) -> Option<String> {
    // In an environment, the fields are the same.
    let name = name.strip_suffix("InEnvironment").unwrap_or(name);
    if name == "Environment" {
        return Some("environments.NAME".to_owned());
    }
    let (_, path, under, _) = SECTIONS.iter().find(|(of, ..)| *of == name)?;
    Some(match *under {
        "" => (*path).to_owned(),
        "[]" => format!("{path}[]"),
        under => format!("{path}.{under}"),
    })
}

fn anchor(heading: &str) -> String {
    heading.to_lowercase().chars().filter(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// A value at its place in a file.
fn placed(path: &str, example: &str, value: Value) -> Value {
    path.rsplit('.').filter(|part| !part.is_empty()).fold(value, |value, part| match part {
        "KEY" | "NAME" => json!({ example: value }),
        part => match part.strip_suffix("[]") {
            Some(part) => json!({ part: [value] }),
            None => json!({ part: value }),
        },
    })
}

/// Which of the fields must be there.
fn demands(of: &Map<String, Value>) -> Option<String> {
    let names = |value: &Value| {
        let names = value.as_array().into_iter().flatten();
        names.map(|name| format!("`{}`", text(name))).collect::<Vec<_>>()
    };
    if let Some(required) = of.get("required") {
        return Some(format!("Required: {}.", names(required).join(", ")));
    }
    let one = of.get("oneOf")?.as_array()?;
    let one: Vec<_> = one.iter().flat_map(|each| names(&each["required"])).collect();
    Some(format!("Exactly one of {}.", one.join(", ")))
}

fn field(
    schema: &Value,
    path: &str,
    name: &str,
    property: &Value,
    example: &str,
    shared: bool,
) -> String {
    let mut out = String::new();
    let whole = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let words = text(&property["description"]);
    // It has a line of its own here.
    let words = words.split(" Default: `").next().unwrap_or_default();
    let _ = writeln!(out, "\n### `{whole}`\n\n{words}\n");
    let kind = kind(schema, property);
    let _ = write!(out, "- Type: {kind}");
    let _ = writeln!(out, "{}", if shared { "; in any file" } else { "" });
    match &property["default"] {
        Value::Null => {}
        Value::Array(_) => {
            let _ = writeln!(out, "- Default: `{}`", property["default"]);
        }
        default => {
            let _ = writeln!(out, "- Default: `{}`", text(default));
        }
    }
    for form in forms(property) {
        let Some(name) = referred(form) else { continue };
        for value in schema["definitions"][name]["oneOf"].as_array().into_iter().flatten() {
            if let Some(constant) = value["const"].as_str() {
                let _ = writeln!(out, "- `{constant}`: {}", text(&value["description"]));
            }
        }
    }
    let first = property["examples"][0].clone();
    let yaml = serde_yaml::to_string(&placed(&whole, example, first)).expect("YAML");
    let _ = write!(out, "\n```yaml\n{yaml}```\n");
    out
}

#[test]
fn the_reference_of_the_manifest_is_that_of_the_schemas() {
    let (schema, messages) = (schema::project(), schema::messages());
    let mut out = HEAD.to_owned();
    let mut told = 0;
    for (name, _, _, example) in SECTIONS {
        let of = definition(&schema, name);
        let path = section(name).expect("a section");
        if name == "the file" {
            out.push_str("\n## In `pushsync.yaml`\n");
        } else {
            let _ = writeln!(out, "\n## In `{path}`\n\n{}", text(&of["description"]));
        }
        if let Some(demands) = demands(of) {
            let _ = writeln!(out, "{demands}");
        }
        for (field_name, property) in of["properties"].as_object().expect("fields") {
            let shared = name == "the file" && messages["properties"].get(field_name).is_some();
            out.push_str(&field(&schema, &path, field_name, property, example, shared));
            told += 1;
        }
    }
    let environment = definition(&schema, "Environment");
    let fields = environment["properties"].as_object().expect("fields").keys();
    let fields: Vec<_> = fields.map(|name| format!("[`{name}`](#{})", anchor(name))).collect();
    let _ = writeln!(
        out,
        "\n## In `environments.NAME`\n\n{} It may have {}. The fields are those above. None is\nrequired: a field that is left out is as elsewhere. See [Environments](manifest.md#environments).",
        text(&environment["description"]),
        fields.join(", ")
    );
    // Every field of every definition is on the page: those of environments are the same ones.
    let definitions = schema["definitions"].as_object().expect("definitions");
    let all: usize = definitions
        .iter()
        .filter(|(name, _)| !name.contains("Environment"))
        .filter_map(|(_, of)| Some(of["properties"].as_object()?.len()))
        .sum();
    assert_eq!(told, all + schema["properties"].as_object().expect("fields").len());
    generated(&root().join("docs/manifest-reference.md"), &out);
}

/// What an environment may lay over the rest is described where the rest is.
#[test]
fn the_fields_of_an_environment_are_those_of_the_file() {
    let schema = schema::project();
    for name in ["Sender", "Audience", "Message"] {
        let copy = definition(&schema, &format!("{name}InEnvironment"));
        let fields = |of: &Map<String, Value>| {
            of["properties"].as_object().expect("fields").keys().cloned().collect::<Vec<_>>()
        };
        assert_eq!(fields(copy), fields(definition(&schema, name)));
    }
    let file = definition(&schema, "the file")["properties"].as_object().expect("fields");
    let of = definition(&schema, "Environment")["properties"].as_object().expect("fields");
    for (name, property) in of {
        assert_eq!(property["examples"], file[name]["examples"], "{name}");
    }
}
