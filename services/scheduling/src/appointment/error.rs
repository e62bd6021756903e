//! Why a command about an appointment is refused, in the words of the API.

use galen_eventing::Failure;
use galen_kernel::Problem;
use galen_service::{Halt, MoneyView, PeerError};
use galen_storage::Error;

use super::model::Refusal;
use crate::price::Unaffordable;

/// A refused command.
#[derive(Debug, thiserror::Error)]
pub enum AppointmentError {
    /// There is none, or none that the caller may know of.
    #[error("no such appointment")]
    Unknown,
    /// The state machine or a rule about time.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The practitioner has another appointment, or the slot is held.
    #[error("the slot is taken")]
    SlotTaken,
    /// The patient has another appointment.
    #[error("the patient is busy")]
    PatientBusy,
    /// The practitioner does not work then.
    #[error("the practitioner is unavailable: {0}")]
    PractitionerUnavailable(String),
    /// There is no such patient.
    #[error("no such patient")]
    UnknownPatient,
    /// The record takes no bookings.
    #[error("the patient's record is not active")]
    PatientInactive,
    /// The hold is over, or there never was one.
    #[error("the hold has expired")]
    HoldExpired,
    /// The hold is for something or somebody else.
    #[error("the hold is for another booking")]
    HoldMismatch,
    /// The patient cannot pay what is asked before.
    #[error(transparent)]
    Unaffordable(#[from] Unaffordable),
    /// Somebody changed the appointment between reading and writing it.
    #[error("changed meanwhile")]
    Changed,
    /// A question was not answered.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// The booking process could not be moved.
    #[error(transparent)]
    Process(#[from] Failure),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] Error),
    /// What was said cannot be sealed or opened.
    #[error(transparent)]
    Vault(#[from] galen_vault::Error),
}

impl From<sqlx::Error> for AppointmentError {
    fn from(error: sqlx::Error) -> Self {
        Self::Storage(error.into())
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotNow(status) => {
                Self::conflict("INVALID_TRANSITION", "The status does not allow this.")
                    .with_detail(refusal.to_string())
                    .with("currentStatus", status.name().into())
            }
            Refusal::TooLate => Self::conflict(
                "TOO_LATE",
                "It is too late to change the appointment online; please call.",
            ),
            Refusal::TooEarly => Self::conflict("TOO_EARLY", "It is too early for that."),
        }
    }
}

impl From<AppointmentError> for Problem {
    fn from(error: AppointmentError) -> Self {
        match error {
            AppointmentError::Unknown => Self::not_found(),
            AppointmentError::Refused(refusal) => refusal.into(),
            AppointmentError::SlotTaken => {
                Self::conflict("SLOT_TAKEN", "The practitioner is taken at that time.")
            }
            AppointmentError::PatientBusy => Self::conflict(
                "PATIENT_BUSY",
                "The patient has another appointment at that time.",
            ),
            AppointmentError::PractitionerUnavailable(reason) => Self::conflict(
                "PRACTITIONER_UNAVAILABLE",
                "The practitioner does not work at that time.",
            )
            .with("reason", reason.into()),
            AppointmentError::UnknownPatient => {
                Self::invalid_field("/patientId", "UNKNOWN_PATIENT", "names no patient")
            }
            AppointmentError::PatientInactive => Self::conflict(
                "PATIENT_INACTIVE",
                "The patient's record takes no bookings.",
            ),
            AppointmentError::HoldExpired => {
                Self::conflict("HOLD_EXPIRED", "The slot is no longer held.")
            }
            AppointmentError::HoldMismatch => Self::conflict(
                "HOLD_MISMATCH",
                "The hold is for another slot, service or patient.",
            ),
            AppointmentError::Unaffordable(Unaffordable(asked)) => {
                let asked = MoneyView::from(asked);
                Self::conflict(
                    "PREPAYMENT_REQUIRED",
                    "The patient's wallet has less than is to be paid before.",
                )
                .with_detail(error.to_string())
                .with(
                    "prepayment",
                    serde_json::to_value(asked).expect("an amount is plain data"),
                )
            }
            AppointmentError::Changed => Self::conflict(
                "CONCURRENT_CHANGE",
                "The appointment was changed at the same time.",
            )
            .retry_after(1),
            AppointmentError::Peer(error) => error.into(),
            AppointmentError::Process(failure) => of_failure(failure),
            AppointmentError::Storage(error) => error.into(),
            AppointmentError::Vault(error) => error.into(),
        }
    }
}

/// A failure of the backbone inside a command: what it stands on is away, or a bug.
fn of_failure(failure: Failure) -> Problem {
    let cause = match failure {
        Failure::Infrastructure(cause) => match cause.downcast::<Error>() {
            Ok(error) => return (*error).into(),
            Err(cause) => return Problem::unavailable(cause),
        },
        Failure::Permanent { source, .. } | Failure::Retryable { source, .. } => source,
    };
    match cause.downcast::<Error>() {
        Ok(error) => (*error).into(),
        Err(cause) => Problem::internal(cause),
    }
}

/// Inside a reaction the same refusals decide whether to try again.
impl From<AppointmentError> for Failure {
    fn from(error: AppointmentError) -> Self {
        match error {
            AppointmentError::Process(failure) => failure,
            AppointmentError::Storage(error) => error.into(),
            AppointmentError::Peer(error) => error.into(),
            AppointmentError::Vault(error) => Self::Infrastructure(Box::new(error)),
            refused => Self::Retryable {
                code: "REFUSED",
                source: Box::new(refused),
            },
        }
    }
}

/// How often a command is tried again after PostgreSQL has undone it to end a
/// deadlock or a serialisation conflict.
const ATTEMPTS: u8 = 3;

/// Counts the attempts of one command.
#[derive(Debug, Default)]
pub struct Attempts(u8);

impl Attempts {
    /// Whether the outcome is only due to what ran at the same time, so that the
    /// command is worth another try.
    pub fn again<T>(&mut self, outcome: &Result<T, Halt>) -> bool {
        self.0 += 1;
        self.0 < ATTEMPTS && outcome.as_ref().is_err_and(lost_a_race)
    }
}

fn lost_a_race(halt: &Halt) -> bool {
    let Halt::Problem(problem) = halt else {
        return false;
    };
    let cause = problem
        .cause
        .as_ref()
        .and_then(|cause| cause.downcast_ref::<Error>());
    cause
        .and_then(Error::sqlstate)
        .is_some_and(|state| matches!(state.as_str(), "40001" | "40P01"))
}
