//! Which of several media types a client wants (RFC 9110, 12.5.1).

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use galen_kernel::Problem;
use http::request::Parts;
use http::{HeaderMap, header};

/// What a client takes: the `Accept` header of a request.
///
/// Parameters other than `q` are not looked at, and a range that cannot be read takes
/// nothing. Whoever sends no header takes anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accept(Option<Vec<Range>>);

/// A range of media types and how much it is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Range {
    /// Before the slash, in lower case; `*` for any.
    main: String,
    /// After it.
    sub: String,
    /// Thousandths; nothing: not at all.
    weight: u16,
}

impl<S: Send + Sync> FromRequestParts<S> for Accept {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::read(&parts.headers))
    }
}

impl Accept {
    fn read(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(header::ACCEPT).iter().peekable();
        if values.peek().is_none() {
            return Self(None);
        }
        let ranges = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| split(value, ','))
            .filter_map(Range::read)
            .collect();
        Self(Some(ranges))
    }

    /// The one of `offered` that is wanted most; of several, the first.
    ///
    /// # Errors
    /// 406 when none is wanted.
    pub fn choose(&self, offered: &[&'static str]) -> Result<&'static str, Problem> {
        let mut best: Option<(&'static str, u16)> = None;
        for media_type in offered {
            let weight = self.weight(media_type);
            if weight > best.map_or(0, |(_, weight)| weight) {
                best = Some((media_type, weight));
            }
        }
        best.map(|(media_type, _)| media_type).ok_or_else(|| {
            Problem::new(
                406,
                "NOT_ACCEPTABLE",
                "There is none of the media types that the client takes.",
            )
            .with_detail(format!("There is {}.", offered.join(", ")))
        })
    }

    /// How much a media type is wanted, in thousandths: as its closest range says.
    fn weight(&self, media_type: &str) -> u16 {
        let Some(ranges) = &self.0 else {
            return 1000;
        };
        let (main, sub) = media_type.split_once('/').unwrap_or((media_type, ""));
        ranges
            .iter()
            .filter_map(|range| Some((range.closeness(main, sub)?, range.weight)))
            .max()
            .map_or(0, |(_, weight)| weight)
    }
}

impl Range {
    fn read(text: &str) -> Option<Self> {
        let mut parts = split(text, ';').map(str::trim);
        let essence = parts.next()?.to_ascii_lowercase();
        // Some old clients abbreviate what takes anything.
        let (main, sub) = match essence.as_str() {
            "*" => ("*", "*"),
            essence => essence.split_once('/')?,
        };
        let token = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_graphic() && b != b'/')
        };
        if !token(main) || !token(sub) || (main == "*" && sub != "*") {
            return None;
        }
        let mut weight = 1000;
        for parameter in parts {
            if let Some((name, value)) = parameter.split_once('=')
                && name.trim().eq_ignore_ascii_case("q")
            {
                weight = thousandths(value.trim())?;
            }
        }
        Some(Self {
            main: main.to_owned(),
            sub: sub.to_owned(),
            weight,
        })
    }

    /// How closely it describes a type; `None` when it does not.
    fn closeness(&self, main: &str, sub: &str) -> Option<u8> {
        match (self.main.as_str(), self.sub.as_str()) {
            ("*", _) => Some(0),
            (of, "*") if of == main => Some(1),
            (of, exactly) if (of, exactly) == (main, sub) => Some(2),
            _ => None,
        }
    }
}

/// The parts between separators that are not quoted.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c: char| {
        let is_escaped = std::mem::take(&mut escaped);
        match c {
            '\\' if quoted && !is_escaped => escaped = true,
            '"' if !is_escaped => quoted = !quoted,
            _ => {}
        }
        c == separator && !quoted
    })
}

/// A weight from 0 to 1 with at most three digits after the point.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole: u16 = match whole {
        "" if !fraction.is_empty() => 0,
        "0" => 0,
        "1" => 1,
        _ => return None,
    };
    if fraction.len() > 3 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    Some(whole * 1000 + fraction).filter(|weight| *weight <= 1000)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const JSON: &str = "application/json";
    const PDF: &str = "application/pdf";

    fn accept(values: &[&str]) -> Accept {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(
                header::ACCEPT,
                HeaderValue::from_str(value).expect("a header"),
            );
        }
        Accept::read(&headers)
    }

    fn chosen(values: &[&str]) -> Result<&'static str, u16> {
        accept(values)
            .choose(&[JSON, PDF])
            .map_err(|problem| problem.status)
    }

    #[test]
    fn the_type_that_is_wanted_most_is_chosen() {
        for (header, expected) in [
            ("application/pdf", PDF),
            ("Application/PDF", PDF),
            ("application/json, application/pdf", JSON),
            ("application/json;q=0.5, application/pdf", PDF),
            ("application/pdf;q=0.5, application/json;q=0.51", JSON),
            ("*/*", JSON),
            ("application/*", JSON),
            ("*/*, application/json;q=0.9", PDF),
            ("application/*;q=0.3, application/pdf;q=0.2, */*;q=1", JSON),
            ("application/json;q=0, */*", PDF),
            ("text/html, application/pdf;q=0.001", PDF),
            ("application/json; charset=utf-8; q=1.000", JSON),
            (
                "text/plain;note=\"a, application/json\", application/pdf",
                PDF,
            ),
            (
                "text/plain;note=\"\\\", application/json\", application/pdf",
                PDF,
            ),
            ("text/html, image/gif, *; q=.2, */*; q=.2", JSON),
            ("application/pdf, garbage", PDF),
        ] {
            assert_eq!(chosen(&[header]), Ok(expected), "{header}");
        }
        assert_eq!(chosen(&[]), Ok(JSON), "no header");
        assert_eq!(chosen(&["text/html", "application/pdf"]), Ok(PDF));
    }

    #[test]
    fn what_fits_nothing_is_refused() {
        for header in [
            "text/html",
            "",
            "garbage",
            "application/json;q=0, application/pdf;q=0.0",
            "*/json",
            "*/*;q=0",
            "application/pdf;q=2",
            "application/pdf;q=0.0001",
            "application/pdf;q=-1",
            "application/pdf;q=nan",
            "application/",
            "/pdf",
            "application/pdf/a",
        ] {
            assert_eq!(chosen(&[header]), Err(406), "{header}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_read(header in "[ -~]{0,60}") {
            let accept = accept(&[&header]);
            if let Ok(chosen) = accept.choose(&[JSON, PDF]) {
                let weights = [JSON, PDF].map(|offered| accept.weight(offered));
                prop_assert!(accept.weight(chosen) > 0);
                prop_assert!(weights.iter().all(|weight| *weight <= accept.weight(chosen)));
            }
        }
    }
}
