//! Where brokers are reached by whoever came in through a listener, and whether leaders are.

use crate::broker::context::{Context, Request};
use crate::metadata::{BrokerImage, MetadataImage, NO_LEADER};
use crate::model::NodeId;
use crate::protocol::error_code::ErrorCode;

/// A broker as the callers of one listener reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// Its number.
    pub(super) id: NodeId,
    /// Where it listens.
    pub(super) host: String,
    /// Where it listens.
    pub(super) port: i32,
    /// Where it stands.
    pub(super) rack: Option<String>,
    /// Whether it may not lead.
    pub(super) fenced: bool,
}

/// This broker as its settings advertise it, and the others as they registered; those without
/// this listener are left out.
pub(super) fn nodes(cx: &Context, request: &Request, image: &MetadataImage) -> Vec<Node> {
    let config = cx.config();
    let listener = &config.advertised_listeners[request.listener];
    let own = Node {
        id: cx.identity.node_id,
        host: listener.host.clone(),
        port: i32::from(listener.port),
        rack: config.rack.clone(),
        fenced: false,
    };
    let others = image.brokers.values().filter(|broker| broker.id != own.id);
    let mut nodes: Vec<Node> = others
        .filter_map(|broker| registered(broker, &listener.name))
        .collect();
    nodes.push(own);
    nodes.sort_by_key(|node| node.id);
    nodes
}

fn registered(broker: &BrokerImage, listener: &str) -> Option<Node> {
    let endpoint = broker.endpoint(listener)?;
    Some(Node {
        id: broker.id,
        host: endpoint.host.clone(),
        port: i32::from(endpoint.port),
        rack: broker.rack.clone(),
        fenced: !broker.is_active(),
    })
}

/// Whether a broker can be told of as one that serves.
pub(super) fn serves(nodes: &[Node], id: NodeId) -> bool {
    nodes.iter().any(|node| node.id == id && !node.fenced)
}

/// Who leads, or why nobody does as far as this listener's callers are concerned.
pub(super) fn leader(
    image: &MetadataImage,
    nodes: &[Node],
    leader: NodeId,
) -> Result<NodeId, ErrorCode> {
    if serves(nodes, leader) {
        return Ok(leader);
    }
    let lives = leader != NO_LEADER
        && image
            .brokers
            .get(&leader)
            .is_some_and(|broker| broker.is_active());
    Err(if lives {
        ErrorCode::ListenerNotFound
    } else {
        ErrorCode::LeaderNotAvailable
    })
}

/// The replicas on brokers that do not serve.
pub(super) fn offline(nodes: &[Node], replicas: &[NodeId]) -> Vec<NodeId> {
    replicas
        .iter()
        .copied()
        .filter(|replica| !serves(nodes, *replica))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: NodeId, fenced: bool) -> Node {
        Node {
            id,
            host: "h".to_owned(),
            port: 9092,
            rack: None,
            fenced,
        }
    }

    #[test]
    fn who_is_fenced_or_absent_is_offline() {
        let nodes = [node(1, false), node(2, true)];
        assert_eq!(offline(&nodes, &[1, 2, 3]), [2, 3]);
    }

    #[test]
    fn without_a_leader_none_is_available() {
        let image = MetadataImage::default();
        let nodes = [node(1, false), node(2, true)];
        assert_eq!(leader(&image, &nodes, 1), Ok(1));
        for absent in [2, 3, NO_LEADER] {
            assert_eq!(
                leader(&image, &nodes, absent),
                Err(ErrorCode::LeaderNotAvailable)
            );
        }
    }
}
