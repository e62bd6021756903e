//! Closed sets of words that are the same in Rust, in JSON and in the database.

/// Declares an enum whose variants have one name on the wire and in the database:
/// `name()` gives it, `from_name()` reads it. The name is taken as a token, not as a
/// literal, so that the derives see it as if it stood in the source.
macro_rules! named {
    ($(#[$meta:meta])* pub enum $type:ident { $($(#[$doc:meta])* $variant:ident = $name:tt,)+ }) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        $(#[$meta])*
        pub enum $type {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)+
        }

        impl $type {
            /// Every one of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The name in the database and on the wire.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// Reads the name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.name() == name)
            }
        }
    };
}
pub(crate) use named;

#[cfg(test)]
mod tests {
    use utoipa::PartialSchema as _;

    use crate::duplicate::Reason;

    #[test]
    fn a_word_is_the_same_everywhere() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_name(reason.name()), Some(*reason));
            assert_eq!(
                serde_json::to_value(reason).ok(),
                Some(serde_json::json!(reason.name()))
            );
        }
        assert_eq!(Reason::from_name("same_name"), None);
        let names: Vec<&str> = Reason::ALL.iter().map(|reason| reason.name()).collect();
        let schema = serde_json::to_value(Reason::schema()).expect("a schema is data");
        assert_eq!(schema["enum"], serde_json::json!(names));
    }
}
