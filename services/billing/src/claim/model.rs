//! A claim, and what it is after something happened to it. Pure.
//!
//! A claim is its events: [`Claim::prepared`] begins one, [`Claim::adjudicated`] and those
//! like it say which event something leads to or why it is refused, [`Claim::apply`] is
//! the only way that a claim changes.

use std::collections::BTreeMap;

use galen_contracts::ids::PatientId;
use galen_kernel::{Currency, Id, Timestamp};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::answer::{LineAnswer, Outcome};
use super::decide::Refused;
use super::event::{Correction, Event};
use super::position::Position;
use super::scrub::Finding;

/// What a [`ClaimId`] identifies.
pub enum ClaimKind {}

/// A claim's id.
pub type ClaimId = Id<ClaimKind>;

/// Where a claim is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ClaimStatus)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Waits for a payer who is asked before.
    Draft,
    /// Looked through, and wrong.
    Scrubbed,
    /// Can be submitted.
    Ready,
    /// On its way to the payer.
    Submitted,
    /// The payer has it.
    Acknowledged,
    /// The payer did not take it.
    Rejected,
    /// The payer wants to look closer.
    Pended,
    /// The payer has decided.
    Adjudicated,
    /// The payer was asked to decide again.
    Appealed,
    /// What the payer decided is in the books; something was denied.
    Posted,
    /// Nothing is asked for any more.
    Closed,
    /// Another claim took its place.
    Replaced,
    /// Withdrawn.
    Voided,
}

/// What a claim is about, from its beginning on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Facts {
    /// Which.
    pub id: ClaimId,
    /// The first of those that replaced each other.
    pub root: ClaimId,
    /// Which it replaces.
    pub replaces: Option<ClaimId>,
    /// What is invoiced.
    pub invoice: Uuid,
    /// Which part of it: days on which the same insurers are asked. From 1.
    #[serde(default = "Facts::first_part")]
    pub part: u16,
    /// To whom.
    pub patient: PatientId,
    /// Who is asked.
    pub payer: Uuid,
    /// By which plan.
    pub plan: String,
    /// Which version of it.
    pub plan_version: i32,
    /// Under which coverage of the patient.
    pub coverage: Uuid,
    /// 1: who is asked first.
    pub ordinal: u8,
    /// The claim to the payer before, which is answered first.
    pub after: Option<ClaimId>,
    /// Of all amounts.
    pub currency: Currency,
    /// The last day on which the payer takes it.
    pub file_by: Option<Date>,
    /// What was done.
    pub lines: Vec<Line>,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Line {
    /// Its number.
    pub sequence: u16,
    /// The charge that is invoiced by it.
    pub charge_id: Uuid,
    /// What was done.
    pub code: String,
    /// Which kind of service that is.
    pub category: String,
    /// When.
    pub served_at: Timestamp,
    /// In which visit or stay.
    pub visit: Uuid,
    /// Class of the encounter (v3 `ActCode`).
    pub encounter_class: String,
    /// Network of whoever did it.
    pub network: Option<String>,
    /// How many units.
    pub quantity: u32,
    /// What is charged for all units.
    pub charge: i64,
    /// What was agreed for one unit.
    pub price: Option<i64>,
    /// Why it was done (ICD-10).
    pub diagnosis: Option<String>,
    /// The number under which the payer agreed beforehand.
    pub pre_authorisation: Option<String>,
    /// Where the money is.
    pub position: Position,
}

/// What changed of a line while its payer had the claim. Minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unheard {
    /// So much more is left to whoever comes after, or less.
    pub left_over: i64,
    /// So much more the payer is asked for.
    pub asked: i64,
}

/// A claim, as its events made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What it is about; lines as they are now.
    pub facts: Facts,
    /// Where it is on its way.
    pub status: Status,
    /// What the payer decided last.
    pub outcome: Option<Outcome>,
    /// What it said to each line.
    pub answers: Vec<LineAnswer>,
    /// What was found wrong last.
    pub findings: Vec<Finding>,
    /// When it was prepared.
    pub prepared_at: Timestamp,
    /// When it was submitted first.
    pub submitted_at: Option<Timestamp>,
    /// How often it was submitted or appealed: what makes its reference.
    pub round: u16,
    /// What changed of lines since the payer heard of them last.
    pub unheard: BTreeMap<u16, Unheard>,
    /// How many events.
    pub version: i64,
}

impl Facts {
    /// The part of those that were stored when an invoice had one.
    const fn first_part() -> u16 {
        1
    }
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 13] = [
        Self::Draft,
        Self::Scrubbed,
        Self::Ready,
        Self::Submitted,
        Self::Acknowledged,
        Self::Rejected,
        Self::Pended,
        Self::Adjudicated,
        Self::Appealed,
        Self::Posted,
        Self::Closed,
        Self::Replaced,
        Self::Voided,
    ];

    /// As stored and sent.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draft => "DRAFT",
            Self::Scrubbed => "SCRUBBED",
            Self::Ready => "READY",
            Self::Submitted => "SUBMITTED",
            Self::Acknowledged => "ACKNOWLEDGED",
            Self::Rejected => "REJECTED",
            Self::Pended => "PENDED",
            Self::Adjudicated => "ADJUDICATED",
            Self::Appealed => "APPEALED",
            Self::Posted => "POSTED",
            Self::Closed => "CLOSED",
            Self::Replaced => "REPLACED",
            Self::Voided => "VOIDED",
        }
    }

    /// Whether the payer has never heard of it.
    #[must_use]
    pub const fn is_unsubmitted(self) -> bool {
        matches!(self, Self::Draft | Self::Scrubbed | Self::Ready)
    }

    /// Whether the payer owes an answer.
    #[must_use]
    pub const fn waits(self) -> bool {
        matches!(
            self,
            Self::Submitted | Self::Acknowledged | Self::Pended | Self::Appealed
        )
    }
}

impl Claim {
    /// The first event's claim.
    #[must_use]
    pub fn prepared(facts: Facts, at: Timestamp) -> Self {
        Self {
            facts,
            status: Status::Draft,
            outcome: None,
            answers: Vec::new(),
            findings: Vec::new(),
            prepared_at: at,
            submitted_at: None,
            round: 0,
            unheard: BTreeMap::new(),
            version: 1,
        }
    }

    /// Applies an event that was decided. What is stored was decided once, so that
    /// nothing is checked again.
    pub fn apply(&mut self, event: &Event, at: Timestamp) {
        self.version += 1;
        match event {
            Event::Prepared(facts) => self.facts = (**facts).clone(),
            Event::PriorAnswered { positions } => {
                if !self.status.is_unsubmitted() {
                    self.note_unheard(positions);
                }
                self.place(positions);
                if matches!(self.status, Status::Posted | Status::Closed) {
                    self.settle();
                }
            }
            Event::Scrubbed { findings } => {
                self.status = if findings.iter().any(Finding::is_error) {
                    Status::Scrubbed
                } else {
                    Status::Ready
                };
                self.findings.clone_from(findings);
            }
            Event::Corrected { lines } => {
                for correction in lines {
                    self.correct(correction);
                }
            }
            Event::Submitted => {
                self.status = Status::Submitted;
                self.submitted_at = self.submitted_at.or(Some(at));
                self.round += 1;
                self.unheard.clear();
            }
            Event::Acknowledged => self.status = Status::Acknowledged,
            Event::Rejected { findings } => {
                self.status = Status::Rejected;
                self.findings.clone_from(findings);
            }
            Event::Pended => self.status = Status::Pended,
            Event::Adjudicated { outcome, lines } => {
                self.status = Status::Adjudicated;
                self.outcome = Some(*outcome);
                self.answers.clone_from(lines);
            }
            Event::Appealed => {
                self.status = Status::Appealed;
                self.round += 1;
                self.unheard.clear();
            }
            Event::Posted {
                lines, positions, ..
            } => {
                self.answers.clone_from(lines);
                self.place(positions);
                self.settle();
            }
            Event::Resolved {
                sequence, moves, ..
            } => {
                let line = self
                    .facts
                    .lines
                    .iter_mut()
                    .find(|l| l.sequence == *sequence);
                if let Some(line) = line
                    && let Ok(after) = line.position.moved(*moves)
                {
                    line.position = after;
                }
                self.settle();
            }
            Event::Replaced { .. } => self.status = Status::Replaced,
            Event::Voided { positions, .. } => {
                self.place(positions);
                self.status = Status::Voided;
            }
        }
    }

    fn place(&mut self, positions: &[(u16, Position)]) {
        for (sequence, position) in positions {
            if let Some(line) = self
                .facts
                .lines
                .iter_mut()
                .find(|l| l.sequence == *sequence)
            {
                line.position = *position;
            }
        }
    }

    fn note_unheard(&mut self, positions: &[(u16, Position)]) {
        for (sequence, after) in positions {
            let lines = self.facts.lines.iter();
            for line in lines.filter(|line| line.sequence == *sequence) {
                let before = &line.position;
                let unheard = self.unheard.entry(*sequence).or_default();
                unheard.left_over += after.left_over - before.left_over;
                unheard.asked += after.outstanding - before.outstanding;
            }
        }
    }

    pub(super) fn correct(&mut self, correction: &Correction) {
        let line = self
            .facts
            .lines
            .iter_mut()
            .find(|line| line.sequence == correction.sequence);
        if let Some(line) = line {
            if correction.diagnosis.is_some() {
                line.diagnosis.clone_from(&correction.diagnosis);
            }
            if correction.pre_authorisation.is_some() {
                line.pre_authorisation
                    .clone_from(&correction.pre_authorisation);
            }
        }
    }

    fn settle(&mut self) {
        self.status = if self.outstanding() == 0 {
            Status::Closed
        } else {
            Status::Posted
        };
    }

    /// A line by its number.
    ///
    /// # Errors
    /// [`Refused::Line`].
    pub fn line(&self, sequence: u16) -> Result<&Line, Refused> {
        self.facts
            .lines
            .iter()
            .find(|line| line.sequence == sequence)
            .ok_or(Refused::Line(sequence))
    }

    /// What changed of a line since the payer heard of it last.
    #[must_use]
    pub fn unheard(&self, sequence: u16) -> Unheard {
        self.unheard.get(&sequence).copied().unwrap_or_default()
    }

    /// Whether the payer has answered, and is asked for more than it had heard of.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.status == Status::Posted && self.unheard.values().any(|line| line.asked > 0)
    }

    /// What is still asked of the payer.
    #[must_use]
    pub fn outstanding(&self) -> i64 {
        self.facts
            .lines
            .iter()
            .map(|l| l.position.outstanding)
            .sum()
    }

    /// What the payer has paid.
    #[must_use]
    pub fn received(&self) -> i64 {
        self.facts.lines.iter().map(|l| l.position.received).sum()
    }

    /// What was charged.
    #[must_use]
    pub fn charged(&self) -> i64 {
        self.facts.lines.iter().map(|l| l.charge).sum()
    }

    /// What the payer calls it: the claim, and how often it was sent.
    #[must_use]
    pub fn reference(&self) -> String {
        format!("{}-{}", self.facts.id, self.round)
    }

    /// What sort of claim it is (X12 claim frequency code).
    #[must_use]
    pub const fn frequency(&self) -> u8 {
        if self.facts.replaces.is_some() { 7 } else { 1 }
    }
}
