//! A tree head as a signed note: the checkpoint of C2SP `tlog-checkpoint`, which
//! witnesses of transparency logs understand, signed with Ed25519 (C2SP
//! `signed-note`).

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use galen_kernel::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::tree::hash::Hash;

/// Ed25519, as notes count algorithms.
const ALGORITHM: u8 = 1;
/// Between the text of a note and its signature.
const DASH: &str = "\u{2014} ";

/// How large the tree was, when, and its root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// How many entries.
    pub size: u64,
    /// When it was signed.
    pub at: Timestamp,
    /// The root.
    pub root: Hash,
}

impl Head {
    /// The text that is signed.
    fn text(&self, origin: &str) -> String {
        let Self { size, at, root } = self;
        format!("{origin}\n{size}\n{}\nat {at}\n", root.base64())
    }

    fn parse(text: &str, origin: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        if lines.next()? != origin {
            return None;
        }
        let head = Self {
            size: lines.next()?.parse().ok()?,
            root: Hash::from_slice(&STANDARD.decode(lines.next()?).ok()?)?,
            at: lines.next()?.strip_prefix("at ")?.parse().ok()?,
        };
        // One text for one head: nothing else may stand in it.
        (head.text(origin) == text).then_some(head)
    }
}

/// Why a note proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It is not a note of this log.
    #[error("it is not a head of this log")]
    Malformed,
    /// Its signature is not by the key.
    #[error("its signature is not by the key")]
    BadSignature,
}

/// Signs heads.
pub struct Signer {
    key: Ed25519KeyPair,
    verifier: Verifier,
}

impl Signer {
    /// Signs as `origin`, which names the log.
    #[must_use]
    pub fn new(origin: &str, key: Ed25519KeyPair) -> Option<Self> {
        let public = key.public_key().as_ref().try_into().ok()?;
        Some(Self {
            key,
            verifier: Verifier::new(origin, public)?,
        })
    }

    /// What checks its signatures.
    #[must_use]
    pub const fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// The signed note of a head.
    #[must_use]
    pub fn note(&self, head: &Head) -> String {
        let origin = &self.verifier.origin;
        let text = head.text(origin);
        let mut signature = self.verifier.key_hash().to_vec();
        signature.extend(self.key.sign(text.as_bytes()).as_ref());
        format!("{text}\n{DASH}{origin} {}\n", STANDARD.encode(signature))
    }
}

/// Checks signatures of heads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    origin: String,
    public: [u8; 32],
}

impl Verifier {
    /// Checks with this key; `None` when the name of the log is none.
    #[must_use]
    pub fn new(origin: &str, public: [u8; 32]) -> Option<Self> {
        let named = !origin.is_empty() && !origin.contains(|c: char| c.is_whitespace() || c == '+');
        named.then(|| Self {
            origin: origin.to_owned(),
            public,
        })
    }

    /// Reads `<origin>+<key hash>+<key>`, as [`Verifier::text`] writes it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().splitn(3, '+');
        let (origin, _, key) = (parts.next()?, parts.next()?, parts.next()?);
        let key = STANDARD.decode(key).ok()?;
        let public = key.strip_prefix(&[ALGORITHM])?.try_into().ok()?;
        let verifier = Self::new(origin, public)?;
        (verifier.text() == text.trim()).then_some(verifier)
    }

    /// The key as text, for whoever checks.
    #[must_use]
    pub fn text(&self) -> String {
        format!(
            "{}+{}+{}",
            self.origin,
            hex::encode(self.key_hash()),
            STANDARD.encode([&[ALGORITHM], &self.public[..]].concat())
        )
    }

    /// Tells keys apart.
    fn key_hash(&self) -> [u8; 4] {
        let hash = Sha256::new()
            .chain_update(self.origin.as_bytes())
            .chain_update([b'\n', ALGORITHM])
            .chain_update(self.public)
            .finalize();
        [hash[0], hash[1], hash[2], hash[3]]
    }

    /// The head in a note, if the key signed it.
    ///
    /// # Errors
    /// [`NoteError`].
    pub fn read(&self, note: &str) -> Result<Head, NoteError> {
        let (text, signatures) = note.rsplit_once("\n\n").ok_or(NoteError::Malformed)?;
        let text = format!("{text}\n");
        let head = Head::parse(&text, &self.origin).ok_or(NoteError::Malformed)?;
        let signed = signatures
            .lines()
            .filter_map(|line| line.strip_prefix(DASH)?.split_once(' '))
            .filter(|(name, _)| *name == self.origin)
            .filter_map(|(_, signature)| STANDARD.decode(signature).ok())
            .any(|signature| {
                signature
                    .strip_prefix(&self.key_hash())
                    .is_some_and(|signature| {
                        UnparsedPublicKey::new(&ED25519, &self.public)
                            .verify(text.as_bytes(), signature)
                            .is_ok()
                    })
            });
        if signed {
            Ok(head)
        } else {
            Err(NoteError::BadSignature)
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn signer() -> Signer {
        Signer::new("galen.test/audit", Ed25519KeyPair::generate().unwrap()).unwrap()
    }

    fn head() -> Head {
        Head {
            size: 7,
            at: "2026-11-02T08:00:00Z".parse().unwrap(),
            root: Hash([7; 32]),
        }
    }

    /// The example key of the `signed-note` specification.
    #[test]
    fn the_standards_key_is_read() {
        let text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let verifier = Verifier::parse(text).unwrap();
        assert_eq!(verifier.text(), text);
        // And its note, but for the text, which is no head.
        let note = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        let text = note.split_once("\n\n").unwrap().0.to_owned() + "\n";
        let signature = STANDARD
            .decode(note.trim_end().rsplit_once(' ').unwrap().1)
            .unwrap();
        assert_eq!(signature[..4], verifier.key_hash());
        assert!(
            UnparsedPublicKey::new(&ED25519, &verifier.public)
                .verify(text.as_bytes(), &signature[4..])
                .is_ok()
        );
        assert_eq!(verifier.read(note), Err(NoteError::Malformed));
    }

    #[test]
    fn a_head_is_read_from_its_note() {
        let signer = signer();
        let note = signer.note(&head());
        assert!(note.starts_with("galen.test/audit\n7\n"), "{note}");
        assert_eq!(signer.verifier().read(&note), Ok(head()));
        let verifier = Verifier::parse(&signer.verifier().text()).unwrap();
        assert_eq!(verifier.read(&note), Ok(head()));
    }

    #[test]
    fn a_head_that_was_changed_or_signed_by_another_is_refused() {
        let (signer, thief) = (signer(), self::signer());
        let note = signer.note(&head());
        for (from, to) in [("\n7\n", "\n8\n"), ("08:00", "09:00"), ("BwcH", "BwcI")] {
            let bent = note.replacen(from, to, 1);
            assert_ne!(bent, note);
            assert_eq!(signer.verifier().read(&bent), Err(NoteError::BadSignature));
        }
        let forged = thief.note(&head());
        assert_eq!(
            signer.verifier().read(&forged),
            Err(NoteError::BadSignature)
        );
        let more = note.replacen("\nat ", "\nmore\nat ", 1);
        assert_eq!(signer.verifier().read(&more), Err(NoteError::Malformed));
        assert_eq!(signer.verifier().read(""), Err(NoteError::Malformed));
    }

    #[test]
    fn only_a_whole_key_is_a_key() {
        let text = signer().verifier().text();
        assert!(Verifier::parse(&text).is_some());
        for broken in [
            &text[..text.len() - 4],
            "a+b",
            "",
            &text.replacen("galen", "other", 1),
        ] {
            assert_eq!(Verifier::parse(broken), None, "{broken}");
        }
    }
}
