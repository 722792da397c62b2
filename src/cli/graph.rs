//! `palisade graph`: tenants, and the pathways between them, as Mermaid, DOT or SVG.
//!
//! Never: draws more than can be looked at; it says what to narrow instead. No name can break out of its place.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::ids::DataKey;
use crate::ids::TenantPath;
use crate::limits;
use crate::model::Isolation;
use crate::model::Status;
use crate::policy::Pathway;
use crate::snapshot::Snapshot;

use super::Exit;
use super::Global;
use super::Out;
use super::Output;
use super::World;
use super::check;
use super::check::Ready;
use super::facts;

mod svg;
mod text;

pub(super) const AFTER: &str = "\
Examples:
  palisade graph > tenants.mmd                 Mermaid, for Markdown
  palisade graph -o dot | dot -Tpng > tenants.png
  palisade graph -o svg > tenants.svg
  palisade graph --tenant acme -o svg          acme, what is below and above it, and its pathways

A box is a tenant, with its status where that is not `active`, and a double border where its isolation is strict. A box
with a broken border is a DataKey that a pathway leads to. An arrow is a pathway: from who may cross to the data,
with its actions, and the purpose and the end that its condition says.";

/// What `graph` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Arguments {
    /// Draw this tenant, those below and above it, and the pathways that touch them.
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
}

/// What is drawn.
#[derive(Debug, Default)]
struct Graph {
    /// Each after the one that encloses it.
    nodes: Vec<Node>,
    edges: Vec<Edge>,
}

/// A box.
#[derive(Debug)]
struct Node {
    /// The tenant's path, or the DataKey.
    name: String,
    /// The box that encloses it.
    parent: Option<usize>,
    /// A tenant's status where it is not active.
    status: Option<&'static str>,
    is_strict: bool,
    is_data: bool,
}

/// An arrow.
#[derive(Debug)]
struct Edge {
    from: usize,
    to: usize,
    /// One line for each pathway.
    labels: Vec<String>,
}

pub(super) fn graph(
    global: &Global,
    arguments: &Arguments,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, String> {
    let Some(Ready { checked, .. }) = check::ready(global, world, out) else { return Ok(Exit::Invalid) };
    let graph = match Graph::of(checked.snapshot(), arguments.tenant.as_deref()) {
        Ok(graph) => graph,
        Err(why) => {
            out.error(&why);
            return Ok(Exit::Usage);
        }
    };
    let drawn = match global.output {
        Output::Svg => svg::svg(&graph),
        Output::Dot => text::dot(&graph),
        Output::Pretty
        | Output::Yaml
        | Output::Json
        | Output::Sarif
        | Output::Github
        | Output::Junit
        | Output::Mermaid => text::mermaid(&graph),
    };
    out.raw(drawn.as_bytes());
    Ok(Exit::Ok)
}

impl Graph {
    fn of(snapshot: &Snapshot, around: Option<&str>) -> Result<Self, String> {
        let (model, policies) = (snapshot.model(), snapshot.policies());
        let mut tenants: BTreeSet<TenantPath> =
            model.tenants.iter().map(|(_, tenant)| tenant.path.clone()).collect();
        let mut pathways = policies.pathways();
        if let Some(around) = around {
            let names = || model.tenants.iter().map(|(_, tenant)| tenant.path.as_str());
            let middle =
                model.tenants.find(around).ok_or_else(|| facts::unknown("tenant", around, names()))?;
            let middle = model.tenants.get(middle).path.clone();
            let data = middle.data_key();
            let near = |one: &TenantPath| one.is_within(&middle) || middle.is_within(one);
            pathways.retain(|one| near(&one.from) || one.data.is_within(&data) || data.is_within(&one.data));
            tenants.retain(near);
        }
        let mut edges: BTreeMap<(TenantPath, DataKey), Vec<String>> = BTreeMap::new();
        for one in pathways {
            let owner = model.tenants.owner(&one.data).map(|owner| model.tenants.get(owner).path.clone());
            for tenant in owner.iter().chain([&one.from]) {
                tenants.extend(tenant.and_enclosing());
            }
            let label = label(&one);
            edges.entry((one.from, one.data)).or_default().push(label);
        }
        let mut graph = Self::default();
        let mut at: BTreeMap<String, usize> = BTreeMap::new();
        for path in &tenants {
            let Some(tenant) = model.tenants.find(path.as_str()).map(|ix| model.tenants.get(ix)) else {
                continue;
            };
            at.insert(path.to_string(), graph.nodes.len());
            graph.nodes.push(Node {
                name: path.to_string(),
                parent: path.parent().and_then(|parent| at.get(parent.as_str()).copied()),
                status: (tenant.status != Status::Active).then(|| tenant.status.as_str()),
                is_strict: tenant.isolation == Isolation::Strict,
                is_data: false,
            });
        }
        for ((from, data), mut labels) in edges {
            labels.sort();
            let to = match at.get(data.as_str()) {
                Some(to) => *to,
                None => {
                    let owner =
                        model.tenants.owner(&data).map(|owner| model.tenants.get(owner).path.to_string());
                    at.insert(data.to_string(), graph.nodes.len());
                    graph.nodes.push(Node {
                        name: data.to_string(),
                        parent: owner.and_then(|owner| at.get(&owner).copied()),
                        status: None,
                        is_strict: false,
                        is_data: true,
                    });
                    graph.nodes.len() - 1
                }
            };
            graph.edges.extend(at.get(from.as_str()).map(|from| Edge { from: *from, to, labels }));
        }
        if graph.nodes.len() > limits::GRAPH_NODES_MAX {
            let (found, most) = (graph.nodes.len(), limits::GRAPH_NODES_MAX);
            return Err(format!(
                "{found} boxes cannot be looked at, at most {most} are drawn: narrow it with `--tenant`"
            ));
        }
        Ok(graph)
    }
}

/// What is written on a pathway's arrow.
fn label(one: &Pathway) -> String {
    let actions = if one.actions.is_empty() { "any action".to_owned() } else { one.actions.join(", ") };
    let mut label = format!("{}: {actions}", one.name);
    if !one.purposes.is_empty() {
        label += &format!("; for {}", one.purposes.join(" or "));
    }
    match one.until.iter().min() {
        Some(until) => label += &format!("; until {until}"),
        None => label += "; without an end",
    }
    label
}
