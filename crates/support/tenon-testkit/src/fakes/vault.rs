//! The vault's stores and root key in memory, and one switch for all that can fail.

mod keys;
mod root;
mod values;

pub use keys::MemoryKeys;
pub use root::MemoryRoot;
pub use values::MemoryValues;

use std::sync::Arc;

use parking_lot::Mutex;
use tenon_vault::ports::StoreError;

/// On which side of a call the process dies, or the connection breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing was done.
    Before,
    /// It was done, and the answer was lost.
    After,
}

#[derive(Debug, Default)]
struct Plan {
    calls: u64,
    fault: Option<(u64, Fault)>,
    is_fatal: bool,
    is_away: bool,
    refused: Vec<&'static str>,
    names: Vec<&'static str>,
}

/// Counts the calls of the fakes that share it and makes them fail as a test asks.
#[derive(Debug, Clone, Default)]
pub struct VaultFaults(Arc<Mutex<Plan>>);

impl VaultFaults {
    /// The `number`th call from now on (from 1) fails on one side, and every one behind it, as if
    /// the process that made them had died; until [`Self::heal`].
    pub fn crash_at(&self, number: u64, fault: Fault) {
        let fault = Some((number, fault));
        *self.0.lock() = Plan { fault, is_fatal: true, ..Plan::default() };
    }

    /// The `number`th call from now on (from 1) fails on one side, and no other.
    pub fn fail_once_at(&self, number: u64, fault: Fault) {
        *self.0.lock() = Plan { fault: Some((number, fault)), ..Plan::default() };
    }

    /// Whether the crash that was asked for has come.
    #[must_use]
    pub fn has_crashed(&self) -> bool {
        self.0.lock().is_away
    }

    /// Every call of this method fails from now on, until [`Self::heal`].
    pub fn refuse(&self, method: &'static str) {
        self.0.lock().refused.push(method);
    }

    /// Everything answers again.
    pub fn heal(&self) {
        *self.0.lock() = Plan::default();
    }

    /// The methods that were called since the faults were last set or healed.
    #[must_use]
    pub fn calls(&self) -> Vec<&'static str> {
        self.0.lock().names.clone()
    }

    /// One call: `work` runs unless it is to fail before.
    fn call<T>(
        &self,
        method: &'static str,
        work: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let fault = self.enter(method)?;
        let outcome = work()?;
        if fault == Some(Fault::After) {
            return Err(away(method));
        }
        Ok(outcome)
    }

    /// Counts a call. An error: it fails before anything is done.
    fn enter(&self, method: &'static str) -> Result<Option<Fault>, StoreError> {
        let mut plan = self.0.lock();
        plan.calls += 1;
        plan.names.push(method);
        if plan.is_away || plan.refused.contains(&method) {
            return Err(away(method));
        }
        match plan.fault {
            Some((number, fault)) if number == plan.calls => {
                plan.is_away = plan.is_fatal;
                if fault == Fault::Before { Err(away(method)) } else { Ok(Some(fault)) }
            }
            _ => Ok(None),
        }
    }
}

fn away(method: &'static str) -> StoreError {
    StoreError { action: method, source: "it is away, as the test asked".into() }
}
