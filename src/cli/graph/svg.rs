//! The graph as SVG: boxes in columns by their depth in the tree, pathways as curves to their right.
//!
//! Never: writes a script, a reference to anything outside, or a character that XML does not have.

use crate::cli::xml::escaped;

use super::Graph;
use super::text;

/// Widths and heights in pixels.
const COLUMN_GAP: usize = 48;
const ROW: usize = 52;
const BOX: usize = 36;
const MARGIN: usize = 24;
/// How wide a character of the font is taken to be.
const CHARACTER: usize = 8;

/// Where a box stands.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    x: usize,
    y: usize,
    width: usize,
}

/// An SVG document.
pub(super) fn svg(graph: &Graph) -> String {
    let places = places(graph);
    let right = places.iter().map(|place| place.x + place.width).max().unwrap_or(0);
    let rows = places.iter().map(|place| place.y + BOX).max().unwrap_or(0);
    let longest = graph.edges.iter().flat_map(|edge| &edge.labels).map(|label| label.chars().count()).max();
    let bulges = graph.edges.iter().map(|edge| bulge(&places, edge.from, edge.to)).max().unwrap_or(0);
    let width = right + bulges + longest.unwrap_or(0) * (CHARACTER - 1) + 2 * MARGIN;
    let height = rows + 2 * MARGIN;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n<title>tenants and pathways</title>\n<defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path d=\"M0 0 8 4 0 8z\" fill=\"#a33\"/></marker></defs>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    for (node, place) in graph.nodes.iter().zip(&places) {
        if let Some(parent) = node.parent.and_then(|parent| places.get(parent)) {
            let (x, y) = (parent.x + parent.width, parent.y + BOX / 2);
            let (to, level, turn) = (place.x, place.y + BOX / 2, x + COLUMN_GAP / 2);
            out += &format!("<path d=\"M{x} {y}H{turn}V{level}H{to}\" fill=\"none\" stroke=\"#999\"/>\n");
        }
    }
    for (node, place) in graph.nodes.iter().zip(&places) {
        let Place { x, y, width } = *place;
        let fill = if node.status.is_some() { "#f6d5d0" } else { "#eef3f8" };
        let dash = if node.is_data { " stroke-dasharray=\"5 3\"" } else { "" };
        out += &format!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{BOX}\" rx=\"4\" fill=\"{fill}\" stroke=\"#345\"{dash}/>\n"
        );
        if node.is_strict {
            let (x, y, width, height) = (x + 3, y + 3, width - 6, BOX - 6);
            out += &format!(
                "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"3\" fill=\"none\" stroke=\"#345\"/>\n"
            );
        }
        let (middle, level) = (x + width / 2, y + BOX / 2 + 5);
        let words = escaped(&text::label(node, ", "));
        out += &format!("<text x=\"{middle}\" y=\"{level}\" text-anchor=\"middle\">{words}</text>\n");
    }
    for edge in &graph.edges {
        let (Some(from), Some(to)) = (places.get(edge.from), places.get(edge.to)) else { continue };
        let (x1, y1) = (from.x + from.width, from.y + BOX / 2);
        let (x2, y2) = (to.x + to.width, to.y + BOX / 2);
        let out_to = right + bulge(&places, edge.from, edge.to);
        out += &format!(
            "<path d=\"M{x1} {y1}C{out_to} {y1} {out_to} {y2} {x2} {y2}\" fill=\"none\" stroke=\"#a33\" stroke-dasharray=\"6 4\" marker-end=\"url(#head)\"/>\n"
        );
        // A cubic curve is half way at an eighth of its ends and three eighths of its handles.
        let x = (x1 + x2 + 6 * out_to) / 8 + 6;
        for (line, label) in edge.labels.iter().enumerate() {
            let y = usize::midpoint(y1, y2) + 4 + line * 16;
            out += &format!(
                "<text x=\"{x}\" y=\"{y}\" font-size=\"12\" fill=\"#822\">{}</text>\n",
                escaped(label)
            );
        }
    }
    out + "</svg>\n"
}

/// How far to the right of all boxes a pathway's curve bends: the longer, the further.
fn bulge(places: &[Place], from: usize, to: usize) -> usize {
    let y = |at: usize| places.get(at).map_or(0, |place| place.y);
    40 + y(from).abs_diff(y(to)) / 4
}

/// Columns by depth; what encloses others stands at the middle of them.
fn places(graph: &Graph) -> Vec<Place> {
    let mut depths: Vec<usize> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        depths.push(node.parent.and_then(|parent| depths.get(parent)).map_or(0, |depth| depth + 1));
    }
    let width = |at: usize| {
        graph.nodes.get(at).map_or(0, |node| text::label(node, ", ").chars().count() * CHARACTER + 20)
    };
    let columns = depths.iter().max().map_or(0, |deepest| deepest + 1);
    let widest = |column: usize| {
        let of = depths.iter().enumerate().filter(|(_, depth)| **depth == column);
        of.map(|(at, _)| width(at)).max().unwrap_or(0)
    };
    let mut starts = Vec::with_capacity(columns);
    let mut x = MARGIN;
    for column in 0..columns {
        starts.push(x);
        x += widest(column) + COLUMN_GAP;
    }
    let mut places: Vec<Place> = (0..graph.nodes.len())
        .map(|at| {
            let x = depths.get(at).and_then(|depth| starts.get(*depth)).copied().unwrap_or(MARGIN);
            Place { x, y: 0, width: width(at) }
        })
        .collect();
    let mut row = 0;
    let roots = graph.nodes.iter().enumerate().filter(|(_, node)| node.parent.is_none());
    for (root, _) in roots {
        place(graph, root, &mut row, &mut places);
    }
    places
}

/// Gives a box and all below it their rows; the row of the box comes back. No deeper than tenants nest.
fn place(graph: &Graph, at: usize, row: &mut usize, places: &mut [Place]) -> usize {
    let below: Vec<usize> = graph
        .nodes
        .iter()
        .enumerate()
        .filter(|(_, node)| node.parent == Some(at))
        .map(|(at, _)| at)
        .collect();
    let ys: Vec<usize> = below.into_iter().map(|below| place(graph, below, row, places)).collect();
    let y = match (ys.first(), ys.last()) {
        (Some(first), Some(last)) => usize::midpoint(*first, *last),
        _ => {
            *row += 1;
            MARGIN + (*row - 1) * ROW
        }
    };
    if let Some(place) = places.get_mut(at) {
        place.y = y;
    }
    y
}
