//! Sentences with code in them: what stands between two backticks is code.

/// A piece of a sentence.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    Words(&'t str),
    Code(&'t str),
}

/// The pieces of a sentence, none of them empty. A backtick without another is a character as any.
pub(super) fn pieces(sentence: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = sentence;
    let mut is_code = false;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let (piece, after, is_code_after) = match rest.split_once('`') {
                Some((piece, after)) if is_code || after.contains('`') => (piece, after, !is_code),
                _ => (rest, "", false),
            };
            let found = if is_code { Piece::Code(piece) } else { Piece::Words(piece) };
            (rest, is_code) = (after, is_code_after);
            if !piece.is_empty() {
                return Some(found);
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::Piece::{Code, Words};
    use super::*;

    #[test]
    fn code_stands_between_two_backticks() {
        let cases: [(&str, &[Piece<'_>]); 7] = [
            ("", &[]),
            ("a", &[Words("a")]),
            ("`a`", &[Code("a")]),
            ("a `b` c", &[Words("a "), Code("b"), Words(" c")]),
            ("a `b", &[Words("a `b")]),
            ("`a` `b", &[Code("a"), Words(" `b")]),
            ("``a", &[Words("a")]),
        ];
        for (sentence, expected) in cases {
            assert_eq!(pieces(sentence).collect::<Vec<_>>(), expected, "{sentence}");
        }
    }
}
