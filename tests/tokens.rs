//! Who somebody is, is what their token says and nothing else: forged tokens, forged
//! headers, other people's ids.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use galen_access::SigningKey;
use galen_client::{Client, Reply};
use galen_vault::{Column, Sealed};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::hospital::Hospital;
use crate::journeys::credential_token;
use crate::world::{booking, doctor, eventually, expect_status, patient, text, tomorrow, user};

const ME: &str = "/api/v1/auth/me";

/// A token taken apart, and the key that signed it, which only the operator can read.
struct Forge {
    header: Value,
    claims: Value,
    signature: String,
    kid: String,
    pkcs8: Vec<u8>,
}

impl Forge {
    async fn of(hospital: &Hospital, token: &str) -> Self {
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
    fn signed(&self, change: impl FnOnce(&mut Value)) -> String {
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
    fn forgeries(&self) -> Vec<(&'static str, String)> {
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

/// A forged token opens nothing, for reading or for writing; the same claims under
/// the real key do, so that it is the forgery that is refused.
pub(crate) async fn a_forged_token_opens_nothing(hospital: &Hospital) {
    let admin = hospital.admin().await;
    let token = admin.token().await.expect("logged in");
    let forge = Forge::of(hospital, &token).await;
    let anonymous = hospital.anonymous();
    let own = ask(&anonymous, ME, bearer(&forge.signed(|_| ()))).await;
    assert_eq!(
        own.status.as_u16(),
        200,
        "the control: what the real key signs is taken"
    );

    let family = format!("Forged{}", letters());
    let registration = json!({ "givenName": "Eve", "familyName": family, "birthDate": "1980-01-01", "sex": "FEMALE" });
    for (what, forged) in forge.forgeries() {
        let reply = ask(&anonymous, ME, bearer(&forged)).await;
        refused(&reply, what);
        let reply = anonymous
            .send(
                Method::POST,
                "/api/v1/patients?acknowledgeDuplicates=true",
                Some(&registration),
                bearer(&forged),
            )
            .await
            .expect("an answer");
        refused(&reply, what);
        let reply = ask(&anonymous, "/api/v1/stream", bearer(&forged)).await;
        refused(&reply, what);
    }

    // A good token in a place where none is looked for.
    let header = |name: &'static str, value: String| {
        HeaderMap::from_iter([(
            HeaderName::from_static(name),
            value.parse::<HeaderValue>().expect("ASCII"),
        )])
    };
    for (what, path, headers) in [
        (
            "another scheme",
            ME.to_owned(),
            header("authorization", format!("Basic {token}")),
        ),
        (
            "no scheme",
            ME.to_owned(),
            header("authorization", token.clone()),
        ),
        (
            "a cookie",
            ME.to_owned(),
            header(
                "cookie",
                format!("access_token={token}; Authorization=Bearer {token}"),
            ),
        ),
        (
            "a proxy's header",
            ME.to_owned(),
            header("proxy-authorization", format!("Bearer {token}")),
        ),
        (
            "a header of ours",
            ME.to_owned(),
            header("x-auth-token", token.clone()),
        ),
    ] {
        refused(&ask(&anonymous, &path, headers).await, what);
    }
    let in_query = ask(
        &anonymous,
        &format!("/api/v1/patients?access_token={token}"),
        HeaderMap::new(),
    )
    .await;
    assert!(
        matches!(in_query.status.as_u16(), 400 | 401),
        "a token in an address: {}",
        in_query.status
    );

    let found = admin
        .get(&format!("/api/v1/patients?query={family}"))
        .await
        .expect("an answer");
    let found = expect_status(&found, 200);
    assert_eq!(
        found["items"].as_array().map(Vec::len),
        Some(0),
        "a forged token has written"
    );
}

/// A refresh token works once, is no access token, and its second use ends the session.
pub(crate) async fn a_replayed_refresh_ends_the_session(hospital: &Hospital) {
    let admin = hospital.admin().await;
    let (username, password) = (
        format!("replay-{}", Uuid::new_v4().simple()),
        "a long enough password",
    );
    let body = json!({ "username": username, "password": password, "roles": ["RECEPTIONIST"] });
    expect_status(
        &admin.post("/api/v1/users", &body).await.expect("an answer"),
        201,
    );
    let anonymous = hospital.anonymous();
    let first = log_in(&anonymous, &username, password).await;
    let refresh = text(&first, "refreshToken");
    refused(
        &ask(&anonymous, ME, bearer(&refresh)).await,
        "a refresh token as access token",
    );

    let renewed = expect_status(
        &post(
            &anonymous,
            "/api/v1/auth/refresh",
            &json!({ "refreshToken": refresh }),
        )
        .await,
        200,
    );
    for (what, token) in [
        ("the used one", refresh),
        (
            "the one that it was exchanged for",
            text(&renewed, "refreshToken"),
        ),
    ] {
        let reply = post(
            &anonymous,
            "/api/v1/auth/refresh",
            &json!({ "refreshToken": token }),
        )
        .await;
        refused(&reply, what);
    }
    let access = text(&first, "accessToken");
    for (what, token) in [
        ("the first access token", &access),
        (
            "the access token that was renewed",
            &text(&renewed, "accessToken"),
        ),
    ] {
        refused(&ask(&anonymous, ME, bearer(token)).await, what);
    }
    for not_one in [
        json!(access),
        json!(""),
        json!("x".repeat(1000)),
        json!("\u{fffd}"),
    ] {
        let reply = post(
            &anonymous,
            "/api/v1/auth/refresh",
            &json!({ "refreshToken": not_one }),
        )
        .await;
        assert!(
            matches!(reply.status.as_u16(), 400 | 401),
            "{not_one}: {}",
            reply.status
        );
    }
}

/// A session that was ended is over at once, whoever ended it.
pub(crate) async fn an_ended_session_is_over(hospital: &Hospital) {
    let admin = hospital.admin().await;
    let (username, password) = (
        format!("ended-{}", Uuid::new_v4().simple()),
        "a long enough password",
    );
    let body = json!({ "username": username, "password": password, "roles": ["RECEPTIONIST"] });
    let account = text(
        &expect_status(
            &admin.post("/api/v1/users", &body).await.expect("an answer"),
            201,
        ),
        "id",
    );
    let anonymous = hospital.anonymous();

    let logged_out = log_in(&anonymous, &username, password).await;
    let reply = anonymous
        .send(
            Method::POST,
            "/api/v1/auth/logout",
            None::<&()>,
            bearer(&text(&logged_out, "accessToken")),
        )
        .await
        .expect("an answer");
    assert_eq!(reply.status.as_u16(), 204);
    over(&anonymous, &logged_out, "logged out").await;

    let ended = log_in(&anonymous, &username, password).await;
    let remaining = log_in(&anonymous, &username, password).await;
    let session = text(&decoded_claims(&text(&ended, "accessToken")), "sid");
    let path = format!("/api/v1/auth/sessions/{session}");
    let foreign = admin
        .request(Method::DELETE, &path, None::<&()>, HeaderMap::new())
        .await
        .expect("an answer");
    assert_eq!(foreign.status.as_u16(), 404, "somebody else's session");
    let reply = anonymous
        .send(
            Method::DELETE,
            &path,
            None::<&()>,
            bearer(&text(&remaining, "accessToken")),
        )
        .await
        .expect("an answer");
    assert_eq!(reply.status.as_u16(), 204);
    over(&anonymous, &ended, "ended from another device").await;

    let path = format!("/api/v1/users/{account}");
    let reply = admin
        .request(
            Method::PATCH,
            &path,
            Some(&json!({ "locked": true })),
            HeaderMap::new(),
        )
        .await
        .expect("an answer");
    expect_status(&reply, 200);
    over(&anonymous, &remaining, "the account is locked").await;
    let login = json!({ "username": username, "password": password });
    refused(
        &post(&anonymous, "/api/v1/auth/login", &login).await,
        "a login to a locked account",
    );
}

/// Nothing of a session works any more, from the next request on.
async fn over(anonymous: &Client, tokens: &Value, why: &str) {
    let body = json!({ "refreshToken": text(tokens, "refreshToken") });
    refused(&post(anonymous, "/api/v1/auth/refresh", &body).await, why);
    let access = text(tokens, "accessToken");
    refused(&ask(anonymous, ME, bearer(&access)).await, why);
}

/// The key changes while somebody is logged in: their token stays good, the next is
/// signed by the next key, and both keys are published.
pub(crate) async fn a_rotated_key_ends_no_session() {
    let mut hospital = Hospital::fresh();
    let before = hospital.admin().await.token().await.expect("logged in");
    let old_key = kid(&before);
    // Make-believe that it has signed for a month; a start looks whether one is due.
    let aged = sqlx::query(
        "update identity.signing_key set activated_at = activated_at - interval '31 days', created_at = created_at - interval '31 days'
         where state = 'CURRENT'",
    )
    .execute(&hospital.superuser().await)
    .await
    .expect("the superuser may")
    .rows_affected();
    assert_eq!(aged, 1);
    assert!(hospital.stop(), "a clean stop");
    hospital.start();

    let anonymous = hospital.anonymous();
    let after = eventually("another key signs", || async {
        let token = hospital
            .admin()
            .await
            .token()
            .await
            .ok_or("not logged in")?;
        if kid(&token) == old_key {
            Err(old_key.clone())
        } else {
            Ok(Value::String(token))
        }
    })
    .await;
    let after = after.as_str().expect("a token");
    for (what, token) in [("the old", before.as_str()), ("the new", after)] {
        assert_eq!(
            ask(&anonymous, ME, bearer(token)).await.status.as_u16(),
            200,
            "{what}"
        );
    }
    let published = expect_status(
        &anonymous
            .get("/.well-known/jwks.json")
            .await
            .expect("an answer"),
        200,
    );
    let ids: Vec<&str> = published["keys"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|key| key["kid"].as_str())
        .collect();
    assert!(
        ids.contains(&old_key.as_str()) && ids.contains(&kid(after).as_str()),
        "{ids:?}"
    );
    for key in published["keys"].as_array().into_iter().flatten() {
        assert!(key.get("d").is_none(), "a private key is published");
    }
    // By the end of its life nothing of the old key is accepted: its removal takes
    // the tokens along.
    let forged = Forge::of(&hospital, after)
        .await
        .signed(|claims| claims["exp"] = json!(1));
    refused(
        &ask(&anonymous, ME, bearer(&forged)).await,
        "an ended token of the new key",
    );
}

/// Headers that other systems take for an identity, an address or a method.
const LIES: &[(&str, &str)] = &[
    ("x-user-id", "00000000-0000-7000-8000-000000000001"),
    ("x-user", "admin"),
    ("x-user-roles", "ADMIN"),
    ("x-roles", "ADMIN"),
    ("x-role", "ADMIN"),
    ("x-auth-user", "admin"),
    ("x-auth-user-id", "admin"),
    ("x-auth-roles", "ADMIN"),
    ("x-authenticated-user", "admin"),
    ("x-remote-user", "admin"),
    ("remote-user", "admin"),
    ("x-forwarded-user", "admin"),
    ("x-forwarded-email", "admin@example.com"),
    ("x-forwarded-groups", "ADMIN"),
    ("x-galen-principal", "{\"roles\":[\"ADMIN\"]}"),
    ("x-internal-token", "pm-internal-token"),
    ("x-ssl-client-verify", "SUCCESS"),
    ("x-forwarded-client-cert", "URI=spiffe://galen/identity"),
    ("x-forwarded-for", "127.0.0.1"),
    ("x-real-ip", "127.0.0.1"),
    ("forwarded", "for=127.0.0.1;by=127.0.0.1;host=localhost"),
    ("x-forwarded-host", "evil.example"),
    ("x-original-host", "evil.example"),
    ("x-forwarded-prefix", "/api/v1/users"),
    ("x-original-url", "/api/v1/users"),
    ("x-rewrite-url", "/api/v1/users"),
    ("x-http-method-override", "DELETE"),
    ("x-http-method", "DELETE"),
    ("x-method-override", "DELETE"),
];

/// Whatever headers say about who asks, from where, for what and how: the answer is
/// the one without them.
pub(crate) async fn headers_change_nothing(hospital: &Hospital) {
    let admin = hospital.admin().await;
    let stranger = patient(&admin).await;
    let me = user(&admin, &["PATIENT"], None).await;
    let token = me.token().await.expect("logged in");
    let session = text(&decoded_claims(&token), "sid");
    let session_path = format!("/api/v1/auth/sessions/{session}");
    let anonymous = hospital.anonymous();
    let truth = ask(&anonymous, ME, bearer(&token)).await;
    assert_eq!(truth.status.as_u16(), 200);

    let mut lies: Vec<HeaderMap> = LIES
        .iter()
        .map(|(name, value)| {
            HeaderMap::from_iter([(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )])
        })
        .collect();
    let all_at_once = lies
        .iter()
        .flatten()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    lies.push(all_at_once);
    for lie in lies {
        let with = |token: Option<&str>| {
            let mut headers = lie.clone();
            headers.extend(token.map(bearer).unwrap_or_default());
            headers
        };
        let reply = ask(&anonymous, ME, with(Some(&token))).await;
        assert_eq!(
            (reply.status, &reply.body),
            (truth.status, &truth.body),
            "{lie:?}"
        );
        for (path, status) in [
            ("/api/v1/users".to_owned(), 403),
            ("/api/v1/ops/dead-letters".to_owned(), 403),
            (format!("/api/v1/patients/{stranger}"), 404),
        ] {
            assert_eq!(
                ask(&anonymous, &path, with(Some(&token)))
                    .await
                    .status
                    .as_u16(),
                status,
                "{path} {lie:?}"
            );
            refused(&ask(&anonymous, &path, with(None)).await, &path);
        }
        // Another method is asked for by the method alone.
        let reply = anonymous
            .send(Method::POST, &session_path, None::<&()>, with(Some(&token)))
            .await
            .expect("an answer");
        assert_eq!(reply.status.as_u16(), 405, "{lie:?}");
        let reply = ask(&anonymous, "/api/v1/auth/sessions", with(Some(&token))).await;
        let sessions = expect_status(&reply, 200);
        assert_eq!(
            sessions["items"][0]["current"], true,
            "the session was ended: {lie:?}"
        );
    }
}

/// Where a login came from is where the connection came from, and links in messages
/// lead to the configured place, whatever the request says.
pub(crate) async fn addresses_are_not_believed(hospital: &Hospital) {
    let admin = hospital.admin().await;
    let lies = || {
        HeaderMap::from_iter([
            (
                HeaderName::from_static("host"),
                HeaderValue::from_static("evil.example"),
            ),
            (
                HeaderName::from_static("x-forwarded-host"),
                HeaderValue::from_static("evil.example"),
            ),
            (
                HeaderName::from_static("x-forwarded-for"),
                HeaderValue::from_static("203.0.113.9"),
            ),
            (
                HeaderName::from_static("forwarded"),
                HeaderValue::from_static("for=203.0.113.9;host=evil.example;proto=https"),
            ),
            (
                HeaderName::from_static("x-real-ip"),
                HeaderValue::from_static("203.0.113.9"),
            ),
        ])
    };
    let unique = Uuid::new_v4().simple().to_string();
    let (username, password, email) = (
        format!("far-{unique}"),
        "a long enough password",
        format!("{unique}@example.com"),
    );
    let body = json!({ "username": username, "password": password, "roles": ["RECEPTIONIST"], "email": email });
    let mut headers = lies();
    headers.extend(bearer(&admin.token().await.expect("logged in")));
    let anonymous = hospital.anonymous();
    let made = anonymous
        .send(Method::POST, "/api/v1/users", Some(&body), headers)
        .await
        .expect("an answer");
    expect_status(&made, 201);
    assert!(
        !made
            .header("location")
            .is_some_and(|to| to.contains("evil")),
        "{:?}",
        made.headers
    );

    let login = json!({ "username": username, "password": password });
    let reply = anonymous
        .send(Method::POST, "/api/v1/auth/login", Some(&login), lies())
        .await
        .expect("an answer");
    let tokens = expect_status(&reply, 200);
    let sessions = ask(
        &anonymous,
        "/api/v1/auth/sessions",
        bearer(&text(&tokens, "accessToken")),
    )
    .await;
    let sessions = expect_status(&sessions, 200);
    assert_eq!(sessions["items"][0]["address"], "127.0.0.1", "{sessions}");

    let forgot = json!({ "username": username });
    let reply = anonymous
        .send(
            Method::POST,
            "/api/v1/auth/password/forgot",
            Some(&forgot),
            lies(),
        )
        .await
        .expect("an answer");
    assert!(
        reply.status.is_success(),
        "{}",
        String::from_utf8_lossy(&reply.body)
    );
    let spool = hospital.dir().join("notifications/mail");
    let mail = eventually("the mail with the link arrives", || async {
        std::fs::read_dir(&spool)
            .map_err(|e| e.to_string())?
            .flatten()
            .filter_map(|entry| std::fs::read_to_string(entry.path()).ok())
            .find(|mail| mail.contains(&email))
            .map(Value::String)
            .ok_or_else(|| format!("no mail to {email}"))
    })
    .await;
    let mail = mail.as_str().expect("text");
    assert!(mail.contains("#token") && !mail.contains("evil"), "{mail}");
}

/// A patient tries everything with another patient's ids, in path, query and body.
/// Nothing exists for them, and nothing happens to the other.
pub(crate) async fn ids_of_others_reach_nothing(hospital: &Hospital) {
    let admin = hospital.admin().await;
    let practitioner = doctor(&admin, 3).await;
    let stranger = patient(&admin).await;
    let appointment = eventually("a booking for the other", || async {
        let body = booking(&stranger, &practitioner, tomorrow(300), 20);
        let reply = admin
            .post("/api/v1/appointments", &body)
            .await
            .map_err(|e| e.to_string())?;
        if reply.status.as_u16() == 201 {
            reply.json().map_err(|e| e.to_string())
        } else {
            Err(reply.code())
        }
    })
    .await;
    let appointment = text(&appointment, "id");
    let me = patient_with_password(hospital, &admin).await;
    let pool = hospital.superuser().await;
    let told = async || -> i64 {
        sqlx::query_scalar("select count(*) from events.event where key in ($1, $2)")
            .bind(&stranger)
            .bind(&appointment)
            .fetch_one(&pool)
            .await
            .expect("readable")
    };
    settled(&admin, &stranger, &appointment).await;
    let before = (told().await, seen(&admin, &stranger, &appointment).await);

    let start = tomorrow(330);
    let (s, a) = (&stranger, &appointment);
    let reads = [
        format!("/patients/{s}"),
        format!("/patients/{s}/allergies"),
        format!("/patients/{s}/conditions"),
        format!("/patients/{s}/notes"),
        format!("/patients/{s}/vitals"),
        format!("/patients/{s}/coverages"),
        format!("/patients/{s}/timeline"),
        format!("/notification-preferences/{s}"),
        format!("/notifications?recipientId={s}"),
        format!("/appointments?patientId={s}"),
        format!("/appointments/{a}"),
        format!("/waitlist?patientId={s}"),
    ];
    for path in &reads {
        let reply = me.get(&format!("/api/v1{path}")).await.expect("an answer");
        assert_eq!(
            reply.status.as_u16(),
            404,
            "{path}: {}",
            String::from_utf8_lossy(&reply.body)
        );
    }
    let coverage =
        json!({ "planId": "p", "policyNumber": "1", "validFrom": "2026-01-01", "priority": 1 });
    let writes = [
        (
            Method::PATCH,
            format!("/patients/{s}"),
            json!({ "phone": "+49 30 7654321" }),
        ),
        (Method::POST, format!("/patients/{s}/coverages"), coverage),
        (
            Method::POST,
            format!("/patients/{s}/deactivate"),
            json!({ "reason": "mine" }),
        ),
        (
            Method::PUT,
            format!("/notification-preferences/{s}"),
            json!({ "language": "tr" }),
        ),
        (
            Method::POST,
            "/appointments".to_owned(),
            booking(s, &practitioner, start, 20),
        ),
        (
            Method::POST,
            "/slots/hold".to_owned(),
            json!({ "practitionerId": practitioner, "start": start, "end": tomorrow(350), "serviceType": "CONSULTATION", "patientId": s }),
        ),
        (
            Method::POST,
            "/waitlist".to_owned(),
            json!({ "patientId": s, "practitionerId": practitioner, "serviceType": "CONSULTATION", "paymentMode": "SELF_PAY", "earliest": start, "latest": tomorrow(900) }),
        ),
        (Method::POST, format!("/appointments/{a}/cancel"), json!({})),
        (
            Method::POST,
            format!("/appointments/{a}/confirm"),
            json!({}),
        ),
        (
            Method::POST,
            format!("/appointments/{a}/reschedule"),
            json!({ "start": start, "end": tomorrow(350) }),
        ),
    ];
    for (method, path, body) in writes {
        let reply = me
            .request(
                method.clone(),
                &format!("/api/v1{path}"),
                Some(&body),
                HeaderMap::new(),
            )
            .await
            .expect("an answer");
        assert_eq!(
            reply.status.as_u16(),
            404,
            "{method} {path}: {}",
            String::from_utf8_lossy(&reply.body)
        );
    }
    // What patients may not do at all is refused before anybody looks whose it is.
    for (path, body) in [
        (format!("/patients/{s}/notes"), json!({ "text": "mine" })),
        (
            format!("/patients/{s}/merge"),
            json!({ "intoId": practitioner, "reason": "mine" }),
        ),
        (format!("/appointments/{a}/check-in"), json!({})),
        (
            "/users".to_owned(),
            json!({ "username": "mine", "password": "a long enough password", "roles": ["ADMIN"] }),
        ),
    ] {
        let reply = me
            .post(&format!("/api/v1{path}"), &body)
            .await
            .expect("an answer");
        assert_eq!(
            reply.status.as_u16(),
            403,
            "{path}: {}",
            String::from_utf8_lossy(&reply.body)
        );
    }
    let after = (told().await, seen(&admin, &stranger, &appointment).await);
    assert_eq!(after, before, "something happened to the other");
}

/// Waits until what a booking causes has happened.
async fn settled(admin: &Client, stranger: &str, appointment: &str) {
    eventually("the confirmation is sent", || async {
        let path = format!("/api/v1/notifications?recipientId={stranger}&limit=200");
        let page: Value = admin
            .get(&path)
            .await
            .map_err(|e| e.to_string())?
            .json()
            .map_err(|e| e.to_string())?;
        let sent = |template: &str, about: Option<&str>| {
            page["items"].as_array().into_iter().flatten().any(|m| {
                m["template"] == template
                    && m["status"] == "SENT"
                    && about.is_none_or(|id| m["aboutId"] == id)
            })
        };
        if sent("APPOINTMENT_CONFIRMATION", Some(appointment)) && sent("ACCOUNT_WELCOME", None) {
            Ok(Value::Null)
        } else {
            Err(page.to_string())
        }
    })
    .await;
}

/// Everything about the other that the front desk can see.
async fn seen(admin: &Client, stranger: &str, appointment: &str) -> Vec<String> {
    let mut all = Vec::new();
    for path in [
        format!("/patients/{stranger}"),
        format!("/patients/{stranger}/coverages"),
        format!("/notification-preferences/{stranger}"),
        format!("/appointments?patientId={stranger}"),
        format!("/appointments/{appointment}"),
        format!("/waitlist?patientId={stranger}"),
        format!("/notifications?recipientId={stranger}"),
    ] {
        let reply = admin
            .get(&format!("/api/v1{path}"))
            .await
            .expect("an answer");
        all.push(expect_status(&reply, 200).to_string());
    }
    all
}

/// A patient with a record and a password of their own, chosen by the link in the mail.
async fn patient_with_password(hospital: &Hospital, clerk: &Client) -> Client {
    let own = patient(clerk).await;
    let token = credential_token(hospital.dir(), clerk, &own).await;
    let password = "a long enough password";
    let set = json!({ "token": token, "newPassword": password });
    let reply = post(&hospital.anonymous(), "/api/v1/auth/password/set", &set).await;
    assert!(
        reply.status.is_success(),
        "{}",
        String::from_utf8_lossy(&reply.body)
    );
    let path = format!("/api/v1/patients/{own}");
    let mrn = text(
        &expect_status(&clerk.get(&path).await.expect("an answer"), 200),
        "mrn",
    );
    let me = hospital.anonymous();
    me.login(&mrn, password)
        .await
        .expect("the patient can log in");
    let mine = me.get(&path).await.expect("an answer");
    assert_eq!(
        mine.status.as_u16(),
        200,
        "the control: one's own record is there"
    );
    me
}

async fn ask(anonymous: &Client, path: &str, headers: HeaderMap) -> Reply {
    anonymous
        .send(Method::GET, path, None::<&()>, headers)
        .await
        .expect("an answer")
}

async fn post(anonymous: &Client, path: &str, body: &Value) -> Reply {
    anonymous
        .send(Method::POST, path, Some(body), HeaderMap::new())
        .await
        .expect("an answer")
}

async fn log_in(anonymous: &Client, username: &str, password: &str) -> Value {
    let body = json!({ "username": username, "password": password });
    expect_status(&post(anonymous, "/api/v1/auth/login", &body).await, 200)
}

/// 401 with nothing but the problem.
#[track_caller]
fn refused(reply: &Reply, what: &str) {
    let body = String::from_utf8_lossy(&reply.body);
    assert_eq!(reply.status.as_u16(), 401, "{what}: {body}");
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json"),
        "{what}"
    );
}

fn bearer(token: &str) -> HeaderMap {
    let value = format!("Bearer {token}").parse().expect("ASCII");
    HeaderMap::from_iter([(http::header::AUTHORIZATION, value)])
}

fn kid(token: &str) -> String {
    text(&decoded(token.split('.').next().unwrap_or_default()), "kid")
}

fn decoded_claims(token: &str) -> Value {
    decoded(token.split('.').nth(1).unwrap_or_default())
}

fn decoded(part: &str) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(part).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

fn bytes(part: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD
        .decode(part.as_str().expect("text"))
        .expect("base64url")
}

/// A word that nobody else has.
fn letters() -> String {
    Uuid::new_v4()
        .simple()
        .to_string()
        .chars()
        .map(|c| char::from(b'a' + c.to_digit(16).map_or(0, |d| d as u8)))
        .collect()
}
