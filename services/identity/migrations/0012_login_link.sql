-- Links may also log their holder in. Those live for minutes, so that their time
-- limit is one that the database can hold as well.
alter table credential_link drop constraint credential_link_purpose_known;
alter table credential_link add constraint credential_link_purpose_known
    check (purpose in ('SET_PASSWORD', 'RESET_PASSWORD', 'LOG_IN'));
alter table credential_link add constraint credential_link_login_is_short check (
    purpose <> 'LOG_IN'
    or (mintable_until <= requested_at + interval '15 minutes'
        and (expires_at is null or expires_at <= requested_at + interval '30 minutes')));
