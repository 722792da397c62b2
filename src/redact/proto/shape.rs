//! Which class stands where in the messages of a descriptor set, told to the shape of a body.
//!
//! Never: leaves out a class that a field names.

use std::sync::Arc;

use crate::redact::shape::ClassIx;
use crate::redact::shape::NodeIx;
use crate::redact::shape::ShapeBuilder;

use super::descriptor::Descriptors;
use super::descriptor::Kind;
use super::descriptor::Messages;
use super::descriptor::Special;
use super::descriptor::Unknown;
use super::entry::type_key;

impl ShapeBuilder {
    /// The body is a message of this type where it is one of Protocol Buffers. `class` finds the data classes that
    /// fields name; the names that it does not find come back.
    pub fn protobuf(
        &mut self,
        descriptors: &Arc<Descriptors>,
        message: usize,
        class: impl Fn(&str) -> Option<ClassIx>,
    ) -> Vec<String> {
        let nodes: Vec<NodeIx> = descriptors.messages.iter().map(|_| self.node()).collect();
        let mut unknown = Vec::new();
        for (node, message) in nodes.iter().zip(&descriptors.messages) {
            for field in message.fields.values() {
                let value = self.node();
                self.member(*node, &field.name, value);
                self.member(*node, &field.json_name, value);
                for name in &field.classes {
                    match class(name) {
                        Some(class) => self.class(value, class),
                        None => unknown.push(name.to_string()),
                    }
                }
                let Kind::Message(of) = field.kind else { continue };
                let Some(held) = descriptors.messages.get(of) else { continue };
                // The members of a map are its values, whatever their keys.
                let of_map = held.fields.get(&2).filter(|_| held.special == Special::MapEntry);
                match (of_map.map(|value| value.kind), nodes.get(of)) {
                    (Some(Kind::Message(of)), _) => {
                        let member = self.node();
                        self.every_member(value, member);
                        nodes.get(of).into_iter().for_each(|of| self.also(member, *of));
                    }
                    (None, Some(of)) => self.also(value, *of),
                    (Some(_), _) | (None, None) => {}
                }
            }
            if message.special != Special::MapEntry {
                let root = self.root();
                self.member(root, &type_key(&message.name), *node);
            }
        }
        if let Some(node) = nodes.get(message) {
            let root = self.root();
            self.also(root, *node);
        }
        let descriptors = Arc::clone(descriptors);
        self.set_protobuf(Messages { descriptors, root: message, unknown: Unknown::default() });
        unknown
    }
}
