//! E10: every instance ends or is suspended where an operator sees it; commands have
//! one id each; a success that comes too late is undone.

use std::sync::Arc;

use galen_eventing::{
    Decision, Failure, Instance, Process, Processes, Status, TimerChange, Trigger,
};
use galen_kernel::{Clock, Timestamp};
use galen_storage::Tx;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::hospital::{Hospital, Runs};

/// Moves a patient to another ward: reserves a bed there, then informs the ward.
struct Transfer;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    Reserving,
    Informing,
    Releasing,
    Over,
}

#[derive(Debug, Clone, Copy)]
enum Answer {
    Reserved,
    Full,
    Informed,
    Released,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Do {
    Reserve,
    Inform,
    Release,
}

impl Process for Transfer {
    const KIND: &'static str = "patients.transfer";
    const VERSION: i16 = 1;
    type State = Stage;
    type Input = Answer;
    type Action = Do;

    fn decide(state: Stage, trigger: Trigger<Answer>, now: Timestamp) -> Decision<Stage, Do> {
        let soon = now
            .checked_add(SignedDuration::from_mins(5))
            .expect("a near instant");
        let to = |state, status, actions: &[Do]| Decision {
            state,
            status,
            step: step(state),
            actions: actions.to_vec(),
            timers: Vec::new(),
        };
        match (state, trigger) {
            (Stage::Reserving, Trigger::Started) => Decision {
                timers: vec![TimerChange::Set {
                    name: "bed".to_owned(),
                    at: soon,
                }],
                ..to(Stage::Reserving, Status::Running, &[Do::Reserve])
            },
            (Stage::Reserving, Trigger::Input(Answer::Reserved)) => Decision {
                timers: vec![TimerChange::Cancel {
                    name: "bed".to_owned(),
                }],
                ..to(Stage::Informing, Status::Running, &[Do::Inform])
            },
            (Stage::Reserving, Trigger::Input(Answer::Full) | Trigger::TimedOut(_)) => {
                to(Stage::Over, Status::Rejected, &[])
            }
            (Stage::Informing, Trigger::Input(Answer::Informed)) => {
                to(Stage::Over, Status::Completed, &[])
            }
            // Whether the ward heard is unknown: the bed is given back.
            (Stage::Informing, Trigger::DeadlinePassed) => {
                to(Stage::Releasing, Status::Compensating, &[Do::Release])
            }
            (Stage::Releasing, Trigger::Input(Answer::Released)) => {
                to(Stage::Over, Status::Compensated, &[])
            }
            // A bed that is reserved after nobody wants it any more.
            (Stage::Over, Trigger::Input(Answer::Reserved)) => {
                to(Stage::Releasing, Status::Compensating, &[Do::Release])
            }
            (Stage::Over, _) => to(Stage::Over, Status::Rejected, &[]),
            (Stage::Releasing, _) => to(Stage::Releasing, Status::Compensating, &[]),
            (state, _) => to(state, Status::Running, &[]),
        }
    }

    async fn perform(&self, tx: &mut Tx, instance: &Instance, action: Do) -> Result<(), Failure> {
        // No "on conflict": the same command twice would fail the test.
        sqlx::query("insert into command (id, step) values ($1, $2)")
            .bind(instance.command_id(&format!("{action:?}")))
            .bind(format!("{action:?}"))
            .execute(tx.conn())
            .await?;
        Ok(())
    }
}

const fn step(stage: Stage) -> &'static str {
    match stage {
        Stage::Reserving => "reserving",
        Stage::Informing => "informing",
        Stage::Releasing => "releasing",
        Stage::Over => "over",
    }
}

struct Ward {
    hospital: Hospital,
    clock: Clock,
    transfers: Processes<Transfer>,
    runs: Runs,
}

impl Ward {
    async fn open() -> Self {
        let clock = Clock::manual("2030-01-01T00:00:00Z".parse().unwrap());
        let hospital = Hospital::with_clock(clock.clone()).await;
        let transfers = Processes::new(Arc::new(Transfer));
        let mut backbone = hospital.backbone();
        backbone.on_timer(&hospital.patients, transfers.timers());
        let runs = Runs::start(backbone);
        Self {
            hospital,
            clock,
            transfers,
            runs,
        }
    }

    async fn start(&self, key: &str) -> uuid::Uuid {
        let deadline = self
            .clock
            .now()
            .checked_add(SignedDuration::from_hours(1))
            .unwrap();
        let mut tx = self.hospital.patients.begin().await.unwrap();
        let id = self
            .transfers
            .start(&mut tx, key, Stage::Reserving, deadline)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        id
    }

    async fn hear(&self, key: &str, answer: Answer) {
        let mut tx = self.hospital.patients.begin().await.unwrap();
        self.transfers
            .advance_by_key(&mut tx, key, Trigger::Input(answer))
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    async fn pass(&self, minutes: i64) {
        self.clock.advance(SignedDuration::from_mins(minutes));
        self.runs.settle().await;
    }

    async fn status(&self, key: &str) -> Option<Status> {
        let mut tx = self.hospital.patients.begin().await.unwrap();
        self.transfers.status(&mut tx, key).await.unwrap()
    }

    async fn commands(&self) -> Vec<String> {
        sqlx::query_scalar("select step from command order by at")
            .fetch_all(self.hospital.patients.pool())
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn a_transfer_runs_to_its_end() {
    let ward = Ward::open().await;
    let id = ward.start("a").await;
    assert_eq!(ward.start("a").await, id, "beginning again changes nothing");
    ward.hear("a", Answer::Reserved).await;
    ward.hear("unknown", Answer::Reserved).await;
    ward.hear("a", Answer::Informed).await;
    assert_eq!(ward.status("a").await, Some(Status::Completed));
    assert_eq!(ward.status("unknown").await, None);
    assert_eq!(ward.commands().await, ["Reserve", "Inform"]);
    assert_eq!(
        ward.hospital
            .count("select count(*) from events.timer")
            .await,
        0,
        "an end leaves no timers"
    );
    let history = ward
        .runs
        .running
        .operations()
        .process_history(id)
        .await
        .unwrap();
    let steps: Vec<_> = history
        .iter()
        .map(|s| {
            (
                s.number,
                s.trigger.as_str(),
                s.status.as_str(),
                s.step.as_str(),
            )
        })
        .collect();
    assert_eq!(
        steps,
        [
            (1, "Started", "RUNNING", "reserving"),
            (2, "Input Reserved", "RUNNING", "informing"),
            (3, "Input Informed", "COMPLETED", "over"),
        ]
    );
    ward.runs.stop().await;
}

#[tokio::test]
async fn a_success_after_the_time_out_is_undone() {
    let ward = Ward::open().await;
    ward.start("a").await;
    ward.pass(6).await;
    assert_eq!(ward.status("a").await, Some(Status::Rejected));
    ward.hear("a", Answer::Reserved).await;
    assert_eq!(ward.commands().await, ["Reserve", "Release"], "E10");
    ward.hear("a", Answer::Released).await;
    assert_eq!(ward.status("a").await, Some(Status::Compensated));
    ward.runs.stop().await;
}

#[tokio::test]
async fn at_the_deadline_an_instance_goes_back_or_is_suspended() {
    let ward = Ward::open().await;
    let operations = ward.runs.running.operations().clone();
    let id = ward.start("a").await;
    ward.hear("a", Answer::Reserved).await;
    ward.pass(61).await;
    assert_eq!(ward.status("a").await, Some(Status::Compensating));
    // The release is never answered. Somebody asks it to decide once more: it cannot.
    assert!(
        operations
            .retry_process(id, "alice", "no answer")
            .await
            .unwrap()
    );
    ward.runs.settle().await;
    assert_eq!(ward.status("a").await, Some(Status::Suspended));
    let suspended = operations
        .processes(Some("SUSPENDED"), None, 10)
        .await
        .unwrap();
    assert_eq!(
        (
            suspended.len(),
            suspended[0].business_key.as_str(),
            suspended[0].step.as_str()
        ),
        (1, "a", "releasing")
    );
    // A late answer still ends it; without one an operator would.
    ward.hear("a", Answer::Released).await;
    assert_eq!(ward.status("a").await, Some(Status::Compensated));
    assert!(
        !operations
            .retry_process(id, "alice", "it is over")
            .await
            .unwrap()
    );

    let other = ward.start("b").await;
    assert!(
        operations
            .end_process(other, Status::Running, "alice", "not an end")
            .await
            .is_err()
    );
    assert!(
        operations
            .end_process(other, Status::Rejected, "alice", "moved by hand")
            .await
            .unwrap()
    );
    assert!(
        !operations
            .end_process(other, Status::Rejected, "alice", "twice")
            .await
            .unwrap()
    );
    assert_eq!(ward.status("b").await, Some(Status::Rejected));
    assert_eq!(
        ward.hospital
            .count("select count(*) from events.timer")
            .await,
        0
    );
    let actions =
        "select count(*) from events.operation where actor = 'alice' and reason is not null";
    assert_eq!(ward.hospital.count(actions).await, 2);
    ward.runs.stop().await;
}

#[tokio::test]
async fn whatever_is_answered_every_instance_ends_or_is_seen() {
    let ward = Ward::open().await;
    let answers = [
        Answer::Reserved,
        Answer::Full,
        Answer::Informed,
        Answer::Released,
    ];
    let mut dice: u32 = 7;
    for n in 0..24 {
        let key = format!("p{n}");
        ward.start(&key).await;
        for _ in 0..n % 5 {
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // A repeated answer of a dead end is the ward's mistake, not the engine's.
            let mut tx = ward.hospital.patients.begin().await.unwrap();
            let trigger = Trigger::Input(answers[(dice >> 24) as usize % answers.len()]);
            if ward
                .transfers
                .advance_by_key(&mut tx, &key, trigger)
                .await
                .is_ok()
            {
                tx.commit().await.unwrap();
            }
        }
    }
    ward.pass(61).await;
    let open = ward
        .runs
        .running
        .operations()
        .processes(Some("RUNNING"), None, 100)
        .await
        .unwrap();
    assert!(open.is_empty(), "E10: {open:?}");
    let late = "select count(*) from events.process where status in ('RUNNING', 'COMPENSATING') and deadline < '2030-01-01T00:00:00Z'";
    assert_eq!(ward.hospital.count(late).await, 0);
    ward.runs.stop().await;
}

#[tokio::test]
async fn an_instance_of_another_definition_waits_for_a_binary_that_has_it() {
    let ward = Ward::open().await;
    ward.start("a").await;
    let admin = ward.hospital.admin().await;
    sqlx::query("update events.process set definition = 2")
        .execute(&admin)
        .await
        .unwrap();
    let mut tx = ward.hospital.patients.begin().await.unwrap();
    let refused = ward
        .transfers
        .advance_by_key(&mut tx, "a", Trigger::Input(Answer::Reserved))
        .await;
    assert!(matches!(
        refused,
        Err(Failure::Retryable {
            code: "PROCESS_VERSION",
            ..
        })
    ));
    drop(tx);
    assert_eq!(ward.status("a").await, Some(Status::Running));
    ward.runs.stop().await;
}
