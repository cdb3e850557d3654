//! `[log]`: what is written to standard error.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::environment::Environment;
use super::raw::Raw;

/// `[log]`: what is written to standard error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// `format`: by default for people on a terminal, and JSON otherwise.
    pub format: LogFormat,
    /// Whether `format` was given: a caller that asks for JSON reads standard output with a machine too.
    pub is_format_given: bool,
    /// `level`: directives of tracing's `EnvFilter`, checked; by default `info`.
    pub level: String,
    /// `access`: whether each request is a line at `info`; by default false, and then each is a line at `debug`.
    pub access: bool,
    /// Whether lines for people have colours. Not a setting; see [`Environment::allows_color`].
    pub color: bool,
}

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// One JSON object a line, for machines.
    Json,
}

impl Log {
    pub(super) fn read(environment: &Environment, raw: &mut Raw) -> Self {
        let default = if environment.is_terminal() { ("pretty", LogFormat::Pretty) } else { ("json", LogFormat::Json) };
        let format = raw.text_or("log.format", "\"pretty\" or \"json\"", default, |text| match text {
            "pretty" => Some(LogFormat::Pretty),
            "json" => Some(LogFormat::Json),
            _ => None,
        });
        let expected = "a level such as info, or directives such as info,boomgate=debug";
        let level = raw.text_or("log.level", expected, ("info", "info".to_owned()), parse_directives);
        let access = raw.boolean("log.access", false);
        let is_format_given = raw.is_given("log.format");
        Self { format, is_format_given, level, access, color: environment.allows_color() }
    }
}

/// Directives of tracing's `EnvFilter`. `EnvFilter` takes a lone word that is no level for the name of a target, so
/// that the misspelling `wran` would silence everything: here a target needs its level.
fn parse_directives(text: &str) -> Option<String> {
    let is_level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
    let is_directive = |directive: &&str| match directive.rsplit_once('=') {
        Some((target, level)) => !target.trim().is_empty() && is_level(level),
        None => is_level(directive),
    };
    let directives: Vec<&str> = text.split(',').map(str::trim).collect();
    let fits = directives.iter().all(is_directive);
    let whole = directives.join(",");
    (fits && EnvFilter::try_new(&whole).is_ok()).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directive_is_a_level_or_a_target_with_one() {
        for (text, expected) in [
            ("info", "info"),
            ("WARN", "WARN"),
            ("off", "off"),
            ("info, boomgate=debug", "info,boomgate=debug"),
            ("warn,boomgate::server=trace", "warn,boomgate::server=trace"),
            ("info,[request{id=1}]=debug", "info,[request{id=1}]=debug"),
        ] {
            assert_eq!(parse_directives(text).as_deref(), Some(expected), "{text}");
        }
        for bad in ["", "wran", "info,", ",info", "boomgate", "boomgate=", "=debug", "boomgate=loud", "info debug"] {
            assert_eq!(parse_directives(bad), None, "{bad}");
        }
    }
}
