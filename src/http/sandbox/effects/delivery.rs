//! How an answer is delivered: a script of parts, pauses and ends, which the listener follows.
//!
//! A pause is the listener's, so nothing is locked meanwhile, and it ends when the client goes away or the server stops.

use std::collections::VecDeque;
use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::web::Bytes;

use super::Form;
use crate::api::sandbox::fault::{Close, Delivery, Dribble};
use crate::listener::Break;

/// The most parts of one answer.
pub(super) const MAX_STEPS: usize = 10_000;
/// How long an answer takes at the most beyond its delay, however slow its rule is.
const MAX_TIME: Duration = Duration::from_secs(5 * 60);
/// How often a slow connection has a part.
const PARTS_PER_SECOND: u64 = 10;
/// How many chunks a chunked body has.
const CHUNKS: usize = 3;

/// A body that is given step by step.
pub(crate) struct Script {
    size: BodySize,
    steps: VecDeque<Step>,
}

#[derive(Clone)]
enum Step {
    Part(Bytes),
    Break(Break),
}

/// The delivery of a body, after a delay.
pub(super) fn script(
    body: Bytes,
    form: &Form,
    is_bodiless: bool,
    delay: Option<Duration>,
    delivery: Option<Delivery>,
) -> Script {
    let size = match (is_bodiless, form.is_chunked) {
        (true, _) => BodySize::None,
        (false, true) => BodySize::Stream,
        (false, false) => BodySize::Sized(body.len() as u64),
    };
    let mut steps: VecDeque<Step> = delay.map(|delay| Step::Break(Break::Pause(delay))).into_iter().collect();
    match delivery {
        None if form.is_chunked => steps.extend(split(&body, CHUNKS).map(Step::Part)),
        None => steps.push_back(Step::Part(body)),
        Some(Delivery::Dribble(Dribble { chunks, over })) => {
            let chunks = usize::try_from(chunks).unwrap_or(MAX_STEPS);
            slowly(&body, chunks, over.as_duration(), &mut steps);
        }
        Some(Delivery::Bandwidth(bytes_per_second)) => {
            let millis = (body.len() as u64).saturating_mul(1_000) / u64::from(bytes_per_second.max(1));
            let parts = millis.saturating_mul(PARTS_PER_SECOND).div_ceil(1_000);
            let parts = usize::try_from(parts).unwrap_or(MAX_STEPS);
            slowly(&body, parts, Duration::from_millis(millis), &mut steps);
        }
        Some(Delivery::TruncateAfter(bytes)) => {
            let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
            let is_cut = bytes < body.len();
            steps.push_back(Step::Part(body.slice(..bytes.min(body.len()))));
            steps.extend(is_cut.then_some(Step::Break(Break::MidBody)));
        }
        // What has no body ends in its head.
        Some(Delivery::Close(Close::MidBody)) if body.is_empty() => steps.push_back(Step::Break(Break::MidHeaders)),
        Some(Delivery::Close(Close::MidBody)) => {
            steps.push_back(Step::Part(body.slice(..body.len() / 2)));
            steps.push_back(Step::Break(Break::MidBody));
        }
        Some(Delivery::Close(close)) => steps.push_back(Step::Break(ending(close))),
        Some(Delivery::Timeout(time)) => {
            steps.push_back(Step::Break(Break::Pause(time.as_duration())));
            steps.push_back(Step::Break(Break::Close));
        }
    }
    if form.is_last {
        steps.push_back(Step::Break(Break::Last));
    }
    Script { size, steps }
}

/// Gives a body in parts, the last of them after `time`.
fn slowly(body: &Bytes, parts: usize, time: Duration, steps: &mut VecDeque<Step>) {
    let parts: Vec<Bytes> = split(body, parts.clamp(1, MAX_STEPS)).collect();
    let gaps = parts.len().saturating_sub(1).max(1);
    let pause = Step::Break(Break::Pause(time.min(MAX_TIME) / u32::try_from(gaps).unwrap_or(u32::MAX)));
    let is_one = parts.len() == 1;
    for (index, part) in parts.into_iter().enumerate() {
        steps.extend((index > 0 || is_one).then(|| pause.clone()));
        steps.push_back(Step::Part(part));
    }
}

/// A body in so many parts, or as many as it has bytes.
fn split(body: &Bytes, parts: usize) -> impl Iterator<Item = Bytes> {
    let length = body.len().div_ceil(parts.max(1)).max(1);
    let starts = (0..body.len()).step_by(length);
    let body = body.clone();
    starts.map(move |start| body.slice(start..body.len().min(start + length)))
}

fn ending(close: Close) -> Break {
    match close {
        Close::BeforeHeaders => Break::Close,
        Close::MidHeaders => Break::MidHeaders,
        Close::MidBody => Break::MidBody,
        Close::Reset => Break::Reset,
        Close::Goaway => Break::GoAway,
        Close::RstStream => Break::RstStream,
    }
}

/// A body as the client gets it. It may ask for more than one [`Break`], which a [`BoxBody`] cannot pass on.
pub(crate) enum Delivered {
    /// Nothing disturbs it.
    Whole(BoxBody),
    /// A fault delivers it.
    Script(Script),
}

impl MessageBody for Delivered {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        match self {
            Self::Whole(body) => body.size(),
            Self::Script(script) => script.size(),
        }
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_next(context),
            Self::Script(script) => Pin::new(script).poll_next(context).map_err(Into::into),
        }
    }
}

impl MessageBody for Script {
    type Error = Break;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Break>>> {
        Poll::Ready(self.steps.pop_front().map(|step| match step {
            Step::Part(part) => Ok(part),
            Step::Break(asked) => Err(asked),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    const BODY: &[u8] = b"0123456789";

    /// What a client gets of the body, how long it waits for it, and how it ends.
    fn played(delivery: Option<Delivery>, form: &Form, delay: Option<Duration>) -> (Vec<String>, Duration, Vec<Break>) {
        let script = script(Bytes::from_static(BODY), form, false, delay, delivery);
        let (mut parts, mut waits, mut ends) = (Vec::new(), Duration::ZERO, Vec::new());
        for step in script.steps {
            match step {
                Step::Part(part) => parts.push(String::from_utf8(part.to_vec()).unwrap()),
                Step::Break(Break::Pause(time)) => waits += time,
                Step::Break(end) => ends.push(end),
            }
        }
        (parts, waits, ends)
    }

    #[test]
    fn each_delivery_is_a_script() {
        let second = Duration::from_secs(1);
        let dribble = Delivery::Dribble(Dribble { chunks: 4, over: Span::from_secs(1) });
        for (delivery, parts, waits, ends) in [
            (None, &["0123456789"][..], Duration::ZERO, &[][..]),
            (Some(dribble), &["012", "345", "678", "9"], second, &[]),
            (Some(Delivery::Bandwidth(40)), &["0123", "4567", "89"], Duration::from_millis(250), &[]),
            (Some(Delivery::TruncateAfter(0)), &[""], Duration::ZERO, &[Break::MidBody]),
            (Some(Delivery::TruncateAfter(4)), &["0123"], Duration::ZERO, &[Break::MidBody]),
            (Some(Delivery::TruncateAfter(10)), &["0123456789"], Duration::ZERO, &[]),
            (Some(Delivery::Close(Close::MidBody)), &["01234"], Duration::ZERO, &[Break::MidBody]),
            (Some(Delivery::Close(Close::Reset)), &[], Duration::ZERO, &[Break::Reset]),
            (Some(Delivery::Timeout(Span::from_secs(1))), &[], second, &[Break::Close]),
        ] {
            let (played_parts, played_waits, played_ends) = played(delivery, &Form::default(), None);
            assert_eq!(
                (played_parts, played_ends.as_slice()),
                (parts.iter().map(ToString::to_string).collect(), ends),
                "{delivery:?}"
            );
            assert!(played_waits.abs_diff(waits) < Duration::from_micros(1), "{delivery:?}: {played_waits:?}");
        }
        assert_eq!(played(None, &Form::default(), Some(second)).1, second);
        let form = Form { is_chunked: true, is_last: true };
        let (parts, _, ends) = played(None, &form, None);
        assert_eq!((parts.len(), ends), (3, vec![Break::Last]));
    }

    #[test]
    fn no_delivery_takes_for_ever() {
        let body = Bytes::from(vec![b'a'; 1_000_000]);
        let script = script(body, &Form::default(), false, None, Some(Delivery::Bandwidth(1)));
        let waits = script.steps.iter().map(|step| match step {
            Step::Break(Break::Pause(time)) => *time,
            Step::Break(_) | Step::Part(_) => Duration::ZERO,
        });
        assert!(waits.sum::<Duration>() <= MAX_TIME && script.steps.len() <= 2 * MAX_STEPS);
    }
}
