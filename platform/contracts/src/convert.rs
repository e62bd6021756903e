//! Between the wire's types and the kernel's.

use galen_kernel::{Id, Timestamp};

/// Why a received message cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// A field that must be there is not.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A field does not hold what its name says.
    #[error("{0} is malformed")]
    Malformed(&'static str),
}

/// An instant as protobuf writes it.
#[must_use]
pub fn to_wire(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: at.as_second(),
        nanos: at.subsec_nanosecond(),
    }
    .normalized_or_zero()
}

trait Normalized {
    fn normalized_or_zero(self) -> Self;
}

impl Normalized for prost_types::Timestamp {
    /// Before 1970 jiff counts nanoseconds backwards, protobuf always forwards.
    fn normalized_or_zero(mut self) -> Self {
        if self.nanos < 0 {
            self.seconds -= 1;
            self.nanos += 1_000_000_000;
        }
        self
    }
}

/// Reads an instant.
///
/// # Errors
/// When it is absent or out of range.
pub fn instant(
    field: &'static str,
    at: Option<&prost_types::Timestamp>,
) -> Result<Timestamp, WireError> {
    let at = at.ok_or(WireError::Missing(field))?;
    Timestamp::new(at.seconds, at.nanos).map_err(|_| WireError::Malformed(field))
}

/// Reads an id.
///
/// # Errors
/// When it is not a UUID.
pub fn id<K>(field: &'static str, text: &str) -> Result<Id<K>, WireError> {
    text.parse().map_err(|_| WireError::Malformed(field))
}

/// Reads an id that may be empty.
///
/// # Errors
/// When it is neither empty nor a UUID.
pub fn optional_id<K>(field: &'static str, text: &str) -> Result<Option<Id<K>>, WireError> {
    if text.is_empty() {
        Ok(None)
    } else {
        id(field, text).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_before_1970_survive() {
        let at: Timestamp = "1956-11-05T15:45:03.663836Z"
            .parse()
            .unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(instant("at", Some(&to_wire(at))).ok(), Some(at));
        assert!(to_wire(at).nanos >= 0);
    }
}
