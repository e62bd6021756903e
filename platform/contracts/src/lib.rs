//! What services say to each other: gRPC services, events and their registry,
//! generated from `proto/` and committed (see `tests/contracts.rs`).

#![warn(missing_docs)]

pub mod convert;
pub mod ids;
pub mod registry;

pub use registry::{Event, EventType};

/// Every descriptor, so that stored bytes can be read as JSON.
pub const DESCRIPTORS: &[u8] = include_bytes!("generated/descriptors.bin");

macro_rules! generated {
    ($context:ident, $file:literal) => {
        #[doc = concat!("Contracts of the ", stringify!($context), " context.")]
        pub mod $context {
            /// Version 1.
            #[expect(
                missing_docs,
                reason = "generated from proto/, which holds the documentation"
            )]
            pub mod v1 {
                include!(concat!("generated/", $file));
            }
        }
    };
}

generated!(billing, "galen.billing.v1.rs");
generated!(identity, "galen.identity.v1.rs");
generated!(notifications, "galen.notifications.v1.rs");
generated!(patients, "galen.patients.v1.rs");
generated!(scheduling, "galen.scheduling.v1.rs");
generated!(securepay, "galen.securepay.v1.rs");
generated!(staff, "galen.staff.v1.rs");
