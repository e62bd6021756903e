//! The simulator's webhooks: signed as a real provider's are, and put through the same
//! door. Some are late, some come twice, and none waits for those before it.

use std::sync::Arc;
use std::time::Duration;

use galen_kernel::Problem;
use galen_service::Job;
use http::{HeaderMap, HeaderValue};
use uuid::Uuid;

use super::{Letter, Simulator, store};
use crate::provider::order::pursue::Pursuit;

/// How often the box is emptied.
const EVERY: Duration = Duration::from_secs(1);
/// Letters at a time.
const MOST: i64 = 200;

/// Posts what is due, every second.
pub(crate) fn job(simulator: &Arc<Simulator>, pursuit: &Pursuit) -> Job {
    let (simulator, pursuit) = (Arc::clone(simulator), pursuit.clone());
    Job::new("securepay.simulated_provider", EVERY, move || {
        let (simulator, pursuit) = (Arc::clone(&simulator), pursuit.clone());
        async move { simulator.post(&pursuit).await }
    })
}

impl Simulator {
    /// Posts what is due; returns how many letters that was.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn post(&self, pursuit: &Pursuit) -> Result<u64, Problem> {
        let mut tx = self.db.begin().await?;
        let due = store::take_webhooks(tx.conn(), self.clock().now(), MOST).await?;
        tx.commit().await?;
        for reference in &due {
            let (headers, body) = self.letter(*reference);
            match pursuit.receive(&headers, &body).await {
                Ok(()) => {}
                Err(error) => tracing::warn!(%error, "a simulated webhook is refused"),
            }
        }
        Ok(due.len() as u64)
    }

    /// A webhook about an order, as it is sent.
    #[must_use]
    pub fn letter(&self, reference: Uuid) -> (HeaderMap, Vec<u8>) {
        let body = serde_json::to_vec(&Letter { reference }).expect("a letter is plain data");
        let id = self.clock().uuid().to_string();
        let headers = self
            .secret
            .sign(&id, self.clock().now(), &body)
            .into_iter()
            .map(|(name, text)| {
                let value = HeaderValue::from_str(&text).expect("digits and base64");
                (name, value)
            })
            .collect();
        (headers, body)
    }
}
