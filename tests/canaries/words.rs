//! Words that nobody else has, and finding them however they are written.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use uuid::Uuid;

/// A word about somebody.
#[derive(Debug)]
pub(crate) struct Canary {
    /// Whom it is about.
    pub(crate) owner: String,
    /// What kind of thing it says.
    pub(crate) kind: &'static str,
    /// The field it was put into.
    pub(crate) field: &'static str,
    /// How it could be written, all in small letters.
    spellings: Vec<String>,
    /// How it could be written where case matters.
    encodings: Vec<String>,
}

/// All words.
#[derive(Default)]
pub(crate) struct Canaries {
    pub(crate) all: Vec<Canary>,
}

impl Canaries {
    /// A new word of letters, long enough to be nobody's by chance.
    pub(crate) fn word(&mut self, owner: &str, kind: &'static str, field: &'static str) -> String {
        let letters: String = Uuid::new_v4()
            .simple()
            .to_string()
            .chars()
            .map(|c| char::from(b'a' + c.to_digit(16).map_or(0, |d| d as u8)))
            .take(20)
            .collect();
        self.known(owner, kind, field, &letters);
        letters
    }

    /// A new telephone number without its country, which may be stored by its end.
    pub(crate) fn digits(
        &mut self,
        owner: &str,
        kind: &'static str,
        field: &'static str,
    ) -> String {
        let number = 1_500_000_000 + Uuid::new_v4().as_u128() % 99_999_999;
        let number = number.to_string();
        self.known(owner, kind, field, &number[2..]);
        number
    }

    /// Something that is there already.
    pub(crate) fn known(
        &mut self,
        owner: &str,
        kind: &'static str,
        field: &'static str,
        word: &str,
    ) {
        let percent: String = word
            .bytes()
            .map(|b| {
                if b.is_ascii_alphanumeric() {
                    char::from(b).to_string()
                } else {
                    format!("%{b:02x}")
                }
            })
            .collect();
        let every_byte: String = word.bytes().map(|b| format!("%{b:02x}")).collect();
        let mut spellings = vec![
            word.to_lowercase(),
            hex(word),
            percent.to_lowercase(),
            every_byte,
        ];
        // A database dump quotes backslashes; JSON may write every letter as \u0061.
        spellings.push(
            word.chars()
                .map(|c| format!("\\u{:04x}", u32::from(c)))
                .collect(),
        );
        spellings.dedup();
        self.all.push(Canary {
            owner: owner.to_owned(),
            kind,
            field,
            spellings,
            encodings: [word.to_owned(), word.to_lowercase(), word.to_uppercase()]
                .iter()
                .flat_map(|w| base64(w))
                .collect(),
        });
    }

    /// The words that are in a text.
    pub(crate) fn in_text(&self, text: &[u8]) -> Vec<&Canary> {
        let (plain, small) = both(text);
        self.all
            .iter()
            .filter(|canary| canary.is_within(&plain, &small))
            .collect()
    }
}

impl Canary {
    /// Whether it is in a text.
    pub(crate) fn is_in(&self, text: &[u8]) -> bool {
        let (plain, small) = both(text);
        self.is_within(&plain, &small)
    }

    fn is_within(&self, plain: &str, small: &str) -> bool {
        self.spellings
            .iter()
            .any(|word| small.contains(word.as_str()))
            || self
                .encodings
                .iter()
                .any(|word| plain.contains(word.as_str()))
    }
}

fn both(text: &[u8]) -> (String, String) {
    let plain = String::from_utf8_lossy(text).into_owned();
    let small = plain.to_lowercase();
    (plain, small)
}

fn hex(word: &str) -> String {
    word.to_lowercase()
        .bytes()
        .map(|b| format!("{b:02x}"))
        .collect()
}

/// What base64 of a longer text would hold of it, at each of three alignments.
fn base64(word: &str) -> Vec<String> {
    (0..3)
        .flat_map(|before| {
            let padded = [vec![0; before], word.as_bytes().to_vec()].concat();
            [
                STANDARD_NO_PAD.encode(&padded),
                URL_SAFE_NO_PAD.encode(&padded),
            ]
            .map(|text| {
                // Characters that hold bits of what stands before or behind are left out.
                let from = (before * 8).div_ceil(6);
                let whole = padded.len() * 8 / 6;
                text[from..whole].to_owned()
            })
        })
        .collect()
}

/// The search finds a word however it is written, and finds none that is not there.
pub(crate) fn every_spelling_is_found() {
    let mut canaries = Canaries::default();
    let word = canaries.word("Anna", "record", "diagnosis");
    canaries.known("Anna", "secret", "password", "a pass+word, Ä/");
    let found = |text: &str| {
        canaries
            .in_text(text.as_bytes())
            .iter()
            .map(|c| c.field)
            .collect::<Vec<_>>()
    };
    let capital = format!("{}{}", word[..1].to_uppercase(), &word[1..]);
    for written in [
        word.clone(),
        capital,
        word.to_uppercase(),
        hex(&word),
        hex(&word).to_uppercase(),
        STANDARD_NO_PAD.encode(&word),
        STANDARD_NO_PAD.encode(format!("{{\"a\":\"{word}\"}}")),
        URL_SAFE_NO_PAD.encode(format!("?{word}")),
        STANDARD_NO_PAD.encode(format!("??{word}?")),
        word.bytes().map(|b| format!("%{b:02X}")).collect(),
    ] {
        assert_eq!(
            found(&format!("before{written}behind")),
            ["diagnosis"],
            "{written}"
        );
    }
    for written in [
        "a pass+word, ä/",
        "a%20pass%2Bword%2C%20%C3%84%2F",
        "6120706173732b776f72642c20c3a42f",
    ] {
        assert_eq!(found(written), ["password"], "{written}");
    }
    assert!(found(&word[1..]).is_empty());
}
