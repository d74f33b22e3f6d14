//! ListConfigResources (key 74), v0-1
//!
//! Behaviour: the resources that have settings or can have them, of the types asked for (KIP-1142).
//!            CLUSTER_AUTHORIZATION_FAILED unless the caller may read the cluster's settings.
//! Versions:  v0 client metrics only, as ListClientMetricsResources (KIP-714) · v1 types
//! Not done:  –

use super::permissions::Caller;
use crate::broker::context::{Context, Request};
use crate::broker::dispatch::CloseConnection;
use crate::metadata::controller::Controller;
use crate::protocol::message::list_config_resources::{
    ListConfigResourcesRequest, ListConfigResourcesResponse,
};

/// Lists what can be configured.
pub(in crate::broker) async fn handle(
    cx: &Context,
    request: &Request,
    message: ListConfigResourcesRequest,
) -> Result<ListConfigResourcesResponse, CloseConnection> {
    let image = cx.image();
    let access = &Caller { cx, request };
    let controller = Controller {
        image: &image,
        config: &cx.config(),
        access,
    };
    Ok(controller.list_config_resources(&message, request.version))
}
