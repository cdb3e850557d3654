//! What a fault does to an answer, in this order: a foreign answer takes its place; its body changes; its form varies; it
//! says which fault it was; and it is delivered, slowly, in part or not at all.
//!
//! An answer is whole in memory here, and so is what becomes of it: bounded by the size of the answer, and by
//! [`MAX_STEPS`](delivery::MAX_STEPS) of its delivery.

mod delivery;
mod foreign;
mod members;
mod variation;

use actix_web::HttpResponse;
use actix_web::body::MessageBody as _;
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::web::Bytes;

pub(super) use self::delivery::Delivered;
use super::disturbance::Disturbance;
use super::prefer::PREFERENCE_APPLIED;
use crate::api::sandbox::fault::{BodyChange, InjectedAnswer};
use crate::time::UnixSeconds;

/// Names the rule that disturbed a request, in the answer.
const BOOMGATE_FAULT: HeaderName = HeaderName::from_static("boomgate-fault");

const PLAIN_TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// An answer that a fault changes.
struct Answer {
    /// Its status and its fields.
    head: HttpResponse<()>,
    body: Bytes,
    form: Form,
}

/// What an answer has beside its head and its body.
#[derive(Default)]
struct Form {
    /// Its body is sent without its length.
    is_chunked: bool,
    /// The connection ends after it.
    is_last: bool,
}

impl Answer {
    /// Whether an answer with this status has no body (RFC 9110 sections 15.3.5 and 15.4.5).
    fn is_bodiless(&self) -> bool {
        [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&self.head.status())
    }
}

/// The answer as the client gets it. `now` is the time of the sandbox.
pub(super) fn apply(
    response: ServiceResponse,
    disturbance: &Disturbance,
    now: UnixSeconds,
) -> ServiceResponse<Delivered> {
    let (request, response) = response.into_parts();
    let (head, body) = response.into_parts();
    let body = match body.try_into_bytes() {
        Ok(body) => body,
        // No answer of the API is a stream.
        Err(stream) => return ServiceResponse::new(request, head.set_body(Delivered::Whole(stream))),
    };
    let effect = disturbance.effect();
    let mut answer = Answer { head, body, form: Form::default() };
    if let Some(InjectedAnswer::Status(status)) = effect.answer {
        answer = foreign::answer(status, effect.retry_after);
    }
    if let Some(change) = effect.body.filter(|_| !answer.is_bodiless()) {
        change_body(&mut answer, change);
    }
    if let Some(variation) = effect.variation {
        variation::apply(&mut answer, variation, &disturbance.claims, now);
    }
    let fields = answer.head.headers_mut();
    if let Ok(name) = HeaderValue::from_str(&disturbance.firing.name) {
        fields.insert(BOOMGATE_FAULT, name);
    }
    if let Some(applied) = &disturbance.applied {
        fields.insert(PREFERENCE_APPLIED, applied.clone());
    }
    let is_bodiless = answer.is_bodiless();
    let Answer { head, body, form } = answer;
    let script = delivery::script(body, &form, is_bodiless, disturbance.firing.delay, effect.delivery);
    ServiceResponse::new(request, head.set_body(Delivered::Script(script)))
}

fn change_body(answer: &mut Answer, change: BodyChange) {
    match change {
        BodyChange::Empty => answer.body = Bytes::new(),
        BodyChange::Html => {
            answer.body = foreign::page(answer.head.status());
            answer.head.headers_mut().insert(CONTENT_TYPE, foreign::HTML);
        }
        // The half of an object is none.
        BodyChange::NotJson if answer.body.len() > 1 => answer.body.truncate(answer.body.len() / 2),
        BodyChange::NotJson => answer.body = Bytes::from_static(b"{"),
        BodyChange::WrongContentType => drop(answer.head.headers_mut().insert(CONTENT_TYPE, PLAIN_TEXT)),
    }
}
