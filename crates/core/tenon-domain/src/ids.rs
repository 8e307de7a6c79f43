//! Identifiers as types, so that no two of them can be swapped.
//!
//! UUID v7 where order in time helps (runs), v4 for whatever an SDK client sees as an id.

use std::fmt;
use std::str::FromStr;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use uuid::{ContextV7, Uuid};

use crate::clock::Clock;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $new:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
            schemars::JsonSchema,
        )]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Draws a fresh id.
            #[must_use]
            #[expect(clippy::new_without_default, reason = "a default id would be a surprise")]
            pub fn new() -> Self {
                Self(Uuid::$new())
            }

            /// Wraps an id that was made elsewhere.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID inside.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::from_str(text).map(Self)
            }
        }
    };
}

uuid_id!(
    /// A project: one environment of one builder's app. Everything is scoped by it.
    ProjectId,
    new_v4
);
uuid_id!(
    /// A workflow, stable over its versions.
    WorkflowId,
    new_v4
);
uuid_id!(
    /// One immutable version of a workflow.
    VersionId,
    new_v4
);
uuid_id!(
    /// One run of a workflow version. Version 7: ids sort by the time of acceptance.
    RunId,
    now_v7
);

/// Makes ids of runs sort by their making within a millisecond, too.
static RUN_IDS: Mutex<ContextV7> = Mutex::new(ContextV7::new());

impl RunId {
    /// Draws the id of a run that is accepted now, by the clock that all processes share: runs
    /// with one ordering key go by their ids.
    #[must_use]
    pub fn accepted_now(clock: &dyn Clock) -> Self {
        let now = clock.now();
        let seconds = u64::try_from(now.as_second()).unwrap_or_default();
        let nanos = u32::try_from(now.subsec_nanosecond()).unwrap_or_default();
        Self(Uuid::new_v7(uuid::Timestamp::from_unix(&RUN_IDS, seconds, nanos)))
    }

    /// When it was drawn, in milliseconds; `None` where it was made some other way.
    #[must_use]
    pub fn drawn_at(self) -> Option<jiff::Timestamp> {
        let (seconds, nanos) = self.0.get_timestamp()?.to_unix();
        jiff::Timestamp::new(i64::try_from(seconds).ok()?, i32::try_from(nanos).ok()?).ok()
    }

    /// The smallest id of a run that is drawn at a time.
    #[must_use]
    pub fn first_at(at: jiff::Timestamp) -> Self {
        let millis = u64::try_from(at.as_millisecond()).unwrap_or_default();
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid())
    }
}
uuid_id!(
    /// An API key of a project. The id may be shown; the key may not.
    ApiKeyId,
    new_v4
);

uuid_id!(
    /// A connector that a project has switched on, with the builder's own OAuth app.
    IntegrationId,
    new_v4
);
uuid_id!(
    /// A connected account: one connected user's credential for one integration.
    CredentialId,
    new_v4
);
uuid_id!(
    /// One set of settings of a credential; every credential has a default one.
    ConfigurationId,
    new_v4
);
uuid_id!(
    /// A value in the vault. Everything outside the vault holds this and never the value.
    SecretId,
    new_v4
);
uuid_id!(
    /// One attempt of a connected user to link an account; ends when the provider calls back.
    ConnectSessionId,
    new_v4
);

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
            schemars::JsonSchema,
        )]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps text that was checked at the edge.
            #[must_use]
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text inside.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

text_id!(
    /// The builder's own id of a connected user; any text of 1 to 255 bytes.
    EndUserId
);
text_id!(
    /// The name of a step inside its workflow: `[a-z][a-z0-9_]{0,62}`.
    StepId
);
text_id!(
    /// The name of a job queue. One queue a project, named after it.
    QueueName
);

impl QueueName {
    /// The queue of a project.
    #[must_use]
    pub fn of_project(project: ProjectId) -> Self {
        Self(project.to_string())
    }
}
