//! SMS over a provider's HTTP interface.

use std::time::Duration;

use galen_kernel::Pii;
use reqwest::StatusCode;
use secrecy::ExposeSecret as _;
use serde::Serialize;

use crate::delivery::HandedOver;
use crate::settings::SmsSettings;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(15);

/// A provider that takes `POST {to, text, idempotencyKey}` with a bearer token.
pub struct Sms {
    client: reqwest::Client,
    settings: SmsSettings,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    to: &'a str,
    text: &'a str,
    idempotency_key: &'a str,
}

impl Sms {
    /// Prepares the client. It follows no redirects: they would lead the number and
    /// the token elsewhere.
    ///
    /// # Errors
    /// When the system has no certificates.
    pub fn new(settings: SmsSettings) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { client, settings })
    }

    /// Hands a text over. The provider drops repetitions of the same key.
    pub async fn send(&self, key: &str, to: &Pii<String>, text: &str) -> HandedOver {
        let request = Request {
            to: to.expose(),
            text,
            idempotency_key: key,
        };
        let answer = self
            .client
            .post(self.settings.url.clone())
            .bearer_auth(self.settings.token.expose_secret())
            .json(&request)
            .send()
            .await;
        match answer {
            Ok(response) => read(response.status()),
            Err(error) if error.is_timeout() => HandedOver::Down("SMS_TIMEOUT".into()),
            Err(_) => HandedOver::Down("SMS_CONNECT".into()),
        }
    }
}

/// What a provider's status says about the message, or about the provider.
fn read(status: StatusCode) -> HandedOver {
    match status {
        status if status.is_success() => HandedOver::Delivered,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            HandedOver::Down("SMS_UNAUTHORISED".into())
        }
        StatusCode::TOO_MANY_REQUESTS => HandedOver::Down("SMS_RATE_LIMITED".into()),
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
            HandedOver::Down("SMS_MISCONFIGURED".into())
        }
        StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT | StatusCode::TOO_EARLY => {
            HandedOver::Failed("SMS_TRY_LATER".into())
        }
        status if status.is_client_error() => HandedOver::Refused("SMS_REFUSED".into()),
        _ => HandedOver::Down("SMS_PROVIDER".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_concerns_the_message_or_the_provider() {
        for (status, expected) in [
            (200, HandedOver::Delivered),
            (202, HandedOver::Delivered),
            (302, HandedOver::Down("SMS_PROVIDER".into())),
            (400, HandedOver::Refused("SMS_REFUSED".into())),
            (401, HandedOver::Down("SMS_UNAUTHORISED".into())),
            (409, HandedOver::Failed("SMS_TRY_LATER".into())),
            (422, HandedOver::Refused("SMS_REFUSED".into())),
            (429, HandedOver::Down("SMS_RATE_LIMITED".into())),
            (503, HandedOver::Down("SMS_PROVIDER".into())),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            assert_eq!(read(status), expected, "{status}");
        }
    }
}
