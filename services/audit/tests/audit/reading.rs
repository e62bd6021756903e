//! What auditors see, and the proofs they check without trusting us.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use galen_access::Role;
use galen_audit::head::model::Verifier;
use galen_audit::tree::hash::Hash;
use galen_audit::tree::proof::{continues, includes};
use http::StatusCode;
use serde_json::{Value, json};

use crate::world::World;

fn hash(value: &Value) -> Hash {
    Hash::from_slice(&STANDARD.decode(value.as_str().unwrap()).unwrap()).unwrap()
}

fn hashes(value: &Value) -> Vec<Hash> {
    value.as_array().unwrap().iter().map(hash).collect()
}

#[tokio::test]
async fn auditors_read_who_did_what_and_others_do_not() {
    let world = World::open().await;
    let desk = world.desk.as_role(Role::Receptionist);
    let made = desk.post("/patients", Value::Null).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let id = made.body["id"].as_str().unwrap().to_owned();
    let seen = desk.get(&format!("/patients/{id}")).await;
    assert_eq!(seen.status, StatusCode::OK);
    let curious = world.desk.as_role(Role::Operator);
    let refused = curious.get(&format!("/patients/{id}")).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    world.place().await;

    let auditor = world.api.as_role(Role::Auditor);
    let page = auditor.get(&format!("/audit/entries?subject={id}")).await;
    assert_eq!(page.status, StatusCode::OK, "{:?}", page.body);
    let items = page.body["items"].as_array().unwrap();
    let told: Vec<_> = items
        .iter()
        .map(|item| json!([item["kind"], item["action"], item["status"], item["reason"]]))
        .collect();
    assert_eq!(
        told,
        [
            json!(["DENY", "GET /patients/{id}", 403, "FORBIDDEN"]),
            json!(["READ", "GET /patients/{id}", 200, "ANY"]),
            json!(["WRITE", "POST /patients", 201, "ANY"]),
        ]
    );
    for item in items {
        assert_eq!(item["subject"], json!(id));
        assert_eq!(item["patientIds"], json!([id]));
        assert_eq!(item["service"], "patients");
        assert_eq!(item["traceId"].as_str().unwrap().len(), 32);
    }
    assert_eq!(
        items[1]["actor"],
        json!(desk.principal().user_id.to_string())
    );
    assert_eq!(items[1]["roles"], json!(["RECEPTIONIST"]));

    for (query, n) in [
        (format!("?actor={}", curious.principal().user_id), 1),
        (
            format!("?actor={}&subject={id}&kind=READ", desk.principal().user_id),
            1,
        ),
        (format!("?kind=DENY&subject={id}"), 1),
        (format!("?subject={id}&to=2020-01-01T00:00:00Z"), 0),
        (format!("?subject={id}&from=2020-01-01T00:00:00Z"), 3),
        ("?actor=nobody".to_owned(), 0),
    ] {
        let page = auditor.get(&format!("/audit/entries{query}")).await;
        assert_eq!(page.body["items"].as_array().unwrap().len(), n, "{query}");
    }
    let stranger = world.api.as_role(Role::Receptionist);
    for path in [
        "/audit/entries",
        "/audit/root",
        "/audit/proof?index=0&treeSize=1",
    ] {
        assert_eq!(
            stranger.get(path).await.status,
            StatusCode::FORBIDDEN,
            "{path}"
        );
    }
    // Who watches is watched.
    world.place().await;
    let page = auditor.get("/audit/entries?kind=READ").await;
    let actor = json!(auditor.principal().user_id.to_string());
    let watched = page.body["items"].as_array().unwrap().iter();
    assert_eq!(watched.filter(|item| item["actor"] == actor).count(), 7);
}

#[tokio::test]
async fn pages_follow_each_other_without_gaps() {
    let world = World::open().await;
    world.record(7).await;
    world.place().await;
    let auditor = world.api.as_role(Role::Auditor);
    let (mut indexes, mut next) = (Vec::new(), String::new());
    loop {
        let page = auditor.get(&format!("/audit/entries?limit=3{next}")).await;
        let items = page.body["items"].as_array().unwrap();
        indexes.extend(items.iter().map(|item| item["index"].as_i64().unwrap()));
        match page.body["nextCursor"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(indexes, [6, 5, 4, 3, 2, 1, 0]);
}

#[tokio::test]
async fn an_auditor_checks_proofs_without_trusting_anybody() {
    let world = World::open().await;
    let auditor = world.api.as_role(Role::Auditor);
    let none = auditor.get("/audit/root").await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);

    let mut heads = Vec::new();
    for n in [5, 8, 1] {
        world.record(n).await;
        world.place().await;
        world.sign().await;
        let root = auditor.get("/audit/root").await;
        let verifier = Verifier::parse(root.body["verifierKey"].as_str().unwrap()).unwrap();
        let head = verifier.read(root.body["note"].as_str().unwrap()).unwrap();
        assert_eq!(head.root, hash(&root.body["rootHash"]));
        assert_eq!(json!(head.size), root.body["treeSize"]);
        heads.push(head);
    }
    let last = heads[2];
    for index in 0..last.size {
        let size = last.size;
        let proof = auditor
            .get(&format!("/audit/proof?index={index}&treeSize={size}"))
            .await;
        assert_eq!(proof.body["kind"], "INCLUSION");
        let (leaf, path) = (hash(&proof.body["leafHash"]), hashes(&proof.body["path"]));
        assert!(includes(leaf, index, size, &path, last.root), "{index}");
    }
    for first in &heads {
        let (m, n) = (first.size, last.size);
        let proof = auditor
            .get(&format!("/audit/proof?first={m}&second={n}"))
            .await;
        assert_eq!(proof.body["kind"], "CONSISTENCY");
        let path = hashes(&proof.body["path"]);
        assert!(continues((m, first.root), (n, last.root), &path), "{m}");
    }
}

#[tokio::test]
async fn a_proof_of_nothing_is_refused_precisely() {
    let world = World::open().await;
    world.record(3).await;
    world.place().await;
    let auditor = world.api.as_role(Role::Auditor);
    for (query, status) in [
        ("", 400),
        ("?index=0", 400),
        ("?index=0&second=1", 400),
        ("?index=-1&treeSize=1", 400),
        ("?first=0&second=1", 400),
        ("?index=x&treeSize=1", 400),
        ("?index=0&treeSize=99999999999999999999", 400),
        ("?index=3&treeSize=3", 404),
        ("?index=0&treeSize=9223372036854775807", 404),
        ("?first=3&second=2", 404),
        ("?index=2&treeSize=3", 200),
        ("?first=3&second=3", 200),
    ] {
        let reply = auditor.get(&format!("/audit/proof{query}")).await;
        assert_eq!(reply.status.as_u16(), status, "{query}: {:?}", reply.body);
    }
    for query in [
        "?subject=",
        "?kind=LOOK",
        "?limit=0",
        "?cursor=x",
        "?from=yesterday",
        "?to=-000001-01-01T00:00:00Z",
    ] {
        let reply = auditor.get(&format!("/audit/entries{query}")).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{query}");
    }
}
