//! What the API document says of identity.

use galen_service::Service as _;

use crate::hospital::Hospital;

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_of_the_contract_is_served_and_documented() {
    let hospital = Hospital::open().await;
    let (_, document) = hospital.identity.rest().split_for_parts();
    let document = serde_json::to_value(&document).expect("a document");
    for (method, path) in [
        ("post", "/auth/register"),
        ("post", "/auth/login"),
        ("post", "/auth/refresh"),
        ("post", "/auth/logout"),
        ("post", "/auth/password/forgot"),
        ("post", "/auth/password/reset"),
        ("post", "/auth/password/set"),
        ("post", "/auth/magic-link"),
        ("post", "/auth/magic-link/consume"),
        ("get", "/auth/directory"),
        ("post", "/auth/directory/start"),
        ("post", "/auth/directory/callback"),
        ("post", "/users/{id}/directory-identity"),
        ("delete", "/users/{id}/directory-identity"),
        ("get", "/auth/me"),
        ("get", "/auth/sessions"),
        ("delete", "/auth/sessions/{id}"),
        ("get", "/auth/jwks.json"),
        ("get", "/users"),
        ("post", "/users"),
        ("get", "/users/{id}"),
        ("patch", "/users/{id}"),
        ("get", "/roles"),
        ("post", "/roles"),
        ("put", "/roles/{name}"),
        ("get", "/oauth-clients"),
        ("post", "/oauth-clients"),
        ("get", "/oauth-clients/{id}"),
        ("patch", "/oauth-clients/{id}"),
        ("delete", "/oauth-clients/{id}"),
    ] {
        let operation = &document["paths"][path][method];
        assert_eq!(operation["tags"][0], "identity", "{method} {path}");
    }
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["Register"]["additionalProperties"], false);
    assert_eq!(schemas["Addressee"]["minProperties"], 1);
    assert_eq!(
        schemas["Register"]["properties"]["password"]["minLength"],
        8
    );
    assert_eq!(
        schemas["UserView"]["properties"]["roles"]["items"]["pattern"],
        "^[A-Z][A-Z0-9_]{2,39}$"
    );
}
