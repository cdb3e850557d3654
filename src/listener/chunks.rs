//! A strict parser of the chunked transfer coding (RFC 9112 section 7.1).
//!
//! A lenient parser can read another message than the proxy in front of it. Extensions and trailer fields are checked,
//! limited and dropped.

use actix_web::web::{Bytes, BytesMut};

/// How many bytes of framing are allowed beyond the usual ones: limits extensions, trailer fields and floods of tiny
/// chunks.
const MAX_EXCESS: u64 = 4 * 1_024;
/// The usual bytes of framing for one chunk.
const USUAL_FRAME: u64 = 16;

/// The state of the parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    SizeStart,
    Size(u64),
    SpaceAfterSize(u64),
    Extension(u64),
    SizeLf(u64),
    Data(u64),
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    LastLf,
    End,
}

/// The parser.
#[derive(Debug)]
pub(super) struct Chunks {
    state: State,
    excess: u64,
}

/// What the parser found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Some data.
    Data(Bytes),
    /// Nothing: more bytes have to be received.
    Nothing,
    /// The end of the body.
    End,
}

/// The bytes do not match the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl Chunks {
    pub(super) const fn new() -> Self {
        Self { state: State::SizeStart, excess: 0 }
    }

    /// Takes the next data, with its framing, off `received`.
    pub(super) fn take(&mut self, received: &mut BytesMut) -> Result<Found, Malformed> {
        let mut framing = 0;
        for &byte in received.iter() {
            if matches!(self.state, State::Data(_) | State::End) {
                break;
            }
            self.state = self.state.after(byte).ok_or(Malformed)?;
            self.excess += 1;
            if let State::Data(size) = self.state {
                self.excess = self.excess.saturating_sub(size.saturating_mul(2).saturating_add(USUAL_FRAME));
            }
            if self.excess > MAX_EXCESS {
                return Err(Malformed);
            }
            framing += 1;
        }
        drop(received.split_to(framing));
        if self.state == State::End {
            return Ok(Found::End);
        }
        let State::Data(left) = self.state else { return Ok(Found::Nothing) };
        if received.is_empty() {
            return Ok(Found::Nothing);
        }
        let length = usize::try_from(left).map_or(received.len(), |left| left.min(received.len()));
        let left = left - length as u64;
        self.state = if left == 0 { State::DataCr } else { State::Data(left) };
        Ok(Found::Data(received.split_to(length).freeze()))
    }
}

impl State {
    /// The state after a byte of framing; `None` if the grammar does not allow the byte.
    fn after(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::SizeStart, _) => Self::Size(hex_digit(byte)?),
            (Self::Size(size) | Self::Extension(size), b'\r') => Self::SizeLf(size),
            (Self::Size(size) | Self::SpaceAfterSize(size), b';') => Self::Extension(size),
            (Self::Size(size) | Self::SpaceAfterSize(size), b' ' | b'\t') => Self::SpaceAfterSize(size),
            (Self::Size(size), _) => Self::Size(size.checked_mul(16)? + hex_digit(byte)?),
            (Self::Extension(size), _) if is_text(byte) => Self::Extension(size),
            (Self::SizeLf(0) | Self::TrailerLf, b'\n') => Self::TrailerStart,
            (Self::SizeLf(size), b'\n') => Self::Data(size),
            (Self::DataCr, b'\r') => Self::DataLf,
            (Self::DataLf, b'\n') => Self::SizeStart,
            (Self::TrailerStart, b'\r') => Self::LastLf,
            (Self::TrailerStart | Self::TrailerName, _) if is_token(byte) => Self::TrailerName,
            (Self::TrailerName, b':') => Self::TrailerValue,
            (Self::TrailerValue, b'\r') => Self::TrailerLf,
            (Self::TrailerValue, _) if is_text(byte) => Self::TrailerValue,
            (Self::LastLf, b'\n') => Self::End,
            _ => return None,
        })
    }
}

fn hex_digit(byte: u8) -> Option<u64> {
    char::from(byte).to_digit(16).map(u64::from)
}

/// A byte of a field's value or an extension (RFC 9110 section 5.5).
fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

/// RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The data of a body, and what follows it.
    type Read = (Vec<u8>, Vec<u8>);

    /// Reads a body that arrives in pieces of this many bytes; `None` if it has no end.
    fn read(body: &[u8], piece: usize) -> Result<Option<Read>, Malformed> {
        let (mut chunks, mut received, mut data) = (Chunks::new(), BytesMut::new(), Vec::new());
        let mut pieces = body.chunks(piece);
        loop {
            match chunks.take(&mut received)? {
                Found::Data(some) => data.extend_from_slice(&some),
                Found::End => {
                    let rest = pieces.flatten();
                    return Ok(Some((data, received.iter().chain(rest).copied().collect())));
                }
                Found::Nothing => match pieces.next() {
                    Some(piece) => received.extend_from_slice(piece),
                    None => return Ok(None),
                },
            }
        }
    }

    #[test]
    fn chunks_are_read_in_pieces_of_any_size() {
        for body in [
            "4\r\nWiki\r\n6\r\npedia \r\nB\r\nin chunks.\n\r\n0\r\n\r\nGET",
            "4;a=b\r\nWiki\r\n6 ; a=\"b c\"\r\npedia \r\n00b\r\nin chunks.\n\r\n0;last\r\nA-Field: é\tw\r\nB:\r\n\r\nGET",
        ] {
            for piece in [1, 2, 3, 7, 1_000] {
                let (data, rest) = read(body.as_bytes(), piece).unwrap().unwrap();
                assert_eq!(
                    (data.as_slice(), rest.as_slice()),
                    (&b"Wikipedia in chunks.\n"[..], &b"GET"[..]),
                    "{body:?}"
                );
            }
        }
    }

    #[test]
    fn bytes_outside_the_grammar_are_malformed() {
        for body in [
            "\r\n",
            ";a\r\n",
            "x\r\n",
            "-1\r\n",
            "+1\r\n",
            "0x1\r\n",
            " 1\r\n",
            "1 \r\n",
            "1\n",
            "1\r\r",
            "1;a\n",
            "1;a\0",
            "1\r\nXY",
            "1\r\nX\n",
            "1\r\nX\rY",
            "1\r\nX\r\n\r\n",
            "10000000000000000\r\n",
            "0\r\n: a\r\n",
            "0\r\nno colon\r\n",
            "0\r\n folded\r\n",
            "0\r\nA: b\n",
            "0\r\nA: b\0",
            "0\r\nA: b\r\r",
            "0\r\n\rX",
            "0\n\n",
        ] {
            for piece in [1, 1_000] {
                assert_eq!(read(body.as_bytes(), piece), Err(Malformed), "{body:?}");
            }
        }
    }

    #[test]
    fn a_body_that_is_cut_off_has_no_end() {
        let whole = "4;a\r\nWiki\r\n0\r\nA: b\r\n\r\n";
        for length in 0..whole.len() {
            assert_eq!(read(&whole.as_bytes()[..length], 3), Ok(None), "{length}");
        }
    }

    #[test]
    fn framing_is_limited() {
        let long = "a".repeat(5_000);
        for body in [
            format!("1;{long}\r\nX\r\n0\r\n\r\n"),
            format!("0\r\nA: {long}\r\n\r\n"),
            format!("{}1\r\nX\r\n0\r\n\r\n", "0".repeat(5_000)),
            format!("{}0\r\n\r\n", "1;some-extension-of-forty-bytes-and-more=\"value\"\r\nX\r\n".repeat(1_000)),
        ] {
            assert_eq!(read(body.as_bytes(), 1_000), Err(Malformed));
        }
        for body in [
            format!("{}0\r\n\r\n", "1\r\nX\r\n".repeat(100_000)),
            // As AWS clients sign each chunk.
            format!(
                "{}0\r\n\r\n",
                format!("400;chunk-signature={}\r\n{}\r\n", "a".repeat(64), "X".repeat(1_024)).repeat(100)
            ),
        ] {
            assert!(read(body.as_bytes(), 1_000).unwrap().is_some());
        }
    }
}
