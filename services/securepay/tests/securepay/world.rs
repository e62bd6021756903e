//! A ledger with some accounts.

use galen_kernel::Clock;
use galen_securepay::ledger::book::Answer;
use galen_securepay::ledger::{
    AccountId, Amount, Group, Operation, Rejection, Request, Stamp, TransferId,
};
use galen_securepay::writer::{Ledger, Mode, Shard};
use galen_securepay::{CHECKS, MIGRATIONS};
use galen_service::SHARED_MIGRATIONS;
use galen_storage::{Db, SchemaSpec};
use galen_testkit::TestDatabase;
use rustix::process::Pid;
use sqlx::{AssertSqlSafe, Row as _};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

const SCHEMA: SchemaSpec = SchemaSpec {
    service: "securepay",
    migrations: MIGRATIONS,
    subscribes: &[],
};

/// Accounts without a limit: where money comes from.
pub(crate) const WORLD: AccountId = AccountId(1);

pub(crate) struct World {
    pub(crate) database: TestDatabase,
    pub(crate) db: Db,
    stopping: CancellationToken,
    _stops: DropGuard,
}

impl World {
    /// One ledger with an account of the world and some wallets, numbered from 2.
    pub(crate) async fn open(wallets: i32) -> Self {
        let database = TestDatabase::new(
            galen_eventing::MIGRATIONS,
            SHARED_MIGRATIONS,
            &[SCHEMA],
            Clock::system(),
        )
        .await;
        let db = database.open("securepay").await;
        sqlx::raw_sql(
            "insert into ledger (id, currency, shard) values (1, 'EUR', 0), (2, 'JPY', 0)",
        )
        .execute(db.pool())
        .await
        .expect("the database answers");
        sqlx::query("insert into account (ledger_id, limits) select 1, least(n, 1)::smallint from generate_series(0, $1) n order by n")
            .bind(wallets)
            .execute(db.pool())
            .await
            .expect("the database answers");
        let stopping = CancellationToken::new();
        Self {
            database,
            db,
            _stops: stopping.clone().drop_guard(),
            stopping,
        }
    }

    pub(crate) fn writer(&self, mode: Mode) -> Ledger {
        Ledger::start(&self.db, Shard(0), mode, self.stopping.child_token())
    }

    /// Nothing is wrong with the ledger, and its chain holds.
    pub(crate) async fn is_sound(&self) {
        // Here accounts are for nothing in particular.
        sqlx::query(
            "insert into account_info (id, public_id, kind, owner_kind, owner_id, currency, opened_at)
             select a.id, gen_random_uuid(), case limits when 0 then 'CLEARING' when 1 then 'WALLET' else 'RECEIVABLE' end,
                    case limits when 1 then 'PATIENT' end, gen_random_uuid(), l.currency, now()
             from account a join ledger l on l.id = a.ledger_id
             on conflict (id) do nothing",
        )
        .execute(self.db.pool())
        .await
        .expect("the database answers");
        for check in CHECKS {
            let wrong: Vec<String> = sqlx::query_scalar(check.sql)
                .fetch_all(self.db.pool())
                .await
                .unwrap_or_else(|error| panic!("{}: {error}", check.name));
            assert!(wrong.is_empty(), "{}: {wrong:?}", check.name);
        }
        assert_eq!(self.broken_link().await, None);
    }

    /// The first batch whose link is not what its postings say.
    pub(crate) async fn broken_link(&self) -> Option<i64> {
        galen_securepay::writer::verify(&self.db, Shard(0))
            .await
            .expect("the database answers")
    }

    pub(crate) async fn number(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql)
            .fetch_one(self.db.pool())
            .await
            .expect("the database answers")
    }

    pub(crate) async fn balance(&self, account: AccountId) -> i64 {
        sqlx::query("select credits_posted - debits_posted as balance from account where id = $1")
            .bind(account.0)
            .fetch_one(self.db.pool())
            .await
            .expect("the database answers")
            .get("balance")
    }

    /// Ends the connections of this ledger's writers; says how many.
    pub(crate) async fn kill_writers(&self) -> i64 {
        self.number(
            "select count(*) filter (where pg_terminate_backend(a.pid))
             from pg_locks l join pg_stat_activity a using (pid)
             where l.locktype = 'advisory' and l.granted and a.pid <> pg_backend_pid()
               and a.datname = current_database()",
        )
        .await
    }

    /// The server's process behind the connection of the only writer that there is.
    pub(crate) async fn server_of_writer(&self) -> Pid {
        let pid = self
            .number(
                "select a.pid::bigint from pg_locks l join pg_stat_activity a using (pid)
                 where l.locktype = 'advisory' and l.granted and a.datname = current_database()",
            )
            .await;
        let pid = i32::try_from(pid).expect("a process id");
        Pid::from_raw(pid).expect("a process")
    }

    /// As a superuser.
    pub(crate) async fn by_force(&self, sql: String) {
        let pool = sqlx::PgPool::connect_with(self.database.admin())
            .await
            .expect("the database answers");
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&pool)
            .await
            .expect("the database answers");
    }
}

pub(crate) fn new_id() -> TransferId {
    TransferId(Uuid::now_v7())
}

pub(crate) fn amount(minor: i64) -> Amount {
    Amount::new(minor).expect("positive")
}

pub(crate) fn request(operation: Operation) -> Request {
    Request {
        id: new_id(),
        operation,
        code: 7,
        reference: None,
    }
}

pub(crate) fn transfer(debit: AccountId, credit: AccountId, minor: i64) -> Request {
    request(Operation::Transfer {
        debit,
        credit,
        amount: amount(minor),
    })
}

pub(crate) fn hold(debit: AccountId, credit: AccountId, minor: i64, end: Option<Stamp>) -> Request {
    request(Operation::Hold {
        debit,
        credit,
        amount: amount(minor),
        expires_at: end,
    })
}

/// The answer to one request, asked again until there is one.
pub(crate) async fn ask(ledger: &Ledger, request: Request) -> Answer {
    for _ in 0..20 {
        if let Ok(answers) = ledger.submit(Group::of(request)).await {
            return answers[0];
        }
    }
    panic!("the ledger does not answer");
}

/// The answers to several that belong together.
pub(crate) async fn ask_all(ledger: &Ledger, requests: Vec<Request>) -> Vec<Answer> {
    ledger
        .submit(Group::new(requests).expect("not empty"))
        .await
        .expect("the ledger answers")
}

pub(crate) fn refused(answer: Answer) -> Rejection {
    answer.expect_err("it is refused")
}
