//! The same rows by plain SQL: a transaction for each transfer, accounts locked in the
//! order of their numbers, and neither chain nor head.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use galen_securepay::ledger::AccountId;
use galen_storage::{Db, Error};
use uuid::Uuid;

use super::place::Place;
use super::{Draw, Failed, Length, take_one};
use crate::bench::load::{self, Measured};

pub(super) async fn transfers(
    place: &Place,
    accounts: u32,
    callers: usize,
    length: Length,
) -> Result<Measured, Failed> {
    let left = Arc::new(AtomicU64::new(length.transfers));
    let began = Instant::now();
    let running: Vec<_> = (0..callers)
        .map(|caller| {
            let (db, left) = (place.db.clone(), Arc::clone(&left));
            tokio::spawn(async move {
                let mut draw = Draw::new(caller as u64 + 1);
                let mut measured = Measured::nothing();
                while began.elapsed() < length.lasting && take_one(&left) {
                    let (debit, credit) = draw.two(accounts);
                    let asked = Instant::now();
                    match transfer(&db, debit, credit).await {
                        Ok(()) => measured.answered(asked.elapsed()),
                        Err(error) => measured.failed(error.to_string()),
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

async fn transfer(db: &Db, debit: AccountId, credit: AccountId) -> Result<(), Error> {
    const MOVE: &str = "update plain_account
        set debits_posted = debits_posted + $2, credits_posted = credits_posted + $3, version = version + 1
        where id = $1 returning credits_posted - debits_posted";
    let mut tx = db.pool().begin().await?;
    let mut sides = [(debit.0, 1_i64, 0_i64), (credit.0, 0, 1)];
    sides.sort_unstable();
    let mut balances = [0_i64; 2];
    for (place, (id, out, into)) in sides.into_iter().enumerate() {
        balances[place] = sqlx::query_scalar(MOVE)
            .bind(id)
            .bind(out)
            .bind(into)
            .fetch_one(&mut *tx)
            .await?;
    }
    if debit.0 > credit.0 {
        balances.reverse();
    }
    sqlx::query(
        "insert into plain_posting (at, id, kind, ledger_id, debit_id, credit_id, amount, debit_balance, credit_balance, code)
         values ((extract(epoch from clock_timestamp()) * 1000000)::bigint, $1, 1, 1, $2, $3, 1, $4, $5, 1)",
    )
    .bind(Uuid::now_v7())
    .bind(debit.0)
    .bind(credit.0)
    .bind(balances[0])
    .bind(balances[1])
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(())
}
