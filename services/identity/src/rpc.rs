//! What other services may ask identity, over gRPC.

use std::sync::Arc;

use galen_contracts::identity::v1::accounts_server::{Accounts, AccountsServer};
use galen_contracts::identity::v1::{MintCredentialLinkRequest, MintCredentialLinkResponse};
use galen_service::audit::disclose;
use galen_service::rpc;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use crate::Identity;
use crate::link::mint::{self, MintError, Minted};

/// Answers [`Accounts`].
struct Answers(Arc<Identity>);

/// The gRPC services of identity.
pub(crate) fn routes(identity: &Arc<Identity>) -> Routes {
    Routes::new(AccountsServer::new(Answers(Arc::clone(identity))))
}

#[tonic::async_trait]
impl Accounts for Answers {
    async fn mint_credential_link(
        &self,
        request: Request<MintCredentialLinkRequest>,
    ) -> Result<Response<MintCredentialLinkResponse>, Status> {
        let id = request
            .get_ref()
            .link_id
            .parse()
            .map_err(|_| Status::invalid_argument("link_id is not an id"))?;
        match mint::mint(&self.0.db, id).await {
            Ok(minted) => Ok(disclose("credential-links", id, answer(&self.0, minted))),
            Err(MintError::Unknown) => Err(Status::not_found("UNKNOWN_LINK")),
            Err(MintError::Closed) => Err(Status::failed_precondition("LINK_CLOSED")),
            Err(MintError::Storage(error)) => Err(rpc::status(error.into())),
        }
    }
}

/// The secret is in the fragment, which browsers do not send and servers do not log.
fn answer(identity: &Identity, minted: Minted) -> MintCredentialLinkResponse {
    MintCredentialLinkResponse {
        url: format!(
            "{}/{}#token={}",
            identity.public_url,
            minted.purpose.page(),
            minted.secret.expose()
        ),
        email: minted
            .email
            .map(galen_kernel::Pii::into_inner)
            .unwrap_or_default(),
        username: minted.username.into_inner(),
    }
}
