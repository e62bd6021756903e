-- What messages say. A version is never edited; another one is activated instead,
-- so that a sent message can always be read as it was sent.
create table template (
    id uuid primary key,
    name text not null check (name ~ '^[A-Z][A-Z_]{2,62}$'),
    channel text not null check (channel in ('EMAIL', 'SMS', 'IN_APP')),
    locale text not null check (locale ~ '^[a-z]{2,3}(-[A-Z]{2})?$'),
    number integer not null check (number >= 1),
    subject text not null check (length(subject) <= 200),
    body text not null check (length(body) between 1 and 10000),
    active boolean not null,
    created_at timestamptz not null,
    -- The account that uploaded it; null for the texts that Galen brings.
    created_by uuid,
    version bigint not null check (version >= 1),
    unique (name, channel, locale, number),
    -- An SMS has no subject; everything else needs one.
    check ((channel = 'SMS') = (subject = ''))
);

create unique index template_active on template (name, channel, locale) where active;
