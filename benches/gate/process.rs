//! A server process under measurement: its CPU time, its memory, and its end.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};
use rustix::io::Errno;
use rustix::thread::{CpuSet, Pid, sched_getaffinity, sched_setaffinity};

/// Linux counts CPU time in hundredths of a second for every reader of /proc (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;
const NANOSECONDS_PER_SECOND: f64 = 1e9;

/// A process that serves HTTPS on a port of 127.0.0.1, killed at the end.
pub(crate) struct Process {
    child: Child,
    pub(crate) port: u16,
}

/// CPU time that a process had used at one moment: of each of its threads, in seconds.
pub(crate) struct CpuTime(HashMap<String, f64>);

impl Process {
    pub(crate) fn spawn(command: &mut Command, port: u16) -> anyhow::Result<Self> {
        let program = PathBuf::from(command.get_program());
        let child = command.spawn().with_context(|| format!("{} does not start", program.display()))?;
        Ok(Self { child, port })
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// User and system time so far.
    pub(crate) fn cpu(&self) -> anyhow::Result<CpuTime> {
        let mut threads = HashMap::new();
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let path = task?.path();
            // A thread may end between the two reads, but not the thread that serves.
            if let Ok(seconds) = thread_seconds(&path) {
                threads.insert(path.to_string_lossy().into_owned(), seconds);
            }
        }
        ensure!(!threads.is_empty(), "process {} has ended", self.child.id());
        Ok(CpuTime(threads))
    }

    /// Seconds of CPU used since `before`.
    pub(crate) fn cpu_since(&self, before: &CpuTime) -> anyhow::Result<f64> {
        let now = self.cpu()?;
        Ok(now.0.iter().map(|(thread, seconds)| seconds - before.0.get(thread).copied().unwrap_or(0.0)).sum())
    }

    /// Resident memory, in bytes.
    pub(crate) fn rss(&self) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("/proc/PID/status has no VmRSS")?;
        let kilobytes: f64 = line.split_whitespace().next().unwrap_or_default().parse()?;
        Ok(kilobytes * 1024.0)
    }

    /// Asks it to stop, as systemd would, and waits until it has.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let kill = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status()?;
        ensure!(kill.success(), "process {} could not be stopped", self.child.id());
        let status = self.child.wait()?;
        ensure!(status.success(), "the server did not stop cleanly: {status}");
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Either can fail only if the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In nanoseconds if the kernel counts them, else in ticks: fields 14 and 15 of `stat`, counted from the end of the name in
/// parentheses, which may contain any text.
pub(crate) fn thread_seconds(task: &Path) -> anyhow::Result<f64> {
    if let Ok(schedstat) = fs::read_to_string(task.join("schedstat"))
        && let Some(on_cpu) = schedstat.split_whitespace().next().and_then(|field| field.parse::<f64>().ok())
        && on_cpu > 0.0
    {
        return Ok(on_cpu / NANOSECONDS_PER_SECOND);
    }
    let stat = fs::read_to_string(task.join("stat"))?;
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: Vec<f64> = fields.skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    ensure!(ticks.len() == 2, "/proc/PID/stat has another form than expected");
    Ok(ticks.iter().sum::<f64>() / TICKS_PER_SECOND)
}

/// While this lives, servers run on one core and their drivers on the others, so that a server never waits for its driver.
/// On a machine with a single core they share it.
pub(crate) struct Apart {
    servers: Vec<u32>,
    cores: CpuSet,
}

impl Apart {
    pub(crate) fn from(servers: &[&Process]) -> anyhow::Result<Self> {
        let apart =
            Self { servers: servers.iter().map(|server| server.child.id()).collect(), cores: sched_getaffinity(None)? };
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| apart.cores.is_set(*core));
        if let (Some(first), Some(second)) = (cores.next(), cores.next()) {
            let (mut servers, mut driver) = (CpuSet::new(), CpuSet::new());
            servers.set(first);
            [second].into_iter().chain(cores).for_each(|core| driver.set(core));
            apart.set(&servers, &driver)?;
        }
        Ok(apart)
    }

    fn set(&self, servers: &CpuSet, driver: &CpuSet) -> anyhow::Result<()> {
        let processes = self.servers.iter().map(|id| (*id, servers)).chain([(std::process::id(), driver)]);
        for (id, cores) in processes {
            for task in fs::read_dir(format!("/proc/{id}/task"))? {
                let thread = task?.file_name().to_string_lossy().parse()?;
                match sched_setaffinity(Pid::from_raw(thread), cores) {
                    // The thread may have ended.
                    Ok(()) | Err(Errno::SRCH) => {}
                    Err(cause) => return Err(cause.into()),
                }
            }
        }
        Ok(())
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        // A server may have ended.
        let _ = self.set(&self.cores, &self.cores);
    }
}

/// A command that reads no input and prints no output.
pub(crate) fn quiet(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}
