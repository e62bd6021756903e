//! Ten thousand guesses from many addresses at one account, and ten thousand from one
//! address at many accounts, while others log in.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::hospital::Hospital;
use crate::plain::{Answer, Line};
use crate::world::expect_status;

const LOGIN: &str = "/api/v1/auth/login";
const PASSWORD: &str = "a long enough password";
const GUESSES: usize = 10_000;
/// Attackers at a time.
const HANDS: usize = 16;
/// Others, each with an address of their own.
const OTHERS: u8 = 8;
/// How often each of them logs in; within the limits of an address.
const PACE: Duration = Duration::from_millis(1100);
const VICTIM: &str = "victim";
const HOME: Ipv4Addr = Ipv4Addr::new(127, 10, 0, 1);
const ATTACKER: Ipv4Addr = Ipv4Addr::new(127, 66, 6, 6);

/// Guesses are slowed as designed, whatever headers say, and the right password does not
/// help during a pause; whoever is guessed at and everybody else log in meanwhile.
pub(crate) async fn guesses_are_slowed_while_others_log_in() {
    let hospital = Hospital::with_limits();
    let base: Arc<str> = hospital.base().into();
    let admin = hospital.admin().await;
    let others = (0..OTHERS).map(|n| (format!("other-{n}"), Ipv4Addr::new(127, 20, 0, n + 1)));
    let people: Vec<_> = others.chain([(VICTIM.to_owned(), HOME)]).collect();
    for (name, _) in &people {
        let body = json!({ "username": name, "password": PASSWORD, "roles": ["NURSE"] });
        let made = admin.post("/api/v1/users", &body).await.expect("an answer");
        expect_status(&made, 201);
    }

    let before = Daily::begin(&base, &people);
    tokio::time::sleep(PACE * 4).await;
    let before = before.end().await;

    // Of the many, each comes once and says that they are at the victim's home.
    let daily = Daily::begin(&base, &people);
    let from_many = attack(&base, |n| Guess {
        from: Ipv4Addr::from_bits(0x7f40_0000 + u32::try_from(n).expect("few")),
        username: VICTIM.to_owned(),
        headers: lies(HOME),
        keep: false,
    });
    let from_many = from_many.await;
    let during_many = daily.end().await;
    let stranger = Ipv4Addr::new(127, 99, 0, 1);
    right_password_is_refused(&base, stranger, VICTIM, VICTIM).await;

    // The one says each time that they are somebody else.
    let daily = Daily::begin(&base, &people);
    let from_one = attack(&base, |n| Guess {
        from: ATTACKER,
        username: format!("account-{n}"),
        headers: lies(Ipv4Addr::from_bits(
            0x0a00_0000 + u32::try_from(n).expect("few"),
        )),
        keep: true,
    });
    let from_one = from_one.await;
    let during_one = daily.end().await;
    right_password_is_refused(&base, ATTACKER, "nobody", "other-0").await;
    // The password was right.
    let elsewhere = Ipv4Addr::new(127, 99, 0, 2);
    assert_eq!(
        log_in(&base, elsewhere, "other-0", PASSWORD).await.status,
        200
    );

    println!(
        "brute force: {GUESSES} guesses from {GUESSES} addresses at one account: {from_many}; others' logins {}",
        during_many.against(&before)
    );
    println!(
        "brute force: {GUESSES} guesses from one address at {GUESSES} accounts: {from_one}; others' logins {}",
        during_one.against(&before)
    );
    assert_eq!(from_many.answered(), GUESSES);
    assert_eq!(from_one.answered(), GUESSES);
    from_many.is_within(4);
    from_one.is_within(20);
    for during in [&during_many, &during_one] {
        assert!(
            during.took.len() >= usize::from(OTHERS),
            "{:?}",
            during.took
        );
        // Generous: the attackers take their time from the same two cores.
        assert!(
            during.percentile(95) < Duration::from_secs(5),
            "{:?}",
            during.took
        );
    }
    let (holds, report) = hospital.verify();
    assert!(holds, "{report}");
}

fn lies(address: Ipv4Addr) -> String {
    format!(
        "X-Forwarded-For: {address}\r\nForwarded: for={address}\r\nX-Real-IP: {address}\r\nX-Client-IP: {address}\r\n"
    )
}

async fn log_in(base: &str, from: Ipv4Addr, username: &str, password: &str) -> Answer {
    let mut line = Line::open(base, from).await.expect("a connection");
    let body = json!({ "username": username, "password": password });
    line.post(LOGIN, "", &body).await.expect("an answer")
}

/// One guess of an attack.
struct Guess {
    from: Ipv4Addr,
    username: String,
    headers: String,
    /// Whether the connection serves for the next one.
    keep: bool,
}

/// What became of the guesses.
#[derive(Debug)]
struct Attack {
    /// Took a turn to hash and were wrong.
    hashed: usize,
    /// Were told to wait by the pauses …
    paused: usize,
    /// … and by the limits of the edge.
    limited: usize,
    took: Duration,
}

async fn attack(base: &Arc<str>, guess: impl Fn(usize) -> Guess + Copy + Send + 'static) -> Attack {
    let next = Arc::<AtomicUsize>::default();
    let mut hands = JoinSet::new();
    let began = Instant::now();
    for _ in 0..HANDS {
        let (base, next) = (Arc::clone(base), Arc::clone(&next));
        hands.spawn(async move {
            let (mut codes, mut kept) = (Vec::new(), None);
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= GUESSES {
                    return codes;
                }
                let guess = guess(n);
                let mut line = match kept.take() {
                    Some(line) => line,
                    None => Line::open(&base, guess.from).await.expect("a connection"),
                };
                let body = json!({ "username": guess.username, "password": format!("guess {n}") });
                let answer = line.post(LOGIN, &guess.headers, &body).await;
                codes.push(answer.expect("an answer").code());
                kept = guess.keep.then_some(line);
            }
        });
    }
    let codes = hands.join_all().await.concat();
    let count = |code: &str| codes.iter().filter(|known| *known == code).count();
    Attack {
        hashed: count("INVALID_CREDENTIALS"),
        paused: count("TOO_MANY_ATTEMPTS"),
        limited: count("TOO_MANY_REQUESTS"),
        took: began.elapsed(),
    }
}

impl Attack {
    const fn answered(&self) -> usize {
        self.hashed + self.paused + self.limited
    }

    /// After the free ones, pauses of 1, 2, 4 … seconds are between those that are
    /// hashed; where one is hashed, others may be beside it, one on each core.
    #[track_caller]
    fn is_within(&self, free: usize) {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let pauses = (self.took.as_secs_f64() + 1.0).log2().ceil();
        let most = free + cores * (1 + pauses as usize);
        assert!(self.hashed <= most, "{self}, more than {most}");
        assert!(self.hashed > free, "{self}: hardly anything was tried");
    }
}

impl std::fmt::Display for Attack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            hashed,
            paused,
            limited,
            took,
        } = self;
        write!(
            f,
            "{hashed} took a turn, {paused} were paused, {limited} limited, in {took:.1?}"
        )
    }
}

/// Shows the right password from where there is a pause.
async fn right_password_is_refused(base: &str, from: Ipv4Addr, guessed: &str, right: &str) {
    loop {
        let guess = log_in(base, from, guessed, "wrong").await;
        let wait = Duration::from_secs(guess.retry_after());
        match guess.code().as_str() {
            // Long enough for the limits of the edge to let the next one pass.
            "TOO_MANY_ATTEMPTS" if wait > Duration::from_secs(4) => break,
            "TOO_MANY_ATTEMPTS" | "TOO_MANY_REQUESTS" => tokio::time::sleep(wait).await,
            "INVALID_CREDENTIALS" => {}
            other => panic!("{other}: {guess:?}"),
        }
    }
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let answer = log_in(base, from, right, PASSWORD).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (429, "TOO_MANY_ATTEMPTS")
    );
}

/// People who log in now and again, as every day.
struct Daily {
    over: Arc<AtomicBool>,
    people: JoinSet<Vec<Duration>>,
}

/// How long they took.
#[derive(Debug)]
struct Waits {
    took: Vec<Duration>,
}

impl Daily {
    fn begin(base: &Arc<str>, people: &[(String, Ipv4Addr)]) -> Self {
        let over = Arc::<AtomicBool>::default();
        let mut working = JoinSet::new();
        for (number, (name, from)) in (0..).zip(people.to_owned()) {
            let (base, over) = (Arc::clone(base), Arc::clone(&over));
            working.spawn(async move {
                // Not all at once.
                tokio::time::sleep(PACE / u32::from(OTHERS) * number).await;
                let mut took = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    let began = Instant::now();
                    let answer = log_in(&base, from, &name, PASSWORD).await;
                    took.push(began.elapsed());
                    assert_eq!(answer.status, 200, "{name}: {answer:?}");
                    let tokens: Value = serde_json::from_str(&answer.body).expect("JSON");
                    assert!(tokens["accessToken"].is_string());
                    tokio::time::sleep(PACE.saturating_sub(began.elapsed())).await;
                }
                took
            });
        }
        Self {
            over,
            people: working,
        }
    }

    async fn end(self) -> Waits {
        self.over.store(true, Ordering::Relaxed);
        let mut took = self.people.join_all().await.concat();
        took.sort_unstable();
        Waits { took }
    }
}

impl Waits {
    fn percentile(&self, percent: usize) -> Duration {
        self.took[(self.took.len() - 1) * percent / 100]
    }

    fn against(&self, before: &Self) -> String {
        let ratio = |percent| {
            let (now, then) = (self.percentile(percent), before.percentile(percent));
            format!(
                "p{percent} {now:.0?} (×{:.1} of {then:.0?})",
                now.as_secs_f64() / then.as_secs_f64()
            )
        };
        format!(
            "all {} got in, {}, {}",
            self.took.len(),
            ratio(50),
            ratio(95)
        )
    }
}
