//! Enums that are stored and sent as a fixed code.

/// Declares an enum whose variants have one code in SQL, in JSON and in the schema.
/// (`tt` and not `literal`: the schema's macro sees through the former only.)
macro_rules! codes {
    (
        $(#[$meta:meta])*
        $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $code:tt,)+ }
    ) => {
        $(#[$meta])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord,
            serde::Serialize, serde::Deserialize, utoipa::ToSchema,
        )]
        pub enum $name {
            $($(#[$variant_meta])* #[serde(rename = $code)] $variant,)+
        }

        impl $name {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Its code.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)+
                }
            }

            /// The one with this code.
            #[must_use]
            pub fn read(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.code() == code)
            }
        }
    };
}

pub(crate) use codes;

#[cfg(test)]
mod tests {
    use utoipa::PartialSchema;

    use crate::message::Status;
    use crate::message::model::{AttemptOutcome, ServiceType};
    use crate::message::plan::SkipReason;
    use crate::template::{Category, Channel, TemplateName};

    fn documented<T: PartialSchema>() -> Vec<String> {
        let schema = serde_json::to_value(T::schema()).expect("plain data");
        serde_json::from_value(schema["enum"].clone()).expect("a list of codes")
    }

    macro_rules! documented_as_stored {
        ($($name:ident),+) => {
            $(
                let stored: Vec<_> = $name::ALL.iter().map(|one| one.code()).collect();
                assert_eq!(documented::<$name>(), stored);
                for one in $name::ALL {
                    assert_eq!($name::read(one.code()), Some(*one));
                    assert_eq!(serde_json::to_value(one).ok(), Some(one.code().into()));
                }
            )+
        };
    }

    #[test]
    fn a_code_is_the_same_in_sql_in_json_and_in_the_schema() {
        documented_as_stored!(
            AttemptOutcome,
            Category,
            Channel,
            ServiceType,
            SkipReason,
            Status,
            TemplateName
        );
    }
}
