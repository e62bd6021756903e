//! One OpenAPI 3.1 document of everything that is served.
//!
//! Services document what is theirs: paths, bodies, the status of success. What is
//! the same everywhere is added here: addresses below `/api/v1`, security, the
//! headers of idempotency and concurrency, and the problems any operation can
//! answer with. An operation without credentials says so with `security(())` in its
//! `#[utoipa::path]`.

use serde_json::{Map, Value, json};

/// Where services' paths begin.
pub(crate) const BASE: &str = "/api/v1";

const METHODS: &[&str] = &[
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

/// Statuses that any operation can answer with.
const ALWAYS: &[(&str, &str)] = &[
    (
        "400",
        "Malformed or invalid; `errors` points at the fields.",
    ),
    (
        "404",
        "There is no such thing, or none that the caller may know of.",
    ),
    (
        "429",
        "Too many requests; try again after `Retry-After` seconds.",
    ),
    ("500", "A bug; the operator finds it by `traceId`."),
    (
        "503",
        "A part of the system did not answer; try again after `Retry-After` seconds.",
    ),
    ("504", "A part of the system did not answer in time."),
];
/// Statuses of operations that need an access token.
const WITH_TOKEN: &[(&str, &str)] = &[
    ("401", "Valid credentials are required."),
    ("403", "The caller's roles do not allow it."),
];
/// Statuses of operations that change something.
const WRITING: &[(&str, &str)] = &[
    ("409", "Conflicts with the current state; `code` says how."),
    ("412", "`If-Match` names an older version."),
    ("413", "The body is too large."),
    ("415", "The body is not JSON."),
    ("422", "The idempotency key was used for another request."),
    ("428", "The operation needs `If-Match`."),
];

/// Completes and merges the documents of services.
pub(crate) fn merge(
    documents: impl IntoIterator<Item = (&'static str, utoipa::openapi::OpenApi)>,
) -> Value {
    let (mut paths, mut schemas) = (Map::new(), Map::new());
    for (service, document) in documents {
        let mut document = serde_json::to_value(document).expect("a document is plain data");
        name_pages(&mut document);
        // Two services may call different things the same.
        let own = document
            .pointer("/components/schemas")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        for (name, schema) in own {
            if schemas.get(&name).is_some_and(|known| *known != schema) {
                rename(
                    &mut document,
                    &name,
                    &format!("{}_{name}", capitalised(service)),
                );
            }
        }
        schemas.extend(take_object(&mut document, "/components/schemas"));
        for (path, mut item) in take_object(&mut document, "/paths") {
            let path = format!("{BASE}{path}");
            for method in METHODS {
                if let Some(operation) = item.get_mut(*method).and_then(Value::as_object_mut) {
                    complete(service, method, &path, operation);
                }
            }
            paths.insert(path, item);
        }
    }
    schemas.insert("Problem".to_owned(), problem_schema());
    schemas.insert("FieldError".to_owned(), field_error_schema());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Galen",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The public API of a hospital. Errors are problem details (RFC 9457); ids are UUIDs; instants are RFC 3339; intervals are half-open.",
            "license": { "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "bearer": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": problem_responses(),
            "headers": headers(),
            "parameters": parameters(),
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
            },
        },
    })
}

/// Pages of lists as schemas that a person would write: `NotePage` instead of
/// `PageView_Note`, with a reference to the item instead of a copy.
fn name_pages(document: &mut Value) {
    const GENERIC: &str = "PageView_";
    let schemas = document
        .pointer("/components/schemas")
        .and_then(Value::as_object);
    let names: Vec<String> = schemas
        .into_iter()
        .flatten()
        .map(|(name, _)| name.clone())
        .collect();
    for page in &names {
        let Some(item) = page
            .strip_prefix(GENERIC)
            .filter(|item| names.iter().any(|name| name == item))
        else {
            continue;
        };
        if let Some(items) = document.pointer_mut(&format!(
            "/components/schemas/{page}/properties/items/items"
        )) {
            *items = json!({ "$ref": reference(item) });
        }
        rename(document, page, &format!("{item}Page"));
    }
}

fn take_object(document: &mut Value, pointer: &str) -> Map<String, Value> {
    match document.pointer_mut(pointer).map(Value::take) {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

/// Gives a schema another name, and follows it wherever it is referred to.
fn rename(document: &mut Value, from: &str, to: &str) {
    let schemas = document
        .pointer_mut("/components/schemas")
        .and_then(Value::as_object_mut);
    if let Some(schemas) = schemas
        && let Some(schema) = schemas.remove(from)
    {
        schemas.insert(to.to_owned(), schema);
    }
    redirect(document, &reference(from), &reference(to));
}

fn redirect(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(target) if name == "$ref" && target == from => {
                        to.clone_into(target)
                    }
                    member => redirect(member, from, to),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| redirect(item, from, to)),
        _ => {}
    }
}

fn reference(schema: &str) -> String {
    format!("#/components/schemas/{schema}")
}

/// Adds to an operation what every operation has.
fn complete(service: &str, method: &str, path: &str, operation: &mut Map<String, Value>) {
    operation.insert("operationId".to_owned(), operation_id(method, path).into());
    operation.entry("tags").or_insert_with(|| json!([service]));

    let public = operation
        .get("security")
        .is_some_and(|security| *security == json!([{}]));
    if public {
        operation.insert("security".to_owned(), json!([]));
    } else {
        operation.insert("security".to_owned(), json!([{ "bearer": [] }]));
    }

    let writes = matches!(method, "post" | "put" | "patch" | "delete");
    if let Some(parameters) = operation
        .entry("parameters")
        .or_insert_with(|| json!([]))
        .as_array_mut()
    {
        // Operations that need a key document it themselves.
        let key = |parameter: &Value| parameter["name"] == "Idempotency-Key";
        if method == "post" && !parameters.iter().any(key) {
            parameters.push(json!({ "$ref": "#/components/parameters/IdempotencyKey" }));
        }
        if writes && path.contains('{') {
            parameters.push(json!({ "$ref": "#/components/parameters/IfMatch" }));
        }
    }

    let Some(responses) = operation
        .entry("responses")
        .or_insert_with(|| json!({}))
        .as_object_mut()
    else {
        return;
    };
    for (status, response) in responses.iter_mut() {
        let Some(response) = response.as_object_mut().filter(|_| status.starts_with('2')) else {
            continue;
        };
        let Some(headers) = response
            .entry("headers")
            .or_insert_with(|| json!({}))
            .as_object_mut()
        else {
            continue;
        };
        let always = ["X-Request-Id", "traceresponse"];
        let versioned = ["ETag", "Location", "Idempotency-Replayed"]
            .into_iter()
            .filter(|_| writes);
        let etag = ["ETag"]
            .into_iter()
            .filter(|_| method == "get" && path.ends_with('}'));
        for name in always.into_iter().chain(versioned).chain(etag) {
            headers
                .entry(name)
                .or_insert_with(|| json!({ "$ref": format!("#/components/headers/{name}") }));
        }
    }
    // Whatever an operation refuses with in its own words, it is a problem.
    let refusals = responses
        .iter_mut()
        .filter(|(status, _)| status.starts_with('4'));
    for refusal in refusals.filter_map(|(_, response)| response.as_object_mut()) {
        refusal.entry("content").or_insert_with(problem_content);
    }
    let problems = ALWAYS
        .iter()
        .chain(WITH_TOKEN.iter().filter(|_| !public))
        .chain(WRITING.iter().filter(|_| writes));
    for (status, _) in problems {
        let problem = json!({ "$ref": format!("#/components/responses/Problem{status}") });
        match responses.get_mut(*status) {
            // A service may describe a status in its own words; the body is the same.
            Some(own) => {
                if let Some(own) = own.as_object_mut() {
                    own.entry("content").or_insert_with(problem_content);
                }
            }
            None => {
                responses.insert((*status).to_owned(), problem);
            }
        }
    }
}

/// `POST /api/v1/appointments/{id}/cancel` is `postAppointmentsByIdCancel`: unique,
/// because method and path are.
fn operation_id(method: &str, path: &str) -> String {
    let mut id = method.to_owned();
    for segment in path
        .strip_prefix(BASE)
        .unwrap_or(path)
        .split(['/', '-', '.', '_'])
    {
        match segment
            .strip_prefix('{')
            .and_then(|name| name.strip_suffix('}'))
        {
            Some(name) => {
                id.push_str("By");
                id.push_str(&capitalised(name));
            }
            None => id.push_str(&capitalised(segment)),
        }
    }
    id
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

fn problem_content() -> Value {
    json!({ "application/problem+json": { "schema": { "$ref": reference("Problem") } } })
}

fn problem_responses() -> Value {
    let response = |&(status, description): &(&str, &str)| {
        let headers = match status {
            "401" => {
                json!({ "WWW-Authenticate": { "$ref": "#/components/headers/WWW-Authenticate" } })
            }
            "409" | "429" | "503" | "504" => {
                json!({ "Retry-After": { "$ref": "#/components/headers/Retry-After" } })
            }
            _ => json!({}),
        };
        (
            format!("Problem{status}"),
            json!({ "description": description, "headers": headers, "content": problem_content() }),
        )
    };
    ALWAYS
        .iter()
        .chain(WITH_TOKEN)
        .chain(WRITING)
        .map(response)
        .collect::<Map<_, _>>()
        .into()
}

fn problem_schema() -> Value {
    json!({
        "type": "object",
        "description": "Problem details (RFC 9457).",
        "required": ["type", "title", "status", "code"],
        "properties": {
            "type": { "type": "string", "format": "uri-reference", "description": "A page that explains the problem." },
            "title": { "type": "string" },
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "detail": { "type": "string" },
            "code": { "type": "string", "pattern": "^[A-Z][A-Z0-9_]*$", "description": "Stable; for programs." },
            "traceId": { "type": "string", "pattern": "^[0-9a-f]{32}$" },
            "errors": { "type": "array", "items": { "$ref": reference("FieldError") } },
        },
    })
}

fn field_error_schema() -> Value {
    json!({
        "type": "object",
        "required": ["pointer", "code", "message"],
        "properties": {
            "pointer": { "type": "string", "description": "RFC 6901 pointer into the body, or `?name` for a query parameter." },
            "code": { "type": "string", "pattern": "^[A-Z][A-Z0-9_]*$" },
            "message": { "type": "string" },
        },
    })
}

fn headers() -> Value {
    let text =
        |description: &str| json!({ "description": description, "schema": { "type": "string" } });
    json!({
        "X-Request-Id": text("The request's id: the client's own, or a new one."),
        "traceresponse": text("The step of the W3C trace that answered."),
        "ETag": text("The version, for `If-Match`."),
        "Location": text("Where the new resource is."),
        "Idempotency-Replayed": text("`true` when this is the stored answer of an earlier request."),
        "WWW-Authenticate": text("`Bearer`."),
        "Retry-After": { "description": "Seconds.", "schema": { "type": "integer", "minimum": 0 } },
    })
}

fn parameters() -> Value {
    json!({
        "IdempotencyKey": {
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "Names the request. Repeating it with the same key replays the first answer.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" },
        },
        "IfMatch": {
            "name": "If-Match", "in": "header", "required": false,
            "description": "Goes on only if the resource has this version.",
            "schema": { "type": "string", "pattern": "^(\\*|\"[0-9]{1,18}\")$" },
        },
    })
}

#[cfg(test)]
mod tests;
