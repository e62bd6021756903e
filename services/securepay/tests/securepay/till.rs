//! A small API over the writer: commands that ride on its batches, and one that does
//! not.

use std::sync::Arc;

use axum::extract::State;
use galen_access::{Permission, Role};
use galen_kernel::Clock;
use galen_securepay::ledger::{AccountId, Group, HoldId, Operation, Request, TransferId};
use galen_securepay::payment::{Capture, Payment};
use galen_securepay::writer::{Fact, Ledger, Mode, Rider};
use galen_service::testing::{self, TestApi, TestCaller};
use galen_service::{Answer, Body, Cx, Needs, Outcome, Peers, Requires};
use galen_storage::Db;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::world::{World, amount};

pub(crate) struct Till {
    db: Db,
    pub(crate) ledger: Ledger,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Pay {
    from: i64,
    to: i64,
    minor: i64,
    /// Stores a payment that the table refuses.
    #[serde(default)]
    broken: bool,
}

impl Requires for Pay {
    const NEEDS: Needs = Needs::Permission(Permission::PaymentMake);
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Refund {
    payment: Uuid,
    minor: i64,
}

impl Requires for Refund {
    const NEEDS: Needs = Needs::Permission(Permission::PaymentMake);
}

#[derive(Deserialize, ToSchema)]
struct Nothing {}

impl Requires for Nothing {
    const NEEDS: Needs = Needs::Permission(Permission::PaymentMake);
}

#[derive(Serialize, ToSchema)]
struct Done {
    id: Uuid,
    at: i64,
}

#[utoipa::path(post, path = "/pay", request_body = Pay, responses((status = 201, body = Done)))]
async fn pay(cx: Cx<Pay>, State(till): State<Arc<Till>>, Body(pay): Body<Pay>) -> Outcome {
    let hold: HoldId = TransferId(cx.clock().uuid());
    let operation = Operation::Pay {
        debit: AccountId(pay.from),
        credit: AccountId(pay.to),
        amount: amount(pay.minor),
    };
    let payment = Payment {
        id: hold.0,
        from: AccountId(pay.from),
        to: AccountId(if pay.broken { pay.from } else { pay.to }),
        amount: amount(pay.minor),
        currency: "EUR".parse().expect("a currency"),
        capture: Capture::Automatic,
        description: None,
        reference: None,
        created_by: Some(cx.principal()?.user_id),
        created_at: cx.now(),
    };
    let group = Group::of(named((hold, operation)));
    let rider = Rider {
        deferred: cx.deferred()?,
        facts: vec![Fact::Payment(payment)],
        answer: Box::new(move |postings| {
            let at = postings[0].at.0;
            Answer::created(&Done { id: hold.0, at })
                .location(&format!("/api/v1/payments/{}", hold.0))
        }),
    };
    till.ledger.carry(group, rider).await
}

#[utoipa::path(post, path = "/refund", request_body = Refund, responses((status = 201, body = Done)))]
async fn refund(
    cx: Cx<Refund>,
    State(till): State<Arc<Till>>,
    Body(refund): Body<Refund>,
) -> Outcome {
    let id = cx.clock().uuid();
    let operation = Operation::Refund {
        hold: TransferId(refund.payment),
        amount: amount(refund.minor),
    };
    let rider = Rider {
        deferred: cx.deferred()?,
        facts: Vec::new(),
        answer: Box::new(move |postings| {
            let at = postings[0].at.0;
            Answer::created(&Done { id, at })
        }),
    };
    till.ledger
        .carry(Group::of(named((TransferId(id), operation))), rider)
        .await
}

/// A command with a transaction of its own.
#[utoipa::path(post, path = "/note", request_body = Nothing, responses((status = 201, body = Done)))]
async fn note(
    cx: Cx<Nothing>,
    State(till): State<Arc<Till>>,
    Body(Nothing {}): Body<Nothing>,
) -> Outcome {
    let tx = cx.begin(&till.db).await?;
    let id = cx.clock().uuid();
    tx.commit(Answer::created(&Done { id, at: 0 })).await
}

fn named((id, operation): (TransferId, Operation)) -> Request {
    Request {
        id,
        operation,
        code: 1,
        reference: None,
    }
}

/// The API, and somebody who calls it.
pub(crate) fn open(world: &World, mode: Mode) -> (Arc<Till>, TestApi, TestCaller) {
    let platform = testing::platform(world.db.clone(), Clock::system(), Peers::in_memory([]));
    let till = Arc::new(Till {
        db: world.db.clone(),
        ledger: world.writer(mode),
    });
    let routes = OpenApiRouter::new()
        .routes(routes!(pay))
        .routes(routes!(refund))
        .routes(routes!(note))
        .with_state(Arc::clone(&till));
    let api = TestApi::new(routes, &platform);
    let caller = api.as_role(Role::Billing);
    (till, api, caller)
}
