//! The data keys of one schema, kept in memory for a minute.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use galen_kernel::Clock;
use galen_storage::Db;
use moka::sync::Cache;
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::Error;
use crate::column::Sealed;
use crate::index::{Blind, BlindIndex};
use crate::master::{MasterKeys, Secret};
use crate::ring::MemoryKeys;
use crate::seal::{DataKey, Keyring, Subject};
use crate::store;

/// Most keys in memory.
const REMEMBERED: u64 = 20_000;
/// How long a key is remembered: the longest time for which another process still opens
/// what is about a subject that was erased here.
const REMEMBERED_FOR: Duration = Duration::from_secs(60);
/// Connections on which data keys are made. Their own, because whoever needs a key is in
/// a transaction already: waiting for a second connection of the same pool, all could
/// wait for each other.
const CONNECTIONS: u32 = 2;
/// Keys in one transaction: each takes a lock.
const MADE_AT_ONCE: usize = 200;

/// Seals and opens what is in one schema.
#[derive(Clone)]
pub struct Vault {
    inner: Arc<Inner>,
}

struct Inner {
    schema: &'static str,
    masters: Arc<dyn MasterKeys>,
    root: Secret,
    pool: PgPool,
    clock: Clock,
    by_id: Cache<Uuid, Arc<DataKey>>,
    by_subject: Cache<Uuid, Arc<DataKey>>,
}

impl Vault {
    /// Opens the vault of a schema that has [`crate::DATA_KEYS`].
    ///
    /// # Errors
    /// When data keys are under masters that are not there: nothing would open, and
    /// what is written from now on would be torn apart from what was.
    pub async fn open(db: &Db, masters: Arc<dyn MasterKeys>) -> Result<Self, Error> {
        let known = masters.ids().await?;
        let missing: Vec<String> = store::per_master(db.pool())
            .await?
            .into_iter()
            .filter(|(master, _)| !known.contains(master))
            .map(|(master, _)| master.to_string())
            .collect();
        if !missing.is_empty() {
            return Err(Error::MastersMissing {
                schema: db.service(),
                missing: missing.join(", "),
                whereabouts: masters.whereabouts(),
            });
        }
        let root = masters.root().await?;
        Ok(Self::new(db, masters, root))
    }

    /// A vault under [`MemoryKeys::for_tests`], which protects nothing.
    #[must_use]
    pub fn for_tests(db: &Db) -> Self {
        let masters = MemoryKeys::for_tests();
        let root = masters.whole().root;
        Self::new(db, Arc::new(masters), root)
    }

    fn new(db: &Db, masters: Arc<dyn MasterKeys>, root: Secret) -> Self {
        let options = db.pool().connect_options();
        let cache = || {
            Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_live(REMEMBERED_FOR)
                .build()
        };
        Self {
            inner: Arc::new(Inner {
                schema: db.service(),
                root,
                masters,
                pool: PgPoolOptions::new()
                    .max_connections(CONNECTIONS)
                    .min_connections(0)
                    .acquire_timeout(Duration::from_secs(5))
                    .connect_lazy_with(options.as_ref().clone()),
                clock: db.clock().clone(),
                by_id: cache(),
                by_subject: cache(),
            }),
        }
    }

    /// Closes the vault's own connections.
    pub async fn close(&self) {
        self.inner.pool.close().await;
    }

    /// The key that seals what is about a subject; made at its first use, in a
    /// transaction of its own: a key that seals is committed before anything that it
    /// sealed.
    ///
    /// # Errors
    /// [`Error::Erased`], and when the database or the master keys fail.
    pub async fn key_of(
        &self,
        connection: &mut PgConnection,
        subject: impl Into<Subject>,
    ) -> Result<Arc<DataKey>, Error> {
        let subject = subject.into();
        if let Some(key) = self.inner.by_subject.get(&subject.uuid()) {
            return Ok(key);
        }
        let row = match store::latest(connection, subject).await? {
            Some(row) => row,
            None => self.make(subject, 1).await?,
        };
        let key = self.unwrapped(row).await?.ok_or(Error::Erased)?;
        self.inner
            .by_subject
            .insert(subject.uuid(), Arc::clone(&key));
        Ok(key)
    }

    /// The keys that seal what is about many subjects, which [`Vault::key_of`] then
    /// remembers; those that are missing are made in few transactions. For bulk work
    /// before requests are taken.
    ///
    /// # Errors
    /// As [`Vault::key_of`].
    pub async fn keys_of(
        &self,
        connection: &mut PgConnection,
        subjects: &[Subject],
    ) -> Result<Vec<Arc<DataKey>>, Error> {
        for some in subjects.chunks(MADE_AT_ONCE) {
            let found = store::latest_of(&mut *connection, some).await?;
            let known: HashSet<Subject> = found.iter().map(|row| row.subject).collect();
            let missing: Vec<Subject> = some
                .iter()
                .filter(|subject| !known.contains(subject))
                .copied()
                .collect();
            let made = if missing.is_empty() {
                Vec::new()
            } else {
                self.make_some(&missing).await?
            };
            for row in found.into_iter().chain(made) {
                let subject = row.subject.uuid();
                let key = self.unwrapped(row).await?.ok_or(Error::Erased)?;
                self.inner.by_subject.insert(subject, key);
            }
        }
        let mut keys = Vec::with_capacity(subjects.len());
        for subject in subjects {
            keys.push(self.key_of(&mut *connection, *subject).await?);
        }
        Ok(keys)
    }

    /// The keys that open a set of sealed values.
    ///
    /// # Errors
    /// When the database or the master keys fail. A key that is not there is no error
    /// before its value is opened.
    pub async fn keyring<'a, T: 'a>(
        &self,
        connection: &mut PgConnection,
        sealed: impl IntoIterator<Item = &'a Sealed<T>>,
    ) -> Result<Keyring, Error> {
        let ids = sealed.into_iter().filter_map(Sealed::key_id).collect();
        self.keyring_of(connection, ids).await
    }

    /// The keys with these ids ([`Sealed::key_id`]), to open values of several columns
    /// with.
    ///
    /// # Errors
    /// As [`Vault::keyring`].
    pub async fn keyring_of(
        &self,
        connection: &mut PgConnection,
        mut wanted: Vec<Uuid>,
    ) -> Result<Keyring, Error> {
        let mut ring = Keyring::default();
        wanted.sort_unstable();
        wanted.dedup();
        wanted.retain(|id| match self.inner.by_id.get(id) {
            Some(key) => {
                ring.add(key);
                false
            }
            None => true,
        });
        if wanted.is_empty() {
            return Ok(ring);
        }
        for row in store::by_ids(connection, &wanted).await? {
            let id = row.id;
            match self.unwrapped(row).await? {
                Some(key) => ring.add(key),
                None => ring.add_erased(id),
            }
        }
        Ok(ring)
    }

    /// The blind index of a value.
    #[must_use]
    pub fn index(&self, blind: &Blind, value: &str) -> BlindIndex {
        blind.of(&self.inner.root, value)
    }

    /// A new version of a subject's data key: what is sealed from now on is sealed with
    /// it, what was sealed before still opens.
    ///
    /// # Errors
    /// As [`Vault::key_of`].
    pub async fn rotate(&self, subject: impl Into<Subject>) -> Result<Arc<DataKey>, Error> {
        let subject = subject.into();
        let latest = store::latest(&self.inner.pool, subject).await?;
        let version = latest.map_or(0, |row| row.version);
        let row = self.make(subject, version + 1).await?;
        let key = self.unwrapped(row).await?.ok_or(Error::Erased)?;
        self.inner
            .by_subject
            .insert(subject.uuid(), Arc::clone(&key));
        Ok(key)
    }

    /// Erases a subject: removes its data keys for good and lets no new one be made.
    /// Backups hold the keys still, wrapped; replacing the master and forgetting the old
    /// one reaches those as well.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn erase(&self, subject: impl Into<Subject>) -> Result<(), Error> {
        let subject = subject.into();
        let clock = &self.inner.clock;
        let mut tx = self.inner.pool.begin().await?;
        let erased = store::erase(&mut tx, subject, clock.uuid(), clock.now()).await?;
        tx.commit().await?;
        self.inner.by_subject.invalidate(&subject.uuid());
        for id in erased {
            self.inner.by_id.invalidate(&id);
        }
        Ok(())
    }

    /// Erases the subjects of a range of ids that still have keys, where subjects are
    /// periods rather than persons. Returns how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn erase_range(&self, subjects: Range<Uuid>) -> Result<u64, Error> {
        let found = store::with_keys(&self.inner.pool, &subjects).await?;
        for subject in &found {
            self.erase(*subject).await?;
        }
        Ok(found.len() as u64)
    }

    /// Makes a version of a data key, or finds the one that somebody else made.
    async fn make(&self, subject: Subject, version: i32) -> Result<store::Row, Error> {
        let id = self.inner.clock.uuid();
        let mut tx = self.inner.pool.begin().await?;
        // No master is forgotten between here and the commit.
        store::hold_masters(&mut tx).await?;
        let bound = bound_to(self.inner.schema, id, subject, version);
        let wrapped = self.inner.masters.wrap(&bound, &Secret::random()).await?;
        let row = store::Row {
            id,
            subject,
            version,
            wrapped: Some(wrapped),
        };
        store::insert(&mut tx, &[row], self.inner.clock.now()).await?;
        tx.commit().await?;
        let latest = store::latest(&self.inner.pool, subject).await?;
        latest.ok_or(Error::Erased)
    }

    /// Makes the first version of some data keys, or finds those that somebody else made.
    async fn make_some(&self, subjects: &[Subject]) -> Result<Vec<store::Row>, Error> {
        // In one order, so that two who make the same keys cannot wait for each other.
        let mut subjects = subjects.to_vec();
        subjects.sort_unstable_by_key(|subject| subject.uuid());
        let mut tx = self.inner.pool.begin().await?;
        store::hold_masters(&mut tx).await?;
        let mut rows = Vec::with_capacity(subjects.len());
        for subject in &subjects {
            let id = self.inner.clock.uuid();
            let bound = bound_to(self.inner.schema, id, *subject, 1);
            let wrapped = self.inner.masters.wrap(&bound, &Secret::random()).await?;
            rows.push(store::Row {
                id,
                subject: *subject,
                version: 1,
                wrapped: Some(wrapped),
            });
        }
        store::insert(&mut tx, &rows, self.inner.clock.now()).await?;
        tx.commit().await?;
        store::latest_of(&self.inner.pool, &subjects).await
    }

    /// Unwraps a data key and remembers it; `None` when it was erased.
    async fn unwrapped(&self, row: store::Row) -> Result<Option<Arc<DataKey>>, Error> {
        if let Some(key) = self.inner.by_id.get(&row.id) {
            return Ok(row.wrapped.is_some().then_some(key));
        }
        let Some((master, wrapped)) = row.wrapped else {
            return Ok(None);
        };
        let bound = bound_to(self.inner.schema, row.id, row.subject, row.version);
        let secret = self.inner.masters.unwrap(&master, &bound, &wrapped).await?;
        let key = Arc::new(DataKey::new(row.id, row.subject, &secret));
        self.inner.by_id.insert(row.id, Arc::clone(&key));
        Ok(Some(key))
    }
}

/// What a wrapped data key is bound to.
pub(crate) fn bound_to(schema: &str, id: Uuid, subject: Subject, version: i32) -> Vec<u8> {
    let mut bound = b"galen data key".to_vec();
    bound.extend_from_slice(&(schema.len() as u64).to_be_bytes());
    bound.extend_from_slice(schema.as_bytes());
    bound.extend_from_slice(id.as_bytes());
    bound.extend_from_slice(subject.uuid().as_bytes());
    bound.extend_from_slice(&version.to_be_bytes());
    bound
}
