//! What a newcomer sees first.

use crate::hospital::{galen, open_to_others};

/// Somebody with 80 percent cover books, is seen, pays the share from a wallet; the claim
/// is denied in part, corrected and paid; the books have every cent of it on both sides.
pub(crate) async fn the_money_of_a_visit_is_followed_to_the_last_cent() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    open_to_others(dir.path());
    let output = galen()
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .args(["demo", "--journeys", "20", "--listen", "127.0.0.1:0"])
        .args(["--ops-listen", "127.0.0.1:0", "--data-dir"])
        .arg(dir.path())
        .output()
        .expect("galen runs");
    let stopped = galen()
        .args(["demo", "--stop", "--data-dir"])
        .arg(dir.path())
        .output()
        .expect("galen runs");
    let (told, complaints) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{told}{complaints}");
    assert!(stopped.status.success(), "the demo stops");
    for line in [
        "the consultation costs 120.00 EUR, of which the patient would pay 24.00 EUR and the insurer 96.00 EUR",
        "is issued over 139.99 EUR: the patient owes 28.00 EUR, the insurer is asked for 111.99 EUR",
        "the patient paid 28.00 EUR and has 72.00 EUR left",
        "the claim was PARTIALLY_PAID: 96.00 EUR of 139.99 EUR paid",
        "corrected, it was PAID: 111.99 EUR paid altogether",
        "WALLET         28.00 EUR debited,   100.00 EUR credited",
        "RECEIVABLE    139.99 EUR debited,   139.99 EUR credited",
        "REVENUE         0.00 EUR debited,   139.99 EUR credited",
        "BANK          111.99 EUR debited,     0.00 EUR credited",
        "the books balance: 379.98 EUR on both sides",
        " 0 are broken",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
}
