//! As much of JSON Schema (2020-12) as the description of the API uses. Whatever else it used would panic.

use serde_json::{Map, Value};

/// What is wrong with a value, each with its place; nothing where it fits.
pub(crate) fn misfits(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    look(document, schema, value, "$", &mut found);
    found
}

fn look(document: &Value, schema: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
    for (key, wanted) in schema.as_object().unwrap_or_else(|| panic!("{place}: {schema} is no schema")) {
        match key.as_str() {
            "description" | "additionalProperties" | "required" => {}
            "$ref" => {
                let path = wanted.as_str().unwrap().strip_prefix('#').unwrap();
                let named = document.pointer(path).unwrap_or_else(|| panic!("nothing is at {path}"));
                look(document, named, value, place, found);
            }
            "type" => {
                let fits = match wanted.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "integer" => value.is_i64() || value.is_u64(),
                    "null" => value.is_null(),
                    other => panic!("type {other}"),
                };
                if !fits {
                    found.push(format!("{place}: {value} is no {wanted}"));
                }
            }
            "format" => {
                let time = value.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok());
                assert_eq!(wanted, "date-time");
                if !time {
                    found.push(format!("{place}: {value} is no time"));
                }
            }
            "minimum" | "maximum" | "pattern" => {}
            "const" if value == wanted => {}
            "enum" if wanted.as_array().unwrap().contains(value) => {}
            "const" | "enum" => found.push(format!("{place}: {value} is not {wanted}")),
            "items" => {
                for (at, item) in value.as_array().into_iter().flatten().enumerate() {
                    look(document, wanted, item, &format!("{place}[{at}]"), found);
                }
            }
            "properties" => properties(document, schema, wanted.as_object().unwrap(), value, place, found),
            "anyOf" | "oneOf" => {
                let forms = wanted.as_array().unwrap().iter().map(|form| misfits(document, form, value));
                let forms: Vec<Vec<String>> = forms.collect();
                let fitting = forms.iter().filter(|misfits| misfits.is_empty()).count();
                if fitting == 0 || (key == "oneOf" && fitting > 1) {
                    found.push(format!("{place}: {value} fits {fitting} forms: {forms:?}"));
                }
            }
            other => panic!("{place}: this knows no `{other}`"),
        }
    }
}

fn properties(
    document: &Value,
    schema: &Value,
    known: &Map<String, Value>,
    value: &Value,
    place: &str,
    found: &mut Vec<String>,
) {
    let Some(object) = value.as_object() else { return };
    for required in schema["required"].as_array().into_iter().flatten() {
        if !object.contains_key(required.as_str().unwrap()) {
            found.push(format!("{place}: {required} is missing"));
        }
    }
    for (name, value) in object {
        match known.get(name) {
            Some(schema) => look(document, schema, value, &format!("{place}.{name}"), found),
            None => found.push(format!("{place}: {name} is not described")),
        }
    }
}
