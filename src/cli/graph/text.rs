//! The graph as text: Mermaid and Graphviz's DOT.
//!
//! Never: writes a name outside of quotes, or a character in it that ends them.

use super::Graph;
use super::Node;

/// A Mermaid flowchart.
pub(super) fn mermaid(graph: &Graph) -> String {
    let mut out = "flowchart LR\n".to_owned();
    for (at, node) in graph.nodes.iter().enumerate() {
        let label = of_mermaid(&label(node, "; "));
        let (open, close) = match (node.is_data, node.is_strict) {
            (true, _) => ("([", "])"),
            (false, true) => ("[[", "]]"),
            (false, false) => ("[", "]"),
        };
        out += &format!("  n{at}{open}\"{label}\"{close}\n");
    }
    for (at, parent) in graph.nodes.iter().enumerate().filter_map(|(at, node)| Some((at, node.parent?))) {
        out += &format!("  n{parent} --- n{at}\n");
    }
    for edge in &graph.edges {
        let labels: Vec<String> = edge.labels.iter().map(|label| of_mermaid(label)).collect();
        out += &format!("  n{} -. \"{}\" .-> n{}\n", edge.from, labels.join("<br>"), edge.to);
    }
    for (at, _) in graph.nodes.iter().enumerate().filter(|(_, node)| node.status.is_some()) {
        out += &format!("  style n{at} fill:#f6d5d0\n");
    }
    out
}

/// A Graphviz digraph.
pub(super) fn dot(graph: &Graph) -> String {
    let mut out = "digraph palisade {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", fontsize=10];\n".to_owned();
    for (at, node) in graph.nodes.iter().enumerate() {
        let mut style = Vec::new();
        if node.is_strict {
            style.push("peripheries=2");
        }
        if node.is_data {
            style.push("style=dashed");
        }
        if node.status.is_some() {
            style.push("color=red");
        }
        let style: String = style.into_iter().map(|style| format!(", {style}")).collect();
        out += &format!("  n{at} [label=\"{}\"{style}];\n", of_dot(&label(node, "\n")));
    }
    for (at, parent) in graph.nodes.iter().enumerate().filter_map(|(at, node)| Some((at, node.parent?))) {
        out += &format!("  n{parent} -> n{at} [arrowhead=none];\n");
    }
    for edge in &graph.edges {
        let label = of_dot(&edge.labels.join("\n"));
        out += &format!(
            "  n{} -> n{} [style=dashed, constraint=false, label=\"{label}\"];\n",
            edge.from, edge.to
        );
    }
    out + "}\n"
}

/// A box's words: its name, then what is not as usual.
pub(super) fn label(node: &Node, between: &str) -> String {
    let strict = node.is_strict.then_some("strict isolation");
    let more = [node.status, strict].into_iter().flatten();
    std::iter::once(node.name.as_str()).chain(more).collect::<Vec<_>>().join(between)
}

/// Anything but plain characters as Mermaid's entity codes.
fn of_mermaid(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || " /.,:;-_+=()'".contains(c);
    let code = |c: char| if plain(c) { c.to_string() } else { format!("#{};", u32::from(c)) };
    text.chars().map(code).collect()
}

fn of_dot(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\n' => out += "\\n",
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
