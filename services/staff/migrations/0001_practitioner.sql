-- Practitioners: who they are and where they belong.

create table practitioner (
    id uuid primary key,
    given_name text not null check (length(given_name) between 1 and 100),
    family_name text not null check (length(family_name) between 1 and 100),
    -- The names without case and accents: the order of lists and what is searched.
    given_key text collate "C" not null,
    family_key text collate "C" not null,
    email text check (length(email) between 3 and 254),
    specialty text not null check (length(specialty) between 1 and 100),
    specialty_key text collate "C" not null,
    license_number text not null check (length(license_number) between 1 and 64),
    department text not null check (length(department) between 1 and 200),
    user_id uuid,
    active boolean not null default true,
    version bigint not null default 1 check (version > 0),
    registered_at timestamptz not null,
    constraint license_number_once unique (license_number),
    constraint user_linked_once unique (user_id)
);

create index practitioner_by_name on practitioner (family_key, given_key, id);
create index practitioner_by_specialty on practitioner (specialty_key, family_key, given_key, id);

-- Numbers that other systems know a practitioner by.
create table practitioner_identifier (
    practitioner_id uuid not null,
    system text not null check (length(system) between 1 and 255),
    value text not null check (length(value) between 1 and 255),
    constraint identifier_once primary key (system, value),
    -- Checked at commit, so that a known identifier is found out before a known
    -- licence number: who imports twice asks about identifiers.
    constraint identifier_of_practitioner foreign key (practitioner_id) references practitioner (id) deferrable initially deferred
);

create index practitioner_identifier_by_practitioner on practitioner_identifier (practitioner_id);
