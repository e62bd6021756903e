//! The hospital that a demo leaves running: started detached, found again, stopped.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use crate::cli::Demo;

/// How long a start may take, the first initialisation included.
const PATIENCE: Duration = Duration::from_secs(120);

fn pid_file(data_dir: &Path) -> PathBuf {
    data_dir.join("demo.pid")
}

fn log_file(data_dir: &Path) -> PathBuf {
    data_dir.join("galen.log")
}

/// The process a former demo left, if it still runs this binary.
fn left_running(data_dir: &Path) -> Option<u32> {
    let pid: u32 = fs::read_to_string(pid_file(data_dir))
        .ok()?
        .trim()
        .parse()
        .ok()?;
    let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
    command
        .split('\0')
        .next()?
        .ends_with("galen")
        .then_some(pid)
}

/// The world outside, as far as it is played. No card is declined: the story that is told of
/// the money is of one that is not.
const PLAYED: [(&str, &str); 6] = [
    ("GALEN_SECUREPAY_PROVIDER_NAME", "simulator"),
    ("GALEN_SECUREPAY_PROVIDER_DECLINES", "0"),
    ("GALEN_BILLING_PAYER_ACKNOWLEDGE_SECONDS", "1"),
    ("GALEN_BILLING_PAYER_ANSWER_SECONDS", "2"),
    ("GALEN_BILLING_PAYER_REMIT_SECONDS", "1"),
    ("GALEN_BILLING_PAYER_ASK_SECONDS", "1"),
];

/// Starts `galen up` so that it survives this process, or finds the one that runs.
/// Returns its address.
///
/// # Errors
/// When it does not become ready.
pub(crate) async fn start(options: &Demo) -> Result<String, Box<dyn std::error::Error>> {
    fs::create_dir_all(&options.data_dir)?;
    let ready = options.data_dir.join("demo.ready");
    if left_running(&options.data_dir).is_some()
        && let Some(base) = address(&ready)
    {
        println!("a hospital runs already on {base}");
        return Ok(base);
    }
    println!("starting a hospital in {}", options.data_dir.display());
    let mut child = Command::new(std::env::current_exe()?)
        .arg("up")
        .arg("--data-dir")
        .arg(&options.data_dir)
        // Everything of a demo is in its directory.
        .env_remove("GALEN_VAULT_KEYS")
        // Providers and payers that are played, and do not take their time.
        .envs(PLAYED)
        .args([
            "--listen",
            &options.listen.to_string(),
            "--ops-listen",
            &options.ops_listen.to_string(),
        ])
        // The demo is one address that works for a whole hospital.
        .args(["--limits", "off"])
        .stdin(Stdio::null())
        .stdout(File::create(&ready)?)
        .stderr(
            File::options()
                .create(true)
                .append(true)
                .open(log_file(&options.data_dir))?,
        )
        .process_group(0)
        .spawn()?;
    fs::write(pid_file(&options.data_dir), child.id().to_string())?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(base) = address(&ready) {
            return Ok(base);
        }
        if let Some(status) = child.try_wait()? {
            let log = fs::read_to_string(log_file(&options.data_dir)).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(5).collect();
            return Err(format!(
                "the hospital did not start ({status}): {}",
                tail.into_iter().rev().collect::<Vec<_>>().join(" / ")
            )
            .into());
        }
        if Instant::now() > deadline {
            return Err(format!(
                "the hospital is not ready after {} s; see {}",
                PATIENCE.as_secs(),
                log_file(&options.data_dir).display()
            )
            .into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn address(ready: &Path) -> Option<String> {
    let text = fs::read_to_string(ready).ok()?;
    let (line, _) = text.split_once('\n')?;
    line.strip_prefix("ready on ")
        .map(|base| base.trim().to_owned())
}

/// The administrator's password: given, or made at the first start.
///
/// # Errors
/// When there is none to be found.
pub(crate) fn admin_password(data_dir: &Path) -> Result<String, Box<dyn std::error::Error>> {
    if let Ok(given) = std::env::var("GALEN_ADMIN_PASSWORD") {
        return Ok(given);
    }
    let path = data_dir.join("identity/admin-password");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(text.trim().to_owned())
}

/// Stops what a demo left running.
///
/// # Errors
/// When it does not stop.
pub(crate) fn stop(data_dir: &Path) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let Some(pid) = left_running(data_dir) else {
        println!("no demo hospital runs in {}", data_dir.display());
        return Ok(ExitCode::SUCCESS);
    };
    Command::new("kill")
        .args(["-TERM", &pid.to_string()])
        .status()?;
    let deadline = Instant::now() + Duration::from_secs(30);
    while left_running(data_dir).is_some() {
        if Instant::now() > deadline {
            return Err(format!("process {pid} does not stop").into());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    fs::remove_file(pid_file(data_dir))?;
    println!("stopped");
    Ok(ExitCode::SUCCESS)
}
