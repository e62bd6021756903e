//! `POST /invoices`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PatientId;
use galen_kernel::{Problem, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, Requires};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::event::Event;
use super::view::InvoiceView;
use super::{adjudicate, store};
use crate::Billing;
use crate::charge;
use crate::charge::model::{Charge, ChargeRefusal};

/// The most lines of an invoice.
const MOST: usize = 200;

/// Charges to be put together: these, or those of an appointment or a stay.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DraftInvoice {
    /// Whose.
    pub patient_id: Uuid,
    /// These.
    #[schema(min_items = 1, max_items = 200)]
    pub charge_ids: Option<Vec<Uuid>>,
    /// Those of this appointment.
    pub appointment_id: Option<Uuid>,
    /// Those of this stay that can be invoiced.
    pub admission_id: Option<Uuid>,
}

impl Requires for DraftInvoice {
    const NEEDS: Needs = Needs::Permission(Permission::InvoiceManage);
}

impl DraftInvoice {
    /// The ids of the charges, in the order of the lines.
    async fn charges(&self, billing: &Billing) -> Result<Vec<Uuid>, Problem> {
        let mut wrong = Violations::new();
        let given = [
            self.charge_ids.is_some(),
            self.appointment_id.is_some(),
            self.admission_id.is_some(),
        ];
        wrong.require(
            given.iter().filter(|given| **given).count() == 1,
            "/chargeIds",
            "EXACTLY_ONE",
            "give one of chargeIds, appointmentId and admissionId",
        );
        if let Some(ids) = &self.charge_ids {
            let mut once = ids.clone();
            once.sort_unstable();
            once.dedup();
            wrong.require(
                (1..=MOST).contains(&ids.len()) && once.len() == ids.len(),
                "/chargeIds",
                "OUT_OF_RANGE",
                "must be 1 to 200 charges, each once",
            );
        }
        wrong.finish()?;
        let db = billing.db.pool();
        let ids = match (&self.charge_ids, self.appointment_id, self.admission_id) {
            (Some(ids), ..) => ids.clone(),
            (_, Some(appointment), _) => charge::store::of_source(db, appointment).await?,
            (.., Some(admission)) => charge::store::of_admission(db, admission).await?,
            _ => Vec::new(),
        };
        if ids.is_empty() || ids.len() > MOST {
            return Err(Problem::conflict(
                "NOTHING_TO_INVOICE",
                "There are no charges to be invoiced, or more than 200.",
            ));
        }
        Ok(ids)
    }
}

/// Puts charges on a draft, and works out who owes what.
#[utoipa::path(
    post,
    path = "/invoices",
    operation_id = "draftInvoice",
    tag = "billing",
    request_body = DraftInvoice,
    responses((status = 201, description = "Drafted.", body = InvoiceView)),
)]
pub async fn draft(
    cx: Cx<DraftInvoice>,
    State(billing): State<Arc<Billing>>,
    Body(request): Body<DraftInvoice>,
) -> Outcome {
    let patient = PatientId::from_uuid(request.patient_id);
    cx.reach_patient(patient)?;
    cx.replayed(&billing.db).await?;
    let ids = request.charges(&billing).await?;
    let seen = charge::store::get_all(billing.db.pool(), &ids).await?;
    fit(patient, &ids, &seen)?;
    let periods = adjudicate::periods(&billing, patient, &seen).await?;

    let mut tx = cx.begin(&billing.db).await?;
    let mut charges = charge::store::get_all_for_change(&mut tx, &ids).await?;
    fit(patient, &ids, &charges)?;
    for charge in &charges {
        charge.billable()?;
    }
    charges.sort_by_key(|charge| ids.iter().position(|id| *id == charge.id.uuid()));
    let (mode, currency) = match charges.first() {
        Some(Charge {
            mode,
            price: Some(price),
            ..
        }) => (*mode, price.amount.currency),
        _ => return Err(ChargeRefusal::Unpriced.into()),
    };
    let (lines, _) = adjudicate::work_out(&mut tx, cx.now(), &periods, &charges).await?;
    let first = Event::Drafted {
        patient,
        mode,
        currency,
        lines,
    };
    let id = cx.clock().id();
    let invoice = store::begin(&mut tx, id, &first).await?;
    let taken = charge::store::invoice(&mut tx, &ids, id.uuid()).await?;
    if taken != charges.len() as u64 {
        return Err(Problem::internal("locked charges were changed").into());
    }
    cx.about("invoice", id);
    let view = InvoiceView::of(&invoice, Vec::new());
    let location = format!("/api/v1/invoices/{id}");
    tx.commit(
        Answer::created(&view)
            .version(invoice.version)
            .location(&location),
    )
    .await
}

/// Charges of one patient, in one currency, asked of the same.
fn fit(patient: PatientId, ids: &[Uuid], charges: &[Charge]) -> Result<(), Problem> {
    let known = charges.len() == ids.len();
    if !known || charges.iter().any(|charge| charge.patient != patient) {
        return Err(Problem::invalid_field(
            "/chargeIds",
            "UNKNOWN_CHARGE",
            "are not all charges of the patient",
        ));
    }
    let mut modes = charges.iter().map(|charge| charge.mode);
    let first = modes.next();
    if modes.any(|mode| Some(mode) != first) {
        return Err(Problem::conflict(
            "MIXED_PAYMENT_MODES",
            "What insurers are asked for and what the patient pays alone are invoiced apart.",
        ));
    }
    let currency = |charge: &Charge| charge.price.as_ref().map(|price| price.amount.currency);
    let mut currencies = charges.iter().filter_map(currency);
    let first = currencies.next();
    if currencies.any(|currency| Some(currency) != first) {
        return Err(Problem::conflict(
            "CURRENCY_MISMATCH",
            "What costs different currencies is invoiced apart.",
        ));
    }
    Ok(())
}
