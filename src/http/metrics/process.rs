//! CPU time, memory and files of the process, under the names of Prometheus's own clients. They come from `/proc`, which
//! only Linux has; a number that cannot be read is left out.

use std::fs;

use super::exposition::Exposition;

/// Linux counts CPU time in hundredths of a second for every reader of `/proc` (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

pub(super) fn write(exposition: &mut Exposition) {
    if let Some(seconds) = cpu_seconds() {
        exposition.counter("process_cpu_seconds_total", "CPU time that the process has used.", seconds);
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(bytes) = bytes(&status, "VmRSS:") {
        exposition.gauge("process_resident_memory_bytes", "Memory that the process has in RAM.", bytes);
    }
    if let Some(bytes) = bytes(&status, "VmSize:") {
        exposition.gauge("process_virtual_memory_bytes", "Memory that the process may address.", bytes);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // One of them is the folder that is being read.
        exposition.gauge("process_open_fds", "File descriptors that are open.", open.count().saturating_sub(1));
    }
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    if let Some(most) = max_fds(&limits) {
        exposition.gauge("process_max_fds", "File descriptors that may be open.", most);
    }
}

/// User and system time: fields 14 and 15. Field 2 is a name in parentheses, with any characters in it.
fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, after_name) = stat.rsplit_once(") ")?;
    let mut fields = after_name.split(' ').skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok().map(f64::from);
    Some((ticks()? + ticks()?) / TICKS_PER_SECOND)
}

fn bytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1_024)
}

fn max_fds(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}
