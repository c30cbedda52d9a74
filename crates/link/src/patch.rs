use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Conditions;

/// Changes to some keys of [`Conditions`], which leave the others as they are (RFC 7396, a JSON merge patch).
///
/// # Examples
/// ```
/// use rackless_link::{Conditions, Patch};
///
/// let slow = Conditions { rate: Some("1 Mbit/s".parse()?), ..Conditions::default() };
/// let patch: Patch = serde_json::from_str(r#"{"delay": "10 ms"}"#)?;
/// let slow_and_late = patch.apply(&slow)?;
/// assert_eq!((slow_and_late.rate, slow_and_late.delay), (slow.rate, "10 ms".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Patch(Map<String, Value>);

/// What a table says first.
const FIRST: [&str; 3] = ["kind", "probability", "spread"];

impl Patch {
    /// Makes the patch that turns perfect conditions into `conditions`.
    pub fn of(conditions: &Conditions) -> Self {
        match serde_json::to_value(conditions) {
            Ok(Value::Object(map)) => Self(map),
            _ => unreachable!("conditions are a table of texts and numbers"),
        }
    }

    /// Sets a key; `null` takes it back to its default.
    pub fn set(&mut self, key: impl Into<String>, value: Value) {
        self.0.insert(key.into(), value);
    }

    /// Returns the value that a key is set to.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// Returns whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns a patch that does what `self` does and then what `later` does.
    #[must_use]
    pub fn then(mut self, later: &Self) -> Self {
        self.0.extend(later.0.iter().map(|(key, value)| (key.clone(), value.clone())));
        self
    }

    /// Returns the patch that takes back what this one does to `before`.
    #[must_use]
    pub fn undo(&self, before: &Conditions) -> Self {
        let before = Self::of(before).0;
        // A rate has taken the place of a trace, or the other way round.
        let swapped =
            ["rate", "trace"].iter().filter(|_| self.0.contains_key("rate") || self.0.contains_key("trace"));
        let keys = self.0.keys().map(String::as_str).chain(swapped.copied());
        Self(keys.map(|key| (key.to_owned(), before.get(key).cloned().unwrap_or(Value::Null))).collect())
    }

    /// Returns `conditions` with the changes made.
    ///
    /// # Errors
    /// A key is unknown, or its value has not the form it needs; the text says what is allowed.
    pub fn apply(&self, conditions: &Conditions) -> Result<Conditions, serde_json::Error> {
        let mut map = Self::of(conditions).0;
        for (key, value) in &self.0 {
            match value {
                Value::Null => map.remove(key),
                value => map.insert(key.clone(), value.clone()),
            };
        }
        // A rate takes the place of a trace, and the other way round.
        for (given, other) in [("rate", "trace"), ("trace", "rate")] {
            if self.0.contains_key(given) && !self.0.contains_key(other) {
                map.remove(other);
            }
        }
        serde_json::from_value(Value::Object(map))
    }
}

impl fmt::Display for Patch {
    /// Writes each key and its value as `link set` takes them, such as `delay 10 ms, loss 1 %`; nothing if nothing
    /// changes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (key, value)) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            match value {
                Value::String(text) => write!(f, "{comma}{key} {text}")?,
                Value::Null => write!(f, "{comma}no {key}")?,
                Value::Array(list) => write!(f, "{comma}{key} of {} entries", list.len())?,
                Value::Object(table) => {
                    // JSON and TOML write texts, numbers and truths alike.
                    let (first, others): (Vec<_>, Vec<_>) =
                        table.iter().partition(|(key, _)| FIRST.contains(&key.as_str()));
                    let entries = first.into_iter().chain(others);
                    let entries = entries.map(|(key, value)| format!("{key} = {value}"));
                    write!(f, "{comma}{key} {{ {} }}", entries.collect::<Vec<_>>().join(", "))?;
                }
                other => write!(f, "{comma}{key} {other}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset;

    #[test]
    fn a_patch_of_all_keys_turns_a_perfect_cable_into_any_other() {
        for preset in crate::presets() {
            for conditions in [preset.up, preset.down] {
                assert_eq!(Patch::of(&conditions).apply(&Conditions::default()).ok(), Some(conditions));
            }
        }
    }

    #[test]
    fn the_keys_are_those_that_are_read() {
        let error = serde_json::from_str::<Conditions>(r#"{"x": 1}"#).unwrap_err().to_string();
        let names: Vec<&str> = error.split('`').skip(1).step_by(2).skip(1).collect();
        assert_eq!(names, Conditions::KEYS);
    }

    #[test]
    fn a_patch_is_undone_also_where_a_rate_took_the_place_of_a_trace() {
        let trace =
            serde_json::from_str::<Conditions>(r#"{"trace": [1, 2], "delay": "5 ms"}"#).expect("it fits");
        let patch: Patch = serde_json::from_str(r#"{"rate": "1 Mbit/s", "loss": "1 %"}"#).expect("it fits");
        let after = patch.apply(&trace).expect("it fits");
        assert_eq!((after.trace.as_ref(), after.rate.is_some()), (None, true));
        assert_eq!(patch.undo(&trace).apply(&after).ok(), Some(trace));
    }

    #[test]
    fn a_patch_is_shown_in_words() {
        let text = r#"{"delay": "10 ms", "jitter": {"spread": "1 ms", "overtake": true}, "mtu": 1400, "rate": null}"#;
        let patch: Patch = serde_json::from_str(text).expect("it fits");
        assert_eq!(
            patch.to_string(),
            "delay 10 ms, jitter { spread = \"1 ms\", overtake = true }, mtu 1400, no rate"
        );
    }

    #[test]
    fn null_takes_a_key_back_and_a_wrong_value_is_told() {
        let slow = preset("3g").expect("a preset").up;
        let mut patch = Patch::default();
        patch.set("rate", Value::Null);
        assert_eq!(patch.apply(&slow).expect("it fits").rate, None);
        patch.set("delay", "10".into());
        assert!(patch.apply(&slow).unwrap_err().to_string().contains("has no unit"));
        let mut unknown = Patch::default();
        unknown.set("dely", "10 ms".into());
        assert!(unknown.apply(&slow).unwrap_err().to_string().contains("unknown field `dely`"));
    }
}
