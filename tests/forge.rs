//! Forged tokens: a real one taken apart, changed and put together again.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use galen_access::SigningKey;
use galen_vault::{Column, Sealed};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::hospital::Hospital;
use crate::requests::decoded;
use crate::world::text;

/// A token taken apart, and the key that signed it, which only the operator can read.
pub(crate) struct Forge {
    header: Value,
    claims: Value,
    signature: String,
    kid: String,
    pkcs8: Vec<u8>,
}

impl Forge {
    pub(crate) async fn of(hospital: &Hospital, token: &str) -> Self {
        let parts: Vec<&str> = token.split('.').collect();
        let [header, claims, signature] = parts[..] else {
            panic!("a token has three parts");
        };
        let header = decoded(header);
        let kid = text(&header, "kid");
        let (db, vault) = hospital.vault("identity").await;
        let (id, subject, sealed): (Uuid, Uuid, Sealed<Vec<u8>>) = sqlx::query_as(
            "select s.id, k.subject, s.sealed from signing_key s
             join data_key k on k.id = encode(substr(s.sealed, 2, 16), 'hex')::uuid
             where s.kid = $1",
        )
        .bind(&kid)
        .fetch_one(db.pool())
        .await
        .expect("the key that signed is stored");
        let mut connection = db.pool().acquire().await.expect("a connection");
        let ring = vault.keyring(&mut connection, [&sealed]).await;
        let column = Column::new("identity", "signing_key", "sealed");
        let pkcs8 = ring
            .expect("the keys of the hospital")
            .open(&column, subject, id, &sealed)
            .expect("it opens with them")
            .into_inner();
        Self {
            header,
            claims: decoded(claims),
            signature: signature.to_owned(),
            kid,
            pkcs8,
        }
    }

    /// Signed by the hospital's own key, saying something else.
    pub(crate) fn signed(&self, change: impl FnOnce(&mut Value)) -> String {
        let header = Header {
            kid: Some(self.kid.clone()),
            ..Header::new(Algorithm::ES256)
        };
        self.signed_as(&header, &EncodingKey::from_ec_der(&self.pkcs8), change)
    }

    fn signed_as(
        &self,
        header: &Header,
        key: &EncodingKey,
        change: impl FnOnce(&mut Value),
    ) -> String {
        let mut claims = self.claims.clone();
        change(&mut claims);
        jsonwebtoken::encode(header, &claims, key).expect("a good key signs")
    }

    /// Some parts as they were, some as wished; nobody signs.
    fn assembled(header: &Value, claims: &Value, signature: &str) -> String {
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        format!("{}.{}.{signature}", encode(header), encode(claims))
    }

    fn header_with(&self, field: &str, value: Value) -> Value {
        let mut header = self.header.clone();
        header[field] = value;
        header
    }

    /// What is no token of this hospital, each with what is wrong with it.
    pub(crate) fn forgeries(&self) -> Vec<(&'static str, String)> {
        let now = Timestamp::now().as_second();
        let mut promoted = self.claims.clone();
        promoted["roles"] = json!(["ADMIN", "DOCTOR", "OPERATOR"]);
        let key = SigningKey::from_pkcs8(&self.kid, &self.pkcs8).expect("a stored key is one");
        let jwk = key.jwk();
        let point = [vec![4], bytes(&jwk["x"]), bytes(&jwk["y"])].concat();
        let stranger = SigningKey::generate().expect("randomness");
        let strange_key = EncodingKey::from_ec_der(stranger.pkcs8());
        let hmac = Header {
            kid: Some(self.kid.clone()),
            ..Header::new(Algorithm::HS256)
        };
        let es256 = |kid: Option<&str>| Header {
            kid: kid.map(str::to_owned),
            ..Header::new(Algorithm::ES256)
        };
        let whole = self.signed(|_| ());
        let unsigned = |alg: &str, signature: &str| {
            Self::assembled(&self.header_with("alg", json!(alg)), &promoted, signature)
        };
        let mut all = vec![
            (
                "expired",
                self.signed(|c| {
                    c["iat"] = json!(now - 1000);
                    c["nbf"] = json!(now - 1000);
                    c["exp"] = json!(now - 31);
                }),
            ),
            (
                "not yet valid",
                self.signed(|c| c["nbf"] = json!(now + 120)),
            ),
            (
                "issued in the future",
                self.signed(|c| c["iat"] = json!(now + 120)),
            ),
            ("without an end", self.signed(|c| c["exp"] = Value::Null)),
            (
                "with an end that is text",
                self.signed(|c| c["exp"] = json!("9999999999")),
            ),
            (
                "by another issuer",
                self.signed(|c| c["iss"] = json!("https://elsewhere.example")),
            ),
            (
                "for another audience",
                self.signed(|c| c["aud"] = json!("another")),
            ),
            (
                "for several audiences",
                self.signed(|c| c["aud"] = json!(["galen", "another"])),
            ),
            ("for nobody", self.signed(|c| c["sub"] = json!(""))),
            ("alg none, unsigned", unsigned("none", "")),
            ("alg NONE, unsigned", unsigned("NONE", "")),
            (
                "alg none, with a signature",
                unsigned("none", &self.signature),
            ),
            (
                "alg absent",
                Self::assembled(
                    &json!({ "typ": "JWT", "kid": self.kid }),
                    &promoted,
                    &self.signature,
                ),
            ),
            (
                "HS256 by the public point",
                self.signed_as(&hmac, &EncodingKey::from_secret(&point), |c| {
                    c["roles"] = json!(["ADMIN"])
                }),
            ),
            (
                "HS256 by the JWK",
                self.signed_as(
                    &hmac,
                    &EncodingKey::from_secret(jwk.to_string().as_bytes()),
                    |c| c["roles"] = json!(["ADMIN"]),
                ),
            ),
            (
                "HS256 by nothing",
                self.signed_as(&hmac, &EncodingKey::from_secret(b""), |c| {
                    c["roles"] = json!(["ADMIN"])
                }),
            ),
            (
                "HS256 by the key id",
                self.signed_as(&hmac, &EncodingKey::from_secret(self.kid.as_bytes()), |c| {
                    c["roles"] = json!(["ADMIN"])
                }),
            ),
            (
                "an unknown key",
                self.signed_as(&es256(Some(stranger.kid())), &strange_key, |_| ()),
            ),
            (
                "another key under a known id",
                self.signed_as(&es256(Some(&self.kid)), &strange_key, |_| ()),
            ),
            (
                "no key id",
                self.signed_as(&es256(None), &EncodingKey::from_ec_der(&self.pkcs8), |_| ()),
            ),
            (
                "a key id that is a path",
                self.signed_as(&es256(Some("../../../../dev/null")), &strange_key, |_| ()),
            ),
            (
                "a key id that is SQL",
                self.signed_as(&es256(Some("' or '1'='1")), &strange_key, |_| ()),
            ),
            (
                "changed claims under the old signature",
                Self::assembled(&self.header, &promoted, &self.signature),
            ),
            (
                "no signature",
                format!("{}.", whole.rsplit_once('.').expect("three parts").0),
            ),
            (
                "two parts",
                whole.rsplit_once('.').expect("three parts").0.to_owned(),
            ),
            ("four parts", format!("{whole}.{}", self.signature)),
            ("half a token", whole[..whole.len() / 2].to_owned()),
            ("one character short", whole[..whole.len() - 1].to_owned()),
            ("nothing", String::new()),
            ("no token at all", "null".to_owned()),
            ("very long", "a".repeat(15_000)),
        ];
        // A key that the token brings along is a stranger's key.
        let mut brought = es256(Some(stranger.kid()));
        brought.jku = Some("https://elsewhere.example/jwks.json".to_owned());
        brought.jwk = serde_json::from_value(stranger.jwk()).ok();
        assert!(brought.jwk.is_some(), "the forged header has its key");
        all.push((
            "a key of its own",
            self.signed_as(&brought, &strange_key, |_| ()),
        ));
        // One bit of each part, the first and the last character among them.
        for place in [
            0,
            10,
            whole.find('.').expect("parts") + 20,
            whole.len() - 40,
            whole.len() - 2,
        ] {
            let mut garbled = whole.clone().into_bytes();
            garbled[place] = if garbled[place] == b'A' { b'B' } else { b'A' };
            all.push(("garbled", String::from_utf8(garbled).expect("ASCII")));
        }
        all
    }
}

fn bytes(part: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD
        .decode(part.as_str().expect("text"))
        .expect("base64url")
}
