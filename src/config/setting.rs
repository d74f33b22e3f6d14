//! What a setting is: name, type, default, bounds, and what klamm does with it.

use super::valid::Valid;
use super::value::Kind;

/// One row of the table of settings.
#[derive(Debug)]
pub struct Setting {
    /// Kafka's name, or one that begins with `klamm.`.
    pub name: &'static str,
    /// What its text must parse as.
    pub kind: Kind,
    /// klamm's default; `None` is Kafka's null: not set.
    pub default: Option<&'static str>,
    /// Which values make sense.
    pub valid: Valid,
    /// Whether and where it can be changed while the broker runs.
    pub scope: Scope,
    /// What klamm does with it.
    pub status: Status,
    /// Its meaning, in one sentence.
    pub doc: &'static str,
}

/// Whether and where a setting can be changed while the broker runs (KIP-226).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Only by a restart.
    ReadOnly,
    /// For one broker, by its id.
    PerBroker,
    /// For one broker, or for all of them by the empty name.
    ClusterWide,
    /// Only by a restart, and not shown to clients: Kafka calls such settings internal.
    Hidden,
}

/// What klamm does with a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It does what its sentence says.
    Honoured,
    /// It is read and shown, but changes nothing, for this reason; whoever sets it is warned at the
    /// start, and refused while the broker runs.
    Ignored(&'static str),
    /// Only its default is accepted, for this reason.
    Refused(&'static str),
}

/// Who invented a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Apache Kafka; name and meaning are Kafka's.
    Kafka,
    /// klamm; the name begins with `klamm.`.
    Klamm,
}

impl Setting {
    /// Who invented this setting.
    pub fn origin(&self) -> Origin {
        if self.name.starts_with("klamm.") {
            Origin::Klamm
        } else {
            Origin::Kafka
        }
    }

    /// The environment variable that sets it: `num.partitions` is `KLAMM_NUM_PARTITIONS`,
    /// `klamm.memory` is `KLAMM_MEMORY`.
    pub fn environment_name(&self) -> String {
        let name = self.name.strip_prefix("klamm.").unwrap_or(self.name);
        format!("KLAMM_{}", name.replace('.', "_").to_uppercase())
    }

    /// Whether the value must never be shown.
    pub fn is_sensitive(&self) -> bool {
        self.kind == Kind::Password
    }

    /// Whether Kafka can change it while the broker runs.
    pub fn is_dynamic(&self) -> bool {
        matches!(self.scope, Scope::PerBroker | Scope::ClusterWide)
    }

    /// Whether changing it while the broker runs changes what klamm does.
    pub fn changes_at_run_time(&self) -> bool {
        self.is_dynamic() && self.status == Status::Honoured
    }
}

/// Writes [`Setting`]s as a table: name, kind, default or `null`, bounds, scope, status, meaning.
macro_rules! settings {
    ($(
        $name:literal $kind:ident $default:tt { $valid:expr } $scope:ident { $status:expr }
            $doc:literal;
    )*) => {
        &[$($crate::config::setting::Setting {
            name: $name,
            kind: $crate::config::value::Kind::$kind,
            default: $crate::config::setting::default_text!($default),
            valid: { use $crate::config::valid::Valid::*; $valid },
            scope: $crate::config::setting::Scope::$scope,
            status: { use $crate::config::setting::Status::*; $status },
            doc: $doc,
        }),*]
    };
}

/// `null` is no default, anything else the default's text.
macro_rules! default_text {
    (null) => {
        None
    };
    ($text:literal) => {
        Some($text)
    };
}

pub(super) use {default_text, settings};
