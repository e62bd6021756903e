//! What an intruder with every right on the database does is found, and where.

use galen_audit::Evidence;

use crate::world::World;

/// Eighty entries, with signed heads of fifty and of eighty.
async fn eighty() -> World {
    let world = World::open().await;
    for n in [50, 30] {
        world.record(n).await;
        assert_eq!(world.place().await, n as u64);
        assert_eq!(world.sign().await, n as u64);
    }
    world
}

/// The first finding after tampering, and how many heads still agree.
async fn found(sql: &str) -> (String, usize) {
    let world = eighty().await;
    world.tamper(sql).await;
    let report = world.verify().await;
    let first = report.findings.first().cloned().unwrap_or_default();
    (first, report.heads)
}

#[tokio::test]
async fn an_honest_log_agrees_with_all_its_heads() {
    let world = eighty().await;
    world.record(3).await;
    world.place().await;
    let report = world.verify().await;
    assert_eq!(report.findings, Vec::<String>::new());
    assert_eq!((report.entries, report.heads), (83, 2));
    assert_eq!(world.evidence().notes.len(), 2);
    assert_eq!(world.sign().await, 3);
    assert_eq!(world.sign().await, 0, "nothing new, nothing to sign");
}

#[tokio::test]
async fn a_changed_byte_is_found() {
    for change in [
        "reason = 'OWN'",
        "status = 201",
        "at = at + interval '1 microsecond'",
        "actor = overlay(actor placing 'f' from 1) || 'x'",
        "patients = '{}'",
        "service = 'staff'",
        "roles = roles || array['ADMIN']",
        "address = null",
    ] {
        let sql = format!(
            "update entry set {change} where seq = (select seq from leaf where index = 17)"
        );
        let expected = ("entry 17 was changed".to_owned(), 2);
        assert_eq!(found(&sql).await, expected, "{change}");
    }
}

#[tokio::test]
async fn a_removed_entry_is_found() {
    let entry = "delete from entry where seq = (select seq from leaf where index = 17)";
    assert_eq!(found(entry).await, ("entry 17 was removed".to_owned(), 2));

    let (first, heads) = found(&format!("{entry}; delete from leaf where index = 17")).await;
    assert_eq!(first, "entry 17 was removed: the next is 18");
    assert_eq!(heads, 0);
}

#[tokio::test]
async fn entries_that_changed_places_are_found() {
    let swap = "update leaf set seq = -seq where index in (17, 23);
                update leaf l set seq = (select -o.seq from leaf o where o.index = 40 - l.index)
                where l.index = 17;
                update leaf set seq = (select seq from entry e where not exists
                    (select from leaf l where l.seq = e.seq) limit 1) where index = 23";
    assert_eq!(found(swap).await.0, "entry 17 was changed");
    // With their hashes, the tree above them tells.
    let hashes = format!(
        "{swap}; update leaf set hash = case index when 17 then (select hash from leaf where index = 23)
                 else (select hash from leaf where index = 17) end where index in (17, 23)"
    );
    let (first, heads) = found(&hashes).await;
    assert!(first.contains("head of size 50"), "{first}");
    assert_eq!(heads, 0);
    let world = eighty().await;
    world.tamper(&hashes).await;
    let findings = world.verify().await.findings;
    assert!(
        findings.contains(&"entries 16 and 17 are not those that were hashed together".to_owned()),
        "{findings:?}"
    );
}

/// The whole tree, made anew over what an intruder left.
const REWRITE: &str = "truncate leaf, subtree, mention; update progress set size = 0, floor = 1";

#[tokio::test]
async fn a_history_that_was_rewritten_from_the_ground_up_does_not_fit_its_heads() {
    let world = eighty().await;
    world
        .tamper(
            "update entry set reason = 'OWN' where seq = (select seq from leaf where index = 60)",
        )
        .await;
    world.tamper(REWRITE).await;
    assert_eq!(world.place().await, 80);
    let report = world.verify().await;
    // The first fifty are as they were.
    assert_eq!(report.heads, 1);
    assert_eq!(report.findings.len(), 1, "{:?}", report.findings);
    assert!(
        report.findings[0].contains("the first wrong one is not before 50"),
        "{:?}",
        report.findings
    );

    // The heads go, too; the file stays.
    world.tamper("truncate head").await;
    let report = world.verify().await;
    assert!(
        report.findings[0].contains("head of size 80"),
        "{:?}",
        report.findings
    );
    // Without the key and the file, nobody would know.
    let nothing = Evidence::default();
    let blind = galen_audit::verify(&world.platform.db, &nothing).await;
    assert_eq!(blind.unwrap().findings, Vec::<String>::new());
}

#[tokio::test]
async fn a_database_that_was_set_back_is_behind_its_heads() {
    let world = eighty().await;
    world
        .tamper(
            "delete from entry where seq in (select seq from leaf where index >= 50);
             delete from leaf where index >= 50; delete from mention where index >= 50;
             delete from subtree where (index + 1) << level > 50;
             delete from head where size > 50;
             update progress set size = 50",
        )
        .await;
    let report = world.verify().await;
    assert_eq!(report.heads, 1);
    assert_eq!(report.findings.len(), 1, "{:?}", report.findings);
    assert!(
        report.findings[0].contains("commits to 80 entries, and there are 50"),
        "{:?}",
        report.findings
    );
}

#[tokio::test]
async fn a_head_by_another_key_proves_nothing() {
    let world = eighty().await;
    let other = World::open().await;
    let evidence = Evidence {
        key: other.evidence().key,
        notes: world.evidence().notes,
    };
    let report = galen_audit::verify(&world.platform.db, &evidence)
        .await
        .unwrap();
    assert_eq!(report.heads, 0);
    assert_eq!(report.findings.len(), 4, "{:?}", report.findings);
}
