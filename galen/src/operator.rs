//! Whoever works at the command line of the hospital's machine: no account of the
//! hospital, but what they change or look into is in its audit log like that of
//! everybody else.

use std::error::Error;

use galen_kernel::Clock;
use galen_service::audit::{Actor, Entry, Kind, Recorder};
use galen_storage::Databases;

/// Writes down that a command is about to be run, durably: what cannot be written
/// down is not run. How it ended is on the screen of whoever ran it, and in the
/// tables that it changed.
///
/// # Errors
/// When the log cannot be written.
pub(crate) async fn announce(
    databases: &Databases,
    command: &str,
    subject: Option<(&str, &str)>,
) -> Result<(), Box<dyn Error>> {
    let log = Recorder::to_log(databases.open_events(1).await?);
    log.record(entry(command, subject)).await.map_err(|error| {
        let cause = error
            .cause
            .map_or_else(|| error.title.to_owned(), |cause| cause.to_string());
        format!("nothing was done, for it cannot be written into the audit log: {cause}").into()
    })
}

fn entry(command: &str, subject: Option<(&str, &str)>) -> Entry {
    Entry {
        id: Clock::system().uuid(),
        kind: Kind::Admin,
        actor: Actor::Service("command line".to_owned()),
        session: None,
        roles: Vec::new(),
        action: command.to_owned(),
        permission: None,
        subject_kind: subject.map(|(kind, _)| kind.to_owned()),
        subject: subject.map(|(_, id)| id.to_owned()),
        patients: Vec::new(),
        status: 202,
        reason: Some(format!(
            "user {} of the machine",
            rustix::process::getuid().as_raw()
        )),
        address: None,
        trace_id: None,
        request_id: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_and_which_user_of_the_machine() {
        let entry = entry("galen events discard", Some(("dead-letters", "7")));
        assert_eq!(entry.kind, Kind::Admin);
        assert_eq!(entry.actor, Actor::Service("command line".to_owned()));
        assert_eq!(entry.subject.as_deref(), Some("7"));
        let reason = entry.reason.expect("it names the user");
        assert!(
            reason.ends_with("of the machine") && reason.len() <= 128,
            "{reason}"
        );
    }
}
