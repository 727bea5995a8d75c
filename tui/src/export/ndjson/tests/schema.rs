//! The lines against the schema in `assets/stream.schema.json`.

use serde_json::{Map, Value};

use super::*;
use crate::report::{Summary, write_json};
use crate::synthetic::{Synthetic, session as synthetic_session};

const SCHEMA_FILE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../assets/stream.schema.json"
));

/// The part of JSON Schema that the file uses. Beyond it, a member that the schema
/// does not describe is a fault: what is written must be documented.
struct Schema(Value);

impl Schema {
    fn check(&self, value: &Value) -> Result<(), String> {
        self.against(&self.0, value, "")
    }

    fn against(&self, schema: &Value, value: &Value, place: &str) -> Result<(), String> {
        let mut schema = schema;
        if let Some(reference) = schema["$ref"].as_str() {
            schema = self.0.pointer(&reference[1..]).unwrap();
        }
        for (keyword, rule) in schema.as_object().unwrap() {
            let fault = |what: &str| Err(format!("{place}: {what} {rule}: {value}"));
            match keyword.as_str() {
                "$schema" | "$id" | "$defs" | "title" | "description" => {}
                "required" => {
                    for name in rule.as_array().unwrap() {
                        if value.get(name.as_str().unwrap()).is_none() {
                            return Err(format!("{place}: {name} is missing: {value}"));
                        }
                    }
                }
                "properties" => {
                    for (name, member) in value.as_object().unwrap_or(&Map::new()) {
                        let rule = rule.get(name).ok_or_else(|| {
                            format!("{place}: {name} is not in the schema: {value}")
                        })?;
                        self.against(rule, member, &format!("{place}/{name}"))?;
                    }
                }
                "items" => {
                    for item in value.as_array().into_iter().flatten() {
                        self.against(rule, item, &format!("{place}[]"))?;
                    }
                }
                "oneOf" => {
                    let kind = |schema: &Value| {
                        let name = schema["$ref"].as_str().unwrap();
                        self.0.pointer(&name[1..]).unwrap()["properties"]["type"]["const"].clone()
                    };
                    let rules = rule.as_array().unwrap();
                    let Some(rule) = rules.iter().find(|rule| kind(rule) == value["type"]) else {
                        return Err(format!("no such type of line: {value}"));
                    };
                    self.against(rule, value, place)?;
                }
                "const" if rule != value => return fault("is not"),
                "enum" if !rule.as_array().unwrap().contains(value) => return fault("is none of"),
                "minimum" if value.as_f64() < rule.as_f64() => return fault("is below"),
                "const" | "enum" | "minimum" => {}
                "type" => {
                    let is = match rule.as_str().unwrap() {
                        "object" => value.is_object(),
                        "array" => value.is_array(),
                        "string" => value.is_string(),
                        "integer" => value.is_u64(),
                        "number" => value.is_number(),
                        "boolean" => value.is_boolean(),
                        other => panic!("type {other}"),
                    };
                    if !is {
                        return fault("is no");
                    }
                }
                "format" => {
                    let text = value.as_str().unwrap();
                    if text.parse::<jiff::Timestamp>().is_err() {
                        return fault("is no");
                    }
                }
                other => panic!("the schema has a keyword that nobody checks: {other}"),
            }
        }
        Ok(())
    }
}

#[test]
fn every_line_is_as_the_schema_says() {
    let schema = Schema(serde_json::from_str(SCHEMA_FILE).unwrap());
    assert_eq!(
        schema.0["$defs"]["start"]["properties"]["schema"]["const"],
        super::super::SCHEMA
    );
    let mut synthetic = Synthetic::new(3, 200);
    synthetic.untracked = 7;
    let story = synthetic.story(60).into_iter();
    let mut events: Vec<_> = story.map(|envelope| envelope.event).collect();
    events.insert(
        1,
        Event::Notice(Notice {
            at: Duration::from_millis(1),
            level: Level::Warning,
            text: "a program came in front".to_owned(),
        }),
    );
    let index = match &events[0] {
        Event::Devices(devices) => {
            let is_watched = |it: &&Device| matches!(it.watch, Watch::Yes { .. });
            devices.iter().find(is_watched).unwrap().index
        }
        other => panic!("the story begins with {other:?}"),
    };
    events.push(lookups::of_all_kinds(index));
    let failed = Watch::Failed(WatchFailure::Other("no hook".to_owned()));
    events.push(Event::Devices(vec![
        device("tun0", 9, failed),
        device("lab0", 8, Watch::Gone { slot: 0 }),
    ]));
    events.push(Event::Ended(EndReason::Silent));
    let mut output = Vec::new();
    let selection = Selection {
        packets: true,
        ..Selection::default()
    };
    let mut sink = Ndjson::new(synthetic_session(), &mut output, selection);
    for event in events {
        sink.event(&event.into()).unwrap();
    }
    sink.lost(3).unwrap();
    sink.finish().unwrap();
    drop(sink);
    let (summary, time) = (Summary::default(), jiff::Timestamp::UNIX_EPOCH);
    write_json(&mut output, &[], &summary, time, time).unwrap();
    let mut kinds = std::collections::BTreeSet::new();
    let mut lookups = 0;
    for line in String::from_utf8(output).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        schema.check(&line).unwrap();
        lookups += usize::from(line["type"] == "lookup");
        kinds.insert(line["type"].as_str().unwrap().to_owned());
    }
    assert_eq!(lookups, 3);
    let all = schema.0["oneOf"].as_array().unwrap().len();
    assert_eq!(kinds.len(), all, "only {kinds:?} were tried");
}
