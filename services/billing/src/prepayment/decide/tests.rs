//! What prepayments do about what they hear.

use galen_contracts::ids::PatientId;
use proptest::prelude::*;

use super::*;
use crate::prepayment::model::{PrepaymentId, Wallet};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn appointment(at: u128) -> AppointmentId {
    AppointmentId::from_uuid(Uuid::from_u128(at))
}

fn fresh() -> Prepayment {
    Prepayment::new(
        PrepaymentId::from_uuid(Uuid::from_u128(1)),
        appointment(2),
        PatientId::from_uuid(Uuid::from_u128(3)),
        "EUR".parse().expect("a currency"),
        (NOW, NOW),
    )
}

const fn asker() -> Asker {
    Asker {
        process: Uuid::from_u128(4),
        command: Uuid::from_u128(5),
    }
}

fn asked(amount: i64) -> Input {
    Input::Asked {
        amount,
        asker: asker(),
    }
}

/// As the asking does before it asks.
fn send(mut prepayment: Prepayment) -> Prepayment {
    prepayment.wallet = Some(Wallet {
        id: Uuid::from_u128(6),
        owner: Uuid::from_u128(7),
    });
    prepayment.sent = true;
    prepayment
}

fn requested(amount: i64) -> Prepayment {
    send(fresh().decide(asked(amount), NOW).next)
}

fn held(amount: i64) -> Prepayment {
    requested(amount).decide(Input::Captured, NOW).next
}

fn percent(value: u8) -> Percent {
    Percent::new(value).expect("a percentage")
}

#[test]
fn what_was_done_is_paid_with_it_and_the_rest_goes_back() {
    let invoice = Uuid::from_u128(9);
    let done = held(3_000).decide(
        Input::Invoiced {
            invoice,
            open: 2_400,
        },
        NOW,
    );
    assert_eq!(
        done.moves,
        [Move::Apply(invoice, 2_400), Move::Release(600)]
    );
    assert_eq!(
        (done.next.status, done.news),
        (Status::Applied, Some(News::Ended))
    );
    let nothing_owed = held(3_000).decide(Input::Invoiced { invoice, open: 0 }, NOW);
    assert_eq!(nothing_owed.moves, [Move::Release(3_000)]);
    assert_eq!(nothing_owed.next.status, Status::Released);
}

#[test]
fn a_fee_is_kept_and_the_rest_goes_back() {
    let late = held(3_000).decide(Input::CalledOff { fee: percent(25) }, NOW);
    assert_eq!(late.moves, [Move::Forfeit(750), Move::Release(2_250)]);
    assert_eq!(late.next.status, Status::Forfeited);
    let in_time = held(3_000).decide(Input::CalledOff { fee: percent(0) }, NOW);
    assert_eq!(in_time.moves, [Move::Release(3_000)]);
    assert_eq!(in_time.next.status, Status::Released);
}

#[test]
fn a_no_show_that_was_none_costs_nothing_before_or_after_it_is_settled() {
    let missed = held(3_000).decide(Input::Missed { settle_at: NOW }, NOW);
    assert_eq!(
        (missed.moves.len(), missed.next.status),
        (0, Status::Missed)
    );
    let came = missed.next.clone().decide(Input::Came, NOW);
    assert_eq!((came.next.status, came.next.next), (Status::Held, None));
    assert_eq!(came.next.sums.held(), 3_000);

    let settled = missed
        .next
        .decide(Input::Settled { fee: percent(100) }, NOW);
    assert_eq!(settled.moves, [Move::Forfeit(3_000)]);
    let came = settled.next.decide(Input::Came, NOW);
    assert_eq!(came.moves, [Move::Restore(3_000)]);
    assert_eq!(
        (came.next.status, came.news),
        (Status::Held, Some(News::Held))
    );
}

#[test]
fn it_follows_the_other_appointment_which_pays_the_difference() {
    let moved = held(3_000).decide(Input::HandedOn(appointment(8)), NOW);
    assert_eq!(moved.moves, [Move::HandOn(appointment(8), 3_000)]);
    assert_eq!(moved.next.status, Status::Moved);

    let dearer = fresh().decide(Input::TakenOver(3_000), NOW).next;
    assert_eq!(dearer.status, Status::Held);
    let dearer = dearer.decide(asked(5_000), NOW);
    assert_eq!(
        (dearer.next.status, dearer.next.sums.to_pay),
        (Status::Requested, 2_000)
    );
    let paid = send(dearer.next.clone()).decide(Input::Captured, NOW);
    assert_eq!(
        (paid.next.sums.held(), paid.news),
        (5_000, Some(News::Held))
    );
    let code = "INSUFFICIENT_FUNDS".to_owned();
    let refused = send(dearer.next).decide(Input::Refused { code }, NOW);
    assert_eq!(refused.moves, [Move::Release(3_000)]);

    let cheaper = fresh().decide(Input::TakenOver(3_000), NOW).next;
    let cheaper = cheaper.decide(asked(1_000), NOW);
    assert_eq!(cheaper.moves, [Move::Release(2_000)]);
    assert_eq!(
        (cheaper.next.status, cheaper.news),
        (Status::Held, Some(News::Held))
    );
}

#[test]
fn an_outcome_that_nobody_knows_is_looked_for_and_not_guessed() {
    let late = requested(3_000).decide(Input::DeadlinePassed, NOW);
    assert_eq!((late.next.status, late.news), (Status::Requested, None));
    assert!(matches!(late.next.next, Some((Question::Look, _))));
    let gone = late.next.clone().decide(Input::Missing, NOW);
    assert_eq!(
        (gone.next.status, gone.news),
        (Status::Expired, Some(News::Refused))
    );
    let there = late.next.decide(Input::Captured, NOW);
    assert_eq!(there.next.status, Status::Held);
    let too_late = gone.next.decide(Input::Captured, NOW);
    assert_eq!(too_late.moves, [Move::Release(3_000)]);
    // While it is being asked for, that it is not there yet says nothing.
    let early = requested(3_000).decide(Input::Missing, NOW);
    assert_eq!(early.next, requested(3_000));
}

#[test]
fn what_is_called_off_while_it_is_paid_goes_back_when_it_was() {
    let off = requested(3_000).decide(Input::CalledOff { fee: percent(100) }, NOW);
    assert_eq!((off.next.status, off.news), (Status::Withdrawn, None));
    let paid = off.next.clone().decide(Input::Captured, NOW);
    assert_eq!(paid.moves, [Move::Release(3_000)]);
    assert_eq!(
        (paid.next.status, paid.news),
        (Status::Released, Some(News::Ended))
    );
    let not = off.next.decide(Input::Missing, NOW);
    assert_eq!((not.moves.len(), not.next.status), (0, Status::Released));
    let never_sent = fresh().decide(asked(1), NOW).next;
    let never_sent = never_sent.decide(Input::CalledOff { fee: percent(0) }, NOW);
    assert_eq!(never_sent.next.status, Status::Released);
}

#[test]
fn a_question_that_is_repeated_has_the_same_answer() {
    let again = held(3_000).decide(asked(3_000), NOW);
    assert_eq!((again.next, again.news), (held(3_000), Some(News::Held)));
    let waiting = requested(3_000).decide(asked(3_000), NOW);
    assert_eq!((waiting.next, waiting.news), (requested(3_000), None));
    let code = "NO_WALLET".to_owned();
    let refused = requested(3_000).decide(Input::Refused { code }, NOW).next;
    let again = refused.decide(asked(3_000), NOW);
    assert_eq!(
        (again.next.status, again.news),
        (Status::Refused, Some(News::Refused))
    );
}

#[derive(Debug, Clone)]
enum Happening {
    Hears(Input),
    Sends,
}

fn happening() -> impl Strategy<Value = Happening> {
    let amount = 1_i64..5_000;
    let fee = (0_u8..=100).prop_map(percent);
    prop_oneof![
        2 => Just(Happening::Sends),
        2 => amount.clone().prop_map(|amount| Happening::Hears(asked(amount))),
        1 => amount.prop_map(|amount| Happening::Hears(Input::TakenOver(amount))),
        3 => Just(Happening::Hears(Input::Captured)),
        1 => Just(Happening::Hears(Input::Refused { code: "INSUFFICIENT_FUNDS".to_owned() })),
        1 => Just(Happening::Hears(Input::Missing)),
        1 => Just(Happening::Hears(Input::DeadlinePassed)),
        1 => fee.clone().prop_map(|fee| Happening::Hears(Input::CalledOff { fee })),
        1 => Just(Happening::Hears(Input::HandedOn(appointment(8)))),
        1 => Just(Happening::Hears(Input::Missed { settle_at: NOW })),
        1 => Just(Happening::Hears(Input::Came)),
        1 => fee.prop_map(|fee| Happening::Hears(Input::Settled { fee })),
        1 => (0_i64..5_000).prop_map(|open| Happening::Hears(Input::Invoiced { invoice: Uuid::from_u128(9), open })),
    ]
}

/// What the moves and the payment make of the appointment's account.
fn booked(before: i64, was: &Prepayment, done: &Decision, input: &Input) -> i64 {
    let paid = done.next.sums.paid - was.sums.paid;
    let came = match input {
        Input::TakenOver(amount) => *amount,
        _ => 0,
    };
    let moved: i64 = done
        .moves
        .iter()
        .map(|movement| match *movement {
            Move::Restore(amount) => amount,
            Move::Release(amount)
            | Move::Forfeit(amount)
            | Move::Apply(_, amount)
            | Move::HandOn(_, amount) => -amount,
        })
        .sum();
    before + paid + came + moved
}

proptest! {
    #[test]
    fn whatever_happens_no_money_is_lost_or_made(happenings in prop::collection::vec(happening(), 0..25)) {
        let (mut prepayment, mut account, mut captured) = (fresh(), 0, false);
        for happening in happenings {
            let input = match happening {
                Happening::Sends => {
                    let asks = matches!(prepayment.next, Some((Question::Pay, _)));
                    if asks {
                        prepayment = send(prepayment);
                    }
                    continue;
                }
                // SecurePay says nothing of a payment that it was not asked for.
                Happening::Hears(Input::Captured | Input::Refused { .. }) if !prepayment.sent => continue,
                Happening::Hears(input) => input,
            };
            captured |= input == Input::Captured;
            let was = prepayment.clone();
            let done = prepayment.decide(input.clone(), NOW);
            account = booked(account, &was, &done, &input);
            prepayment = done.next;
            prop_assert_eq!(account, prepayment.sums.held(), "the account holds what the prepayment says");
            prop_assert!(account >= 0);
            prop_assert_eq!(prepayment.sums.paid, if captured { prepayment.sums.to_pay } else { 0 }, "what was paid is known");
            match prepayment.status {
                Status::Requested => {}
                Status::Held | Status::Missed => prop_assert!(account > 0),
                _ => prop_assert_eq!(account, 0, "nothing is left when it is over"),
            }
            let waits = matches!(prepayment.status, Status::Withdrawn | Status::Missed)
                || prepayment.status == Status::Requested && prepayment.asker.is_some();
            prop_assert_eq!(prepayment.next.is_some(), waits, "whoever waits looks again");
        }
    }
}
