//! What a browser answers, as its `PublicKeyCredential.toJSON()` writes it (WebAuthn
//! Level 3, section 5.1): the members that are read, and their schema, which is made of
//! the same list. Others are passed over, because browsers add to them.

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use galen_kernel::Violations;
use serde_json::{Map, Value};
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use webauthn_rs::prelude::{PublicKeyCredential, RegisterPublicKeyCredential};
use webauthn_rs_proto::{AuthenticatorAssertionResponseRaw, AuthenticatorAttestationResponseRaw};

/// A JSON object as it came.
pub(crate) type Given = Map<String, Value>;

/// The only kind of credential there is.
const KIND: &str = "public-key";
/// Base64url without padding.
const PATTERN: &str = "^([A-Za-z0-9_-]{4})*([A-Za-z0-9_-]{2,3})?$";
/// As the pattern says; browsers leave the last bits zero, and nothing depends on it.
const BASE64URL: GeneralPurpose =
    GeneralPurpose::new(&URL_SAFE, NO_PAD.with_decode_allow_trailing_bits(true));

/// A member that holds bytes as base64url.
struct Member {
    name: &'static str,
    /// Most characters.
    longest: usize,
}

/// Credential ids have at most 1023 bytes.
const RAW_ID: Member = Member {
    name: "rawId",
    longest: 1364,
};
const CLIENT_DATA: Member = Member {
    name: "clientDataJSON",
    longest: 8192,
};
/// An attestation that nobody asked for fits, with its certificates.
const ATTESTATION: Member = Member {
    name: "attestationObject",
    longest: 24_576,
};
const AUTHENTICATOR_DATA: Member = Member {
    name: "authenticatorData",
    longest: 8192,
};
/// The longest are of RSA.
const SIGNATURE: Member = Member {
    name: "signature",
    longest: 2048,
};
/// User handles have at most 64 bytes.
const USER_HANDLE: Member = Member {
    name: "userHandle",
    longest: 86,
};

/// Reads the answer of `navigator.credentials.create()`.
pub(crate) fn registered(
    given: &Given,
    wrong: &mut Violations,
) -> Option<RegisterPublicKeyCredential> {
    let raw_id = bytes(given, "/credential", &RAW_ID, wrong);
    kind(given, wrong);
    let response = response(given, wrong)?;
    let at = "/credential/response";
    let client_data = bytes(response, at, &CLIENT_DATA, wrong);
    let attestation = bytes(response, at, &ATTESTATION, wrong);
    let raw_id = raw_id?;
    Some(RegisterPublicKeyCredential {
        id: BASE64URL.encode(&raw_id),
        raw_id,
        response: AuthenticatorAttestationResponseRaw {
            attestation_object: attestation?,
            client_data_json: client_data?,
            transports: None,
        },
        type_: KIND.to_owned(),
        extensions: Default::default(),
    })
}

/// Reads the answer of `navigator.credentials.get()`.
pub(crate) fn asserted(given: &Given, wrong: &mut Violations) -> Option<PublicKeyCredential> {
    let raw_id = bytes(given, "/credential", &RAW_ID, wrong);
    kind(given, wrong);
    let response = response(given, wrong)?;
    let at = "/credential/response";
    let client_data = bytes(response, at, &CLIENT_DATA, wrong);
    let authenticator_data = bytes(response, at, &AUTHENTICATOR_DATA, wrong);
    let signature = bytes(response, at, &SIGNATURE, wrong);
    let user_handle = bytes(response, at, &USER_HANDLE, wrong);
    let raw_id = raw_id?;
    Some(PublicKeyCredential {
        id: BASE64URL.encode(&raw_id),
        raw_id,
        response: AuthenticatorAssertionResponseRaw {
            authenticator_data: authenticator_data?,
            client_data_json: client_data?,
            signature: signature?,
            user_handle: Some(user_handle?),
        },
        extensions: Default::default(),
        type_: KIND.to_owned(),
    })
}

fn kind(given: &Given, wrong: &mut Violations) {
    let is = given.get("type").and_then(Value::as_str) == Some(KIND);
    wrong.require(
        is,
        "/credential/type",
        "INVALID_VALUE",
        "must be public-key",
    );
}

fn response<'a>(given: &'a Given, wrong: &mut Violations) -> Option<&'a Given> {
    let response = given.get("response").and_then(Value::as_object);
    wrong.require(
        response.is_some(),
        "/credential/response",
        "INVALID_TYPE",
        "must be an object",
    );
    response
}

fn bytes(given: &Given, at: &str, member: &Member, wrong: &mut Violations) -> Option<Vec<u8>> {
    let text = given.get(member.name).and_then(Value::as_str);
    let decoded = text
        .filter(|text| (2..=member.longest).contains(&text.len()))
        .and_then(|text| BASE64URL.decode(text).ok());
    wrong.require(
        decoded.is_some(),
        &format!("{at}/{}", member.name),
        "INVALID_BASE64URL",
        "must be base64url without padding, not empty and of a length that can be",
    );
    decoded
}

/// The schema of what [`registered`] reads.
pub(crate) fn registered_schema() -> Object {
    schema(&[CLIENT_DATA, ATTESTATION])
        .description(Some(
            "`PublicKeyCredential.toJSON()` of `navigator.credentials.create()` (RegistrationResponseJSON of WebAuthn).",
        ))
        .build()
}

/// The schema of what [`asserted`] reads.
pub(crate) fn asserted_schema() -> Object {
    schema(&[CLIENT_DATA, AUTHENTICATOR_DATA, SIGNATURE, USER_HANDLE])
        .description(Some(
            "`PublicKeyCredential.toJSON()` of `navigator.credentials.get()` (AuthenticationResponseJSON of WebAuthn).",
        ))
        .build()
}

fn schema(members: &[Member]) -> ObjectBuilder {
    let response = members.iter().fold(ObjectBuilder::new(), with);
    let kind = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some([KIND]));
    with(ObjectBuilder::new(), &RAW_ID)
        .property("type", kind)
        .required("type")
        .property("response", response)
        .required("response")
}

fn with(object: ObjectBuilder, member: &Member) -> ObjectBuilder {
    let text = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(2))
        .max_length(Some(member.longest))
        .pattern(Some(PATTERN));
    object.property(member.name, text).required(member.name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pointers(given: Value, read: impl Fn(&Given, &mut Violations) -> bool) -> Vec<String> {
        let mut wrong = Violations::new();
        let given = given.as_object().expect("an object");
        let is_read = read(given, &mut wrong);
        let errors = wrong.finish().err().map(|problem| problem.errors);
        assert!(is_read || errors.is_some(), "refused without a reason");
        let pointer = |error: galen_kernel::FieldError| error.pointer;
        errors.into_iter().flatten().map(pointer).collect()
    }

    #[test]
    fn everything_that_is_wrong_is_named() {
        let read = |given: &Given, wrong: &mut Violations| registered(given, wrong).is_some();
        let good = json!({
            "id": "AAAA", "rawId": "AAAA", "type": "public-key", "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": { "clientDataJSON": "AAAA", "attestationObject": "AAA", "transports": ["smart-card"] },
        });
        assert!(pointers(good, read).is_empty());
        assert_eq!(
            pointers(
                json!({ "rawId": "A", "response": { "clientDataJSON": "AA==" } }),
                read
            ),
            [
                "/credential/rawId",
                "/credential/type",
                "/credential/response/clientDataJSON",
                "/credential/response/attestationObject",
            ]
        );
        let read = |given: &Given, wrong: &mut Violations| asserted(given, wrong).is_some();
        assert_eq!(
            pointers(
                json!({ "rawId": "AAAA", "type": "public-key", "response": 1 }),
                read
            ),
            ["/credential/response"]
        );
        let long = "A".repeat(88);
        let response = json!({
            "clientDataJSON": "AAAA", "authenticatorData": "AAAA", "signature": "AAAA", "userHandle": long,
        });
        assert_eq!(
            pointers(
                json!({ "rawId": "AAAA", "type": "public-key", "response": response }),
                read
            ),
            ["/credential/response/userHandle"]
        );
    }
}
