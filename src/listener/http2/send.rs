//! How an answer is sent over HTTP/2, and how the body of one may [break](Break) it off.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use actix_http::body::{BodySize, MessageBody};
use actix_http::header::{CONNECTION, CONTENT_LENGTH, DATE, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE};
use actix_http::{Response, ServiceConfig, StatusCode};
use actix_web::web::{Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use tokio::time::{sleep, timeout};

use super::super::breaks::Break;
use super::super::connections::Work;
use super::super::stop::Stop;

/// What sends the answers of one connection.
pub(super) struct Sender<'a> {
    pub(super) work: &'a Work,
    pub(super) stop: &'a Stop,
    /// How long the client may take to make room for more of a body.
    pub(super) limit: Duration,
    pub(super) dates: &'a ServiceConfig,
}

/// What a body gave.
enum Part {
    Chunk(Bytes),
    End,
    /// Nothing yet.
    Later,
}

impl Sender<'_> {
    pub(super) async fn send<B: MessageBody>(
        &self,
        response: Response<B>,
        mut respond: SendResponse<Bytes>,
        is_head: bool,
    ) -> Result<(), SendError> {
        let (response, body) = response.into_parts();
        let size = body.size();
        let ends_here = is_head || size.is_eof();
        let mut body = pin!(body);
        // It is asked for before the head is sent: it may be a break.
        let first = self.part(body.as_mut(), false, |context| respond.poll_reset(context)).await;
        let first = first.inspect_err(|_| respond.send_reset(Reason::INTERNAL_ERROR))?;
        let mut stream = respond.send_response(head(&response, size, self.dates), ends_here)?;
        if ends_here {
            return Ok(());
        }
        let mut part = first;
        loop {
            match part {
                Part::Chunk(chunk) => self.send_chunk(chunk, &mut stream).await?,
                Part::End => return Ok(stream.send_data(Bytes::new(), true)?),
                Part::Later => {}
            }
            let next = self.part(body.as_mut(), true, |context| stream.poll_reset(context)).await;
            part = next.inspect_err(|_| stream.send_reset(Reason::INTERNAL_ERROR))?;
        }
    }

    /// The next part of a body, after its pauses. An error resets the stream, if it still lives.
    async fn part<B: MessageBody>(
        &self,
        mut body: Pin<&mut B>,
        waits: bool,
        mut poll_reset: impl FnMut(&mut Context<'_>) -> Poll<Result<Reason, h2::Error>>,
    ) -> Result<Part, SendError> {
        loop {
            let polled = poll_fn(|context| match body.as_mut().poll_next(context) {
                Poll::Pending if !waits => Poll::Ready(None),
                polled @ (Poll::Ready(_) | Poll::Pending) => polled.map(Some),
            });
            let error = match polled.await {
                Some(Some(Ok(chunk))) => return Ok(Part::Chunk(chunk)),
                Some(Some(Err(error))) => error,
                Some(None) => return Ok(Part::End),
                None => return Ok(Part::Later),
            };
            match Break::of(error).map_err(|_| SendError::Body)? {
                Break::Pause(time) => tokio::select! {
                    biased;
                    _ = poll_fn(&mut poll_reset) => return Err(SendError::Gone),
                    () = self.stop.signal.notified() => {}
                    () = sleep(time) => {}
                },
                Break::Last => {
                    self.work.break_off(Break::Last);
                    return Ok(Part::End);
                }
                Break::RstStream => return Err(SendError::Broken(Break::RstStream)),
                asked @ (Break::Close | Break::MidHeaders | Break::MidBody | Break::Reset | Break::GoAway) => {
                    self.work.break_off(asked);
                    // A stream that is dropped is reset, and this one is to end with its connection.
                    let _ended = timeout(self.limit, poll_fn(&mut poll_reset)).await;
                    return Err(SendError::Broken(asked));
                }
            }
        }
    }

    /// Hands over a chunk as fast as the client makes room for it.
    async fn send_chunk(&self, mut chunk: Bytes, stream: &mut SendStream<Bytes>) -> Result<(), SendError> {
        while !chunk.is_empty() {
            stream.reserve_capacity(chunk.len());
            match timeout(self.limit, poll_fn(|context| stream.poll_capacity(context))).await {
                Ok(Some(room)) => stream.send_data(chunk.split_to(room?.min(chunk.len())), false)?,
                Ok(None) => return Ok(()),
                Err(_) => {
                    stream.send_reset(Reason::CANCEL);
                    return Err(SendError::Stuck);
                }
            }
        }
        Ok(())
    }
}

/// Room for as many fields as most answers have.
const MANY_FIELDS: usize = 12;
/// Fields whose values hardly ever come twice. Said to be sensitive, they stay out of the table that HPACK keeps of a
/// connection's fields (RFC 7541 section 7.1.3), where they would push out those that do.
const NEVER_TWICE: [HeaderName; 2] = [HeaderName::from_static("x-request-id"), HeaderName::from_static("ratelimit")];

/// The response's head without the fields that HTTP/2 forbids (RFC 9113 section 8.2.2), with its length
/// and the date.
fn head(response: &Response<()>, size: BodySize, dates: &ServiceConfig) -> http::Response<()> {
    let mut head = http::Response::new(());
    *head.status_mut() = response.status();
    let fields = head.headers_mut();
    fields.reserve(MANY_FIELDS);
    for (name, value) in response.headers() {
        if ![CONNECTION, TRANSFER_ENCODING, UPGRADE].contains(name) {
            let mut value = value.clone();
            if NEVER_TWICE.contains(name) {
                value.set_sensitive(true);
            }
            fields.append(name, value);
        }
    }
    // A 204 has no length, and that of a 304 would be the length of what is not sent (RFC 9110 section 8.6).
    let bodiless = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&response.status());
    if let (BodySize::Sized(length), false) = (size, bodiless) {
        fields.insert(CONTENT_LENGTH, length.into());
    }
    if !fields.contains_key(DATE) {
        let mut line = BytesMut::with_capacity(40);
        dates.write_date_header(&mut line, false);
        let date = line.strip_prefix(b"date: ").and_then(|rest| rest.strip_suffix(b"\r\n"));
        if let Some(Ok(date)) = date.map(HeaderValue::from_bytes) {
            fields.insert(DATE, date);
        }
    }
    head
}

/// Why an answer did not reach the client.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    #[error("{0}")]
    Http2(#[from] h2::Error),
    #[error("the client made no room for it")]
    Stuck,
    #[error("the client has gone")]
    Gone,
    #[error("its body failed")]
    Body,
    #[error("{0}")]
    Broken(Break),
}
