//! The memory of a server is hidden from other processes of its user.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::{Server, copied_program};

/// The user without rights, by convention on Linux.
const NOBODY: u32 = 65_534;
const ROOT: u32 = 0;

/// A sandbox that runs as a user without rights if the test runs as root, else as the test's user.
struct Unprivileged {
    folder: TempDir,
    server: Server,
    ops: String,
}

impl Unprivileged {
    fn start(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = copied_program(folder.path());
        let ops = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let mut command = Command::new(&program);
        command
            .args(["sandbox", "--listen", "127.0.0.1:0"])
            .current_dir(folder.path())
            .env_clear()
            .env("BOOMGATE_OPS_LISTEN", &ops)
            .envs(settings.iter().copied())
            .stdin(Stdio::null());
        if fs::metadata(folder.path()).unwrap().uid() == ROOT {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
            command.uid(NOBODY).gid(NOBODY);
        }
        Self { folder, server: Server::start(command), ops }
    }

    fn proc(&self, file: &str) -> PathBuf {
        Path::new("/proc").join(self.server.process.id().to_string()).join(file)
    }

    fn metrics(&self) -> String {
        let mut stream = TcpStream::connect(&self.ops).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

#[test]
fn neither_a_core_file_nor_another_process_shows_the_memory_of_a_server_unless_debugging_is_allowed() {
    let owner = |server: &Unprivileged| fs::metadata(server.proc("mem")).unwrap().uid();
    let core = |server: &Unprivileged| {
        let limits = fs::read_to_string(server.proc("limits")).unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        line.split_whitespace().skip(4).take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    let server = Unprivileged::start(&[]);
    // The kernel gives the files in /proc of such a process to root.
    assert_eq!((owner(&server), core(&server)), (ROOT, vec!["0".to_owned(); 2]));
    // The server can still read its own metrics.
    let metrics = server.metrics();
    for name in [
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_virtual_memory_bytes",
        "process_open_fds",
        "process_max_fds",
    ] {
        let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        assert!(value.is_some_and(|value| value.parse::<f64>().unwrap() > 0.0), "{name}: {value:?}");
    }

    let server = Unprivileged::start(&[("BOOMGATE_ALLOW_DEBUGGING", "true")]);
    let of_folder = fs::metadata(server.folder.path()).unwrap().uid();
    assert_eq!(owner(&server), of_folder);
}
