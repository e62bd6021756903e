//! A stand-in for SecurePay: as strict as the ledger, and as unreliable as a network.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use galen_contracts::securepay::v1::account_service_server::AccountService;
use galen_contracts::securepay::v1::payment_service_server::PaymentService;
use galen_contracts::securepay::v1::*;
use tonic::{Request, Response, Status};
use uuid::Uuid;

#[derive(Default)]
pub(crate) struct Books {
    accounts: HashMap<String, Account>,
    transfers: HashSet<String>,
    pub(crate) payments: HashMap<String, Payment>,
    refunds: HashSet<String>,
}

/// What the ledger knows, and how it behaves.
#[derive(Default)]
pub(crate) struct Ledger {
    books: Mutex<Books>,
    /// It does not answer, and does nothing.
    pub(crate) away: AtomicBool,
    /// It does what it is asked, and the answer is lost.
    pub(crate) mute: AtomicBool,
    /// The same, of payments only.
    pub(crate) mute_payments: AtomicBool,
    /// How often it was asked to pay.
    pub(crate) asked: AtomicU32,
}

impl Ledger {
    pub(crate) fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens an account, or finds it.
    pub(crate) fn account(&self, kind: AccountKind, owner: &str, currency: &str) -> Account {
        let mut books = self.books();
        let known = books.accounts.values().find(|account| {
            account.kind() == kind && account.owner_id == owner && account.currency == currency
        });
        if let Some(known) = known {
            return known.clone();
        }
        let account = Account {
            account_id: Uuid::now_v7().to_string(),
            kind: kind.into(),
            owner_id: owner.to_owned(),
            currency: currency.to_owned(),
            balance: 0,
            available: 0,
        };
        books
            .accounts
            .insert(account.account_id.clone(), account.clone());
        account
    }

    /// A wallet with money in it.
    pub(crate) fn wallet(&self, owner: &str, minor: i64) -> String {
        let wallet = self.account(AccountKind::Wallet, owner, "EUR");
        let mut books = self.books();
        if let Some(account) = books.accounts.get_mut(&wallet.account_id) {
            account.balance += minor;
        }
        wallet.account_id
    }

    /// Credits without debits.
    pub(crate) fn balance(&self, kind: AccountKind, owner: &str) -> i64 {
        let id = self.account(kind, owner, "EUR").account_id;
        self.books().accounts[&id].balance
    }

    fn is_there(&self) -> Result<(), Status> {
        if self.away.load(Ordering::SeqCst) {
            return Err(Status::unavailable("away"));
        }
        Ok(())
    }

    fn answer<T>(&self, answer: T) -> Result<Response<T>, Status> {
        if self.mute.load(Ordering::SeqCst) {
            return Err(Status::unavailable("the line broke"));
        }
        Ok(Response::new(answer))
    }
}

impl Books {
    fn allows(&self, id: &str, change: i64) -> Result<(), Status> {
        let account = self
            .accounts
            .get(id)
            .ok_or_else(|| Status::not_found("no such account"))?;
        let after = account.balance + change;
        match account.kind() {
            AccountKind::Wallet | AccountKind::Deposit if after < 0 => {
                Err(Status::failed_precondition("INSUFFICIENT_FUNDS"))
            }
            AccountKind::Receivable if after > 0 => Err(Status::failed_precondition("OVERPAID")),
            _ => Ok(()),
        }
    }

    fn shift(&mut self, debit: &str, credit: &str, minor: i64) -> Result<(), Status> {
        self.allows(debit, -minor)?;
        self.allows(credit, minor)?;
        for (id, change) in [(debit, -minor), (credit, minor)] {
            if let Some(account) = self.accounts.get_mut(id) {
                account.balance += change;
            }
        }
        Ok(())
    }
}

pub(crate) struct Served(pub(crate) Arc<Ledger>);

type Entries = futures::stream::Empty<Result<WatchEntriesResponse, Status>>;

#[tonic::async_trait]
impl AccountService for Served {
    type WatchEntriesStream = Entries;

    async fn open_account(
        &self,
        request: Request<OpenAccountRequest>,
    ) -> Result<Response<OpenAccountResponse>, Status> {
        self.0.is_there()?;
        let asked = request.into_inner();
        let account = self
            .0
            .account(asked.kind(), &asked.owner_id, &asked.currency);
        self.0.answer(OpenAccountResponse {
            account: Some(account),
        })
    }

    async fn get_account(
        &self,
        request: Request<GetAccountRequest>,
    ) -> Result<Response<GetAccountResponse>, Status> {
        self.0.is_there()?;
        let id = request.into_inner().account_id;
        let found = self.0.books().accounts.get(&id).cloned();
        found
            .map(|account| {
                Response::new(GetAccountResponse {
                    account: Some(account),
                })
            })
            .ok_or_else(|| Status::not_found("no such account"))
    }

    async fn find_wallets(
        &self,
        request: Request<FindWalletsRequest>,
    ) -> Result<Response<FindWalletsResponse>, Status> {
        self.0.is_there()?;
        let asked = request.into_inner();
        let mut wallets: Vec<Account> = {
            let books = self.0.books();
            let wallets = books.accounts.values().filter(|account| {
                (account.kind(), &account.owner_id, &account.currency)
                    == (AccountKind::Wallet, &asked.patient_id, &asked.currency)
            });
            wallets.cloned().collect()
        };
        for wallet in &mut wallets {
            wallet.available = wallet.balance;
        }
        wallets.sort_by_key(|wallet| std::cmp::Reverse(wallet.available));
        self.0.answer(FindWalletsResponse { wallets })
    }

    async fn post(&self, request: Request<PostRequest>) -> Result<Response<PostResponse>, Status> {
        self.0.is_there()?;
        for transfer in request.into_inner().transfers {
            let mut books = self.0.books();
            if books.transfers.contains(&transfer.transfer_id) {
                continue;
            }
            let minor = transfer.amount.as_ref().map_or(0, |amount| amount.minor);
            let (debit, credit) = (&transfer.debit_account_id, &transfer.credit_account_id);
            books.shift(debit, credit, minor)?;
            books.transfers.insert(transfer.transfer_id);
        }
        self.0.answer(PostResponse {
            entries: Vec::new(),
        })
    }

    async fn reserve(
        &self,
        _: Request<ReserveRequest>,
    ) -> Result<Response<ReserveResponse>, Status> {
        Err(Status::unimplemented("billing reserves nothing"))
    }

    async fn capture_reservation(
        &self,
        _: Request<CaptureReservationRequest>,
    ) -> Result<Response<CaptureReservationResponse>, Status> {
        Err(Status::unimplemented("billing reserves nothing"))
    }

    async fn release_reservation(
        &self,
        _: Request<ReleaseReservationRequest>,
    ) -> Result<Response<ReleaseReservationResponse>, Status> {
        Err(Status::unimplemented("billing reserves nothing"))
    }

    async fn watch_entries(
        &self,
        _: Request<WatchEntriesRequest>,
    ) -> Result<Response<Entries>, Status> {
        Err(Status::unimplemented("billing watches nothing"))
    }
}

#[tonic::async_trait]
impl PaymentService for Served {
    async fn initiate_payment(
        &self,
        request: Request<InitiatePaymentRequest>,
    ) -> Result<Response<InitiatePaymentResponse>, Status> {
        self.0.asked.fetch_add(1, Ordering::SeqCst);
        self.0.is_there()?;
        let asked = request.into_inner();
        let minor = asked.amount.as_ref().map_or(0, |amount| amount.minor);
        let payment = {
            let mut books = self.0.books();
            match books.payments.get(&asked.payment_id) {
                Some(known) => known.clone(),
                None => {
                    books.shift(&asked.from_account_id, &asked.to_account_id, minor)?;
                    let payment = Payment {
                        payment_id: asked.payment_id.clone(),
                        state: PaymentState::Captured.into(),
                        amount: asked.amount.clone(),
                        captured: asked.amount,
                        refunded: None,
                        from_account_id: asked.from_account_id,
                        to_account_id: asked.to_account_id,
                        reference_id: asked.reference_id,
                    };
                    books.payments.insert(asked.payment_id, payment.clone());
                    payment
                }
            }
        };
        if self.0.mute_payments.load(Ordering::SeqCst) {
            return Err(Status::unavailable("the line broke"));
        }
        self.0.answer(InitiatePaymentResponse {
            payment: Some(payment),
        })
    }

    async fn get_payment(
        &self,
        request: Request<GetPaymentRequest>,
    ) -> Result<Response<GetPaymentResponse>, Status> {
        self.0.is_there()?;
        let id = request.into_inner().payment_id;
        let found = self.0.books().payments.get(&id).cloned();
        found
            .map(|payment| {
                Response::new(GetPaymentResponse {
                    payment: Some(payment),
                })
            })
            .ok_or_else(|| Status::not_found("no such payment"))
    }

    async fn refund_payment(
        &self,
        request: Request<RefundPaymentRequest>,
    ) -> Result<Response<RefundPaymentResponse>, Status> {
        self.0.is_there()?;
        let asked = request.into_inner();
        let payment = {
            let mut books = self.0.books();
            let payment = books.payments.get(&asked.payment_id).cloned();
            let payment = payment.ok_or_else(|| Status::not_found("no such payment"))?;
            if books.refunds.insert(asked.refund_id) {
                let minor = asked.amount.as_ref().map_or(0, |amount| amount.minor);
                books.shift(&payment.to_account_id, &payment.from_account_id, minor)?;
            }
            payment
        };
        self.0.answer(RefundPaymentResponse {
            payment: Some(payment),
        })
    }
}
