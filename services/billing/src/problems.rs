//! The pages of this service's problems.

use galen_service::ProblemPage;

/// One page per code.
pub(crate) const PAGES: &[ProblemPage] = &[
    ProblemPage {
        code: "TARIFF_OVERLAP",
        title: "Another tariff says what this costs in that time.",
        advice: "Find it with `GET /tariffs?serviceCode=…`, end it with `POST /tariffs/{id}/end`, and begin where it ends.",
    },
    ProblemPage {
        code: "TARIFF_OVER",
        title: "The tariff has ended.",
        advice: "What was a price stays one. Say what it costs from now on with `POST /tariffs`.",
    },
    ProblemPage {
        code: "PLAN_EXISTS",
        title: "There is a plan with this id.",
        advice: "Publish another version of it with `POST /plans/{id}/versions`, or choose another id.",
    },
    ProblemPage {
        code: "NOT_NEXT_VERSION",
        title: "The version of the plan is not the next one.",
        advice: "`nextVersion` says which is next. Somebody else may have published one: read it first.",
    },
    ProblemPage {
        code: "PLAN_VERSION_OVERLAP",
        title: "A version begins after the one before it.",
        advice: "`lastValidFrom` says when the last one begins. Begin later: the last one ends then.",
    },
    ProblemPage {
        code: "ALREADY_COUNTED",
        title: "The claim is counted already.",
        advice: "Nothing is counted twice. Void the claim first, if it is to be counted otherwise.",
    },
    ProblemPage {
        code: "CLAIM_STATUS",
        title: "The claim's status does not allow it.",
        advice: "`status` says what the claim is now. Read it again: the payer may have answered meanwhile.",
    },
    ProblemPage {
        code: "CLAIM_HAS_ERRORS",
        title: "The claim is wrong and cannot be submitted.",
        advice: "`findings` say which field of which line is wrong. Correct what can be corrected with `POST /claims/{id}/resubmit`.",
    },
    ProblemPage {
        code: "NOTHING_TO_CLAIM",
        title: "No claim of this invoice to this payer was withdrawn with something still to be asked for.",
        advice: "The first claim is prepared when the invoice is issued; another one only after that was voided without a resolution.",
    },
    ProblemPage {
        code: "PRE_AUTHORISATION_EXHAUSTED",
        title: "The payer has agreed to fewer units than are claimed.",
        advice: "Ask for another agreement with `POST /pre-authorisations`.",
    },
    ProblemPage {
        code: "MORE_THAN_ASKED",
        title: "A payer pays or leaves more than it was asked for.",
        advice: "The patient was asked for the rest already: credit the invoice first, or ask the payer what it means.",
    },
    ProblemPage {
        code: "NOTHING_DENIED",
        title: "Nothing is denied of this line any more.",
        advice: "Somebody else has resolved the denial, or the payer has taken it back.",
    },
    ProblemPage {
        code: "REMITTANCE_DIFFERS",
        title: "Another remittance of this payer has the same number and says something else.",
        advice: "Nothing was posted again. Look at the number: payers use each of them once.",
    },
    ProblemPage {
        code: "CHARGE_INVOICED",
        title: "The charge is on an invoice.",
        advice: "Cancel the draft, or credit the issued invoice in full; then the charge can be changed.",
    },
    ProblemPage {
        code: "CHARGE_VOIDED",
        title: "The charge was taken back.",
        advice: "Charge it again with `POST /charges` if that was a mistake.",
    },
    ProblemPage {
        code: "CHARGE_UNPRICED",
        title: "There is no price for the charge.",
        advice: "Say what it costs with `POST /tariffs`, then `POST /charges/{id}/price`. It is also tried again every minute.",
    },
    ProblemPage {
        code: "CHARGE_REPLACED",
        title: "The charge was corrected by another one.",
        advice: "Correct that one: `GET /charges` shows it with `replacesId`.",
    },
    ProblemPage {
        code: "NOTHING_TO_INVOICE",
        title: "There is nothing to be invoiced.",
        advice: "Nothing was charged for it yet, it was taken back, or there are more than 200 charges: name them with `chargeIds`.",
    },
    ProblemPage {
        code: "MIXED_PAYMENT_MODES",
        title: "The charges are asked of different payers.",
        advice: "Invoice what insurers are asked for apart from what the patient pays alone.",
    },
    ProblemPage {
        code: "NOT_A_DRAFT",
        title: "The invoice is no draft any more.",
        advice: "An issued invoice is taken back with `POST /invoices/{id}/credit-note`.",
    },
    ProblemPage {
        code: "NOT_ISSUED",
        title: "The invoice is not issued.",
        advice: "Issue it with `POST /invoices/{id}/issue`; a cancelled one takes no payments.",
    },
    ProblemPage {
        code: "NOTHING_DUE",
        title: "Nothing is owed for the invoice.",
        advice: "It is paid, or only payers owe something. Read it again.",
    },
    ProblemPage {
        code: "MORE_THAN_DUE",
        title: "Less than that is owed.",
        advice: "Read the invoice again: `due` without `pending` is what can be paid. Without an amount all of it is.",
    },
    ProblemPage {
        code: "MORE_THAN_PAID",
        title: "Less than that was paid.",
        advice: "No more is given back than was paid and has not been given back yet.",
    },
    ProblemPage {
        code: "MORE_THAN_BILLED",
        title: "The patient is asked for less than that.",
        advice: "Credit at most `totals.patient`, and of a line at most its `patient`.",
    },
    ProblemPage {
        code: "NO_SUCH_PAYMENT",
        title: "The invoice has no such payment.",
        advice: "`GET /invoices/{id}` shows its payments; what was paid before an appointment is given back by a credit note.",
    },
    ProblemPage {
        code: "PAYMENT_NOT_SETTLED",
        title: "The payment is not settled.",
        advice: "There is a receipt when the money is there: `GET /invoices/{id}` shows the payment's status.",
    },
    ProblemPage {
        code: "NO_SUCH_LINE",
        title: "The invoice has no such line.",
        advice: "Lines are named by their `chargeId`.",
    },
    ProblemPage {
        code: "PAYMENT_UNDER_WAY",
        title: "A payment of the invoice is under way.",
        advice: "It is over in a moment: read the invoice again, and repeat the request.",
    },
    ProblemPage {
        code: "ALREADY_DECIDED",
        title: "Somebody has decided about it.",
        advice: "Read the invoice again; ask once more if it is still needed.",
    },
    ProblemPage {
        code: "SECOND_PERSON_REQUIRED",
        title: "Somebody else has to decide.",
        advice: "Giving up or giving back money, or agreeing to what is missing in a till, takes two people: have a colleague decide.",
    },
    ProblemPage {
        code: "CASH_SESSION_OPEN",
        title: "You have an open till.",
        advice: "`GET /cash-sessions?status=OPEN` shows it. Close it with `POST /cash-sessions/{id}/close`, or go on with it.",
    },
    ProblemPage {
        code: "NO_CASH_SESSION",
        title: "You have no open till in this currency.",
        advice: "Open one with `POST /cash-sessions`; cash is taken and given back by whoever answers for it.",
    },
    ProblemPage {
        code: "CASH_SESSION_NOT_OPEN",
        title: "The till is being counted, or closed.",
        advice: "Read it again. What was counted takes no money any more: open another one with `POST /cash-sessions`.",
    },
    ProblemPage {
        code: "NOT_ENOUGH_CASH",
        title: "There is not as much in the till.",
        advice: "`expected` says how much there is. Give it back from another till.",
    },
    ProblemPage {
        code: "NOTHING_TO_APPROVE",
        title: "No difference of the till waits for somebody.",
        advice: "Read it again: it is open still, or closed already.",
    },
    ProblemPage {
        code: "TENDERED_TOO_LITTLE",
        title: "Less was put on the table than is to be paid.",
        advice: "Say with `amount` what is paid, at most what was tendered.",
    },
    ProblemPage {
        code: "NOT_TO_BE_HANDED_OUT",
        title: "No cash of this is to be handed out.",
        advice: "Only refunds of cash that somebody agreed to are, and each of them once; read the invoice again.",
    },
    ProblemPage {
        code: "ALREADY_PLANNED",
        title: "The invoice is in a payment plan.",
        advice: "`GET /payment-plans?patientId=…` shows it. Cancel it with `POST /payment-plans/{id}/cancel` if another one is to take its place.",
    },
    ProblemPage {
        code: "SEVERAL_PATIENTS",
        title: "The invoices are of several patients, or currencies.",
        advice: "Make a plan for each.",
    },
    ProblemPage {
        code: "INSTALMENTS_DIFFER",
        title: "The instalments are not what is owed.",
        advice: "`owed` says how much it is: the instalments have to be exactly that, or leave them out and say `count`.",
    },
    ProblemPage {
        code: "PLAN_STATUS",
        title: "The payment plan's status does not allow it.",
        advice: "`status` says what the plan is now. Read it again: somebody may have agreed, paid or cancelled meanwhile.",
    },
    ProblemPage {
        code: "PLAN_OUT_OF_DATE",
        title: "An instalment was due before anybody agreed.",
        advice: "Cancel the plan with `POST /payment-plans/{id}/cancel`, and propose another one that begins later.",
    },
    ProblemPage {
        code: "PAYMENT_TIMED_OUT",
        title: "The payment was not made in time.",
        advice: "No money has moved. Pay again with another idempotency key.",
    },
    ProblemPage {
        code: "PAYMENT_REFUSED",
        title: "The payment was refused.",
        advice: "`paymentId` is shown with the invoice. Pay again from another wallet, with another idempotency key.",
    },
];
