use proptest::prelude::*;

use super::*;

const OLD: &str = include_str!("../testdata/camt.053.001.02.xml");
const NEW: &str = include_str!("../testdata/camt.053.001.08.xml");

fn wrong(document: &str) -> (String, &'static str) {
    match read(document.as_bytes()) {
        Err(CamtError::Wrong { path, code, .. }) => (path, code),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_statement_of_version_02_is_read() {
    let statement = read(OLD.as_bytes()).unwrap();
    assert_eq!(statement.message_id, "053D2026-11-20T22:00:00.0N1");
    assert_eq!(statement.id, "0352C5320261120220000");
    assert_eq!(statement.account, "DE89370400440532013000");
    assert_eq!(statement.currency.code(), "EUR");
    assert_eq!((statement.opening, statement.closing), (100_000, 113_941));
    assert_eq!(statement.closed_on, "2026-11-20".parse().unwrap());
    let signed: Vec<i64> = statement.entries.iter().map(Entry::signed).collect();
    assert_eq!(signed, [15_000, -850, -209], "without what is pending");
    let [transfer, fee, returned] = &statement.entries[..] else {
        panic!("three entries")
    };
    assert_eq!(transfer.bank_reference.as_deref(), Some("2026112000001"));
    let said = &transfer.said;
    assert_eq!(said.end_to_end_id, None, "NOTPROVIDED says nothing");
    assert_eq!(said.party.as_deref(), Some("Erika Mustermann & Sohn"));
    assert_eq!(
        said.party_account.as_deref(),
        Some("DE02120300000000202051")
    );
    assert_eq!(said.text.as_deref(), Some("Rechnung 4711\ndanke"));
    assert_eq!(fee.booked_on, "2026-11-20".parse().unwrap());
    assert_eq!(fee.value_on, Some("2026-11-21".parse().unwrap()));
    assert_eq!(fee.said, Said::default());
    assert!(returned.is_return && !fee.is_return);
    assert_eq!(returned.said.transaction_id.as_deref(), Some("TX-1"));
    assert_eq!(returned.said.reference.as_deref(), Some("RF18539007547034"));
}

#[test]
fn a_statement_of_version_08_is_read() {
    let statement = read(NEW.as_bytes()).unwrap();
    assert_eq!(statement.account, "000123456789");
    assert_eq!((statement.opening, statement.closing), (-500, 11_500));
    let signed: Vec<i64> = statement.entries.iter().map(Entry::signed).collect();
    assert_eq!(signed, [12_500, -500]);
    let said = &statement.entries[0].said;
    assert_eq!(said.end_to_end_id.as_deref(), Some("SETTLE-20261119"));
    assert_eq!(said.party.as_deref(), Some("Provider KK"));
    assert_eq!(
        statement.entries[1].said,
        Said::default(),
        "a batch has not the references of one of its payments"
    );
}

#[test]
fn names_and_texts_are_not_in_logs() {
    let shown = format!("{:?}", read(OLD.as_bytes()).unwrap());
    assert!(
        !shown.contains("Mustermann") && !shown.contains("4711"),
        "{shown}"
    );
}

#[test]
fn what_does_not_add_up_is_refused() {
    let (path, code) = wrong(&OLD.replace("1139.41", "1139.42"));
    assert_eq!(
        (path.as_str(), code),
        ("/Document/BkToCstmrStmt/Stmt", "DOES_NOT_ADD_UP")
    );
    let (path, code) = wrong(&NEW.replace("<c:NbOfNtries>2<", "<c:NbOfNtries>3<"));
    assert_eq!(code, "WRONG_COUNT");
    assert!(path.ends_with("/TxsSummry/TtlNtries/NbOfNtries"), "{path}");
    assert_eq!(
        wrong(&NEW.replace("<c:Sum>13000<", "<c:Sum>13001<")).1,
        "WRONG_SUM"
    );
    assert_eq!(
        wrong(&NEW.replace("<c:Sum>500<", "<c:Sum>501<")).1,
        "WRONG_SUM"
    );
    // Pending entries may be counted or not.
    let counted = |n| {
        OLD.replacen(
            "<Ntry>",
            &format!(
                "<TxsSummry><TtlNtries><NbOfNtries>{n}</NbOfNtries></TtlNtries></TxsSummry><Ntry>"
            ),
            1,
        )
    };
    assert!(read(counted(3).as_bytes()).is_ok());
    assert!(read(counted(4).as_bytes()).is_ok());
    assert_eq!(wrong(&counted(5)).1, "WRONG_COUNT");
}

#[test]
fn every_wrong_thing_is_named_with_its_place() {
    for (from, to, place, code) in [
        (
            "<MsgId>053D2026-11-20T22:00:00.0N1</MsgId>",
            "",
            "/GrpHdr/MsgId",
            "MISSING",
        ),
        ("0352C5320261120220000", "", "/Stmt/Id", "BLANK"),
        (
            "0352C5320261120220000",
            "012345678901234567890123456789012345",
            "/Stmt/Id",
            "TOO_LONG",
        ),
        (
            "DE89370400440532013000",
            "DE89370400440532013001",
            "/Acct/Id/IBAN",
            "INVALID_IBAN",
        ),
        (
            "<Ccy>EUR</Ccy>",
            "<Ccy>XXX</Ccy>",
            "/Acct/Ccy",
            "UNKNOWN_CURRENCY",
        ),
        (
            "Ccy=\"EUR\">8.50",
            "Ccy=\"USD\">8.50",
            "/Stmt/Ntry/1/Amt",
            "CURRENCY_MISMATCH",
        ),
        (">8.50<", ">8.505<", "/Stmt/Ntry/1/Amt", "TOO_MANY_DIGITS"),
        (">8.50<", ">8,50<", "/Stmt/Ntry/1/Amt", "INVALID_AMOUNT"),
        (">8.50<", ">-8.50<", "/Stmt/Ntry/1/Amt", "INVALID_AMOUNT"),
        (">8.50<", ">1e3<", "/Stmt/Ntry/1/Amt", "INVALID_AMOUNT"),
        (">8.50<", "><", "/Stmt/Ntry/1/Amt", "INVALID_AMOUNT"),
        (
            ">8.50<",
            ">99999999999999999999<",
            "/Stmt/Ntry/1/Amt",
            "AMOUNT_TOO_LARGE",
        ),
        (
            "<Sts>PDNG</Sts>",
            "<Sts>SOON</Sts>",
            "/Stmt/Ntry/3/Sts",
            "UNKNOWN_CODE",
        ),
        (
            "<RvslInd>true",
            "<RvslInd>yes",
            "/Stmt/Ntry/2/RvslInd",
            "INVALID_BOOLEAN",
        ),
        ("<Cd>CLBD</Cd>", "<Cd>CLAV</Cd>", "/Stmt/Bal", "MISSING"),
        ("<Cd>CLBD</Cd>", "<Cd>PRCD</Cd>", "/Stmt/Bal/1", "REPEATED"),
        (
            "<Dt>2026-11-19</Dt>",
            "<Dt>2026-11-31</Dt>",
            "/Stmt/Bal/0/Dt/Dt",
            "INVALID_DATE",
        ),
        (
            "<Dt>2026-11-19</Dt>",
            "<Dt>0000-01-01</Dt>",
            "/Stmt/Bal/0/Dt/Dt",
            "INVALID_DATE",
        ),
        (
            "</Stmt>",
            "</Stmt><Stmt/>",
            "/BkToCstmrStmt/Stmt/1",
            "REPEATED",
        ),
    ] {
        assert!(OLD.contains(from), "{from}");
        let (path, found) = wrong(&OLD.replacen(from, to, 1));
        assert_eq!(
            (path.ends_with(place), found),
            (true, code),
            "{from} as {to}: {path}"
        );
    }
}

#[test]
fn other_documents_are_refused() {
    for (from, to) in [
        ("camt.053.001.02\" xmlns:xsi", "camt.054.001.02\" xmlns:xsi"),
        ("camt.053.001.02\" xmlns:xsi", "camt.053.001.01\" xmlns:xsi"),
        ("camt.053.001.02\" xmlns:xsi", "camt.053.001.2x\" xmlns:xsi"),
        ("<Document xmlns=\"urn", "<Document xmlns_=\"urn"),
    ] {
        assert_eq!(
            read(OLD.replacen(from, to, 1).as_bytes()),
            Err(CamtError::NotAStatement),
            "{to}"
        );
    }
    assert_eq!(read(b"<html/>"), Err(CamtError::NotAStatement));
    assert!(matches!(read(b"{}"), Err(CamtError::Xml(_))));
    let truncated = &OLD[..OLD.len() - 30];
    assert!(matches!(
        read(truncated.as_bytes()),
        Err(CamtError::Xml(XmlError::Malformed(_)))
    ));
    let outside = OLD.replacen(
        "<Document",
        "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><Document",
        1,
    );
    assert_eq!(
        read(outside.as_bytes()),
        Err(CamtError::Xml(XmlError::HasDocType))
    );
}

#[test]
fn amounts_are_read_as_the_schema_writes_them() {
    for text in ["150", "+150.0", "150.", "0150.00000"] {
        let read = read(OLD.replacen(">150.00<", &format!(">{text}<"), 1).as_bytes());
        assert!(read.is_ok(), "{text}: {read:?}");
    }
    assert_eq!(
        wrong(&OLD.replacen(">150.00<", ">.<", 1)).1,
        "INVALID_AMOUNT"
    );
}

/// A statement as a bank would write it.
pub(crate) fn document(id: &str, opening: i64, entries: &[(i64, &str)]) -> String {
    let amount = |minor: i64| {
        let whole = minor.unsigned_abs();
        let side = if minor < 0 { "DBIT" } else { "CRDT" };
        format!(
            "<Amt Ccy=\"EUR\">{}.{:02}</Amt><CdtDbtInd>{side}</CdtDbtInd>",
            whole / 100,
            whole % 100
        )
    };
    let balance = |code: &str, minor: i64| {
        format!(
            "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{}<Dt><Dt>2026-11-20</Dt></Dt></Bal>",
            amount(minor)
        )
    };
    let closing = opening + entries.iter().map(|(minor, _)| minor).sum::<i64>();
    let lines: String = entries
        .iter()
        .map(|(minor, reference)| {
            format!(
                "<Ntry>{}<Sts>BOOK</Sts><BookgDt><Dt>2026-11-20</Dt></BookgDt><NtryDtls><TxDtls><Refs><EndToEndId>{reference}</EndToEndId></Refs></TxDtls></NtryDtls></Ntry>",
                amount(*minor)
            )
        })
        .collect();
    format!(
        "<Document xmlns=\"{NAMESPACE}02\"><BkToCstmrStmt><GrpHdr><MsgId>M</MsgId></GrpHdr><Stmt><Id>{id}</Id>\
         <Acct><Id><IBAN>DE89370400440532013000</IBAN></Id><Ccy>EUR</Ccy></Acct>{}{}{lines}</Stmt></BkToCstmrStmt></Document>",
        balance("OPBD", opening),
        balance("CLBD", closing)
    )
}

proptest! {
    #[test]
    fn every_statement_that_adds_up_is_read_as_it_is(
        opening in -1_000_000_000_i64..1_000_000_000,
        amounts in prop::collection::vec((-1_000_000_000_i64..1_000_000_000).prop_filter("something", |a| *a != 0), 0..30),
    ) {
        let entries: Vec<(i64, &str)> = amounts.iter().map(|a| (*a, "x")).collect();
        let statement = read(document("S", opening, &entries).as_bytes()).unwrap();
        prop_assert!(statement.adds_up());
        prop_assert_eq!(statement.opening, opening);
        prop_assert_eq!(statement.entries.iter().map(Entry::signed).collect::<Vec<_>>(), amounts);
    }

    #[test]
    fn one_changed_character_is_read_or_refused_but_never_adds_up_wrongly(
        at in 0..OLD.len(), to in "[ -~]",
    ) {
        prop_assume!(OLD.is_char_boundary(at) && OLD.is_char_boundary(at + 1));
        let mut changed = OLD.to_owned();
        changed.replace_range(at..=at, &to);
        if let Ok(statement) = read(changed.as_bytes()) {
            prop_assert!(statement.adds_up());
        }
    }
}
