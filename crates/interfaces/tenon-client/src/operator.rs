//! A client of who runs the installation: queues and workers, with the installation's key.

use reqwest::Method;
use tenon_domain::ProjectId;

use crate::client::Client;
use crate::error::Error;
use crate::model::queues::{Queue, QueueChange, QueueList, Workers};

/// A client of an installation. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Operator {
    client: Client,
}

impl Operator {
    /// A client of an installation.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] for an address or key that cannot be used.
    pub fn new(server: &str, installation_key: &str) -> Result<Self, Error> {
        Ok(Self { client: Client::of_no_project(server, installation_key)? })
    }

    /// The queues that hold anything or are not served in the usual way, the deepest first, at
    /// most 200.
    pub async fn queues(&self, limit: u32) -> Result<Vec<Queue>, Error> {
        let request = self.client.call_installation(Method::GET, "queues");
        let list: QueueList = self.client.json(request.query(&[("limit", limit)])).await?;
        Ok(list.queues)
    }

    /// The queue of a project.
    pub async fn queue(&self, project: ProjectId) -> Result<Queue, Error> {
        let request = self.client.call_installation(Method::GET, &format!("queues/{project}"));
        self.client.json(request).await
    }

    /// Changes how the queue of a project is served.
    pub async fn change_queue(
        &self,
        project: ProjectId,
        change: &QueueChange,
    ) -> Result<Queue, Error> {
        let request = self.client.call_installation(Method::PATCH, &format!("queues/{project}"));
        self.client.json(request.json(change)).await
    }

    /// The workers.
    pub async fn workers(&self) -> Result<Workers, Error> {
        self.client.json(self.client.call_installation(Method::GET, "workers")).await
    }
}
