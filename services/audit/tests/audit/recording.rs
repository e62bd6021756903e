//! Nothing happens that is not written down, and what it costs is shared.

use galen_access::Role;
use http::StatusCode;
use serde_json::Value;

use crate::world::World;

#[tokio::test]
async fn a_command_and_its_entry_are_there_together_or_not_at_all() {
    let world = World::open().await;
    let desk = world.desk.as_role(Role::Receptionist);
    let made = desk.key("k").post("/patients", Value::Null).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let together = "select count(*) from entry e join patients.card c on c.xmin = e.xmin and c.id::text = e.subject";
    assert_eq!(world.count(together).await, 1);

    // The answer shown again is seen again, and says so.
    let again = desk.key("k").post("/patients", Value::Null).await;
    assert_eq!(again.bytes, made.bytes);
    assert_eq!(
        world
            .count("select count(*) from entry where reason = 'REPLAYED'")
            .await,
        1
    );

    world
        .tamper("alter function audit.record rename to broken")
        .await;
    let failed = desk.post("/patients", Value::Null).await;
    assert!(failed.status.is_server_error(), "{}", failed.status);
    assert_eq!(world.count("select count(*) from patients.card").await, 1);
}

#[tokio::test]
async fn what_cannot_be_written_down_is_not_shown() {
    let world = World::open().await;
    let desk = world.desk.as_role(Role::Receptionist);
    let made = desk.post("/patients", Value::Null).await;
    let path = format!("/patients/{}", made.body["id"].as_str().unwrap());

    world
        .tamper("alter function audit.record rename to broken")
        .await;
    let hidden = desk.get(&path).await;
    assert_eq!(hidden.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        !hidden
            .body
            .to_string()
            .contains(made.body["id"].as_str().unwrap())
    );

    world
        .tamper("alter function audit.broken rename to record")
        .await;
    assert_eq!(desk.get(&path).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_entry_of_a_read_is_there_before_the_answer() {
    let world = World::open().await;
    let desk = world.desk.as_role(Role::Receptionist);
    let made = desk.post("/patients", Value::Null).await;
    let path = format!("/patients/{}", made.body["id"].as_str().unwrap());
    for n in 1..=5 {
        assert_eq!(desk.get(&path).await.status, StatusCode::OK);
        assert_eq!(
            world
                .count("select count(*) from entry where kind = 'READ'")
                .await,
            n
        );
    }
    let stranger = world.desk.as_patient(world.platform.clock.id());
    assert_eq!(stranger.get(&path).await.status, StatusCode::NOT_FOUND);
    let refused = "select count(*) from entry where kind = 'DENY' and reason = 'NOT_FOUND' and cardinality(patients) = 1";
    assert_eq!(world.count(refused).await, 1);
    let forged = world.desk.with_token("forged");
    assert_eq!(forged.get(&path).await.status, StatusCode::UNAUTHORIZED);
    let refused = "select count(*) from entry where kind = 'DENY' and actor_kind = 'ANONYMOUS' and status = 401";
    assert_eq!(world.count(refused).await, 1);
    // Nobody tried anything.
    assert_eq!(
        world.desk.anonymous().get(&path).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(world.count(refused).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_at_once_share_their_commits() {
    const READERS: i64 = 50;
    let world = World::open().await;
    let desk = world.desk.as_role(Role::Receptionist);
    let made = desk.post("/patients", Value::Null).await;
    let path = format!("/patients/{}", made.body["id"].as_str().unwrap());
    let readers = (0..READERS).map(|_| {
        let (desk, path) = (desk.clone(), path.clone());
        tokio::spawn(async move { desk.get(&path).await.status })
    });
    for reader in readers.collect::<Vec<_>>() {
        assert_eq!(reader.await.unwrap(), StatusCode::OK);
    }
    let of = "from entry where kind = 'READ'";
    assert_eq!(world.count(&format!("select count(*) {of}")).await, READERS);
    let commits = world
        .count(&format!("select count(distinct xmin::text) {of}"))
        .await;
    assert!(
        commits <= READERS / 2,
        "{commits} commits for {READERS} readers"
    );
}
