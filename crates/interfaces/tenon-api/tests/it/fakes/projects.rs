//! The projects of the installation.

use async_trait::async_trait;
use tenon_api::config::ProjectPort;
use tenon_config::{ApiKeyText, DisplayName, Error, NewApiKey, NewProject, Project, TeamId};
use tenon_contract::plan::QueuePlan;
use tenon_domain::ProjectId;

use super::{World, at, uuid};

#[async_trait]
impl ProjectPort for World {
    async fn list_projects(
        &self,
        after: Option<ProjectId>,
        limit: usize,
    ) -> Result<Vec<Project>, Error> {
        let state = self.state.lock();
        let behind = state.projects.iter().filter(|it| after.is_none_or(|after| it.id > after));
        Ok(behind.take(limit).cloned().collect())
    }

    async fn create_project(&self, name: &DisplayName) -> Result<NewProject, Error> {
        let mut state = self.state.lock();
        if state.projects.iter().any(|it| it.name == *name) {
            return Err(Error::Conflict { reason: format!("there is a project `{name}`") });
        }
        let number = 10 + u32::try_from(state.projects.len()).expect("few");
        let project = Project {
            id: ProjectId::from_uuid(uuid(1, number)),
            team: TeamId(uuid(7, 1)),
            name: name.clone(),
            revision: 1,
            created_at: at(0),
        };
        state.projects.push(project.clone());
        drop(state);
        let text = format!("tnn_00000000_{name}");
        let key = NewApiKey { key: self.add_key("first", &text), text: ApiKeyText::new(text) };
        Ok(NewProject { project, key })
    }

    async fn project_queue(&self, _: ProjectId) -> Result<QueuePlan, Error> {
        Ok(self.state.lock().queue)
    }

    async fn set_project_queue(&self, _: ProjectId, queue: &QueuePlan) -> Result<QueuePlan, Error> {
        if queue.weight == 0 {
            return Err(Error::Invalid { what: "`weight`", rule: "1 to 1000" });
        }
        self.state.lock().queue = *queue;
        Ok(*queue)
    }
}
