//! Which client asks: by its secret, or, when it has none, by its id (RFC 6749 sections
//! 2.3.1 and 3.2.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use galen_storage::Tx;
use http::{HeaderMap, header};
use secrecy::SecretString;

use super::error::{Code, Failure, Refusal};
use super::parameters::Parameters;
use crate::client::{self, Client, ClientId};
use crate::secret::SecretHash;

/// What a client shows.
struct Shown {
    id: ClientId,
    secret: Option<SecretString>,
}

/// The client that asks; it stays as it is until the transaction ends.
pub(crate) async fn client(
    tx: &mut Tx,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<Client, Failure> {
    let shown = shown(headers, parameters)?;
    let secret = shown.secret.as_ref().map(SecretHash::of);
    let client = client::store::authenticate(tx.conn(), shown.id, secret).await?;
    Ok(client.ok_or_else(unknown)?)
}

/// The same for all reasons: who guesses need not know which.
const fn unknown() -> Refusal {
    Refusal::new(
        Code::InvalidClient,
        "the client is unknown, disabled, or has shown another secret",
    )
}

fn shown(headers: &HeaderMap, parameters: &Parameters) -> Result<Shown, Refusal> {
    let id = parameters.one("client_id")?;
    let secret = parameters.secret("client_secret")?;
    let Some(authorization) = headers.get(header::AUTHORIZATION) else {
        let id = id.ok_or(Refusal::new(Code::InvalidClient, "client_id is missing"))?;
        return Ok(Shown {
            id: id.parse().map_err(|_| unknown())?,
            secret,
        });
    };
    let (name, password) = authorization
        .to_str()
        .ok()
        .and_then(basic)
        .ok_or(Refusal::new(
            Code::InvalidClient,
            "Authorization is not Basic with a client id and a secret",
        ))?;
    if secret.is_some() || id.is_some_and(|id| id != name) {
        return Err(Refusal::new(
            Code::InvalidRequest,
            "the client must authenticate in one way",
        ));
    }
    Ok(Shown {
        id: name.parse().map_err(|_| unknown())?,
        secret: Some(password),
    })
}

/// Reads `Basic` (RFC 7617). Neither an id nor a secret of ours has a character that
/// form encoding would change.
fn basic(value: &str) -> Option<(String, SecretString)> {
    let (scheme, credentials) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (name, password) = decoded.split_once(':')?;
    Some((name.to_owned(), password.to_owned().into()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use secrecy::ExposeSecret as _;

    use super::*;

    const ID: &str = "0190c4f2-0000-7000-8000-000000000001";

    fn read(authorization: Option<&str>, body: &str) -> Result<(String, Option<String>), Code> {
        let mut headers = HeaderMap::new();
        if let Some(value) = authorization {
            let value = HeaderValue::from_str(value).expect("visible");
            headers.insert(header::AUTHORIZATION, value);
        }
        shown(&headers, &Parameters::parse(body.as_bytes()))
            .map(|shown| {
                let secret = shown.secret.map(|secret| secret.expose_secret().to_owned());
                (shown.id.to_string(), secret)
            })
            .map_err(|refusal| refusal.code)
    }

    #[test]
    fn a_client_shows_who_it_is_in_one_way() {
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        let with_secret = Ok((ID.to_owned(), Some("s:3".to_owned())));
        let ours = basic(&format!("{ID}:s:3"));
        assert_eq!(read(Some(&ours), ""), with_secret);
        assert_eq!(read(Some(&ours), &format!("client_id={ID}")), with_secret);
        let body = format!("client_id={ID}&client_secret=s%3A3");
        assert_eq!(read(None, &body), with_secret);
        assert_eq!(
            read(None, &format!("client_id={ID}")),
            Ok((ID.to_owned(), None))
        );
        use Code::{InvalidClient, InvalidRequest};
        for (authorization, body, code) in [
            (None, "", InvalidClient),
            (None, "client_id=portal", InvalidClient),
            (Some(ours.as_str()), "client_secret=x", InvalidRequest),
            (Some(ours.as_str()), "client_id=another", InvalidRequest),
            (Some("Bearer x"), "", InvalidClient),
            (Some("Basic !"), "", InvalidClient),
            (Some(basic("no colon").as_str()), "", InvalidClient),
            (None, "client_id=1&client_id=2", InvalidRequest),
        ] {
            assert_eq!(
                read(authorization, body),
                Err(code),
                "{authorization:?} {body}"
            );
        }
    }
}
