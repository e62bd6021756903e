//! Every event type: its CloudEvents type, topic, key and protobuf message.

use prost_reflect::{DescriptorPool, DynamicMessage};

/// A message that may be published. There is one topic per publishing service,
/// and order is kept per key.
pub trait Event: prost::Message + Default + Clone + Send + Sync + 'static {
    /// What it is, for consumers of any language.
    const TYPE: EventType;

    /// The aggregate it is about: CloudEvents `subject` and `partitionkey`.
    fn key(&self) -> &str;
}

/// The static facts of an event type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventType {
    /// CloudEvents `type`, with the major version at its end.
    pub name: &'static str,
    /// Where it is published; also the name of the publishing service.
    pub topic: &'static str,
    /// Full name of the protobuf message.
    pub message: &'static str,
}

macro_rules! events {
    ($($topic:ident { $($message:ident, $name:literal, |$e:ident| $key:expr;)+ })+) => {
        $($(
            impl Event for crate::$topic::v1::$message {
                const TYPE: EventType = EventType {
                    name: concat!("galen.", stringify!($topic), ".", $name, ".v1"),
                    topic: stringify!($topic),
                    message: concat!("galen.", stringify!($topic), ".v1.", stringify!($message)),
                };

                fn key(&self) -> &str {
                    let $e = self;
                    $key
                }
            }
        )+)+

        /// Every event type there is.
        pub const ALL: &[EventType] = &[$($(<crate::$topic::v1::$message as Event>::TYPE,)+)+];
    };
}

events! {
    identity {
        UserProvisioned, "user-provisioned", |e| &e.user_id;
        CredentialLinkRequested, "credential-link-requested", |e| &e.user_id;
        TokenReuseDetected, "token-reuse-detected", |e| &e.user_id;
        UserChanged, "user-changed", |e| &e.user_id;
        SessionsEnded, "sessions-ended", |e| &e.user_id;
    }
    patients {
        PatientRegistered, "patient-registered", |e| &e.patient_id;
        PatientDemographicsChanged, "patient-demographics-changed", |e| &e.patient_id;
        PatientDeactivated, "patient-deactivated", |e| &e.patient_id;
        PatientErased, "patient-erased", |e| &e.patient_id;
        PatientsMerged, "patients-merged", |e| &e.retired_id;
        PatientsUnmerged, "patients-unmerged", |e| &e.restored_id;
        CoverageChanged, "coverage-changed", |e| &e.patient_id;
        RecordEntryAdded, "record-entry-added", |e| &e.patient_id;
        BreakGlassOpened, "break-glass-opened", |e| &e.patient_id;
        BreakGlassReviewed, "break-glass-reviewed", |e| &e.patient_id;
    }
    staff {
        PractitionerRegistered, "practitioner-registered", |e| &e.practitioner_id;
        PractitionerChanged, "practitioner-changed", |e| &e.practitioner_id;
        PractitionerDeactivated, "practitioner-deactivated", |e| &e.practitioner_id;
        ShiftsPlanned, "shifts-planned", |e| &e.practitioner_id;
        ShiftCancelled, "shift-cancelled", |e| &e.practitioner_id;
        LeaveApproved, "leave-approved", |e| &e.practitioner_id;
        LeaveWithdrawn, "leave-withdrawn", |e| &e.practitioner_id;
        PractitionerVerified, "practitioner-verified", |e| &e.practitioner_id;
    }
    scheduling {
        AppointmentBooked, "appointment-booked", |e| appointment_key(&e.appointment);
        AppointmentConfirmed, "appointment-confirmed", |e| appointment_key(&e.appointment);
        AppointmentCheckedIn, "appointment-checked-in", |e| appointment_key(&e.appointment);
        AppointmentStarted, "appointment-started", |e| appointment_key(&e.appointment);
        AppointmentFulfilled, "appointment-fulfilled", |e| appointment_key(&e.appointment);
        AppointmentCancelled, "appointment-cancelled", |e| appointment_key(&e.appointment);
        AppointmentRescheduled, "appointment-rescheduled", |e| appointment_key(&e.appointment);
        AppointmentMissed, "appointment-missed", |e| appointment_key(&e.appointment);
        NoShowReverted, "no-show-reverted", |e| appointment_key(&e.appointment);
        AppointmentNeedsReschedule, "appointment-needs-reschedule", |e| appointment_key(&e.appointment);
        AppointmentGroundRegained, "appointment-ground-regained", |e| appointment_key(&e.appointment);
        SlotOffered, "slot-offered", |e| &e.entry_id;
        SlotOfferExpired, "slot-offer-expired", |e| &e.entry_id;
        PractitionerVerificationRequested, "practitioner-verification-requested", |e| &e.practitioner_id;
        ConfirmationRequested, "confirmation-requested", |e| &e.appointment_id;
        QuoteRequested, "quote-requested", |e| &e.appointment_id;
        PrepaymentRequested, "prepayment-requested", |e| &e.appointment_id;
    }
    notifications {
        ConfirmationQueued, "confirmation-queued", |e| &e.appointment_id;
        MessageSent, "message-sent", |e| &e.message_id;
        MessageDead, "message-dead", |e| &e.message_id;
    }
    securepay {
        PaymentAuthorized, "payment-authorized", |e| payment_key(&e.payment);
        PaymentCaptured, "payment-captured", |e| payment_key(&e.payment);
        PaymentVoided, "payment-voided", |e| payment_key(&e.payment);
        PaymentExpired, "payment-expired", |e| payment_key(&e.payment);
        PaymentRefunded, "payment-refunded", |e| payment_key(&e.payment);
        WalletOpened, "wallet-opened", |e| &e.wallet_id;
        WalletStandingChanged, "wallet-standing-changed", |e| &e.wallet_id;
        TopUpSettled, "top-up-settled", |e| &e.top_up_id;
        TopUpFailed, "top-up-failed", |e| &e.top_up_id;
        PayoutSettled, "payout-settled", |e| &e.payout_id;
        PayoutFailed, "payout-failed", |e| &e.payout_id;
    }
    billing {
        PlanVersionPublished, "plan-version-published", |e| &e.plan_id;
        ChargeCaptured, "charge-captured", |e| &e.charge_id;
        ChargePriced, "charge-priced", |e| &e.charge_id;
        ChargeUnpriced, "charge-unpriced", |e| &e.charge_id;
        ChargeVoided, "charge-voided", |e| &e.charge_id;
        InvoiceIssued, "invoice-issued", |e| &e.invoice_id;
        InvoiceChanged, "invoice-changed", |e| &e.invoice_id;
        ClaimSubmitted, "claim-submitted", |e| &e.claim_id;
        ClaimAdjudicated, "claim-adjudicated", |e| &e.claim_id;
        RemittancePosted, "remittance-posted", |e| &e.remittance_id;
        AppointmentQuoted, "appointment-quoted", |e| &e.appointment_id;
        PrepaymentHeld, "prepayment-held", |e| &e.appointment_id;
        PrepaymentRefused, "prepayment-refused", |e| &e.appointment_id;
        PrepaymentEnded, "prepayment-ended", |e| &e.appointment_id;
        CashSessionClosed, "cash-session-closed", |e| &e.cash_session_id;
        PaymentPlanAgreed, "payment-plan-agreed", |e| &e.plan_id;
        PaymentPlanCompleted, "payment-plan-completed", |e| &e.plan_id;
        PaymentPlanDefaulted, "payment-plan-defaulted", |e| &e.plan_id;
        PaymentPlanCancelled, "payment-plan-cancelled", |e| &e.plan_id;
    }
}

fn payment_key(payment: &Option<crate::securepay::v1::PaymentFacts>) -> &str {
    payment.as_ref().map_or("", |p| &p.payment_id)
}

fn appointment_key(appointment: &Option<crate::scheduling::v1::Appointment>) -> &str {
    appointment.as_ref().map_or("", |a| &a.appointment_id)
}

/// The topics of this system.
pub const TOPICS: &[&str] = &[
    "identity",
    "patients",
    "staff",
    "scheduling",
    "notifications",
    "securepay",
    "billing",
];

/// Reads stored bytes as JSON, for a person. `None` when the type is unknown or
/// the bytes are not of it.
#[must_use]
pub fn to_json(event_type: &str, data: &[u8]) -> Option<serde_json::Value> {
    static POOL: std::sync::LazyLock<DescriptorPool> = std::sync::LazyLock::new(|| {
        DescriptorPool::decode(crate::DESCRIPTORS).expect("the committed descriptors are whole")
    });
    let known = ALL.iter().find(|t| t.name == event_type)?;
    let descriptor = POOL.get_message_by_name(known.message)?;
    serde_json::to_value(DynamicMessage::decode(descriptor, data).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    #[test]
    fn every_event_is_unique_and_described() {
        let mut names = std::collections::HashSet::new();
        for event in ALL {
            assert!(names.insert(event.name), "{} twice", event.name);
            assert!(TOPICS.contains(&event.topic), "{}", event.topic);
            assert!(
                to_json(event.name, &[]).is_some(),
                "{} has no descriptor",
                event.name
            );
        }
    }

    #[test]
    fn stored_bytes_read_as_json() {
        let event = crate::patients::v1::PatientDeactivated {
            patient_id: "p".into(),
            reason_code: "MOVED".into(),
        };
        let json = to_json(
            crate::patients::v1::PatientDeactivated::TYPE.name,
            &event.encode_to_vec(),
        );
        assert_eq!(
            json,
            Some(serde_json::json!({ "patientId": "p", "reasonCode": "MOVED" }))
        );
        assert_eq!(to_json("galen.unknown.v1", &[]), None);
    }
}
