//! Names as they are searched and compared: without accents, case and punctuation.

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

        #[test]
        fn a_key_fits_its_column(name in any::<String>()) {
            let key = key(&name);
            prop_assert!((1..=LONGEST).contains(&key.chars().count()));
            prop_assert!(!key.contains(['%', '_', '\\', '\0']));
        }
    }
}
