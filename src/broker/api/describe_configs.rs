//! DescribeConfigs (key 32), v1-4
//!
//! Behaviour: the settings of topics, groups and brokers as this core's image has them, with their
//!            source and, if asked for, synonyms and documentation; secrets are null. A group need
//!            not exist. What the caller may not read is TOPIC_, GROUP_ or
//!            CLUSTER_AUTHORIZATION_FAILED.
//! Versions:  v1 sources and synonyms (KIP-226) · v3 types, documentation (KIP-569) · v4 flexible
//! Not done:  levels of the broker's logging

use super::permissions::Caller;
use crate::broker::context::{Context, Request};
use crate::broker::dispatch::CloseConnection;
use crate::metadata::controller::Controller;
use crate::protocol::message::describe_configs::{DescribeConfigsRequest, DescribeConfigsResponse};

/// Describes configurations.
pub(in crate::broker) async fn handle(
    cx: &Context,
    request: &Request,
    message: DescribeConfigsRequest,
) -> Result<DescribeConfigsResponse, CloseConnection> {
    let image = cx.image();
    let access = &Caller { cx, request };
    let controller = Controller {
        image: &image,
        config: &cx.config(),
        access,
    };
    Ok(controller.describe_configs(&message))
}
