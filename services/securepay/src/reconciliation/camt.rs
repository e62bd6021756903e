//! Reads ISO 20022 `camt.053` (bank to customer statement), as banks send it since
//! version 001.02. Pure.
//!
//! The versions differ in little that is read here: the status of an entry and the name
//! of a party are one element deeper from 001.08 on. Whatever is not needed is ignored;
//! whatever is needed and is not as the standard says is refused with its place.

use galen_kernel::money::MoneyError;
use galen_kernel::{Currency, Money};
use jiff::civil::Date;

use super::statement::{Direction, Entry, Said, Statement};
use super::xml::{Element, XmlError, read as read_xml};

/// The names of all versions begin so.
const NAMESPACE: &str = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.";
/// `Max35Text`.
const SHORT: usize = 35;
/// Longest free text that is kept of an entry: fourteen lines of `Max140Text`.
const LONG: usize = 2_000;

/// Why a document is not a statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CamtError {
    /// Not XML as it is read here.
    #[error("the document {0}")]
    Xml(#[from] XmlError),
    /// Another document, or an unknown version.
    #[error("the document is not a camt.053 statement of one account")]
    NotAStatement,
    /// Something is missing or wrong.
    #[error("{path}: {message}")]
    Wrong {
        /// Names of elements from the root on; the place among those of the same name.
        path: String,
        /// Stable, SCREAMING_SNAKE.
        code: &'static str,
        /// For a person.
        message: &'static str,
    },
}

/// An element and where it stands.
#[derive(Clone)]
struct At<'a> {
    element: &'a Element,
    path: String,
}

impl<'a> At<'a> {
    fn wrong(&self, code: &'static str, message: &'static str) -> CamtError {
        CamtError::Wrong {
            path: self.path.clone(),
            code,
            message,
        }
    }

    /// All children of a name.
    fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = At<'a>> + 's {
        self.element
            .children
            .iter()
            .filter(move |child| child.name == name)
            .enumerate()
            .map(move |(index, element)| At {
                element,
                path: format!("{}/{name}/{index}", self.path),
            })
    }

    /// The child of a name; more than one is wrong.
    fn maybe(&self, name: &str) -> Result<Option<At<'a>>, CamtError> {
        let mut children = self.all(name);
        let first = children.next();
        if let Some(second) = children.next() {
            return Err(second.wrong("REPEATED", "is there twice"));
        }
        Ok(first.map(|first| At {
            path: format!("{}/{name}", self.path),
            ..first
        }))
    }

    /// The child of a name, which must be there.
    fn one(&self, name: &str) -> Result<At<'a>, CamtError> {
        self.maybe(name)?.ok_or_else(|| CamtError::Wrong {
            path: format!("{}/{name}", self.path),
            code: "MISSING",
            message: "is missing",
        })
    }

    /// What is at the end of a way of names, if it leads anywhere.
    fn way(&self, names: &[&str]) -> Result<Option<At<'a>>, CamtError> {
        let mut here = self.clone();
        for name in names {
            match here.maybe(name)? {
                Some(next) => here = next,
                None => return Ok(None),
            }
        }
        Ok(Some(here))
    }

    /// A text that is not blank and at most so long.
    fn text(&self, longest: usize) -> Result<String, CamtError> {
        let text = &self.element.text;
        if text.is_empty() {
            return Err(self.wrong("BLANK", "must not be blank"));
        }
        if text.chars().count() > longest {
            return Err(self.wrong("TOO_LONG", "is longer than the standard allows"));
        }
        Ok(text.clone())
    }

    /// A short text at the end of a way, if there is one that says something.
    fn reference(&self, names: &[&str]) -> Result<Option<String>, CamtError> {
        match self.way(names)? {
            Some(at) if !at.element.text.is_empty() && at.element.text != "NOTPROVIDED" => {
                at.text(SHORT).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// A day, from `Dt` or `DtTm`.
    fn day(&self) -> Result<Date, CamtError> {
        let at = match self.maybe("Dt")? {
            Some(date) => date,
            None => self.one("DtTm")?,
        };
        // `xsd:date` may have an offset behind it, `xsd:dateTime` has a time.
        let day = at.element.text.get(..10).and_then(|text| text.parse().ok());
        day.filter(|day: &Date| day.year() >= 1970)
            .ok_or_else(|| at.wrong("INVALID_DATE", "must be a date since 1970"))
    }

    fn direction(&self) -> Result<Direction, CamtError> {
        let at = self.one("CdtDbtInd")?;
        match at.element.text.as_str() {
            "CRDT" => Ok(Direction::In),
            "DBIT" => Ok(Direction::Out),
            _ => Err(at.wrong("UNKNOWN_CODE", "must be CRDT or DBIT")),
        }
    }

    /// `Amt`, which must be of a currency.
    fn amount(&self, currency: Currency) -> Result<i64, CamtError> {
        let at = self.one("Amt")?;
        if at.element.attribute("Ccy") != Some(currency.code()) {
            return Err(at.wrong("CURRENCY_MISMATCH", "is not of the account's currency"));
        }
        at.decimal(currency)
    }

    /// A plain amount: digits with a point, and no more after it than the currency has.
    fn decimal(&self, currency: Currency) -> Result<i64, CamtError> {
        let text = &self.element.text;
        let text = text.strip_prefix('+').unwrap_or(text);
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = currency.digits() as usize;
        // Zeros say nothing, however many there are.
        let fraction = match fraction.get(digits..) {
            Some(rest) if rest.bytes().all(|digit| digit == b'0') => &fraction[..digits],
            _ => fraction,
        };
        let whole = if whole.is_empty() && !fraction.is_empty() {
            "0"
        } else {
            whole
        };
        let plain = if fraction.is_empty() {
            whole.to_owned()
        } else {
            format!("{whole}.{fraction}")
        };
        match Money::parse(&plain, currency) {
            Ok(money) if money.minor >= 0 => Ok(money.minor),
            Ok(_) | Err(MoneyError::NotDecimal) => {
                Err(self.wrong("INVALID_AMOUNT", "must be a decimal number"))
            }
            Err(MoneyError::TooManyDigits) => {
                Err(self.wrong("TOO_MANY_DIGITS", "has more digits than the currency"))
            }
            Err(_) => Err(self.wrong("AMOUNT_TOO_LARGE", "is too large")),
        }
    }

    /// An amount with its direction.
    fn signed(&self, currency: Currency) -> Result<i64, CamtError> {
        let amount = self.amount(currency)?;
        Ok(match self.direction()? {
            Direction::In => amount,
            Direction::Out => -amount,
        })
    }

    fn is_true(&self, name: &str) -> Result<bool, CamtError> {
        match self.maybe(name)? {
            None => Ok(false),
            Some(at) => match at.element.text.as_str() {
                "true" | "1" => Ok(true),
                "false" | "0" => Ok(false),
                _ => Err(at.wrong("INVALID_BOOLEAN", "must be true or false")),
            },
        }
    }
}

/// Reads a document with one statement of one account.
///
/// # Errors
/// [`CamtError`]: also when the sums or counts that it names are not those of its
/// entries, or when opening balance and booked entries do not make the closing balance.
pub fn read(bytes: &[u8]) -> Result<Statement, CamtError> {
    let document = read_xml(bytes)?;
    if !is_camt_053(&document) {
        return Err(CamtError::NotAStatement);
    }
    let root = At {
        element: &document,
        path: "/Document".to_owned(),
    };
    let message = root.one("BkToCstmrStmt")?;
    let message_id = message.one("GrpHdr")?.one("MsgId")?.text(SHORT)?;
    let stated = message.one("Stmt")?;
    let (account, currency) = account(&stated)?;
    let balances = balances(&stated, currency)?;
    let mut every = Totals::default();
    let mut booked = Totals::default();
    let mut entries = Vec::new();
    for (at, number) in stated.all("Ntry").zip(1..) {
        let (direction, amount) = (at.direction()?, at.amount(currency)?);
        every.add(direction, amount);
        if !is_booked(&at)? {
            continue;
        }
        booked.add(direction, amount);
        // An entry about nothing, such as a notice, moves nothing.
        if amount > 0 {
            entries.push(entry(&at, number, direction, amount)?);
        }
    }
    check_summary(&stated, currency, &every, &booked)?;
    let statement = Statement {
        message_id,
        id: stated.one("Id")?.text(SHORT)?,
        account,
        currency,
        opening: balances.opening,
        closing: balances.closing,
        closed_on: balances.closed_on,
        entries,
    };
    if statement.adds_up() {
        Ok(statement)
    } else {
        Err(stated.wrong(
            "DOES_NOT_ADD_UP",
            "the opening balance and the booked entries do not make the closing balance",
        ))
    }
}

/// The namespace of the root, whatever its prefix, names a version from 02 on.
fn is_camt_053(document: &Element) -> bool {
    document.name == "Document"
        && document.attributes.iter().any(|(name, value)| {
            (name == "xmlns" || name.starts_with("xmlns:"))
                && value.strip_prefix(NAMESPACE).is_some_and(|version| {
                    version.len() == 2 && version.parse().is_ok_and(|v: u8| (2..=99).contains(&v))
                })
        })
}

fn account(stated: &At<'_>) -> Result<(String, Currency), CamtError> {
    let at = stated.one("Acct")?;
    let id = at.one("Id")?;
    let number = match id.maybe("IBAN")? {
        Some(iban) if is_iban(&iban.element.text) => iban.text(34)?,
        Some(iban) => return Err(iban.wrong("INVALID_IBAN", "is not an IBAN")),
        None => id.one("Othr")?.one("Id")?.text(34)?,
    };
    // The account's own, or else that of its balance.
    let code = match at.maybe("Ccy")? {
        Some(currency) => currency,
        None => {
            let balance = stated.all("Bal").next();
            let balance = balance.ok_or_else(|| missing(stated, "Bal"))?;
            let amount = balance.one("Amt")?;
            let code = amount.element.attribute("Ccy").unwrap_or_default();
            return match code.parse() {
                Ok(currency) => Ok((number, currency)),
                Err(_) => Err(amount.wrong("UNKNOWN_CURRENCY", "is of an unknown currency")),
            };
        }
    };
    match code.element.text.parse() {
        Ok(currency) => Ok((number, currency)),
        Err(_) => Err(code.wrong("UNKNOWN_CURRENCY", "is an unknown currency")),
    }
}

/// ISO 13616: two letters, two check digits, up to thirty letters and digits; the number
/// made of them leaves 1 when divided by 97 (ISO 7064).
fn is_iban(text: &str) -> bool {
    let bytes = text.as_bytes();
    if !(15..=34).contains(&bytes.len())
        || !bytes[..2].iter().all(u8::is_ascii_uppercase)
        || !bytes[2..4].iter().all(u8::is_ascii_digit)
        || !bytes.iter().all(u8::is_ascii_alphanumeric)
    {
        return false;
    }
    let rest = bytes[4..]
        .iter()
        .chain(&bytes[..4])
        .fold(0_u32, |rest, &byte| match byte {
            b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
            letter => (rest * 100 + u32::from(letter.to_ascii_uppercase() - b'A') + 10) % 97,
        });
    rest == 1
}

struct Balances {
    opening: i64,
    closing: i64,
    closed_on: Date,
}

fn balances(stated: &At<'_>, currency: Currency) -> Result<Balances, CamtError> {
    let (mut opening, mut previous, mut closing) = (None, None, None);
    for at in stated.all("Bal") {
        let code = match at.way(&["Tp", "CdOrPrtry", "Cd"])? {
            Some(code) => code.element.text.clone(),
            None => continue,
        };
        let place = match code.as_str() {
            "OPBD" => &mut opening,
            "PRCD" => &mut previous,
            "CLBD" => &mut closing,
            _ => continue,
        };
        if place.is_some() {
            return Err(at.wrong("REPEATED", "is there twice"));
        }
        *place = Some((at.signed(currency)?, at.one("Dt")?.day()?));
    }
    // What closed the statement before opens this one.
    let opening = opening.or(previous);
    match (opening, closing) {
        (Some((opening, _)), Some((closing, closed_on))) => Ok(Balances {
            opening,
            closing,
            closed_on,
        }),
        _ => Err(CamtError::Wrong {
            path: format!("{}/Bal", stated.path),
            code: "MISSING",
            message: "an opening (OPBD or PRCD) and a closing (CLBD) balance are needed",
        }),
    }
}

/// `BOOK`, as text or as a code; `PDNG` and `INFO` are no money yet.
fn is_booked(entry: &At<'_>) -> Result<bool, CamtError> {
    let status = entry.one("Sts")?;
    let code = status.maybe("Cd")?.unwrap_or(status);
    match code.element.text.as_str() {
        "BOOK" => Ok(true),
        "PDNG" | "INFO" | "FUTR" => Ok(false),
        _ => Err(code.wrong("UNKNOWN_CODE", "must be BOOK, PDNG, INFO or FUTR")),
    }
}

fn entry(at: &At<'_>, number: i32, direction: Direction, amount: i64) -> Result<Entry, CamtError> {
    let transactions: Vec<At<'_>> = at
        .all("NtryDtls")
        .flat_map(|details| details.all("TxDtls").collect::<Vec<_>>())
        .collect();
    // A batch of several says nothing about each that would be true of the whole.
    let (said, returned) = match transactions.as_slice() {
        [one] => (said(one, direction)?, one.maybe("RtrInf")?.is_some()),
        _ => (Said::default(), false),
    };
    Ok(Entry {
        number,
        direction,
        amount,
        booked_on: at.one("BookgDt")?.day()?,
        value_on: at.maybe("ValDt")?.map(|day| day.day()).transpose()?,
        is_return: at.is_true("RvslInd")? || returned,
        bank_reference: at.reference(&["AcctSvcrRef"])?,
        said,
    })
}

fn said(at: &At<'_>, direction: Direction) -> Result<Said, CamtError> {
    let (party, account) = match direction {
        Direction::In => ("Dbtr", "DbtrAcct"),
        Direction::Out => ("Cdtr", "CdtrAcct"),
    };
    let name = match at.way(&["RltdPties", party, "Nm"])? {
        Some(name) => Some(name),
        None => at.way(&["RltdPties", party, "Pty", "Nm"])?,
    };
    let number = match at.way(&["RltdPties", account, "Id", "IBAN"])? {
        Some(iban) => Some(iban),
        None => at.way(&["RltdPties", account, "Id", "Othr", "Id"])?,
    };
    let mut texts = Vec::new();
    let mut reference = None;
    if let Some(remittance) = at.maybe("RmtInf")? {
        texts.extend(
            remittance
                .all("Ustrd")
                .map(|line| line.element.text.clone())
                .filter(|line| !line.is_empty()),
        );
        for structured in remittance.all("Strd") {
            reference = reference.or(structured.reference(&["CdtrRefInf", "Ref"])?);
        }
    }
    let kept = |text: String| -> Option<String> {
        let text: String = text.chars().take(LONG).collect();
        (!text.is_empty()).then_some(text)
    };
    Ok(Said {
        end_to_end_id: at.reference(&["Refs", "EndToEndId"])?,
        transaction_id: at.reference(&["Refs", "TxId"])?,
        reference,
        text: kept(texts.join("\n")),
        party: name.and_then(|name| kept(name.element.text.clone())),
        party_account: number.and_then(|number| kept(number.element.text.clone())),
    })
}

/// Numbers and sums of entries: what came, what went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Totals {
    entries: [u64; 2],
    sums: [i128; 2],
}

impl Totals {
    fn add(&mut self, direction: Direction, amount: i64) {
        let side = usize::from(direction == Direction::Out);
        self.entries[side] += 1;
        self.sums[side] += i128::from(amount);
    }
}

/// What `TxsSummry` says has to be true: of all entries, or of those that are booked;
/// banks count in both ways.
fn check_summary(
    stated: &At<'_>,
    currency: Currency,
    every: &Totals,
    booked: &Totals,
) -> Result<(), CamtError> {
    let Some(summary) = stated.maybe("TxsSummry")? else {
        return Ok(());
    };
    let number_is = |at: &At<'_>, count: &dyn Fn(&Totals) -> u64| -> Result<(), CamtError> {
        let Some(at) = at.maybe("NbOfNtries")? else {
            return Ok(());
        };
        let given: Option<u64> = at.element.text.parse().ok();
        match given {
            Some(given) if [every, booked].iter().any(|totals| count(totals) == given) => Ok(()),
            _ => Err(at.wrong("WRONG_COUNT", "is not the number of entries")),
        }
    };
    let sum_is = |at: &At<'_>, sum: &dyn Fn(&Totals) -> i128| -> Result<(), CamtError> {
        let Some(at) = at.maybe("Sum")? else {
            return Ok(());
        };
        let given = i128::from(at.decimal(currency)?);
        if [every, booked].iter().any(|totals| sum(totals) == given) {
            Ok(())
        } else {
            Err(at.wrong("WRONG_SUM", "is not the sum of the entries"))
        }
    };
    if let Some(total) = summary.maybe("TtlNtries")? {
        number_is(&total, &|totals| totals.entries.iter().sum())?;
        sum_is(&total, &|totals| totals.sums.iter().sum())?;
    }
    for (name, side) in [("TtlCdtNtries", 0), ("TtlDbtNtries", 1)] {
        if let Some(total) = summary.maybe(name)? {
            number_is(&total, &|totals| totals.entries[side])?;
            sum_is(&total, &|totals| totals.sums[side])?;
        }
    }
    Ok(())
}

fn missing(at: &At<'_>, name: &str) -> CamtError {
    CamtError::Wrong {
        path: format!("{}/{name}", at.path),
        code: "MISSING",
        message: "is missing",
    }
}

#[cfg(test)]
mod tests;
