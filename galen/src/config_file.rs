//! Options of `galen up` from a file: below the environment, above the defaults.

use std::collections::BTreeMap;
use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches as _, Parser as _};
use galen_service::config::options_in;

use crate::cli::{Cli, Command, Up};

/// Where the file itself is named.
const CONFIG: &str = "config";

/// Parses the command line. When it names a configuration file, the keys of the file
/// that stand outside of tables take the place of the defaults.
///
/// # Errors
/// Wrong usage, with what to print; also a file that cannot be read, a key that is no
/// option and a value that does not suit its option.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let cli = read(args)?;
    if let Command::Up(up) = &cli.command {
        agree(up)
            .map_err(|reason| Cli::command().error(ErrorKind::MissingRequiredArgument, reason))?;
    }
    Ok(cli)
}

/// What belongs together, wherever each part of it comes from.
fn agree(up: &Up) -> Result<(), &'static str> {
    if up.tls_cert.is_some() != up.tls_key.is_some() {
        return Err("--tls-cert and --tls-key belong together");
    }
    if up.http_redirect_listen.is_some() && up.tls_cert.is_none() {
        return Err("--http-redirect-listen needs --tls-cert and --tls-key");
    }
    Ok(())
}

fn read(args: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let args: Vec<_> = args.into_iter().collect();
    let cli = Cli::try_parse_from(&args)?;
    let Command::Up(Up {
        config: Some(path), ..
    }) = &cli.command
    else {
        return Ok(cli);
    };
    let mut command = Cli::command();
    let refused = |reason: String| Cli::command().error(ErrorKind::ValueValidation, reason);
    let options = options_in(path).map_err(|error| refused(error.to_string()))?;
    command = with_defaults(command, options)
        .map_err(|key| refused(format!("{key} is not an option of galen up")))?;
    Cli::from_arg_matches(&command.try_get_matches_from(args)?)
}

/// Puts values in the place of the defaults of `galen up`; else the key that is no
/// option of it.
fn with_defaults(
    mut command: clap::Command,
    options: BTreeMap<String, String>,
) -> Result<clap::Command, String> {
    for (key, value) in options {
        let known = command.find_subcommand("up").is_some_and(|up| {
            up.get_arguments()
                .any(|argument| argument.get_id() == key.as_str() && key != CONFIG)
        });
        if !known {
            return Err(key);
        }
        command = command.mut_subcommand("up", |up| {
            up.mut_arg(&key, |argument| argument.default_value(value))
        });
    }
    Ok(command)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn up(file: &str, flags: &[&str]) -> Result<Up, clap::Error> {
        let mut config = tempfile::NamedTempFile::new().expect("a file");
        config.write_all(file.as_bytes()).expect("written");
        let mut args: Vec<OsString> = ["galen", "up", "--config"].map(OsString::from).into();
        args.push(config.path().into());
        args.extend(flags.iter().map(OsString::from));
        match parse(args)?.command {
            Command::Up(options) => Ok(options),
            other => panic!("{other:?} is not up"),
        }
    }

    #[test]
    fn a_key_of_the_file_is_a_default_and_a_flag_wins() {
        let file = "listen = \"127.0.0.1:81\"\ndrain_seconds = 3\n[gateway]\nlimits = \"off\"";
        let options = up(file, &["--drain-seconds", "4"]).expect("right");
        assert_eq!(options.listen.to_string(), "127.0.0.1:81");
        assert_eq!(options.drain_seconds, 4);
        assert_eq!(options.ops_listen.to_string(), "127.0.0.1:9090");
    }

    /// A value for each option that a file may set, and how the option shows it.
    const VALUES: &[(&str, &str)] = &[
        ("data_dir", "/srv/galen"),
        ("database_url", "postgres://db.example/galen"),
        ("postgres_bin", "/opt/postgres"),
        ("listen", "127.0.0.1:81"),
        ("tls_cert", "/etc/galen/chain.pem"),
        ("tls_key", "/etc/galen/key.pem"),
        ("http_redirect_listen", "127.0.0.1:80"),
        ("connections_per_address", "77"),
        ("ops_listen", "127.0.0.1:82"),
        ("limits", "off"),
        ("zone", "Europe/Vienna"),
        ("admin_username", "root"),
        ("admin_password", "correct horse"),
        ("pool", "5"),
        ("drain_seconds", "3"),
        ("log_format", "json"),
        ("log", "debug"),
        ("otlp_endpoint", "http://otlp.example"),
        ("vault_keys", "/etc/galen/vault-keys"),
    ];

    #[test]
    fn every_option_can_stand_in_the_file() {
        let mut command = Cli::command();
        command.build();
        let options = command
            .find_subcommand("up")
            .expect("a command")
            .get_arguments();
        let mut options: Vec<_> = options.map(|option| option.get_id().as_str()).collect();
        options.retain(|id| !["config", "help", "version"].contains(id));
        options.sort_unstable();
        let mut known: Vec<_> = VALUES.iter().map(|(key, _)| *key).collect();
        known.sort_unstable();
        assert_eq!(options, known);

        let file: String = VALUES
            .iter()
            .map(|(key, value)| format!("{key} = \"{value}\"\n"))
            .collect();
        let set = format!("{:?}", up(&file, &[]).expect("right")).to_lowercase();
        for (key, value) in VALUES {
            let secret = ["database_url", "admin_password"].contains(key);
            let shown = if secret { "secret" } else { value };
            let found = set.split(&format!("{key}: ")).nth(1).unwrap_or_default();
            let found = found.split(", ").next().unwrap_or_default();
            assert!(found.contains(&shown.to_lowercase()), "{key}: {found}");
        }
    }

    #[test]
    fn tls_is_asked_for_in_whole_or_not_at_all() {
        for (file, flags) in [
            ("tls_cert = \"c\"", &[][..]),
            ("tls_key = \"k\"", &[]),
            ("", &["--tls-cert", "c"]),
            ("", &["--http-redirect-listen", "127.0.0.1:80"]),
            ("http_redirect_listen = \"127.0.0.1:80\"", &[]),
        ] {
            assert!(up(file, flags).is_err(), "{file} {flags:?}");
        }
        let both = up("tls_cert = \"c\"", &["--tls-key", "k"]).expect("one of each");
        assert!(both.tls_cert.is_some() && both.tls_key.is_some());
    }

    #[test]
    fn what_is_wrong_in_the_file_is_named() {
        for (file, named) in [
            ("listn = \"127.0.0.1:81\"", "listn is not an option"),
            ("config = \"other.toml\"", "config is not an option"),
            ("listen = \"nowhere\"", "--listen"),
            ("limits = \"perhaps\"", "--limits"),
            ("listen", "line 1"),
        ] {
            let error = up(file, &[]).expect_err(file).to_string();
            assert!(error.contains(named), "{file}: {error}");
        }
    }
}
