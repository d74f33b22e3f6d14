//! A connection to a group's coordinator that follows it when it moves.

use std::sync::Arc;
use std::time::Duration;

use super::member::is_passing;
use crate::client::connection::Closer;
use crate::client::{Admin, ClientError, Cluster, Connection, Request, Response};

/// Finds the coordinator when it is needed and forgets it when it does not answer as one.
pub(super) struct CoordinatorLink {
    cluster: Arc<Cluster>,
    group: String,
    connection: Option<Connection>,
    /// Whether the last attempt failed, so that the cluster may have changed.
    failed: bool,
}

impl CoordinatorLink {
    pub(super) fn new(cluster: Arc<Cluster>, group: String) -> Self {
        Self {
            cluster,
            group,
            connection: None,
            failed: false,
        }
    }

    /// The cluster it belongs to.
    pub(super) fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    /// The group whose coordinator it is.
    pub(super) fn group(&self) -> &str {
        &self.group
    }

    /// Asks the coordinator once, with a request that may depend on the version.
    pub(super) fn ask<'a, R: Request<'a>>(
        &mut self,
        patience: Duration,
        request: impl FnOnce(i16) -> R,
    ) -> Result<Response, ClientError> {
        let asked = self.connection().and_then(|connection| {
            let version = connection.version_of::<R>()?;
            connection.call_within(&request(version), patience)
        });
        asked.inspect_err(|error| self.on_error(error))
    }

    /// An answer said that this is no coordinator, or no answer came.
    pub(super) fn on_error(&mut self, error: &ClientError) {
        if is_passing(error) || error.is_broken_connection() {
            self.connection = None;
            self.failed = true;
        }
    }

    /// What ends the connection from another thread.
    pub(super) fn closer(&mut self) -> Result<Closer, ClientError> {
        self.connection()?.closer()
    }

    fn connection(&mut self) -> Result<&mut Connection, ClientError> {
        if self.connection.is_none() {
            let opened = self.open();
            self.failed = opened.is_err();
            self.connection = Some(opened?);
        }
        let connection = self.connection.as_mut();
        Ok(connection.expect("it was just opened"))
    }

    fn open(&self) -> Result<Connection, ClientError> {
        let admin = Admin::new(self.cluster.clone());
        let coordinator = admin.find_coordinator_once(&self.group, self.failed)?;
        log::debug!(
            "group `{}` is coordinated by broker {} at {}",
            self.group,
            coordinator.node,
            coordinator.address
        );
        Connection::open(&coordinator.address, &self.cluster.settings().connection)
    }
}
