use crate::model::{NodeId, Uuid};

/// What a data directory says about itself in `meta.properties`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaProperties {
    /// The cluster this directory belongs to.
    pub cluster_id: String,
    /// The node this directory belongs to.
    pub node_id: NodeId,
    /// The directory's own id (KIP-858).
    pub directory_id: Uuid,
}

/// `meta.properties` is not usable; the text says which property is why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("meta.properties: {0}")]
pub struct MalformedMeta(String);

pub(super) const FILE_NAME: &str = "meta.properties";

impl MetaProperties {
    /// The text of the file, version 1 of Kafka's format.
    pub(super) fn encode(&self) -> String {
        format!(
            "#\n#Written by klamm\ncluster.id={}\ndirectory.id={}\nnode.id={}\nversion=1\n",
            self.cluster_id, self.directory_id, self.node_id
        )
    }

    /// Reads the text of the file.
    pub(super) fn decode(text: &str) -> Result<Self, MalformedMeta> {
        let version = property(text, "version")?;
        if version != "1" {
            return Err(MalformedMeta(format!("version {version} is not known")));
        }
        let wrong = |name: &str| MalformedMeta(format!("{name} is malformed"));
        Ok(Self {
            cluster_id: property(text, "cluster.id")?,
            node_id: property(text, "node.id")?
                .parse()
                .map_err(|_| wrong("node.id"))?,
            directory_id: property(text, "directory.id")?
                .parse()
                .map_err(|_| wrong("directory.id"))?,
        })
    }
}

fn property(text: &str, name: &str) -> Result<String, MalformedMeta> {
    let lines = text.lines().filter(|line| !line.starts_with(['#', '!']));
    let mut pairs = lines.filter_map(|line| line.split_once('='));
    let found = pairs.find(|(key, _)| key.trim() == name);
    let (_, value) = found.ok_or_else(|| MalformedMeta(format!("{name} is missing")))?;
    Ok(value.trim().replace('\\', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let meta = MetaProperties {
            cluster_id: "MkU3OEVBNTcwNTJENDM2Qg".to_owned(),
            node_id: 1,
            directory_id: Uuid::from_u128(1 << 90),
        };
        assert_eq!(MetaProperties::decode(&meta.encode()), Ok(meta));
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = MetaProperties::decode("version=1\ncluster.id=a\n").unwrap_err();
        assert_eq!(error.to_string(), "meta.properties: node.id is missing");
        let error = MetaProperties::decode("version=0\nbroker.id=1\n").unwrap_err();
        assert_eq!(error.to_string(), "meta.properties: version 0 is not known");
    }
}
