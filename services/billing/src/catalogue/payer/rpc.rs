//! What other services may ask: `galen.billing.v1.PayerDirectory`.

use std::sync::Arc;

use galen_contracts::billing::v1::payer_directory_server::PayerDirectory;
use galen_contracts::billing::v1::{GetPayerRequest, GetPayerResponse};
use galen_contracts::convert;
use galen_kernel::Problem;
use galen_service::rpc::status;
use tonic::{Request, Response, Status};

use super::{Payer, PayerError, PayerId, store};
use crate::Billing;

/// Knows who pays besides patients.
#[derive(Clone)]
pub struct Payers(pub Arc<Billing>);

impl Payers {
    async fn payer(&self, id: &str) -> Result<Payer, Problem> {
        let id: PayerId = convert::id("payer_id", id).map_err(|_| PayerError::Unknown)?;
        let payer = store::get(self.0.db.pool(), id).await?;
        Ok(payer.ok_or(PayerError::Unknown)?)
    }
}

#[tonic::async_trait]
impl PayerDirectory for Payers {
    async fn get_payer(
        &self,
        request: Request<GetPayerRequest>,
    ) -> Result<Response<GetPayerResponse>, Status> {
        let payer = self.payer(&request.get_ref().payer_id).await;
        let payer = payer.map_err(status)?;
        Ok(Response::new(GetPayerResponse {
            payer_id: payer.id.to_string(),
            active: payer.active,
        }))
    }
}
