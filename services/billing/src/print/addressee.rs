//! Who a document is for. Billing keeps no names: they are asked for when it is printed.

use galen_contracts::ids::PatientId;
use galen_contracts::patients::v1::GetContactRequest;
use galen_kernel::Problem;
use galen_service::PeerError;
use galen_service::rpc::ask;

use crate::Billing;

/// A patient, as documents name them. Personal: has no `Debug`.
#[derive(Clone)]
pub struct Addressee {
    /// As on an envelope.
    pub lines: Vec<String>,
    /// The number that people know the record by; of somebody who was erased, none.
    pub number: Option<String>,
}

impl Addressee {
    /// Asks for somebody. Of those whose data were erased there is nothing to say.
    ///
    /// # Errors
    /// When nobody answered.
    pub async fn ask(billing: &Billing, patient: PatientId) -> Result<Self, Problem> {
        let mut client = billing.patients.clone();
        let question = GetContactRequest {
            patient_id: patient.to_string(),
        };
        let asked = ask("patients", question, |request| async move {
            client.get_contact(request).await
        });
        let contact = match asked.await {
            Ok(contact) => contact,
            Err(PeerError::NotFound { .. } | PeerError::FailedPrecondition { .. }) => {
                return Ok(Self {
                    lines: Vec::new(),
                    number: None,
                });
            }
            Err(error) => return Err(error.into()),
        };
        let name = format!("{} {}", contact.given_name, contact.family_name);
        let lines = std::iter::once(name).chain(contact.address_lines);
        let lines = lines.map(|line| line.trim().to_owned());
        Ok(Self {
            lines: lines.filter(|line| !line.is_empty()).collect(),
            number: Some(contact.mrn).filter(|number| !number.is_empty()),
        })
    }
}
