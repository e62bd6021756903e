//! The pages of this service's problems: what a code means and what to do about it.

use galen_service::ProblemPage;

/// All of them.
pub(crate) const PAGES: &[ProblemPage] = &[
    ProblemPage {
        code: "INSUFFICIENT_FUNDS",
        title: "There is not enough money.",
        advice: "What is promised to others counts as spent. Look at the `available` amount of the wallet; top it up, or pay less.",
    },
    ProblemPage {
        code: "ACCOUNT_FROZEN",
        title: "One of the accounts is frozen.",
        advice: "Nothing new happens to it until somebody opens it again. What was promised before can still be captured or released.",
    },
    ProblemPage {
        code: "ACCOUNT_CLOSED",
        title: "One of the accounts is closed.",
        advice: "It is closed for good. Use another one.",
    },
    ProblemPage {
        code: "ACCOUNT_HAS_HOLDS",
        title: "Money is promised from or to the account.",
        advice: "Capture or void the open payments of the account first, or wait until they expire.",
    },
    ProblemPage {
        code: "WALLET_NOT_EMPTY",
        title: "There is money in the wallet.",
        advice: "Pay it out or pay with it first.",
    },
    ProblemPage {
        code: "SAME_WALLET",
        title: "Both sides are the same wallet.",
        advice: "Money moves between two wallets. Check which one it goes to.",
    },
    ProblemPage {
        code: "CURRENCY_MISMATCH",
        title: "The accounts have other currencies.",
        advice: "A wallet holds one currency, and money moves between wallets of the same. Use a wallet of that currency.",
    },
    ProblemPage {
        code: "MORE_THAN_OWED",
        title: "This is more than is owed.",
        advice: "Somebody else may have paid a part of it, or is about to. Ask how much is still owed, and pay that.",
    },
    ProblemPage {
        code: "AMOUNT_TOO_LARGE",
        title: "An account cannot hold as much.",
        advice: "The totals of an account have a limit. Check the amount.",
    },
    ProblemPage {
        code: "PAYMENT_IS_OVER",
        title: "Nothing of the payment is left to capture or to release.",
        advice: "It was captured, voided or has expired meanwhile. Read it again; if it expired, pay anew.",
    },
    ProblemPage {
        code: "MORE_THAN_HELD",
        title: "This is more than is left of the payment.",
        advice: "Capture what is left or a part of it.",
    },
    ProblemPage {
        code: "MORE_THAN_CAPTURED",
        title: "This is more than can be given back.",
        advice: "All refunds of a payment together are never more than what was captured. Read the payment to see what is left.",
    },
    ProblemPage {
        code: "TRANSFER_ID_REUSED",
        title: "The id was used for another transfer.",
        advice: "Make a new id for every transfer; use the same one only to repeat exactly the same request.",
    },
    ProblemPage {
        code: "MALFORMED_XML",
        title: "The body is not an XML document as it is read here.",
        advice: "Send a whole document in UTF-8, without a document type declaration and without entities of its own.",
    },
    ProblemPage {
        code: "NOT_A_STATEMENT",
        title: "The document is not a camt.053 statement.",
        advice: "Send ISO 20022 camt.053 (bank to customer statement), version 001.02 or later; camt.052 and camt.054 say something else.",
    },
    ProblemPage {
        code: "STATEMENT_INVALID",
        title: "The statement is not as the standard says, or does not add up.",
        advice: "Look at what `errors` points at: names of elements from the root on. Nothing of the statement was imported; ask the bank for a right one.",
    },
    ProblemPage {
        code: "STATEMENT_DIFFERS",
        title: "The account has a statement of this name that says something else.",
        advice: "Compare both documents. A statement that was imported does not change; the bank corrects itself in a later one.",
    },
    ProblemPage {
        code: "STATEMENT_DOES_NOT_FOLLOW",
        title: "The statement does not begin where the last one of its account ended.",
        advice: "Import the statements of an account in their order. `statement` and `closing` say which one was the last, and what it closed with.",
    },
    ProblemPage {
        code: "BANK_LINE_IS_MOVING",
        title: "The money of the line is on its way.",
        advice: "Wait as `Retry-After` says, read the line again, and decide again.",
    },
    ProblemPage {
        code: "BANK_LINE_IS_MATCHED",
        title: "The line is matched with something else.",
        advice: "Undo that match first: `POST /bank-statements/lines/{id}/unmatch`.",
    },
    ProblemPage {
        code: "BANK_LINE_IS_NOT_MATCHED",
        title: "The line is not matched.",
        advice: "There is nothing to undo.",
    },
    ProblemPage {
        code: "DAY_NOT_OVER",
        title: "A day is closed a quarter of an hour after its end.",
        advice: "Ask for an earlier day, or wait.",
    },
    ProblemPage {
        code: "NOT_THE_PAYEE",
        title: "Only who is paid does this.",
        advice: "What is promised is captured or released by whoever it was promised to. It ends by itself when nobody does.",
    },
    ProblemPage {
        code: "PAYER_INACTIVE",
        title: "The payer is not active.",
        advice: "Nothing new is agreed with it. Activate it again with `PATCH /payers/{id}` if that is wrong.",
    },
    ProblemPage {
        code: "NO_PAYMENT_PROVIDER",
        title: "This hospital has no payment provider.",
        advice: "Money comes in and goes out at a till only, until an operator sets `securepay.provider.name`.",
    },
    ProblemPage {
        code: "ORDER_NOT_UNKNOWN",
        title: "It is known what became of the order, or the provider still has time to say so.",
        advice: "Only what has the status UNKNOWN is resolved by people. Read the top-up or the payout again; before its deadline, wait for the provider.",
    },
    ProblemPage {
        code: "RESOLUTION_REQUESTED",
        title: "Somebody has found out about this order before.",
        advice: "Look at `GET /order-resolutions?orderId=…`. When it waits, another person agrees or rejects it; when it was agreed to, the order ends so.",
    },
    ProblemPage {
        code: "WEBHOOK_REFUSED",
        title: "The webhook is not signed by the provider, or not new.",
        advice: "Sign `id.timestamp.body` with the secret that both sides know, as Standard Webhooks says, and send it within five minutes. Check the clocks of both sides.",
    },
    ProblemPage {
        code: "WEBHOOK_ENDPOINT_DISABLED",
        title: "The webhook endpoint is disabled.",
        advice: "It was disabled by hand, or it answered that it is gone (410): `disabledBecause` of `GET /webhook-endpoints/{id}` says which. Enable it with `PATCH /webhook-endpoints/{id}` first.",
    },
    ProblemPage {
        code: "TOO_MANY_WEBHOOK_ENDPOINTS",
        title: "There are as many webhook endpoints as there can be.",
        advice: "A hospital has 50 at most. Delete those that nobody needs with `DELETE /webhook-endpoints/{id}`.",
    },
];
