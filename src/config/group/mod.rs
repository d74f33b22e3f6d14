//! Group settings: their table, their validation, and what a group's configuration comes to.

mod agreement;
mod effective;
mod offset_reset;
mod table;
mod validate;

pub(super) use agreement::check_groups;
pub use effective::{GroupLayers, GroupSettings};
pub(super) use offset_reset::is_offset_reset;
pub use table::{GROUP_SETTINGS, GroupSetting, find_group_setting};
pub use validate::validate_group_overrides;
