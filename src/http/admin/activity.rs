//! `GET /admin/activity` and `GET /admin/clients/{client_id}/activity`: what clients do now.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};

use super::clients::find;
use super::read_answer;
use crate::administration::ChangeError;
use crate::api::activity::ActivityPage;
use crate::api::page::Page;
use crate::clients::Clients;
use crate::http::activity::ActivitySampler;
use crate::http::authorized::{Authorized, ReadAdmin};
use crate::http::error::Problem;
use crate::time::SharedClock;

/// The most clients on a page. More than on other lists: what there is of each is short, and comes from memory.
const MAX_LIMIT: usize = 1_000;

/// The order, the search and the cursors are those of the list of clients.
pub(in crate::http) async fn list(
    _caller: Authorized<ReadAdmin>,
    request: HttpRequest,
    clients: Data<Clients>,
    sampler: Data<ActivitySampler>,
    clock: Data<SharedClock>,
) -> Result<HttpResponse, Problem> {
    let Page { data: found, next_cursor } = find(&request, &clients, MAX_LIMIT)?;
    let data = sampler.of_all(&found, &clients).await;
    read_answer(&request, &ActivityPage { data, next_cursor, now: clock.now(), since: sampler.since() })
}

pub(in crate::http) async fn show(
    _caller: Authorized<ReadAdmin>,
    request: HttpRequest,
    client_id: Path<String>,
    clients: Data<Clients>,
    sampler: Data<ActivitySampler>,
) -> Result<HttpResponse, Problem> {
    let client = clients.get(&client_id).ok_or(ChangeError::ClientUnknown)?;
    read_answer(&request, &sampler.requests_of(&client, &clients))
}
