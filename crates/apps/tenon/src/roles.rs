//! The roles of a process: what each does, and which stores it may open.
//!
//! `tenon server --roles all` runs every role in one process. The table is the security boundary
//! in words: what a role may not open is not even built in a process without a role that may.

mod accounts;
mod calls;
mod cluster;
mod configuration;
mod duties;
mod faults;
mod listening;
pub(crate) mod measured_vault;
mod monitoring;
mod plan_requests;
mod process;
mod readiness;
mod shared;
mod triggering;
mod vault;
mod worker;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

pub(crate) use vault::{VaultRole, ensure_development_keys, write_new_key};

pub use process::{Parts, Running, VaultDatabases, start};
pub use shared::open_blobs;

/// One role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Configuration plane: the management API.
    Api,
    /// Takes work in.
    Gateway,
    /// Runs workflow steps and records their results.
    Worker,
    /// Schedules, reconciliation, retention.
    Controller,
    /// Calls providers for the builder's app, with the users' credentials.
    Proxy,
    /// Seals, opens and rotates secrets; the only role that sees keys.
    Vault,
}

/// A store that a role may open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Store {
    /// Projects, workflows, users, keys.
    ConfigDatabase,
    /// Jobs, results, runs.
    ExecutionDatabase,
    /// The log of proxy calls in the execution database, to append to and nothing else.
    CallLog,
    /// Queues, messages between processes, plans.
    Coordination,
    /// Large values.
    Blobs,
    /// The network outside.
    Egress,
    /// The vault, by asking the role `vault`.
    VaultClient,
    /// Sealed values.
    VaultValues,
    /// Wrapped keys, the audit and the root key.
    VaultKeys,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 6] =
        [Self::Api, Self::Gateway, Self::Worker, Self::Controller, Self::Proxy, Self::Vault];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Gateway => "gateway",
            Self::Worker => "worker",
            Self::Controller => "controller",
            Self::Proxy => "proxy",
            Self::Vault => "vault",
        }
    }

    /// The stores that it may open.
    #[must_use]
    pub const fn stores(self) -> &'static [Store] {
        use Store::{
            Blobs, CallLog, ConfigDatabase, Coordination, Egress, ExecutionDatabase, VaultClient,
            VaultKeys, VaultValues,
        };
        match self {
            Self::Api => {
                &[ConfigDatabase, ExecutionDatabase, Coordination, Blobs, VaultClient, Egress]
            }
            // Of the vault, what providers' webhooks are signed with and nothing else.
            Self::Gateway => &[ExecutionDatabase, Coordination, Blobs, VaultClient],
            Self::Controller => &[ExecutionDatabase, Coordination, Blobs],
            Self::Worker => &[ExecutionDatabase, Coordination, Blobs, VaultClient, Egress],
            Self::Proxy => &[Coordination, VaultClient, Egress, CallLog],
            Self::Vault => &[VaultValues, VaultKeys],
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The roles of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles(BTreeSet<Role>);

impl Roles {
    /// Every role.
    #[must_use]
    pub fn all() -> Self {
        Self(Role::ALL.into_iter().collect())
    }

    /// The roles, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = Role> + '_ {
        self.0.iter().copied()
    }

    /// Whether a role is among them.
    #[must_use]
    pub fn has(&self, role: Role) -> bool {
        self.0.contains(&role)
    }

    /// Whether any of them may open a store.
    #[must_use]
    pub fn may_open(&self, store: Store) -> bool {
        self.0.iter().any(|role| role.stores().contains(&store))
    }

    /// Whether any of them listens for HTTP.
    #[must_use]
    pub fn listens(&self) -> bool {
        self.has(Role::Api) || self.has(Role::Gateway) || self.has(Role::Proxy)
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|role| role.name()).collect();
        f.write_str(&names.join(","))
    }
}

impl FromStr for Roles {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "all" {
            return Ok(Self::all());
        }
        let mut roles = BTreeSet::new();
        for name in text.split(',') {
            let role = Role::ALL.into_iter().find(|role| role.name() == name.trim());
            let Some(role) = role else {
                return Err(format!(
                    "there is no role `{name}`; the roles are all, {}",
                    Role::ALL.map(Role::name).join(", ")
                ));
            };
            roles.insert(role);
        }
        Ok(Self(roles))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_api_opens_the_configuration_database() {
        for role in Role::ALL {
            let opens = role.stores().contains(&Store::ConfigDatabase);
            assert_eq!(opens, role == Role::Api, "{role}");
        }
    }

    #[test]
    fn who_calls_providers_may_not_open_what_configures_or_keeps_them() {
        for role in [Role::Worker, Role::Proxy] {
            assert!(role.stores().contains(&Store::Egress), "{role}");
            assert!(!role.stores().contains(&Store::ConfigDatabase), "{role}");
        }
        assert!(!Role::Proxy.stores().contains(&Store::ExecutionDatabase));
    }

    #[test]
    fn who_takes_work_in_calls_nobody_and_configures_nothing() {
        let stores = Role::Gateway.stores();
        assert!(!stores.contains(&Store::Egress) && !stores.contains(&Store::ConfigDatabase));
        assert!(stores.contains(&Store::VaultClient));
    }

    #[test]
    fn only_the_proxy_appends_to_the_log_of_calls_and_does_no_more_there() {
        for role in Role::ALL {
            let appends = role.stores().contains(&Store::CallLog);
            assert_eq!(appends, role == Role::Proxy, "{role}");
        }
    }

    #[test]
    fn only_the_vault_opens_the_stores_of_keys_and_values_and_nothing_else() {
        for role in Role::ALL {
            let opens = role.stores().contains(&Store::VaultKeys)
                || role.stores().contains(&Store::VaultValues);
            assert_eq!(opens, role == Role::Vault, "{role}");
        }
        assert_eq!(Role::Vault.stores(), [Store::VaultValues, Store::VaultKeys]);
    }

    #[test]
    fn roles_are_read_from_a_list() {
        let roles: Roles = "worker, gateway".parse().expect("two roles");
        assert!(roles.has(Role::Worker) && roles.has(Role::Gateway) && !roles.has(Role::Api));
        assert!(!roles.may_open(Store::ConfigDatabase));
        assert_eq!("all".parse::<Roles>().expect("all"), Roles::all());
        assert!("worker,cook".parse::<Roles>().expect_err("unknown").contains("`cook`"));
    }
}
