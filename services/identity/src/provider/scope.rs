//! What a client asks to know or to do: pure rules.

use std::collections::BTreeSet;
use std::fmt;

/// One thing (OpenID Connect Core sections 5.4 and 11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// Who somebody is: an id token.
    OpenId,
    /// Their login name.
    Profile,
    /// Their address.
    Email,
    /// To go on when they have left: a refresh token.
    OfflineAccess,
    /// To act for them through the API, for clients that may.
    Galen,
}

impl Scope {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [
        Self::OpenId,
        Self::Profile,
        Self::Email,
        Self::OfflineAccess,
        Self::Galen,
    ];

    /// On the wire.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::OpenId => "openid",
            Self::Profile => "profile",
            Self::Email => "email",
            Self::OfflineAccess => "offline_access",
            Self::Galen => "galen",
        }
    }
}

/// Several of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Scopes(BTreeSet<Scope>);

impl Scopes {
    /// Reads a list with spaces between. Names that are not known do not matter.
    pub(crate) fn parse(list: &str) -> Self {
        Self::of(list.split(' '))
    }

    /// Those of these names.
    pub(crate) fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let known = names
            .into_iter()
            .filter_map(|name| Scope::ALL.into_iter().find(|scope| scope.name() == name));
        Self(known.collect())
    }

    /// Whether one is among them.
    pub(crate) fn contains(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all are among the others.
    pub(crate) fn is_within(&self, others: &Self) -> bool {
        self.0.is_subset(&others.0)
    }

    /// Their names.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|scope| scope.name()).collect()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_as_they_are_written() {
        let read = Scopes::parse("email openid  unheard-of openid");
        assert_eq!(read.to_string(), "openid email");
        assert_eq!(Scopes::parse(&read.to_string()), read);
        assert!(read.contains(Scope::Email) && !read.contains(Scope::Galen));
        assert!(Scopes::parse("OPENID").is_empty());
        assert!(
            Scopes::parse("openid").is_within(&read) && !read.is_within(&Scopes::parse("openid"))
        );
        for scope in Scope::ALL {
            assert!(Scopes::parse(scope.name()).contains(scope));
        }
    }
}
