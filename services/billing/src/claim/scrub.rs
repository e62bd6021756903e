//! Looking a claim through before a payer does. Pure.

use galen_kernel::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::model::Facts;

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = FindingSeverity)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Severity {
    /// It cannot be submitted.
    Error,
    /// The payer will probably deny it.
    Warning,
}

/// What is wrong with a claim, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ClaimFinding)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Where: RFC 6901 pointer into the claim.
    pub pointer: String,
    /// What, as a code.
    pub code: String,
}

impl Finding {
    /// Whether the claim cannot be submitted.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Something that prevents.
    pub fn error(pointer: impl Into<String>, code: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            pointer: pointer.into(),
            code: code.into(),
        }
    }

    fn warning(pointer: String, code: &str) -> Self {
        Self {
            severity: Severity::Warning,
            pointer,
            code: code.to_owned(),
        }
    }
}

/// Whether a text is an ICD-10 code: a letter, two digits or a digit and a letter, and up
/// to four more after a point.
#[must_use]
pub fn is_diagnosis(code: &str) -> bool {
    let (head, tail) = match code.split_once('.') {
        Some((head, tail)) => (head, Some(tail)),
        None => (code, None),
    };
    let head = head.as_bytes();
    head.len() == 3
        && head[0].is_ascii_uppercase()
        && head[1].is_ascii_digit()
        && (head[2].is_ascii_digit() || head[2].is_ascii_uppercase())
        && tail.is_none_or(|tail| {
            (1..=4).contains(&tail.len())
                && tail
                    .bytes()
                    .all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
        })
}

/// All that is wrong.
#[must_use]
pub fn scrub(facts: &Facts, now: Timestamp, today: Date) -> Vec<Finding> {
    let mut found = Vec::new();
    if facts.lines.is_empty() {
        found.push(Finding::error("/lines", "NO_LINES"));
    }
    if facts.file_by.is_some_and(|last| today > last) {
        found.push(Finding::error("/fileBy", "TOO_LATE"));
    }
    if facts
        .lines
        .iter()
        .all(|line| line.position.outstanding == 0)
        && !facts.lines.is_empty()
    {
        found.push(Finding::error("/lines", "NOTHING_TO_CLAIM"));
    }
    for (index, line) in facts.lines.iter().enumerate() {
        let at = |field: &str| format!("/lines/{index}/{field}");
        if line.served_at > now {
            found.push(Finding::error(at("servedAt"), "IN_THE_FUTURE"));
        }
        let is_twin = facts.lines.iter().take(index).any(|other| {
            (
                &other.code,
                other.served_at,
                other.visit,
                other.quantity,
                other.charge,
            ) == (
                &line.code,
                line.served_at,
                line.visit,
                line.quantity,
                line.charge,
            )
        });
        if is_twin {
            found.push(Finding::warning(at("serviceCode"), "DUPLICATE_LINE"));
        }
        match &line.diagnosis {
            None => found.push(Finding::warning(at("diagnosisCode"), "MISSING")),
            Some(code) if !is_diagnosis(code) => {
                found.push(Finding::error(at("diagnosisCode"), "NOT_ICD_10"));
            }
            Some(_) => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagnosis_is_an_icd_10_code() {
        for good in ["J45", "E11.9", "S72.001A", "C7A.0"] {
            assert!(is_diagnosis(good), "{good}");
        }
        for bad in [
            "",
            "J4",
            "j45",
            "E11.",
            "E11.12345",
            "E11-9",
            "E1199",
            "ÄÄ1",
            "Ä45",
        ] {
            assert!(!is_diagnosis(bad), "{bad}");
        }
    }
}
