//! Whether the client refuses a certificate that it cannot trust.

use crate::exam::evidence::count;
use crate::exam::{Examination, Finding, ScenarioId};

pub(in crate::exam) fn certificate_verified(examination: &Examination) -> Finding {
    let expected = "no request is sent to a server whose certificate is from a foreign authority";
    let Some(run) = examination.run(ScenarioId::WrongCertificate) else {
        return Finding::not_exercised(expected, "the scenario was not run");
    };
    let sent = run.conversation.all();
    let end = run.ended.words();
    if !sent.is_empty() {
        let got = format!("the client sent {} all the same", count(sent.len(), "request"));
        return Finding::fail(expected, got, sent.iter().take(5).map(|exchange| run.shows(exchange)).collect());
    }
    if run.ended.is_success() {
        return Finding::not_exercised(expected, format!("the client did not call this server: {end}"));
    }
    Finding::pass(expected, format!("the client sent nothing: {end}"), vec![run.shows_end(run.started_at)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::exam::CheckVerdict::{Fail, NotExercised, Pass};
    use crate::exam::Ended;
    use crate::exam::testing::{examination, run, token};

    #[test]
    fn a_request_is_a_failure_and_silence_is_a_success() {
        let judge = |run| certificate_verified(&examination([run])).verdict;
        let trusting = run(ScenarioId::WrongCertificate, [token("a")]);
        assert_eq!(judge(trusting.clone()), Fail);
        assert_eq!(judge(trusting.exit(1)), Fail);
        let silent = || run(ScenarioId::WrongCertificate, []);
        assert_eq!(judge(silent().exit(1)), Pass);
        assert_eq!(judge(silent().ended(Ended::Deadline)), Pass, "it tries for ever, which is another check's");
        assert_eq!(judge(silent()), NotExercised, "it says that it succeeded: it called somebody else");
        assert_eq!(certificate_verified(&examination([])).verdict, NotExercised);
    }
}
