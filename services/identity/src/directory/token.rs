//! What makes an ID token of the directory believable.
//!
//! The library checks the signature by the directory's own keys, issuer, audience,
//! expiry and nonce; only asymmetric algorithms are let through to it, so that neither
//! a public key nor the client's secret is ever taken for a key of HMAC. What it leaves
//! to its user (`azp`, `at_hash`, `iat`) is checked here: OpenID Connect Core 1.0,
//! sections 3.1.3.6 to 3.1.3.8.

use std::collections::BTreeMap;
use std::time::SystemTime;

use galen_kernel::{Pii, Timestamp};
use jiff::SignedDuration;
use openidconnect::core::{
    CoreGenderClaim, CoreJsonWebKey, CoreJsonWebKeySet, CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm, CoreTokenType,
};
use openidconnect::{
    AccessTokenHash, AdditionalClaims, ClaimsVerificationError, ClientId, EmptyExtraTokenFields,
    IdTokenFields, IdTokenVerifier, IssuerUrl, Nonce, OAuth2TokenResponse as _,
    SignatureVerificationError, SigningError, StandardTokenResponse, TokenResponse as _,
};
use serde::{Deserialize, Serialize};

use super::model::{NoSubject, Person, Subject, groups_of};

/// Algorithms whose keys can be public.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];
/// How far the directory's clock may be ahead.
const AHEAD: SignedDuration = SignedDuration::from_mins(1);
/// How old a token may be that was made for a login of ten minutes.
const OLDEST: SignedDuration = SignedDuration::from_mins(15);

/// The claims that are not of the standard.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(super) struct OtherClaims {
    #[serde(flatten)]
    claims: BTreeMap<String, serde_json::Value>,
}

impl AdditionalClaims for OtherClaims {}

/// What the token endpoint answers.
pub(super) type Tokens = StandardTokenResponse<
    IdTokenFields<
        OtherClaims,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;

/// Why the directory's answer is not believed. Says nothing of whom it was about.
#[derive(Debug, thiserror::Error)]
pub(super) enum Disbelief {
    /// There is nothing to believe.
    #[error("there is no ID token")]
    Missing,
    /// Signature, issuer, audience, times or nonce.
    #[error("the ID token is not genuine: {0}")]
    Claims(#[from] ClaimsVerificationError),
    /// It was made for somebody else to use.
    #[error("the ID token is for another party")]
    AuthorizedParty,
    /// The access token beside it is another's.
    #[error("the ID token is not of the access token beside it")]
    AccessToken,
    /// The algorithm of the signature hashes nothing.
    #[error("the hash of the access token cannot be checked")]
    Hash(#[from] SigningError),
    /// The key of the signature.
    #[error("the key of the ID token cannot be found")]
    Key(#[from] SignatureVerificationError),
    /// Nobody is called so.
    #[error("the subject {0}")]
    Subject(#[from] NoSubject),
}

impl Disbelief {
    /// Whether the directory may have a key that is not known here yet.
    pub(super) const fn is_unknown_key(&self) -> bool {
        matches!(
            self,
            Self::Claims(ClaimsVerificationError::SignatureVerification(
                SignatureVerificationError::NoMatchingKey
            ))
        )
    }
}

/// Who must have said what to whom.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a IssuerUrl,
    pub(super) keys: &'a CoreJsonWebKeySet,
    pub(super) client: &'a ClientId,
    pub(super) nonce: String,
    pub(super) groups_claim: &'a str,
    pub(super) now: Timestamp,
}

/// Who has logged in, and when, if the directory says that.
pub(super) fn believe(
    tokens: &Tokens,
    expected: Expected<'_>,
) -> Result<(Person, Option<Timestamp>), Disbelief> {
    let Expected {
        issuer,
        keys,
        client,
        nonce,
        groups_claim,
        now,
    } = expected;
    let token = tokens.id_token().ok_or(Disbelief::Missing)?;
    let verifier: IdTokenVerifier<'_, CoreJsonWebKey> =
        IdTokenVerifier::new_public_client(client.clone(), issuer.clone(), keys.clone())
            .set_allowed_algs(ALGORITHMS)
            .set_time_fn(move || SystemTime::from(now).into())
            .set_issue_time_verifier_fn(move |at| {
                let age = now.as_second().saturating_sub(at.timestamp());
                if age < -AHEAD.as_secs() || age > OLDEST.as_secs() {
                    return Err("issued at another time".to_owned());
                }
                Ok(())
            });
    let claims = token.claims(&verifier, &Nonce::new(nonce))?;
    if claims
        .authorized_party()
        .is_some_and(|party| party != client)
    {
        return Err(Disbelief::AuthorizedParty);
    }
    if let Some(hash) = claims.access_token_hash() {
        let (algorithm, key) = (token.signing_alg()?, token.signing_key(&verifier)?);
        if AccessTokenHash::from_token(tokens.access_token(), algorithm, key)? != *hash {
            return Err(Disbelief::AccessToken);
        }
    }
    let person = Person {
        subject: Subject::parse(claims.subject())?,
        username: claims
            .preferred_username()
            .map(|name| Pii::new(name.to_string())),
        groups: groups_of(claims.additional_claims().claims.get(groups_claim)),
    };
    let shown_at = claims
        .auth_time()
        .and_then(|at| Timestamp::from_second(at.timestamp()).ok())
        .map(|at| at.min(now));
    Ok((person, shown_at))
}
