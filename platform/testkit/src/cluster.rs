//! The throw-away cluster of this test process.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use galen_storage::{Cluster, ClusterOptions};
use sqlx::postgres::PgConnectOptions;

/// Directories of test clusters begin with this.
const PREFIX: &str = "galen-test-";

/// Stops the server and removes the directory `$1` when its input ends, which is
/// when the test process ends: the kernel closes the pipe even after SIGKILL. The
/// server removes its file last.
const REAPER: &str = r#"
trap '' HUP INT TERM
read -r _
file="$1/postgres/data/postmaster.pid"
if pid=$(head -n 1 "$file" 2>/dev/null) && kill -QUIT "$pid" 2>/dev/null; then
    tries=0
    while [ -e "$file" ] && [ "$tries" -lt 200 ]; do sleep 0.05; tries=$((tries + 1)); done
fi
rm -rf "$1"
"#;

/// A cluster that ends with the process.
pub(crate) struct TestCluster {
    cluster: Cluster,
    /// Its input is never written to; the end of it is the signal.
    _reaper: Child,
}

impl TestCluster {
    /// The superuser, in a database of this name.
    pub(crate) fn admin(&self, database: &str) -> PgConnectOptions {
        self.cluster.admin().database(database)
    }
}

/// The cluster of this process, started by the first test that needs it.
pub(crate) fn of_this_process() -> &'static TestCluster {
    static CLUSTER: OnceLock<TestCluster> = OnceLock::new();
    CLUSTER.get_or_init(start)
}

fn start() -> TestCluster {
    let temporary = std::env::temp_dir();
    sweep(&temporary);
    let dir = tempfile::Builder::new()
        .prefix(PREFIX)
        .tempdir_in(&temporary)
        .expect("the temporary directory can be written")
        .keep();
    let reaper = spawn_reaper(&dir);
    let options = ClusterOptions {
        dir,
        fsync: false,
        bin: std::env::var_os("GALEN_POSTGRES_BIN").map(PathBuf::from),
    };
    let cluster = Cluster::start_blocking(&options)
        .unwrap_or_else(|error| panic!("no PostgreSQL for tests: {error}"));
    TestCluster {
        cluster,
        _reaper: reaper,
    }
}

fn spawn_reaper(dir: &Path) -> Child {
    Command::new("sh")
        .args(["-c", REAPER, "galen-test-reaper"])
        .arg(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C in the terminal ends the tests, and then there is work to do.
        .process_group(0)
        .spawn()
        .expect("a shell")
}

/// Removes what runs left behind whose reaper was killed too, at a reboot for
/// example. A directory that is in use is locked; one that is being made is young.
fn sweep(temporary: &Path) {
    let Ok(entries) = fs::read_dir(temporary) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let old = entry
            .metadata()
            .and_then(|metadata| metadata.modified())
            .is_ok_and(|modified| {
                SystemTime::now()
                    .duration_since(modified)
                    .is_ok_and(|age| age > Duration::from_secs(600))
            });
        if !old || !name.to_str().is_some_and(|name| name.starts_with(PREFIX)) {
            continue;
        }
        let unused = fs::File::open(entry.path().join("galen.lock"))
            .is_ok_and(|lock| lock.try_lock().is_ok());
        if unused && let Err(error) = fs::remove_dir_all(entry.path()) {
            eprintln!("cannot remove {}: {error}", entry.path().display());
        }
    }
}
