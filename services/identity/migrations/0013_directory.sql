-- Whom the hospital's directory means by a subject. Never found by an e-mail address:
-- whoever may choose theirs in the directory could choose somebody's account here.
create table directory_identity (
    issuer text not null constraint directory_identity_issuer_length check (char_length(issuer) between 1 and 500),
    subject text not null constraint directory_identity_subject_form check (subject ~ '^[ -~]{1,255}$'),
    -- An account is made after this: what makes it is bound first, once.
    account_id uuid not null references account deferrable initially deferred,
    -- PROVISIONED: made at the first login; the directory decides on its roles.
    -- LINKED: an administrator's doing; its roles are given here.
    origin text not null constraint directory_identity_origin_known check (origin in ('PROVISIONED', 'LINKED')),
    linked_at timestamptz not null,
    primary key (issuer, subject),
    constraint directory_identity_account_key unique (account_id, issuer)
);

-- Logins that were begun and may still end.
create table directory_login (
    -- SHA-256 of the state; nonce and code verifier follow from it and the browser's
    -- cookie, and are nowhere.
    state bytea primary key constraint directory_login_state_sha256 check (octet_length(state) = 32),
    browser bytea not null constraint directory_login_browser_sha256 check (octet_length(browser) = 32),
    started_at timestamptz not null
);
create index directory_login_age on directory_login (started_at);
