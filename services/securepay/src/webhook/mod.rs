//! What other systems are told of payments, after the Standard Webhooks convention.
//!
//! Every event of the service's own topic becomes one *delivery* for each *endpoint* that
//! wants its type, in the transaction that moves the cursor of the subscription: exactly
//! once, and none without the event. A delivery is posted until it is answered with 2xx,
//! signed with every secret of its endpoint that is still good. A process that ends
//! between sending and writing that down sends again, with the same `webhook-id`: that is
//! what receivers tell repetitions by. Order is not promised.
//!
//! | What | Where |
//! |---|---|
//! | who is told | `endpoint` |
//! | what there is to tell | `message` |
//! | signatures and secrets | `signature` |
//! | telling it, again and again | `delivery` |
//! | where may be posted to | `address` |
//! | the client | `web` |

pub(crate) mod address;
pub(crate) mod delivery;
pub(crate) mod endpoint;
pub(crate) mod message;
pub(crate) mod settings;
pub(crate) mod signature;
pub(crate) mod web;

use std::sync::Arc;
use std::time::Duration;

use galen_eventing::{Subscription, subscription};
use galen_service::{Job, Platform, StartError};
use galen_vault::SealedColumn;
use tokio::sync::Notify;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::SecurePay;
use delivery::enqueue::Listener;
use delivery::send::Sender;
use settings::Settings;

/// How often deliveries are looked for whose time has come; new ones ring.
const TICK: Duration = Duration::from_secs(1);
/// How often the queue is measured.
const MEASURE: Duration = Duration::from_secs(15);
/// How often what ended long ago is forgotten.
const FORGET: Duration = Duration::from_secs(3600);

/// Its sealed columns.
pub(crate) const SEALED: &[SealedColumn] = endpoint::store::SEALED;

/// What the parts share.
pub(crate) struct Webhooks {
    pub(crate) settings: Settings,
    /// Rings when there is something to send.
    pub(crate) bell: Arc<Notify>,
    sender: Arc<Sender>,
}

impl Webhooks {
    /// Reads the settings and prepares the client.
    pub(crate) fn start(platform: &Platform) -> Result<Self, StartError> {
        delivery::measure::describe();
        let settings = Settings::read(&platform.config)?;
        let bell = Arc::new(Notify::new());
        let sender =
            Sender::new(platform, settings, Arc::clone(&bell)).map_err(|e| StartError::Other {
                what: "preparing the client of webhooks".to_owned(),
                source: Box::new(e),
            })?;
        Ok(Self {
            settings,
            bell,
            sender: Arc::new(sender),
        })
    }
}

/// Its part of the API.
pub(crate) fn routes() -> OpenApiRouter<Arc<SecurePay>> {
    OpenApiRouter::new()
        .routes(routes!(endpoint::list::list, endpoint::create::create))
        .routes(routes!(
            endpoint::get::get,
            endpoint::change::change,
            endpoint::delete::delete
        ))
        .routes(routes!(endpoint::rotate::rotate))
        .routes(routes!(endpoint::try_out::try_out))
        .routes(routes!(delivery::list::list))
        .routes(routes!(delivery::get::get))
        .routes(routes!(delivery::retry::retry))
}

/// What it hears: all that the service says itself.
pub(crate) fn subscriptions(s: &Arc<SecurePay>) -> Vec<subscription::Definition> {
    let listener = Arc::new(Listener {
        bell: Arc::clone(&s.webhooks.bell),
    });
    vec![
        Subscription::new("securepay.webhooks", listener)
            .in_batches(&message::HEARD)
            .build(),
    ]
}

/// Its work.
pub(crate) fn jobs(s: &Arc<SecurePay>) -> Vec<Job> {
    let sender = Arc::clone(&s.webhooks.sender);
    let (measured, forgotten) = (Arc::clone(s), Arc::clone(s));
    vec![
        Job::new("securepay.webhooks.send", TICK, move || {
            let sender = Arc::clone(&sender);
            async move { sender.send_due().await }
        })
        .woken_by(Arc::clone(&s.webhooks.bell)),
        Job::new("securepay.webhooks.measure", MEASURE, move || {
            let s = Arc::clone(&measured);
            async move { delivery::measure::measure(&s.db, s.clock.now()).await }
        }),
        Job::new("securepay.webhooks.forget", FORGET, move || {
            let s = Arc::clone(&forgotten);
            async move { delivery::forget::forget(&s.db, s.clock.now()).await }
        }),
    ]
}
