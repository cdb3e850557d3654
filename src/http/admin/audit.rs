//! `GET /admin/audit`: the entries of the audit log, the newest first, or from a number on.

use std::net::IpAddr;

use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde::de::IntoDeserializer as _;
use serde::de::value::Error as NameError;

use super::{in_alphabetical_order, read_answer};
use crate::api::audit::{EntriesAfter, NewestEntries};
use crate::api::cursor::Cursor;
use crate::audit::{Action, Audit, AuditPage, Event};
use crate::http::authorized::{Authorized, ReadAdmin};
use crate::http::error::{Problem, ProblemKind};
use crate::time::UnixSeconds;

const DEFAULT_LIMIT: usize = 25;
const MAX_LIMIT: usize = 100;
/// The longest filter, in characters: no text of an entry is longer.
const MAX_FILTER_CHARS: usize = 128;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    limit: Option<usize>,
    cursor: Option<String>,
    /// Entries after this number, the oldest first; in place of a cursor.
    after: Option<u64>,
    action: Option<String>,
    actor: Option<String>,
    subject: Option<String>,
    source: Option<String>,
    since: Option<String>,
    until: Option<String>,
}

/// Which events the caller wants.
struct Filter {
    action: Option<Action>,
    actor: Option<String>,
    subject: Option<String>,
    source: Option<IpAddr>,
    since: Option<UnixSeconds>,
    until: Option<UnixSeconds>,
}

impl Filter {
    fn parse(query: &ListQuery) -> Result<Self, &'static str> {
        let fits = |text: &Option<String>| text.as_ref().is_none_or(|text| text.chars().count() <= MAX_FILTER_CHARS);
        if !fits(&query.actor) || !fits(&query.subject) {
            return Err("actor and subject are at most 128 characters.");
        }
        let moment = |text: &Option<String>| {
            let moment = text.as_deref().map(|text| UnixSeconds::parse(text).ok_or(()));
            moment.transpose().map_err(|()| "since and until are RFC 3339 times, such as 2026-01-25T15:13:21Z.")
        };
        let action = query.action.as_deref().map(|name| Action::deserialize(name.into_deserializer()));
        let action = action.transpose().map_err(|_: NameError| {
            "action is the action of an entry, such as client_registered, client_changed, secret_rotated, token_revoked, \
             key_created or authentication_failed."
        });
        let source = query.source.as_deref().map(str::parse).transpose();
        Ok(Self {
            action: action?,
            actor: query.actor.clone(),
            subject: query.subject.clone(),
            source: source.map_err(|_| "source is an IP address.")?,
            since: moment(&query.since)?,
            until: moment(&query.until)?,
        })
    }

    fn matches(&self, event: &Event) -> bool {
        self.action.is_none_or(|action| event.action == action)
            && self.actor.as_ref().is_none_or(|actor| event.actor.as_ref().is_some_and(|by| by.as_str() == actor))
            && self.subject.as_ref().is_none_or(|subject| event.subject == *subject)
            && self.source.is_none_or(|source| event.source == Some(source))
            && self.since.is_none_or(|since| event.at >= since)
            && self.until.is_none_or(|until| event.at < until)
    }

    /// The name of the list, which its cursors belong to.
    fn name(&self) -> String {
        let Self { action, actor, subject, source, since, until } = self;
        format!("audit?{:?}", (action, actor, subject, source, since, until))
    }
}

pub(in crate::http) async fn list(
    _caller: Authorized<ReadAdmin>,
    request: HttpRequest,
    audit: Data<Audit>,
) -> Result<HttpResponse, Problem> {
    let malformed = |detail: &str| Problem::new(ProblemKind::MalformedQuery, detail);
    let query = Query::<ListQuery>::from_query(request.query_string()).map_err(|_| {
        malformed(
            "The audit log takes limit (1 to 100), cursor or after (a number), action, actor, subject, source, since and until.",
        )
    })?;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(malformed("limit is a whole number from 1 to 100."));
    }
    let filter = Filter::parse(&query).map_err(malformed)?;
    let name = filter.name();
    let wanted = |event: &Event| filter.matches(event);
    match (query.after, &query.cursor) {
        (Some(_), Some(_)) => Err(malformed("Send cursor or after, not both.")),
        (Some(after), None) => {
            let AuditPage { lines: data, more_beyond, head } = audit.oldest(after, limit, wanted).await?;
            let next_after = more_beyond.unwrap_or(head.number.max(after));
            read_answer(&request, &in_alphabetical_order(&EntriesAfter { data, head, next_after }))
        }
        (None, cursor) => {
            let before = cursor.as_deref().map(|cursor| Cursor::place(cursor, &name)).transpose();
            let before = before.map_err(|_| {
                Problem::new(ProblemKind::InvalidCursor, "Send next_cursor as you received it, with the same filters.")
            })?;
            let AuditPage { lines: data, more_beyond, head } = audit.newest(before, limit, wanted).await?;
            let next_cursor = more_beyond.map(|before| Cursor::new(&name, &before).into());
            read_answer(&request, &in_alphabetical_order(&NewestEntries { data, head, next_cursor }))
        }
    }
}
