//! Which processors a broker runs on.

use super::error::StartError;

/// The processors to run on, one core each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorePlan {
    pub(super) processors: Vec<usize>,
}

impl CorePlan {
    /// Every processor this process may use (its affinity mask says).
    pub fn all() -> Self {
        let mut processors: Vec<_> = core_affinity::get_core_ids()
            .unwrap_or_default()
            .iter()
            .map(|core| core.id)
            .collect();
        processors.sort_unstable();
        if processors.is_empty() {
            processors.push(0);
        }
        Self { processors }
    }

    /// The first `count` of them, at least one, at most all.
    pub fn first(count: usize) -> Self {
        let mut plan = Self::all();
        plan.processors.truncate(count.max(1));
        plan
    }

    /// Exactly these processors, by the kernel's numbers.
    ///
    /// # Errors
    /// When one of them is not ours to use, or the list is empty.
    pub fn list(processors: &[usize]) -> Result<Self, StartError> {
        let allowed = Self::all().processors;
        let unknown = processors.iter().find(|wanted| !allowed.contains(wanted));
        match unknown.copied().or(processors.is_empty().then_some(0)) {
            Some(wanted) => Err(StartError::Core { wanted, allowed }),
            None => Ok(Self {
                processors: processors.to_vec(),
            }),
        }
    }

    /// How many cores it has.
    pub fn count(&self) -> usize {
        self.processors.len()
    }
}
