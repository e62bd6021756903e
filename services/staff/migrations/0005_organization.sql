-- Organisations: who provides care here and who pays for it.

create table organization (
    id uuid primary key,
    name text not null check (length(name) between 1 and 200),
    -- The name without case and accents: the order of lists and what is searched.
    name_key text collate "C" not null,
    kind text not null check (kind in ('PROVIDER', 'PAYER', 'OTHER')),
    phone text check (length(phone) between 1 and 40),
    address jsonb,
    version bigint not null default 1 check (version > 0),
    registered_at timestamptz not null
);

create index organization_by_name on organization (name_key, id);

-- Numbers that other systems know an organisation by.
create table organization_identifier (
    organization_id uuid not null,
    system text not null check (length(system) between 1 and 255),
    value text not null check (length(value) between 1 and 255),
    constraint organization_identifier_once primary key (system, value),
    constraint identifier_of_organization foreign key (organization_id) references organization (id) deferrable initially deferred
);

create index organization_identifier_by_organization on organization_identifier (organization_id);
