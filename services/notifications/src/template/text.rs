//! The small language of texts: words, and `{{name}}` for a known variable.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What a text can mention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Variable {
    /// The patient's full name.
    PatientName,
    /// The practitioner's full name.
    PractitionerName,
    /// Day of the appointment, in the hospital's zone.
    Date,
    /// When the appointment begins.
    Time,
    /// When the appointment ends.
    EndTime,
    /// What the appointment is for.
    ServiceType,
    /// Day an offer ends.
    OfferDate,
    /// Time an offer ends.
    OfferTime,
    /// The login name.
    Username,
    /// The secret link to set a password or to log in.
    Link,
    /// The hospital's name.
    Hospital,
}

impl Variable {
    /// Every variable.
    pub const ALL: &[Self] = &[
        Self::PatientName,
        Self::PractitionerName,
        Self::Date,
        Self::Time,
        Self::EndTime,
        Self::ServiceType,
        Self::OfferDate,
        Self::OfferTime,
        Self::Username,
        Self::Link,
        Self::Hospital,
    ];

    /// As written between the braces.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PatientName => "patientName",
            Self::PractitionerName => "practitionerName",
            Self::Date => "date",
            Self::Time => "time",
            Self::EndTime => "endTime",
            Self::ServiceType => "serviceType",
            Self::OfferDate => "offerDate",
            Self::OfferTime => "offerTime",
            Self::Username => "username",
            Self::Link => "link",
            Self::Hospital => "hospital",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|v| v.name() == name)
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the variables stand for in one message.
pub type Values = BTreeMap<Variable, String>;

/// Why a text is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// `{{` without its `}}`.
    #[error("has \"{{{{\" without \"}}}}\"")]
    Unclosed,
    /// `}}` without its `{{`.
    #[error("has \"}}}}\" without \"{{{{\"")]
    Unopened,
    /// Not a variable at all.
    #[error("mentions \"{0}\", which is not a variable")]
    Unknown(String),
}

/// A text, ready to be filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Words(String),
    Variable(Variable),
}

impl Text {
    /// Reads a text.
    ///
    /// # Errors
    /// [`TextError`].
    pub fn parse(source: &str) -> Result<Self, TextError> {
        let mut parts = Vec::new();
        let mut rest = source;
        while let Some((words, after)) = rest.split_once("{{") {
            words_only(words, &mut parts)?;
            let (name, after) = after.split_once("}}").ok_or(TextError::Unclosed)?;
            let name = name.trim();
            let variable = Variable::named(name)
                .ok_or_else(|| TextError::Unknown(name.chars().take(40).collect()))?;
            parts.push(Part::Variable(variable));
            rest = after;
        }
        words_only(rest, &mut parts)?;
        Ok(Self { parts })
    }

    /// The variables it mentions.
    #[must_use]
    pub fn variables(&self) -> BTreeSet<Variable> {
        self.parts
            .iter()
            .filter_map(|part| match part {
                Part::Variable(variable) => Some(*variable),
                Part::Words(_) => None,
            })
            .collect()
    }

    /// Fills it in. Values are taken as they are and never read as text again, so a
    /// name that looks like a variable stays a name; control characters, which
    /// could start a header of a mail, become spaces.
    ///
    /// # Errors
    /// The mentioned variable that has no value.
    pub fn render(&self, values: &Values) -> Result<String, Variable> {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Words(words) => out.push_str(words),
                Part::Variable(variable) => {
                    let value = values.get(variable).ok_or(*variable)?;
                    out.extend(value.chars().map(|c| if c.is_control() { ' ' } else { c }));
                }
            }
        }
        Ok(out)
    }
}

fn words_only(words: &str, parts: &mut Vec<Part>) -> Result<(), TextError> {
    if words.contains("}}") {
        return Err(TextError::Unopened);
    }
    if !words.is_empty() {
        parts.push(Part::Words(words.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(value: &str) -> Values {
        Variable::ALL
            .iter()
            .map(|v| (*v, value.to_owned()))
            .collect()
    }

    fn parse(source: &str) -> Text {
        Text::parse(source).unwrap_or_else(|e| panic!("{source}: {e}"))
    }

    #[test]
    fn variables_are_filled_in() {
        let text = parse("Dear {{patientName}}, see you at {{ time }}.");
        let values = Values::from([
            (Variable::PatientName, "Ada".to_owned()),
            (Variable::Time, "14:30".to_owned()),
        ]);
        assert_eq!(
            text.render(&values).as_deref(),
            Ok("Dear Ada, see you at 14:30.")
        );
    }

    #[test]
    fn what_is_not_a_text_is_refused_with_its_reason() {
        assert_eq!(
            Text::parse("{{patientname}}"),
            Err(TextError::Unknown("patientname".into()))
        );
        assert_eq!(Text::parse("{{date"), Err(TextError::Unclosed));
        assert_eq!(Text::parse("date}}"), Err(TextError::Unopened));
        assert_eq!(Text::parse("{{}}"), Err(TextError::Unknown(String::new())));
        assert_eq!(TextError::Unclosed.to_string(), "has \"{{\" without \"}}\"");
    }

    #[test]
    fn a_missing_value_is_named_instead_of_left_out() {
        assert_eq!(
            parse("{{link}}").render(&Values::new()),
            Err(Variable::Link)
        );
    }

    #[test]
    fn a_value_cannot_start_a_line() {
        let rendered = parse("{{patientName}}").render(&all("Ada\r\nBcc: eve@example.org"));
        assert_eq!(rendered.as_deref(), Ok("Ada  Bcc: eve@example.org"));
    }

    proptest! {
        #[test]
        fn no_source_panics(source in ".*") {
            let _ = Text::parse(&source);
        }

        #[test]
        fn words_without_braces_stay_as_they_are(source in "[^{}]*") {
            prop_assert_eq!(parse(&source).render(&Values::new()), Ok(source));
        }

        #[test]
        fn a_value_is_never_read_as_text(value in "[^\\p{Cc}]*", at in 0..Variable::ALL.len()) {
            let source = format!("<{{{{{}}}}}>", Variable::ALL[at]);
            prop_assert_eq!(parse(&source).render(&all(&value)), Ok(format!("<{value}>")));
            let nested = format!("{{{{link}}}}{value}");
            prop_assert_eq!(parse(&source).render(&all(&nested)), Ok(format!("<{nested}>")));
        }

        #[test]
        fn exactly_the_mentioned_variables_are_needed(mentioned in proptest::sample::subsequence(Variable::ALL, 0..=Variable::ALL.len())) {
            let source: String = mentioned.iter().map(|v| format!("a {{{{{v}}}}} b")).collect();
            let text = parse(&source);
            let wanted: BTreeSet<_> = mentioned.iter().copied().collect();
            prop_assert_eq!(&text.variables(), &wanted);
            let values: Values = wanted.iter().map(|v| (*v, "x".to_owned())).collect();
            prop_assert!(text.render(&values).is_ok());
        }
    }
}
