//! The document of two small services.

use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::*;
use crate::PageView;

#[derive(serde::Serialize, ToSchema)]
struct Note {
    text: String,
}

mod other {
    #[derive(serde::Serialize, utoipa::ToSchema)]
    pub(super) struct Note {
        number: i32,
    }

    /// Login.
    #[utoipa::path(post, path = "/login", security(()), responses((status = 200, body = Note)), tag = "other")]
    pub(super) async fn login() {}
}

/// Lists notes.
#[utoipa::path(get, path = "/notes", responses((status = 200, body = PageView<Note>)), tag = "notes")]
async fn list() {}

/// Changes a note.
#[utoipa::path(patch, path = "/notes/{id}", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = Note), (status = 409, description = "Ours.")), tag = "notes")]
async fn change() {}

/// Pays for a note.
#[utoipa::path(post, path = "/notes/{id}/pay", params(("id" = uuid::Uuid, Path), crate::RequiredKey), responses((status = 200, body = Note)), tag = "notes")]
async fn pay() {}

fn document() -> Value {
    let (_, notes) = OpenApiRouter::<()>::new()
        .routes(routes!(list))
        .routes(routes!(pay))
        .routes(routes!(change))
        .split_for_parts();
    let (_, other) = OpenApiRouter::<()>::new()
        .routes(routes!(other::login))
        .split_for_parts();
    merge([("notes", notes), ("other", other)])
}

#[test]
fn every_operation_is_completed() {
    let document = document();
    let list = &document["paths"]["/api/v1/notes"]["get"];
    assert_eq!(list["operationId"], "getNotes");
    assert_eq!(list["security"], json!([{ "bearer": [] }]));
    assert_eq!(
        list["responses"]["401"],
        json!({ "$ref": "#/components/responses/Problem401" })
    );
    assert_eq!(list["responses"].get("409"), None);

    let change = &document["paths"]["/api/v1/notes/{id}"]["patch"];
    assert_eq!(change["operationId"], "patchNotesById");
    assert_eq!(change["responses"]["409"]["description"], "Ours.");
    assert_eq!(change["responses"]["409"]["content"], problem_content());
    let parameters = change["parameters"].as_array().unwrap();
    assert!(parameters.contains(&json!({ "$ref": "#/components/parameters/IfMatch" })));
    assert_eq!(
        change["responses"]["200"]["headers"]["ETag"],
        json!({ "$ref": "#/components/headers/ETag" })
    );
}

#[test]
fn an_operation_without_credentials_says_so() {
    let login = &document()["paths"]["/api/v1/login"]["post"];
    assert_eq!(login["security"], json!([]));
    assert_eq!(login["responses"].get("401"), None);
}

#[test]
fn an_operation_that_needs_a_key_says_so_once() {
    let document = document();
    let key = |path: &str| {
        let operation = &document["paths"][path]["post"];
        let parameters = operation["parameters"].as_array().unwrap();
        let shared = json!({ "$ref": "#/components/parameters/IdempotencyKey" });
        let own = parameters.iter().find(|p| p["name"] == "Idempotency-Key");
        (
            parameters.contains(&shared),
            own.map(|own| (own["in"].clone(), own["required"].clone())),
        )
    };
    assert_eq!(key("/api/v1/login"), (true, None));
    assert_eq!(
        key("/api/v1/notes/{id}/pay"),
        (false, Some((json!("header"), json!(true))))
    );
}

#[test]
fn two_things_of_the_same_name_are_kept_apart() {
    let document = document();
    assert!(
        document["components"]["schemas"]["Note"]["properties"]
            .get("text")
            .is_some()
    );
    assert!(
        document["components"]["schemas"]["Other_Note"]["properties"]
            .get("number")
            .is_some()
    );
    let login = &document["paths"]["/api/v1/login"]["post"]["responses"]["200"]["content"]["application/json"]
        ["schema"];
    assert_eq!(login["$ref"], "#/components/schemas/Other_Note");
}

#[test]
fn a_page_names_its_items_and_always_has_a_cursor() {
    let document = document();
    let page = &document["components"]["schemas"]["NotePage"];
    assert_eq!(page["required"], json!(["items", "nextCursor"]));
    assert_eq!(
        page["properties"]["items"]["items"],
        json!({ "$ref": "#/components/schemas/Note" })
    );
    let list = &document["paths"]["/api/v1/notes"]["get"]["responses"]["200"]["content"]["application/json"]
        ["schema"];
    assert_eq!(*list, json!({ "$ref": "#/components/schemas/NotePage" }));
}

#[test]
fn every_reference_leads_somewhere() {
    fn follow(value: &Value, document: &Value) {
        match value {
            Value::Object(members) => {
                if let Some(target) = members.get("$ref").and_then(Value::as_str) {
                    let pointer = target.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{target}");
                }
                members.values().for_each(|member| follow(member, document));
            }
            Value::Array(items) => items.iter().for_each(|item| follow(item, document)),
            _ => {}
        }
    }
    let document = document();
    follow(&document, &document);
}
