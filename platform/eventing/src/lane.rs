//! Lanes: retries and dead letters, in order per key.
