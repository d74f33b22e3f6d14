//! The value of the control record that holds the voters of a KRaft quorum.

use crate::model::Uuid;

message! {
    /// The set of voters (type 6, KIP-853).
    VotersRecord: data, versions 0..=0, flexible 0.. {
        version: i16,
        voters: Vec<Voter>,
    }

    /// An element of [`VotersRecord::voters`].
    Voter {
        voter_id: i32,
        voter_directory_id: Uuid,
        endpoints: Vec<Endpoint>,
        kraft_version_feature: KRaftVersionFeature,
    }

    /// An element of [`Voter::endpoints`].
    Endpoint {
        name: String,
        host: String,
        port: u16,
    }

    /// The value of [`Voter::kraft_version_feature`].
    KRaftVersionFeature {
        min_supported_version: i16,
        max_supported_version: i16,
    }
}
