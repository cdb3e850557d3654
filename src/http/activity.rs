//! What clients do now: the counters of the limits, sampled.
//!
//! The limits and the refusals count requests in any case. Here the counts of all clients are compared every 5 seconds, and
//! those of the clients that an answer shows just before it, so that a request of this moment is in it.

use std::sync::Arc;

use actix_web::web::Data;
use futures_util::{StreamExt as _, stream};

use crate::activity::Activity;
use crate::admission::{Admission, Standing};
use crate::api::activity::{BUCKET_S, ClientActivity, ClientRequests};
use crate::api::usage::{ThrottleUsage, UsedToday};
use crate::clients::{Client, Clients};
use crate::oauth::credentials::ClientId;
use crate::refusals::Refusals;
use crate::time::{Clock as _, SharedClock, SystemClock, UnixSeconds};

/// How many clients of a page are looked up in the store at a time.
const AT_ONCE: usize = 32;

/// Samples what clients do, and shows it.
pub(crate) struct ActivitySampler {
    activity: Arc<Activity>,
    admission: Data<Admission>,
    refusals: Data<Refusals>,
    /// The clock of the server, which a sandbox moves.
    clock: SharedClock,
}

impl ActivitySampler {
    /// Starts now, with nothing.
    pub(crate) fn new(admission: Data<Admission>, refusals: Data<Refusals>, clock: SharedClock) -> Self {
        let activity = Arc::new(Activity::new(clock.now(), SystemClock::new().now()));
        Self { activity, admission, refusals, clock }
    }

    /// What was sampled.
    pub(crate) fn activity(&self) -> Arc<Activity> {
        self.activity.clone()
    }

    /// Compares the counts of all clients, and ends a bucket: to be called every [`BUCKET_S`] seconds.
    pub(crate) fn sample(&self) {
        let now = self.clock.now();
        self.admission.for_each_requests(|client_id, counted| self.activity.compare(client_id, counted, now));
        self.take_refusals(now);
        self.activity.next_bucket(SystemClock::new().now());
    }

    /// Forgets a client that was deleted.
    pub(crate) fn forget(&self, client_id: &ClientId) {
        self.activity.forget(client_id);
    }

    /// Since when requests are counted.
    pub(super) fn since(&self) -> UnixSeconds {
        self.activity.since()
    }

    /// What these clients do now.
    pub(super) async fn of_all(&self, found: &[impl AsRef<Client>], clients: &Clients) -> Vec<ClientActivity> {
        let now = self.clock.now();
        self.take_refusals(now);
        let standings = stream::iter(found).map(|client| self.admission.look_up(client.as_ref()));
        let standings: Vec<Standing> = standings.buffered(AT_ONCE).collect().await;
        let shown = found.iter().zip(standings).map(|(client, standing)| {
            let client = client.as_ref();
            self.compare(client, now);
            self.of_one(client, standing, clients, now)
        });
        shown.collect()
    }

    /// The requests of a client in the last 15 minutes.
    pub(super) fn requests_of(&self, client: &Client, clients: &Clients) -> ClientRequests {
        let now = self.clock.now();
        self.take_refusals(now);
        self.compare(client, now);
        let recent = self.activity.recent(&client.client_id);
        ClientRequests {
            bucket_s: BUCKET_S,
            buckets: recent.buckets,
            client_id: client.client_id.clone(),
            current: recent.current,
            ended_at: recent.ended_at,
            last_seen: self.last_seen(client, clients),
            now,
            since: self.activity.since(),
        }
    }

    fn of_one(&self, client: &Client, standing: Standing, clients: &Clients, now: UnixSeconds) -> ClientActivity {
        let Client { client_id, limits, .. } = client;
        ClientActivity {
            client_id: client_id.clone(),
            enforce: limits.enforce,
            last_minute: self.activity.last_minute(client_id),
            last_seen: self.last_seen(client, clients),
            throttle: ThrottleUsage {
                burst: standing.permits.burst,
                remaining: standing.permits.remaining,
                requests_per_second: limits.requests_per_second,
            },
            today: standing.units.map(|units| UsedToday {
                day: now.day().to_string(),
                quota: units.daily_quota,
                remaining: units.remaining,
                resets_at: units.resets_at,
                used: units.used,
            }),
        }
    }

    /// The last request that was seen, or the last use of a secret for a token.
    fn last_seen(&self, client: &Client, clients: &Clients) -> Option<UnixSeconds> {
        let used = client.secrets.iter().filter_map(|secret| clients.last_used(secret)).max();
        used.max(self.activity.last_seen(&client.client_id))
    }

    fn compare(&self, client: &Client, now: UnixSeconds) {
        if let Some(counted) = self.admission.requests(&client.client_id) {
            self.activity.compare(&client.client_id, counted, now);
        }
    }

    fn take_refusals(&self, now: UnixSeconds) {
        for (client_id, new) in self.refusals.take_new() {
            self.activity.refused(&client_id, new.all, new.counted, now);
        }
    }
}
