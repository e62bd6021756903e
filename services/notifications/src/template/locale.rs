//! Languages of texts, and in which order they are looked for.

use std::fmt;
use std::str::FromStr;

/// A language with an optional country, as in BCP 47: `de`, `es-MX`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Locale(String);

/// Not a language that texts can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a language such as \"de\", with an optional country such as \"es-MX\"")]
pub struct NotALocale;

impl Locale {
    /// The language every text exists in.
    #[must_use]
    pub fn english() -> Self {
        Self("en".to_owned())
    }

    /// The written form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The language without the country.
    #[must_use]
    pub fn language(&self) -> &str {
        self.0.split('-').next().unwrap_or(&self.0)
    }

    /// Reads any BCP 47 tag as far as texts care: the language, and the country
    /// where there is one. `None` when it does not begin with a language.
    #[must_use]
    pub fn of_tag(tag: &str) -> Option<Self> {
        let mut parts = tag.split(['-', '_']);
        let language = parts.next()?.to_ascii_lowercase();
        let country = parts.find(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_alphabetic()));
        match country {
            Some(country) => format!("{language}-{}", country.to_ascii_uppercase())
                .parse()
                .ok(),
            None => language.parse().ok(),
        }
    }

    /// Where to look for a text, best first: each wish, then its language, then English.
    #[must_use]
    pub fn chain<'a>(wishes: impl IntoIterator<Item = &'a Self>) -> Vec<Self> {
        let mut chain = Vec::new();
        let mut add = |locale: Self| {
            if !chain.contains(&locale) {
                chain.push(locale);
            }
        };
        for wish in wishes {
            add(wish.clone());
            add(Self(wish.language().to_owned()));
        }
        add(Self::english());
        chain
    }
}

impl FromStr for Locale {
    type Err = NotALocale;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let (language, country) = match s.split_once('-') {
            Some((language, country)) => (language, Some(country)),
            None => (s, None),
        };
        let language_fits =
            (2..=3).contains(&language.len()) && language.bytes().all(|b| b.is_ascii_lowercase());
        let country_fits =
            country.is_none_or(|c| c.len() == 2 && c.bytes().all(|b| b.is_ascii_uppercase()));
        if language_fits && country_fits {
            Ok(Self(s.to_owned()))
        } else {
            Err(NotALocale)
        }
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn locale(text: &str) -> Locale {
        text.parse().expect("a locale")
    }

    #[test]
    fn a_tag_is_read_as_far_as_texts_care() {
        let read = |tag| Locale::of_tag(tag).map(|l| l.to_string());
        assert_eq!(read("de").as_deref(), Some("de"));
        assert_eq!(read("DE-at").as_deref(), Some("de-AT"));
        assert_eq!(read("zh-Hans-CN").as_deref(), Some("zh-CN"));
        assert_eq!(read("pt_BR").as_deref(), Some("pt-BR"));
        assert_eq!(read(""), None);
        assert_eq!(read("deutsch"), None);
    }

    #[test]
    fn the_country_is_tried_before_the_language_and_english_comes_last() {
        let chain = Locale::chain([&locale("es-MX"), &locale("tr")]);
        let chain: Vec<_> = chain.iter().map(Locale::as_str).collect();
        assert_eq!(chain, ["es-MX", "es", "tr", "en"]);
        assert_eq!(Locale::chain([&locale("en")]), [Locale::english()]);
    }

    proptest! {
        #[test]
        fn what_a_tag_gives_is_a_locale(tag in "\\PC{0,12}|[a-zA-Z]{2,3}([-_][a-zA-Z]{2,4}){0,2}") {
            if let Some(found) = Locale::of_tag(&tag) {
                prop_assert_eq!(found.as_str().parse::<Locale>(), Ok(found));
            }
        }
    }
}
