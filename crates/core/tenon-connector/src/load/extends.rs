//! `extends`: a manifest that takes everything from another one and says what is different.

use serde_json::Value;
use tenon_domain::document::Finding;

use super::finder::shown;

/// The deepest chain of `extends`.
const CHAIN_MAX: usize = 8;

/// Manifests that others may extend, as they were written.
pub trait Bases: Sync {
    /// The manifest of this name.
    fn manifest(&self, name: &str) -> Option<Value>;
}

/// Nothing can be extended.
#[derive(Debug, Clone, Copy)]
pub struct NoBases;

impl Bases for NoBases {
    fn manifest(&self, _: &str) -> Option<Value> {
        None
    }
}

/// The manifest with everything that it takes from others.
pub(super) fn resolve(value: Value, bases: &dyn Bases) -> Result<Value, Finding> {
    let mut chain: Vec<Value> = vec![value];
    let mut seen: Vec<String> = Vec::new();
    while let Some(name) = chain.last().and_then(|value| value["extends"].as_str()) {
        let name = name.to_owned();
        if seen.contains(&name) || chain[0]["name"].as_str() == Some(&name) {
            let message = format!("extending \"{}\" comes back to it", shown(&name));
            return Err(Finding::new("extends_cycle", "/extends", message)
                .help("extend a connector that does not extend this one"));
        }
        if chain.len() > CHAIN_MAX {
            let message = format!("more than {CHAIN_MAX} connectors extend each other");
            return Err(Finding::new("extends_cycle", "/extends", message));
        }
        let Some(base) = bases.manifest(&name) else {
            let message = format!("there is no connector \"{}\" to extend", shown(&name));
            return Err(Finding::new("unknown_base", "/extends", message)
                .help("only connectors that come with Tenon can be extended"));
        };
        seen.push(name);
        chain.push(base);
    }
    // The last one extends nothing and is taken as it is: null has a meaning of its own in it.
    let mut merged = chain.pop().unwrap_or_default();
    while let Some(patch) = chain.pop() {
        merge(&mut merged, patch);
    }
    Ok(merged)
}

/// RFC 7396.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(members) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            members.shift_remove(&key);
        } else {
            merge(members.entry(key).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_examples_of_rfc_7396_come_out() {
        for (mut target, patch, merged) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a": "b"}), json!(["c"]), json!(["c"])),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            merge(&mut target, patch);
            assert_eq!(target, merged);
        }
    }
}
