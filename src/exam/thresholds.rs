//! The numbers that checks compare with. A profile may change each.

/// What is still right, and what is too much.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    /// The most tokens, for each request to a resource, that a client asks for though it has one that lives: 0.25.
    pub needless_tokens_per_request: f64,
    /// A token that lives so many seconds longer, or less, may be renewed: 60.
    pub renewal_margin_s: u64,
    /// The same as a part of its life, for those that live long: 0.1.
    pub renewal_margin_part: f64,
    /// How many milliseconds before its end, by the clock of the client, a token must not be in use any more: 0.
    pub renewed_ahead_ms: u64,
    /// The most tries of a request whose tokens are all refused: 2.
    pub tries_on_401: usize,
    /// The most requests for tokens with a secret that is refused: 2.
    pub tries_with_refused_secret: usize,
    /// How many milliseconds before the time of `Retry-After` in seconds a request may come, for clocks and timers: 50.
    pub retry_after_early_ms: u64,
    /// The same for a date, which has whole seconds: 1000.
    pub retry_after_date_early_ms: u64,
    /// The most tries of a request while everything is throttled, beside one each time that `Retry-After` is over: 6.
    pub storm_tries: usize,
    /// The largest part of the requests after the first 429 that may be refused, for a client that sends one at a time: 0.55. One
    /// that waits after each 429 and then goes on at once is refused every second time.
    pub refused_part_after_429: f64,
    /// The fewest requests after the first 429 that say something about the pace: 4.
    pub least_requests_after_429: usize,
    /// The most tries of one request in an outage, the first one included: 10.
    pub tries_in_an_outage: usize,
    /// The longest that a client may wait for an answer that does not come, in seconds: 60.
    pub longest_timeout_s: u64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            needless_tokens_per_request: 0.25,
            renewal_margin_s: 60,
            renewal_margin_part: 0.1,
            renewed_ahead_ms: 0,
            tries_on_401: 2,
            tries_with_refused_secret: 2,
            retry_after_early_ms: 50,
            retry_after_date_early_ms: 1_000,
            storm_tries: 6,
            refused_part_after_429: 0.55,
            least_requests_after_429: 4,
            tries_in_an_outage: 10,
            longest_timeout_s: 60,
        }
    }
}
