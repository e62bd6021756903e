//! How to reach people, asked from the services that know and remembered briefly,
//! in memory only.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use galen_contracts::identity::v1::MintCredentialLinkRequest;
use galen_contracts::identity::v1::accounts_client::AccountsClient;
use galen_contracts::ids::{PatientId, PractitionerId};
use galen_contracts::patients::v1::patient_directory_client::PatientDirectoryClient;
use galen_contracts::patients::v1::{GetContactRequest, GetPatientRequest};
use galen_contracts::staff::v1::GetPractitionersRequest;
use galen_contracts::staff::v1::staff_directory_client::StaffDirectoryClient;
use galen_kernel::{Clock, Pii, Timestamp};
use galen_service::rpc::ask;
use galen_service::{PeerError, Peers};
use jiff::SignedDuration;
use moka::future::Cache;
use tonic::transport::Channel;
use uuid::Uuid;

use crate::delivery::outage::Outage;
use crate::template::Locale;

/// How long an answer is used without asking again. A change evicts it at once in
/// the process that hears of it; this bounds how long another one may be behind.
const REMEMBERED: Duration = Duration::from_secs(300);
/// Most answers of a kind that are remembered.
const CAPACITY: u64 = 10_000;

/// What is known of a patient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Full name.
    pub name: Pii<String>,
    /// E-mail address.
    pub email: Option<Pii<String>>,
    /// Telephone number.
    pub phone: Option<Pii<String>>,
    /// Language on record.
    pub language: Option<Locale>,
}

/// A link to set a password, with its secret. Lives as long as one attempt.
#[derive(Debug, Clone)]
pub struct MintedLink {
    /// The whole link.
    pub url: Pii<String>,
    /// Address of an account without a patient.
    pub email: Option<Pii<String>>,
    /// Login name.
    pub username: Pii<String>,
}

/// Asks and remembers.
pub struct Contacts {
    patients: PatientDirectoryClient<Channel>,
    staff: StaffDirectoryClient<Channel>,
    accounts: AccountsClient<Channel>,
    people: Memory<PatientId, Arc<Contact>>,
    names: Memory<PractitionerId, Pii<String>>,
    clock: Clock,
    patients_down: Outage,
    staff_down: Outage,
    identity_down: Outage,
}

/// Answers by id. An answer that was asked for before an eviction is not remembered
/// after it.
struct Memory<K, V> {
    answers: Cache<K, V>,
    evictions: AtomicU64,
}

impl<K, V> Memory<K, V>
where
    K: std::hash::Hash + Eq + Copy + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn new() -> Self {
        let answers = Cache::builder()
            .max_capacity(CAPACITY)
            .time_to_live(REMEMBERED)
            .build();
        Self {
            answers,
            evictions: AtomicU64::new(0),
        }
    }

    async fn get<E>(
        &self,
        key: K,
        ask: impl Future<Output = Result<Option<V>, E>>,
    ) -> Result<Option<V>, E> {
        if let Some(known) = self.answers.get(&key).await {
            return Ok(Some(known));
        }
        let before = self.evictions.load(Ordering::Acquire);
        let answer = ask.await?;
        if let Some(value) = &answer {
            self.answers.insert(key, value.clone()).await;
            if self.evictions.load(Ordering::Acquire) != before {
                self.answers.invalidate(&key).await;
            }
        }
        Ok(answer)
    }

    async fn evict(&self, key: &K) {
        self.evictions.fetch_add(1, Ordering::AcqRel);
        self.answers.invalidate(key).await;
    }
}

fn filled(text: String) -> Option<Pii<String>> {
    let text = text.trim();
    (!text.is_empty()).then(|| Pii::new(text.to_owned()))
}

fn full_name(given: &str, family: &str) -> Pii<String> {
    Pii::new(format!("{given} {family}").trim().to_owned())
}

const fn service_of(error: &PeerError) -> &'static str {
    match error {
        PeerError::NotFound { service }
        | PeerError::FailedPrecondition { service, .. }
        | PeerError::TimedOut { service }
        | PeerError::Unavailable { service, .. } => service,
    }
}

/// Turns "there is none" into an answer.
fn known<T>(answer: Result<T, PeerError>) -> Result<Option<T>, PeerError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(PeerError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Contacts {
    /// Asks through these peers.
    #[must_use]
    pub fn new(peers: &Peers, clock: Clock) -> Self {
        Self {
            patients: PatientDirectoryClient::new(peers.channel("patients")),
            staff: StaffDirectoryClient::new(peers.channel("staff")),
            accounts: AccountsClient::new(peers.channel("identity")),
            people: Memory::new(),
            names: Memory::new(),
            clock,
            patients_down: Outage::default(),
            staff_down: Outage::default(),
            identity_down: Outage::default(),
        }
    }

    /// When to ask again after a question was not answered.
    #[must_use]
    pub fn ask_again_at(&self, error: &PeerError) -> Timestamp {
        let now = self.clock.now();
        let soon = now
            .saturating_add(SignedDuration::from_secs(5))
            .unwrap_or(now);
        self.outage(service_of(error)).pause(now).unwrap_or(soon)
    }

    fn outage(&self, service: &str) -> &Outage {
        match service {
            "patients" => &self.patients_down,
            "staff" => &self.staff_down,
            _ => &self.identity_down,
        }
    }

    /// Says once that a service does not answer, and once that it does again.
    fn watch<T>(
        &self,
        service: &'static str,
        answer: Result<T, PeerError>,
    ) -> Result<T, PeerError> {
        let outage = self.outage(service);
        match &answer {
            Err(error @ (PeerError::TimedOut { .. } | PeerError::Unavailable { .. })) => {
                if outage.failed(self.clock.now()) {
                    tracing::warn!(
                        service,
                        error = error as &dyn std::error::Error,
                        "messages wait for a service"
                    );
                }
            }
            Ok(_) | Err(_) => {
                if outage.answered() {
                    tracing::info!(service, "a service answers again; messages go on");
                }
            }
        }
        answer
    }

    /// Whether there is such a patient.
    ///
    /// # Errors
    /// When the patients service does not answer.
    pub async fn exists(&self, id: PatientId) -> Result<bool, PeerError> {
        let mut client = self.patients.clone();
        let question = GetPatientRequest {
            patient_id: id.to_string(),
        };
        let answer = ask("patients", question, |q| async move {
            client.get_patient(q).await
        })
        .await;
        Ok(known(self.watch("patients", answer))?.is_some())
    }

    /// How to reach a patient; `None` when there is no such patient.
    ///
    /// # Errors
    /// When the patients service does not answer.
    pub async fn patient(&self, id: PatientId) -> Result<Option<Arc<Contact>>, PeerError> {
        let mut client = self.patients.clone();
        let question = GetContactRequest {
            patient_id: id.to_string(),
        };
        let answer = async move {
            let answer = ask("patients", question, |q| async move {
                client.get_contact(q).await
            })
            .await;
            Ok(known(self.watch("patients", answer))?.map(|contact| {
                Arc::new(Contact {
                    name: full_name(&contact.given_name, &contact.family_name),
                    email: filled(contact.email),
                    phone: filled(contact.phone),
                    language: Locale::of_tag(&contact.language),
                })
            }))
        };
        self.people.get(id, answer).await
    }

    /// A practitioner's name; `None` when there is no such practitioner.
    ///
    /// # Errors
    /// When the staff service does not answer.
    pub async fn practitioner(&self, id: PractitionerId) -> Result<Option<Pii<String>>, PeerError> {
        let mut client = self.staff.clone();
        let question = GetPractitionersRequest {
            practitioner_ids: vec![id.to_string()],
        };
        let answer = async move {
            let answer = ask("staff", question, |q| async move {
                client.get_practitioners(q).await
            })
            .await;
            let found = self
                .watch("staff", answer)?
                .practitioners
                .into_iter()
                .next();
            Ok(found.map(|p| full_name(&p.given_name, &p.family_name)))
        };
        self.names.get(id, answer).await
    }

    /// The secret of a link, made now and never remembered; `None` when the link was
    /// used, has expired or never was.
    ///
    /// # Errors
    /// When identity does not answer.
    pub async fn mint(&self, link: Uuid) -> Result<Option<MintedLink>, PeerError> {
        let mut client = self.accounts.clone();
        let question = MintCredentialLinkRequest {
            link_id: link.to_string(),
        };
        let answer = ask("identity", question, |q| async move {
            client.mint_credential_link(q).await
        });
        match self.watch("identity", answer.await) {
            Ok(minted) => Ok(Some(MintedLink {
                url: Pii::new(minted.url),
                email: filled(minted.email),
                username: Pii::new(minted.username),
            })),
            Err(PeerError::NotFound { .. } | PeerError::FailedPrecondition { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Forgets what was remembered of a patient.
    pub async fn forget_patient(&self, id: PatientId) {
        self.people.evict(&id).await;
    }

    /// Forgets what was remembered of a practitioner.
    pub async fn forget_practitioner(&self, id: PractitionerId) {
        self.names.evict(&id).await;
    }
}

#[cfg(test)]
mod tests {
    use galen_kernel::Clock;

    use super::*;

    #[tokio::test]
    async fn an_answer_is_asked_for_once_until_it_is_evicted() {
        let (memory, key) = (Memory::new(), Clock::system().uuid());
        let ask = |answer: i32| memory.get(key, async move { Ok::<_, ()>(Some(answer)) });
        assert_eq!(ask(1).await, Ok(Some(1)));
        assert_eq!(ask(2).await, Ok(Some(1)));
        memory.evict(&key).await;
        assert_eq!(ask(3).await, Ok(Some(3)));
    }

    #[tokio::test]
    async fn an_answer_from_before_an_eviction_is_not_remembered_after_it() {
        let (memory, key) = (Memory::new(), Clock::system().uuid());
        let slow = memory.get(key, async {
            memory.evict(&key).await;
            Ok::<_, ()>(Some("old"))
        });
        assert_eq!(slow.await, Ok(Some("old")));
        assert_eq!(
            memory.get(key, async { Ok::<_, ()>(Some("new")) }).await,
            Ok(Some("new"))
        );
    }

    #[tokio::test]
    async fn what_is_not_there_is_asked_for_again() {
        let (memory, key) = (Memory::new(), Clock::system().uuid());
        assert_eq!(
            memory.get(key, async { Ok::<Option<i32>, ()>(None) }).await,
            Ok(None)
        );
        assert_eq!(
            memory.get(key, async { Ok::<_, ()>(Some(1)) }).await,
            Ok(Some(1))
        );
    }
}
