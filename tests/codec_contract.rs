//! klamm's tables against the message definitions in Kafka's own jars, field by field.
//!
//! Skipped unless `KLAMM_KAFKA_MESSAGES` names a folder that
//! `tests/clients/fetch-kafka-messages.sh` has filled.

mod codec_support;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use codec_support::{codecs, default_number};
use klamm::protocol::api_key::ApiKey;
use klamm::protocol::api_versions::advertised;
use klamm::protocol::schema::{Field, Kind, Schema, Type, Versions};
use serde_json::Value;

#[test]
fn tables_say_what_kafkas_definitions_say() {
    let Ok(folder) = std::env::var("KLAMM_KAFKA_MESSAGES") else {
        println!(
            "skipped: KLAMM_KAFKA_MESSAGES is not set (tests/clients/fetch-kafka-messages.sh)"
        );
        return;
    };
    let definitions = definitions(Path::new(&folder));
    let mut differences = Vec::new();
    let (mut messages, mut fields) = (0, 0);
    for codec in codecs() {
        let schema = codec.schema;
        match definitions.get(schema.name) {
            Some(definition) => {
                let mut comparison = Comparison::of(schema, definition);
                comparison.message(definition);
                messages += 1;
                fields += comparison.fields;
                differences.append(&mut comparison.differences);
            }
            None => differences.push(format!("{}: Kafka has no such message", schema.name)),
        }
    }
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
    println!("{messages} messages, {fields} fields agree with {folder}");
}

/// Definitions by name, from all JSON files below the folder.
fn definitions(folder: &Path) -> HashMap<String, Value> {
    let mut found = HashMap::new();
    for path in json_files(folder) {
        let text = std::fs::read_to_string(&path).unwrap();
        let json: Value = serde_json::from_str(&without_comments(&text))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        found.insert(text_of(&json, "name").to_owned(), json);
    }
    assert!(
        found.len() > 200,
        "{} definitions below {}",
        found.len(),
        folder.display()
    );
    found
}

fn json_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(json_files(&path));
        } else if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            files.push(path);
        }
    }
    files
}

/// Kafka's definitions have whole-line comments only.
fn without_comments(text: &str) -> String {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

struct Comparison<'d> {
    schema: &'static Schema,
    /// Structs that several fields share.
    common: HashMap<&'d str, &'d [Value]>,
    /// Structs defined where they are first used.
    nested: HashMap<&'d str, &'d [Value]>,
    fields: usize,
    differences: Vec<String>,
}

impl<'d> Comparison<'d> {
    fn of(schema: &'static Schema, definition: &'d Value) -> Self {
        let common = definition["commonStructs"].as_array().into_iter().flatten();
        let common = common.map(|shared| (text_of(shared, "name"), list_of(shared, "fields")));
        Self {
            schema,
            common: common.collect(),
            nested: HashMap::new(),
            fields: 0,
            differences: Vec::new(),
        }
    }

    fn message(&mut self, definition: &'d Value) {
        let schema = self.schema;
        let key = definition["apiKey"].as_i64().map(|key| key as i16);
        let kind = match (text_of(definition, "type"), key) {
            ("request", Some(key)) => Kind::Request(key),
            ("response", Some(key)) => Kind::Response(key),
            ("metadata", Some(key)) => Kind::Record(key),
            _ => Kind::Data,
        };
        self.same("", "kind", schema.kind, kind);
        let valid = text_of(definition, "validVersions");
        self.same("", "validVersions", schema.versions, versions(valid));
        if let Kind::Request(key) = kind {
            self.advertised(key, definition);
        }
        // A message without the line is flexible nowhere.
        let flexible = definition["flexibleVersions"].as_str().unwrap_or("none");
        self.same("", "flexibleVersions", schema.flexible, versions(flexible));
        self.all_fields(
            "",
            schema.fields,
            list_of(definition, "fields"),
            Versions::since(0),
        );
    }

    /// What may be advertised ends below a version that Kafka calls unstable.
    fn advertised(&mut self, key: i16, definition: &Value) {
        let ours = ApiKey::from_number(key)
            .and_then(advertised)
            .map(|versions| versions.last);
        let last = versions(text_of(definition, "validVersions")).last;
        let unstable = i16::from(definition["latestVersionUnstable"] == true);
        self.same("", "last advertised version", ours, Some(last - unstable));
    }

    fn all_fields(&mut self, path: &str, ours: &[Field], theirs: &'d [Value], parent: Versions) {
        let theirs = in_wire_order(theirs);
        let names = |fields: &[Field]| fields.iter().map(|field| plain(field.name)).collect();
        let ours_named: Vec<String> = names(ours);
        let theirs_named: Vec<String> = theirs
            .iter()
            .map(|field| plain(text_of(field, "name")))
            .collect();
        if ours_named != theirs_named {
            self.differ(
                path,
                format!("fields {ours_named:?}, Kafka {theirs_named:?}"),
            );
            return;
        }
        for (ours, theirs) in ours.iter().zip(theirs) {
            self.fields += 1;
            self.field(&format!("{path}.{}", ours.name), ours, theirs, parent);
        }
    }

    fn field(&mut self, path: &str, ours: &Field, theirs: &'d Value, parent: Versions) {
        let spec = &ours.spec;
        let present = versions(text_of(theirs, "versions"));
        self.same(path, "versions", spec.versions, present);
        let tag = theirs["tag"].as_u64().map(|tag| tag as u32);
        self.same(path, "tag", spec.tag, tag);
        let tagged = theirs["taggedVersions"]
            .as_str()
            .map_or(Versions::NONE, versions);
        let ours_tagged = spec.tag.map_or(Versions::NONE, |_| spec.versions);
        self.same(path, "taggedVersions", ours_tagged, tagged);
        // What counts is when a null can be met: in versions that the message and the field have.
        let met = present.overlap(parent).overlap(self.schema.versions);
        let nullable = theirs["nullableVersions"]
            .as_str()
            .map_or(Versions::NONE, versions);
        let (ours_null, null) = (spec.nullable.overlap(met), nullable.overlap(met));
        if !(ours_null.is_empty() && null.is_empty()) {
            self.same(path, "nullableVersions", ours_null, null);
        }
        self.same(
            path,
            "nullable at all",
            spec.nullable.is_empty(),
            nullable.is_empty(),
        );
        self.same(
            path,
            "ignorable",
            spec.ignorable,
            theirs["ignorable"] == true,
        );
        self.same(
            path,
            "classic",
            spec.classic,
            theirs["flexibleVersions"] == "none",
        );
        self.default(path, ours, theirs);
        self.kind(path, &ours.kind, text_of(theirs, "type"), theirs, met);
    }

    fn default(&mut self, path: &str, ours: &Field, theirs: &Value) {
        let text = match &theirs["default"] {
            Value::String(text) => text.to_lowercase(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        // A records field without a default is null in Kafka's generated code.
        let records = ours.kind == Type::Records && text.is_empty();
        let null = text == "null" || records;
        self.same(
            path,
            "default null",
            ours.spec.default == Some("null"),
            null,
        );
        let number = match text.as_str() {
            "" | "null" | "false" => 0,
            "true" => 1,
            _ => text.strip_prefix("0x").map_or_else(
                || text.parse().unwrap(),
                |digits| i64::from_str_radix(digits, 16).unwrap(),
            ),
        };
        self.same(path, "default", default_number(ours), number);
    }

    fn kind(&mut self, path: &str, ours: &Type, name: &'d str, theirs: &'d Value, met: Versions) {
        if let Some(element) = name.strip_prefix("[]") {
            match ours {
                Type::Array(ours) => self.kind(path, ours, element, theirs, met),
                _ => self.differ(path, format!("type {ours:?}, Kafka {name}")),
            }
            return;
        }
        if let Type::Struct(fields) = ours {
            let found = theirs["fields"].as_array().map(Vec::as_slice);
            let found = found
                .or(self.common.get(name).copied())
                .or(self.nested.get(name).copied());
            match found {
                Some(theirs) => {
                    self.nested.insert(name, theirs);
                    self.all_fields(path, fields, theirs, met);
                }
                None => self.differ(path, format!("a struct, Kafka {name}")),
            }
            return;
        }
        self.same(
            path,
            "type",
            format!("{ours:?}").to_lowercase().as_str(),
            name,
        );
    }

    fn same<T: PartialEq + std::fmt::Debug>(&mut self, path: &str, what: &str, ours: T, theirs: T) {
        if ours != theirs {
            self.differ(path, format!("{what} {ours:?}, Kafka {theirs:?}"));
        }
    }

    fn differ(&mut self, path: &str, difference: String) {
        self.differences
            .push(format!("{}{path}: {difference}", self.schema.name));
    }
}

/// Tagged fields are written in the order of their tags wherever they are defined, so the tables
/// have them in that order; the places among the other fields stay.
fn in_wire_order(fields: &[Value]) -> Vec<&Value> {
    let mut tagged: Vec<_> = fields
        .iter()
        .filter(|field| field["tag"].is_u64())
        .collect();
    tagged.sort_by_key(|field| field["tag"].as_u64());
    let mut tagged = tagged.into_iter();
    let mut ordered = Vec::new();
    for field in fields {
        let is_tagged = field["tag"].is_u64();
        ordered.extend(if is_tagged {
            tagged.next()
        } else {
            Some(field)
        });
    }
    ordered
}

/// `ThrottleTimeMs` and `throttle_time_ms` alike.
fn plain(name: &str) -> String {
    name.trim_start_matches("r#")
        .replace('_', "")
        .to_lowercase()
}

fn versions(text: &str) -> Versions {
    let number = |text: &str| text.parse().unwrap();
    match (text, text.strip_suffix('+'), text.split_once('-')) {
        ("none", _, _) => Versions::NONE,
        (_, Some(first), _) => Versions::since(number(first)),
        (_, _, Some((first, last))) => Versions::between(number(first), number(last)),
        _ => Versions::between(number(text), number(text)),
    }
}

fn text_of<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("no {key} in {value}"))
}

fn list_of<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}
