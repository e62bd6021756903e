//! The pages of this service's problems: what a code means and what to do about it.

use galen_service::ProblemPage;

/// All of them.
pub(crate) const PAGES: &[ProblemPage] = &[
    ProblemPage {
        code: "SLOT_TAKEN",
        title: "The practitioner is taken at that time.",
        advice: "Somebody was faster, or the slot is held for somebody for some minutes. Look for another with `GET /slots` or `GET /appointments/doctor-options`, or join the waitlist.",
    },
    ProblemPage {
        code: "PATIENT_BUSY",
        title: "The patient has another appointment at that time.",
        advice: "Find it with `GET /appointments?patientId=…`, and move or cancel it first. Times are half-open, so one appointment may begin when another ends.",
    },
    ProblemPage {
        code: "PRACTITIONER_UNAVAILABLE",
        title: "The practitioner does not work at that time.",
        advice: "`reason` says why: `OUTSIDE_SHIFT`, `ON_LEAVE`, `INACTIVE` or `UNKNOWN`. Operations are offered in operating shifts only, and nothing else is.",
    },
    ProblemPage {
        code: "PATIENT_INACTIVE",
        title: "The patient's record takes no bookings.",
        advice: "The record is closed or the patient has died. If that is wrong, correct the record first.",
    },
    ProblemPage {
        code: "PREPAYMENT_REQUIRED",
        title: "The patient's wallet has less than is to be paid before.",
        advice: "`prepayment` says how much. Top the wallet up with `POST /top-ups`, or open one with `POST /wallets`, and book again; nothing was booked.",
    },
    ProblemPage {
        code: "HOLD_EXPIRED",
        title: "The slot is no longer held.",
        advice: "The hold's time is over, or it was used. Book without `holdId`, or hold the slot again.",
    },
    ProblemPage {
        code: "HOLD_MISMATCH",
        title: "The hold is for another slot, service or patient.",
        advice: "Book exactly what was held, or book without `holdId`.",
    },
    ProblemPage {
        code: "TOO_MANY_HOLDS",
        title: "You hold as many slots as you can at a time.",
        advice: "Book one of them, or give one up with `DELETE /slots/hold/{id}`.",
    },
    ProblemPage {
        code: "INVALID_TRANSITION",
        title: "The status does not allow this.",
        advice: "`currentStatus` says how things stand. Read the resource again: somebody has moved it on.",
    },
    ProblemPage {
        code: "TOO_LATE",
        title: "It is too late to change the appointment online; please call.",
        advice: "Patients can change their own appointment until some hours before its start; the front desk can still change it.",
    },
    ProblemPage {
        code: "TOO_EARLY",
        title: "It is too early for that.",
        advice: "Patients can arrive from some hours before the start on, and be missed from the start on.",
    },
    ProblemPage {
        code: "OFFER_EXPIRED",
        title: "The offer has expired.",
        advice: "The slot has been offered to the next in line. Join the waitlist again.",
    },
    ProblemPage {
        code: "SERIES_CONFLICT",
        title: "Some of the appointments cannot be booked.",
        advice: "`conflicts` names them. Change the series, or send it again with `onConflict` set to `SKIP` to book the others.",
    },
    ProblemPage {
        code: "CONCURRENT_CHANGE",
        title: "The appointment was changed at the same time.",
        advice: "Repeat the request; it then sees the change.",
    },
    ProblemPage {
        code: "SUBJECT_ERASED",
        title: "The person's data were erased.",
        advice: "What is said about them is not kept any more. Leave the text out.",
    },
];
