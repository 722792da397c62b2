//! The graph as SVG: boxes in rows and columns by their place in the tree, pathways around them.
//!
//! A pathway leaves its box downwards, runs below its row to a lane of its own right of all boxes, and from there below the
//! row of the box that it leads to; its words stand right of all lanes. So no line runs through a box or a word.
//! Never: writes a script, a reference to anything outside, or a character that XML does not have.

use crate::cli::xml::escaped;

use super::Edge;
use super::Graph;
use super::text;

/// Widths and heights in pixels.
const COLUMN_GAP: usize = 48;
const ROW_GAP: usize = 16;
const BOX: usize = 36;
const MARGIN: usize = 24;
/// Between pathways beside each other.
const LANE: usize = 10;
/// From one line of a pathway's words to the next.
const LINE: usize = 16;
/// One after another, and then again: dark enough to be read on white, and apart from each other for most eyes.
const COLOURS: [&str; 6] = ["#a3312d", "#1f5fa8", "#2d6e3e", "#85409d", "#8a5a00", "#0b6a73"];

/// Where a box stands.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    row: usize,
    x: usize,
    y: usize,
    width: usize,
}

/// A pathway's line.
#[derive(Debug)]
struct Lane {
    colour: &'static str,
    /// Where it leaves and where it arrives: the place on the lower side of the box, and the height that it runs at.
    ends: [(usize, usize, usize); 2],
    x: usize,
    /// The height of its first word.
    words: usize,
}

/// An SVG document.
pub(super) fn svg(graph: &Graph) -> String {
    let mut places = places(graph);
    let bottom = spread(graph, &mut places);
    let right = places.iter().map(|place| place.x + place.width).max().unwrap_or(0);
    let lanes = lanes(graph, &places, right);
    let words = right + MARGIN + LANE * lanes.len();
    let longest = graph.edges.iter().flat_map(|edge| &edge.labels).map(|label| width(label)).max();
    let lowest =
        graph.edges.iter().zip(&lanes).map(|(edge, lane)| lane.words + LINE * edge.labels.len()).max();
    let width = longest.map_or(right, |longest| words + longest) + MARGIN;
    let height = bottom.max(lowest.unwrap_or(0)) + MARGIN;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n<title>tenants and pathways</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    for (node, place) in graph.nodes.iter().zip(&places) {
        if let Some(parent) = node.parent.and_then(|parent| places.get(parent)) {
            let (x, y) = (parent.x + parent.width, parent.y + BOX / 2);
            let (to, level, turn) = (place.x, place.y + BOX / 2, place.x - COLUMN_GAP / 2);
            out += &format!("<path d=\"M{x} {y}H{turn}V{level}H{to}\" fill=\"none\" stroke=\"#999\"/>\n");
        }
    }
    for (edge, lane) in graph.edges.iter().zip(&lanes) {
        out += &pathway(edge, lane, words);
    }
    for (node, place) in graph.nodes.iter().zip(&places) {
        out += &tenant(node, *place);
    }
    out + "</svg>\n"
}

fn tenant(node: &super::Node, place: Place) -> String {
    let Place { x, y, width, .. } = place;
    let fill = if node.status.is_some() { "#f6d5d0" } else { "#eef3f8" };
    let dash = if node.is_data { " stroke-dasharray=\"5 3\"" } else { "" };
    let mut out = format!(
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
    out + &format!("<text x=\"{middle}\" y=\"{level}\" text-anchor=\"middle\">{words}</text>\n")
}

/// A line from box to box, its head, and a line from it to its words.
fn pathway(edge: &Edge, lane: &Lane, words: usize) -> String {
    let Lane { colour, ends: [(x1, y1, level1), (x2, y2, level2)], x, words: y } = lane;
    let (style, low) = (format!("fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\""), y2 + 8);
    let mut out = format!("<path d=\"M{x1} {y1}V{level1}H{x}V{level2}H{x2}V{low}\" {style}/>\n");
    let (left, right) = (x2.saturating_sub(4), x2 + 4);
    out += &format!("<path d=\"M{left} {low}H{right}L{x2} {y2}z\" fill=\"{colour}\"/>\n");
    // Words that found no room beside their line stand lower: the lane is drawn on to them.
    let (height, near) = (y - 4, (*level1.max(level2)).min(y - 4));
    out += &format!("<path d=\"M{x} {near}V{height}H{}\" {style} stroke-dasharray=\"2 3\"/>\n", words - 4);
    for (line, label) in edge.labels.iter().enumerate() {
        let y = y + line * LINE;
        let label = escaped(label);
        out += &format!("<text x=\"{words}\" y=\"{y}\" font-size=\"12\" fill=\"{colour}\">{label}</text>\n");
    }
    out
}

/// Each pathway's line: lanes and words in the order of where the lines begin, so that most cross few others.
fn lanes(graph: &Graph, places: &[Place], right: usize) -> Vec<Lane> {
    let place = |at: usize| places.get(at).copied().unwrap_or_default();
    let mut used_below = vec![0; places.len()];
    let mut used_at = vec![0; places.len()];
    let mut end = |at: usize| {
        let place = place(at);
        let below = used_below.get_mut(place.row).map_or(0, |used| std::mem::replace(used, *used + 1));
        let beside = used_at.get_mut(at).map_or(0, |used| std::mem::replace(used, *used + 1));
        // As far from the box's right corner as there is room for; further ones share the last place.
        let x = place.x + place.width - (12 + LANE * beside).min(place.width / 2);
        (x, place.y + BOX, place.y + BOX + LANE * (below + 1))
    };
    let mut lanes: Vec<Lane> = graph
        .edges
        .iter()
        .zip(COLOURS.iter().cycle())
        .map(|(edge, colour)| Lane { colour, ends: [end(edge.from), end(edge.to)], x: 0, words: 0 })
        .collect();
    let mut order: Vec<(usize, usize)> =
        lanes.iter().map(|lane| lane.ends[0].2.min(lane.ends[1].2)).zip(0..).collect();
    order.sort_unstable();
    let mut free = 0;
    for (number, (top, at)) in order.into_iter().enumerate() {
        let lines = graph.edges.get(at).map_or(0, |edge| edge.labels.len());
        if let Some(lane) = lanes.get_mut(at) {
            lane.x = right + MARGIN / 2 + LANE * number;
            lane.words = (top + 4).max(free);
            free = lane.words + LINE * lines + LINE / 2;
        }
    }
    lanes
}

/// Rows and columns: a column for each depth. What encloses others stands in the row of the middle one of them, so that
/// below each row is a gap without boxes.
fn places(graph: &Graph) -> Vec<Place> {
    let mut depths: Vec<usize> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        depths.push(node.parent.and_then(|parent| depths.get(parent)).map_or(0, |depth| depth + 1));
    }
    let widths: Vec<usize> = graph.nodes.iter().map(|node| width(&text::label(node, ", ")) + 20).collect();
    let mut starts = vec![MARGIN; depths.iter().max().map_or(0, |deepest| deepest + 1)];
    for column in 1..starts.len() {
        let of = depths.iter().zip(&widths).filter(|(depth, _)| **depth + 1 == column);
        let widest = of.map(|(_, width)| *width).max().unwrap_or(0);
        let before = starts.get(column - 1).copied().unwrap_or(MARGIN);
        if let Some(start) = starts.get_mut(column) {
            *start = before + widest + COLUMN_GAP;
        }
    }
    let start = |depth: usize| starts.get(depth).copied().unwrap_or(MARGIN);
    let mut places: Vec<Place> = depths
        .iter()
        .zip(widths)
        .map(|(depth, width)| Place { x: start(*depth), width, ..Place::default() })
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
    let below = graph.nodes.iter().enumerate().filter(|(_, node)| node.parent == Some(at));
    let below: Vec<usize> = below.map(|(at, _)| at).collect();
    let rows: Vec<usize> = below.into_iter().map(|below| place(graph, below, row, places)).collect();
    let own = rows.get(rows.len().saturating_sub(1) / 2).copied().unwrap_or_else(|| {
        *row += 1;
        *row - 1
    });
    if let Some(place) = places.get_mut(at) {
        place.row = own;
    }
    own
}

/// Gives each row its height, with room below it for the pathways that run there; how low they reach comes back.
fn spread(graph: &Graph, places: &mut [Place]) -> usize {
    let rows = places.iter().map(|place| place.row + 1).max().unwrap_or(0);
    let mut below = vec![0_usize; rows];
    for at in graph.edges.iter().flat_map(|edge| [edge.from, edge.to]) {
        if let Some(count) = places.get(at).and_then(|place| below.get_mut(place.row)) {
            *count += 1;
        }
    }
    let mut tops = Vec::with_capacity(rows);
    let mut y = MARGIN;
    for count in below {
        tops.push(y);
        y += BOX + ROW_GAP.max(LANE * (count + 1));
    }
    for place in places {
        place.y = tops.get(place.row).copied().unwrap_or(MARGIN);
    }
    y
}

/// How wide a text is taken to be, in pixels: characters of other scripts may be as wide as they are high.
fn width(text: &str) -> usize {
    text.chars().map(|c| if c.is_ascii() { 8 } else { 14 }).sum()
}

#[cfg(test)]
mod tests {
    use super::super::Node;
    use super::*;

    /// Companies with two regions each and two sites in the first; pathways from every site to every third company.
    fn graph(companies: usize) -> Graph {
        let mut nodes = Vec::new();
        let mut add = |name: String, parent| {
            nodes.push(Node { name, parent, status: None, is_strict: false, is_data: false });
            nodes.len() - 1
        };
        let (mut tops, mut sites) = (Vec::new(), Vec::new());
        for number in 0..companies {
            let top = add(format!("c{number}"), None);
            let west = add(format!("c{number}/west"), Some(top));
            add(format!("c{number}/east"), Some(top));
            tops.push(top);
            sites.extend(["s1", "s2"].map(|site| add(format!("c{number}/west/{site}"), Some(west))));
        }
        let to = |from: usize| tops.iter().step_by(3).map(move |to| (from, *to));
        let labels = |from: usize| (0..1 + from % 3).map(|n| format!("number {n}")).collect();
        let edge = |(from, to)| Edge { from, to, labels: labels(from) };
        let edges = sites.iter().copied().flat_map(to).map(edge).collect();
        Graph { nodes, edges }
    }

    #[test]
    fn no_line_of_a_pathway_runs_through_a_box_and_no_words_stand_on_others() {
        let graph = graph(6);
        let mut places = places(&graph);
        let bottom = spread(&graph, &mut places);
        let right = places.iter().map(|place| place.x + place.width).max().unwrap();
        let lanes = lanes(&graph, &places, right);
        assert_eq!((graph.nodes.len(), lanes.len()), (30, 24));
        for lane in &lanes {
            assert!(lane.x > right && lane.x < right + MARGIN + LANE * lanes.len());
            for (x, y, level) in lane.ends {
                let row = places.iter().filter(|place| level > place.y && level < place.y + BOX).count();
                assert!(row == 0 && level < bottom, "{lane:?} runs through a row");
                let below = places
                    .iter()
                    .any(|place| y == place.y + BOX && x > place.x && x < place.x + place.width && level > y);
                assert!(below, "{lane:?} begins or ends at no box");
            }
        }
        let mut levels: Vec<usize> = lanes.iter().flat_map(|lane| lane.ends.map(|end| end.2)).collect();
        levels.sort_unstable();
        levels.dedup();
        assert_eq!(levels.len(), 2 * lanes.len(), "each runs at a height of its own");
        let mut words: Vec<(usize, usize)> = lanes
            .iter()
            .zip(&graph.edges)
            .map(|(lane, edge)| (lane.words, lane.words + LINE * edge.labels.len()))
            .collect();
        words.sort_unstable();
        assert!(words.windows(2).all(|two| two[0].1 <= two[1].0), "{words:?}");
        for (at, one) in places.iter().enumerate() {
            for other in &places[..at] {
                let apart = one.y.abs_diff(other.y) >= BOX + ROW_GAP
                    || one.x >= other.x + other.width
                    || other.x >= one.x + one.width;
                assert!(apart, "{one:?} {other:?}");
            }
        }
    }
}
