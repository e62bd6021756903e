//! Deny by default, bounded patients, and what adding and forbidding do.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;

const SCHEMA: &str = include_str!("../../policies/schema.cedarschema");

fn hospital() -> &'static Policies {
    HOSPITAL
        .as_ref()
        .expect("the hospital's policies are right")
}

fn role(role: Role) -> Holder {
    roles(&[role])
}

fn roles(roles: &[Role]) -> Holder {
    Holder::new(roles, &Grants::default(), true, true)
}

fn some_roles() -> impl Strategy<Value = Vec<Role>> {
    subsequence(Role::ALL, 0..=Role::ALL.len())
}

fn some_grants() -> impl Strategy<Value = Grants> {
    let grant = (select(Permission::ALL), select(Reach::ALL));
    proptest::collection::vec(grant, 0..8).prop_map(Grants::from_iter)
}

/// How far each role reaches, as a table that people read: `-` none, `o` own, `c` care,
/// `A` any.
const TABLE: &[(&str, &str)] = &[
    // Admin, Receptionist, Doctor, Nurse, Lab, Pharmacist, Billing, Operator, Auditor, Patient
    ("USER_READ", "A------AA-"),
    ("USER_MANAGE", "A---------"),
    ("PATIENT_READ", "AAcAAAA-Ao"),
    ("PATIENT_WRITE", "AA-------o"),
    ("PATIENT_MERGE", "AA--------"),
    ("PATIENT_ERASE", "A---------"),
    ("RECORD_READ", "--cA-----o"),
    ("RECORD_WRITE", "--cA------"),
    ("BREAK_GLASS", "--c-------"),
    ("ACCESS_LOG_READ", "A-------Ao"),
    ("BREAK_GLASS_REVIEW", "A-------A-"),
    ("STAFF_READ", "AAAAAAA-A-"),
    ("STAFF_MANAGE", "A---------"),
    ("LEAVE_READ", "A-oo----A-"),
    ("LEAVE_REQUEST", "A-oo------"),
    ("LEAVE_DECIDE", "A---------"),
    ("SLOT_READ", "AAAA-----A"),
    ("APPOINTMENT_READ", "AAAA--A-Ao"),
    ("APPOINTMENT_BOOK", "AAA------o"),
    ("APPOINTMENT_ATTEND", "AAAA------"),
    ("APPOINTMENT_TREAT", "--A-------"),
    ("NOTIFICATION_READ", "AA----AAAo"),
    ("NOTIFICATION_MANAGE", "A------A--"),
    ("PREFERENCE_MANAGE", "AA-------o"),
    ("OPS_READ", "A------AA-"),
    ("OPS_MANAGE", "A------A--"),
    ("STREAM_READ", "AAAA--AA-o"),
    ("AUDIT_READ", "A-------A-"),
    ("WALLET_READ", "AA----A-Ao"),
    ("WALLET_MANAGE", "A-----A---"),
    ("PAYMENT_READ", "AA----A-Ao"),
    ("PAYMENT_MAKE", "A-----A--o"),
    ("PAYMENT_REFUND", "A-----A---"),
    ("LEDGER_READ", "A-----A-A-"),
    ("LEDGER_RECONCILE", "A-----A---"),
    ("WEBHOOK_MANAGE", "A---------"),
    ("CATALOGUE_READ", "AA----A-A-"),
    ("CATALOGUE_MANAGE", "A-----A---"),
    ("ESTIMATE_READ", "AA----A--o"),
    ("INVOICE_READ", "AA----A-Ao"),
    ("INVOICE_MANAGE", "A-----A---"),
    ("INVOICE_PAY", "AA----A--o"),
    ("REFUND_APPROVE", "A-----A---"),
    ("CASH_MANAGE", "AA----A---"),
    ("CLAIM_READ", "A-----A-Ao"),
    ("CLAIM_MANAGE", "A-----A---"),
];

#[test]
fn the_policies_say_what_the_table_says() {
    for permission in Permission::ALL {
        let held: String = Role::ALL
            .iter()
            .map(|r| match r.grants(*permission) {
                None => '-',
                Some(Reach::Own) => 'o',
                Some(Reach::Care) => 'c',
                Some(Reach::Any) => 'A',
            })
            .collect();
        let row = TABLE.iter().find(|(name, _)| *name == permission.name());
        assert_eq!(row, Some(&(permission.name(), held.as_str())));
    }
    assert_eq!(TABLE.len(), Permission::ALL.len());
}

#[test]
fn the_policies_can_be_used() {
    check().expect("they fit their schema");
}

#[test]
fn permissions_are_numbered_as_they_are_listed() {
    for (place, permission) in Permission::ALL.iter().enumerate() {
        assert_eq!(*permission as usize, place);
        assert_eq!(permission.name().parse(), Ok(*permission));
    }
}

#[test]
fn who_has_no_role_may_nothing() {
    for (patient, practitioner) in [(true, true), (false, false)] {
        let nobody = Holder::new(&[], &Grants::default(), patient, practitioner);
        for permission in Permission::ALL {
            assert_eq!(reach(&nobody, *permission), None);
        }
    }
}

#[test]
fn a_patient_reaches_nobody_else() {
    for permission in Permission::ALL {
        let held = reach(&role(Role::Patient), *permission);
        let of_nobody = hospital().kind(*permission) == Kind::Hospital;
        let allowed = match held {
            None | Some(Reach::Own) => true,
            Some(Reach::Care) => false,
            // When somebody is free says nothing about anybody.
            Some(Reach::Any) => of_nobody && *permission == Permission::SlotRead,
        };
        assert!(allowed, "{permission:?} reaches {held:?}");
    }
}

/// The hospital's policies and one more.
fn with(policy: &str) -> Result<Policies, PolicyError> {
    let mut files: Vec<String> = hospital().set.policies().map(ToString::to_string).collect();
    files.push(policy.to_owned());
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    Policies::read(SCHEMA, &files)
}

#[test]
fn what_is_forbidden_no_role_permits() {
    let strict = with(
        r#"@id("audit/independent") @why("Who audits does not administer.")
           forbid (principal in Role::"AUDITOR", action == Action::"USER_MANAGE", resource);"#,
    )
    .expect("it fits");
    let both = roles(&[Role::Admin, Role::Auditor]);
    assert_eq!(reach(&both, Permission::UserManage), Some(Reach::Any));
    assert_eq!(strict.reach(&both, Permission::UserManage), None);
    assert_eq!(
        strict.reach(&role(Role::Admin), Permission::UserManage),
        Some(Reach::Any)
    );
    let why = strict.explain(&both, Permission::UserManage);
    assert!(why.cases.iter().all(|case| !case.allowed));
    let [because] = &why.cases[0].because[..] else {
        panic!("{why:?}");
    };
    assert_eq!(because.id, "audit/independent");
    assert!(because.forbids);
}

#[test]
fn a_hole_in_what_is_permitted_closes_it() {
    let holed = with(
        r#"@id("nurse/not-oneself") @why("Nobody keeps their own record.")
           forbid (principal in Role::"NURSE", action == Action::"RECORD_WRITE", resource)
           when { resource.own };"#,
    )
    .expect("it fits");
    assert_eq!(
        holed.reach(&role(Role::Nurse), Permission::RecordWrite),
        None
    );
    assert_eq!(
        holed.reach(&role(Role::Nurse), Permission::RecordRead),
        Some(Reach::Any)
    );
}

#[test]
fn policies_that_do_not_fit_are_refused() {
    type Is = fn(&PolicyError) -> bool;
    let cases: [(&str, Is); 7] = [
        ("permit (principal", |e| {
            matches!(e, PolicyError::Unreadable(_))
        }),
        ("permit (principal, action, resource);", |e| {
            matches!(e, PolicyError::Unnamed(_))
        }),
        (r#"@id("x") permit (principal, action, resource);"#, |e| {
            matches!(e, PolicyError::Unnamed(_))
        }),
        (
            r#"@id("patient/own") @why("twice") permit (principal, action, resource);"#,
            |e| matches!(e, PolicyError::Unnamed(_)),
        ),
        (
            r#"@id("x") @why("x") permit (principal, action == Action::"FLY", resource);"#,
            |e| matches!(e, PolicyError::Misfit(_)),
        ),
        (
            r#"@id("x") @why("x") permit (principal, action, resource) when { resource.mine };"#,
            |e| matches!(e, PolicyError::Misfit(_)),
        ),
        (
            r#"@id("x") @why("x") permit (principal, action == Action::"USER_READ", resource is Record);"#,
            |e| matches!(e, PolicyError::Misfit(_)),
        ),
    ];
    for (policy, is) in cases {
        let refused = with(policy).err();
        assert!(refused.as_ref().is_some_and(is), "{policy}: {refused:?}");
    }
}

#[test]
fn permissions_and_actions_are_the_same() {
    let more = format!("{SCHEMA}\naction FLY appliesTo {{ principal: User, resource: Hospital }};");
    assert!(matches!(
        Policies::read(&more, &[]),
        Err(PolicyError::Action(_))
    ));
    let less = SCHEMA.replace("STREAM_READ", "STREAM_WATCH");
    assert!(matches!(
        Policies::read(&less, &[]),
        Err(PolicyError::Action(_))
    ));
}

#[test]
fn custom_policies_fit_the_schema() {
    let everything: Grants = Permission::ALL
        .iter()
        .flat_map(|permission| {
            reaches(*permission)
                .iter()
                .map(|reach| (*permission, *reach))
        })
        .collect();
    let mut set = PolicySet::new();
    for policy in source::custom(&everything) {
        set.add(policy.expect("it is read")).expect("once each");
    }
    let result = cedar_policy::Validator::new(hospital().schema.clone())
        .validate(&set, cedar_policy::ValidationMode::Strict);
    assert!(result.validation_passed(), "{result}");
}

#[test]
fn an_answer_names_its_policies() {
    let of_patient = explain(&role(Role::Patient), Permission::AppointmentRead).expect("usable");
    assert_eq!(of_patient.reach, Some(Reach::Own));
    let allowed: Vec<(Reach, bool)> = of_patient
        .cases
        .iter()
        .map(|case| (case.record, case.allowed))
        .collect();
    assert_eq!(allowed, [(Reach::Own, true), (Reach::Any, false)]);
    assert_eq!(of_patient.cases[0].because[0].id, "patient/own");
    assert!(!of_patient.cases[0].because[0].why.is_empty());

    let grants = Grants::from_claim("RECORD_READ:CARE");
    let custom = Holder::new(&[Role::Admin], &grants, false, true);
    let why = explain(&custom, Permission::RecordRead).expect("usable");
    assert_eq!(why.reach, Some(Reach::Care));
    assert_eq!(why.cases[1].because[0].id, "custom/RECORD_READ");
}

proptest! {
    // Each case of a set not seen before asks the policies some hundred times.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn another_role_takes_nothing_away(held in some_roles(), more in select(Role::ALL), grants in some_grants()) {
        // No policy of the hospital forbids; one that does says so by its effect.
        prop_assert!(hospital().set.policies().all(|policy| !source::forbids(policy)));
        let mut wider = held.clone();
        wider.push(more);
        let before = Holder::new(&held, &Grants::default(), true, true);
        let after = Holder::new(&wider, &grants, true, true);
        for permission in Permission::ALL {
            prop_assert!(reach(&before, *permission) <= reach(&after, *permission), "{:?}", permission);
        }
    }

    #[test]
    fn together_roles_permit_what_the_widest_permits(held in some_roles()) {
        for permission in Permission::ALL {
            let widest = held.iter().filter_map(|role| role.grants(*permission)).max();
            prop_assert_eq!(reach(&roles(&held), *permission), widest);
        }
    }

    #[test]
    fn custom_roles_permit_exactly_what_they_say(grants in some_grants()) {
        let holder = Holder::new(&[], &grants, true, true);
        let held: BTreeSet<_> = Permission::ALL
            .iter()
            .filter_map(|permission| Some((*permission, reach(&holder, *permission)?)))
            .collect();
        prop_assert_eq!(held, grants.iter().collect::<BTreeSet<_>>());
    }

    #[test]
    fn the_order_and_number_of_roles_do_not_matter(held in some_roles()) {
        let backwards: Vec<Role> = held.iter().rev().chain(&held).copied().collect();
        prop_assert_eq!(roles(&held), roles(&backwards));
    }
}
