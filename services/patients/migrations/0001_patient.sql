-- Patients: one row per medical record, found by number, name, contact and identifier.

-- ISO/IEC 7064 MOD 97-10 over prefix, number and check digits, letters counting from
-- A = 10, as in an IBAN. The same rule as `mrn/model.rs`; kept here so that no writer
-- can store a number that a typing error could have made.
create function mrn_is_valid(mrn text) returns boolean
    language sql immutable parallel safe
    return case
        when mrn ~ '^[A-Z]{1,4}-([0-9]{7}|[1-9][0-9]{7,9})-[0-9]{2}$' then
            (
                select string_agg(case when letter between '0' and '9' then letter else (ascii(letter) - 55)::text end, '' order by place)::numeric % 97
                from unnest(string_to_array(replace(mrn, '-', ''), null)) with ordinality as letters (letter, place)
            ) = 1
        else false
    end;

-- One row per facility. Numbers are taken in blocks outside the registering
-- transaction: registrations do not queue behind each other, numbers may be
-- skipped and are never used twice.
create table mrn_series (
    prefix text primary key check (prefix ~ '^[A-Z]{1,4}$'),
    next bigint not null default 1 check (next between 1 and 10000000000)
);

create table patient (
    id uuid primary key,
    mrn text not null constraint patient_mrn_unique unique constraint patient_mrn_valid check (mrn_is_valid(mrn)),
    given_name text not null check (length(given_name) between 1 and 100),
    family_name text not null check (length(family_name) between 1 and 100),
    birth_date date not null check (birth_date >= date '1850-01-01'),
    sex text not null check (sex in ('MALE', 'FEMALE', 'OTHER', 'UNKNOWN')),
    email text check (length(email) between 3 and 254),
    phone text check (length(phone) between 1 and 40),
    address_line text check (length(address_line) between 1 and 200),
    address_city text check (length(address_city) between 1 and 100),
    address_state text check (length(address_state) between 1 and 100),
    address_postal_code text check (length(address_postal_code) between 1 and 20),
    address_country text check (address_country ~ '^[A-Z]{2}$'),
    national_id text check (length(national_id) between 1 and 64),
    language text check (length(language) between 2 and 35),
    deceased_at timestamptz,
    -- What searching and comparing use: folded by `patient/name.rs` and
    -- `patient/contact.rs`, bytewise ordered.
    given_key text collate "C" not null check (length(given_key) between 1 and 200),
    family_key text collate "C" not null check (length(family_key) between 1 and 200),
    -- The words of the name after the first word of the family name. Searched apart from
    -- the family name, because lists are in its order: see `patient/index.rs`.
    further_tokens text collate "C" not null generated always as (substr(family_key, strpos(family_key || ' ', ' ')) || ' ' || given_key) stored,
    has_several_further boolean not null generated always as (family_key || given_key like '% %') stored,
    email_key text collate "C",
    phone_key text collate "C",
    national_id_key text collate "C",
    -- The account of the person, in the identity context.
    user_id uuid,
    -- Where the record points after a merge: the folded `merge_event`s of this record.
    merged_into uuid references patient,
    deactivated_at timestamptz,
    deactivation_reason text check (length(deactivation_reason) between 1 and 500),
    registered_at timestamptz not null,
    version bigint not null default 1 check (version > 0),
    status text not null generated always as (
        case
            when merged_into is not null then 'MERGED'
            when deactivated_at is not null then 'INACTIVE'
            when deceased_at is not null then 'DECEASED'
            else 'ACTIVE'
        end
    ) stored,
    constraint patient_not_merged_into_itself check (merged_into <> id),
    check ((email is null) = (email_key is null)),
    check ((phone is null) = (phone_key is null)),
    check ((national_id is null) = (national_id_key is null)),
    check ((address_line is null) = (address_city is null)),
    check (address_line is not null or (address_state is null and address_postal_code is null and address_country is null)),
    check ((deactivated_at is null) = (deactivation_reason is null))
);

-- The order of every list of patients.
create index patient_by_name on patient (family_key, given_key, id);
-- Without a pending list, which every search would have to read after an import.
create index patient_by_further_token on patient using gin (further_tokens gin_trgm_ops) with (fastupdate = off);
create index patient_by_several_tokens on patient using gin (further_tokens gin_trgm_ops) with (fastupdate = off) where has_several_further;
-- Partial, so that they do not count as keys: a record that gets its account must not
-- wait for others that merely refer to the record, nor they for it.
create unique index patient_national_id_unique on patient (national_id_key) where national_id_key is not null;
create unique index patient_user_unique on patient (user_id) where user_id is not null;
create index patient_by_birth_date on patient (birth_date);
create index patient_by_email on patient (email_key) where email_key is not null;
create index patient_by_phone on patient (phone_key) where phone_key is not null;
create index patient_by_merge on patient (merged_into) where merged_into is not null;
-- Blocking of the duplicate finder: names that begin alike, born in the same year.
create index patient_by_name_beginning on patient (left(family_key, 3), birth_date);

-- Numbers that other systems know the person by: what makes an import repeatable.
create table patient_identifier (
    patient_id uuid not null references patient,
    system text not null check (length(system) between 1 and 255),
    value text not null check (length(value) between 1 and 255),
    constraint patient_identifier_unique primary key (system, value)
);
create index on patient_identifier (patient_id);
