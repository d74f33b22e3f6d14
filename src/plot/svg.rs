use std::fmt::Write;

/// Where a text stands to its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// Colours of lines, each apart from its neighbours and readable on white and on dark ground.
const COLOURS: [&str; 8] = [
    "#2f81f7", "#db6d28", "#2da44e", "#a371f7", "#bf8700", "#d4569b", "#1b9aaa", "#d1453b",
];

const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#768390}\
    .title{font-size:16px;font-weight:600}.label{font-size:13px}\
    .grid{stroke:#768390;stroke-opacity:.25}.frame{stroke:#768390;fill:none}\
    .line{fill:none;stroke-width:1.8;stroke-linejoin:round}";

/// A document under way.
#[derive(Debug)]
pub(super) struct Svg(String);

impl Svg {
    pub(super) fn new(width: f64, height: f64, title: &str) -> Self {
        let mut svg = Self(String::new());
        svg.put(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" role=\"img\">\n<title>{}</title>\n\
             <style>{STYLE}</style>\n",
            escape(title)
        ));
        svg
    }

    pub(super) fn text(&mut self, x: f64, y: f64, anchor: Anchor, class: &str, text: &str) {
        let (anchor, text) = (anchor.name(), escape(text));
        self.put(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" class=\"{class}\">{text}</text>\n"
        ));
    }

    /// A text that is read from below to above.
    pub(super) fn upward_text(&mut self, x: f64, y: f64, text: &str) {
        let text = escape(text);
        self.put(format_args!(
            "<text transform=\"translate({x:.1} {y:.1}) rotate(-90)\" text-anchor=\"middle\" \
             class=\"label\">{text}</text>\n"
        ));
    }

    pub(super) fn grid(&mut self, from: (f64, f64), to: (f64, f64)) {
        self.put(format_args!(
            "<path class=\"grid\" d=\"M{:.1} {:.1}L{:.1} {:.1}\"/>\n",
            from.0, from.1, to.0, to.1
        ));
    }

    pub(super) fn frame(&mut self, left: f64, top: f64, width: f64, height: f64) {
        self.put(format_args!(
            "<rect class=\"frame\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" \
             height=\"{height:.1}\"/>\n"
        ));
    }

    /// A line through places; the colour is that of the line's number.
    pub(super) fn line(&mut self, number: usize, places: &[(f64, f64)]) {
        let mut path = String::new();
        for (index, (x, y)) in places.iter().enumerate() {
            let step = if index == 0 { 'M' } else { 'L' };
            write!(path, "{step}{x:.1} {y:.1}").expect("a string takes everything");
        }
        if let [(x, y)] = places {
            // A lone point is a dot.
            write!(path, "L{:.1} {y:.1}", x + 1.5).expect("a string takes everything");
        }
        let colour = COLOURS[number % COLOURS.len()];
        self.put(format_args!(
            "<path class=\"line\" stroke=\"{colour}\" d=\"{path}\"/>\n"
        ));
    }

    pub(super) fn finish(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        self.0.write_fmt(text).expect("a string takes everything");
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            // XML has no other control characters.
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
