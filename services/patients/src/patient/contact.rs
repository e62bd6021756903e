//! Electronic mail addresses and telephone numbers.

use std::str::FromStr;

use unicode_normalization::UnicodeNormalization as _;

/// A telephone number. Personal: has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Phone {
    number: String,
}

/// Not a telephone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a telephone number of 3 to 20 digits")]
pub struct PhoneError;

/// The country calling code that numbers without one belong to (ITU-T E.164).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallingCode(String);

/// Not a country calling code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one to three digits that do not begin with 0")]
pub struct CallingCodeError;

impl FromStr for CallingCode {
    type Err = CallingCodeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix('+').unwrap_or(text);
        if (1..=3).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.starts_with('0')
        {
            Ok(Self(digits.to_owned()))
        } else {
            Err(CallingCodeError)
        }
    }
}

/// Last digits that two spellings of a number share, whatever precedes them.
const COMPARED_DIGITS: usize = 8;

impl Phone {
    /// Reads a number and writes it as E.164 when it names its country or the
    /// hospital's country is known; otherwise keeps it as it was given.
    ///
    /// # Errors
    /// When it is not a telephone number.
    pub fn parse(text: &str, home: Option<&CallingCode>) -> Result<Self, PhoneError> {
        let short = text.chars().count() <= 40;
        let text = text.trim();
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let spelled = short
            && text.chars().all(|c| {
                c.is_ascii_digit() || matches!(c, '+' | '(' | ')' | '.' | '/' | ' ' | '-')
            });
        if !spelled || !(3..=20).contains(&digits.len()) {
            return Err(PhoneError);
        }
        let international = if text.starts_with('+') {
            Some(digits.clone())
        } else {
            digits.strip_prefix("00").map(str::to_owned)
        };
        let international = international.or_else(|| home.map(|code| at_home(&digits, code)));
        let number = international
            .filter(|digits| (7..=15).contains(&digits.len()) && !digits.starts_with('0'))
            .map_or_else(|| text.to_owned(), |digits| format!("+{digits}"));
        Ok(Self { number })
    }

    /// A number as it was stored.
    #[must_use]
    pub const fn stored(number: String) -> Self {
        Self { number }
    }

    /// The number to call.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.number
    }

    /// What two spellings of one number have in common.
    #[must_use]
    pub fn key(&self) -> String {
        let digits: String = self.number.chars().filter(char::is_ascii_digit).collect();
        let significant = digits.trim_start_matches('0');
        let from = significant.len().saturating_sub(COMPARED_DIGITS);
        if significant.is_empty() {
            digits
        } else {
            significant[from..].to_owned()
        }
    }
}

/// A number dialled inside a country, with its trunk prefix taken off: 0 in most of
/// the world, 1 in the North American plan.
fn at_home(digits: &str, code: &CallingCode) -> String {
    let national = if code.0 == "1" && digits.len() == 11 {
        digits.strip_prefix('1')
    } else {
        digits.strip_prefix('0')
    };
    format!("{}{}", code.0, national.unwrap_or(digits))
}

/// An electronic mail address. Personal: has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Email {
    address: String,
}

/// Not an electronic mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an electronic mail address")]
pub struct EmailError;

impl FromStr for Email {
    type Err = EmailError;

    /// Checks the shape only: a dot-atom, which may hold letters of any script
    /// (RFC 5321, RFC 6531), `@`, and a domain of at least two labels.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@').ok_or(EmailError)?;
        let local_fits = (1..=64).contains(&local.chars().count())
            && local
                .split('.')
                .all(|atom| !atom.is_empty() && atom.chars().all(is_atom));
        let domain_fits = domain.contains('.') && domain.split('.').all(is_label);
        if local_fits && domain_fits && text.chars().count() <= 254 {
            Ok(Self {
                address: text.to_owned(),
            })
        } else {
            Err(EmailError)
        }
    }
}

const fn is_atom(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || matches!(
            c,
            '!' | '#'
                | '$'
                | '%'
                | '&'
                | '\''
                | '*'
                | '+'
                | '-'
                | '/'
                | '='
                | '?'
                | '^'
                | '_'
                | '`'
                | '{'
                | '|'
                | '}'
                | '~'
        )
        || ('\u{a0}' < c && !c.is_whitespace())
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.chars().count())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.chars().all(|c| {
            c.is_ascii_alphanumeric()
                || c == '-'
                || (!c.is_ascii() && c.is_alphanumeric())
                || unicode_normalization::char::is_combining_mark(c)
        })
}

impl Email {
    /// An address as it was stored.
    #[must_use]
    pub const fn stored(address: String) -> Self {
        Self { address }
    }

    /// The address to write to.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.address
    }

    /// What two spellings of one address have in common. The local part is compared
    /// without case as well: no provider in use tells addresses apart by it.
    #[must_use]
    pub fn key(&self) -> String {
        self.address.nfc().flat_map(char::to_lowercase).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str, home: Option<&str>) -> Option<String> {
        let home: Option<CallingCode> = home.map(|code| code.parse().expect("a calling code"));
        Phone::parse(text, home.as_ref())
            .ok()
            .map(|phone| phone.as_str().to_owned())
    }

    #[test]
    fn numbers_become_e164_where_the_country_is_known() {
        for (text, home, expected) in [
            ("+49 (30) 123-456", None, "+4930123456"),
            ("0049 30 123456", None, "+4930123456"),
            ("030 123456", Some("49"), "+4930123456"),
            ("555-837-6832", Some("1"), "+15558376832"),
            ("1-555-837-6832", Some("1"), "+15558376832"),
            ("555-837-6832", None, "555-837-6832"),
            ("112", Some("49"), "112"),
        ] {
            assert_eq!(number(text, home).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_number_is_refused() {
        for text in [
            "",
            "12",
            "call me",
            "555\0837",
            "123456789012345678901",
            "٠٣٠١٢٣٤٥٦",
        ] {
            assert_eq!(number(text, Some("49")), None, "{text}");
        }
    }

    #[test]
    fn spellings_of_one_number_have_one_key() {
        let key = |text: &str| Phone::parse(text, None).ok().map(|phone| phone.key());
        assert_eq!(key("+49 30 12345678"), key("030/12345678"));
        assert_eq!(key("555-837-6832"), key("+1 (555) 837 6832"));
        assert_ne!(key("555-837-6832"), key("555-837-6833"));
    }

    #[test]
    fn addresses_with_letters_of_any_script_are_accepted() {
        for text in [
            "agustín.vallejo407@example.com",
            "o'neil+x@a.b-c.org",
            "用户@例子.广告",
            "A.B@EXAMPLE.COM",
            "#!$%&'*+-/=?^_`{}|~@a.co",
        ] {
            assert!(text.parse::<Email>().is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        for text in [
            "",
            "@",
            "a@",
            "@b.c",
            "a@b",
            "a b@c.d",
            "a@b..c",
            ".a@b.c",
            "a.@b.c",
            "a@-b.c",
            "a\0@b.c",
            "a@b.c\r\nBcc: d@e.f",
            "a\u{2003}b@c.d",
            "a@b@c",
        ] {
            assert!(text.parse::<Email>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_normalised_number_stays_as_it_is(text in "[+]?[0-9()./ -]{3,30}", home in proptest::option::of("[1-9][0-9]{0,2}")) {
            if let Some(once) = number(&text, home.as_deref()).filter(|once| once.starts_with('+')) {
                prop_assert_eq!(number(&once, home.as_deref()), Some(once));
            }
        }

        #[test]
        fn any_text_is_an_address_or_refused(text in any::<String>()) {
            if let Ok(email) = text.parse::<Email>() {
                prop_assert!(!email.as_str().contains(char::is_whitespace) && email.as_str().contains('@'));
            }
        }
    }
}
