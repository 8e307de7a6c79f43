//! Settings: the values that a user, or the builder's app, gave for inputs.
//!
//! What is stored may be older than the inputs: an input may be gone, or of another kind by now.
//! So a stored value counts only as long as it fits.

use std::str::FromStr as _;

use serde_json::{Map, Value, json};

use super::inputs::{Input, InputKind};
use super::values;
use crate::ids::SecretId;

/// The member that a stored password has in place of its text.
pub(super) const SECRET_MEMBER: &str = "$secret";

/// What is wrong with the value of one input. It never holds the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingFault {
    /// The input.
    pub input: String,
    /// For machines: `unknown_setting`, `required`, `wrong_type`, `too_long`, `not_an_option`,
    /// `invalid_email` or `invalid_url`.
    pub code: &'static str,
    /// For people, to be read after the input's title: "must be a number".
    pub message: String,
}

/// Checks values that somebody gave. Null, and the empty text, take a value away.
///
/// # Errors
/// Every value that does not fit, and every name that is no input.
pub fn check_settings(
    inputs: &[Input],
    given: &Map<String, Value>,
) -> Result<(), Vec<SettingFault>> {
    let faults: Vec<SettingFault> =
        given.iter().filter_map(|(name, value)| fault_of(inputs, name, value)).collect();
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

fn fault_of(inputs: &[Input], name: &str, value: &Value) -> Option<SettingFault> {
    let Some(input) = inputs.iter().find(|input| input.id == name) else {
        return Some(SettingFault {
            input: name.chars().take(80).collect(),
            code: "unknown_setting",
            message: "is not an input".to_owned(),
        });
    };
    let misfit = values::check(&input.kind, value).err()?;
    Some(SettingFault { input: input.id.clone(), code: misfit.code, message: misfit.message })
}

/// The value of each input that has one: the stored one where it fits, else the default.
#[must_use]
pub fn filled(inputs: &[Input], stored: &Map<String, Value>) -> Map<String, Value> {
    let value = |input: &Input| {
        let held = stored.get(&input.id).filter(|value| fits(input, value));
        let value = held.or_else(|| input.default.as_ref().filter(|it| !values::is_nothing(it)))?;
        Some((input.id.clone(), value.clone()))
    };
    inputs.iter().filter_map(value).collect()
}

/// The required inputs that have no value, given or by default.
#[must_use]
pub fn missing<'a>(inputs: &'a [Input], stored: &Map<String, Value>) -> Vec<&'a Input> {
    let filled = filled(inputs, stored);
    inputs.iter().filter(|input| input.required && !filled.contains_key(&input.id)).collect()
}

/// What is stored in place of a password.
#[must_use]
pub fn secret_setting(secret: SecretId) -> Value {
    json!({ SECRET_MEMBER: secret })
}

/// The secret that a stored value stands for, if it stands for one.
#[must_use]
pub fn secret_of_setting(stored: &Value) -> Option<SecretId> {
    let members = stored.as_object().filter(|members| members.len() == 1)?;
    SecretId::from_str(members.get(SECRET_MEMBER)?.as_str()?).ok()
}

/// Whether a stored value is one of this input. Passwords are stored by their secret only.
fn fits(input: &Input, value: &Value) -> bool {
    match input.kind {
        InputKind::Password {} => secret_of_setting(value).is_some(),
        _ => !values::is_nothing(value) && values::check(&input.kind, value).is_ok(),
    }
}
