/// How values become places on an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Equal steps are equally long; it begins at 0 unless there are values below.
    Linear,
    /// Equal factors are equally long; values that are not above 0 have no place.
    Log,
    /// Percentiles, 0 to below 100: 90, 99 and 99.9 are equally far apart.
    Percentile,
}

/// About so many steps has a linear axis.
const STEPS: f64 = 6.0;

/// An axis with its range.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Range {
    scale: Scale,
    from: f64,
    until: f64,
}

impl Scale {
    /// The range that holds all of these values that have a place.
    pub(super) fn range(self, values: impl Iterator<Item = f64>) -> Range {
        let placed = values.filter_map(|value| self.place(value));
        let (least, most) = placed.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), at| {
            (least.min(at), most.max(at))
        });
        let (least, most) = if least > most {
            (0.0, 1.0)
        } else {
            (least, most)
        };
        let (from, until) = match self {
            Self::Linear => {
                let step = step(most - least.min(0.0));
                (least.min(0.0), (most / step).ceil() * step)
            }
            Self::Log => (least.floor(), most.ceil()),
            Self::Percentile => (0.0, most.max(1.0)),
        };
        Range {
            scale: self,
            from,
            until: if until > from { until } else { from + 1.0 },
        }
    }

    fn place(self, value: f64) -> Option<f64> {
        let place = match self {
            Self::Linear => value,
            Self::Log => value.log10(),
            Self::Percentile => -(1.0 - value / 100.0).log10(),
        };
        place.is_finite().then_some(place)
    }
}

impl Range {
    /// Where a value stands, 0 to 1; `None` if it has no place.
    pub(super) fn at(&self, value: f64) -> Option<f64> {
        let place = self.scale.place(value)?;
        Some((place - self.from) / (self.until - self.from))
    }

    /// Places of the grid, 0 to 1, with their texts.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let values: Vec<f64> = match self.scale {
            Scale::Linear => self.linear_ticks(),
            Scale::Log => self.log_ticks(),
            Scale::Percentile => self.percentile_ticks(),
        };
        let inside = |value: &f64| {
            let at = self.at(*value)?;
            (-1e-9..=1.0 + 1e-9)
                .contains(&at)
                .then(|| (at, number(*value)))
        };
        values.iter().filter_map(inside).collect()
    }

    fn linear_ticks(&self) -> Vec<f64> {
        let step = step(self.until - self.from);
        let first = (self.from / step).ceil() as i64;
        let last = (self.until / step + 1e-9).floor() as i64;
        (first..=last).map(|index| index as f64 * step).collect()
    }

    /// Powers of ten, and between few of them 2 and 5 too.
    fn log_ticks(&self) -> Vec<f64> {
        let (first, last) = (self.from.floor() as i32, self.until.ceil() as i32);
        let within: &[f64] = if last - first <= 3 {
            &[1.0, 2.0, 5.0]
        } else {
            &[1.0]
        };
        let decade = |power| within.iter().map(move |factor| factor * 10f64.powi(power));
        (first..=last).flat_map(decade).collect()
    }

    fn percentile_ticks(&self) -> Vec<f64> {
        let nines = (1..=self.until.ceil() as i32).map(|n| 100.0 - 10f64.powi(2 - n));
        [0.0, 50.0].into_iter().chain(nines).collect()
    }
}

/// 1, 2 or 5 times a power of ten, so that about [`STEPS`] fill the span.
fn step(span: f64) -> f64 {
    if span <= 0.0 {
        return 1.0;
    }
    let rough = span / STEPS;
    let power = 10f64.powf(rough.log10().floor());
    let factors = [1.0, 2.0, 5.0, 10.0].into_iter();
    let mut steps = factors.map(|factor| factor * power);
    steps.find(|step| *step >= rough * 0.999).unwrap_or(power)
}

/// As short as it goes: `0.5`, `200`, `20k`, `99.99`.
fn number(value: f64) -> String {
    let rounded = (value * 1e6).round() / 1e6;
    match rounded.abs() {
        1e9.. => format!("{}G", rounded / 1e9),
        1e6.. => format!("{}M", rounded / 1e6),
        1e4.. => format!("{}k", rounded / 1e3),
        _ => format!("{rounded}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(scale: Scale, values: &[f64]) -> Vec<String> {
        let range = scale.range(values.iter().copied());
        range.ticks().into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn linear_ticks_are_round_and_begin_at_nothing() {
        assert_eq!(
            texts(Scale::Linear, &[3.0, 58.0]),
            ["0", "10", "20", "30", "40", "50", "60"]
        );
        assert_eq!(
            texts(Scale::Linear, &[0.5]),
            ["0", "0.1", "0.2", "0.3", "0.4", "0.5"]
        );
        assert_eq!(texts(Scale::Linear, &[60_000.0]).last().unwrap(), "60k");
    }

    #[test]
    fn log_ticks_are_powers_of_ten() {
        assert_eq!(
            texts(Scale::Log, &[0.5, 40_000.0]),
            ["0.1", "1", "10", "100", "1000", "10k", "100k"]
        );
        assert_eq!(texts(Scale::Log, &[1.0, 9.0]), ["1", "2", "5", "10"]);
    }

    #[test]
    fn percentiles_are_as_far_apart_as_their_nines() {
        let range = Scale::Percentile.range([0.0, 99.99].into_iter());
        let at = |percentile| range.at(percentile).unwrap();
        assert!((at(99.0) - at(90.0) - (at(99.9) - at(99.0))).abs() < 1e-9);
        assert_eq!(range.at(100.0), None);
        assert_eq!(
            texts(Scale::Percentile, &[99.99]),
            ["0", "50", "90", "99", "99.9", "99.99"]
        );
    }

    #[test]
    fn nothing_still_has_a_range() {
        for scale in [Scale::Linear, Scale::Log, Scale::Percentile] {
            assert!(!scale.range([].into_iter()).ticks().is_empty());
            let range = scale.range([f64::NAN, f64::INFINITY].into_iter());
            assert!(range.ticks().iter().all(|(at, _)| at.is_finite()));
        }
        assert_eq!(Scale::Log.range([1.0].into_iter()).at(0.0), None);
    }
}
