//! `GET /sandbox/requests` as server-sent events: each request as it is recorded.
//!
//! The id of an event is the number of its request, so a caller that comes back with `Last-Event-ID` misses nothing that
//! the journal still has. Numbers begin again after a restart of the sandbox: a caller with a number that was not given out
//! yet learns that, and gets all requests. There is no queue: a caller that reads more slowly than the journal makes room learns how many
//! requests it missed, and its stream ends.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::{Stream, stream};
use serde::Serialize;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::api::sandbox::request::MissedRequests;
use crate::http::error::{Problem, ProblemKind};
use crate::json;
use crate::sandbox::Sandbox;
use crate::sandbox::journal::filter::Filter;
use crate::sandbox::journal::{Followed, Follower, MAX_FOLLOWERS, Numbered, view};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// How often a caller hears that the stream is alive. Proxies end a connection that is silent for a minute.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(15);

/// Sends the requests that the filter wants: those after `Last-Event-ID`, or after the number in `since`; else those from
/// now on.
pub(super) fn follow(request: &HttpRequest, sandbox: Data<Sandbox>, filter: Filter) -> Result<HttpResponse, Problem> {
    let after = match request.headers().get(LAST_EVENT_ID) {
        Some(id) => Some(id.to_str().ok().and_then(|id| id.trim().parse().ok()).ok_or_else(|| {
            Problem::new(ProblemKind::MalformedRequest, "Last-Event-ID is the id of an event, which is a whole number.")
        })?),
        None => filter.after(),
    };
    let after = after.unwrap_or_else(|| sandbox.journal.last());
    let follower = sandbox.journal.follow(after).ok_or_else(|| {
        Problem::unavailable(format!("{MAX_FOLLOWERS} callers follow the journal already: end one of them first."))
    })?;
    let mut heartbeat = interval(HEARTBEAT_INTERVAL);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    heartbeat.reset();
    let filter = if sandbox.journal.is_foreign(after) { filter.without_number() } else { filter };
    // The caller knows from its first bytes that it misses nothing from here on.
    let after = follower.after();
    let begin = Bytes::from(format!(": requests after {after}\nretry: 1000\n\n"));
    let events = Events { sandbox, filter, follower, heartbeat, ready: VecDeque::from([begin]), has_ended: false };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .streaming(events.into_stream()))
}

struct Events {
    sandbox: Data<Sandbox>,
    filter: Filter,
    follower: Follower,
    heartbeat: Interval,
    ready: VecDeque<Bytes>,
    has_ended: bool,
}

impl Events {
    fn into_stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        stream::unfold(self, |mut events| async move {
            let next = events.next().await?;
            Some((Ok(next), events))
        })
    }

    /// The next bytes; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return Some(ready);
            }
            if self.has_ended {
                return None;
            }
            tokio::select! {
                biased;
                followed = self.sandbox.journal.next(&mut self.follower) => self.take(followed),
                _ = self.heartbeat.tick() => return Some(Bytes::from_static(b": still here\n\n")),
            }
        }
    }

    fn take(&mut self, followed: Followed) {
        match followed {
            Followed::Requests(requests) => {
                let wanted = requests.iter().filter(|(number, request)| self.filter.wants(*number, request));
                self.ready.extend(wanted.map(request_event));
            }
            Followed::Missed { count, after, has_restarted, is_too_slow } => {
                let missed = MissedRequests { missed: count, has_restarted };
                // A caller that comes back with this id does not get it again.
                self.ready.push_back(event("missed", after, &missed));
                self.has_ended = is_too_slow;
            }
            Followed::End => self.has_ended = true,
        }
    }
}

fn request_event((number, request): &Numbered) -> Bytes {
    event("request", *number, &view::line(*number, request))
}

/// An event: JSON of one line, so that its data is one line too.
fn event(name: &str, id: u64, data: &impl Serialize) -> Bytes {
    let mut event = format!("event: {name}\nid: {id}\n").into_bytes();
    event.extend_from_slice(b"data: ");
    event.append(&mut json::line(data));
    event.push(b'\n');
    Bytes::from(event)
}
