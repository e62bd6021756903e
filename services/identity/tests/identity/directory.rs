//! Login through the hospital's directory.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::future::join_all;
use galen_contracts::identity::v1::{SessionsEnded, UserChanged, UserProvisioned};
use galen_service::testing::Reply;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::StatusCode;
use http::header::COOKIE;
use jiff::SignedDuration;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::hospital::{ADMIN_PASSWORD, Hospital, PASSWORD, Tokens, nowhere, tokens};
use crate::stand_in::{Asked, CLIENT_ID, CLIENT_SECRET, Directory, Key, Manner, unsigned};

/// A hospital with a directory.
struct World {
    hospital: Hospital,
    directory: Directory,
}

/// A login that a browser has begun.
struct Begun {
    asked: Asked,
    cookie: String,
}

impl World {
    async fn open(settings: &[(&str, &str)]) -> Self {
        let directory = Directory::open().await;
        let issuer = directory.issuer().to_owned();
        let mut all = vec![
            ("identity.admin_password", ADMIN_PASSWORD),
            ("identity.directory.issuer", issuer.as_str()),
            ("identity.directory.client_id", CLIENT_ID),
            ("identity.directory.client_secret", CLIENT_SECRET),
            (
                "identity.directory.roles",
                "doctors=DOCTOR;CN=desk,DC=example=RECEPTIONIST;clerks=WARD_CLERK",
            ),
        ];
        all.extend(settings);
        let hospital = Hospital::open_with(&all).await;
        Self {
            hospital,
            directory,
        }
    }

    async fn provisioning() -> Self {
        Self::open(&[("identity.directory.provision", "true")]).await
    }

    async fn start(&self) -> Reply {
        self.start_with(json!({})).await
    }

    async fn start_with(&self, body: Value) -> Reply {
        let anonymous = self.hospital.api.anonymous();
        anonymous.post("/auth/directory/start", body).await
    }

    async fn begin(&self) -> Begun {
        begun(&self.start().await)
    }

    /// What the directory says of somebody who has just logged in to it.
    fn claims(&self, begun: &Begun, subject: &str, groups: &[&str]) -> Value {
        let now = self.hospital.clock.now().as_second();
        json!({
            "iss": self.directory.issuer(), "sub": subject, "aud": CLIENT_ID, "exp": now + 300,
            "iat": now, "auth_time": now - 60, "nonce": begun.asked.get("nonce"), "groups": groups,
        })
    }

    async fn complete(&self, cookie: &str, body: Value) -> Reply {
        let browser = self.hospital.api.anonymous().with_header(COOKIE, cookie);
        browser.post("/auth/directory/callback", body).await
    }

    /// Comes back with a code.
    async fn come_back(&self, begun: &Begun, code: &str) -> Reply {
        let body = json!({ "code": code, "state": begun.asked.get("state") });
        self.complete(&begun.cookie, body).await
    }

    /// Logs in with an ID token of these claims.
    async fn with_claims(&self, begun: &Begun, claims: &Value) -> Reply {
        let code = self
            .directory
            .grants(&begun.asked, self.directory.sign(claims));
        self.come_back(begun, &code).await
    }

    async fn try_log_in(&self, subject: &str, groups: &[&str]) -> Reply {
        let begun = self.begin().await;
        self.with_claims(&begun, &self.claims(&begun, subject, groups))
            .await
    }

    async fn log_in(&self, subject: &str, groups: &[&str]) -> Tokens {
        tokens(&self.try_log_in(subject, groups).await, StatusCode::OK)
    }

    /// Somebody of the directory gets an account of the hospital's own.
    async fn link(&self, user: &str, subject: &str) -> Reply {
        let admin = self.hospital.admin().await;
        let path = format!("/users/{user}/directory-identity");
        admin.post(&path, json!({ "subject": subject })).await
    }

    /// A nurse whom the directory calls `ada`.
    async fn ada(&self) -> String {
        let admin = self.hospital.admin().await;
        let nurse = self.hospital.hire(&admin, "ada", &["NURSE"]).await;
        let id = nurse["id"].as_str().expect("an id").to_owned();
        let linked = self.link(&id, "ada").await;
        assert_eq!(linked.status, StatusCode::CREATED, "{linked:?}");
        id
    }
}

fn begun(reply: &Reply) -> Begun {
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    let cookie = reply.header("set-cookie").expect("a cookie");
    let (cookie, _) = cookie.split_once(';').expect("attributes");
    Begun {
        asked: Asked::of(reply.body["redirectUrl"].as_str().expect("an address")),
        cookie: cookie.to_owned(),
    }
}

fn refused(reply: &Reply) -> (u16, &str) {
    (reply.status.as_u16(), reply.code().unwrap_or_default())
}

const REFUSED: (u16, &str) = (401, "DIRECTORY_LOGIN_REFUSED");
const UNKNOWN: (u16, &str) = (403, "DIRECTORY_IDENTITY_UNKNOWN");
const NO_ROLE: (u16, &str) = (403, "DIRECTORY_ROLE_MISSING");
const DOWN: (u16, &str) = (503, "DIRECTORY_UNAVAILABLE");

/// What an access token says.
fn said(tokens: &Tokens) -> Value {
    let payload = tokens.access.split('.').nth(1).expect("a payload");
    let bytes = URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    serde_json::from_slice(&bytes).expect("claims")
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_logs_in_to_the_account_that_an_administrator_linked() {
    let world = World::open(&[("identity.public_url", "https://galen.example.org")]).await;
    assert_eq!(
        refused(&world.try_log_in("ada", &["doctors"]).await),
        UNKNOWN
    );
    let id = world.ada().await;

    let reply = world.start().await;
    let cookie = reply.header("set-cookie").expect("a cookie");
    assert!(cookie.starts_with("__Host-galen-directory="), "{cookie}");
    assert!(
        cookie.ends_with("; HttpOnly; SameSite=Strict; Secure"),
        "{cookie}"
    );
    let begun = begun(&reply);
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", CLIENT_ID),
        ("redirect_uri", "https://galen.example.org/directory-login"),
        ("scope", "openid profile"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(begun.asked.get(name), value, "{name}");
    }
    for name in ["state", "nonce", "code_challenge"] {
        assert_eq!(begun.asked.get(name).len(), 43, "{name}");
    }

    let claims = world.claims(&begun, "ada", &[]);
    let session = tokens(&world.with_claims(&begun, &claims).await, StatusCode::OK);
    let me = world.hospital.me(&session).await;
    assert_eq!(me["id"], id.as_str());
    let principal = world.hospital.principal_of(&session);
    assert_eq!(principal.roles, [galen_access::Role::Nurse]);
    // The directory says when and that it was the directory: no password was shown here.
    let said = said(&session);
    assert_eq!(said["amr"], json!(["fed"]));
    assert_eq!(said["auth_time"], claims["auth_time"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_login_page_knows_whether_there_is_a_directory() {
    let world = World::open(&[("identity.directory.name", "St Anne's")]).await;
    let shown = world.hospital.api.anonymous().get("/auth/directory").await;
    assert_eq!(
        shown.body,
        json!({ "configured": true, "name": "St Anne's" })
    );

    let without = Hospital::open().await;
    let shown = without.api.anonymous().get("/auth/directory").await;
    assert_eq!(shown.body, json!({ "configured": false, "name": null }));
    let start = without
        .api
        .anonymous()
        .post("/auth/directory/start", json!({}))
        .await;
    assert_eq!(refused(&start), (404, "DIRECTORY_NOT_CONFIGURED"));
}

/// Every way in which an ID token can be false, each in a login that is right otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn a_false_id_token_opens_nothing() {
    let world = World::open(&[]).await;
    world.ada().await;
    let now = world.hospital.clock.now().as_second();
    let at_hash = |access: &str| URL_SAFE_NO_PAD.encode(&Sha256::digest(access)[..16]);
    let changed = |name: &'static str, value: Value| (name, value);
    for (name, value) in [
        changed("iss", "https://id.example.org".into()),
        changed("iss", Value::Null),
        changed("aud", "another client".into()),
        changed("aud", json!([])),
        changed("aud", json!([CLIENT_ID, "another client"])),
        changed("azp", "another client".into()),
        changed("exp", now.into()),
        changed("exp", (now - 3_600).into()),
        changed("iat", (now + 120).into()),
        changed("iat", (now - 3_600).into()),
        changed("nonce", "another nonce".into()),
        changed("nonce", Value::Null),
        changed("at_hash", at_hash("another access token").into()),
        changed("sub", "".into()),
        changed("sub", "ada\u{0}".into()),
        changed("sub", Value::Null),
    ] {
        let begun = world.begin().await;
        let mut claims = world.claims(&begun, "ada", &[]);
        claims[name] = value.clone();
        let reply = world.with_claims(&begun, &claims).await;
        assert_eq!(refused(&reply), REFUSED, "{name}: {value}");
    }
    // The same with nothing false.
    let begun = world.begin().await;
    let mut claims = world.claims(&begun, "ada", &[]);
    claims["azp"] = CLIENT_ID.into();
    claims["at_hash"] = at_hash("an access token").into();
    claims["aud"] = json!([CLIENT_ID]);
    tokens(&world.with_claims(&begun, &claims).await, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_token_is_signed_by_a_key_of_the_directory_and_no_other() {
    let world = World::open(&[]).await;
    world.ada().await;
    let public = world.directory.public_key();
    let point = format!(
        "{}{}",
        public["x"].as_str().expect("x"),
        public["y"].as_str().expect("y")
    );
    let hs256 = |key: &[u8], header: Value, claims: &Value| {
        let message = unsigned(&header, claims);
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
        mac.update(message.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
        format!("{message}.{signature}")
    };
    type Forgery<'a> = Box<dyn Fn(&Value) -> String + 'a>;
    let forgeries: Vec<(&str, Forgery<'_>)> = vec![
        (
            "none",
            Box::new(|c| format!("{}.", unsigned(&json!({ "alg": "none" }), c))),
        ),
        (
            "None",
            Box::new(|c| format!("{}.", unsigned(&json!({ "alg": "None", "kid": "one" }), c))),
        ),
        (
            "public key as secret",
            Box::new(|c| {
                hs256(
                    public.to_string().as_bytes(),
                    json!({ "alg": "HS256", "kid": "one" }),
                    c,
                )
            }),
        ),
        (
            "its point as secret",
            Box::new(|c| hs256(point.as_bytes(), json!({ "alg": "HS256", "kid": "one" }), c)),
        ),
        (
            "client's secret",
            Box::new(|c| hs256(CLIENT_SECRET.as_bytes(), json!({ "alg": "HS256" }), c)),
        ),
        (
            "another key of the same name",
            Box::new(|c| Key::elliptic("one").sign(c)),
        ),
        (
            "a key of another name",
            Box::new(|c| Key::elliptic("two").sign(c)),
        ),
        ("another kind of key", Box::new(|c| Key::rsa("one").sign(c))),
        (
            "no signature",
            Box::new(|c| {
                let t = world.directory.sign(c);
                t[..=t.rfind('.').expect("parts")].to_owned()
            }),
        ),
        (
            "other claims under the signature",
            Box::new(|c| {
                let token = world.directory.sign(&json!({ "sub": "somebody else" }));
                let signature = token.rsplit('.').next().expect("a signature");
                format!(
                    "{}.{signature}",
                    unsigned(&json!({ "alg": "ES256", "kid": "one" }), c)
                )
            }),
        ),
        (
            "key in the header",
            Box::new(|c| {
                let own = Key::elliptic("one");
                let token = own.sign(c);
                let signature = token.rsplit('.').next().expect("a signature").to_owned();
                format!(
                    "{}.{signature}",
                    unsigned(
                        &json!({ "alg": "ES256", "kid": "one", "jwk": own.public() }),
                        c
                    )
                )
            }),
        ),
        (
            "a critical extension",
            Box::new(|c| {
                let token = world.directory.sign(c);
                let signature = token.rsplit('.').next().expect("a signature").to_owned();
                format!(
                    "{}.{signature}",
                    unsigned(&json!({ "alg": "ES256", "kid": "one", "crit": ["b64"] }), c)
                )
            }),
        ),
        ("no token", Box::new(|_| "ada".to_owned())),
    ];
    for (what, forge) in forgeries {
        let begun = world.begin().await;
        let forged = forge(&world.claims(&begun, "ada", &[]));
        let code = world.directory.grants(&begun.asked, forged);
        let reply = world.come_back(&begun, &code).await;
        assert_eq!(refused(&reply), REFUSED, "{what}");
    }
    world.log_in("ada", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_of_the_directory_is_learnt_and_rsa_will_do() {
    let world = World::open(&[]).await;
    world.ada().await;
    world.log_in("ada", &[]).await;
    world.directory.signs_with(Key::rsa("two"));
    // The keys were read a moment ago, and are not asked for at every token's word.
    assert_eq!(refused(&world.try_log_in("ada", &[]).await), REFUSED);
    world.hospital.clock.advance(SignedDuration::from_mins(2));
    world.log_in("ada", &[]).await;
    let asked = world.directory.asked();
    assert_eq!(
        asked.iter().filter(|what| **what == "keys").count(),
        2,
        "{asked:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_completes_once_in_time_and_in_its_own_browser() {
    let world = World::open(&[]).await;
    world.ada().await;
    let code = |begun: &Begun| {
        let token = world.directory.sign(&world.claims(begun, "ada", &[]));
        world.directory.grants(&begun.asked, token)
    };
    let (mine, theirs) = (world.begin().await, world.begin().await);

    // Somebody leads my browser to the end of a login that they began.
    let body = json!({ "code": code(&theirs), "state": theirs.asked.get("state") });
    assert_eq!(
        refused(&world.complete(&mine.cookie, body.clone()).await),
        REFUSED
    );
    assert_eq!(refused(&world.complete("theme=dark", body).await), REFUSED);
    // My state with their code, which the directory would have given for their verifier.
    let body = json!({ "code": code(&theirs), "state": mine.asked.get("state") });
    assert_eq!(refused(&world.complete(&mine.cookie, body).await), REFUSED);
    // That used my login up.
    assert_eq!(
        refused(&world.come_back(&mine, &code(&mine)).await),
        REFUSED
    );
    // A state that nobody began.
    let body = json!({ "code": code(&theirs), "state": "x".repeat(43) });
    assert_eq!(
        refused(&world.complete(&theirs.cookie, body).await),
        REFUSED
    );

    tokens(
        &world.come_back(&theirs, &code(&theirs)).await,
        StatusCode::OK,
    );
    assert_eq!(
        refused(&world.come_back(&theirs, &code(&theirs)).await),
        REFUSED
    );

    let late = world.begin().await;
    world.hospital.clock.advance(SignedDuration::from_mins(10));
    assert_eq!(
        refused(&world.come_back(&late, &code(&late)).await),
        REFUSED
    );

    let raced = world.begin().await;
    let codes: Vec<_> = (0..8).map(|_| code(&raced)).collect();
    let replies = join_all(codes.iter().map(|code| world.come_back(&raced, code))).await;
    let let_in = replies
        .iter()
        .filter(|reply| reply.status == StatusCode::OK);
    assert_eq!(let_in.count(), 1, "{replies:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_that_nobody_completes_are_forgotten() {
    let world = World::open(&[]).await;
    world.begin().await;
    assert_eq!(world.hospital.run_job("identity.forget").await, 0);
    world.hospital.clock.advance(SignedDuration::from_mins(11));
    assert_eq!(world.hospital.run_job("identity.forget").await, 1);
}

/// RFC 9207: a code that another provider gave is not sent to this one.
#[tokio::test(flavor = "multi_thread")]
async fn the_code_of_another_provider_goes_nowhere() {
    let world = World::open(&[]).await;
    world.ada().await;
    world.directory.announces_issuer();
    let (other, own) = ("https://id.example.org", world.directory.issuer());
    for (iss, let_in) in [(Some(other), false), (None, false), (Some(own), true)] {
        let begun = world.begin().await;
        let token = world.directory.sign(&world.claims(&begun, "ada", &[]));
        let code = world.directory.grants(&begun.asked, token);
        let mut body = json!({ "code": code, "state": begun.asked.get("state") });
        if let Some(iss) = iss {
            body["iss"] = iss.into();
        }
        let before = world.directory.asked().len();
        let reply = world.complete(&begun.cookie, body).await;
        if let_in {
            tokens(&reply, StatusCode::OK);
        } else {
            assert_eq!(refused(&reply), REFUSED, "{iss:?}");
            assert_eq!(world.directory.asked().len(), before, "{iss:?}");
        }
    }
}

/// Whatever the directory does: it is a 503, within seconds, and nobody else notices.
#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_misbehaves_hurts_nobody_else() {
    for manner in [
        Manner::Broken,
        Manner::Silent,
        Manner::Endless,
        Manner::Elsewhere,
        Manner::Garbage,
        Manner::Impostor,
        Manner::InTheOpen,
    ] {
        let world = World::open(&[]).await;
        world.directory.answers(manner);
        let began = std::time::Instant::now();
        let (reply, _) = tokio::join!(
            world.start(),
            world.hospital.log_in("admin", ADMIN_PASSWORD)
        );
        assert_eq!(refused(&reply), DOWN, "{manner:?}");
        assert!(began.elapsed().as_secs() < 20, "{manner:?}");
        assert!(!world.directory.asked().contains(&"elsewhere"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_does_not_answer_is_left_alone_for_a_while() {
    let world = World::open(&[]).await;
    world.directory.answers(Manner::Broken);
    for _ in 0..10 {
        assert_eq!(refused(&world.start().await), DOWN);
    }
    let asked = world.directory.asked().len();
    assert_eq!(asked, 3, "after three failures it is not asked");
    // A hospital starts without its directory.
    let issuer = world.directory.issuer();
    let settings = [
        ("identity.admin_password", ADMIN_PASSWORD),
        ("identity.directory.issuer", issuer),
        ("identity.directory.client_id", CLIENT_ID),
    ];
    let (_, another) = world.hospital.another_process(&settings).await;
    assert!(another.is_ok());
    world.hospital.log_in("admin", ADMIN_PASSWORD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_known_serves_while_the_directory_is_away() {
    let world = World::open(&[]).await;
    world.begin().await;
    world.directory.answers(Manner::Broken);
    world.hospital.clock.advance(SignedDuration::from_hours(2));
    world.begin().await;
    world.hospital.clock.advance(SignedDuration::from_hours(23));
    assert_eq!(refused(&world.start().await), DOWN);
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_give_an_account_and_its_roles() {
    let world = World::provisioning().await;
    for groups in [
        &[][..],
        &["others"],
        &["DOCTOR", "ADMIN", "PATIENT"],
        &["clerks"],
    ] {
        assert_eq!(
            refused(&world.try_log_in("grace", groups).await),
            NO_ROLE,
            "{groups:?}"
        );
    }
    let session = world.log_in("grace", &["doctors", "others"]).await;
    let me = world.hospital.me(&session).await;
    let roles = |tokens: &Tokens| world.hospital.principal_of(tokens).roles;
    assert_eq!(roles(&session), [galen_access::Role::Doctor]);
    let provisioned = world.hospital.published_of::<UserProvisioned>().await;
    assert_eq!(provisioned.len(), 1, "{provisioned:?}");
    assert_eq!(provisioned[0]["userId"], me["id"]);

    // The same groups: the same account, and the session before goes on.
    let again = world.log_in("grace", &["doctors"]).await;
    assert_eq!(world.hospital.me(&again).await["id"], me["id"]);
    assert_eq!(
        world.hospital.refresh(&session.refresh).await.status,
        StatusCode::OK
    );

    // Other groups: other roles, and sessions with the old ones end.
    let moved = world.log_in("grace", &["CN=desk,DC=example"]).await;
    assert_eq!(world.hospital.me(&moved).await["id"], me["id"]);
    assert_eq!(roles(&moved), [galen_access::Role::Receptionist]);
    assert_eq!(
        world.hospital.refresh(&again.refresh).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(world.hospital.published_of::<UserChanged>().await.len(), 1);

    // No groups: nobody gets in, and who is in gets out.
    assert_eq!(refused(&world.try_log_in("grace", &[]).await), NO_ROLE);
    assert_eq!(
        world.hospital.refresh(&moved.refresh).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert!(world.hospital.published_of::<SessionsEnded>().await.len() >= 2);
    assert_eq!(world.hospital.complaints().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_an_account_by_its_name_or_address() {
    let world = World::provisioning().await;
    let admin = world.hospital.admin().await;
    let body = json!({ "username": "nurse", "password": PASSWORD, "roles": ["NURSE"], "email": "nurse@example.org" });
    let nurse = admin.post("/users", body).await.body;
    for (subject, name) in [
        ("nurse", "nurse"),
        ("nurse@example.org", "Nurse"),
        ("3", "a b"),
        ("4", "x"),
    ] {
        let begun = world.begin().await;
        let mut claims = world.claims(&begun, subject, &["doctors"]);
        claims["preferred_username"] = name.into();
        claims["email"] = "nurse@example.org".into();
        claims["email_verified"] = true.into();
        let session = tokens(&world.with_claims(&begun, &claims).await, StatusCode::OK);
        let me = world.hospital.me(&session).await;
        assert_ne!(me["id"], nurse["id"]);
        let account = admin
            .get(&format!("/users/{}", me["id"].as_str().expect("an id")))
            .await;
        assert_eq!(
            account.body["email"],
            Value::Null,
            "no mail replaces the directory"
        );
        assert_eq!(account.body["hasPassword"], false);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_new_gets_one_account_however_often_they_come_at_once() {
    let world = World::provisioning().await;
    let replies = join_all((0..6).map(|_| world.try_log_in("grace", &["doctors"]))).await;
    let mut ids = Vec::new();
    for reply in &replies {
        ids.push(world.hospital.me(&tokens(reply, StatusCode::OK)).await["id"].clone());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_eq!(
        world.hospital.published_of::<UserProvisioned>().await.len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_account_stays_locked() {
    let world = World::open(&[]).await;
    let id = world.ada().await;
    let admin = world.hospital.admin().await;
    let path = format!("/users/{id}");
    assert_eq!(
        admin.patch(&path, json!({ "locked": true })).await.status,
        StatusCode::OK
    );
    assert_eq!(refused(&world.try_log_in("ada", &[]).await), REFUSED);
    assert_eq!(
        admin.patch(&path, json!({ "locked": false })).await.status,
        StatusCode::OK
    );
    world.log_in("ada", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_has_one_account_and_an_account_is_one_persons() {
    let world = World::open(&[]).await;
    let id = world.ada().await;
    let admin = world.hospital.admin().await;
    let other = world.hospital.hire(&admin, "other", &["NURSE"]).await;
    let other = other["id"].as_str().expect("an id");
    assert_eq!(
        refused(&world.link(other, "ada").await),
        (409, "DIRECTORY_IDENTITY_TAKEN")
    );
    assert_eq!(
        refused(&world.link(&id, "eve").await),
        (409, "ACCOUNT_HAS_DIRECTORY_IDENTITY")
    );
    assert_eq!(
        world.link(&nowhere().to_string(), "eve").await.status,
        StatusCode::NOT_FOUND
    );
    for subject in ["", "a\u{0}", "ä", &"a".repeat(256)] {
        let reply = world.link(other, subject).await;
        assert_eq!(
            (reply.status, reply.pointers()),
            (StatusCode::BAD_REQUEST, vec!["/subject"])
        );
    }
    let session = world.log_in("ada", &[]).await;
    let path = format!("/users/{id}/directory-identity");
    assert_eq!(admin.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(
        world.hospital.refresh(&session.refresh).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(refused(&world.try_log_in("ada", &[]).await), UNKNOWN);
    assert_eq!(admin.delete(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.link(other, "ada").await.status, StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_links_accounts_has_just_shown_who_they_are() {
    let world = World::open(&[]).await;
    let admin = world.hospital.log_in("admin", ADMIN_PASSWORD).await;
    let caller = world.hospital.holder_of(&admin);
    let nurse = world.hospital.hire(&caller, "nurse", &["NURSE"]).await;
    let path = format!(
        "/users/{}/directory-identity",
        nurse["id"].as_str().expect("an id")
    );
    world.hospital.clock.advance(SignedDuration::from_mins(14));
    let renewed = world.hospital.refresh(&admin.refresh).await;
    let renewed = tokens(&renewed, StatusCode::OK);
    world.hospital.clock.advance(SignedDuration::from_mins(2));
    let caller = world.hospital.holder_of(&renewed);
    let reply = caller.post(&path, json!({ "subject": "eve" })).await;
    assert_eq!(refused(&reply), (403, "STEP_UP_REQUIRED"));
    assert_eq!(
        refused(&caller.delete(&path).await),
        (403, "STEP_UP_REQUIRED")
    );
}

/// The directory may have known somebody for hours, and is asked to ask again.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_directory_does_not_say_is_recent_is_not() {
    let world = World::open(&[]).await;
    world.ada().await;
    let now = world.hospital.clock.now().as_second();
    for (auth_time, at) in [
        (json!(now - 7_200), now - 7_200),
        (json!(now + 30), now),
        (Value::Null, now - 901),
    ] {
        let begun = world.begin().await;
        let mut claims = world.claims(&begun, "ada", &[]);
        claims["auth_time"] = auth_time;
        let session = tokens(&world.with_claims(&begun, &claims).await, StatusCode::OK);
        assert_eq!(said(&session)["auth_time"], at);
    }
    let fresh = begun(&world.start_with(json!({ "fresh": true })).await);
    assert_eq!(
        (fresh.asked.get("prompt"), fresh.asked.get("max_age")),
        ("login", "0")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_login_is_stored() {
    let world = World::open(&[]).await;
    world.ada().await;
    let begun = world.begin().await;
    let code = {
        let token = world.directory.sign(&world.claims(&begun, "ada", &[]));
        world.directory.grants(&begun.asked, token)
    };
    let cookie = begun.cookie.split_once('=').expect("a value").1;
    let secrets = [
        begun.asked.get("state"),
        begun.asked.get("nonce"),
        cookie,
        &code,
    ];
    for _ in 0..2 {
        for table in [
            "directory_login",
            "directory_identity",
            "session",
            "account",
            "idempotency",
        ] {
            let sql = format!("select t::text from identity.{table} t");
            let rows: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
                .fetch_all(world.hospital.behind_the_curtain())
                .await
                .expect("read");
            for (row, secret) in rows
                .iter()
                .flat_map(|row| secrets.iter().map(move |s| (row, s)))
            {
                assert!(
                    !row.contains(*secret) && !row.contains(&hex::encode(secret)),
                    "{table}"
                );
            }
        }
        world.come_back(&begun, &code).await;
    }
}
