-- The Merkle tree over the entries (RFC 6962): which entry is which leaf, and the
-- hashes of all complete subtrees, which never change once they are there.

create table leaf (
    index bigint      primary key check (index >= 0),
    seq   bigint      not null unique,
    hash  bytea       not null check (octet_length(hash) = 32),
    -- Of the entry, to search by. The entry is what counts.
    kind  text        not null,
    at    timestamptz not null
);
create index leaf_kind on leaf (kind, index);
create index leaf_at on leaf (at);

-- From level 1 on; level 0 are the leaves.
create table subtree (
    level smallint not null check (level between 1 and 62),
    index bigint   not null check (index >= 0),
    hash  bytea    not null check (octet_length(hash) = 32),
    primary key (level, index)
);

-- Whom and what an entry names, to search by: an account, a patient, a thing.
create table mention (
    name  text   not null,
    index bigint not null,
    primary key (name, index)
);

create trigger append_only before update or delete or truncate on leaf
for each statement execute function refuse_change();
create trigger append_only before update or delete or truncate on subtree
for each statement execute function refuse_change();
create trigger append_only before update or delete or truncate on mention
for each statement execute function refuse_change();
revoke update, delete, truncate on leaf, subtree, mention from current_user;

-- How far the tree has come. Derived: the verifier does not look at it.
create table progress (
    one          boolean primary key default true check (one),
    size         bigint  not null check (size >= 0),
    -- Every entry that was drawn below has its leaf, or will never be.
    floor        bigint  not null,
    -- Everything up to this number was drawn by transactions older than this one.
    drawn        bigint  not null,
    drawn_before xid8    not null,
    -- Transaction ids mean nothing in another cluster.
    system       bigint  not null
);

insert into progress (size, floor, drawn, drawn_before, system)
select 0, 1, 0, pg_current_xact_id(), system_identifier from pg_control_system();

-- Signed tree heads: what the hospital has committed itself to.
create table head (
    size       bigint      primary key check (size > 0),
    at         timestamptz not null,
    root       bytea       not null check (octet_length(root) = 32),
    -- The signed note, as it was published.
    note       text        not null
);

create trigger append_only before update or delete or truncate on head
for each statement execute function refuse_change();
revoke update, delete, truncate on head from current_user;
