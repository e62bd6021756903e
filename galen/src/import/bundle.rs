//! Reads FHIR R4 bundles as far as registration needs them. Pure.

use serde_json::{Value, json};

/// What one bundle asks to be registered, as bodies of Galen's REST API.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Contents {
    /// Providers and insurers.
    pub(crate) organizations: Vec<Registration>,
    /// Doctors and other professionals.
    pub(crate) practitioners: Vec<Registration>,
    /// People, with their coverages.
    pub(crate) patients: Vec<Registration>,
    /// Optional values that cannot be what they claim to be, and are left out.
    pub(crate) left_out: Vec<String>,
}

/// One thing to register, and the source's identifier that makes it findable again.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Registration {
    /// System of the source identifier.
    pub(crate) system: String,
    /// Value of the source identifier.
    pub(crate) value: String,
    /// Request body.
    pub(crate) body: Value,
}

/// Why a line is not an importable bundle.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BundleError {
    /// Not JSON.
    #[error("is not JSON")]
    NotJson(#[from] serde_json::Error),
    /// JSON, but not a FHIR bundle.
    #[error("is not a FHIR Bundle")]
    NotBundle,
    /// A resource lacks what registration needs.
    #[error("{resource} {id} has no usable {field}")]
    Incomplete {
        /// Resource type.
        resource: &'static str,
        /// Resource id in the source.
        id: String,
        /// What is missing.
        field: &'static str,
    },
}

/// Reads a bundle.
///
/// # Errors
/// [`BundleError`] for the first thing that cannot be registered.
pub(crate) fn read(text: &[u8]) -> Result<Contents, BundleError> {
    let bundle: Value = serde_json::from_slice(text)?;
    let entries = bundle
        .get("entry")
        .and_then(Value::as_array)
        .filter(|_| bundle["resourceType"] == "Bundle")
        .ok_or(BundleError::NotBundle)?;
    let resources = |kind: &'static str| {
        entries
            .iter()
            .map(|entry| &entry["resource"])
            .filter(move |resource| resource["resourceType"] == kind)
    };
    let mut contents = Contents::default();
    for resource in resources("Organization") {
        contents.organizations.push(organization(resource)?);
    }
    for resource in resources("Practitioner") {
        let reference = format!("urn:uuid:{}", text_at(resource, "/id"));
        let role = resources("PractitionerRole")
            .find(|role| role["practitioner"]["reference"] == reference.as_str());
        let department = role
            .and_then(|role| role["organization"]["reference"].as_str())
            .and_then(|wanted| entries.iter().find(|entry| entry["fullUrl"] == wanted))
            .map_or_else(String::new, |entry| text_at(&entry["resource"], "/name"));
        contents
            .practitioners
            .push(practitioner(resource, role, &department)?);
    }
    for resource in resources("Patient") {
        if telecom(resource, "email").is_some_and(|email| !is_address(&email)) {
            let id = text_at(resource, "/id");
            let what = format!("Patient {id}: its e-mail address is none");
            contents.left_out.push(what);
        }
        let reference = format!("urn:uuid:{}", text_at(resource, "/id"));
        let coverages: Vec<&Value> = resources("Coverage")
            .filter(|coverage| coverage["beneficiary"]["reference"] == reference.as_str())
            .collect();
        contents.patients.push(patient(resource, &coverages)?);
    }
    Ok(contents)
}

fn organization(resource: &Value) -> Result<Registration, BundleError> {
    let (system, value) = first_identifier(resource, "Organization")?;
    let kind = match text_at(resource, "/type/0/coding/0/code").as_str() {
        "ins" | "pay" => "PAYER",
        "prov" => "PROVIDER",
        _ => "OTHER",
    };
    let body = without_nulls(json!({
        "name": required(resource, "/name", "Organization", "name")?,
        "kind": kind,
        "phone": optional(resource, "/telecom/0/value"),
        "address": address(resource),
        "identifiers": [{ "system": system, "value": value }],
    }));
    Ok(Registration {
        system,
        value,
        body,
    })
}

fn practitioner(
    resource: &Value,
    role: Option<&Value>,
    department: &str,
) -> Result<Registration, BundleError> {
    let (system, value) = first_identifier(resource, "Practitioner")?;
    let specialty = role
        .map(|role| text_at(role, "/specialty/0/text"))
        .filter(|text| !text.is_empty());
    let body = json!({
        "givenName": required(resource, "/name/0/given/0", "Practitioner", "given name")?,
        "familyName": required(resource, "/name/0/family", "Practitioner", "family name")?,
        "specialty": specialty.unwrap_or_else(|| "General Practice".to_owned()),
        "department": if department.is_empty() { "General" } else { department },
        "licenseNumber": value,
        "identifiers": [{ "system": system, "value": value }],
    });
    Ok(Registration {
        system,
        value,
        body,
    })
}

fn patient(resource: &Value, coverages: &[&Value]) -> Result<Registration, BundleError> {
    let (system, value) = first_identifier(resource, "Patient")?;
    let national_id = identifiers(resource)
        .find(|(s, _)| s.ends_with("/us-ssn"))
        .map(|(_, v)| v);
    let mut kept: Vec<Value> = Vec::new();
    for (s, v) in identifiers(resource).filter(|(s, _)| !s.ends_with("/us-ssn")) {
        kept.push(json!({ "system": s, "value": v }));
    }
    let sex = match text_at(resource, "/gender").as_str() {
        "male" => "MALE",
        "female" => "FEMALE",
        "other" => "OTHER",
        _ => "UNKNOWN",
    };
    let body = without_nulls(json!({
        "givenName": required(resource, "/name/0/given/0", "Patient", "given name")?,
        "familyName": required(resource, "/name/0/family", "Patient", "family name")?,
        "birthDate": required(resource, "/birthDate", "Patient", "birth date")?,
        "sex": sex,
        "email": telecom(resource, "email").filter(|email| is_address(email)),
        "phone": telecom(resource, "phone"),
        "address": address(resource),
        "nationalId": national_id,
        "language": optional(resource, "/communication/0/language/coding/0/code"),
        "deceasedAt": optional(resource, "/deceasedDateTime"),
        "identifiers": kept,
        "coverages": coverages_of(coverages),
    }));
    Ok(Registration {
        system,
        value,
        body,
    })
}

/// Coverages by start, each with the best priority that is free in its time.
fn coverages_of(coverages: &[&Value]) -> Vec<Value> {
    let day = |coverage: &Value, path: &str| {
        optional(coverage, path).map(|text| text.chars().take(10).collect::<String>())
    };
    let mut sorted: Vec<(String, Option<String>, &Value)> = coverages
        .iter()
        .filter_map(|coverage| {
            Some((
                day(coverage, "/period/start")?,
                day(coverage, "/period/end"),
                *coverage,
            ))
        })
        .filter(|(start, end, _)| end.as_ref().is_none_or(|end| start < end))
        .collect();
    sorted.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    let mut taken: Vec<(u8, String, Option<String>)> = Vec::new();
    sorted
        .into_iter()
        .map(|(start, end, coverage)| {
            let overlaps = |other: &(u8, String, Option<String>)| {
                other.2.as_ref().is_none_or(|other_end| start < *other_end) && end.as_ref().is_none_or(|end| other.1 < *end)
            };
            let priority = (1..=u8::MAX)
                .find(|wanted| !taken.iter().any(|other| other.0 == *wanted && overlaps(other)))
                .unwrap_or(u8::MAX);
            taken.push((priority, start.clone(), end.clone()));
            without_nulls(json!({
                "planId": optional(coverage, "/class/0/value").unwrap_or_else(|| "UNKNOWN".to_owned()),
                "policyNumber": text_at(coverage, "/id"),
                "payerName": optional(coverage, "/payor/0/display"),
                "validFrom": start,
                "validTo": end,
                "priority": priority,
            }))
        })
        .collect()
}

fn telecom(resource: &Value, kind: &str) -> Option<String> {
    let all = resource["telecom"].as_array()?;
    let entry = all.iter().find(|entry| entry["system"] == kind)?;
    entry["value"].as_str().map(str::to_owned)
}

/// Generators make addresses of names, and some names have blanks.
fn is_address(text: &str) -> bool {
    text.contains('@') && !text.contains(char::is_whitespace)
}

fn address(resource: &Value) -> Option<Value> {
    let line = optional(resource, "/address/0/line/0")?;
    Some(without_nulls(json!({
        "line": line,
        "city": optional(resource, "/address/0/city").unwrap_or_else(|| "unknown".to_owned()),
        "state": optional(resource, "/address/0/state"),
        "postalCode": optional(resource, "/address/0/postalCode"),
        "country": optional(resource, "/address/0/country"),
    })))
}

fn identifiers(resource: &Value) -> impl Iterator<Item = (String, String)> + '_ {
    resource["identifier"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|identifier| {
            Some((
                identifier["system"].as_str()?.to_owned(),
                identifier["value"].as_str()?.to_owned(),
            ))
        })
}

fn first_identifier(resource: &Value, kind: &'static str) -> Result<(String, String), BundleError> {
    identifiers(resource)
        .next()
        .ok_or_else(|| incomplete(resource, kind, "identifier"))
}

fn required(
    resource: &Value,
    path: &str,
    kind: &'static str,
    field: &'static str,
) -> Result<String, BundleError> {
    optional(resource, path).ok_or_else(|| incomplete(resource, kind, field))
}

fn incomplete(resource: &Value, kind: &'static str, field: &'static str) -> BundleError {
    BundleError::Incomplete {
        resource: kind,
        id: text_at(resource, "/id"),
        field,
    }
}

fn optional(resource: &Value, path: &str) -> Option<String> {
    resource
        .pointer(path)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

fn text_at(resource: &Value, path: &str) -> String {
    optional(resource, path).unwrap_or_default()
}

/// Optional members are absent rather than null.
fn without_nulls(mut value: Value) -> Value {
    if let Value::Object(members) = &mut value {
        members.retain(|_, member| !member.is_null());
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coverage(start: &str, end: Option<&str>) -> Value {
        json!({ "id": "c", "period": { "start": start, "end": end }, "payor": [{ "display": "Aetna" }] })
    }

    #[test]
    fn coverages_that_overlap_get_different_priorities() {
        let all = [
            coverage("2000-01-01", None),
            coverage("1990-01-01", Some("2001-01-01")),
            coverage("2001-01-01", Some("2002-01-01")),
        ];
        let priorities: Vec<(String, u64)> = coverages_of(&all.iter().collect::<Vec<_>>())
            .iter()
            .map(|c| {
                (
                    text_at(c, "/validFrom"),
                    c["priority"].as_u64().unwrap_or(0),
                )
            })
            .collect();
        let expected = [("1990-01-01", 1), ("2000-01-01", 2), ("2001-01-01", 1)]
            .map(|(d, p)| (d.to_owned(), p));
        assert_eq!(priorities, expected);
    }

    #[test]
    fn a_practitioner_takes_specialty_and_department_from_the_role() {
        let bundle = json!({ "resourceType": "Bundle", "entry": [
            { "fullUrl": "urn:uuid:o", "resource": { "resourceType": "Organization", "id": "o", "name": "Clinic", "identifier": [{ "system": "s", "value": "1" }] } },
            { "fullUrl": "urn:uuid:p", "resource": { "resourceType": "Practitioner", "id": "p", "name": [{ "family": "Jones", "given": ["Jane"] }], "identifier": [{ "system": "npi", "value": "7" }] } },
            { "resource": { "resourceType": "PractitionerRole", "practitioner": { "reference": "urn:uuid:p" }, "organization": { "reference": "urn:uuid:o" }, "specialty": [{ "text": "Cardiology" }] } },
        ]});
        let contents = read(bundle.to_string().as_bytes()).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(contents.practitioners[0].body["specialty"], "Cardiology");
        assert_eq!(contents.practitioners[0].body["department"], "Clinic");
        assert_eq!(contents.organizations[0].body["kind"], "OTHER");
    }

    #[test]
    fn what_is_not_a_bundle_is_refused() {
        assert!(matches!(read(b"{"), Err(BundleError::NotJson(_))));
        assert!(matches!(
            read(b"{\"entry\":[]}"),
            Err(BundleError::NotBundle)
        ));
        let nameless = json!({ "resourceType": "Bundle", "entry": [{ "resource": { "resourceType": "Patient", "id": "x", "identifier": [{ "system": "s", "value": "1" }] } }] });
        assert!(matches!(
            read(nameless.to_string().as_bytes()),
            Err(BundleError::Incomplete {
                field: "given name",
                ..
            })
        ));
    }
}
