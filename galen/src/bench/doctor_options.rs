//! Who is free at a time: pages of real doctors, some of them booked.

use std::sync::Arc;

use http::{Request, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;
use jiff::SignedDuration;

use super::load::Workload;
use super::seed::{DAYS, Seed};

struct DoctorOptions {
    requests: Vec<String>,
    host: String,
    authorization: String,
}

/// Pages of fifty, over every seeded quarter of an hour.
pub(crate) fn workload(url: &str, token: &str, seed: &Seed) -> Arc<impl Workload> {
    let mut requests = Vec::new();
    for day in 0..DAYS {
        for half_hour in 0..5 {
            let start = seed.origin
                + SignedDuration::from_hours(24 * day + 8)
                + SignedDuration::from_mins(30 * half_hour);
            let end = start + SignedDuration::from_mins(15);
            requests.push(format!("/api/v1/appointments/doctor-options?start={start}&end={end}&serviceType=CONSULTATION&specialty=Benchmark&limit=50"));
        }
    }
    Arc::new(DoctorOptions {
        requests,
        host: url.trim_start_matches("http://").to_owned(),
        authorization: format!("Bearer {token}"),
    })
}

impl Workload for DoctorOptions {
    fn request(&self, number: u64) -> Option<Request<Full<Bytes>>> {
        let at = usize::try_from(number).unwrap_or(0) % self.requests.len();
        Request::get(&self.requests[at])
            .header("host", &self.host)
            .header("authorization", &self.authorization)
            .body(Full::default())
            .ok()
    }

    fn check(&self, status: StatusCode, body: &[u8]) -> Result<(), String> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Page<'a> {
            #[serde(borrow)]
            items: Vec<Item<'a>>,
        }
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Item<'a> {
            practitioner_id: &'a str,
            name: &'a str,
        }
        let said = || {
            format!(
                "{status} {}",
                String::from_utf8_lossy(&body[..body.len().min(200)])
            )
        };
        if status != StatusCode::OK {
            return Err(said());
        }
        let page: Page = serde_json::from_slice(body).map_err(|e| format!("{e}: {}", said()))?;
        let full = page.items.len() == 50
            && page
                .items
                .iter()
                .all(|item| item.practitioner_id.len() == 36 && item.name == "Bench Doctor");
        if full { Ok(()) } else { Err(said()) }
    }
}
