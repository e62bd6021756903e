-- When and how the owner of a session last showed who they are. The defaults are for
-- sessions that an earlier version of the program opens, which knows passwords only.
alter table session
    add column authenticated_at timestamptz not null default now(),
    add column methods text[] not null default '{pwd}'
        constraint session_methods_known check (
            cardinality(methods) > 0 and methods <@ array['pwd', 'otp', 'hwk', 'mail', 'fed']);
update session set authenticated_at = created_at;
