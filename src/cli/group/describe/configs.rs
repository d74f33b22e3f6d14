//! The configs of groups; a group need not exist to have some.

use crate::client::{Admin, ClientError, ConfigEntry, ConfigResource};

/// One line for the group, one for each config.
pub(super) fn lines(admin: &Admin, group: &str) -> Result<Vec<String>, ClientError> {
    let configs = admin.describe_configs(&ConfigResource::Group(group.to_owned()))?;
    let own = configs.iter().filter(|config| config.is_own).count();
    let head = format!("group {group} configs={} own={own}", configs.len());
    let lines = configs.iter().map(config_line);
    Ok(std::iter::once(head).chain(lines).collect())
}

fn config_line(config: &ConfigEntry) -> String {
    let value = config.value.as_deref().unwrap_or("(hidden)");
    let set_for = if config.is_own { "group" } else { "broker" };
    format!("  config {}={value} from={set_for}", config.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_tells_whose_it_is() {
        let config = ConfigEntry {
            name: "consumer.session.timeout.ms".to_owned(),
            value: Some("50000".to_owned()),
            is_own: true,
            is_read_only: false,
        };
        let line = "  config consumer.session.timeout.ms=50000 from=group";
        assert_eq!(config_line(&config), line);
        let inherited = ConfigEntry {
            is_own: false,
            ..config
        };
        assert!(config_line(&inherited).ends_with("from=broker"));
    }
}
