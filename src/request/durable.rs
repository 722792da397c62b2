//! Which requests wait until their record is on the device.
//!
//! Never: looks at anything that a caller could choose but the route and what its bodies may carry.

use crate::audit::Level;
use crate::ids::Action;
use crate::ids::ClassName;
use crate::request::authorized::Judged;
use crate::snapshot::Snapshot;

/// Which requests wait until their record is on the device before the app sees them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Durable {
    /// Each of them.
    pub all: bool,
    /// Those with one of these actions.
    pub actions: Vec<Action>,
    /// Those whose bodies may carry one of these classes, or one within them.
    pub classes: Vec<ClassName>,
}

impl Durable {
    /// What a judged request waits for: hidden or shown, a class that its bodies may carry counts.
    pub(super) fn of(&self, snapshot: &Snapshot, judged: &Judged<'_>) -> Level {
        let hidden = judged.hidden.iter().map(|(class, _)| class);
        let carried = hidden.chain(&judged.revealed).chain(&judged.settable).chain(&judged.unsettable);
        let classes = carried.filter_map(|ix| snapshot.model().classes.get(*ix)).map(|class| &class.name);
        self.level(judged.carried.action, classes)
    }

    /// What a request waits for that has this action and these classes in its bodies.
    pub(super) fn level<'c>(
        &self,
        action: Action,
        mut classes: impl Iterator<Item = &'c ClassName>,
    ) -> Level {
        let named = |class: &ClassName| self.classes.iter().any(|outer| class.is_within(outer));
        // Most name no class, and then none has to be looked up.
        let durable =
            self.all || self.actions.contains(&action) || (!self.classes.is_empty() && classes.any(named));
        if durable { Level::Durable } else { Level::Acked }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_a_class_and_what_is_within_it_wait_and_nothing_else_does() {
        let class = |text: &str| ClassName::parse(text).unwrap();
        let durable =
            Durable { all: false, actions: vec![Action::Export], classes: vec![class("pii.contact")] };
        let level = |action, classes: &[&str]| {
            let classes: Vec<_> = classes.iter().map(|text| class(text)).collect();
            durable.level(action, classes.iter())
        };
        assert_eq!(level(Action::Read, &["pii.name", "pii.contactless"]), Level::Acked);
        assert_eq!(level(Action::Export, &[]), Level::Durable);
        assert_eq!(level(Action::Read, &["pii.name", "pii.contact.email"]), Level::Durable);
        assert_eq!(Durable::default().level(Action::Export, [class("pii")].iter()), Level::Acked);
        let all = Durable { all: true, ..Durable::default() };
        assert_eq!(all.level(Action::Read, [].iter()), Level::Durable);
    }
}
