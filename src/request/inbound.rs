//! What becomes of a request's body: what is taken out of it, what it is refused for, and whether that can be said while it
//! streams or only of all of it.
//!
//! Never: tells a value; a place is a pointer and a keyword.

use std::sync::Arc;

use bytes::Bytes;

use crate::limits;
use crate::model::BodySchema;
use crate::redact::Content;
use crate::redact::Encoding;
use crate::redact::Format;
use crate::redact::Gathered;
use crate::redact::Hidden;
use crate::redact::Malformed;
use crate::redact::Mask;
use crate::redact::Plan;
use crate::redact::Redacted;
use crate::redact::Redactor;
use crate::redact::held;
use crate::redact::held::Place;
use crate::request::plans::Both;
use crate::request::plans::Unseen;
use crate::request::refusal::Refusal;
use crate::request::spoken::Held;

/// What becomes of the body of one request.
#[derive(Debug, Clone)]
pub struct Inbound {
    plan: Arc<Plan>,
    unseen: Option<Unseen>,
    refuses: bool,
    schema: Option<Arc<BodySchema>>,
    /// The body, where it had to be read before the request was decided.
    held: Option<Box<Held>>,
}

/// A body that may be sent.
#[derive(Debug)]
pub struct Whole {
    /// Its bytes.
    pub body: Redacted,
    /// What was taken out of it.
    pub hidden: Hidden,
    /// Is each byte as the client sent it? Then the headers that describe them hold.
    pub is_as_sent: bool,
}

impl Inbound {
    pub(super) fn new(plans: &Both, schema: Option<&Arc<BodySchema>>) -> Self {
        Self {
            plan: Arc::clone(&plans.request),
            unseen: plans.unseen.clone(),
            refuses: plans.refuses,
            schema: schema.map(Arc::clone),
            held: None,
        }
    }

    /// The same of a body that has been read.
    pub(super) fn holding(self, held: Option<Held>) -> Self {
        Self { held: held.map(Box::new), ..self }
    }

    /// The body, where it has been read.
    pub(super) fn held(&self) -> Option<&Held> {
        self.held.as_deref()
    }

    /// Judges a body that has been read.
    pub(super) fn judge_held(&self, held: &Held) -> Result<Whole, Refusal> {
        let is_free = self.plan.hides_nothing() && self.unseen.is_none();
        if held.is_json && !is_free {
            // What it sets that it may not set is refused, never taken out.
            let judged = self.judge(Encoding::Identity.into(), &held.body)?;
            return Ok(Whole { is_as_sent: judged.is_as_sent && held.is_as_sent, ..judged });
        }
        let nothing = Redactor::new(Arc::new(Plan::nothing()), Encoding::Identity);
        let (body, hidden) = redacted(nothing, held.body.clone()).map_err(|_| Refusal::UnreadableBody)?;
        Ok(Whole { body, hidden, is_as_sent: held.is_as_sent })
    }

    /// May it be sent as it is, whatever is in it?
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.plan.hides_nothing() && self.unseen.is_none() && self.schema.is_none()
    }

    /// Is each body validated?
    #[must_use]
    pub fn has_schema(&self) -> bool {
        self.schema.is_some()
    }

    /// Must there be a body?
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.schema.as_ref().is_some_and(|schema| schema.is_required())
    }

    /// Must all of it be known before its first byte may be sent?
    #[must_use]
    pub fn is_whole(&self, format: Format) -> bool {
        let denies = !self.plan(format).hides_nothing();
        let judged = self.refuses && denies || self.unseen.is_some() && format == Format::Json;
        self.schema.is_some() || (format != Format::Opaque && judged)
    }

    /// What is taken out of a body of this format while it streams. In what is not one JSON document a mask cannot be told
    /// from a value, so what is not seen there cannot be set.
    #[must_use]
    pub fn plan(&self, format: Format) -> &Arc<Plan> {
        match &self.unseen {
            Some(unseen) if format != Format::Json || self.refuses => &unseen.strict,
            Some(_) | None => &self.plan,
        }
    }

    /// Judges a body that is held whole, as the client sent it.
    ///
    /// # Errors
    /// It cannot be read as its type says; it is not as its schema says; it sets what its caller may not set, and is
    /// refused for that.
    pub fn judge(&self, content: Content, sent: &Bytes) -> Result<Whole, Refusal> {
        if content.format != Format::Json {
            return self.judge_other(content, sent);
        }
        let unreadable = |_| Refusal::UnreadableBody;
        let text = held::decoded(content.encoding, sent).map_err(unreadable)?;
        let json = held::strict(&text).map_err(unreadable)?;
        if let Some(schema) = &self.schema {
            schema.check(&json).map_err(|faults| Refusal::InvalidBody(faults.into()))?;
        }
        if self.refuses {
            refuse(&held::places(&self.plan, &json))?;
        }
        let echoes = self.unseen.as_ref().map_or(Vec::new(), |unseen| held::echoes(&unseen.masks, &json));
        if echoes.is_empty() && self.plan.hides_nothing() {
            let nothing = Redactor::new(Arc::new(Plan::nothing()), Encoding::Identity);
            let (body, hidden) = redacted(nothing, sent.clone()).map_err(unreadable)?;
            return Ok(Whole { body, hidden, is_as_sent: true });
        }
        if self.refuses {
            refuse(&echoes)?;
        }
        let json = match held::without(&json, &echoes) {
            Some(rest) => rest,
            // An item of a list has no place to be taken out of: another value would stand there.
            None => return refuse(&echoes).and(Err(Refusal::UnreadableBody)),
        };
        let redactor = Redactor::new(Arc::clone(&self.plan), Encoding::Identity);
        let (body, mut hidden) = redacted(redactor, json).map_err(unreadable)?;
        for class in echoes.iter().flat_map(Place::classes) {
            hidden.add(*class, &Mask::Drop);
        }
        Ok(Whole { body, hidden, is_as_sent: false })
    }

    fn judge_other(&self, content: Content, sent: &Bytes) -> Result<Whole, Refusal> {
        if self.schema.is_some() {
            return Err(Refusal::UnreadableBody);
        }
        let plan = self.plan(content.format);
        let (body, hidden) = redacted(Redactor::new(Arc::clone(plan), content), sent.clone())
            .map_err(|_| Refusal::UnreadableBody)?;
        if self.refuses && !hidden.is_empty() {
            return Err(Refusal::FieldDenied(Box::default()));
        }
        Ok(Whole { body, hidden, is_as_sent: plan.hides_nothing() })
    }
}

fn refuse(places: &[Place]) -> Result<(), Refusal> {
    if places.is_empty() {
        return Ok(());
    }
    let told = places.iter().take(limits::TOLD_PLACES_MAX);
    Err(Refusal::FieldDenied(told.map(|place| place.pointer.as_str().into()).collect()))
}

fn redacted(mut redactor: Redactor, body: Bytes) -> Result<(Redacted, Hidden), Malformed> {
    let mut whole = Gathered::default();
    whole.push(redactor.feed(body)?);
    let (last, hidden) = redactor.finish()?;
    whole.push(last);
    Ok((whole.into_redacted(), hidden))
}
