//! Names as they are searched and compared: without accents, case and punctuation.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Characters of a folded name; what is longer is compared by its beginning.
const LONGEST: usize = 200;

/// Words of a search that are looked for.
const LONGEST_QUERY: usize = 6;

/// What a name of symbols alone folds to: it can be stored, and no search finds it.
const NAMELESS: &str = "?";

/// Folds a name: compatibility decomposition (Unicode NFKD), no marks, small letters,
/// no apostrophes, other punctuation as one blank. Letters that Unicode does not take
/// apart are spelled out (`ß` as `ss`, `ø` as `o`), and an `e` after `a`, `o` or `u` is
/// dropped, so that `Müller`, `Mueller` and `Muller` are one.
///
/// Folding goes from left to right, so the beginning of a name folds to the beginning
/// of the folded name: what makes searching by prefix possible.
#[must_use]
pub fn key(name: &str) -> String {
    let key = fold(name);
    if key.is_empty() {
        NAMELESS.to_owned()
    } else {
        key
    }
}

/// The words of a search, folded like the names they are to begin; the first few, if
/// there are more than names have.
#[must_use]
pub fn tokens(query: &str) -> Vec<String> {
    fold(query)
        .split(' ')
        .filter(|token| !token.is_empty())
        .take(LONGEST_QUERY)
        .map(str::to_owned)
        .collect()
}

/// The lengths of the beginnings that a name is found by. Longer ones tell names apart
/// that the search can tell apart itself; one letter would give away initials, and says
/// little to whoever searches.
const BEGINNINGS: [usize; 4] = [2, 3, 5, 8];

/// What folded names are found by: how their words begin, and words of one letter.
#[must_use]
pub fn beginnings<'a>(keys: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for word in keys.into_iter().flat_map(|key| key.split(' ')) {
        if word == NAMELESS {
            continue;
        }
        let letters: Vec<char> = word.chars().collect();
        if letters.len() == 1 {
            found.insert(word.to_owned());
        }
        for length in BEGINNINGS.into_iter().filter(|n| *n <= letters.len()) {
            found.insert(letters[..length].iter().collect());
        }
    }
    found
}

/// The beginnings that every name has which the words of a search begin. A word of one
/// letter finds names of one letter; beside longer words it only narrows down.
#[must_use]
pub fn sought(words: &[String]) -> BTreeSet<String> {
    let beginnings: BTreeSet<String> = words.iter().filter_map(|word| longest(word)).collect();
    if beginnings.is_empty() {
        return words.iter().cloned().collect();
    }
    beginnings
}

/// The longest beginning of a word that names are found by.
fn longest(word: &str) -> Option<String> {
    let letters: Vec<char> = word.chars().collect();
    let length = BEGINNINGS.into_iter().rfind(|n| *n <= letters.len())?;
    Some(letters[..length].iter().collect())
}

/// Whether every word of a search begins a word of the folded names.
#[must_use]
pub fn matches(words: &[String], keys: &[&str]) -> bool {
    words.iter().all(|word| {
        keys.iter()
            .flat_map(|key| key.split(' '))
            .any(|named| named.starts_with(word.as_str()))
    })
}

fn fold(text: &str) -> String {
    let letters = text
        .chars()
        // Once more behind the decomposition: it makes apostrophes of letters such as
        // `ŉ`, and a blank of some that stand for one.
        .filter(|c| !is_apostrophe(*c))
        .nfkd()
        .flat_map(char::to_lowercase)
        .filter(|c| !is_combining_mark(*c) && !is_apostrophe(*c));
    let mut folded = String::with_capacity(text.len());
    for letter in letters {
        match letter {
            'ß' => folded.push_str("ss"),
            'þ' => folded.push_str("th"),
            'æ' => folded.push('a'),
            'œ' | 'ø' => folded.push('o'),
            'đ' | 'ð' => folded.push('d'),
            'ł' => folded.push('l'),
            'ħ' => folded.push('h'),
            'ı' => folded.push('i'),
            'ς' => folded.push('σ'),
            'e' if folded.ends_with(['a', 'o', 'u']) => {}
            letter if letter.is_alphanumeric() => folded.push(letter),
            _ if folded.is_empty() || folded.ends_with(' ') => {}
            _ => folded.push(' '),
        }
    }
    let kept: String = folded.chars().take(LONGEST).collect();
    kept.trim_end().to_owned()
}

/// Apostrophes and the accents that stand in for them join what they separate:
/// `O'Connell` is one word.
const fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '`' | '´' | '‘' | '’' | 'ʼ' | 'ʹ' | '′')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_of_one_name_are_one() {
        for (spellings, folded) in [
            (["Müller", "MUELLER", "Mu\u{308}ller"], "muller"),
            (["O'Connell", "O’CONNELL", "OConnell"], "oconnell"),
            (["ŉDoer", "ʼnDoer", "\u{ff07}nDoer"], "ndor"),
            (["Weiß", "WEISS", "weiss"], "weiss"),
            (["Søren", "Soeren", "SÖREN"], "soren"),
            (["Agustín", "AGUSTIN", "Agusti\u{301}n"], "agustin"),
            (["Anna-Lena", " anna  lena ", "ANNA – LENA"], "anna lena"),
        ] {
            for spelling in spellings {
                assert_eq!(key(spelling), folded, "{spelling}");
            }
        }
    }

    #[test]
    fn names_in_other_scripts_keep_their_letters() {
        assert_eq!(key("李小龍"), "李小龍");
        assert_eq!(key("Ольга"), "ольга");
        assert_eq!(key("İpek"), "ipek");
    }

    #[test]
    fn a_name_without_letters_can_be_stored_but_not_searched() {
        assert_eq!(key("---"), NAMELESS);
        assert!(tokens("--- ?").is_empty());
    }

    #[test]
    fn names_are_found_by_few_beginnings() {
        let found = |name: &str| Vec::from_iter(beginnings([key(name).as_str()]));
        assert_eq!(found("Schmidbauer"), ["sc", "sch", "schmi", "schmidba"]);
        assert_eq!(found("Ng"), ["ng"]);
        assert_eq!(found("李 小龍"), ["小龍", "李"]);
        assert!(found("---").is_empty());
    }

    #[test]
    fn one_letter_finds_names_of_one_letter_and_narrows_others_down() {
        let sought = |query: &str| Vec::from_iter(sought(&tokens(query)));
        assert_eq!(sought("anna k"), ["ann"]);
        assert_eq!(sought("k"), ["k"]);
        assert!(matches(&tokens("anna k"), &["kowalski", "anna"]));
        assert!(!matches(&tokens("anna k"), &["schmidt", "anna"]));
    }

    proptest! {
        #[test]
        fn folding_twice_changes_nothing(name in any::<String>()) {
            prop_assert_eq!(key(&key(&name)), key(&name));
        }

        #[test]
        fn case_does_not_matter(name in "[a-zA-ZäöüÄÖÜéÉñÑ' -]{1,40}") {
            prop_assert_eq!(key(&name.to_uppercase()), key(&name.to_lowercase()));
        }

        #[test]
        fn the_beginning_of_a_name_finds_it(name in "\\PC{1,40}", length in 1_usize..40) {
            let beginning: String = name.chars().take(length).collect();
            for token in tokens(&beginning) {
                prop_assert!(key(&name).split(' ').any(|word| word.starts_with(&token)), "{} in {}", token, key(&name));
            }
        }

        /// The index never hides whom the words of a search mean.
        #[test]
        fn whoever_matches_is_found_by_every_beginning_sought(given in "[a-dæ ]{1,30}", family in "\\PC{1,30}", lengths in prop::collection::vec(2_usize..12, 1..6)) {
            let (given, family) = (key(&given), key(&family));
            let words: Vec<String> = given
                .split(' ')
                .chain(family.split(' '))
                .filter(|word| *word != NAMELESS)
                .zip(&lengths)
                .map(|(word, length)| word.chars().take(*length).collect())
                .collect();
            prop_assert!(matches(&words, &[&given, &family]));
            let found = beginnings([given.as_str(), family.as_str()]);
            prop_assert!(words.is_empty() || sought(&words).iter().all(|beginning| found.contains(beginning)));
        }

        #[test]
        fn a_key_fits_its_column(name in any::<String>()) {
            let key = key(&name);
            prop_assert!((1..=LONGEST).contains(&key.chars().count()));
            prop_assert!(!key.contains(['%', '_', '\\', '\0']));
        }
    }
}
