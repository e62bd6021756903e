//! Payments from wallet to wallet, one for each request: as other services ask for them
//! over gRPC, and as everybody does through the REST API. A payment is a posting, a hold
//! that is captured, the payment itself and an event; through REST also the answer under its
//! idempotency key and an entry in the audit log.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use galen_contracts::securepay::v1::payment_service_client::PaymentServiceClient;
use galen_contracts::securepay::v1::{InitiatePaymentRequest, Money, Payment, PaymentState};
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;
use tonic::transport::Channel;
use uuid::Uuid;

use super::house::House;
use super::{Draw, Failed, Length, take_one};
use crate::bench::load::{self, Measured, Workload};

/// Most connections of the gRPC callers, who share them.
const CHANNELS: usize = 8;

/// Callers over gRPC.
pub(super) async fn over_grpc(
    house: &House,
    callers: usize,
    length: Length,
) -> Result<Measured, Failed> {
    let mut channels = Vec::new();
    for _ in 0..callers.min(CHANNELS) {
        channels.push(PaymentServiceClient::new(house.channel().await?));
    }
    let wallets: Arc<[Uuid]> = house.wallets.clone().into();
    let left = Arc::new(AtomicU64::new(length.transfers));
    let began = Instant::now();
    let running: Vec<_> = (0..callers)
        .map(|caller| {
            let mut client = channels[caller % channels.len()].clone();
            let (wallets, left) = (Arc::clone(&wallets), Arc::clone(&left));
            tokio::spawn(async move {
                let mut draw = Draw::new(caller as u64 + 1);
                let mut measured = Measured::nothing();
                while began.elapsed() < length.lasting && take_one(&left) {
                    let (from, to) = draw.wallets(&wallets);
                    let asked = Instant::now();
                    match pay(&mut client, from, to).await {
                        Ok(()) => measured.answered(asked.elapsed()),
                        Err(error) => measured.failed(error),
                    }
                }
                measured
            })
        })
        .collect();
    let mut all = load::together(running).await;
    all.took = began.elapsed();
    Ok(all)
}

async fn pay(
    client: &mut PaymentServiceClient<Channel>,
    from: Uuid,
    to: Uuid,
) -> Result<(), String> {
    let id = Uuid::now_v7().to_string();
    let wish = InitiatePaymentRequest {
        payment_id: id.clone(),
        from_account_id: from.to_string(),
        to_account_id: to.to_string(),
        amount: Some(Money {
            minor: 1,
            currency: "EUR".to_owned(),
        }),
        reference_id: String::new(),
        manual_capture: false,
    };
    let answer = client.initiate_payment(wish).await;
    let payment = answer.map_err(|status| status.to_string())?.into_inner();
    match payment.payment {
        Some(Payment {
            payment_id, state, ..
        }) if payment_id == id && state == i32::from(PaymentState::Captured) => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

/// Callers through the REST API, each on a connection of its own.
pub(super) async fn through_rest(house: &House, callers: usize, length: Length) -> Measured {
    let workload = Arc::new(Paying {
        wallets: house.wallets.clone(),
        host: house.address().to_string(),
        authorization: format!("Bearer {}", house.token),
        run: Uuid::now_v7(),
        most: length.transfers,
    });
    load::run(house.address(), workload, callers, None, length.lasting).await
}

struct Paying {
    wallets: Vec<Uuid>,
    host: String,
    authorization: String,
    /// Keeps the keys of runs apart.
    run: Uuid,
    most: u64,
}

impl Workload for Paying {
    fn request(&self, number: u64) -> Option<Request<Full<Bytes>>> {
        if number >= self.most {
            return None;
        }
        let mut draw = Draw::new(number + 1);
        // The first numbers of neighbouring seeds are alike.
        draw.below(2);
        let (from, to) = draw.wallets(&self.wallets);
        let body = format!(
            r#"{{"fromWalletId":"{from}","toWalletId":"{to}","amount":{{"amount":"0.01","currency":"EUR"}}}}"#
        );
        Request::post("/api/v1/payments")
            .header("host", &self.host)
            .header("authorization", &self.authorization)
            .header("content-type", "application/json")
            .header("idempotency-key", format!("{}-{number}", self.run))
            .body(Full::from(body))
            .ok()
    }

    fn check(&self, status: StatusCode, body: &[u8]) -> Result<(), String> {
        let is_paid = body.windows(10).any(|window| window == b"\"CAPTURED\"");
        if status == StatusCode::CREATED && is_paid {
            Ok(())
        } else {
            let said = String::from_utf8_lossy(&body[..body.len().min(300)]);
            Err(format!("{status} {said}"))
        }
    }
}
