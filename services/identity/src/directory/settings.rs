//! The settings of the directory.

use galen_service::{Config, ConfigError, Setting};
use openidconnect::{ClientId, IssuerUrl, RedirectUrl};
use secrecy::SecretString;

use super::model::Mapping;

const ISSUER: &str = "identity.directory.issuer";
const CLIENT_ID: &str = "identity.directory.client_id";
const CLIENT_SECRET: &str = "identity.directory.client_secret";
const NAME: &str = "identity.directory.name";
const SCOPES: &str = "identity.directory.scopes";
const GROUPS_CLAIM: &str = "identity.directory.groups_claim";
const ROLES: &str = "identity.directory.roles";
const PROVISION: &str = "identity.directory.provision";

/// The page of the console that the directory leads back to.
const PAGE: &str = "directory-login";

/// What can be set.
pub(crate) const SETTINGS: &[Setting] = &[
    Setting {
        key: ISSUER,
        doc: "issuer of the OpenID Connect provider that people may log in through; none",
        secret: false,
    },
    Setting {
        key: CLIENT_ID,
        doc: "what it calls this hospital; needed with an issuer",
        secret: false,
    },
    Setting {
        key: CLIENT_SECRET,
        doc: "what this hospital shows it; none for a public client",
        secret: true,
    },
    Setting {
        key: NAME,
        doc: "its name on the login page; Directory",
        secret: false,
    },
    Setting {
        key: SCOPES,
        doc: "scopes beside openid, separated by spaces; profile",
        secret: false,
    },
    Setting {
        key: GROUPS_CLAIM,
        doc: "claim of its ID tokens that lists somebody's groups; groups",
        secret: false,
    },
    Setting {
        key: ROLES,
        doc: "which group gives which role: group=ROLE, separated by semicolons; none",
        secret: false,
    },
    Setting {
        key: PROVISION,
        doc: "whether who has a role by their groups gets an account at their first login; false",
        secret: false,
    },
];

/// What was set.
pub(super) struct Settings {
    pub(super) issuer: IssuerUrl,
    pub(super) client_id: ClientId,
    pub(super) client_secret: Option<SecretString>,
    pub(super) redirect_url: RedirectUrl,
    pub(super) name: String,
    pub(super) scopes: Vec<String>,
    pub(super) groups_claim: String,
    pub(super) mapping: Mapping,
    pub(super) provision: bool,
}

/// Reads the settings; `None` without an issuer.
pub(super) fn read(config: &Config, public_url: &str) -> Result<Option<Settings>, ConfigError> {
    let client_secret = config.secret(CLIENT_SECRET)?;
    let name = config.get_or(NAME, "Directory".to_owned())?;
    let scopes = config.get_or(SCOPES, "profile".to_owned())?;
    let groups_claim = config.get_or(GROUPS_CLAIM, "groups".to_owned())?;
    let roles = config.get_or(ROLES, String::new())?;
    let mapping = Mapping::parse(&roles).map_err(|e| invalid(ROLES, e.to_string()))?;
    let provision = config.get_or(PROVISION, false)?;
    let Some(issuer) = config.get::<String>(ISSUER)? else {
        return Ok(None);
    };
    let client_id = ClientId::new(config.require(CLIENT_ID)?);
    if provision && mapping.is_empty() {
        let reason = format!("grants nobody an account without {ROLES}");
        return Err(invalid(PROVISION, reason));
    }
    let issuer = IssuerUrl::new(issuer).map_err(|_| invalid(ISSUER, "must be an address"))?;
    if !is_safe(issuer.url()) {
        let reason = "must begin with https://, or with http:// and an address of this machine";
        return Err(invalid(ISSUER, reason));
    }
    let redirect_url = RedirectUrl::new(format!("{public_url}/{PAGE}"))
        .map_err(|_| invalid(crate::PUBLIC_URL, "must be an address"))?;
    Ok(Some(Settings {
        issuer,
        client_id,
        client_secret,
        redirect_url,
        name,
        scopes: scopes.split_whitespace().map(str::to_owned).collect(),
        groups_claim,
        mapping,
        provision,
    }))
}

/// Whether nobody on the way can read along: TLS, or no way at all.
pub(super) fn is_safe(address: &openidconnect::url::Url) -> bool {
    use openidconnect::url::Host;
    match address.scheme() {
        "https" => true,
        "http" => match address.host() {
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        },
        _ => false,
    }
}

fn invalid(key: &str, reason: impl Into<String>) -> ConfigError {
    ConfigError::Invalid {
        key: key.to_owned(),
        reason: reason.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn read_from(settings: &[(&str, &str)]) -> Result<Option<Settings>, String> {
        let values: BTreeMap<_, _> = settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        read(&Config::from_values(values), "https://galen.example.org").map_err(|e| e.to_string())
    }

    #[test]
    fn without_an_issuer_there_is_no_directory() {
        assert!(read_from(&[(CLIENT_ID, "galen")]).is_ok_and(|read| read.is_none()));
    }

    #[test]
    fn people_come_back_to_the_console() {
        let settings = read_from(&[(ISSUER, "https://id.example.org"), (CLIENT_ID, "galen")]);
        let settings = settings.expect("good settings").expect("a directory");
        assert_eq!(
            settings.redirect_url.as_str(),
            "https://galen.example.org/directory-login"
        );
        assert_eq!(settings.scopes, ["profile"]);
        assert!(!settings.provision);
    }

    #[test]
    fn a_wrong_setting_is_named() {
        let issuer = (ISSUER, "https://id.example.org");
        for (settings, named) in [
            (vec![issuer], CLIENT_ID),
            (vec![(ISSUER, "id"), (CLIENT_ID, "galen")], ISSUER),
            (
                vec![(ISSUER, "http://id.example.org"), (CLIENT_ID, "galen")],
                ISSUER,
            ),
            (
                vec![(ISSUER, "ldap://127.0.0.1"), (CLIENT_ID, "galen")],
                ISSUER,
            ),
            (
                vec![issuer, (CLIENT_ID, "galen"), (ROLES, "doctors")],
                ROLES,
            ),
            (
                vec![issuer, (CLIENT_ID, "galen"), (ROLES, "everybody=PATIENT")],
                ROLES,
            ),
            (
                vec![issuer, (CLIENT_ID, "galen"), (PROVISION, "true")],
                PROVISION,
            ),
        ] {
            let reason = read_from(&settings).map(drop).expect_err(named);
            assert!(reason.contains(named), "{reason}");
        }
    }

    #[test]
    fn this_machine_needs_no_tls() {
        for (address, safe) in [
            ("https://id.example.org/realm", true),
            ("http://127.0.0.1:8080", true),
            ("http://[::1]:8080", true),
            ("http://localhost", true),
            ("http://localhost.example.org", false),
            ("http://10.0.0.1", false),
        ] {
            let address = IssuerUrl::new(address.to_owned()).expect("an address");
            assert_eq!(is_safe(address.url()), safe, "{}", address.as_str());
        }
    }
}
