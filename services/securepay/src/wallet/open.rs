//! `POST /wallets`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::{Permission, Scope};
use galen_contracts::ids::PatientId;
use galen_contracts::securepay::v1::WalletOpened;
use galen_eventing::Publish as _;
use galen_kernel::{Currency, Problem, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, Requires};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Holder, OpenError, Wallet, WalletView};
use crate::SecurePay;
use crate::account::{self, Account, Kind, Owner, OwnerKind};
use crate::ledger::Standing;
use crate::patient::Reach;

/// A wallet to be opened.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OpenWallet {
    /// The patient or the organisation; the hospital has no id.
    pub owner_id: Option<Uuid>,
    /// ISO 4217.
    #[schema(
        min_length = 3,
        max_length = 3,
        pattern = "^[A-Z]{3}$",
        example = "EUR"
    )]
    pub currency: String,
    /// Who owns it.
    pub kind: OwnerKind,
}

impl Requires for OpenWallet {
    /// Whoever sees wallets may ask; whose they open is looked at in the handler.
    const NEEDS: Needs = Needs::Permission(Permission::WalletRead);
}

impl OpenWallet {
    fn parse(&self) -> Result<(Owner, Currency), Problem> {
        let mut wrong = Violations::new();
        let currency = self.currency.parse::<Currency>();
        let currency = wrong.keep("/currency", "UNKNOWN_CURRENCY", currency);
        let owner = match (self.kind, self.owner_id) {
            (OwnerKind::Patient, Some(id)) => Some(Owner::Patient(id)),
            (OwnerKind::Insurer, Some(id)) => Some(Owner::Insurer(id)),
            (OwnerKind::Hospital, None) => Some(Owner::Hospital),
            (OwnerKind::Patient | OwnerKind::Insurer, None) => {
                wrong.push("/ownerId", "REQUIRED", "must say whose wallet it is");
                None
            }
            (OwnerKind::Hospital, Some(_)) => {
                wrong.push(
                    "/ownerId",
                    "NOT_ALLOWED",
                    "must be absent: the hospital has no id",
                );
                None
            }
        };
        wrong.finish()?;
        match (owner, currency) {
            (Some(owner), Some(currency)) => Ok((owner, currency)),
            _ => Err(Problem::internal(
                "something is wrong and nothing was noted",
            )),
        }
    }
}

/// Opens a wallet, or gives the one that is open. Patients open their own.
#[utoipa::path(
    post,
    path = "/wallets",
    operation_id = "openWallet",
    tag = "securepay",
    request_body = OpenWallet,
    responses(
        (status = 201, description = "Opened.", body = WalletView),
        (status = 200, description = "It was open already.", body = WalletView),
    ),
)]
pub async fn open(
    cx: Cx<OpenWallet>,
    State(pay): State<Arc<SecurePay>>,
    Body(request): Body<OpenWallet>,
) -> Outcome {
    let (owner, currency) = request.parse()?;
    if let Owner::Patient(patient) = owner {
        cx.concerns(PatientId::from_uuid(patient));
    }
    if !cx.principal()?.may(Permission::WalletManage) {
        if cx.scope() == Scope::Any {
            return Err(Problem::forbidden().into());
        }
        let reach = Reach::of(cx.scope(), pay.db.pool()).await?;
        let is_own = matches!(owner, Owner::Patient(patient) if reach.covers_patient(patient));
        if !is_own {
            return Err(Problem::not_found().into());
        }
    }
    cx.replayed(&pay.db).await?;
    if let Err(error) = exists(&pay, owner).await {
        return Err(Problem::from(error).into());
    }
    let mut tx = cx.begin(&pay.db).await?;
    let (account, is_new) =
        account::open_or_find(tx.conn(), cx.clock(), Kind::Wallet, owner, currency).await?;
    cx.about("WALLET", account.public_id);
    if is_new {
        tx.publish(&opened(&account));
    }
    let wallet = if is_new {
        Some(Wallet {
            account,
            standing: Standing::Open,
        })
    } else {
        super::store::get(tx.conn(), account.public_id).await?
    };
    let view = WalletView::from(wallet.ok_or_else(|| Problem::internal("a wallet is gone"))?);
    let answer = if is_new {
        Answer::created(&view).location(&format!("/api/v1/wallets/{}", view.id))
    } else {
        Answer::ok(&view)
    };
    tx.commit(answer.version(view.version)).await
}

/// Whether there is somebody to own a wallet, and new things happen to them.
async fn exists(pay: &SecurePay, owner: Owner) -> Result<(), OpenError> {
    match owner {
        Owner::Patient(patient) => {
            match pay.patients.standing(PatientId::from_uuid(patient)).await? {
                Holder::Active => Ok(()),
                Holder::Inactive => Err(OpenError::PatientInactive),
                Holder::Unknown => Err(OpenError::PatientUnknown),
            }
        }
        Owner::Insurer(payer) => match pay.payers.standing(payer).await? {
            Holder::Active => Ok(()),
            Holder::Inactive => Err(OpenError::PayerInactive),
            Holder::Unknown => Err(OpenError::PayerUnknown),
        },
        // It is always there, and has one wallet for each currency.
        Owner::Hospital | Owner::Thing(_) => Ok(()),
    }
}

/// The event of a new wallet.
pub(crate) fn opened(account: &Account) -> WalletOpened {
    WalletOpened {
        wallet_id: account.public_id.to_string(),
        owner_id: account
            .owner
            .id()
            .map(|id| id.to_string())
            .unwrap_or_default(),
        currency: account.currency.code().to_owned(),
    }
}
