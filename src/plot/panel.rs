use super::scale::Range;
use super::svg::{Anchor, Svg};
use super::{Line, Panel};

const LEFT: f64 = 72.0;
const RIGHT: f64 = 20.0;
const ABOVE: f64 = 26.0;
const BELOW: f64 = 46.0;
/// A letter of the legend is about so wide.
const LETTER: f64 = 6.6;
/// What a line's stroke and the gaps around it take of the legend.
const STROKE: f64 = 42.0;
/// A row of the legend.
const ROW: f64 = 16.0;

/// Where the lines of a panel are.
struct Area {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
    x: Range,
    y: Range,
}

/// Draws a panel whose upper edge is `top`.
pub(super) fn draw(svg: &mut Svg, panel: &Panel, top: f64, width: f64, height: f64) {
    let points = || panel.lines.iter().flat_map(|line| &line.points);
    let seen = || points().filter(|(_, y)| y.is_some());
    let rows = legend_rows(&panel.lines, width - LEFT);
    let above = ABOVE + ROW * rows.len().saturating_sub(1) as f64;
    let area = Area {
        left: LEFT,
        top: top + above,
        width: width - LEFT - RIGHT,
        height: height - above - BELOW,
        x: panel.x.scale.range(seen().map(|(x, _)| *x)),
        y: panel.y.scale.range(seen().filter_map(|(_, y)| *y)),
    };
    area.draw_axes(svg, panel);
    area.draw_legend(svg, &rows);
    for (number, line) in panel.lines.iter().enumerate() {
        area.draw_line(svg, number, line);
    }
}

/// The lines with their numbers, in as many rows as they need.
fn legend_rows(lines: &[Line], width: f64) -> Vec<Vec<(usize, &Line)>> {
    let (mut rows, mut used) = (vec![Vec::new()], 0.0);
    for (number, line) in lines.iter().enumerate() {
        let wanted = legend_width(line);
        if used > 0.0 && used + wanted > width {
            rows.push(Vec::new());
            used = 0.0;
        }
        used += wanted;
        rows.last_mut()
            .expect("there is a row")
            .push((number, line));
    }
    rows
}

fn legend_width(line: &Line) -> f64 {
    STROKE + line.name.chars().count() as f64 * LETTER
}

impl Area {
    fn draw_axes(&self, svg: &mut Svg, panel: &Panel) {
        let (right, bottom) = (self.left + self.width, self.top + self.height);
        for (at, text) in self.x.ticks() {
            let x = self.left + at * self.width;
            svg.grid((x, self.top), (x, bottom));
            svg.text(x, bottom + 16.0, Anchor::Middle, "tick", &text);
        }
        for (at, text) in self.y.ticks() {
            let y = bottom - at * self.height;
            svg.grid((self.left, y), (right, y));
            svg.text(self.left - 7.0, y + 4.0, Anchor::End, "tick", &text);
        }
        svg.frame(self.left, self.top, self.width, self.height);
        let middle = self.left + self.width / 2.0;
        svg.text(
            middle,
            bottom + 36.0,
            Anchor::Middle,
            "label",
            &panel.x.label,
        );
        svg.upward_text(18.0, self.top + self.height / 2.0, &panel.y.label);
    }

    fn draw_legend(&self, svg: &mut Svg, rows: &[Vec<(usize, &Line)>]) {
        for (row, lines) in rows.iter().rev().enumerate() {
            let (mut x, y) = (self.left, self.top - 10.0 - ROW * row as f64);
            for (number, line) in lines {
                svg.line(*number, &[(x, y), (x + 18.0, y)]);
                svg.text(x + 23.0, y + 4.0, Anchor::Start, "legend", &line.name);
                x += legend_width(line);
            }
        }
    }

    /// A line for each stretch between gaps.
    fn draw_line(&self, svg: &mut Svg, number: usize, line: &Line) {
        let mut stretch = Vec::new();
        for (x, y) in &line.points {
            match y.and_then(|y| self.place(*x, y)) {
                Some(place) => stretch.push(place),
                None if stretch.is_empty() => {}
                None => svg.line(number, &std::mem::take(&mut stretch)),
            }
        }
        if !stretch.is_empty() {
            svg.line(number, &stretch);
        }
    }

    fn place(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let (x, y) = (self.x.at(x)?, self.y.at(y)?);
        let bottom = self.top + self.height;
        Some((self.left + x * self.width, bottom - y * self.height))
    }
}
