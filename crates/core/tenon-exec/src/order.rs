//! In what order runs go: what a workflow's document asks for becomes the order of a job, once,
//! when it is accepted.
//!
//! A lane lives in the queue of its project. The lane of an ordering key is that of all workflows of
//! the project with the same key; that of a `concurrency` belongs to one workflow.

use std::borrow::Cow;

use serde_json::Value;
use sha2::{Digest, Sha256};
use tenon_domain::workflow::{self, RunOrder};
use tenon_domain::{EndUserId, WorkflowId};
use tenon_expr::{EvalError, Reference, Scope, Segment, resolve_path};

use crate::ports::queue::{Lane, LaneRule, Priority};
use crate::ports::store::{Installation, JobOrder};

/// The longest ordering key where no setting says otherwise, in bytes.
pub const KEY_BYTES_MAX: usize = 512;

/// What is known of a run before it is accepted.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// What started it, at `{{trigger}}`.
    pub trigger: &'a Value,
    /// For whom it is.
    pub user: Option<&'a EndUserId>,
    /// The account and settings that it is for.
    pub installation: Option<&'a Installation>,
}

/// The ordering key of a workflow gives nothing that runs could be ordered by. The run is not to be
/// accepted: without its key it could overtake the others.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnusableKey {
    /// It could not be evaluated.
    #[error("the ordering key of the workflow could not be evaluated: {0}")]
    Failed(String),
    /// It is not one value.
    #[error("the ordering key of the workflow is {0}; it must be a text, a number or a boolean")]
    NotOneValue(&'static str),
    /// It is too long.
    #[error("the ordering key of the workflow has {bytes} bytes, at most {max} are allowed")]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
        /// The limit, in bytes.
        max: usize,
    },
}

/// The order of a run of this workflow.
///
/// # Errors
/// [`UnusableKey`].
pub fn order_of(
    rules: &RunOrder,
    workflow: WorkflowId,
    facts: Facts<'_>,
    key_bytes_max: usize,
) -> Result<JobOrder, UnusableKey> {
    let priority = match rules.priority {
        workflow::Priority::High => Priority::High,
        workflow::Priority::Normal => Priority::Normal,
        workflow::Priority::Low => Priority::Low,
    };
    let lane = match (&rules.ordering_key, rules.concurrency) {
        (Some(source), _) => {
            let value = source.eval(&facts).map_err(|error| UnusableKey::Failed(error.message))?;
            let key = text_of(value, key_bytes_max)?;
            key.map(|key| Lane { key: digest(b"key", key.as_bytes()), rule: LaneRule::InOrder })
        }
        (None, Some(most)) => Some(Lane {
            key: digest(b"workflow", workflow.uuid().as_bytes()),
            rule: LaneRule::AtMost(most.max(1)),
        }),
        (None, None) => None,
    };
    Ok(JobOrder { priority, lane })
}

/// The key as text; `None` for a run that waits for no other.
fn text_of(value: Value, max: usize) -> Result<Option<String>, UnusableKey> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::String(text) if text.is_empty() => return Ok(None),
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        Value::Bool(is_true) => is_true.to_string(),
        Value::Array(_) => return Err(UnusableKey::NotOneValue("a list")),
        Value::Object(_) => return Err(UnusableKey::NotOneValue("an object")),
    };
    match text.len() {
        bytes if bytes > max => Err(UnusableKey::TooLong { bytes, max }),
        _ => Ok(Some(text)),
    }
}

/// The first half of a SHA-256: two keys of one project do not meet by chance.
fn digest(kind: &[u8], content: &[u8]) -> [u8; 16] {
    let whole = Sha256::new().chain_update(kind).chain_update([0]).chain_update(content).finalize();
    let mut half = [0; 16];
    half.copy_from_slice(&whole[..16]);
    half
}

impl Scope for Facts<'_> {
    fn get(&self, reference: &Reference) -> Result<Option<Cow<'_, Value>>, EvalError> {
        let field = match reference.path.first() {
            Some(Segment::Key(key)) => key.as_str(),
            _ => "",
        };
        let text = match (reference.root.as_str(), field) {
            ("trigger", _) => {
                return Ok(resolve_path(self.trigger, &reference.path).map(Cow::Borrowed));
            }
            ("user", "id") => self.user.map(|user| user.as_str().to_owned()),
            ("run", "account") => self.installation.map(|it| it.credential.to_string()),
            ("run", "configuration") => self.installation.map(|it| it.configuration.to_string()),
            _ => None,
        };
        Ok(text.filter(|_| reference.path.len() == 1).map(|text| Cow::Owned(Value::String(text))))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;
    use tenon_domain::{ConfigurationId, CredentialId};
    use tenon_expr::Source;

    use super::*;
    use crate::ports::history::Payload;

    fn keyed(key: &str) -> RunOrder {
        let source = Source::compile(&json!(key)).expect("it compiles");
        RunOrder { ordering_key: Some(source), ..RunOrder::default() }
    }

    fn of(rules: &RunOrder, trigger: &Value) -> Result<JobOrder, UnusableKey> {
        let facts = Facts { trigger, user: None, installation: None };
        order_of(rules, WorkflowId::new(), facts, 20)
    }

    fn lane(rules: &RunOrder, trigger: &Value) -> Option<Lane> {
        of(rules, trigger).expect("the key is usable").lane
    }

    #[test]
    fn without_a_word_a_job_has_no_order_of_its_own() {
        assert_eq!(of(&RunOrder::default(), &json!({})), Ok(JobOrder::default()));
    }

    #[test]
    fn the_same_key_is_the_same_lane_whatever_the_workflow() {
        let rules = keyed("{{trigger.event.id}}");
        let one = lane(&rules, &json!({ "event": { "id": "a" } })).expect("it has a lane");
        assert_eq!(one.rule, LaneRule::InOrder);
        assert_eq!(lane(&rules, &json!({ "event": { "id": "a", "x": 1 } })), Some(one));
        assert_eq!(lane(&keyed("a"), &json!({})), Some(one));
        assert_ne!(lane(&rules, &json!({ "event": { "id": "b" } })), Some(one));
        let number = lane(&rules, &json!({ "event": { "id": 7 } }));
        assert_eq!(number, lane(&rules, &json!({ "event": { "id": "7" } })));
    }

    #[test]
    fn nothing_is_no_key() {
        let rules = keyed("{{trigger.event.id}}");
        for event in [json!({}), json!({ "id": null }), json!({ "id": "" })] {
            assert_eq!(lane(&rules, &json!({ "event": event })), None);
        }
    }

    #[test]
    fn what_is_no_single_short_value_is_refused() {
        let rules = keyed("{{trigger.event.id}}");
        let refused =
            |id: Value| of(&rules, &json!({ "event": { "id": id } })).expect_err("no key");
        assert_eq!(refused(json!([1])), UnusableKey::NotOneValue("a list"));
        assert_eq!(refused(json!({})), UnusableKey::NotOneValue("an object"));
        assert_eq!(refused(json!("x".repeat(21))), UnusableKey::TooLong { bytes: 21, max: 20 });
        let failing = keyed("{{number(trigger.event.id)}}");
        let error = of(&failing, &json!({ "event": { "id": "x" } })).expect_err("no number");
        assert!(matches!(error, UnusableKey::Failed(_)), "{error}");
    }

    #[test]
    fn a_concurrency_is_a_lane_of_its_workflow() {
        let rules = RunOrder { concurrency: Some(3), ..RunOrder::default() };
        let (nothing, id) = (json!({}), WorkflowId::new());
        let facts = Facts { trigger: &nothing, user: None, installation: None };
        let of = |id| order_of(&rules, id, facts, 20).expect("no key").lane.expect("a lane");
        assert_eq!(of(id).rule, LaneRule::AtMost(3));
        assert_eq!(of(id), of(id));
        assert_ne!(of(id).key, of(WorkflowId::new()).key);
    }

    #[test]
    fn the_user_and_the_account_can_be_the_key() {
        let (nothing, user) = (json!({}), EndUserId::new("ada"));
        let installation = Installation {
            credential: CredentialId::new(),
            configuration: ConfigurationId::new(),
            values: Payload::Inline(Bytes::from_static(b"{}")),
        };
        let facts =
            Facts { trigger: &nothing, user: Some(&user), installation: Some(&installation) };
        let lane =
            |key: &str| order_of(&keyed(key), WorkflowId::new(), facts, 100).expect("usable").lane;
        assert_eq!(lane("{{user.id}}"), lane("ada"));
        assert_eq!(lane("{{run.account}}"), lane(&installation.credential.to_string()));
        assert_eq!(lane("{{run.configuration}}"), lane(&installation.configuration.to_string()));
        assert!(lane("{{run.account}}").is_some());
    }
}
