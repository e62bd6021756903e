//! All transitions, and all interleavings.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("an instant")
}

const DEADLINE: i64 = 3_600;
/// By how much the provider's clock is behind.
const SKEW: i64 = 240;

fn reference() -> ProviderReference {
    ProviderReference::new("ch_1").expect("a reference")
}

fn declined() -> Report {
    Report::Declined {
        reason: Reason::INSUFFICIENT_FUNDS,
    }
}

fn succeeded() -> Report {
    Report::Succeeded {
        reference: reference(),
    }
}

fn in_state(state: State) -> Progress {
    Progress {
        state,
        told: true,
        ..Progress::new(at(0), at(DEADLINE))
    }
}

#[test]
fn a_state_is_read_as_it_is_written() {
    for state in State::ALL {
        assert_eq!(State::read(state.name()), Some(state));
    }
    assert_eq!(State::read("pending"), None);
}

#[test]
fn all_that_is_heard_in_every_state() {
    use State::{Captured, Declined, Failed, Pending, Succeeded, Unknown};
    let (before, then) = (at(10), at(DEADLINE));
    for (from, report, now, to) in [
        (Pending, succeeded(), before, Some(Succeeded)),
        (Pending, declined(), before, Some(Declined)),
        (Pending, Report::Pending, before, Some(Pending)),
        (Pending, Report::Unknown, before, Some(Pending)),
        (Pending, Report::NeverHeardOf, before, Some(Pending)),
        (Pending, succeeded(), then, Some(Succeeded)),
        (Pending, declined(), then, Some(Declined)),
        (Pending, Report::Pending, then, Some(Unknown)),
        (Pending, Report::Unknown, then, Some(Unknown)),
        (Pending, Report::NeverHeardOf, then, Some(Declined)),
        (Unknown, succeeded(), then, Some(Succeeded)),
        (Unknown, declined(), then, Some(Declined)),
        (Unknown, Report::Pending, then, Some(Unknown)),
        (Unknown, Report::Unknown, then, Some(Unknown)),
        (Unknown, Report::NeverHeardOf, then, Some(Declined)),
    ] {
        let heard = in_state(from).heard(report.clone(), now);
        assert_eq!(
            heard.map(|progress| progress.state),
            to,
            "{from:?} {report:?} {now}"
        );
    }
    for decided in [Succeeded, Declined, Captured, Failed] {
        for report in [
            succeeded(),
            declined(),
            Report::Pending,
            Report::Unknown,
            Report::NeverHeardOf,
        ] {
            for now in [before, then] {
                assert_eq!(in_state(decided).heard(report.clone(), now), None);
            }
        }
    }
}

#[test]
fn what_is_booked_and_what_is_to_be_done() {
    use State::{Captured, Declined, Failed, Pending, Succeeded, Unknown};
    let (before, then) = (at(10), at(DEADLINE));
    for (state, told, now, task, booked) in [
        (Pending, false, before, Some(Task::Start), None),
        (Pending, true, before, Some(Task::Ask), None),
        (Pending, false, at(DEADLINE - 300), Some(Task::Ask), None),
        (Unknown, true, then, Some(Task::Ask), None),
        (Succeeded, true, then, Some(Task::Capture), Some(Captured)),
        (Declined, true, then, Some(Task::Void), Some(Failed)),
        (Captured, true, then, None, None),
        (Failed, true, then, None, None),
    ] {
        let progress = Progress {
            told,
            ..in_state(state)
        };
        assert_eq!(progress.task(now), task, "{state:?}");
        assert_eq!(progress.booked().map(|p| p.state), booked, "{state:?}");
        let ends = progress.booked().is_some_and(|p| p.due_at.is_none());
        assert_eq!(ends, booked.is_some());
    }
}

#[test]
fn a_knock_wakes_what_waits_and_nothing_else() {
    for state in State::ALL {
        let waiting = Progress {
            due_at: Some(at(60)),
            ..in_state(state)
        };
        let woken = waiting.knocked(at(10)).map(|p| (p.state, p.due_at));
        let expected = state.is_undecided().then_some((state, Some(at(10))));
        assert_eq!(woken, expected);
        assert_eq!(waiting.knocked(at(60)), None, "it is due anyway");
    }
}

#[test]
fn pauses_grow_and_the_last_question_is_at_the_deadline() {
    let mut progress = in_state(State::Pending);
    let (mut now, mut pauses) = (at(0), Vec::new());
    while now < at(DEADLINE) {
        progress = progress.taken_up(now);
        progress = progress.heard(Report::Unknown, now).expect("undecided");
        let due = progress.due_at.expect("not at its end");
        pauses.push(due.duration_since(now).as_secs());
        now = due;
    }
    assert_eq!(now, at(DEADLINE));
    assert_eq!(pauses[..9], [2, 4, 8, 16, 32, 64, 128, 256, 300]);
    assert!(pauses.iter().all(|pause| *pause <= 300));
    assert_eq!(progress.state, State::Pending);
    let progress = progress.heard(Report::Unknown, now).expect("undecided");
    assert_eq!(progress.state, State::Unknown);
    assert_eq!(progress.due_at, Some(at(DEADLINE + 3_600)));
}

#[test]
fn the_postings_of_an_order_have_names_of_their_own() {
    let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let names = [one, other]
        .map(|id| [posting(id, Task::Capture), posting(id, Task::Void)])
        .concat();
    for (place, name) in names.iter().enumerate() {
        assert!(!names[..place].contains(name));
        assert!(!name.is_from_after(crate::ledger::Stamp(0)));
    }
    assert_eq!(posting(one, Task::Capture), names[0]);
}

/// The truth: what a provider does with an order, and when it has done it.
#[derive(Debug, Clone, Copy)]
struct Truth {
    succeeds: bool,
    takes: i64,
    /// When it heard of the order.
    since: Option<i64>,
}

impl Truth {
    fn start(&mut self, now: i64) -> Report {
        let not_after = Progress::new(at(0), at(DEADLINE)).not_after();
        if self.since.is_none() && at(now - SKEW) >= not_after {
            return Report::Declined {
                reason: Reason::TOO_LATE,
            };
        }
        self.since.get_or_insert(now);
        self.status(now)
    }

    fn status(&self, now: i64) -> Report {
        match self.since {
            None => Report::NeverHeardOf,
            Some(since) if now < since + self.takes => Report::Pending,
            Some(_) if self.succeeds => succeeded(),
            Some(_) => declined(),
        }
    }
}

#[derive(Debug, Clone)]
enum Event {
    /// A worker takes the order up, whether it is due or not: it may have slept since
    /// it looked.
    TakesUp,
    /// The provider gets what a worker sends. The answer may be lost.
    Reaches(Index, bool),
    /// A worker writes down what it heard, or books what was decided.
    WritesDown(Index),
    /// A worker is killed.
    Dies(Index),
    /// A webhook, whoever sent it.
    Knocks,
    /// Seconds go by.
    Passes(i64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => Just(Event::TakesUp),
        4 => (any::<Index>(), any::<bool>()).prop_map(|(who, lost)| Event::Reaches(who, lost)),
        4 => any::<Index>().prop_map(Event::WritesDown),
        1 => any::<Index>().prop_map(Event::Dies),
        2 => Just(Event::Knocks),
        2 => (0_i64..2_000).prop_map(Event::Passes),
        1 => (0_i64..100).prop_map(Event::Passes),
        1 => Just(Event::Passes(DEADLINE - 1_000)),
    ];
    proptest::collection::vec(event, 0..80)
}

/// Somebody with a copy of the row, and what they heard.
struct Worker {
    row: (u64, Progress),
    task: Task,
    heard: Option<(Report, i64)>,
}

/// The row with its version, and the books, which know each posting once.
struct World {
    row: (u64, Progress),
    postings: Vec<TransferId>,
}

impl World {
    fn write(&mut self, expected: u64, progress: Option<Progress>) {
        if let Some(progress) = progress
            && expected == self.row.0
        {
            self.row = (expected + 1, progress);
        }
    }

    fn take_up(&mut self, now: i64) -> Option<Worker> {
        let task = self.row.1.task(at(now))?;
        self.write(self.row.0, Some(self.row.1.taken_up(at(now))));
        Some(Worker {
            row: self.row.clone(),
            task,
            heard: None,
        })
    }

    fn write_down(&mut self, order: Uuid, worker: Worker) {
        let (version, progress) = worker.row;
        match worker.task {
            Task::Start | Task::Ask => {
                if let Some((report, asked_at)) = worker.heard {
                    self.write(version, progress.heard(report, at(asked_at)));
                }
            }
            Task::Capture | Task::Void => {
                let name = posting(order, worker.task);
                if !self.postings.contains(&name) {
                    self.postings.push(name);
                }
                self.write(version, progress.booked());
            }
        }
    }
}

fn reach(truth: &mut Truth, worker: &mut Worker, lost: bool, now: i64) {
    let report = match worker.task {
        Task::Start => truth.start(now),
        Task::Ask => truth.status(now),
        Task::Capture | Task::Void => return,
    };
    worker.heard = Some((if lost { Report::Unknown } else { report }, now));
}

#[test]
fn a_start_that_comes_after_the_end_is_refused_by_a_clock_that_is_behind() {
    let order = Uuid::from_u128(7);
    let mut truth = Truth {
        succeeds: true,
        takes: 0,
        since: None,
    };
    let mut world = World {
        row: (0, Progress::new(at(0), at(DEADLINE))),
        postings: Vec::new(),
    };
    let mut slow = world.take_up(0).expect("it is new");
    for task in [Task::Ask, Task::Void] {
        let mut other = world.take_up(DEADLINE).expect("it has no end yet");
        assert_eq!(other.task, task);
        reach(&mut truth, &mut other, false, DEADLINE);
        world.write_down(order, other);
    }
    assert_eq!(world.row.1.state, State::Failed);
    reach(&mut truth, &mut slow, false, DEADLINE + 1);
    assert_eq!(truth.since, None, "money would have moved unseen");
    world.write_down(order, slow);
    assert_eq!(world.row.1.state, State::Failed);
}

#[test]
fn an_answer_counts_from_when_it_was_asked_for() {
    let asked = in_state(State::Pending).heard(Report::NeverHeardOf, at(DEADLINE - 1));
    let asked = asked.expect("nothing was decided");
    assert_eq!((asked.state, asked.told), (State::Pending, false));
    assert_eq!(asked.due_at, Some(at(DEADLINE)));
}

proptest! {
    #[test]
    fn every_interleaving_ends_as_the_provider_did_with_one_posting(
        events in events(), succeeds: bool, takes in 0_i64..5_000,
    ) {
        let order = Uuid::from_u128(7);
        let mut truth = Truth { succeeds, takes, since: None };
        let mut world = World { row: (0, Progress::new(at(0), at(DEADLINE))), postings: Vec::new() };
        let (mut workers, mut now): (Vec<Worker>, i64) = (Vec::new(), 0);
        for event in events {
            let somebody = |who: &Index, workers: &[Worker]| (!workers.is_empty()).then(|| who.index(workers.len()));
            match event {
                Event::TakesUp => workers.extend(world.take_up(now)),
                Event::Reaches(who, lost) => if let Some(who) = somebody(&who, &workers) {
                    reach(&mut truth, &mut workers[who], lost, now);
                },
                Event::WritesDown(who) => if let Some(who) = somebody(&who, &workers) {
                    world.write_down(order, workers.swap_remove(who));
                },
                Event::Dies(who) => if let Some(who) = somebody(&who, &workers) {
                    drop(workers.swap_remove(who));
                },
                Event::Knocks => {
                    let knocked = world.row.1.knocked(at(now));
                    world.write(world.row.0, knocked);
                }
                Event::Passes(seconds) => now += seconds,
            }
            prop_assert!(world.postings.len() <= 1);
        }
        // Those who still have something to say are heard late, and then all goes well.
        for mut worker in workers {
            reach(&mut truth, &mut worker, false, now);
            world.write_down(order, worker);
        }
        for _ in 0..100 {
            let Some(due) = world.row.1.due_at else { break };
            now = now.max(due.as_second() - at(0).as_second());
            let mut worker = world.take_up(now).expect("it is not at its end");
            reach(&mut truth, &mut worker, false, now);
            world.write_down(order, worker);
        }
        let (_, end) = world.row;
        let done = truth.since.is_some() && succeeds;
        let (state, task) = if done { (State::Captured, Task::Capture) } else { (State::Failed, Task::Void) };
        prop_assert_eq!(end.state, state);
        prop_assert_eq!(world.postings, vec![posting(order, task)]);
        prop_assert_eq!(end.provider_reference.is_some(), done);
        prop_assert_eq!(end.reason.is_none(), done);
    }
}

#[test]
fn people_end_only_what_is_unknown_and_a_late_answer_changes_nothing() {
    for state in State::ALL {
        for outcome in [Outcome::Settled, Outcome::Failed] {
            let found = in_state(state).found_out(outcome, &reference(), at(9));
            assert_eq!(found.is_some(), state == State::Unknown, "{state:?}");
            let Some(found) = found else {
                continue;
            };
            assert_eq!((found.due_at, found.decided_at), (Some(at(9)), Some(at(9))));
            assert_eq!(found.heard(succeeded(), at(10)), None);
            assert_eq!(found.heard(declined(), at(10)), None);
            let end = found.booked().map(|end| end.state);
            let (task, state) = match outcome {
                Outcome::Settled => (Task::Capture, State::Captured),
                Outcome::Failed => (Task::Void, State::Failed),
            };
            assert_eq!((found.task(at(9)), end), (Some(task), Some(state)));
        }
    }
}
