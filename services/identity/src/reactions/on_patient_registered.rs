//! A person was registered: their account is made, or the one they registered
//! themself with is linked.

use galen_access::Role;
use galen_contracts::convert;
use galen_contracts::identity::v1::UserProvisioned;
use galen_contracts::ids::{PatientId, UserId};
use galen_contracts::patients::v1::PatientRegistered;
use galen_eventing::{Delivery, Failure, Handle, Publish as _};
use galen_storage::Tx;

use super::{Provisioning, store_and_tell};
use crate::account::{Account, RoleSet, Username, store};
use crate::link::model::Purpose;
use crate::link::request;

/// Why an account cannot be made or linked.
#[derive(Debug, thiserror::Error)]
enum ProvisionError {
    /// The event names an account that never was.
    #[error("there is no account {0}")]
    UnknownUser(UserId),
    /// Every name that could be given is taken.
    #[error("no login name is free for patient {0}")]
    NoNameFree(PatientId),
}

impl From<ProvisionError> for Failure {
    fn from(error: ProvisionError) -> Self {
        match error {
            ProvisionError::UnknownUser(_) => Self::Permanent {
                code: "UNKNOWN_USER",
                source: Box::new(error),
            },
            ProvisionError::NoNameFree(_) => Self::Retryable {
                code: "NO_NAME_FREE",
                source: Box::new(error),
            },
        }
    }
}

impl Handle<PatientRegistered> for Provisioning {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<PatientRegistered>,
    ) -> Result<(), Failure> {
        let event = &delivery.event;
        let patient: PatientId = convert::id("patient_id", &event.patient_id)?;
        let user: Option<UserId> = convert::optional_id("user_id", &event.user_id)?;
        if store::by_patient(tx.conn(), patient).await?.is_some() {
            return Ok(());
        }
        match user {
            Some(user) => link(tx, user, patient).await,
            None => provision(tx, patient, &event.mrn, event.has_email).await,
        }
    }
}

/// Who registers a second person keeps the first record; the second person has no
/// account until the front desk makes one.
async fn link(tx: &mut Tx, user: UserId, patient: PatientId) -> Result<(), Failure> {
    let account = store::lock(tx.conn(), user)
        .await?
        .ok_or(ProvisionError::UnknownUser(user))?;
    if account.patient.is_some() {
        return Ok(());
    }
    tx.publish(&UserProvisioned {
        user_id: user.to_string(),
        patient_id: patient.to_string(),
    });
    let linked = Account {
        patient: Some(patient),
        ..account.clone()
    };
    store_and_tell(tx, &account, linked).await
}

async fn provision(
    tx: &mut Tx,
    patient: PatientId,
    mrn: &str,
    reachable: bool,
) -> Result<(), Failure> {
    let now = tx.clock().now();
    let id = tx.clock().id();
    for username in Username::for_patient(mrn, patient) {
        let account = Account {
            patient: Some(patient),
            ..Account::new(id, username, RoleSet::only(Role::Patient), now)
        };
        if !store::insert_if_free(tx.conn(), &account).await? {
            continue;
        }
        tx.publish(&UserProvisioned {
            user_id: id.to_string(),
            patient_id: patient.to_string(),
        });
        if reachable {
            request::request(tx, &account, Purpose::SetPassword, now).await?;
        }
        return Ok(());
    }
    Err(ProvisionError::NoNameFree(patient).into())
}
