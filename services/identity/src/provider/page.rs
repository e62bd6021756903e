//! The pages that people see: the login and the refusal. They hold no script, load
//! nothing, and can be framed by nobody. The form may be sent to us, and from us on to
//! the client: browsers hold a redirect after a form to the form's policy.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use galen_service::Answer;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use sha2::{Digest as _, Sha256};

use super::path;

const STYLE: &str = include_str!("page.css");

/// The style may be used because it is exactly this one.
static STYLE_SOURCE: LazyLock<String> =
    LazyLock::new(|| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(STYLE))));

/// A login page.
pub(crate) struct LogInPage<'a> {
    /// The client's name.
    pub(crate) client: &'a str,
    /// Where a successful login leads to, as a source of the policy.
    pub(crate) leads_to: &'a str,
    /// Who is probably there.
    pub(crate) username: &'a str,
    /// What went wrong before.
    pub(crate) notice: Option<&'a str>,
    /// The request, encoded.
    pub(crate) request: &'a str,
    /// Its ticket.
    pub(crate) ticket: &'a str,
}

impl LogInPage<'_> {
    /// The page as an answer.
    pub(crate) fn answer(&self, status: StatusCode) -> Answer {
        let body = format!(
            r#"<h1>Log in</h1>
<p>to go on to <strong>{client}</strong> <small>{leads_to}</small></p>
{notice}<form method="post" action="{action}">
<input type="hidden" name="request" value="{request}">
<input type="hidden" name="ticket" value="{ticket}">
<label for="username">User name</label>
<input id="username" name="username" value="{username}" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="64" required>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" maxlength="128" required>
<label for="mfa-code">Code</label>
<input id="mfa-code" name="mfa_code" autocomplete="one-time-code" autocapitalize="none" spellcheck="false" maxlength="32" aria-describedby="mfa-code-help">
<small id="mfa-code-help">Only if your account has a second factor: from your app, or a backup code.</small>
<button type="submit">Log in</button>
</form>"#,
            client = escaped(self.client),
            leads_to = escaped(self.leads_to),
            notice = self
                .notice
                .map(|notice| format!("<p role=\"alert\">{}</p>\n", escaped(notice)))
                .unwrap_or_default(),
            action = path::LOG_IN,
            request = escaped(self.request),
            ticket = escaped(self.ticket),
            username = escaped(self.username),
        );
        page(
            status,
            "Log in",
            &body,
            &format!("'self' {}", self.leads_to),
        )
    }
}

/// A page that leads nowhere.
pub(crate) fn refusal(status: StatusCode, reason: &str) -> Answer {
    let body = format!(
        "<h1>This did not work</h1>\n<p role=\"alert\">{}</p>",
        escaped(reason)
    );
    page(status, "This did not work", &body, "'none'")
}

fn page(status: StatusCode, title: &str, body: &str, form_action: &str) -> Answer {
    let document = format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Galen</title>
<style>{STYLE}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"#
    );
    let policy = format!(
        "default-src 'none'; style-src {}; form-action {form_action}; base-uri 'none'; frame-ancestors 'none'",
        *STYLE_SOURCE
    );
    let mut headers = HeaderMap::new();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Without a policy of its own the edge adds one that lets no form be sent.
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    Answer {
        status,
        headers,
        body: Bytes::from(document),
    }
}

/// Text that stays text, between tags and in quoted attributes.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(answer: &Answer) -> String {
        String::from_utf8(answer.body.to_vec()).expect("UTF-8")
    }

    fn shown(name: &str, username: &str, notice: Option<&str>) -> Answer {
        LogInPage {
            client: name,
            leads_to: "https://portal.example",
            username,
            notice,
            request: "client_id=1&scope=openid",
            ticket: "t",
        }
        .answer(StatusCode::OK)
    }

    #[test]
    fn the_form_can_be_sent_to_us_and_on_to_the_client() {
        let answer = shown("Portal", "", None);
        let policy = answer.headers[CONTENT_SECURITY_POLICY]
            .to_str()
            .expect("visible");
        assert!(
            policy.contains("form-action 'self' https://portal.example;"),
            "{policy}"
        );
        assert!(
            policy.contains("default-src 'none'; style-src 'sha256-"),
            "{policy}"
        );
        assert_eq!(answer.headers[CACHE_CONTROL], "no-store");
        let page = text(&answer);
        assert!(page.contains("value=\"client_id=1&amp;scope=openid\""));
        for label in ["username", "password", "mfa-code"] {
            assert!(
                page.contains(&format!("<label for=\"{label}\">"))
                    && page.contains(&format!("id=\"{label}\""))
            );
        }
        let policy = &refusal(StatusCode::BAD_REQUEST, "no").headers[CONTENT_SECURITY_POLICY];
        assert!(
            policy
                .to_str()
                .expect("visible")
                .contains("form-action 'none'")
        );
    }

    #[test]
    fn the_style_is_the_one_that_the_policy_names() {
        let page = text(&shown("Portal", "", None));
        let (_, style) = page.split_once("<style>").expect("a style");
        let (style, _) = style.split_once("</style>").expect("its end");
        assert_eq!(
            format!("'sha256-{}'", STANDARD.encode(Sha256::digest(style))),
            *STYLE_SOURCE
        );
    }

    proptest! {
        #[test]
        fn words_of_others_stay_words(words in "[<>\"'&a-z/ ]{0,30}") {
            let tags = |page: &str| page.matches('<').count();
            let (page, plain) = (text(&shown(&words, &words, Some(&words))), text(&shown("x", "x", Some("x"))));
            prop_assert_eq!(tags(&page), tags(&plain));
            prop_assert_eq!(page.matches('"').count(), plain.matches('"').count());
        }
    }
}
