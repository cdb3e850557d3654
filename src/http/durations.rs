//! `http_server_request_duration_seconds`: how long requests took, by OpenTelemetry's conventions.
//!
//! A series is the pattern of a route, a method and a status. A caller cannot make new series: an unknown path has no
//! route, and an unknown method is `_OTHER`. Each worker has its own series, and finds them by the address of the route's
//! path. Workers share nothing while they serve requests, and take a lock once for each new series.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::{Method, StatusCode};

use crate::counts::{Histogram, Times};
use crate::time::{Clock as _, SystemClock};

/// The bounds that OpenTelemetry's semantic conventions advise for HTTP, in seconds.
pub(crate) const BOUNDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// The label of every method that HTTP does not have (OpenTelemetry: `http.request.method`).
const OTHER: &str = "_OTHER";

/// The series of all workers.
#[derive(Debug, Default)]
pub(crate) struct Durations {
    all: Mutex<Vec<Arc<Series>>>,
}

/// The labels of one series.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Labels {
    /// The pattern of the route; `None` where no route matched.
    pub(crate) route: Option<Arc<str>>,
    /// The request's method.
    pub(crate) method: &'static str,
    /// The status of the answer.
    pub(crate) status: u16,
    /// `https` or `http`.
    pub(crate) url_scheme: &'static str,
}

/// One series of one worker. No other worker writes to it.
#[derive(Debug)]
struct Series {
    labels: Labels,
    times: Histogram,
}

impl Durations {
    /// Every series, summed over all workers, in the order of the labels.
    #[must_use]
    pub(crate) fn all(&self) -> BTreeMap<Labels, Times> {
        let mut together = BTreeMap::new();
        for series in &*self.all.lock().unwrap_or_else(PoisonError::into_inner) {
            let before = together.remove(&series.labels).unwrap_or_else(|| Times::none(BOUNDS));
            together.insert(series.labels.clone(), before.and(&series.times.times()));
        }
        together
    }

    fn add(&self, labels: Labels) -> Arc<Series> {
        let series = Arc::new(Series { labels, times: Histogram::new(BOUNDS) });
        self.all.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&series));
        series
    }
}

/// Times the requests of one worker.
#[derive(Debug)]
pub(crate) struct Timer {
    durations: Arc<Durations>,
    url_scheme: &'static str,
    /// Real time: tests and the sandbox move the other clock.
    clock: SystemClock,
    routes: RefCell<Vec<Route>>,
}

/// A route that this worker has answered.
#[derive(Debug)]
struct Route {
    /// Where its path stands in memory; 0 without one.
    address: usize,
    path: Option<Arc<str>>,
    /// By method and status: a handful.
    series: Vec<(&'static str, u16, Arc<Series>)>,
}

impl Timer {
    pub(super) fn new(durations: &Arc<Durations>, url_scheme: &'static str) -> Self {
        let durations = Arc::clone(durations);
        Self { durations, url_scheme, clock: SystemClock::new(), routes: RefCell::default() }
    }

    /// The moment a request comes.
    pub(super) fn start(&self) -> Duration {
        self.clock.monotonic()
    }

    /// How long a request took that does not count.
    pub(super) fn since(&self, start: Duration) -> Duration {
        self.clock.monotonic().saturating_sub(start)
    }

    /// Counts an answered request; returns how long it took.
    pub(super) fn stop(&self, start: Duration, request: &HttpRequest, status: StatusCode) -> Duration {
        let took = self.since(start);
        let (method, status) = (method_name(request.method()), status.as_u16());
        let mut routes = self.routes.borrow_mut();
        let route = route_of(&mut routes, request);
        let is_same = |series: &&(&'static str, u16, Arc<Series>)| series.0 == method && series.1 == status;
        if let Some((_, _, series)) = route.series.iter().find(is_same) {
            series.times.observe_alone(took);
            return took;
        }
        let labels = Labels { route: route.path.clone(), method, status, url_scheme: self.url_scheme };
        let series = self.durations.add(labels);
        series.times.observe_alone(took);
        route.series.push((method, status, series));
        took
    }
}

/// Finds the route by the address of its path, which is its name in actix (see `http::router`). Requests that no route took
/// share one.
fn route_of<'r>(routes: &'r mut Vec<Route>, request: &HttpRequest) -> &'r mut Route {
    let path = request.match_name();
    let address = path.map_or(0, |path| path.as_ptr().addr());
    let place = routes.iter().position(|route| route.address == address).unwrap_or_else(|| {
        routes.push(Route { address, path: path.map(Into::into), series: Vec::new() });
        routes.len() - 1
    });
    #[expect(clippy::indexing_slicing, reason = "it was found, or put, there")]
    &mut routes[place]
}

/// The name of the method; [`OTHER`] for one that HTTP does not have.
pub(super) fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::CONNECT => "CONNECT",
        _ => OTHER,
    }
}
