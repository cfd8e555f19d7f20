//! JSON Schemas of the files, for editors.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::raw;
use crate::model::Key;

/// What files beside `pushsync.yaml` may hold.
const SHARED: [&str; 6] = ["senders", "audiences", "messages", "moved", "import", "removed"];

/// The schema of `pushsync.yaml`.
pub fn project() -> Value {
    finished(of::<raw::File>(), "pushsync.yaml", "A project of pushsync.")
}

/// The schema of the other files of a project.
pub fn messages() -> Value {
    let mut schema = of::<raw::File>();
    if let Some(properties) = schema["properties"].as_object_mut() {
        properties.retain(|name, _| SHARED.contains(&name.as_str()));
    }
    let definitions = schema["definitions"].as_object_mut();
    definitions.into_iter().for_each(|all| {
        all.retain(|name, _| {
            !["Environment", "Api", "Limits", "Safety", "Privacy", "MaskVisitors", "Locale"]
                .contains(&name.as_str())
        });
    });
    finished(schema, "messages", "Messages, senders and audiences of a project of pushsync.")
}

/// Draft 7: what editors know best.
fn of<T: JsonSchema>() -> Value {
    SchemaSettings::draft07().into_generator().into_root_schema_for::<T>().to_value()
}

fn finished(mut schema: Value, title: &str, description: &str) -> Value {
    // In an environment everything may be left to what it is laid over.
    let partial = [
        ("Message", "messages"),
        ("Sender", "senders"),
        ("Audience", "audiences"),
        ("Locale", "locale"),
    ];
    for (name, _) in partial {
        let copy = schema["definitions"][name].clone();
        if schema["definitions"]["Environment"].is_object() && copy.is_object() {
            schema["definitions"][format!("{name}InEnvironment")] = copy;
        }
    }
    if let Some(environment) = schema["definitions"].get_mut("Environment") {
        for (name, property) in partial {
            let property = &mut environment["properties"][property];
            refer(property, &format!("#/definitions/{name}"), &format!("{name}InEnvironment"));
        }
    }
    let either = |names: &[&str]| {
        let each: Vec<_> = names.iter().map(|name| json!({ "required": [name] })).collect();
        json!(each)
    };
    require(&mut schema, "Message", "required", json!(["to", "text"]));
    require(&mut schema, "Sender", "oneOf", either(&["group", "agent", "email"]));
    require(&mut schema, "Audience", "oneOf", either(&["file", "query", "visitors"]));
    require(&mut schema, "Recipients", "oneOf", either(&["visitor", "visitors", "audience"]));
    require(&mut schema, "Move", "required", json!(["from", "to"]));
    let import = json!([{ "required": ["to", "id"] }, { "required": ["key", "file"] }]);
    require(&mut schema, "Import", "oneOf", import);
    require(&mut schema, "Locale", "required", json!(["column", "fallback"]));
    require(&mut schema, "Removed", "required", json!(["key"]));
    for properties in ["/properties/messages", "/definitions/Environment/properties/messages"] {
        if let Some(Value::Object(messages)) = schema.pointer_mut(properties) {
            messages.insert("propertyNames".to_owned(), json!({ "pattern": Key::PATTERN }));
        }
    }
    tidy(&mut schema);
    inherit(&mut schema);
    schema["title"] = json!(title);
    schema["description"] = json!(description);
    tell(&mut schema);
    schema
}

/// What an environment does not say is as elsewhere: it has no defaults.
fn inherit(schema: &mut Value) {
    let definitions = schema["definitions"].as_object_mut().into_iter().flatten();
    for (_, definition) in definitions.filter(|(name, _)| name.contains("Environment")) {
        let properties = definition["properties"].as_object_mut().into_iter().flatten();
        for (_, property) in properties {
            property.as_object_mut().and_then(|property| property.remove("default"));
        }
    }
}

/// What editors show: the default in the words, and words with marks as Markdown, which they
/// would otherwise show as they are.
fn tell(schema: &mut Value) {
    match schema {
        Value::Object(all) => {
            if let Some(Value::String(words)) = all.get("description").cloned() {
                let default = match all.get("default") {
                    Some(Value::String(text)) => format!(" Default: `{text}`."),
                    Some(value) => format!(" Default: `{value}`."),
                    None => String::new(),
                };
                let words = format!("{words}{default}");
                all.insert("description".to_owned(), json!(words));
                if words.contains('`') {
                    all.insert("markdownDescription".to_owned(), json!(words));
                }
            }
            for (name, value) in all.iter_mut() {
                if !["examples", "default"].contains(&name.as_str()) {
                    tell(value);
                }
            }
        }
        Value::Array(all) => all.iter_mut().for_each(tell),
        _ => {}
    }
}

fn require(schema: &mut Value, definition: &str, keyword: &str, value: Value) {
    if let Some(Value::Object(definition)) = schema["definitions"].get_mut(definition) {
        definition.insert(keyword.to_owned(), value);
    }
}

/// Lets references to one definition go to another.
fn refer(schema: &mut Value, from: &str, to: &str) {
    match schema {
        Value::Object(all) => {
            for (name, value) in all {
                if name == "$ref" && value == from {
                    *value = json!(format!("#/definitions/{to}"));
                } else {
                    refer(value, from, to);
                }
            }
        }
        Value::Array(all) => all.iter_mut().for_each(|value| refer(value, from, to)),
        _ => {}
    }
}

/// A field that may be missing is not one that may be null; and scalars keep what was written, so
/// that a text may look like a number.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(all) => {
            without_null(all);
            if all.get("type") == Some(&json!("string"))
                && !all.contains_key("enum")
                && !all.contains_key("const")
                && !all.contains_key("pattern")
            {
                all.insert("type".to_owned(), json!(["string", "number", "boolean"]));
            }
            for (name, value) in all.iter_mut() {
                if !["examples", "default", "propertyNames"].contains(&name.as_str()) {
                    tidy(value);
                }
            }
        }
        Value::Array(all) => all.iter_mut().for_each(tidy),
        _ => {}
    }
}

fn without_null(schema: &mut Map<String, Value>) {
    schema.retain(|name, value| !(name == "default" && value.is_null()));
    if let Some(Value::Array(types)) = schema.get_mut("type")
        && types.len() == 2
    {
        types.retain(|name| name != "null");
        if let [one] = &types[..] {
            let one = one.clone();
            schema.insert("type".to_owned(), one);
        }
    }
    if let Some(Value::Array(forms)) = schema.get_mut("anyOf") {
        forms.retain(|form| *form != json!({ "type": "null" }));
        if let [one] = &forms[..] {
            let one = one.clone();
            schema.remove("anyOf");
            // A reference that stands alone hides what stands beside it.
            schema.insert("allOf".to_owned(), json!([one]));
        }
    }
}
