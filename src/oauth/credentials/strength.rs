//! Whether a chosen secret is easy to guess.
//!
//! Records hold a digest that is quick to compute, so the randomness of the secret must protect it. Randomness cannot be
//! measured in one text. What can be found is text that an attacker tries first: a repeated part, a series, a row of a
//! keyboard, a common word, the identifier of the client. Each such part counts as one character.

use crate::oauth::credentials::ClientId;

/// The least number of characters that must count: 20 random digits of base64 are 120 bits, 20 of hex are 80 bits.
const MIN_COUNTED: usize = 20;
/// The shortest part that counts as one character, in characters.
const MIN_PART: usize = 4;
/// The largest distance between the characters of a series: in `user001user002` it is 7.
const MAX_STRIDE: usize = 24;

/// What an attacker tries first, forwards and backwards: series, rows and columns of keyboards, words, and the text in the
/// secrets of every sandbox.
const COMMON: [&str; 36] = [
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop[]",
    "qwertzuiop",
    "azertyuiop",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "yxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
    "!@#$%^&*()_+",
    "password",
    "passphrase",
    "secret",
    "admin",
    "administrator",
    "client",
    "token",
    "oauth",
    "boomgate",
    "letmein",
    "welcome",
    "changeme",
    "default",
    "iloveyou",
    "monkey",
    "dragon",
    "sunshine",
    "princess",
    "football",
    "baseball",
    "superman",
    "master",
    "please",
    "example",
    "test",
    "InTheSandboxOnlyNotForProduction",
];

/// How many characters of a text count, and how many must.
pub(super) struct Strength {
    pub(super) counted: usize,
    pub(super) needed: usize,
}

impl Strength {
    /// The strength of the secret of a client, or of one that has no identifier yet.
    pub(super) fn of(secret: &str, client_id: Option<&ClientId>) -> Self {
        let text = secret.as_bytes();
        let words: Vec<&[u8]> =
            COMMON.iter().map(|word| word.as_bytes()).chain(client_id.map(|id| id.as_str().as_bytes())).collect();
        let (mut counted, mut at) = (0, 0);
        while at < text.len() {
            let part = longest_series(text, at).max(longest_repetition(text, at)).max(longest_word(text, at, &words));
            at += if part >= MIN_PART { part } else { 1 };
            counted += 1;
        }
        // A long text is not strong by its length alone.
        Self { counted, needed: MIN_COUNTED.max(text.len() * 3 / 5) }
    }

    pub(super) fn is_enough(&self) -> bool {
        self.counted >= self.needed
    }
}

/// How many characters from `at` on repeat an earlier part; `aaaa` repeats its first character.
fn longest_repetition(text: &[u8], at: usize) -> usize {
    let repeated = |start: usize| {
        let (before, now) = (text.iter().skip(start), text.iter().skip(at));
        before.zip(now).take_while(|(before, now)| before.eq_ignore_ascii_case(now)).count()
    };
    (0..at).map(repeated).max().unwrap_or(0)
}

/// How many characters from `at` on continue a series, in which each character follows from the two before it at one
/// distance: `abc`, `2468`, `a1b2c3`, `pw1!pw2!pw3!`.
fn longest_series(text: &[u8], at: usize) -> usize {
    let code = |place: Option<usize>| Some(i16::from(text.get(place?)?.to_ascii_lowercase()));
    let goes_on = |place: usize, stride: usize| {
        let [before, last, now] = [place.checked_sub(2 * stride), place.checked_sub(stride), Some(place)].map(code);
        let (Some(before), Some(last), Some(now)) = (before, last, now) else { return false };
        let step = last - before;
        step.abs() <= 2 && now - last == step
    };
    let length = |stride| (at..text.len()).take_while(|place| goes_on(*place, stride)).count();
    (1..=MAX_STRIDE).map(length).max().unwrap_or(0)
}

/// How many characters from `at` on are a part of a word, forwards or backwards.
fn longest_word(text: &[u8], at: usize, words: &[&[u8]]) -> usize {
    let from = text.get(at..).unwrap_or_default();
    let alike = |(letter, given): &(&u8, &u8)| is_letter(**letter, **given);
    let forwards = |word: &[u8], start: usize| word.iter().skip(start).zip(from).take_while(alike).count();
    let backwards = |word: &[u8], start: usize| word.iter().rev().skip(start).zip(from).take_while(alike).count();
    let longest = |word: &&[u8]| {
        (0..word.len()).map(|start| forwards(word, start).max(backwards(word, start))).max().unwrap_or(0)
    };
    words.iter().map(longest).max().unwrap_or(0)
}

/// Whether a character stands for this letter of a word: the letter in either case, or a usual disguise of it.
fn is_letter(letter: u8, given: u8) -> bool {
    letter.eq_ignore_ascii_case(&given)
        || matches!(
            (letter.to_ascii_lowercase(), given),
            (b'a', b'4' | b'@')
                | (b'e', b'3')
                | (b'i' | b'l', b'1' | b'!')
                | (b'o', b'0')
                | (b's', b'5' | b'$')
                | (b't', b'7')
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_strong(secret: &str) -> bool {
        Strength::of(secret, Some(&ClientId::parse("curbside").unwrap())).is_enough()
    }

    #[test]
    fn a_secret_of_guessable_parts_is_weak() {
        let numbered = (0..30).map(|number| format!("user{number:03}")).collect::<Vec<_>>().concat();
        let counted: String = (1..60).map(|number| number.to_string()).collect();
        for (secret, reason) in [
            ("passwordpasswordpasswordpassword", "a word, repeated"),
            ("P@ssw0rdP4SSWORDdrowssaPpa55w0rd!", "a word, disguised"),
            ("Password1!Password2!Password3!Password4!", "a word with a number that counts"),
            ("correcthorsecorrecthorsecorrecthorse", "chosen words, repeated"),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "one character"),
            ("abcabcabcabcabcabcabcabcabcabcabcabc", "a short period"),
            ("aA1!aA1!aA1!aA1!aA1!aA1!aA1!aA1!aA1!", "a short period of every kind of character"),
            ("x7Kq9!x7Kq9!x7Kq9!x7Kq9!x7Kq9!x7Kq9!", "a short random part, repeated"),
            ("x7Kq9mZ2rT5vB8nWx7Kq9mZ2rT5vB8nW", "half of a random text, twice"),
            ("qwertyuiopasdfghjklzxcvbnm1234567890", "rows of a keyboard"),
            ("poiuytrewqlkjhgfdsamnbvcxz0987654321", "the same backwards"),
            ("1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.", "columns of a keyboard"),
            ("abcdefghijklmnopqrstuvwxyz0123456789", "the alphabet"),
            ("zyxwvutsrqponmlkjihgfedcba9876543210", "the alphabet backwards"),
            ("a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6q7", "two series at once"),
            ("0123456789012345678901234567890123456789", "digits"),
            ("1011121314151617181920212223242526272829", "numbers"),
            (&counted, "more numbers"),
            (&numbered, "a name with a number that counts"),
            ("pw1!pw2!pw3!pw4!pw5!pw6!pw7!pw8!pw9!", "a short word with a number that counts"),
            ("curbsidecurbsidecurbsidecurbside1234", "the client_id, repeated"),
            ("edisbruc-Curbside-CURBSIDE-secret-1!", "the client_id, written in several ways"),
            ("bg_secret_demoReaderInTheSandboxOnlyNotForProduction00QG1iY", "the public secret of a sandbox"),
        ] {
            let Strength { counted, needed } = Strength::of(secret, Some(&ClientId::parse("curbside").unwrap()));
            assert!(counted < needed, "{reason}: {secret} has {counted} of {needed}");
        }
    }

    #[test]
    fn a_secret_that_is_hard_to_guess_is_strong_enough() {
        for (secret, reason) in [
            ("correct-horse-battery-staple-4711", "random words"),
            ("9f86d081884c7d659a2feaa0c55ad015", "32 hexadecimal digits"),
            ("0c6c8e6b-3b1c-4d6b-8f4f-1f0e6a2b7d91", "a UUID"),
            ("q7Z+d1sX0fUu3kT9yB/4mW2vR8pLhN6e", "32 digits of base64"),
            ("curbside-9f86d081884c7d659a2feaa0c55ad015", "the client_id before a random text"),
            ("73025594186047731985206649103758", "32 digits"),
        ] {
            assert!(is_strong(secret), "{reason}: {secret}");
        }
    }

    proptest! {
        #[test]
        fn random_secrets_are_strong(hex in "[0-9a-f]{32}", base64 in "[A-Za-z0-9+/]{32}", long in "[!-~]{256}") {
            for secret in [&hex, &base64, &long] {
                prop_assert!(is_strong(secret), "{secret}");
            }
        }
    }
}
