//! Following an account: what was posted, and what is being posted.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use galen_contracts::securepay::v1 as wire;
use galen_storage::Error;
use tokio::sync::watch;
use tonic::Status;

use super::Account;
use super::rpc::by_numbers;
use super::wire::{entry, failed};
use crate::SecurePay;
use crate::books;
use crate::ledger::Stamp;

/// Entries that are read at once.
const MOST: i64 = 500;
/// How often to look when nothing rings: another process may be the writer.
const TICK: Duration = Duration::from_secs(1);

/// Somebody who follows an account.
struct Follower {
    pay: Arc<SecurePay>,
    account: Account,
    after: Stamp,
    read: VecDeque<wire::Entry>,
    committed: watch::Receiver<Option<Stamp>>,
}

/// The entries after a stamp in their order, and those to come, until the host stops.
pub(super) fn entries(
    pay: Arc<SecurePay>,
    account: Account,
    after: Stamp,
) -> BoxStream<'static, Result<wire::WatchEntriesResponse, Status>> {
    let follower = Follower {
        committed: pay.ledger.committed(),
        pay,
        account,
        after,
        read: VecDeque::new(),
    };
    // After a failure nothing more comes: whoever follows begins again where it was.
    stream::unfold(Some(follower), |follower| async {
        let mut follower = follower?;
        match follower.next().await {
            Ok(Some(entry)) => {
                let told = wire::WatchEntriesResponse { entry: Some(entry) };
                Some((Ok(told), Some(follower)))
            }
            Ok(None) => None,
            Err(status) => Some((Err(status), None)),
        }
    })
    .boxed()
}

impl Follower {
    async fn next(&mut self) -> Result<Option<wire::Entry>, Status> {
        let stopping = self.pay.stopping.clone();
        loop {
            if let Some(entry) = self.read.pop_front() {
                self.after = Stamp(entry.at);
                return Ok(Some(entry));
            }
            // Whatever is committed from here on is heard of below.
            self.committed.mark_unchanged();
            self.look().await?;
            if !self.read.is_empty() {
                continue;
            }
            let heard = async {
                tokio::select! {
                    // The writer is gone only when the process is going.
                    changed = self.committed.changed() => if changed.is_err() {
                        tokio::time::sleep(TICK).await;
                    },
                    () = tokio::time::sleep(TICK) => {}
                }
            };
            if stopping.run_until_cancelled(heard).await.is_none() {
                return Ok(None);
            }
        }
    }

    async fn look(&mut self) -> Result<(), Status> {
        let pool = self.pay.db.pool();
        let mut connection = pool
            .acquire()
            .await
            .map_err(|error| failed(Error::from(error)))?;
        let postings = books::entries_after(&mut *connection, self.account.id, self.after, MOST)
            .await
            .map_err(failed)?;
        let accounts = by_numbers(&mut connection, &postings).await?;
        for posting in &postings {
            let (Some(debit), Some(credit)) =
                (accounts.get(&posting.debit), accounts.get(&posting.credit))
            else {
                return Err(Status::internal("a posting is between unknown accounts"));
            };
            self.read
                .push_back(entry(posting, debit, credit, self.account.id));
        }
        Ok(())
    }
}
