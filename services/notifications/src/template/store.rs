//! All SQL about texts.

use galen_kernel::{Id, Timestamp};
use galen_storage::{Error, Ts};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor, PgPool, Row as _};
use uuid::Uuid;

use crate::template::{Channel, Draft, Locale, TemplateName};

/// A stored version of a text. Marker of its id.
pub enum TemplateKind {}
/// A stored text's id.
pub type TemplateId = Id<TemplateKind>;

/// A stored version of a text.
#[derive(Debug, Clone)]
pub struct Template {
    /// Its id.
    pub id: TemplateId,
    /// Which text, and its words.
    pub draft: Draft,
    /// Which version of it, from 1.
    pub number: i32,
    /// Whether it is the one in use.
    pub active: bool,
    /// When it was uploaded.
    pub created_at: Timestamp,
    /// Rises when it is activated or replaced.
    pub version: i64,
}

/// Where a page of texts continues.
pub type Position = (String, String, String, i32);

/// Which texts are wanted.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only this text.
    pub name: Option<TemplateName>,
    /// Only for this channel.
    pub channel: Option<Channel>,
    /// Only in this language.
    pub locale: Option<Locale>,
    /// Only the ones in use, or only the others.
    pub active: Option<bool>,
}

const INCONSISTENT: Error = Error::Inconsistent {
    column: "notifications.template",
};

fn read(row: &PgRow) -> Result<Template, Error> {
    let draft = Draft {
        name: TemplateName::read(row.try_get("name")?).ok_or(INCONSISTENT)?,
        channel: Channel::read(row.try_get("channel")?).ok_or(INCONSISTENT)?,
        locale: row
            .try_get::<&str, _>("locale")?
            .parse()
            .map_err(|_| INCONSISTENT)?,
        subject: row.try_get("subject")?,
        body: row.try_get("body")?,
    };
    Ok(Template {
        id: TemplateId::from_uuid(row.try_get("id")?),
        draft,
        number: row.try_get("number")?,
        active: row.try_get("active")?,
        created_at: row.try_get::<Ts, _>("created_at")?.to_jiff(),
        version: row.try_get("version")?,
    })
}

/// Finds a version by id.
///
/// # Errors
/// When the database fails.
pub async fn find(
    executor: impl PgExecutor<'_>,
    id: TemplateId,
) -> Result<Option<Template>, Error> {
    let row = sqlx::query(
        "select id, name, channel, locale, number, subject, body, active, created_at, version
         from template where id = $1",
    )
    .bind(id.uuid())
    .fetch_optional(executor)
    .await?;
    row.as_ref().map(read).transpose()
}

/// The text in use for the best of these languages.
///
/// # Errors
/// When the database fails.
pub async fn best(
    pool: &PgPool,
    name: TemplateName,
    channel: Channel,
    chain: &[Locale],
) -> Result<Option<Template>, Error> {
    let chain: Vec<String> = chain.iter().map(Locale::to_string).collect();
    let row = sqlx::query(
        "select id, name, channel, locale, number, subject, body, active, created_at, version
         from template
         where name = $1 and channel = $2 and active and locale = any($3)
         order by array_position($3, locale)
         limit 1",
    )
    .bind(name.code())
    .bind(channel.code())
    .bind(chain)
    .fetch_optional(pool)
    .await?;
    row.as_ref().map(read).transpose()
}

/// A page of texts by name, channel, language and version.
///
/// # Errors
/// When the database fails.
pub async fn list(
    pool: &PgPool,
    filter: &Filter,
    after: Option<&Position>,
    limit: u16,
) -> Result<Vec<Template>, Error> {
    let (name, channel, locale, number) = match after {
        Some((name, channel, locale, number)) => (
            Some(name.as_str()),
            channel.as_str(),
            locale.as_str(),
            *number,
        ),
        None => (None, "", "", 0),
    };
    let rows = sqlx::query(
        "select id, name, channel, locale, number, subject, body, active, created_at, version
         from template
         where ($1::text is null or name = $1)
           and ($2::text is null or channel = $2)
           and ($3::text is null or locale = $3)
           and ($4::boolean is null or active = $4)
           and ($5::text is null or (name, channel, locale, number) > ($5, $6, $7, $8))
         order by name, channel, locale, number
         limit $9",
    )
    .bind(filter.name.map(TemplateName::code))
    .bind(filter.channel.map(Channel::code))
    .bind(filter.locale.as_ref().map(Locale::as_str))
    .bind(filter.active)
    .bind(name)
    .bind(channel)
    .bind(locale)
    .bind(number)
    .bind(i64::from(limit) + 1)
    .fetch_all(pool)
    .await?;
    rows.iter().map(read).collect()
}

/// Stores the next version of a text. The caller has taken its turn.
///
/// # Errors
/// When the database fails.
pub async fn add(
    connection: &mut PgConnection,
    id: TemplateId,
    draft: &Draft,
    by: Uuid,
    now: Timestamp,
) -> Result<i32, Error> {
    let number = sqlx::query_scalar(
        "insert into template (id, name, channel, locale, number, subject, body, active, created_at, created_by, version)
         select $1, $2, $3, $4, coalesce(max(number), 0) + 1, $5, $6, false, $7, $8, 1
         from template where name = $2 and channel = $3 and locale = $4
         returning number",
    )
    .bind(id.uuid())
    .bind(draft.name.code())
    .bind(draft.channel.code())
    .bind(draft.locale.as_str())
    .bind(&draft.subject)
    .bind(&draft.body)
    .bind(Ts::from(now))
    .bind(by)
    .fetch_one(connection)
    .await?;
    Ok(number)
}

/// Puts a version in use instead of the one that was. Its new row version. The
/// caller has taken its turn.
///
/// # Errors
/// When the database fails.
pub async fn activate(
    connection: &mut PgConnection,
    id: TemplateId,
    draft: &Draft,
) -> Result<i64, Error> {
    // Two statements: a unique index is checked row by row, so the former must be
    // out of it before the new one enters.
    sqlx::query(
        "update template set active = false, version = version + 1
         where name = $1 and channel = $2 and locale = $3 and active and id <> $4",
    )
    .bind(draft.name.code())
    .bind(draft.channel.code())
    .bind(draft.locale.as_str())
    .bind(id.uuid())
    .execute(&mut *connection)
    .await?;
    let version = sqlx::query_scalar(
        "update template set active = true, version = version + case when active then 0 else 1 end
         where id = $1 returning version",
    )
    .bind(id.uuid())
    .fetch_one(connection)
    .await?;
    Ok(version)
}

/// Waits until no other transaction changes the versions of this text.
///
/// # Errors
/// When the database fails.
pub async fn take_turn(connection: &mut PgConnection, draft: &Draft) -> Result<(), Error> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('template/' || $1 || $2 || $3, 0))")
        .bind(draft.name.code())
        .bind(draft.channel.code())
        .bind(draft.locale.as_str())
        .execute(connection)
        .await?;
    Ok(())
}
