//! Makes a new cluster: all of it or nothing.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::process::Stdio;

use super::layout::write_private;
use super::server::{Server, run};
use super::{ClusterError, DATABASE, SUPERUSER, io};

/// Runs `initdb` unless the cluster is there. The data directory appears under its
/// name only when it is complete, so that a start that was killed half-way is begun anew.
pub(super) fn initialise(server: &Server) -> Result<(), ClusterError> {
    let layout = &server.layout;
    if layout.data.join("PG_VERSION").exists() {
        return Ok(());
    }
    write_private(
        &layout.password_file,
        &hex::encode(rand::random::<[u8; 32]>()),
        server.account.as_ref(),
    )?;
    // C.UTF-8 classifies every letter and sorts by code point; systems without it have C.
    let mut made = init(server, "C.UTF-8");
    if made.is_err() {
        made = init(server, "C");
    }
    made?;
    create_database(server)?;
    fs::rename(&layout.unfinished, &layout.data)
        .map_err(io(format!("cannot rename {}", layout.unfinished.display())))?;
    let root =
        File::open(&layout.root).map_err(io(format!("cannot open {}", layout.root.display())))?;
    root.sync_all()
        .map_err(io(format!("cannot write {}", layout.root.display())))
}

fn init(server: &Server, locale: &str) -> Result<(), ClusterError> {
    let layout = &server.layout;
    match fs::remove_dir_all(&layout.unfinished) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            return Err(ClusterError::Io {
                what: format!("cannot remove {}", layout.unfinished.display()),
                source,
            });
        }
        _ => {}
    }
    let mut command = server.command("initdb");
    command
        .args([
            "--encoding=UTF8",
            "--auth-local=scram-sha-256",
            "--auth-host=reject",
            "--data-checksums",
        ])
        .arg(format!("--locale={locale}"))
        .arg(format!("--username={SUPERUSER}"))
        .arg(joined("--pwfile=", layout.password_file.as_os_str()))
        .arg(joined("--pgdata=", layout.unfinished.as_os_str()));
    // Synced when it is complete.
    command.arg("--no-sync");
    run("initdb", command)
}

/// The database itself, which nobody enters without a grant; nor do they enter the
/// two that every cluster has. The server is not up yet, so in single-user mode.
fn create_database(server: &Server) -> Result<(), ClusterError> {
    let mut command = server.command("postgres");
    command
        .args(["--single", "-j", "-D"])
        .arg(&server.layout.unfinished)
        .args([
            "-c",
            "fsync=off",
            "-c",
            "log_min_messages=error",
            "postgres",
        ]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(io("cannot run postgres"))?;
    let commands = format!(
        "create database {DATABASE};\n\n\
         revoke all on database {DATABASE} from public;\n\n\
         revoke all on database postgres from public;\n\n\
         revoke all on database template1 from public;\n\n"
    );
    let mut input = child.stdin.take().expect("stdin is piped");
    input
        .write_all(commands.as_bytes())
        .map_err(io("cannot speak to postgres"))?;
    drop(input);
    let output = child
        .wait_with_output()
        .map_err(io("cannot run postgres"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    // In single-user mode a failed command does not fail the process.
    if !output.status.success() || said.contains("ERROR:") {
        return Err(ClusterError::Tool {
            tool: "postgres",
            output: said.trim().to_owned(),
        });
    }
    if server.fsync {
        let mut command = server.command("initdb");
        command
            .arg("--sync-only")
            .arg(joined("--pgdata=", server.layout.unfinished.as_os_str()));
        run("initdb", command)?;
    }
    Ok(())
}

fn joined(option: &str, value: &std::ffi::OsStr) -> OsString {
    let mut argument = OsString::from(option);
    argument.push(value);
    argument
}
