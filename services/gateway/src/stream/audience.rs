//! Who may see which event, and whose own it is: one row for each type there is.

use galen_access::{Permission, Principal, Scope};
use galen_contracts::Event;
use galen_contracts::billing::v1::*;
use galen_contracts::identity::v1::*;
use galen_contracts::ids::{PatientId, PractitionerId, UserId};
use galen_contracts::notifications::v1::*;
use galen_contracts::patients::v1::*;
use galen_contracts::scheduling::v1::*;
use galen_contracts::securepay::v1::*;
use galen_contracts::staff::v1::*;
use galen_kernel::Id;
use serde_json::Value;

/// The row of one type of event. Pointers (RFC 6901) are into the event as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Audience {
    event_type: &'static str,
    /// What a reader must be permitted.
    pub(crate) permission: Permission,
    patient: Option<&'static str>,
    practitioner: Option<&'static str>,
    user: Option<&'static str>,
}

impl Audience {
    const fn of<E: Event>(permission: Permission) -> Self {
        Self {
            event_type: E::TYPE.name,
            permission,
            patient: None,
            practitioner: None,
            user: None,
        }
    }

    const fn patient(mut self, pointer: &'static str) -> Self {
        self.patient = Some(pointer);
        self
    }

    const fn practitioner(mut self, pointer: &'static str) -> Self {
        self.practitioner = Some(pointer);
        self
    }

    const fn user(mut self, pointer: &'static str) -> Self {
        self.user = Some(pointer);
        self
    }

    const fn appointment<E: Event>() -> Self {
        Self::of::<E>(Permission::AppointmentRead)
            .patient("/appointment/patientId")
            .practitioner("/appointment/practitionerId")
    }

    /// Whoever pays may know; whoever is paid by a patient is an account of the hospital.
    const fn payment<E: Event>() -> Self {
        Self::of::<E>(Permission::PaymentRead).patient("/payment/fromOwnerId")
    }

    /// The row of a type; `None` for a type that this version does not know.
    pub(crate) fn find(event_type: &str) -> Option<&'static Self> {
        TABLE.iter().find(|row| row.event_type == event_type)
    }

    /// Whose own an event of this type is.
    pub(crate) fn owners(&self, data: &Value) -> Owners {
        Owners {
            patient: id_at(data, self.patient),
            practitioner: id_at(data, self.practitioner),
            user: id_at(data, self.user),
        }
    }
}

/// Nobody's own, when there is no id or it is not one: so it is shown to fewer.
fn id_at<K>(data: &Value, pointer: Option<&str>) -> Option<Id<K>> {
    data.pointer(pointer?)?.as_str()?.parse().ok()
}

/// The records that an event belongs to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Owners {
    pub(crate) patient: Option<PatientId>,
    pub(crate) practitioner: Option<PractitionerId>,
    pub(crate) user: Option<UserId>,
}

/// Steps between services, such as asking staff whether somebody is on shift, are the
/// operator's to see and nobody else's.
static TABLE: &[Audience] = &[
    Audience::of::<UserProvisioned>(Permission::UserRead).user("/userId"),
    Audience::of::<CredentialLinkRequested>(Permission::OpsRead),
    Audience::of::<TokenReuseDetected>(Permission::UserRead).user("/userId"),
    Audience::of::<UserChanged>(Permission::UserRead).user("/userId"),
    Audience::of::<SessionsEnded>(Permission::UserRead).user("/userId"),
    Audience::of::<PatientRegistered>(Permission::PatientRead).patient("/patientId"),
    Audience::of::<PatientDemographicsChanged>(Permission::PatientRead).patient("/patientId"),
    Audience::of::<PatientDeactivated>(Permission::PatientRead).patient("/patientId"),
    Audience::of::<PatientErased>(Permission::PatientRead).patient("/patientId"),
    Audience::of::<PatientsMerged>(Permission::PatientRead).patient("/survivorId"),
    Audience::of::<PatientsUnmerged>(Permission::PatientRead).patient("/restoredId"),
    Audience::of::<CoverageChanged>(Permission::PatientRead).patient("/patientId"),
    Audience::of::<RecordEntryAdded>(Permission::RecordRead).patient("/patientId"),
    Audience::of::<BreakGlassOpened>(Permission::AccessLogRead).patient("/patientId"),
    Audience::of::<BreakGlassReviewed>(Permission::AccessLogRead).patient("/patientId"),
    Audience::of::<PractitionerRegistered>(Permission::StaffRead).practitioner("/practitionerId"),
    Audience::of::<PractitionerChanged>(Permission::StaffRead).practitioner("/practitionerId"),
    Audience::of::<PractitionerDeactivated>(Permission::StaffRead).practitioner("/practitionerId"),
    Audience::of::<ShiftsPlanned>(Permission::StaffRead).practitioner("/practitionerId"),
    Audience::of::<ShiftCancelled>(Permission::StaffRead).practitioner("/practitionerId"),
    Audience::of::<LeaveApproved>(Permission::LeaveRead).practitioner("/practitionerId"),
    Audience::of::<LeaveWithdrawn>(Permission::LeaveRead).practitioner("/practitionerId"),
    Audience::of::<PractitionerVerified>(Permission::OpsRead),
    Audience::appointment::<AppointmentBooked>(),
    Audience::appointment::<AppointmentConfirmed>(),
    Audience::appointment::<AppointmentCheckedIn>(),
    Audience::appointment::<AppointmentStarted>(),
    Audience::appointment::<AppointmentFulfilled>(),
    Audience::appointment::<AppointmentCancelled>(),
    Audience::appointment::<AppointmentRescheduled>(),
    Audience::appointment::<AppointmentMissed>(),
    Audience::appointment::<NoShowReverted>(),
    Audience::appointment::<AppointmentNeedsReschedule>(),
    Audience::appointment::<AppointmentGroundRegained>(),
    Audience::of::<SlotOffered>(Permission::AppointmentRead)
        .patient("/patientId")
        .practitioner("/practitionerId"),
    Audience::of::<SlotOfferExpired>(Permission::AppointmentRead).patient("/patientId"),
    Audience::of::<PractitionerVerificationRequested>(Permission::OpsRead),
    Audience::of::<ConfirmationRequested>(Permission::OpsRead),
    Audience::of::<QuoteRequested>(Permission::OpsRead),
    Audience::of::<PrepaymentRequested>(Permission::OpsRead),
    Audience::of::<ConfirmationQueued>(Permission::OpsRead),
    Audience::of::<MessageSent>(Permission::NotificationRead),
    Audience::of::<MessageDead>(Permission::NotificationRead),
    Audience::payment::<PaymentAuthorized>(),
    Audience::payment::<PaymentCaptured>(),
    Audience::payment::<PaymentVoided>(),
    Audience::payment::<PaymentExpired>(),
    Audience::payment::<PaymentRefunded>(),
    Audience::of::<WalletOpened>(Permission::WalletRead).patient("/ownerId"),
    Audience::of::<WalletStandingChanged>(Permission::WalletRead).patient("/ownerId"),
    Audience::of::<TopUpSettled>(Permission::WalletRead).patient("/ownerId"),
    Audience::of::<TopUpFailed>(Permission::WalletRead).patient("/ownerId"),
    Audience::of::<PayoutSettled>(Permission::WalletRead).patient("/ownerId"),
    Audience::of::<PayoutFailed>(Permission::WalletRead).patient("/ownerId"),
    Audience::of::<PlanVersionPublished>(Permission::CatalogueRead),
    Audience::of::<ChargeCaptured>(Permission::InvoiceRead).patient("/patientId"),
    Audience::of::<ChargePriced>(Permission::InvoiceRead).patient("/patientId"),
    Audience::of::<ChargeUnpriced>(Permission::InvoiceRead).patient("/patientId"),
    Audience::of::<ChargeVoided>(Permission::InvoiceRead).patient("/patientId"),
    Audience::of::<InvoiceIssued>(Permission::InvoiceRead).patient("/patientId"),
    Audience::of::<InvoiceChanged>(Permission::InvoiceRead).patient("/patientId"),
    Audience::of::<ClaimSubmitted>(Permission::ClaimRead).patient("/patientId"),
    Audience::of::<ClaimAdjudicated>(Permission::ClaimRead).patient("/patientId"),
    Audience::of::<RemittancePosted>(Permission::ClaimRead),
    Audience::of::<AppointmentQuoted>(Permission::AppointmentRead).patient("/patientId"),
    Audience::of::<PrepaymentHeld>(Permission::AppointmentRead).patient("/patientId"),
    Audience::of::<PrepaymentRefused>(Permission::AppointmentRead).patient("/patientId"),
    Audience::of::<PrepaymentEnded>(Permission::AppointmentRead).patient("/patientId"),
    Audience::of::<CashSessionClosed>(Permission::CashManage).user("/cashierId"),
    Audience::of::<PaymentPlanAgreed>(Permission::InvoiceRead).patient("/patientId"),
    Audience::of::<PaymentPlanCompleted>(Permission::InvoiceRead).patient("/patientId"),
    Audience::of::<PaymentPlanDefaulted>(Permission::InvoiceRead).patient("/patientId"),
    Audience::of::<PaymentPlanCancelled>(Permission::InvoiceRead).patient("/patientId"),
];

/// Somebody who follows the stream.
#[derive(Debug, Clone)]
pub(crate) struct Viewer {
    /// Who.
    pub(crate) principal: Principal,
    /// How far their permission to follow the stream reaches.
    pub(crate) reach: Scope,
}

/// Whether somebody may know of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sight {
    /// No.
    Hidden,
    /// If they care for this patient, which is to be asked.
    IfCaredFor(PatientId),
    /// Yes.
    Seen,
}

impl Viewer {
    /// Whether they may know of an event that needs `permission`: theirs must reach it,
    /// and so must their permission to follow. What happens to their own account they
    /// always may know.
    pub(crate) fn sight(&self, permission: Permission, owners: &Owners) -> Sight {
        if owners.user == Some(self.principal.user_id) {
            return Sight::Seen;
        }
        let followed = within(self.reach, owners);
        let permitted = self
            .principal
            .scope(permission)
            .map_or(Sight::Hidden, |scope| within(scope, owners));
        followed.min(permitted)
    }
}

/// Whether an event with these owners is within reach.
fn within(scope: Scope, owners: &Owners) -> Sight {
    let own = |patient, practitioner| {
        is_same(owners.patient, patient) || is_same(owners.practitioner, practitioner)
    };
    match (scope, owners.patient) {
        (Scope::Any, _) => Sight::Seen,
        (
            Scope::Care {
                practitioner,
                patient,
            },
            _,
        ) if own(patient, Some(practitioner)) => Sight::Seen,
        (Scope::Care { .. }, Some(patient)) => Sight::IfCaredFor(patient),
        (
            Scope::Own {
                patient,
                practitioner,
            },
            _,
        ) if own(patient, practitioner) => Sight::Seen,
        (Scope::Care { .. } | Scope::Own { .. }, _) => Sight::Hidden,
    }
}

/// Two absent owners are not the same one.
fn is_same<K>(a: Option<Id<K>>, b: Option<Id<K>>) -> bool {
    a.is_some() && a == b
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use galen_access::Role;
    use galen_contracts::registry;
    use galen_kernel::Clock;
    use proptest::prelude::*;
    use proptest::sample::select;
    use prost::Message as _;

    use super::*;

    #[test]
    fn every_event_type_has_exactly_one_row() {
        let known: Vec<&str> = registry::ALL.iter().map(|event| event.name).collect();
        let rows: Vec<&str> = TABLE.iter().map(|row| row.event_type).collect();
        let set = |names: &[&'static str]| names.iter().copied().collect::<BTreeSet<_>>();
        assert_eq!(set(&known), set(&rows));
        assert_eq!(rows.len(), set(&rows).len(), "a type is there twice");
    }

    /// Whether a pointer leads to a field of the message, which then is text.
    fn leads_somewhere(row: &Audience, pointer: &str) -> bool {
        let pool = prost_reflect::DescriptorPool::decode(galen_contracts::DESCRIPTORS).unwrap();
        let event = registry::ALL
            .iter()
            .find(|event| event.name == row.event_type)
            .unwrap();
        let mut message = pool.get_message_by_name(event.message).unwrap();
        let mut segments = pointer.trim_start_matches('/').split('/').peekable();
        while let Some(segment) = segments.next() {
            let Some(field) = message.get_field_by_json_name(segment) else {
                return false;
            };
            match field.kind() {
                prost_reflect::Kind::String => return segments.peek().is_none(),
                prost_reflect::Kind::Message(inner) => message = inner,
                _ => return false,
            }
        }
        false
    }

    #[test]
    fn every_pointer_leads_to_a_field() {
        for row in TABLE {
            for pointer in [row.patient, row.practitioner, row.user]
                .into_iter()
                .flatten()
            {
                assert!(
                    leads_somewhere(row, pointer),
                    "{} {pointer}",
                    row.event_type
                );
            }
        }
    }

    #[test]
    fn the_owners_of_an_appointment_are_found() {
        let clock = Clock::system();
        let (patient, practitioner): (PatientId, PractitionerId) = (clock.id(), clock.id());
        let event = AppointmentBooked {
            appointment: Some(Appointment {
                appointment_id: clock.uuid().to_string(),
                patient_id: patient.to_string(),
                practitioner_id: practitioner.to_string(),
                ..Appointment::default()
            }),
            replaces_id: String::new(),
        };
        let name = AppointmentBooked::TYPE.name;
        let data = registry::to_json(name, &event.encode_to_vec()).unwrap();
        let owners = Audience::find(name).unwrap().owners(&data);
        assert_eq!(
            owners,
            Owners {
                patient: Some(patient),
                practitioner: Some(practitioner),
                user: None
            }
        );
        let nothing = registry::to_json(name, &[]).unwrap();
        assert_eq!(
            Audience::find(name).unwrap().owners(&nothing),
            Owners::default()
        );
    }

    fn id<K>(number: u8) -> Id<K> {
        Id::from_uuid(uuid::Uuid::from_u128(u128::from(number)))
    }

    prop_compose! {
        fn some_owners()(patient: Option<bool>, practitioner: Option<bool>) -> Owners {
            Owners { patient: patient.map(|n| id(n.into())), practitioner: practitioner.map(|n| id(n.into())), user: None }
        }
    }

    prop_compose! {
        /// With at most two records of each kind, so that they meet.
        fn a_viewer()(roles in prop::collection::vec(select(Role::ALL), 0..3), patient: Option<bool>, practitioner: Option<bool>) -> Option<Viewer> {
            let principal = Principal {
                user_id: id(1),
                session_id: id(2),
                roles,
                grants: galen_access::Grants::default(),
                patient_id: patient.map(|n| id(n.into())),
                practitioner_id: practitioner.map(|n| id(n.into())),
            };
            principal.scope(Permission::StreamRead).map(|reach| Viewer { principal, reach })
        }
    }

    proptest! {
        #[test]
        fn nobody_sees_what_they_are_not_permitted(viewer in a_viewer(), permission in select(Permission::ALL), owners in some_owners()) {
            let Some(viewer) = viewer else { return Ok(()) };
            if viewer.sight(permission, &owners) != Sight::Hidden {
                prop_assert!(viewer.principal.scope(permission).is_some());
            }
        }

        #[test]
        fn who_is_only_a_patient_sees_only_their_own(own: Option<bool>, permission in select(Permission::ALL), owners in some_owners()) {
            let principal = Principal {
                user_id: id(1), session_id: id(2), roles: vec![Role::Patient],
                grants: galen_access::Grants::default(),
                patient_id: own.map(|n| id(n.into())), practitioner_id: None,
            };
            let reach = principal.scope(Permission::StreamRead).unwrap();
            let viewer = Viewer { principal, reach };
            if viewer.sight(permission, &owners) != Sight::Hidden {
                prop_assert!(owners.patient.is_some());
                prop_assert_eq!(owners.patient, viewer.principal.patient_id);
            }
        }

        #[test]
        fn everybody_sees_what_happens_to_their_account(viewer in a_viewer(), permission in select(Permission::ALL)) {
            let Some(viewer) = viewer else { return Ok(()) };
            let own = Owners { user: Some(viewer.principal.user_id), ..Owners::default() };
            prop_assert_eq!(viewer.sight(permission, &own), Sight::Seen);
        }
    }
}
