//! What the owners of queues ask for them: weights, caps and rates.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use tenon_contract::plan::{PlanError, PlanSource, QueuePlan};
use tenon_domain::QueueName;

use crate::ports::queue::Terms;

/// The terms of queues, beside their routes. The leader adds what it and the operators decide.
#[async_trait]
pub trait TermsOf: Send + Sync + 'static {
    /// The terms of all queues whose terms are not the usual ones. `is_dedicated` and `is_paused`
    /// are not looked at.
    ///
    /// # Errors
    /// When they cannot all be read: those that were known before then hold on.
    async fn terms(&self) -> Result<HashMap<QueueName, Terms>, PlanError>;
}

/// Every queue has the usual terms.
#[derive(Debug, Clone, Copy, Default)]
pub struct UsualTerms;

#[async_trait]
impl TermsOf for UsualTerms {
    async fn terms(&self) -> Result<HashMap<QueueName, Terms>, PlanError> {
        Ok(HashMap::new())
    }
}

/// What projects ask for their queues, as their plans say.
pub struct PlanTerms(pub Arc<dyn PlanSource>);

#[async_trait]
impl TermsOf for PlanTerms {
    async fn terms(&self) -> Result<HashMap<QueueName, Terms>, PlanError> {
        let usual = of_plan(&QueuePlan::default());
        let mut found = HashMap::new();
        for project in self.0.projects().await? {
            let Some(plan) = self.0.project(project).await? else { continue };
            let terms = of_plan(&plan.queue);
            if terms != usual {
                found.insert(QueueName::of_project(project), terms);
            }
        }
        Ok(found)
    }
}

fn of_plan(plan: &QueuePlan) -> Terms {
    Terms {
        weight: plan.weight,
        running_max: plan.running_max,
        starts_per_second: plan.starts_per_second,
        ..Terms::default()
    }
}
