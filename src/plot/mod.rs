//! Line charts as SVG. Pure: values in, text out.
//!
//! A [`Figure`] is a title and panels below each other, a [`Panel`] two axes and lines with a
//! legend. Texts and grid are of a grey, lines of colours, that can be read on white and on dark
//! ground; there is no background.

mod panel;
mod scale;
mod svg;

pub use scale::Scale;

use svg::Svg;

/// Width of a figure; heights follow from the panels.
const WIDTH: f64 = 860.0;
const TITLE_HEIGHT: f64 = 34.0;
const PANEL_HEIGHT: f64 = 320.0;

/// Panels below each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Stands above all.
    pub title: String,
    /// From top to bottom.
    pub panels: Vec<Panel>,
}

/// Lines over common axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// To the right.
    pub x: Axis,
    /// Upwards.
    pub y: Axis,
    /// In the order of the legend.
    pub lines: Vec<Line>,
}

/// One direction of a panel; its range follows from the lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// What it counts, unit included.
    pub label: String,
    /// How values become places.
    pub scale: Scale,
}

/// A line through points.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What the legend says.
    pub name: String,
    /// From left to right; where `y` is `None` the line is broken.
    pub points: Vec<(f64, Option<f64>)>,
}

impl Figure {
    /// The figure as a whole SVG document.
    pub fn to_svg(&self) -> String {
        let height = TITLE_HEIGHT + PANEL_HEIGHT * self.panels.len() as f64;
        let mut svg = Svg::new(WIDTH, height, &self.title);
        svg.text(WIDTH / 2.0, 23.0, svg::Anchor::Middle, "title", &self.title);
        for (index, panel) in self.panels.iter().enumerate() {
            let top = TITLE_HEIGHT + PANEL_HEIGHT * index as f64;
            panel::draw(&mut svg, panel, top, WIDTH, PANEL_HEIGHT);
        }
        svg.finish()
    }
}

impl Axis {
    /// An axis of this label and scale.
    pub fn new(label: impl Into<String>, scale: Scale) -> Self {
        Self {
            label: label.into(),
            scale,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(scale: Scale, points: Vec<(f64, Option<f64>)>) -> Figure {
        let line = |name: &str| Line {
            name: name.to_owned(),
            points: points.clone(),
        };
        Figure {
            title: "a < b & \"c\"".to_owned(),
            panels: vec![Panel {
                x: Axis::new("time, s", Scale::Linear),
                y: Axis::new("ms", scale),
                lines: vec![line("one"), line("<two>")],
            }],
        }
    }

    /// Whether every element is closed in order and no text has bare `<` or `&`.
    fn is_well_formed(svg: &str) -> bool {
        let mut open = Vec::new();
        let mut rest = svg;
        while let Some((text, after)) = rest.split_once('<') {
            let entities = ["&lt;", "&gt;", "&amp;", "&quot;"];
            let bare = entities
                .iter()
                .fold(text.to_owned(), |t, e| t.replace(e, ""));
            let Some((tag, next)) = after.split_once('>') else {
                return false;
            };
            if bare.contains('&') || tag.matches('"').count() % 2 == 1 {
                return false;
            }
            match (tag.strip_prefix('/'), tag.ends_with('/')) {
                (Some(name), _) if open.pop() != Some(name) => return false,
                (Some(_), _) | (None, true) => {}
                (None, false) => open.extend(tag.split_whitespace().next()),
            }
            rest = next;
        }
        open.is_empty() && rest.trim().is_empty()
    }

    #[test]
    fn every_figure_is_well_formed() {
        let points = vec![
            (0.0, Some(1.0)),
            (1.0, None),
            (2.0, Some(900.0)),
            (3.0, Some(2.0)),
        ];
        for scale in [Scale::Linear, Scale::Log, Scale::Percentile] {
            let svg = figure(scale, points.clone()).to_svg();
            assert!(is_well_formed(&svg), "{svg}");
            assert!(svg.contains("&lt;two&gt;") && !svg.contains("NaN") && !svg.contains("inf"));
        }
    }

    #[test]
    fn what_has_no_points_is_drawn_without_lines() {
        for points in [
            vec![],
            vec![(1.0, None)],
            vec![(f64::NAN, Some(f64::INFINITY))],
        ] {
            for scale in [Scale::Linear, Scale::Log, Scale::Percentile] {
                let svg = figure(scale, points.clone()).to_svg();
                assert!(is_well_formed(&svg) && !svg.contains("NaN"), "{svg}");
            }
        }
        assert!(is_well_formed(
            &Figure {
                title: String::new(),
                panels: vec![]
            }
            .to_svg()
        ));
    }

    #[test]
    fn the_check_itself_sees_what_is_wrong() {
        for wrong in ["<a><b></a></b>", "<a>", "<a>&</a>", "<a b=\"></a>", "</a>"] {
            assert!(!is_well_formed(wrong), "{wrong}");
        }
    }
}
