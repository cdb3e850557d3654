//! `GET /admin/audit`: who did what, when; the newest first, or from a number on.

use std::net::IpAddr;

use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde::de::IntoDeserializer as _;
use serde::de::value::Error as NameError;

use super::{in_alphabetical_order, shown};
use crate::api::audit::{EntriesAfter, NewestEntries};
use crate::api::cursor::Cursor;
use crate::audit::{Action, Audit, AuditPage, Event};
use crate::http::authorized::{Authorized, ReadAdmin};
use crate::http::error::{Problem, ProblemKind};
use crate::time::UnixSeconds;

const DEFAULT_LIMIT: usize = 25;
const MAX_LIMIT: usize = 100;
/// The longest filter that is taken, in characters: nothing that an entry holds is longer.
const MAX_FILTER_CHARS: usize = 128;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    limit: Option<usize>,
    cursor: Option<String>,
    /// Entries after this number, the oldest first, in place of a cursor.
    after: Option<u64>,
    action: Option<String>,
    actor: Option<String>,
    subject: Option<String>,
    source: Option<String>,
    since: Option<String>,
    until: Option<String>,
}

/// Which events are wanted.
struct Filter {
    action: Option<Action>,
    actor: Option<String>,
    subject: Option<String>,
    source: Option<IpAddr>,
    since: Option<UnixSeconds>,
    until: Option<UnixSeconds>,
}

impl Filter {
    fn parse(asked: &Asked) -> Result<Self, &'static str> {
        let fits = |text: &Option<String>| text.as_ref().is_none_or(|text| text.chars().count() <= MAX_FILTER_CHARS);
        if !fits(&asked.actor) || !fits(&asked.subject) {
            return Err("actor and subject are at most 128 characters.");
        }
        let moment = |text: &Option<String>| {
            let moment = text.as_deref().map(|text| UnixSeconds::parse(text).ok_or(()));
            moment.transpose().map_err(|()| "since and until are RFC 3339 times, such as 2026-01-25T15:13:21Z.")
        };
        let action = asked.action.as_deref().map(|name| Action::deserialize(name.into_deserializer()));
        let action = action.transpose().map_err(|_: NameError| {
            "action is one of those that entries have, such as client_registered, client_changed, secret_rotated, token_revoked, \
             key_created or authentication_failed."
        });
        let source = asked.source.as_deref().map(str::parse).transpose();
        Ok(Self {
            action: action?,
            actor: asked.actor.clone(),
            subject: asked.subject.clone(),
            source: source.map_err(|_| "source is an IP address.")?,
            since: moment(&asked.since)?,
            until: moment(&asked.until)?,
        })
    }

    fn takes(&self, event: &Event) -> bool {
        self.action.is_none_or(|action| event.action == action)
            && self.actor.as_ref().is_none_or(|actor| event.actor.as_ref().is_some_and(|by| by.as_str() == actor))
            && self.subject.as_ref().is_none_or(|subject| event.subject == *subject)
            && self.source.is_none_or(|source| event.source == Some(source))
            && self.since.is_none_or(|since| event.at >= since)
            && self.until.is_none_or(|until| event.at < until)
    }

    /// The list that a cursor belongs to.
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
    let asked = Query::<Asked>::from_query(request.query_string()).map_err(|_| {
        malformed(
            "The audit log takes limit (1 to 100), cursor or after (a number), action, actor, subject, source, since and until.",
        )
    })?;
    let limit = asked.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(malformed("limit is a whole number from 1 to 100."));
    }
    let filter = Filter::parse(&asked).map_err(malformed)?;
    let name = filter.name();
    let wanted = |event: &Event| filter.takes(event);
    match (asked.after, &asked.cursor) {
        (Some(_), Some(_)) => Err(malformed("Send cursor or after, not both.")),
        (Some(after), None) => {
            let AuditPage { lines: data, more_beyond, head } = audit.oldest(after, limit, wanted).await?;
            let next_after = more_beyond.unwrap_or(head.number.max(after));
            shown(&request, &in_alphabetical_order(&EntriesAfter { data, head, next_after }))
        }
        (None, cursor) => {
            let before = cursor.as_deref().map(|cursor| Cursor::place(cursor, &name)).transpose();
            let before = before.map_err(|_| {
                Problem::new(ProblemKind::InvalidCursor, "Use next_cursor as it was answered, with the same filters.")
            })?;
            let AuditPage { lines: data, more_beyond, head } = audit.newest(before, limit, wanted).await?;
            let next_cursor = more_beyond.map(|before| Cursor::new(&name, &before).into());
            shown(&request, &in_alphabetical_order(&NewestEntries { data, head, next_cursor }))
        }
    }
}
