//! Retention: old events go, unless somebody has not read them.
