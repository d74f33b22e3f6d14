//! Medians and quartiles.

/// The middle, and where the middle half lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) lower_quartile: f64,
    pub(crate) median: f64,
    pub(crate) upper_quartile: f64,
    pub(crate) count: usize,
}

impl Spread {
    /// Of some values; `None` of none.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values
            .into_iter()
            .filter(|value| value.is_finite())
            .collect();
        values.sort_by(f64::total_cmp);
        (!values.is_empty()).then(|| Self {
            lower_quartile: quantile(&values, 0.25),
            median: quantile(&values, 0.5),
            upper_quartile: quantile(&values, 0.75),
            count: values.len(),
        })
    }
}

/// Of sorted values, between neighbours by a straight line.
fn quantile(sorted: &[f64], at: f64) -> f64 {
    let place = at * (sorted.len() - 1) as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    sorted[below] + (sorted[above] - sorted[below]) * place.fract()
}

/// Whether the values lie within this share of their middle.
pub(crate) fn agree(values: &[f64], within: f64) -> bool {
    let Some(spread) = Spread::of(values.iter().copied()) else {
        return false;
    };
    let near = |value: &f64| (value - spread.median).abs() <= within * spread.median;
    values.iter().all(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_lie_between_neighbours() {
        let spread = Spread::of([4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!(
            (spread.lower_quartile, spread.median, spread.upper_quartile),
            (1.75, 2.5, 3.25)
        );
        assert_eq!(Spread::of([f64::NAN]), None);
    }

    #[test]
    fn windows_agree_when_all_are_near_their_middle() {
        assert!(agree(&[100.0, 104.0, 97.0], 0.05));
        assert!(!agree(&[100.0, 106.0, 97.0], 0.05));
        assert!(!agree(&[], 0.05));
    }
}
