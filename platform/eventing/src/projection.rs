//! Projections: read models that can be dropped and rebuilt from the log.

use crate::subscription::Definition;

/// A read model in tables of the service's own schema, fed by one subscription.
///
/// Its tables are written by its handlers only, which name them without a schema and
/// use no identity columns; nothing but its own tables refers to them.
pub struct Projection {
    pub(crate) subscription: Definition,
    pub(crate) tables: &'static [&'static str],
}

impl Projection {
    /// A projection made of these tables, those that others refer to first; the
    /// subscription's group is its name.
    #[must_use]
    pub const fn new(subscription: Definition, tables: &'static [&'static str]) -> Self {
        Self {
            subscription,
            tables,
        }
    }
}
