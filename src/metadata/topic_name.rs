//! Which names topics may have, and which are the broker's own.

/// Offsets and members of consumer groups.
pub const CONSUMER_OFFSETS: &str = "__consumer_offsets";
/// Transactions.
pub const TRANSACTION_STATE: &str = "__transaction_state";
/// Acquired and acknowledged records of share groups (KIP-932).
pub const SHARE_GROUP_STATE: &str = "__share_group_state";
/// The metadata log; no topic may have its name.
pub const CLUSTER_METADATA: &str = "__cluster_metadata";

const LENGTH_MAX: usize = 249;

/// Whether the broker keeps its own records there: clients see it marked as internal.
pub fn is_internal(name: &str) -> bool {
    matches!(
        name,
        CONSUMER_OFFSETS | TRANSACTION_STATE | SHARE_GROUP_STATE
    )
}

/// Refuses a name that no topic may have; the text is Kafka's, for INVALID_TOPIC_EXCEPTION.
pub fn check_topic_name(name: &str) -> Result<(), String> {
    match fault(name) {
        None => Ok(()),
        Some(fault) => Err(format!("Topic name is invalid: {fault}")),
    }
}

/// The name as metrics show it. Two topics collide if these are equal, for metric names cannot
/// tell a dot from an underscore.
pub fn collision_key(name: &str) -> String {
    name.replace('.', "_")
}

/// Whether another name could collide with this one at all.
pub fn can_collide(name: &str) -> bool {
    name.contains(['.', '_'])
}

fn fault(name: &str) -> Option<String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match name {
        "" => Some("the empty string is not allowed".to_owned()),
        "." | ".." => Some(format!("'{name}' is not allowed")),
        _ if name.encode_utf16().count() > LENGTH_MAX => Some(format!(
            "the length of '{name}' is longer than the max allowed length {LENGTH_MAX}"
        )),
        _ if !name.chars().all(legal) => Some(format!(
            "'{name}' contains one or more characters other than \
             ASCII alphanumerics, '.', '_' and '-'"
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kafkas() {
        let longest = "x".repeat(249);
        for name in ["a", "A.b_c-9", "...", "__consumer_offsets", &longest] {
            assert_eq!(check_topic_name(name), Ok(()), "{name}");
        }
        let too_long = "x".repeat(250);
        for name in ["", ".", "..", "a/b", "a b", "ä", &too_long] {
            let said = check_topic_name(name).unwrap_err();
            assert!(said.starts_with("Topic name is invalid: "), "{said}");
        }
    }

    #[test]
    fn dots_and_underscores_collide() {
        assert_eq!(collision_key("a.b_c"), collision_key("a_b.c"));
        assert!(can_collide("a.b") && can_collide("a_b") && !can_collide("a-b"));
    }
}
