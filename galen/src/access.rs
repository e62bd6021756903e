//! `galen access explain`: why an account may or may not do something.
//!
//! It is answered from what is stored now. An access token may be older than that, by
//! a quarter of an hour at most.

use std::error::Error;
use std::process::ExitCode;

use galen_access::policy::{self, Holder};
use galen_access::{Grants, Permission, Reach, Role};
use galen_storage::Db;
use serde::Serialize;
use sqlx::Row as _;
use uuid::Uuid;

use crate::cli::Explain;
use crate::hospital::Opened;

/// The answer.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    user: String,
    locked: bool,
    roles: Vec<String>,
    permission: &'static str,
    /// `None`: not at all.
    reach: Option<&'static str>,
    cases: Vec<Case>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patient: Option<Of>,
}

/// What the policies say of one relation to a record.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    record: &'static str,
    allowed: bool,
    because: Vec<Because>,
}

/// A policy that decided.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Because {
    policy: String,
    effect: &'static str,
    why: String,
}

/// What that means for one patient.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Of {
    id: Uuid,
    relation: Relation,
    allowed: bool,
}

/// How the account and the patient are related.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Relation {
    /// The record is the account's own.
    Own,
    /// The account's practitioner cares or cared for the patient.
    CaredFor,
    /// The glass is broken at this moment.
    GlassBroken,
    /// None of these.
    None,
}

/// An account as it is stored.
struct Account {
    id: Uuid,
    roles: Vec<String>,
    locked: bool,
    patient: Option<Uuid>,
    practitioner: Option<Uuid>,
    grants: Grants,
}

/// Explains.
///
/// # Errors
/// When there is no such account or permission, or the database cannot be reached.
pub(crate) async fn explain(options: Explain) -> Result<ExitCode, Box<dyn Error>> {
    let permission = options.action.parse::<Permission>().map_err(|_| {
        let names: Vec<&str> = Permission::ALL.iter().map(|p| p.name()).collect();
        format!(
            "{} is no permission; there are {}",
            options.action,
            names.join(", ")
        )
    })?;
    let opened = Opened::open(&options.database).await?;
    let answer = answer(&opened, &options, permission).await;
    opened.close().await?;
    let answer = answer?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&answer)?);
    } else {
        print!("{}", readable(&answer));
    }
    Ok(ExitCode::SUCCESS)
}

async fn answer(
    opened: &Opened,
    options: &Explain,
    permission: Permission,
) -> Result<Answer, Box<dyn Error>> {
    let identity = opened.databases().open("identity", 1).await?;
    let account = account(&identity, &options.user)
        .await?
        .ok_or_else(|| format!("there is no account {}", options.user))?;
    let roles: Vec<Role> = account
        .roles
        .iter()
        .filter_map(|name| name.parse().ok())
        .collect();
    let holder = Holder::new(
        &roles,
        &account.grants,
        account.patient.is_some(),
        account.practitioner.is_some(),
    );
    let explained = policy::explain(&holder, permission)?;
    let patient = match options.patient {
        Some(id) => {
            let patients = opened.databases().open("patients", 1).await?;
            let relation = relation(&patients, &account, id).await?;
            let practises = account.practitioner.is_some();
            let covered = covers(explained.reach, practises, relation);
            Some(Of {
                id,
                relation,
                allowed: !account.locked && covered,
            })
        }
        None => None,
    };
    Ok(Answer {
        user: options.user.clone(),
        locked: account.locked,
        roles: account.roles,
        permission: permission.name(),
        reach: explained.reach.map(Reach::name),
        cases: explained.cases.into_iter().map(Case::from).collect(),
        patient,
    })
}

impl From<policy::Case> for Case {
    fn from(case: policy::Case) -> Self {
        let because = case.because.into_iter().map(|because| Because {
            policy: because.id,
            effect: if because.forbids { "FORBID" } else { "PERMIT" },
            why: because.why,
        });
        Self {
            record: case.record.name(),
            allowed: case.allowed,
            because: because.collect(),
        }
    }
}

/// Whether a reach covers a patient. Only a practitioner cares for anybody.
const fn covers(reach: Option<Reach>, practises: bool, relation: Relation) -> bool {
    match (reach, relation) {
        (None, _) => false,
        (Some(Reach::Any), _) | (Some(_), Relation::Own) => true,
        (Some(Reach::Care), Relation::CaredFor | Relation::GlassBroken) => practises,
        (Some(Reach::Care | Reach::Own), _) => false,
    }
}

async fn account(identity: &Db, username: &str) -> Result<Option<Account>, Box<dyn Error>> {
    let row = sqlx::query(
        "select id, roles, lock_reason is not null as locked, patient_id, practitioner_id,
                array(select permission || ':' || reach from custom_role_grant g where g.role = any (a.roles)) as grants
         from account a where username = lower($1)",
    )
    .bind(username)
    .fetch_optional(identity.pool())
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let grants: Vec<String> = row.try_get("grants")?;
    Ok(Some(Account {
        id: row.try_get("id")?,
        roles: row.try_get("roles")?,
        locked: row.try_get("locked")?,
        patient: row.try_get("patient_id")?,
        practitioner: row.try_get("practitioner_id")?,
        grants: Grants::from_claim(&grants.join(" ")),
    }))
}

/// How an account and the person of a record are related, under all records of theirs.
async fn relation(patients: &Db, account: &Account, id: Uuid) -> Result<Relation, Box<dyn Error>> {
    let row = sqlx::query(
        "with person as (select array(select records_of(survivor_of($1))) as records)
         select exists (select from patient where id = $1) as there,
                exists (select from patient o where o.id = any (records) and (o.user_id = $3 or o.id = $4)) as own,
                exists (select from care_ground g where g.patient_id = any (records)
                        and g.practitioner_id = $2 and g.until is null) as cared_for,
                exists (select from break_glass b where b.patient_id = any (records)
                        and b.user_id = $3 and b.until > now()) as broken
         from person",
    )
    .bind(id)
    .bind(account.practitioner)
    .bind(account.id)
    .bind(account.patient)
    .fetch_one(patients.pool())
    .await?;
    if !row.try_get::<bool, _>("there")? {
        return Err(format!("there is no patient {id}").into());
    }
    Ok(if row.try_get("own")? {
        Relation::Own
    } else if row.try_get("cared_for")? {
        Relation::CaredFor
    } else if row.try_get("broken")? {
        Relation::GlassBroken
    } else {
        Relation::None
    })
}

fn readable(answer: &Answer) -> String {
    let reach = match answer.reach {
        None => "may not",
        Some("OWN") => "may, with what is their own",
        Some("CARE") => "may, with whom they care or cared for, and their own",
        Some(_) => "may",
    };
    let mut text = format!("{} {reach}: {}\n", answer.user, answer.permission);
    text += &format!("roles: {}\n", answer.roles.join(", "));
    if answer.locked {
        text += "the account is locked: nobody can log in to it\n";
    }
    for case in &answer.cases {
        let verdict = if case.allowed { "permitted" } else { "denied" };
        text += &format!("\n{:<5} {verdict}\n", case.record);
        for because in &case.because {
            text += &format!(
                "      {} {}: {}\n",
                because.effect, because.policy, because.why
            );
        }
        if case.because.is_empty() {
            text += "      no policy permits it\n";
        }
    }
    if let Some(of) = &answer.patient {
        let relation = match of.relation {
            Relation::Own => "their own record",
            Relation::CaredFor => "somebody they care or cared for",
            Relation::GlassBroken => "somebody to whom they broke the glass",
            Relation::None => "nobody of theirs",
        };
        let verdict = if of.allowed { "permitted" } else { "denied" };
        text += &format!("\npatient {} is {relation}: {verdict}\n", of.id);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reach_covers_what_it_says() {
        use Relation::{CaredFor, GlassBroken, None as Unrelated, Own};
        for (reach, practises, covered) in [
            (None, true, vec![]),
            (Some(Reach::Own), true, vec![Own]),
            (Some(Reach::Care), true, vec![Own, CaredFor, GlassBroken]),
            (Some(Reach::Care), false, vec![Own]),
            (
                Some(Reach::Any),
                false,
                vec![Own, CaredFor, GlassBroken, Unrelated],
            ),
        ] {
            for relation in [Own, CaredFor, GlassBroken, Unrelated] {
                assert_eq!(
                    covers(reach, practises, relation),
                    covered.contains(&relation),
                    "{reach:?} {relation:?}"
                );
            }
        }
    }

    #[test]
    fn an_answer_is_readable() {
        let answer = Answer {
            user: "brandt".to_owned(),
            locked: false,
            roles: vec!["DOCTOR".to_owned()],
            permission: "PATIENT_READ",
            reach: Some("CARE"),
            cases: vec![
                Case {
                    record: "CARE",
                    allowed: true,
                    because: vec![Because {
                        policy: "doctor/patients".to_owned(),
                        effect: "PERMIT",
                        why: "Treats them.".to_owned(),
                    }],
                },
                Case {
                    record: "ANY",
                    allowed: false,
                    because: vec![],
                },
            ],
            patient: Some(Of {
                id: Uuid::nil(),
                relation: Relation::None,
                allowed: false,
            }),
        };
        assert_eq!(
            readable(&answer),
            "brandt may, with whom they care or cared for, and their own: PATIENT_READ\n\
             roles: DOCTOR\n\
             \nCARE  permitted\n      PERMIT doctor/patients: Treats them.\n\
             \nANY   denied\n      no policy permits it\n\
             \npatient 00000000-0000-0000-0000-000000000000 is nobody of theirs: denied\n"
        );
    }
}
