//! The stores in memory keep the promises of the ports: otherwise the other tests prove nothing.

use std::sync::Arc;

use tenon_domain::SystemClock;
use tenon_testkit::fakes::{MemoryKeys, MemoryValues, VaultFaults};
use tenon_testkit::vault_stores_suite::Harness;
use tenon_vault::ports::{KeyStore, ValueStore};

struct InMemory {
    values: Arc<MemoryValues>,
    keys: Arc<MemoryKeys>,
}

impl Harness for InMemory {
    async fn values(&self) -> Arc<dyn ValueStore> {
        self.values.clone()
    }

    async fn keys(&self) -> Arc<dyn KeyStore> {
        self.keys.clone()
    }
}

async fn in_memory() -> InMemory {
    let faults = VaultFaults::default();
    InMemory {
        values: Arc::new(MemoryValues::new(Arc::new(SystemClock), faults.clone())),
        keys: Arc::new(MemoryKeys::new(Arc::new(SystemClock), faults)),
    }
}

tenon_testkit::vault_stores_suite!(in_memory);
