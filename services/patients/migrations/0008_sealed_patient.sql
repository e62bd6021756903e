-- Who a patient is, is sealed: the person in one column, found through blind indexes.
--
-- Only the service has the keys. What was stored before waits in `patient_in_clear`
-- until the service starts next, seals it and drops that table with everything the
-- database knows about it (`patient/sealing.rs`). Writing the table of patients anew,
-- which the generated column does, leaves nothing of the dropped columns in its files.

create table patient_in_clear as
select p.id,
       jsonb_build_object(
           'form', '1',
           'givenName', p.given_name,
           'familyName', p.family_name,
           'birthDate', p.birth_date,
           'sex', p.sex,
           'email', p.email,
           'phone', p.phone,
           'address', case when p.address_line is not null then jsonb_build_object(
               'line', p.address_line,
               'city', p.address_city,
               'state', p.address_state,
               'postalCode', p.address_postal_code,
               'country', p.address_country) end,
           'nationalId', p.national_id,
           'language', p.language,
           'deceasedAt', to_char(p.deceased_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
           'identifiers', (select coalesce(jsonb_agg(jsonb_build_object('system', i.system, 'value', i.value) order by i.system, i.value), '[]')
                           from patient_identifier i where i.patient_id = p.id),
           'deactivationReason', p.deactivation_reason
       ) as person
from patient p;
alter table patient_in_clear add primary key (id);

alter table patient add column is_deceased boolean not null default false;
update patient set is_deceased = true where deceased_at is not null;

alter table patient
    drop column status,
    drop column further_tokens,
    drop column has_several_further,
    drop column given_name,
    drop column family_name,
    drop column given_key,
    drop column family_key,
    drop column birth_date,
    drop column sex,
    drop column email,
    drop column email_key,
    drop column phone,
    drop column phone_key,
    drop column address_line,
    drop column address_city,
    drop column address_state,
    drop column address_postal_code,
    drop column address_country,
    drop column national_id,
    drop column national_id_key,
    drop column language,
    drop column deceased_at,
    drop column deactivation_reason,
    -- The person (`patient/person.rs`), sealed with the key of the row's own id.
    add column demographics bytea check (octet_length(demographics) >= 45),
    -- Blind indexes (`patient/blind.rs`).
    add column national_id_index bytea check (octet_length(national_id_index) = 16),
    add column email_index bytea check (octet_length(email_index) = 16),
    add column phone_index bytea check (octet_length(phone_index) = 16),
    add column birth_date_index bytea check (octet_length(birth_date_index) = 16),
    -- The whole name, and how the family name begins with the year of birth: for
    -- likely duplicates only.
    add column name_index bytea check (octet_length(name_index) = 16),
    add column beginning_index bytea check (octet_length(beginning_index) = 16),
    -- Not valid yet for the rows whose person is still in the clear.
    add constraint patient_is_sealed check (demographics is not null) not valid,
    add column status text not null generated always as (
        case
            when merged_into is not null then 'MERGED'
            when deactivated_at is not null then 'INACTIVE'
            when is_deceased then 'DECEASED'
            else 'ACTIVE'
        end
    ) stored;

create unique index patient_national_id_unique on patient (national_id_index) where national_id_index is not null;
create index patient_by_birth_date on patient (birth_date_index);
create index patient_by_email on patient (email_index) where email_index is not null;
create index patient_by_phone on patient (phone_index) where phone_index is not null;
create index patient_by_name on patient (name_index);
create index patient_by_beginning on patient (beginning_index);

-- How the words of names begin, blindly. Ordered as lists are, so that a search reads
-- as much as it shows.
create table patient_name_token (
    token bytea not null check (octet_length(token) = 8),
    patient_id uuid not null references patient,
    primary key (token, patient_id)
);

-- The numbers themselves are sealed with the person.
drop table patient_identifier;
create table patient_identifier (
    identifier_index bytea constraint patient_identifier_unique primary key check (octet_length(identifier_index) = 16),
    patient_id uuid not null references patient
);
create index on patient_identifier (patient_id);
