//! Line charts as SVG. Pure: values in, text out.
