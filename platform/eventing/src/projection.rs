//! Projections: read models that can be dropped and rebuilt from the log.

use std::sync::Arc;

use futures::future::BoxFuture;
use galen_storage::{Error, Tx};

use crate::subscription::Definition;

/// A read model in tables of the service's own schema, fed by one subscription.
pub struct Projection {
    pub(crate) subscription: Definition,
    pub(crate) reset: Arc<dyn Reset>,
}

pub(crate) trait Reset: Send + Sync {
    fn reset<'a>(&'a self, tx: &'a mut Tx) -> BoxFuture<'a, Result<(), Error>>;
}

struct Truncate(&'static [&'static str]);

impl Reset for Truncate {
    fn reset<'a>(&'a self, tx: &'a mut Tx) -> BoxFuture<'a, Result<(), Error>> {
        let _ = (&self.0, tx);
        Box::pin(async { todo!() })
    }
}

impl Projection {
    /// A projection made of these tables; the subscription's group is its name.
    #[must_use]
    pub fn new(subscription: Definition, tables: &'static [&'static str]) -> Self {
        Self {
            subscription,
            reset: Arc::new(Truncate(tables)),
        }
    }
}
