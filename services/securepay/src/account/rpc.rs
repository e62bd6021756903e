//! What other services do with their accounts.
//!
//! Everything that moves money is named by the caller: asking again with the same ids
//! gives the first answer, and with other content `FAILED_PRECONDITION`, whose message
//! is the code, as it is of every refusal of the ledger.

use std::collections::HashMap;
use std::sync::Arc;

use futures::stream::BoxStream;
use galen_contracts::convert;
use galen_contracts::ids::PatientId;
use galen_contracts::securepay::v1 as wire;
use galen_contracts::securepay::v1::account_service_server::AccountService;
use galen_eventing::Publish as _;
use galen_service::records;
use galen_service::rpc::status;
use galen_storage::Error;
use sqlx::PgConnection;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::watch;
use super::wire::{
    accounts, amount, currency, entry, failed, invalid, leaving, made, money, of_account,
    optional_uuid, posted, unanswered, uuid,
};
use super::{Account, Kind, Owner, store};
use crate::SecurePay;
use crate::ledger::{
    self, Amount, Group, Hold, HoldState, Operation, Request as Wish, Stamp, Standing, Totals,
    TransferId,
};
use crate::payment::model::beside;
use crate::purpose::Purpose;
use crate::wallet;

/// Most wallets of one person in one currency: as many as they had records.
const MOST_WALLETS: u16 = 100;
/// Most transfers that are done together.
const MOST_TRANSFERS: usize = 100;

/// Answers over gRPC.
pub struct Accounts(pub Arc<SecurePay>);

/// What another service has reserved.
struct Reserved {
    hold: Hold,
    currency: galen_kernel::Currency,
}

impl Accounts {
    async fn connection(&self) -> Result<sqlx::pool::PoolConnection<sqlx::Postgres>, Status> {
        let pool = self.0.db.pool();
        pool.acquire()
            .await
            .map_err(|error| failed(Error::from(error)))
    }

    async fn reserved(&self, id: Uuid) -> Result<Reserved, Status> {
        let mut connection = self.connection().await?;
        let found = store::reserved(&mut connection, id, Purpose::Reservation.code()).await;
        let (hold, currency) = found
            .map_err(failed)?
            .ok_or_else(|| Status::not_found("reservation_id names no reservation"))?;
        Ok(Reserved { hold, currency })
    }

    async fn submit(&self, group: Group) -> Result<Vec<ledger::Posting>, Status> {
        let answers = self.0.ledger.submit(group).await.map_err(unanswered)?;
        posted(answers)
    }

    async fn show(&self, db: &mut PgConnection, account: Account) -> Result<wire::Account, Status> {
        let totals = wallet::store::totals(db, account.id, None)
            .await
            .map_err(failed)?;
        Ok(shown(&account, &totals))
    }
}

impl Reserved {
    fn show(&self, now: Stamp) -> wire::Reservation {
        let state = match self.hold.state {
            HoldState::Open if self.hold.is_due(now) => wire::ReservationState::Expired,
            HoldState::Open => wire::ReservationState::Held,
            HoldState::Captured => wire::ReservationState::Captured,
            HoldState::Voided => wire::ReservationState::Released,
            HoldState::Expired => wire::ReservationState::Expired,
        };
        wire::Reservation {
            reservation_id: self.hold.id.0.to_string(),
            state: state.into(),
            amount: Some(money(self.hold.amount.minor(), self.currency)),
            captured: Some(money(self.hold.captured, self.currency)),
        }
    }
}

fn shown(account: &Account, totals: &Totals) -> wire::Account {
    wire::Account {
        account_id: account.public_id.to_string(),
        kind: account.kind.to_wire().into(),
        owner_id: account
            .owner
            .id()
            .map(|id| id.to_string())
            .unwrap_or_default(),
        currency: account.currency.code().to_owned(),
        balance: totals.balance(),
        available: totals.available(),
    }
}

fn wish(id: Uuid, operation: Operation, purpose: Purpose, reference: Option<Uuid>) -> Wish {
    Wish {
        id: TransferId(id),
        operation,
        code: purpose.code(),
        reference,
    }
}

#[tonic::async_trait]
impl AccountService for Accounts {
    async fn open_account(
        &self,
        request: Request<wire::OpenAccountRequest>,
    ) -> Result<Response<wire::OpenAccountResponse>, Status> {
        let asked = request.into_inner();
        let kind = Kind::from_wire(asked.kind())
            .ok_or_else(|| invalid("kind must be one of the kinds"))?;
        let owner = Owner::of(kind, optional_uuid("owner_id", &asked.owner_id)?);
        let currency = currency("currency", &asked.currency)?;
        let mut tx = self.0.db.begin().await.map_err(failed)?;
        let (account, is_new) =
            store::open_or_find(tx.conn(), &self.0.clock, kind, owner, currency)
                .await
                .map_err(failed)?;
        if is_new && kind == Kind::Wallet {
            tx.publish(&wallet::open::opened(&account));
        }
        let shown = self.show(tx.conn(), account).await?;
        tx.commit().await.map_err(failed)?;
        Ok(Response::new(wire::OpenAccountResponse {
            account: Some(shown),
        }))
    }

    async fn get_account(
        &self,
        request: Request<wire::GetAccountRequest>,
    ) -> Result<Response<wire::GetAccountResponse>, Status> {
        let id = uuid("account_id", &request.into_inner().account_id)?;
        let found = accounts(&self.0, &[("account_id", id)]).await?;
        let mut connection = self.connection().await?;
        Ok(Response::new(wire::GetAccountResponse {
            account: Some(self.show(&mut connection, found[0]).await?),
        }))
    }

    async fn find_wallets(
        &self,
        request: Request<wire::FindWalletsRequest>,
    ) -> Result<Response<wire::FindWalletsResponse>, Status> {
        let asked = request.into_inner();
        let patient = PatientId::from_uuid(uuid("patient_id", &asked.patient_id)?);
        let currency = currency("currency", &asked.currency)?;
        let mut connection = self.connection().await?;
        let found = open_wallets(&mut connection, patient, currency).await;
        let mut wallets = Vec::new();
        for account in found.map_err(failed)? {
            wallets.push(self.show(&mut connection, account).await?);
        }
        wallets.sort_by_key(|wallet| std::cmp::Reverse(wallet.available));
        Ok(Response::new(wire::FindWalletsResponse { wallets }))
    }

    async fn reserve(
        &self,
        request: Request<wire::ReserveRequest>,
    ) -> Result<Response<wire::ReserveResponse>, Status> {
        let asked = request.into_inner();
        let id = made("reservation_id", &asked.reservation_id)?;
        let reference = optional_uuid("reference_id", &asked.reference_id)?;
        let end = convert::instant("expires_at", asked.expires_at.as_ref()).map_err(invalid)?;
        let sides = (&*asked.from_account_id, &*asked.to_account_id);
        let (from, to, amount) = leaving(&self.0, sides, asked.amount.as_ref()).await?;
        let operation = Operation::Hold {
            debit: from.id,
            credit: to.id,
            amount,
            expires_at: Some(Stamp(end.as_microsecond())),
        };
        let wish = wish(id, operation, Purpose::Reservation, reference);
        self.submit(Group::of(wish)).await?;
        Ok(Response::new(wire::ReserveResponse {
            reservation: Some(self.reserved(id).await?.show(self.0.now())),
        }))
    }

    async fn capture_reservation(
        &self,
        request: Request<wire::CaptureReservationRequest>,
    ) -> Result<Response<wire::CaptureReservationResponse>, Status> {
        let asked = request.into_inner();
        let id = uuid("reservation_id", &asked.reservation_id)?;
        let capture = made("capture_id", &asked.capture_id)?;
        let wanted = asked.amount.as_ref();
        let wanted = wanted
            .map(|wanted| amount("amount", Some(wanted)))
            .transpose()?;
        let Reserved { hold, currency } = self.reserved(id).await?;
        let wanted: Option<Amount> = match wanted {
            Some((_, other)) if other != currency => {
                return Err(invalid("amount.currency is not that of the reservation"));
            }
            wanted => wanted.map(|(amount, _)| amount),
        };
        let amount = wanted.unwrap_or(hold.amount);
        let operation = Operation::Capture {
            hold: hold.id,
            amount: Some(amount),
        };
        let mut wishes = vec![wish(capture, operation, Purpose::Reservation, None)];
        if amount < hold.amount {
            let rest = Operation::Void { hold: hold.id };
            wishes.push(wish(beside(capture), rest, Purpose::Reservation, None));
        }
        self.submit(Group::new(wishes).expect("there is one at least"))
            .await?;
        Ok(Response::new(wire::CaptureReservationResponse {
            reservation: Some(self.reserved(id).await?.show(self.0.now())),
        }))
    }

    async fn release_reservation(
        &self,
        request: Request<wire::ReleaseReservationRequest>,
    ) -> Result<Response<wire::ReleaseReservationResponse>, Status> {
        let asked = request.into_inner();
        let id = uuid("reservation_id", &asked.reservation_id)?;
        let release = made("release_id", &asked.release_id)?;
        let hold = self.reserved(id).await?.hold.id;
        let operation = Operation::Void { hold };
        let wish = wish(release, operation, Purpose::Reservation, None);
        self.submit(Group::of(wish)).await?;
        Ok(Response::new(wire::ReleaseReservationResponse {
            reservation: Some(self.reserved(id).await?.show(self.0.now())),
        }))
    }

    async fn post(
        &self,
        request: Request<wire::PostRequest>,
    ) -> Result<Response<wire::PostResponse>, Status> {
        let asked = request.into_inner().transfers;
        if asked.is_empty() || asked.len() > MOST_TRANSFERS {
            return Err(invalid(format_args!(
                "transfers must be 1 to {MOST_TRANSFERS}"
            )));
        }
        let mut sides = Vec::with_capacity(asked.len() * 2);
        for transfer in &asked {
            let debit = uuid("transfers.debit_account_id", &transfer.debit_account_id)?;
            let credit = uuid("transfers.credit_account_id", &transfer.credit_account_id)?;
            if debit == credit {
                return Err(invalid(
                    "transfers.credit_account_id must be another account",
                ));
            }
            sides.push(("transfers.debit_account_id", debit));
            sides.push(("transfers.credit_account_id", credit));
        }
        let ids = asked
            .iter()
            .map(|transfer| made("transfers.transfer_id", &transfer.transfer_id))
            .collect::<Result<Vec<_>, _>>()?;
        let references = asked
            .iter()
            .map(|transfer| optional_uuid("transfers.reference_id", &transfer.reference_id))
            .collect::<Result<Vec<_>, _>>()?;
        for transfer in &asked {
            amount("transfers.amount", transfer.amount.as_ref())?;
        }
        let found = accounts(&self.0, &sides).await?;
        let mut wishes = Vec::with_capacity(asked.len());
        for (((transfer, pair), id), reference) in
            asked.iter().zip(found.chunks(2)).zip(ids).zip(references)
        {
            let amount = of_account("transfers.amount", transfer.amount.as_ref(), &pair[0])?;
            let operation = Operation::Transfer {
                debit: pair[0].id,
                credit: pair[1].id,
                amount,
            };
            wishes.push(wish(id, operation, Purpose::Journal, reference));
        }
        let group = Group::new(wishes).expect("there is one at least");
        let postings = self.submit(group).await?;
        let entries = postings
            .iter()
            .zip(found.chunks(2))
            .map(|(posting, pair)| entry(posting, &pair[0], &pair[1], posting.debit))
            .collect();
        Ok(Response::new(wire::PostResponse { entries }))
    }

    type WatchEntriesStream = BoxStream<'static, Result<wire::WatchEntriesResponse, Status>>;

    async fn watch_entries(
        &self,
        request: Request<wire::WatchEntriesRequest>,
    ) -> Result<Response<Self::WatchEntriesStream>, Status> {
        let asked = request.into_inner();
        let id = uuid("account_id", &asked.account_id)?;
        if asked.after < 0 {
            return Err(invalid("after must not be negative"));
        }
        let found = accounts(&self.0, &[("account_id", id)]).await?;
        Ok(Response::new(watch::entries(
            Arc::clone(&self.0),
            found[0],
            Stamp(asked.after),
        )))
    }
}

/// The wallets of a person that money can be taken from, the oldest first.
async fn open_wallets(
    db: &mut PgConnection,
    patient: PatientId,
    currency: galen_kernel::Currency,
) -> Result<Vec<Account>, Error> {
    let owners = records::ids_of(&mut *db, patient).await?;
    let filter = wallet::store::Filter {
        owners: Some(&owners),
        currency: Some(currency),
    };
    let found = wallet::store::find(db, &filter, None, MOST_WALLETS).await?;
    let open = found
        .into_iter()
        .filter(|wallet| wallet.standing == Standing::Open);
    Ok(open.map(|wallet| wallet.account).collect())
}

/// Accounts by the ledger's numbers, for entries that name them.
pub(super) async fn by_numbers(
    db: &mut PgConnection,
    postings: &[ledger::Posting],
) -> Result<HashMap<ledger::AccountId, Account>, Status> {
    let ids: Vec<ledger::AccountId> = postings
        .iter()
        .flat_map(|posting| [posting.debit, posting.credit])
        .collect();
    let found = store::by_numbers(db, &ids)
        .await
        .map_err(|error| status(error.into()))?;
    Ok(found
        .into_iter()
        .map(|account| (account.id, account))
        .collect())
}
