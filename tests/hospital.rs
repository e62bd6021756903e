//! A hospital under test: the real binary in a directory of its own.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use galen_client::Client;
use galen_kernel::Clock;
use galen_storage::{Access, Databases, Db};
use galen_vault::{FileKeys, Vault};

/// The administrator's password in tests.
pub(crate) const ADMIN_PASSWORD: &str = "correct horse battery staple";

/// A running (or killed) `galen up`.
pub(crate) struct Hospital {
    dir: PathBuf,
    child: Option<Child>,
    base: String,
    settings: Vec<(String, String)>,
    log: Option<PathBuf>,
    limits: &'static str,
    listen: String,
    _owner: Option<tempfile::TempDir>,
}

impl Hospital {
    /// Starts a fresh hospital without rate limits.
    pub(crate) fn fresh() -> Self {
        Self::with(&[])
    }

    /// Starts a fresh hospital with settings from the environment.
    pub(crate) fn with(settings: &[(&str, &str)]) -> Self {
        Self::set_up(settings, false, "off")
    }

    /// Starts a fresh hospital that knows the address that others reach it at: an
    /// application checks that the provider it asks is the one that it found.
    pub(crate) fn at_a_known_address() -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("an address").to_string();
        drop(free);
        let url = format!("http://{address}");
        let settings = [("GALEN_IDENTITY_PUBLIC_URL", url.as_str())];
        Self::set_up_at(address, &settings, false, "off")
    }

    /// As [`Hospital::fresh`], with rate limits as an operator has them.
    pub(crate) fn with_limits() -> Self {
        Self::set_up(&[], false, "on")
    }

    /// As [`Hospital::with`], and keeps what it logs in [`Hospital::log`].
    pub(crate) fn logging(settings: &[(&str, &str)]) -> Self {
        Self::set_up(settings, true, "off")
    }

    fn set_up(settings: &[(&str, &str)], logging: bool, limits: &'static str) -> Self {
        Self::set_up_at("127.0.0.1:0".to_owned(), settings, logging, limits)
    }

    fn set_up_at(
        listen: String,
        settings: &[(&str, &str)],
        logging: bool,
        limits: &'static str,
    ) -> Self {
        let owner = tempfile::Builder::new()
            .prefix("galen-outside-")
            .tempdir()
            .expect("a temporary directory");
        // PostgreSQL runs as another user than root and must be able to get in.
        open_to_others(owner.path());
        let mut hospital = Self {
            dir: owner.path().join("data"),
            child: None,
            base: String::new(),
            settings: settings
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
            log: logging.then(|| owner.path().join("log")),
            limits,
            listen,
            _owner: Some(owner),
        };
        hospital.start();
        hospital
    }

    /// Starts the process on its directory and waits until it serves. Returns how long that took.
    pub(crate) fn start(&mut self) -> Duration {
        assert!(self.child.is_none(), "it runs already");
        let began = Instant::now();
        let mut child = galen()
            .args([
                "up",
                "--listen",
                &self.listen,
                "--ops-listen",
                "127.0.0.1:0",
                "--limits",
                self.limits,
                "--data-dir",
            ])
            .arg(&self.dir)
            .env("GALEN_ADMIN_PASSWORD", ADMIN_PASSWORD)
            .env(
                "GALEN_LOG",
                std::env::var("GALEN_TEST_LOG").unwrap_or_else(|_| "warn".to_owned()),
            )
            .envs(self.settings.iter().map(|(k, v)| (k, v)))
            .stdout(Stdio::piped())
            .stderr(self.stderr())
            .spawn()
            .expect("galen starts");
        let (sender, lines) = mpsc::channel();
        let stdout = child.stdout.take().expect("stdout is piped");
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        self.child = Some(child);
        let deadline = began + Duration::from_secs(60);
        loop {
            let line = lines
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
                .unwrap_or_else(|e| panic!("galen up says no `ready on` within a minute: {e}"));
            if let Some(base) = line.strip_prefix("ready on ") {
                self.base = base.trim().to_owned();
                return began.elapsed();
            }
        }
    }

    fn stderr(&self) -> Stdio {
        self.log.as_ref().map_or_else(Stdio::inherit, |path| {
            let file = std::fs::File::options()
                .append(true)
                .create(true)
                .open(path);
            Stdio::from(file.expect("a log file"))
        })
    }

    /// What it has logged, when it was started for that.
    pub(crate) fn log(&self) -> String {
        let path = self.log.as_ref().expect("started with a log");
        std::fs::read_to_string(path).expect("readable")
    }

    /// Where it serves now.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Its data directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// A client that nobody is logged in to.
    pub(crate) fn anonymous(&self) -> Client {
        Client::new(&self.base).expect("a client")
    }

    /// The administrator.
    pub(crate) async fn admin(&self) -> Client {
        let client = self.anonymous();
        client
            .login("admin", ADMIN_PASSWORD)
            .await
            .expect("the administrator can log in");
        client
    }

    /// `kill -9` of the Galen process. PostgreSQL stays.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("it can be killed");
        child.wait().expect("it has ended");
    }

    /// `kill -9` of the PostgreSQL server; its children follow.
    pub(crate) fn kill_database(&self) {
        if let Some(pid) = self.database_pid() {
            let _ = Command::new("kill").args(["-9", &pid]).status();
        }
    }

    /// The database, with all rights.
    pub(crate) async fn superuser(&self) -> sqlx::PgPool {
        let options = galen_storage::Cluster::running(&self.dir)
            .expect("readable")
            .expect("the cluster runs");
        sqlx::postgres::PgPoolOptions::new()
            .max_connections(2)
            .connect_with(options)
            .await
            .expect("the superuser can log in")
    }

    /// A service's schema and its vault, as the service itself has them.
    pub(crate) async fn vault(&self, service: &'static str) -> (Db, Vault) {
        let admin = galen_storage::Cluster::running(&self.dir)
            .expect("readable")
            .expect("the cluster runs");
        let access = Access::from_file(admin, &self.dir.join("database-secret"));
        let databases = Databases::provisioned(access.expect("readable"), Clock::system());
        let db = databases.open(service, 2).await.expect("the role logs in");
        let masters = FileKeys::open(&self.dir.join("vault-keys"))
            .expect("readable")
            .expect("there is a key file");
        let vault = Vault::open(&db, Arc::new(masters)).await.expect("it opens");
        (db, vault)
    }

    fn database_pid(&self) -> Option<String> {
        let text = find_file(&self.dir, "postmaster.pid")
            .and_then(|path| std::fs::read_to_string(path).ok())?;
        text.lines().next().map(|pid| pid.trim().to_owned())
    }

    /// A clean stop (SIGTERM); returns whether it ended with 0.
    pub(crate) fn stop(&mut self) -> bool {
        let mut child = self.child.take().expect("it runs");
        let _ = Command::new("kill")
            .args(["-TERM", &child.id().to_string()])
            .status();
        child.wait().expect("it has ended").success()
    }

    /// `galen verify` on the data directory: its exit status and what it printed.
    pub(crate) fn verify(&self) -> (bool, String) {
        let output = galen()
            .args(["verify", "--data-dir"])
            .arg(&self.dir)
            .output()
            .expect("galen verify runs");
        let text = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        (output.status.success(), text)
    }
}

impl Drop for Hospital {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.stop();
        } else if let Some(pid) = self.database_pid() {
            // Galen was killed: its server would outlive the test.
            let _ = Command::new("kill").args(["-QUIT", &pid]).status();
        }
    }
}

/// The binary under test.
pub(crate) fn galen() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_galen"));
    // Settings of whoever runs the tests must not leak into them.
    for (key, _) in std::env::vars().filter(|(key, _)| key.starts_with("GALEN_")) {
        command.env_remove(key);
    }
    command
}

pub(crate) fn open_to_others(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("own directory");
}

/// Finds a file by name below a directory.
pub(crate) fn find_file(dir: &Path, name: &str) -> Option<PathBuf> {
    std::fs::read_dir(dir).ok()?.flatten().find_map(|entry| {
        let path = entry.path();
        if entry.file_name() == name {
            return Some(path);
        }
        (path.is_dir() && !path.is_symlink())
            .then(|| find_file(&path, name))
            .flatten()
    })
}
