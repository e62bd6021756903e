//! Names as people search and sort them: without case, accents and odd spacing.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// The key of a name: `Ødegård`, `ODEGARD` and `odegard` have the same. Letters
/// that Unicode does not decompose are spelled as passports spell them
/// (ICAO Doc 9303 part 3 section 6).
#[must_use]
pub fn key(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text
        .nfkd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_lowercase)
    {
        match c {
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'þ' => folded.push_str("th"),
            'ø' => folded.push('o'),
            'đ' | 'ð' => folded.push('d'),
            'ł' => folded.push('l'),
            'ı' => folded.push('i'),
            '\'' | '’' | '-' => folded.push(' '),
            // Lower-casing can bring a mark back: İ becomes i and a dot.
            c if is_combining_mark(c) => {}
            c => folded.push(c),
        }
    }
    let words = folded.split_whitespace().collect::<Vec<_>>().join(" ");
    words
        .chars()
        .take(LONGEST_KEY)
        .collect::<String>()
        .trim_end()
        .to_owned()
}

/// Some single characters decompose into many; a key must still fit an index.
const LONGEST_KEY: usize = 100;

/// A `like` pattern for each word of a search text; a name matches when it
/// contains them all.
#[must_use]
pub fn patterns(query: &str) -> Vec<String> {
    key(query)
        .split(' ')
        .filter(|word| !word.is_empty())
        .map(|word| format!("%{}%", literal(word)))
        .collect()
}

fn literal(word: &str) -> String {
    let mut escaped = String::with_capacity(word.len());
    for c in word.chars() {
        if matches!(c, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spellings_of_a_name_have_one_key() {
        for (one, other) in [
            ("Ødegård", "ODEGARD"),
            ("Müller", "muller"),
            ("Mu\u{308}ller", "Müller"),
            ("İbrahim Yıldız", "ibrahim yildiz"),
            ("Großmann", "GROSSMANN"),
            ("Łukasiewicz", "lukasiewicz"),
            ("O’Neill", "o'neill"),
            ("Anne-Marie", "anne  marie"),
        ] {
            assert_eq!(key(one), key(other), "{one} and {other}");
        }
        assert_ne!(key("Meyer"), key("Mayer"));
    }

    #[test]
    fn wildcards_are_letters_like_others() {
        assert_eq!(patterns("50% a_b \\"), ["%50\\%%", "%a\\_b%", "%\\\\%"]);
        assert!(patterns("  ").is_empty());
    }

    #[test]
    fn a_key_stays_short() {
        let longest = "\u{FDFA}".repeat(100);
        assert!(key(&longest).chars().count() <= LONGEST_KEY);
    }

    proptest! {
        #[test]
        fn a_key_is_its_own_key(text in ".{0,30}") {
            let once = key(&text);
            prop_assert_eq!(key(&once), once);
        }
    }
}
