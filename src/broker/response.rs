//! A response as it leaves: head bytes, and bodies that stand elsewhere.

use std::io;

use super::context::Request;
use super::sending::SendLease;
use crate::protocol::message::Message;
use crate::protocol::wire::{Encoded, Piece, Unencodable};
use crate::runtime::{Conn, Slice};

/// What the connection sends for a request; nothing at all for a produce with acks=0.
#[derive(Debug, Default)]
pub(super) struct Response {
    slices: Vec<Slice>,
    lease: Option<SendLease>,
}

impl Response {
    /// A response without bodies.
    pub(super) fn encode<'a, M: Message<'a>>(
        request: &Request,
        message: &M,
    ) -> Result<Self, Unencodable> {
        let encoded = request.head().respond(message)?;
        assert!(encoded.splices.is_empty(), "a message without bodies");
        Ok(Self {
            slices: vec![Slice::Head(encoded.head.into())],
            lease: None,
        })
    }

    /// A response with its bodies, one for each place that the message left open, in order.
    pub(super) fn with_bodies(
        encoded: Encoded,
        bodies: impl IntoIterator<Item = Vec<Slice>>,
    ) -> Self {
        let mut bodies = bodies.into_iter();
        let mut slices = Vec::new();
        for piece in encoded.into_pieces() {
            match piece {
                Piece::Head(head) => slices.push(Slice::Head(head)),
                Piece::Body(_) => slices.extend(bodies.next().expect("a body for each place")),
            }
        }
        assert!(bodies.next().is_none(), "a place for each body");
        Self {
            slices,
            lease: None,
        }
    }

    /// The same, holding its share of the core's memory until it is sent.
    pub(super) fn holding(self, lease: SendLease) -> Self {
        Self {
            lease: Some(lease),
            ..self
        }
    }

    /// How many bytes it sends.
    pub(super) fn len(&self) -> usize {
        self.slices.iter().map(Slice::len).sum()
    }

    /// Sends what the connection takes at once; what is left is a response, too.
    pub(super) fn send_at_once(self, conn: &Conn) -> io::Result<Option<Self>> {
        let slices = conn.send_at_once(self.slices)?;
        Ok((!slices.is_empty()).then_some(Self { slices, ..self }))
    }

    /// The pieces to send, in order, none for no response; and what to hold meanwhile.
    pub(super) fn into_parts(self) -> (Vec<Slice>, Option<SendLease>) {
        (self.slices, self.lease)
    }
}
