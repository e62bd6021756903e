//! The server process: its settings, its start and its stop.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, test_kill_process};

use super::account::Account;
use super::layout::Layout;
use super::probe::{Answer, probe};
use super::supervisor::Intent;
use super::{ClusterError, io};

/// How long a server may be silent after its start.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How long it may say that it is starting or stopping: recovery after a crash reads
/// up to `max_wal_size`, and would begin anew if it were interrupted.
const RECOVERY_LIMIT: Duration = Duration::from_secs(600);

/// How long a clean stop may take: what is running is cancelled, and at most
/// `shared_buffers` are written.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// The log is set aside at a start when it is larger.
const LOG_LIMIT: u64 = 8 << 20;

/// What the server gets of the environment: where its libraries and tools are.
const KEPT: [&str; 3] = ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"];

/// For a hospital on one machine: little memory when idle, no network, nothing of a
/// patient in the log. The text of failed statements, their parameters and the
/// DETAIL lines that hold values of rows stay out of it, and so do the messages of
/// errors themselves (`log_min_messages = log` ranks above them), which may quote
/// input; whoever caused an error is told and logs what it may.
const SETTINGS: [(&str, &str); 26] = [
    ("listen_addresses", ""),
    ("unix_socket_permissions", "0700"),
    ("port", "5432"),
    ("max_connections", "200"),
    // Reserved, and only used as it fills.
    ("shared_buffers", "256MB"),
    ("huge_pages", "off"),
    ("jit", "off"),
    ("wal_level", "replica"),
    ("max_wal_senders", "2"),
    ("max_wal_size", "1GB"),
    ("wal_compression", "on"),
    ("max_worker_processes", "4"),
    ("max_parallel_workers_per_gather", "0"),
    ("autovacuum_max_workers", "2"),
    ("autovacuum_naptime", "30s"),
    ("random_page_cost", "1.1"),
    ("idle_in_transaction_session_timeout", "60s"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    ("lc_messages", "C"),
    ("log_min_messages", "log"),
    ("log_min_error_statement", "panic"),
    ("log_error_verbosity", "terse"),
    ("log_parameter_max_length", "0"),
    ("log_parameter_max_length_on_error", "0"),
    ("log_checkpoints", "off"),
];

/// For a cluster that is thrown away.
const VOLATILE: [(&str, &str); 6] = [
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("synchronous_commit", "off"),
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
    ("wal_compression", "off"),
];

/// What is needed to run the server of one directory.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) binaries: PathBuf,
    pub(super) layout: Layout,
    pub(super) account: Option<Account>,
    pub(super) fsync: bool,
}

/// A server that answers.
#[derive(Debug)]
pub(super) enum Running {
    /// Started by us.
    Child(Child),
    /// Left by a Galen that was killed.
    Adopted,
}

impl Server {
    /// A PostgreSQL tool under the server's account.
    pub(super) fn command(&self, tool: &str) -> Command {
        let mut command = Command::new(self.binaries.join(tool));
        // Galen's environment may hold secrets, and settings of other servers.
        command
            .env_clear()
            .env("LC_ALL", "C")
            .current_dir(&self.layout.root)
            .stdin(Stdio::null());
        for name in KEPT {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        if let Some(account) = &self.account {
            account.apply(&mut command);
        }
        command
    }

    /// Starts the server and waits until it answers. One that runs already is
    /// adopted; one that is still stopping is waited for, and so are the orphans of
    /// one that was killed, which hold its shared memory for a moment. Returns early
    /// when it is time to stop.
    pub(super) fn start(&self, intent: &Intent) -> Result<Running, ClusterError> {
        let started = Instant::now();
        let mut pause = Duration::from_millis(5);
        let mut child: Option<Child> = None;
        let mut log_from = 0;
        loop {
            let exited = match &mut child {
                Some(child) => child
                    .try_wait()
                    .map_err(io("cannot wait for postgres"))?
                    .is_some(),
                None => false,
            };
            if exited {
                child = None;
                let said = self.log_since(log_from);
                if !waits_for_predecessor(&said) {
                    return Err(ClusterError::NotReady(said));
                }
                self.forget_foreign_pid(&said)?;
            }
            let answer = probe(&self.layout.socket);
            match answer {
                Answer::Ready => return Ok(child.map_or(Running::Adopted, Running::Child)),
                Answer::Absent if child.is_none() => {
                    log_from = self.rotate_log();
                    child = Some(self.spawn()?);
                }
                Answer::Absent | Answer::Busy => {}
            }
            let limit = if answer == Answer::Busy {
                RECOVERY_LIMIT
            } else {
                START_LIMIT
            };
            if started.elapsed() >= limit {
                if let Some(child) = child {
                    self.give_up(child)?;
                }
                return Err(ClusterError::NotReady(format!(
                    "no answer within {} s; {}",
                    limit.as_secs(),
                    self.log_since(log_from)
                )));
            }
            if intent.pause(pause) {
                match child {
                    // From here on it can be told to stop.
                    Some(child) if self.layout.server_pid() == Some(child.id()) => {
                        return Ok(Running::Child(child));
                    }
                    Some(_) => thread::sleep(pause),
                    None => return Err(ClusterError::NotReady("it is time to stop".to_owned())),
                }
            }
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }

    /// Does not leave a server behind that nobody supervises.
    fn give_up(&self, mut child: Child) -> Result<(), ClusterError> {
        let stopped = self.stop();
        if stopped.is_err() || !self.is_alive() {
            child.kill().map_err(io("cannot kill postgres"))?;
        }
        child.wait().map_err(io("cannot wait for postgres"))?;
        Ok(())
    }

    /// Fast shutdown: running statements are cancelled, and everything is written.
    pub(super) fn stop(&self) -> Result<(), ClusterError> {
        if !self.is_alive() {
            return Ok(());
        }
        let mut command = self.command("pg_ctl");
        command
            .args(["stop", "--mode=fast", "--wait", "--silent"])
            .arg(format!("--timeout={}", STOP_LIMIT.as_secs()))
            .arg("-D")
            .arg(&self.layout.data);
        match run("pg_ctl", command) {
            // It stopped by itself in the meantime.
            Err(_) if !self.is_alive() => Ok(()),
            result => result,
        }
    }

    fn spawn(&self) -> Result<Child, ClusterError> {
        let what = || format!("cannot open {}", self.layout.log.display());
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.layout.log)
            .map_err(io(what()))?;
        let errors = log.try_clone().map_err(io(what()))?;
        let mut command = self.command("postgres");
        command.arg("-D").arg(&self.layout.data);
        let volatile = if self.fsync { &[] } else { &VOLATILE[..] };
        for (name, value) in SETTINGS.iter().chain(volatile) {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        command.arg("-c").arg(format!(
            "unix_socket_directories=\"{}\"",
            self.layout.socket.display()
        ));
        // A group of its own: Ctrl-C is for Galen, which then stops the server in order.
        command.stdout(log).stderr(errors).process_group(0);
        command.spawn().map_err(io("cannot run postgres"))
    }

    /// Sets a large log aside and returns where the next start begins to write.
    fn rotate_log(&self) -> u64 {
        let length = fs::metadata(&self.layout.log).map_or(0, |metadata| metadata.len());
        if length <= LOG_LIMIT {
            return length;
        }
        match fs::rename(&self.layout.log, self.layout.log.with_extension("log.1")) {
            Ok(()) => 0,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the log of PostgreSQL cannot be set aside"
                );
                length
            }
        }
    }

    fn log_since(&self, position: u64) -> String {
        let read = || -> std::io::Result<String> {
            let mut file = File::open(&self.layout.log)?;
            file.seek(SeekFrom::Start(position))?;
            let mut bytes = Vec::new();
            file.take(64 << 10).read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
        };
        read().unwrap_or_else(|error| format!("its log cannot be read: {error}"))
    }

    /// After a crash the lock file may name a process that is somebody else by now,
    /// and PostgreSQL would wait for it for ever. We hold the directory's lock and
    /// nobody answers on the socket; if that process is not this directory's server,
    /// the file is stale. What else is left of the server is still found: PostgreSQL
    /// looks at the shared memory of the directory as well.
    fn forget_foreign_pid(&self, said: &str) -> Result<(), ClusterError> {
        if !said.contains("lock file \"postmaster.pid\" already exists") {
            return Ok(());
        }
        if self.is_alive() {
            return Ok(());
        }
        let path = self.layout.data.join("postmaster.pid");
        match fs::remove_file(&path) {
            Err(source) if source.kind() != ErrorKind::NotFound => Err(ClusterError::Io {
                what: format!("cannot remove {}", path.display()),
                source,
            }),
            _ => Ok(()),
        }
    }

    /// Whether the process that the lock file names is this directory's server: it
    /// works in the data directory. A dead one that nobody has waited for works
    /// nowhere. Where that is hidden, being a live server of any directory must do,
    /// and on systems without `/proc` being a process.
    fn is_alive(&self) -> bool {
        let Some(pid) = self.layout.server_pid() else {
            return false;
        };
        if !Path::new("/proc/self/stat").exists() {
            let process = i32::try_from(pid).ok().and_then(Pid::from_raw);
            return process.is_some_and(|process| test_kill_process(process).is_ok());
        }
        match fs::read_link(format!("/proc/{pid}/cwd")) {
            Ok(dir) => dir == self.layout.data,
            // Root in a container may not look into the processes of others.
            Err(e) if e.kind() == ErrorKind::PermissionDenied => {
                fs::read_to_string(format!("/proc/{pid}/stat"))
                    .is_ok_and(|stat| is_live_server(&stat))
            }
            Err(_) => false,
        }
    }
}

/// Reads `/proc/<pid>/stat`: `4711 (postgres) S 1 …`.
fn is_live_server(stat: &str) -> bool {
    let Some((name, state)) = stat
        .split_once(" (")
        .and_then(|(_, rest)| rest.rsplit_once(") "))
    else {
        return false;
    };
    name == "postgres" && !state.starts_with(['Z', 'X'])
}

/// Whether a failed start will succeed once what is left of the last server is gone.
fn waits_for_predecessor(said: &str) -> bool {
    said.contains("shared memory block") || said.contains("lock file")
}

/// Runs a tool to its end.
pub(super) fn run(tool: &'static str, mut command: Command) -> Result<(), ClusterError> {
    let output = command.output().map_err(io(format!("cannot run {tool}")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stderr, output.stdout].concat();
    Err(ClusterError::Tool {
        tool,
        output: String::from_utf8_lossy(&said).trim().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_told_from_strangers_and_from_the_dead() {
        assert!(is_live_server("4711 (postgres) S 1 4711 4711 0 -1"));
        assert!(!is_live_server("4711 (postgres) Z 1 4711 4711 0 -1"));
        assert!(!is_live_server("4711 (sleep) S 1 4711 4711 0 -1"));
        assert!(!is_live_server("4711 (a) (postgres) S 1 4711 4711 0 -1"));
        assert!(!is_live_server(""));
    }

    #[test]
    fn only_what_a_predecessor_left_is_waited_for() {
        assert!(waits_for_predecessor(
            "FATAL:  pre-existing shared memory block (key 1, ID 2) is still in use"
        ));
        assert!(waits_for_predecessor(
            "FATAL:  lock file \"postmaster.pid\" already exists"
        ));
        assert!(!waits_for_predecessor(
            "FATAL:  could not write to file: No space left on device"
        ));
    }
}
