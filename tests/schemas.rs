//! The JSON Schemas of the files: they are those that are committed, they describe every field, and
//! they hold of every project that is valid.

#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests may fail loudly too")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use jsonschema::Validator;
use pushsync::manifest::{self, LoadOptions, schema};
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn schemas() -> [(&'static str, Value); 2] {
    [("project", schema::project()), ("messages", schema::messages())]
}

/// Also those of what is printed.
fn all() -> Vec<(&'static str, Value)> {
    let read = |text: &str| serde_json::from_str(text).expect("JSON");
    let printed =
        [("plan", read(pushsync::plan::SCHEMA)), ("apply", read(pushsync::apply::SCHEMA))];
    schemas().into_iter().chain(printed).collect()
}

fn validator(name: &str) -> Validator {
    let (_, schema) = schemas().into_iter().find(|(known, _)| *known == name).expect("a schema");
    jsonschema::validator_for(&schema).expect("a schema that is one")
}

/// `UPDATE_EXPECT=1 cargo test --test schemas` writes them anew.
#[test]
fn the_schemas_that_are_committed_are_up_to_date() {
    for (name, schema) in schemas() {
        let path = root().join(format!("schemas/{name}.json"));
        let text = format!("{}\n", serde_json::to_string_pretty(&schema).expect("JSON"));
        if std::env::vars_os().any(|(name, _)| name == "UPDATE_EXPECT") {
            fs::write(&path, &text).expect("writable");
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == text,
            "{} is stale: UPDATE_EXPECT=1 cargo test --test schemas",
            path.display()
        );
    }
}

/// Every definition and the schema itself: what has properties.
fn objects(schema: &Value) -> Vec<(&str, &serde_json::Map<String, Value>)> {
    let definitions = schema["definitions"].as_object().into_iter().flatten();
    let all = definitions.map(|(name, value)| (name.as_str(), value)).chain([("the file", schema)]);
    all.filter_map(|(name, value)| Some((name, value["properties"].as_object()?))).collect()
}

#[test]
fn every_field_has_a_description_and_an_example_that_fits() {
    let mut fields = 0;
    for (title, schema) in all() {
        let in_editors = ["project", "messages"].contains(&title);
        for (object, properties) in objects(&schema) {
            for (name, property) in properties {
                fields += 1;
                let what = format!("{object}.{name}");
                let description = property["description"].as_str().unwrap_or_default();
                assert!(description.len() > 10, "{what} is not described");
                // Editors show a plain description with its marks.
                if in_editors && description.contains('`') {
                    assert_eq!(property["markdownDescription"], description, "{what}");
                }
                let examples = property["examples"].as_array().expect(&what);
                assert!(!examples.is_empty(), "{what} has no example");
                let mut alone = property.clone();
                alone["definitions"] = schema["definitions"].clone();
                let validator = jsonschema::validator_for(&alone).expect("a schema");
                for example in examples {
                    assert!(validator.is_valid(example), "{what}: {example}");
                }
            }
        }
    }
    assert!(fields > 150, "{fields}");
}

/// On the name of a sender, say: there an editor shows what stands at the definition.
#[test]
fn whatever_a_field_holds_is_described_too() {
    for (title, schema) in schemas() {
        for (name, definition) in schema["definitions"].as_object().expect("definitions") {
            let description = definition["description"].as_str().unwrap_or_default();
            assert!(description.len() > 10, "{title}: {name} is not described");
            for form in definition["oneOf"].as_array().into_iter().flatten() {
                let described = form.get("const").is_none() || form["description"].is_string();
                assert!(described, "{title}: {name}: {form}");
            }
        }
    }
}

/// A project of this file alone, as the program reads it.
fn load(yaml: &str) -> (tempfile::TempDir, manifest::Loaded) {
    let folder = tempfile::TempDir::new().expect("a folder");
    fs::write(folder.path().join("pushsync.yaml"), yaml).expect("writable");
    let options = LoadOptions {
        environment: None,
        allow_outside: false,
        env: &|_| None,
        limits: Default::default(),
        now: jiff::Timestamp::UNIX_EPOCH,
        queries: pushsync::manifest::Queries::LeaveOut,
        secrets: pushsync::manifest::VisitorSecrets::Optional,
        allow_change: &[],
    };
    let loaded = manifest::load(folder.path(), &options);
    (folder, loaded)
}

#[test]
fn numbers_are_bounded_as_by_the_program() {
    let validator = jsonschema::validator_for(&schema::project()).expect("a schema");
    for (settings, fits) in [
        ("api: { concurrency: 0 }", false),
        ("api: { concurrency: 1 }", true),
        ("api: { concurrency: 512 }", true),
        ("api: { concurrency: 513 }", false),
        ("limits: { requests_per_hour: 0 }", false),
        ("limits: { requests_per_hour: 1 }", true),
        ("limits: { requests_per_hour: 18446744073709551615 }", true),
    ] {
        let yaml = format!("version: 1\n{settings}\n");
        let (_folder, loaded) = load(&yaml);
        assert_eq!(loaded.project.is_some(), fits, "{settings}: {:?}", loaded.report);
        let json: Value = serde_yaml::from_str(&yaml).expect("is YAML");
        assert_eq!(validator.is_valid(&json), fits, "{settings}");
    }
}

/// All defaults together, written out, say nothing new.
#[test]
fn the_defaults_are_those_of_the_program() {
    /// The defaults of a definition, as a mapping.
    fn defaults(schema: &Value, name: &str) -> Value {
        let of = if name.is_empty() { schema } else { &schema["definitions"][name] };
        let fields = of["properties"].as_object().expect(name).iter();
        let told =
            fields.filter_map(|(field, of)| Some((field.clone(), of.get("default")?.clone())));
        Value::Object(told.collect())
    }
    fn seen(project: &Value) -> String {
        let (folder, loaded) = load(&serde_json::to_string(project).expect("JSON is YAML"));
        let project = loaded.project.unwrap_or_else(|| panic!("{:?}", loaded.report));
        let message = project.messages().next().expect("a message");
        let all = format!("{:?} {:?} {:?}", project.settings, project.removed, message.spec);
        all.replace(&folder.path().display().to_string(), "HERE")
    }
    let schema = schema::project();
    let (mut short, mut long) =
        (serde_json::json!({ "removed": [{ "key": "old" }] }), defaults(&schema, ""));
    long["removed"] =
        serde_json::json!([{ "key": "old", "delete": defaults(&schema, "Removed")["delete"] }]);
    for (field, name) in
        [("api", "Api"), ("limits", "Limits"), ("safety", "Safety"), ("privacy", "Privacy")]
    {
        long[field] = defaults(&schema, name);
    }
    let message = serde_json::json!({ "to": { "visitor": "v" }, "text": "hi" });
    short["messages"] = serde_json::json!({ "note": message });
    let mut told = defaults(&schema, "Message");
    assert!(told.as_object().is_some_and(|told| told.len() >= 5), "{told}");
    told.as_object_mut()
        .expect("a mapping")
        .extend(message.as_object().expect("a mapping").clone());
    long["messages"] = serde_json::json!({ "note": told });
    assert!(long.to_string().len() > short.to_string().len() + 200);
    assert_eq!(seen(&long), seen(&short));
}

fn yaml(path: &Path) -> Value {
    let text = fs::read_to_string(path).expect("readable");
    let text = text.trim_start_matches('\u{feff}');
    // YAML's parser refuses the pairs of escapes that JSON writes emojis as; pushsync does not.
    if let Ok(value) = serde_json::from_str(text) {
        return value;
    }
    serde_yaml::from_str::<Option<Value>>(text)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .unwrap_or_else(|| Value::Object(Default::default()))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let paths = walkdir::WalkDir::new(folder).into_iter().map(|entry| entry.expect("readable"));
    let yaml = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        matches!(extension, Some("yaml" | "yml"))
    };
    paths.map(|entry| entry.into_path()).filter(yaml).collect()
}

#[test]
fn examples_and_valid_fixtures_fit_the_schemas() {
    let (project, messages) = (validator("project"), validator("messages"));
    let mut folders = vec![root().join("examples"), root().join("src/cli/init")];
    for entry in fs::read_dir(root().join("tests/fixtures/manifest")).expect("fixtures") {
        let path = entry.expect("readable").path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("good-")) {
            folders.push(path);
        }
    }
    let mut checked = 0;
    for path in folders.iter().flat_map(|folder| files(folder)) {
        let whole = path.file_stem().is_some_and(|stem| stem == "pushsync");
        let (validator, value) = (if whole { &project } else { &messages }, yaml(&path));
        if let Some(error) = validator.iter_errors(&value).next() {
            panic!("{}: {error} at {}", path.display(), error.instance_path());
        }
        checked += 1;
    }
    assert!(checked >= 25, "{checked}");
}

#[test]
fn what_is_wrong_in_a_file_is_wrong_by_its_schema_too() {
    let (project, messages) = (validator("project"), validator("messages"));
    for (text, is_project) in [
        ("{messages: {a: {to: x, text: y, txet: z}}}", true),
        ("{messages: {a: {to: x}}}", true),
        ("{messages: {Bad Key: {to: x, text: y}}}", true),
        ("{senders: {s: {group: g, agent: a}}}", true),
        ("{audiences: {a: {}}}", true),
        ("{messages: {a: {to: {visitor: v, audience: a}, text: y}}}", true),
        ("{messages: {a: {to: x, text: y, kind: other}}}", true),
        ("{api: {concurrency: four}}", true),
        ("{environments: {e: {messages: {a: {txet: z}}}}}", true),
        ("{version: 1}", false),
        ("{api: {concurrency: 4}}", false),
    ] {
        let value: Value = serde_yaml::from_str(text).expect("YAML");
        let validator = if is_project { &project } else { &messages };
        assert!(!validator.is_valid(&value), "{text}");
    }
    // In an environment, what is not said is left as it is.
    let partial = "{environments: {e: {messages: {a: {text: z}}, senders: {s: {name: N}}}}}";
    assert!(project.is_valid(&serde_yaml::from_str(partial).expect("YAML")));
}
