//! What the booking process decides.

use galen_kernel::Clock;
use proptest::prelude::*;

use super::*;
use crate::price::PriceStatus;

fn state(step: Step) -> BookingState {
    let clock = Clock::system();
    let during = Interval::lasting(clock.now(), SignedDuration::from_mins(30)).expect("lasts");
    let facts = Facts {
        appointment: clock.id(),
        patient: clock.id(),
        practitioner: clock.id(),
        during,
        service_type: ServiceType::Consultation,
        prepayment: None,
        replaces: None,
        payment_mode: PaymentMode::SelfPay,
        priced_by: None,
    };
    BookingState {
        facts,
        step,
        repeats: 0,
    }
}

fn prepaid(step: Step) -> BookingState {
    let mut state = state(step);
    state.facts.prepayment = Some(Asked {
        minor: 3_000,
        currency: "EUR".parse().expect("a currency"),
    });
    state
}

/// Billing did not say the price when it was booked.
fn unquoted(step: Step) -> BookingState {
    let mut state = state(step);
    state.facts.priced_by = Some(now() + SignedDuration::from_hours(1));
    state
}

fn quoted(prepayment: i64) -> Trigger<Input> {
    let currency = "EUR".parse().expect("a currency");
    let (patient, insurer) = (3_000, 0);
    let quote = Quote {
        currency,
        patient,
        insurer,
        prepayment,
    };
    Trigger::Input(Input::Quoted(Some(quote)))
}

fn refused() -> Trigger<Input> {
    Trigger::Input(Input::PrepaymentRefused {
        reason_code: "INSUFFICIENT_FUNDS".to_owned(),
    })
}

fn now() -> Timestamp {
    "2026-03-02T08:00:00Z".parse().expect("an instant")
}

fn verified(available: bool) -> Trigger<Input> {
    Trigger::Input(Input::Verified {
        available,
        reason_code: if available {
            String::new()
        } else {
            "ON_LEAVE".to_owned()
        },
    })
}

fn is_over(status: Status) -> bool {
    !matches!(status, Status::Running | Status::Compensating)
}

#[test]
fn a_verified_and_confirmed_booking_completes() {
    let started = state(Step::Verifying).decide(Trigger::Started, now());
    assert!(matches!(
        started.actions[..],
        [Action::RequestVerification(_)]
    ));
    let verified = started.state.decide(verified(true), now());
    assert!(matches!(
        verified.actions[..],
        [Action::RequestConfirmation(_)]
    ));
    let confirmed = verified
        .state
        .decide(Trigger::Input(Input::ConfirmationQueued), now());
    assert_eq!(
        (confirmed.status, confirmed.actions),
        (Status::Completed, Vec::new())
    );
}

#[test]
fn a_booking_without_practitioner_is_undone_and_nobody_is_told_that_it_stands() {
    for trigger in [verified(false), Trigger::DeadlinePassed] {
        let undone = state(Step::Verifying).decide(trigger, now());
        assert_eq!(undone.status, Status::Compensated);
        assert!(matches!(undone.actions[..], [Action::Cancel { .. }]));
    }
}

#[test]
fn what_is_to_be_paid_before_is_asked_for_between_verifying_and_confirming() {
    let verified = prepaid(Step::Verifying).decide(verified(true), now());
    assert_eq!(
        (verified.status, verified.step),
        (Status::Running, "prepaying")
    );
    assert!(matches!(
        verified.actions[..],
        [Action::RequestPrepayment(..)]
    ));
    let repeated = verified
        .state
        .decide(Trigger::TimedOut(PREPAY.to_owned()), now());
    assert!(matches!(
        repeated.actions[..],
        [Action::RequestPrepayment(..)]
    ));
    let held = repeated
        .state
        .decide(Trigger::Input(Input::PrepaymentHeld), now());
    assert!(matches!(held.actions[..], [Action::RequestConfirmation(_)]));
    assert!(held.timers.contains(&cancel(PREPAY)));
}

#[test]
fn a_booking_without_its_prepayment_is_undone_and_says_so() {
    for trigger in [refused(), Trigger::DeadlinePassed] {
        let undone = prepaid(Step::Prepaying).decide(trigger, now());
        assert_eq!(undone.status, Status::Compensated);
        let [Action::Cancel { lack, .. }] = undone.actions[..] else {
            panic!("{:?}", undone.actions)
        };
        assert_eq!(lack.reason_code(), "PREPAYMENT_MISSING");
        let late = undone
            .state
            .decide(Trigger::Input(Input::PrepaymentHeld), now());
        assert_eq!(
            (late.status, late.actions),
            (Status::Compensated, Vec::new())
        );
    }
    let off = prepaid(Step::Prepaying).decide(Trigger::Input(Input::CalledOff), now());
    assert_eq!((off.status, off.actions), (Status::Compensated, Vec::new()));
}

#[test]
fn what_billing_was_never_asked_for_is_forgotten_with_the_booking() {
    for trigger in [verified(false), Trigger::Input(Input::CalledOff)] {
        let undone = prepaid(Step::Verifying).decide(trigger, now());
        assert!(matches!(undone.actions[0], Action::ForgetPrepayment(_)));
    }
}

#[test]
fn a_price_that_is_not_known_is_asked_for_before_the_money_and_the_confirmation() {
    let verified = unquoted(Step::Verifying).decide(verified(true), now());
    assert_eq!(
        (verified.status, verified.step),
        (Status::Running, "quoting")
    );
    assert!(matches!(verified.actions[..], [Action::RequestQuote(_)]));
    let until = now() + SignedDuration::from_hours(1);
    assert!(verified.timers.contains(&set(UNQUOTED, until)));
    let again = verified
        .state
        .decide(Trigger::TimedOut(QUOTE.to_owned()), now());
    assert!(matches!(again.actions[..], [Action::RequestQuote(_)]));
    assert!(
        !again.timers.contains(&cancel(UNQUOTED)),
        "it ends all the same"
    );
    let state = again.state;

    let prepaid = state.clone().decide(quoted(3_000), now());
    let [
        Action::Price(_, Pricing::Priced(_)),
        Action::RequestPrepayment(_, asked),
    ] = prepaid.actions[..]
    else {
        panic!("{:?}", prepaid.actions)
    };
    assert_eq!(asked.minor, 3_000);
    assert!(prepaid.timers.contains(&cancel(UNQUOTED)));
    for (trigger, known) in [
        (quoted(0), PriceStatus::Priced),
        (Trigger::Input(Input::Quoted(None)), PriceStatus::Unpriced),
        (
            Trigger::TimedOut(UNQUOTED.to_owned()),
            PriceStatus::Unanswered,
        ),
    ] {
        let confirming = state.clone().decide(trigger, now());
        let [Action::Price(_, pricing), Action::RequestConfirmation(_)] = confirming.actions[..]
        else {
            panic!("{:?}", confirming.actions)
        };
        assert_eq!(pricing.status(), known);
        let late = confirming.state.decide(quoted(3_000), now());
        assert_eq!((late.step, late.actions), ("confirming", Vec::new()));
    }
}

#[test]
fn a_booking_whose_price_nobody_said_stands_and_waits_for_a_price_no_longer() {
    let late = unquoted(Step::Quoting).decide(Trigger::DeadlinePassed, now());
    assert_eq!(late.status, Status::Suspended);
    assert!(matches!(
        late.actions[..],
        [
            Action::Price(_, Pricing::Unanswered),
            Action::RequestConfirmation(_)
        ]
    ));
    let told = late
        .state
        .decide(Trigger::Input(Input::ConfirmationQueued), now());
    assert_eq!(told.status, Status::Completed);
    for (step, trigger) in [
        (Step::Verifying, verified(false)),
        (Step::Verifying, Trigger::Input(Input::CalledOff)),
        (Step::Quoting, Trigger::Input(Input::CalledOff)),
    ] {
        let over = unquoted(step).decide(trigger, now());
        assert!(matches!(
            over.actions[0],
            Action::Price(_, Pricing::Unanswered)
        ));
    }
}

#[test]
fn who_is_verified_after_the_price_was_wanted_is_still_asked_for_once() {
    let mut state = unquoted(Step::Verifying);
    state.facts.priced_by = Some(now());
    let verified = state.decide(verified(true), now());
    assert!(matches!(verified.actions[..], [Action::RequestQuote(_)]));
    let until = now() + FIRST_REPEAT;
    assert!(verified.timers.contains(&set(UNQUOTED, until)));
}

#[test]
fn a_process_that_began_before_there_were_prepayments_goes_on() {
    let mut stored = serde_json::to_value(state(Step::Verifying)).expect("plain data");
    let facts = stored["facts"].as_object_mut().expect("facts");
    facts.remove("prepayment");
    facts.remove("replaces");
    facts.remove("payment_mode");
    facts.remove("priced_by");
    let read: BookingState = serde_json::from_value(stored).expect("what was written then");
    let verified = read.decide(verified(true), now());
    assert!(matches!(
        verified.actions[..],
        [Action::RequestConfirmation(_)]
    ));
}

#[test]
fn a_booking_that_a_person_calls_off_is_left_alone() {
    let early = state(Step::Verifying).decide(Trigger::Input(Input::CalledOff), now());
    assert_eq!(
        (early.status, early.actions),
        (Status::Rejected, Vec::new())
    );
    let late = early.state.decide(verified(true), now());
    assert_eq!((late.status, late.actions), (Status::Rejected, Vec::new()));
    let told = state(Step::Confirming).decide(Trigger::Input(Input::CalledOff), now());
    assert_eq!(
        (told.status, told.actions),
        (Status::Compensated, Vec::new())
    );
}

#[test]
fn a_confirmation_that_never_comes_is_for_a_person_until_it_comes() {
    let late = state(Step::Confirming).decide(Trigger::DeadlinePassed, now());
    assert_eq!((late.status, late.actions), (Status::Suspended, Vec::new()));
    let after_all = late
        .state
        .decide(Trigger::Input(Input::ConfirmationQueued), now());
    assert_eq!(after_all.status, Status::Completed);
}

#[test]
fn questions_are_repeated_with_growing_pauses() {
    let mut state = state(Step::Verifying);
    let mut pauses = Vec::new();
    for _ in 0..40 {
        let decision = state.decide(Trigger::TimedOut(VERIFY.to_owned()), now());
        assert!(matches!(
            decision.actions[..],
            [Action::RequestVerification(_)]
        ));
        let [TimerChange::Set { at, .. }] = &decision.timers[..] else {
            panic!("{:?}", decision.timers)
        };
        pauses.push(at.duration_since(now()));
        state = decision.state;
    }
    assert!(pauses.windows(2).all(|pair| pair[0] <= pair[1]));
    assert_eq!(pauses.last(), Some(&LONGEST_PAUSE));
}

fn trigger() -> impl Strategy<Value = Trigger<Input>> {
    prop_oneof![
        any::<bool>().prop_map(verified),
        Just(Trigger::Input(Input::PrepaymentHeld)),
        Just(refused()),
        Just(Trigger::Input(Input::ConfirmationQueued)),
        Just(Trigger::Input(Input::CalledOff)),
        Just(Trigger::TimedOut(VERIFY.to_owned())),
        Just(Trigger::TimedOut(PREPAY.to_owned())),
        Just(Trigger::TimedOut(QUOTE.to_owned())),
        Just(Trigger::TimedOut(UNQUOTED.to_owned())),
        prop::sample::select(vec![0, 3_000]).prop_map(quoted),
        Just(Trigger::Input(Input::Quoted(None))),
        Just(Trigger::TimedOut(CONFIRM.to_owned())),
        Just(Trigger::Started),
    ]
}

fn begun() -> impl Strategy<Value = BookingState> {
    prop_oneof![
        Just(state(Step::Verifying)),
        Just(prepaid(Step::Verifying)),
        Just(unquoted(Step::Verifying)),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_it_ends_at_the_deadline_and_stays_ended(begun in begun(), triggers in prop::collection::vec(trigger(), 0..30)) {
        let mut decision = begun.decide(Trigger::Started, now());
        for trigger in triggers {
            let was_over = is_over(decision.status);
            decision = decision.state.decide(trigger, now());
            prop_assert!(!was_over || decision.actions.is_empty(), "nothing is done after the end");
        }
        let ended = decision.state.decide(Trigger::DeadlinePassed, now());
        prop_assert!(is_over(ended.status));
    }

    #[test]
    fn the_patient_is_told_at_most_what_stands(begun in begun(), triggers in prop::collection::vec(trigger(), 0..30)) {
        let mut pays = begun.facts.prepayment.is_some();
        let mut waits = begun.facts.priced_by.is_some();
        let mut decision = begun.decide(Trigger::Started, now());
        let (mut was_verified, mut undone, mut has_paid) = (false, false, false);
        for trigger in triggers {
            let positive = matches!(&trigger, Trigger::Input(Input::Verified { available: true, .. }));
            has_paid |= pays && was_verified && matches!(trigger, Trigger::Input(Input::PrepaymentHeld));
            decision = decision.state.decide(trigger, now());
            was_verified |= positive;
            for action in &decision.actions {
                match action {
                    Action::RequestConfirmation(_) => prop_assert!(was_verified && !waits && (has_paid || !pays) && !undone),
                    Action::RequestPrepayment(..) => prop_assert!(pays && was_verified && !waits && !undone),
                    Action::Cancel { .. } => undone = true,
                    Action::ForgetPrepayment(_) => prop_assert!(pays && !was_verified),
                    Action::RequestVerification(_) => prop_assert!(!undone),
                    Action::RequestQuote(_) => prop_assert!(waits && was_verified && !undone),
                    Action::Price(_, pricing) => {
                        prop_assert!(std::mem::take(&mut waits), "it is noted once");
                        pays = pricing.quote().is_some_and(|quote| quote.prepayment > 0);
                    }
                }
            }
        }
        let ended = decision.state.decide(Trigger::DeadlinePassed, now());
        let noted = ended.actions.iter().any(|action| matches!(action, Action::Price(..)));
        prop_assert_eq!(noted, waits, "nothing waits for a price after the end");
    }

    #[test]
    fn the_state_survives_storage(step in prop_oneof![Just(Step::Verifying), Just(Step::Quoting), Just(Step::Prepaying), Just(Step::Confirming), Just(Step::Ended(Status::Suspended))]) {
        let state = BookingState { facts: Facts { prepayment: prepaid(step).facts.prepayment, ..unquoted(step).facts }, step, repeats: 1 };
        let stored = serde_json::to_value(&state).expect("plain data");
        prop_assert_eq!(serde_json::from_value::<BookingState>(stored).expect("what was written"), state);
    }
}
