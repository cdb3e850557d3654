//! `/admin/refusals`: the last requests of all clients that were refused.

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

use super::read_answer;
use crate::admission::Reason;
use crate::api::cursor::Cursor;
use crate::api::page::Page;
use crate::counts::Label as _;
use crate::http::authorized::{Authorized, ReadAdmin};
use crate::http::error::{Problem, ProblemKind};
use crate::http::refusals::unknown;
use crate::oauth::credentials::ClientId;
use crate::oauth::error::ErrorCode;
use crate::refusals::{Refusals, Wanted};
use crate::text::closest_match;
use crate::time::UnixSeconds;

const DEFAULT_LIMIT: usize = 25;
const MAX_LIMIT: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    limit: Option<usize>,
    cursor: Option<String>,
    client: Option<String>,
    reason: Option<String>,
    since: Option<String>,
}

pub(in crate::http) async fn list(
    _caller: Authorized<ReadAdmin>,
    request: HttpRequest,
    refusals: Data<Refusals>,
) -> Result<HttpResponse, Problem> {
    let malformed = |detail: String| Problem::new(ProblemKind::MalformedQuery, detail);
    let query = Query::<ListQuery>::from_query(request.query_string())
        .map_err(|_| malformed("The list takes limit (1 to 100), cursor, client, reason and since.".to_owned()))?;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(malformed("limit is a whole number from 1 to 100.".to_owned()));
    }
    let wanted = wanted(&query).map_err(malformed)?;
    let name = format!("refusals?{wanted:?}");
    let before = query.cursor.as_deref().map(|cursor| Cursor::place(cursor, &name)).transpose();
    let before = before.map_err(|_| {
        Problem::new(ProblemKind::InvalidCursor, "Send next_cursor as you received it, with the same filters.")
    })?;
    let page = refusals.newest(before, limit, &wanted);
    let next_cursor = page.more_before.map(|before| Cursor::new(&name, &before).into());
    let data = page.refusals.iter().map(|refusal| refusal.for_operator().0).collect();
    read_answer(&request, &Page { data, next_cursor })
}

fn wanted(query: &ListQuery) -> Result<Wanted, String> {
    let client = query.client.clone();
    if client.as_deref().is_some_and(|client| ClientId::parse(client).is_err()) {
        return Err("client is a client_id.".to_owned());
    }
    let reason = query.reason.as_deref().map(|reason| {
        reasons().find(|known| *known == reason).ok_or_else(|| {
            let meant =
                closest_match(reason, reasons()).map_or_else(String::new, |known| format!(" Did you mean {known}?"));
            format!("reason is one of {}.{meant}", reasons().collect::<Vec<_>>().join(", "))
        })
    });
    let since = query.since.as_deref().map(|since| {
        let moment = UnixSeconds::parse(since);
        moment.ok_or_else(|| "since is an RFC 3339 time, such as 2026-01-25T15:13:21Z.".to_owned())
    });
    Ok(Wanted { client, reason: reason.transpose()?, since: since.transpose()? })
}

/// Why a protected request may be refused, and a token request.
pub(in crate::http) fn reasons() -> impl Iterator<Item = &'static str> {
    let of_requests = Reason::ALL.iter().map(|reason| reason.name());
    of_requests.chain(ErrorCode::OF_TOKEN_ENDPOINT.iter().map(|code| code.as_str()))
}

pub(in crate::http) async fn show(
    _caller: Authorized<ReadAdmin>,
    request: HttpRequest,
    request_id: Path<String>,
    refusals: Data<Refusals>,
) -> Result<HttpResponse, Problem> {
    let found = refusals.any(&request_id).ok_or_else(unknown)?;
    read_answer(&request, &found.for_operator())
}
