//! The client's command: a process group of its own, which ends with all that it has started.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};
use uuid::Uuid;

use super::interrupt::pause;
use super::output_tail::OutputTail;
use crate::exam::Ended;

/// The variable by which processes are found that have left the group.
const MARK: &str = "BOOMGATE_EXAM_RUN";
/// How long a command has to end by itself once it is asked to.
const GRACE: Duration = Duration::from_secs(2);
/// How long what is left of the group has, once the command itself has ended.
const REST_GRACE: Duration = Duration::from_millis(300);
const LOOK: Duration = Duration::from_millis(5);

/// A command that runs. It ends when this is dropped.
pub(super) struct RunningCommand {
    child: Child,
    group: Pid,
    mark: String,
    output: OutputTail,
    errors: OutputTail,
    is_ended: bool,
}

/// How a command is started: its words, and the variables beside those of this process.
pub(super) struct CommandLine<'c> {
    pub(super) words: &'c [String],
    pub(super) variables: Vec<(OsString, OsString)>,
}

impl RunningCommand {
    pub(super) fn start(line: &CommandLine<'_>) -> io::Result<Self> {
        let mark = Uuid::new_v4().to_string();
        let (program, arguments) = line.words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut command = Command::new(program);
        command.args(arguments).envs(line.variables.iter().map(|(name, value)| (name, value))).env(MARK, &mark);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn()?;
        let group = Pid::from_child(&child);
        let (output, errors) = (child.stdout.take(), child.stderr.take());
        let read = || {
            let output = OutputTail::read(output.ok_or(io::ErrorKind::BrokenPipe)?)?;
            Ok((output, OutputTail::read(errors.ok_or(io::ErrorKind::BrokenPipe)?)?))
        };
        match read() {
            Ok((output, errors)) => Ok(Self { child, group, mark, output, errors, is_ended: false }),
            Err(error) => {
                let _gone = kill_process_group(group, Signal::KILL);
                let _status = child.wait();
                Err(error)
            }
        }
    }

    /// Whether the command itself has ended. It is not reaped yet, so that the id of its group stays its own.
    pub(super) fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(self.group), options), Ok(None))
    }

    /// Ends the command, and all that is left of its group. `by_exam` is how it ended if it still runs.
    pub(super) fn end(&mut self, by_exam: Ended) -> io::Result<Ended> {
        let ended_itself = self.has_ended();
        let status = self.end_group()?;
        Ok(if ended_itself { of_status(status) } else { by_exam })
    }

    /// The end of what it printed: errors after all else.
    pub(super) fn output(&self, secrets: &[String]) -> String {
        let (output, errors) = (self.output.text(secrets), self.errors.text(secrets));
        let line_end = if output.is_empty() || output.ends_with('\n') { "" } else { "\n" };
        format!("{output}{line_end}{errors}")
    }

    fn end_group(&mut self) -> io::Result<ExitStatus> {
        self.is_ended = true;
        let is_alone = self.has_ended() && self.output.wait(Duration::ZERO) && self.errors.wait(Duration::ZERO);
        if !is_alone {
            let _gone = kill_process_group(self.group, Signal::TERM);
            if self.has_ended() {
                self.output.wait(REST_GRACE);
            } else {
                self.wait(GRACE);
            }
        }
        let _gone = kill_process_group(self.group, Signal::KILL);
        let status = self.child.wait()?;
        end_marked(&self.mark);
        self.output.wait(REST_GRACE);
        self.errors.wait(REST_GRACE);
        Ok(status)
    }

    fn wait(&self, limit: Duration) {
        let mut waited = Duration::ZERO;
        while !self.has_ended() && waited < limit {
            pause(LOOK);
            waited += LOOK;
        }
    }
}

impl Drop for RunningCommand {
    fn drop(&mut self) {
        if !self.is_ended {
            let _status = self.end_group();
        }
    }
}

fn of_status(status: ExitStatus) -> Ended {
    match status.code() {
        Some(code) => Ended::Exit(code),
        None => Ended::Signal(status.signal().unwrap_or_default()),
    }
}

/// Ends every process of this user that has the mark in its environment: it has left the group (`setsid`). Linux shows the
/// environment of a process; elsewhere such a process is not found.
fn end_marked(mark: &str) {
    let wanted = format!("{MARK}={mark}");
    let Ok(processes) = std::fs::read_dir("/proc") else { return };
    for process in processes.flatten() {
        let id = process.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
        let (Some(id), Ok(environment)) = (id, std::fs::read(process.path().join("environ"))) else { continue };
        if environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes()) {
            let _gone = kill_process(id, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str) -> (Ended, String) {
        let words = ["sh", "-c", script].map(str::to_owned);
        let mut command = RunningCommand::start(&CommandLine { words: &words, variables: Vec::new() }).unwrap();
        command.wait(Duration::from_secs(10));
        (command.end(Ended::Deadline).unwrap(), command.output(&[]))
    }

    /// Whether the process that the first line of `output` names is gone, or a zombie that its new parent has yet to reap.
    fn is_gone(output: &str) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", output.trim()));
        stat.map_or(true, |stat| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z')))
    }

    #[test]
    fn how_a_command_ended_is_known() {
        assert_eq!(run("echo a; echo b >&2; exit 3"), (Ended::Exit(3), "a\nb\n".to_owned()));
        assert_eq!(run("kill -9 $$").0, Ended::Signal(9));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_outlives_a_command_ends_with_it() {
        for script in
            ["sleep 600 & echo $!", "sleep 600 >/dev/null 2>&1 & echo $!", "setsid sleep 600 & sleep 0.2; echo $!"]
        {
            let (ended, output) = run(script);
            assert_eq!(ended, Ended::Exit(0), "{script}");
            // The kernel ends a process that was killed a moment later.
            let mut looks = 0;
            while !is_gone(&output) {
                assert!(looks < 1_000, "{script}: {output}");
                looks += 1;
                pause(LOOK);
            }
        }
    }

    #[test]
    fn a_command_that_ignores_the_request_to_end_is_ended() {
        let words = ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"].map(str::to_owned);
        let mut command = RunningCommand::start(&CommandLine { words: &words, variables: Vec::new() }).unwrap();
        while !command.output(&[]).contains("ready") {
            pause(LOOK);
        }
        assert_eq!(command.end(Ended::Deadline).unwrap(), Ended::Deadline);
    }
}
