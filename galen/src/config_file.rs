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
