//! A chart of bars, one a column, with its value beside it.

use std::fmt::Write;

/// One bar.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) value: f64,
    /// Where the middle half of the values lies.
    pub(crate) quartiles: (f64, f64),
    /// Drawn in the colour that stands for klamm.
    pub(crate) ours: bool,
}

const WIDTH: f64 = 760.0;
const NAMES: f64 = 190.0;
const VALUES: f64 = 90.0;
const ROW: f64 = 30.0;
const TOP: f64 = 46.0;

/// Draws the bars from the top down, all from zero.
pub(crate) fn svg(title: &str, unit: &str, bars: &[Bar]) -> String {
    let most = bars
        .iter()
        .map(|bar| bar.quartiles.1.max(bar.value))
        .fold(0.0, f64::max);
    let scale = (WIDTH - NAMES - VALUES) / most.max(f64::MIN_POSITIVE);
    let height = TOP + ROW * bars.len() as f64 + 12.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fdfdfb\"/>\n\
         <text x=\"12\" y=\"26\" font-size=\"15\" font-weight=\"600\" fill=\"#222\">{} <tspan font-weight=\"400\" fill=\"#666\">{}</tspan></text>\n",
        escaped(title),
        escaped(unit)
    );
    for (row, bar) in bars.iter().enumerate() {
        draw(&mut svg, bar, TOP + ROW * row as f64, scale);
    }
    svg + "</svg>\n"
}

fn draw(svg: &mut String, bar: &Bar, y: f64, scale: f64) {
    let colour = if bar.ours { "#0b7a75" } else { "#b9b3a7" };
    let (length, middle) = (bar.value * scale, y + ROW / 2.0);
    let (low, high) = (
        NAMES + bar.quartiles.0 * scale,
        NAMES + bar.quartiles.1 * scale,
    );
    // Writing into a string cannot fail.
    let _ = write!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"#222\">{}</text>\n\
         <rect x=\"{NAMES}\" y=\"{}\" width=\"{length:.1}\" height=\"{}\" rx=\"2\" fill=\"{colour}\"/>\n\
         <path d=\"M{low:.1} {middle}H{high:.1}\" stroke=\"#222\" stroke-width=\"1.5\"/>\n\
         <text x=\"{:.1}\" y=\"{}\" fill=\"#222\">{}</text>\n",
        NAMES - 8.0,
        middle + 4.5,
        escaped(&bar.name),
        y + 5.0,
        ROW - 10.0,
        NAMES + length.max(bar.quartiles.1 * scale) + 8.0,
        middle + 4.5,
        shown(bar.value),
    );
}

fn shown(value: f64) -> String {
    match value {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_fills_its_room() {
        let bar = |value| Bar {
            name: "a < b".to_owned(),
            value,
            quartiles: (value, value),
            ours: false,
        };
        let svg = svg("t", "s", &[bar(1.0), bar(2.0)]);
        assert!(svg.contains("width=\"480.0\""), "{svg}");
        assert!(svg.contains("width=\"240.0\""));
        assert!(svg.contains("a &lt; b") && !svg.contains("a < b"));
    }
}
