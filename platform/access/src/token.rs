//! Access tokens: short-lived JWTs signed with a rotating asymmetric key (ES256).

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};
use std::time::Duration;

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use galen_contracts::ids::{PatientId, PractitionerId, SessionId, UserId};
use galen_kernel::Timestamp;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use moka::sync::Cache;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Authentication, EndedSessions, Grants, Method, Principal, Role};

/// How long an access token lives.
pub const ACCESS_TOKEN_SECONDS: i64 = 15 * 60;
/// Clock skew that is forgiven.
pub const LEEWAY_SECONDS: u64 = 30;
/// Whom the tokens are for: the API.
pub const AUDIENCE: &str = "galen";
/// Whom tokens are for that only say who somebody is, to a client that they log in for.
/// The API takes none of them.
pub const USERINFO_AUDIENCE: &str = "galen-userinfo";

/// Ours are about 700 bytes, with custom roles up to 2,000; what is far longer is not looked at.
const LONGEST_TOKEN: usize = 4096;

/// Tokens whose signature is not checked again: some hundred bytes each.
const REMEMBERED_TOKENS: u64 = 10_000;

/// Why a token is not accepted. The client only hears "401".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token of ours, altered, or signed with an unknown key.
    #[error("invalid")]
    Invalid,
    /// Too old.
    #[error("expired")]
    Expired,
    /// Begins later, or was issued in the future.
    #[error("not yet valid")]
    NotYetValid,
    /// The issuer, the audience or the algorithm is another.
    #[error("not for here")]
    NotForHere,
    /// Its session was ended.
    #[error("of a session that has ended")]
    Ended,
}

/// What a valid token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Who.
    pub principal: Principal,
    /// From then on the token is refused.
    pub until: Timestamp,
    /// When and how they showed who they are.
    pub authentication: Authentication,
}

/// What a token says. Every claim but the grants, the two records and those of the
/// authentication must be there.
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    sid: SessionId,
    roles: Vec<String>,
    /// What custom roles grant, so that no service has to ask.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    grants: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<PatientId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prid: Option<PractitionerId>,
    iat: i64,
    nbf: i64,
    exp: i64,
    /// When and how its holder showed who they are (OpenID Connect Core, 2; RFC 8176).
    /// A token without them, as earlier versions signed, is of somebody who did so
    /// long ago.
    #[serde(default)]
    auth_time: i64,
    #[serde(default)]
    amr: Vec<String>,
    jti: String,
}

/// A private key that signs tokens, with its key id.
#[derive(Clone)]
pub struct SigningKey {
    kid: Arc<str>,
    pkcs8: Arc<[u8]>,
    encoding: EncodingKey,
    jwk: serde_json::Value,
}

impl SigningKey {
    /// Makes a new P-256 key. Its id is the key's thumbprint (RFC 7638).
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn generate() -> Result<Self, TokenError> {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new())
            .map_err(|_| TokenError::Invalid)?;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref())
            .map_err(|_| TokenError::Invalid)?;
        Self::of(None, &pair, document.as_ref())
    }

    /// Reads a PKCS#8 document (version 1 or 2) of a P-256 key.
    ///
    /// # Errors
    /// When it is not one.
    pub fn from_pkcs8(kid: &str, der: &[u8]) -> Result<Self, TokenError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der)
            .map_err(|_| TokenError::Invalid)?;
        Self::of(Some(kid), &pair, der)
    }

    fn of(kid: Option<&str>, pair: &EcdsaKeyPair, der: &[u8]) -> Result<Self, TokenError> {
        // An uncompressed point: 0x04, then x and y of 32 bytes each (SEC 1, 2.3.3).
        let point = pair.public_key().as_ref();
        let (Some(x), Some(y)) = (point.get(1..33), point.get(33..65)) else {
            return Err(TokenError::Invalid);
        };
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let kid = kid.map_or_else(|| thumbprint(&x, &y), str::to_owned);
        let jwk = serde_json::json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": kid, "x": x, "y": y });
        Ok(Self {
            kid: kid.into(),
            pkcs8: der.into(),
            encoding: EncodingKey::from_ec_der(der),
            jwk,
        })
    }

    /// The PKCS#8 document, to be stored sealed or guarded.
    #[must_use]
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// Key id.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public key as a JWK (RFC 7517).
    #[must_use]
    pub fn jwk(&self) -> serde_json::Value {
        self.jwk.clone()
    }

    /// Signs an access token for a principal, who showed who they are then and so.
    ///
    /// # Errors
    /// When signing fails.
    pub fn sign(
        &self,
        principal: &Principal,
        authentication: &Authentication,
        issuer: &str,
        now: Timestamp,
    ) -> Result<String, TokenError> {
        self.sign_for(AUDIENCE, principal, authentication, issuer, now)
    }

    /// Signs an access token that only says who somebody is: without roles, and not for
    /// the API.
    ///
    /// # Errors
    /// When signing fails.
    pub fn sign_for_userinfo(
        &self,
        user_id: UserId,
        session_id: SessionId,
        authentication: &Authentication,
        issuer: &str,
        now: Timestamp,
    ) -> Result<String, TokenError> {
        let principal = Principal {
            user_id,
            session_id,
            roles: Vec::new(),
            grants: Grants::default(),
            patient_id: None,
            practitioner_id: None,
        };
        self.sign_for(USERINFO_AUDIENCE, &principal, authentication, issuer, now)
    }

    fn sign_for(
        &self,
        audience: &str,
        principal: &Principal,
        authentication: &Authentication,
        issuer: &str,
        now: Timestamp,
    ) -> Result<String, TokenError> {
        let iat = now.as_second();
        let mut jti = [0; 16];
        aws_lc_rs::rand::fill(&mut jti).map_err(|_| TokenError::Invalid)?;
        self.sign_claims(&Claims {
            iss: issuer.to_owned(),
            aud: audience.to_owned(),
            sub: principal.user_id,
            sid: principal.session_id,
            roles: principal.roles.iter().map(ToString::to_string).collect(),
            grants: principal.grants.to_claim(),
            pid: principal.patient_id,
            prid: principal.practitioner_id,
            iat,
            nbf: iat,
            exp: iat + ACCESS_TOKEN_SECONDS,
            auth_time: authentication.at.as_second(),
            amr: authentication
                .methods
                .iter()
                .map(|method| method.name().to_owned())
                .collect(),
            jti: URL_SAFE_NO_PAD.encode(jti),
        })
    }

    /// Signs any claims. Their audience must be none of an access token's.
    ///
    /// # Errors
    /// When signing fails.
    pub fn sign_claims<C: Serialize>(&self, claims: &C) -> Result<String, TokenError> {
        let header = Header {
            kid: Some(self.kid.as_ref().to_owned()),
            ..Header::new(Algorithm::ES256)
        };
        jsonwebtoken::encode(&header, claims, &self.encoding).map_err(|_| TokenError::Invalid)
    }
}

/// The JWK's SHA-256 over its required members in lexical order (RFC 7638, 3.2).
fn thumbprint(x: &str, y: &str) -> String {
    let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, canonical.as_bytes()))
}

/// The public keys that are accepted now; shared, and replaced on rotation.
#[derive(Clone)]
pub struct KeySet {
    inner: Arc<RwLock<Arc<Keys>>>,
    issuer: Arc<str>,
    ended: EndedSessions,
}

/// A JWKS document, and its keys made ready once.
struct Keys {
    document: serde_json::Value,
    by_id: HashMap<String, DecodingKey>,
    /// What these keys have signed, by SHA-256 of the whole token: a client sends the
    /// same token for a quarter of an hour, and checking a signature costs more than
    /// most requests. Ends with the keys; times are checked at every use.
    signed: Cache<[u8; 32], Arc<Claims>>,
}

impl Keys {
    fn new(document: serde_json::Value, by_id: HashMap<String, DecodingKey>) -> Self {
        Self {
            document,
            by_id,
            signed: Cache::builder()
                .max_capacity(REMEMBERED_TOKENS)
                .time_to_live(Duration::from_secs(
                    ACCESS_TOKEN_SECONDS.cast_unsigned() + 2 * LEEWAY_SECONDS,
                ))
                .build(),
        }
    }

    /// The key that a token says it was signed with, if it may have been.
    fn key_of(&self, token: &str) -> Result<&DecodingKey, TokenError> {
        let header = jsonwebtoken::decode_header(token).map_err(|e| refusal(&e))?;
        if header.alg != Algorithm::ES256 {
            return Err(TokenError::NotForHere);
        }
        header
            .kid
            .as_deref()
            .and_then(|kid| self.by_id.get(kid))
            .ok_or(TokenError::Invalid)
    }

    /// What a token says, if one of the keys signed it.
    fn claims(&self, token: &str) -> Result<Arc<Claims>, TokenError> {
        let mut digest = [0; 32];
        digest.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
        if let Some(known) = self.signed.get(&digest) {
            return Ok(known);
        }
        let key = self.key_of(token)?;
        let claims = jsonwebtoken::decode::<Claims>(token, key, &SIGNATURE_ONLY)
            .map_err(|e| refusal(&e))?
            .claims;
        let claims = Arc::new(claims);
        self.signed.insert(digest, Arc::clone(&claims));
        Ok(claims)
    }
}

/// The parts of a JWK (RFC 7517, 4; RFC 7518, 6.2.1) that are looked at.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    crv: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Jwk>,
}

impl KeySet {
    /// No keys yet: nobody gets in.
    #[must_use]
    pub fn new(issuer: &str) -> Self {
        let none = Keys::new(serde_json::json!({ "keys": [] }), HashMap::new());
        Self {
            inner: Arc::new(RwLock::new(Arc::new(none))),
            issuer: issuer.into(),
            ended: EndedSessions::default(),
        }
    }

    /// The sessions whose tokens are refused although they are valid otherwise.
    #[must_use]
    pub const fn ended(&self) -> &EndedSessions {
        &self.ended
    }

    /// Who signs.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Replaces the keys by a JWKS document (RFC 7517). Keys of other kinds or for
    /// other uses are passed over, as the standard demands.
    ///
    /// # Errors
    /// When it is not one, or one of its P-256 keys is broken; the former keys stay.
    pub fn replace(&self, jwks: serde_json::Value) -> Result<(), TokenError> {
        let parsed = Jwks::deserialize(&jwks).map_err(|_| TokenError::Invalid)?;
        let mut by_id = HashMap::new();
        for key in parsed.keys {
            let ours = key.kty == "EC"
                && key.crv.as_deref() == Some("P-256")
                && key.alg.as_deref().is_none_or(|alg| alg == "ES256")
                && key
                    .purpose
                    .as_deref()
                    .is_none_or(|purpose| purpose == "sig");
            if !ours {
                continue;
            }
            let (Some(kid), Some(x), Some(y)) = (key.kid, key.x, key.y) else {
                return Err(TokenError::Invalid);
            };
            let decoding =
                DecodingKey::from_ec_components(&x, &y).map_err(|_| TokenError::Invalid)?;
            by_id.insert(kid, decoding);
        }
        *self.inner.write().unwrap_or_else(PoisonError::into_inner) =
            Arc::new(Keys::new(jwks, by_id));
        Ok(())
    }

    /// The JWKS document.
    #[must_use]
    pub fn jwks(&self) -> serde_json::Value {
        self.keys().document.clone()
    }

    /// Checks a token and names its principal. ES256 only; `iss`, `aud`, `exp`,
    /// `nbf` and `iat` must be there and right, and its session must not have been
    /// ended. Roles that this version does not know grant nothing.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Principal, TokenError> {
        Ok(self.verify_whole(token, now)?.principal)
    }

    /// As [`KeySet::verify`], and says everything else that the token does.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn verify_whole(&self, token: &str, now: Timestamp) -> Result<Verified, TokenError> {
        self.verify_for(&[AUDIENCE], token, now)
    }

    /// As [`KeySet::verify_whole`], for one of these audiences.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn verify_for(
        &self,
        audiences: &[&str],
        token: &str,
        now: Timestamp,
    ) -> Result<Verified, TokenError> {
        if token.len() > LONGEST_TOKEN {
            return Err(TokenError::Invalid);
        }
        let claims = self.keys().claims(token)?;
        if claims.iss != *self.issuer || !audiences.contains(&claims.aud.as_str()) {
            return Err(TokenError::NotForHere);
        }
        let (now, leeway) = (now.as_second(), LEEWAY_SECONDS.cast_signed());
        let end = claims.exp.saturating_add(leeway);
        if end <= now {
            return Err(TokenError::Expired);
        }
        let until = Timestamp::from_second(end).map_err(|_| TokenError::Invalid)?;
        if claims.nbf.max(claims.iat).saturating_sub(leeway) > now {
            return Err(TokenError::NotYetValid);
        }
        if self.ended.contains(claims.sid) {
            return Err(TokenError::Ended);
        }
        let principal = Principal {
            user_id: claims.sub,
            session_id: claims.sid,
            roles: claims
                .roles
                .iter()
                .filter_map(|name| name.parse::<Role>().ok())
                .collect(),
            grants: Grants::from_claim(&claims.grants),
            patient_id: claims.pid,
            practitioner_id: claims.prid,
        };
        let methods: Vec<Method> = claims
            .amr
            .iter()
            .filter_map(|name| Method::from_name(name))
            .collect();
        let at = Timestamp::from_second(claims.auth_time).map_err(|_| TokenError::Invalid)?;
        Ok(Verified {
            principal,
            until,
            authentication: Authentication::new(&methods, at),
        })
    }

    /// What one of the keys signed, an id token for example. Whom it is for, and whether
    /// it is too old, is for the caller to look at.
    ///
    /// # Errors
    /// When none of them did, or the claims are others.
    pub fn signed_claims<C: DeserializeOwned>(&self, token: &str) -> Result<C, TokenError> {
        if token.len() > LONGEST_TOKEN {
            return Err(TokenError::Invalid);
        }
        let keys = self.keys();
        let key = keys.key_of(token)?;
        let decoded = jsonwebtoken::decode::<C>(token, key, &SIGNATURE_ONLY);
        Ok(decoded.map_err(|e| refusal(&e))?.claims)
    }

    fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.inner.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The library checks the algorithm and the signature; the claims are checked here,
/// because their "now" is the clock's and not the machine's.
static SIGNATURE_ONLY: LazyLock<Validation> = LazyLock::new(|| {
    let mut validation = Validation::new(Algorithm::ES256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
});

fn refusal(error: &jsonwebtoken::errors::Error) -> TokenError {
    match error.kind() {
        ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm => TokenError::NotForHere,
        _ => TokenError::Invalid,
    }
}

#[cfg(test)]
mod tests;
