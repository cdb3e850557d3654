//! `GET /why/{request_id}`: why a request was refused, for the person who was given its id.
//!
//! In a sandbox the page has all that the journal, or else the refusals, have of the request: in words, and as data for its
//! script. In production it has nothing: its script asks who the reader is, and shows what that reader may see.

use std::borrow::Cow;

use actix_web::http::header::{HeaderValue, VARY};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::accept::wants_html;
use super::{Frame, Pages, once};
use crate::api::explanation::{Check, CheckOutcome, CheckResult, NearestChange};
use crate::api::refusal::ExplainedRefusal;
use crate::api::sandbox::request::ExplainedAnswer;
use crate::http::error::{Problem, ProblemKind};
use crate::http::sandbox::control::is_for_own_host;
use crate::http::sandbox::requests::ids;
use crate::refusals::Refusals;
use crate::sandbox::Sandbox;
use crate::sandbox::journal::view;

/// A page that asks who reads it.
#[derive(Template)]
#[template(path = "why.html")]
struct SignIn<'f> {
    frame: &'f Frame,
}

/// A page about one request.
#[derive(Template)]
#[template(path = "why_answered.html")]
struct Answered<'f> {
    frame: &'f Frame,
    answer: &'f ExplainedAnswer,
    /// It as JSON.
    data: String,
    /// The page about its kind of problem.
    kind: Option<ProblemKind>,
}

/// A page about no request.
#[derive(Template)]
#[template(path = "why_unknown.html")]
struct Unknown<'f> {
    frame: &'f Frame,
    request_id: &'f str,
    /// How many requests the journal has at most.
    max_requests: usize,
}

pub(in crate::http) async fn show(
    request: HttpRequest,
    pages: Data<Pages>,
    refusals: Data<Refusals>,
    sandbox: Option<Data<Sandbox>>,
) -> Result<HttpResponse, Problem> {
    let Some(sandbox) = sandbox else {
        return pages.answer(&request, "why", |frame| SignIn { frame }.render()).await;
    };
    let frame = pages.frame_at(request.path());
    let answer = if is_for_own_host(&sandbox, &request) { find(&request, &sandbox, &refusals) } else { None };
    match answer {
        Some(answer) => {
            let kind = answer.reason.as_deref().and_then(kind_of);
            // Every key is a string, so this does not fail.
            let data = serde_json::to_string(&answer).unwrap_or_default();
            once(HttpResponse::Ok(), &Answered { frame: &frame, answer: &answer, data, kind })
        }
        None if wants_html(request.headers()) => {
            let request_id = ids(&request).last().unwrap_or_default();
            let max_requests = sandbox.journal.max_requests();
            let page = Unknown { frame: &frame, request_id: &request_id, max_requests };
            let mut response = once(HttpResponse::NotFound(), &page)?;
            response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
            Ok(response)
        }
        None => Err(Problem::new(
            ProblemKind::NotFound,
            "No request has this id. The sandbox remembers the last requests, until it is reset or stopped.",
        )),
    }
}

/// The newest request with the id. The refusals may have one that had to leave the journal.
fn find(request: &HttpRequest, sandbox: &Sandbox, refusals: &Refusals) -> Option<ExplainedAnswer> {
    let in_journal = ids(request).find_map(|id| sandbox.journal.find(&id));
    in_journal.map(|found| view::explained(&found)).or_else(|| {
        let refused = ids(request).find_map(|id| refusals.any(&id))?;
        Some(of_refusal(refused.for_operator()))
    })
}

fn of_refusal(refused: ExplainedRefusal) -> ExplainedAnswer {
    let ExplainedRefusal { refusal, others, explanation } = refused;
    ExplainedAnswer {
        at: refusal.at,
        client: refusal.client_id.or(refusal.named_client_id).map(|client_id| client_id.to_string()),
        detail: None,
        explanation,
        fault: None,
        method: refusal.method,
        others,
        path: refusal.path,
        query: None,
        reason: Some(refusal.reason),
        request_id: refusal.request_id,
        status: Some(refusal.status),
    }
}

/// The kind of problem that a reason names, as a slug or as an OAuth code.
fn kind_of(reason: &str) -> Option<ProblemKind> {
    let slug = reason.replace('_', "-");
    ProblemKind::ALL.into_iter().find(|kind| kind.slug() == slug)
}

impl Answered<'_> {
    /// The class of the status in the style sheet.
    fn class(&self) -> String {
        self.answer.status.map_or_else(String::new, |status| format!("s{}", status / 100))
    }

    fn failed(&self) -> Option<&CheckResult> {
        self.answer.explanation.failed()
    }

    /// What would have passed, in a sentence.
    fn nearest(&self) -> String {
        let nearest = &self.answer.explanation.nearest;
        let changes: Vec<&str> = nearest.iter().map(|change| change.change.as_str()).collect();
        match nearest.first() {
            None => "No single change would have let it through.".to_owned(),
            Some(NearestChange { change, fails_next: Some(next), .. }) => {
                format!("It would have come further {change}: to the check of {}.", words(*next))
            }
            Some(_) => format!("It would have passed {}.", changes.join(", or ")),
        }
    }
}

/// A check in words.
fn words(check: Check) -> String {
    check.name().replace('_', " ")
}

fn name(result: &CheckResult) -> String {
    words(result.check)
}

fn outcome(result: &CheckResult) -> &'static str {
    match result.outcome {
        CheckOutcome::Passed => "passed",
        CheckOutcome::Failed => "refused",
        CheckOutcome::NotReached => "not reached",
    }
}

/// Text of ours in parts: whether each is code, which stands between backticks.
fn parts(text: &str) -> impl Iterator<Item = (bool, Cow<'_, str>)> {
    text.split('`').enumerate().map(|(at, part)| (at % 2 == 1, part.into()))
}
