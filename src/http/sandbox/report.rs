//! `GET /sandbox/report/{client_id}`: what the journal says about a client, as the report of an exam without scenarios.

use std::sync::Arc;

use actix_web::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue, VARY};
use actix_web::web::{self, Data, Path};
use actix_web::{HttpRequest, HttpResponse};

use super::answer;
use super::control::Control;
use crate::api::audit::Line;
use crate::api::exam::Report;
use crate::audit::{Action, Audit, Event};
use crate::clients::{Client, Clients};
use crate::exam::report::{html, junit, markdown, page_policy};
use crate::exam::run::PlainHttp;
use crate::exam::watched::Watched;
use crate::http::error::{Problem, ProblemKind};
use crate::sandbox::Sandbox;
use crate::sandbox::journal::{Numbered, view};
use crate::text::closest_match;
use crate::time::{Clock as _, SystemClock, UnixMillis};

/// The most requests that are judged, the newest ones: as many as a journal has by default.
const MAX_REQUESTS: usize = 10_000;
/// The most entries of the audit log about credentials in the clear.
const MAX_EXPOSURES: usize = 100;
/// How many clients are looked through for the one that was meant.
const MAX_COMPARED: usize = 1_000;

/// The operations of the API that need a scope, with the scope token: the table of routes has them, which names the
/// handlers here.
#[derive(Debug)]
pub(crate) struct ScopedOperations(pub(crate) Vec<(String, String)>);

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Html,
    Json,
    Markdown,
    Junit,
}

impl Form {
    /// The forms, with the extension and the media types of each. Who accepts all of them gets JSON.
    const ALL: [(Self, &'static str, &'static [&'static str]); 4] = [
        (Self::Json, ".json", &["application/json"]),
        (Self::Html, ".html", &["text/html", "application/xhtml+xml"]),
        (Self::Markdown, ".md", &["text/markdown"]),
        (Self::Junit, ".xml", &["application/xml", "text/xml"]),
    ];

    /// The form that a caller likes best of those that it accepts (RFC 9110 section 12.5.1). Of two that it likes alike, the one
    /// that it names first.
    fn accepted(accept: &str) -> Self {
        let mut best: Option<(f32, Self)> = None;
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
            let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
            let form = Self::ALL.iter().find(|(_, _, types)| types.contains(&media_type.as_str()));
            if let Some((form, ..)) = form
                && weight > best.map_or(0.0, |(best, _)| best)
            {
                best = Some((weight, *form));
            }
        }
        best.map_or(Self::Json, |(_, form)| form)
    }
}

pub(in crate::http) async fn show(
    _: Control,
    request: HttpRequest,
    path: Path<String>,
    sandbox: Data<Sandbox>,
    clients: Data<Clients>,
    (audit, operations): (Data<Audit>, Data<ScopedOperations>),
) -> Result<HttpResponse, Problem> {
    let (client, form) = find(&path, &clients)?;
    let form = form.unwrap_or_else(|| {
        let accept = request.headers().get_all(ACCEPT).filter_map(|value| value.to_str().ok());
        Form::accepted(&accept.collect::<Vec<_>>().join(","))
    });
    let plain_http = plain_http(&client, &audit).await?;
    let id = client.client_id.as_str();
    let requests = sandbox.journal.newest(None, MAX_REQUESTS, |_, request| request.client() == Some(id)).requests;
    let now = UnixMillis::after_epoch(SystemClock::new().since_epoch());
    let scopes = client.scope.iter().map(str::to_owned).collect();
    let client_id = id.to_owned();
    // Each request is explained anew: too long for a thread that answers others.
    let made = web::block(move || {
        let whole = |(number, request): &Numbered| view::whole(*number, request);
        let requests = requests.iter().map(whole).collect();
        let report = Watched { client_id, scopes, operations: operations.0.clone(), requests, plain_http }.report(now);
        written(&report, form).map(|text| (report, text))
    });
    let failed = || Problem::unavailable("The report could not be made.");
    let (report, text) = made.await.map_err(|_| failed())?.ok_or_else(failed)?;
    let mut response = HttpResponse::Ok();
    response.insert_header((VARY, "Accept"));
    let media_type = match form {
        Form::Json => return Ok(answer(&mut response, &report)),
        Form::Html => {
            let policy = HeaderValue::try_from(format!("{}; frame-ancestors 'none'", page_policy()));
            response.insert_header((CONTENT_SECURITY_POLICY, policy.map_err(|_| failed())?));
            "text/html; charset=utf-8"
        }
        Form::Markdown => "text/markdown; charset=utf-8",
        Form::Junit => "application/xml; charset=utf-8",
    };
    Ok(response.content_type(media_type).insert_header((CACHE_CONTROL, "no-store")).body(text))
}

/// The client of a path, and the form that the path asks for: `demo-writer`, or `demo-writer.html`. An identifier may end like
/// an extension, so the whole is tried first.
fn find(path: &str, clients: &Clients) -> Result<(Arc<Client>, Option<Form>), Problem> {
    if let Some(client) = clients.get(path) {
        return Ok((client, None));
    }
    let split = Form::ALL.iter().find_map(|(form, extension, _)| Some((path.strip_suffix(extension)?, *form)));
    if let Some((id, form)) = split
        && let Some(client) = clients.get(id)
    {
        return Ok((client, Some(form)));
    }
    let (id, _) = split.unwrap_or((path, Form::Json));
    let known = clients.list(None, MAX_COMPARED, |_| true).clients;
    let meant = closest_match(id, known.iter().map(|client| client.client_id.as_str()));
    let meant = meant.map(|meant| format!(" Did you mean {meant}?")).unwrap_or_default();
    Err(Problem::new(ProblemKind::NotFound, format!("No client has this client_id.{meant}")))
}

/// The client's tokens and secrets that came in the clear: no other plain request says whose it is.
async fn plain_http(client: &Client, audit: &Audit) -> Result<PlainHttp, Problem> {
    let id = client.client_id.as_str();
    let is_exposure = |event: &Event| {
        let is_of_client = event.subject == id || event.actor.as_ref().is_some_and(|actor| actor.as_str() == id);
        matches!(event.action, Action::TokenBurned | Action::SecretExposed) && is_of_client
    };
    let page = audit.newest(None, MAX_EXPOSURES, is_exposure).await?;
    let exposed = page.lines.iter().filter(|line| matches!(line, Line::Entry(_))).count() as u64;
    Ok(PlainHttp { requests: exposed, exposed })
}

/// The report in this form; empty for JSON, which the answer is made of by itself.
fn written(report: &Report, form: Form) -> Option<String> {
    match form {
        Form::Json => Some(String::new()),
        Form::Html => html(report).ok(),
        Form::Markdown => Some(markdown(report)),
        Form::Junit => junit(report).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_gets_the_form_that_it_likes_best() {
        for (accept, form) in [
            ("", Form::Json),
            ("*/*", Form::Json),
            ("image/png", Form::Json),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Form::Html),
            ("application/xml;q=0.5, text/markdown;q=0.7", Form::Markdown),
            ("text/xml", Form::Junit),
            ("TEXT/HTML;q=0, application/json;q=0.1", Form::Json),
        ] {
            assert_eq!(Form::accepted(accept), form, "{accept}");
        }
    }
}
