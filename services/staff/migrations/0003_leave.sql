-- Leave: asked for, decided, withdrawn.

create table leave_request (
    id uuid primary key,
    practitioner_id uuid not null references practitioner (id),
    kind text not null check (kind in ('VACATION', 'SICK', 'TRAINING', 'PARENTAL', 'OTHER')),
    reason text check (length(reason) between 1 and 500),
    start_at timestamptz not null,
    end_at timestamptz not null,
    status text not null check (status in ('REQUESTED', 'APPROVED', 'REJECTED', 'WITHDRAWN')),
    requested_by uuid not null,
    requested_at timestamptz not null,
    decided_by uuid,
    decided_at timestamptz,
    withdrawn_at timestamptz,
    version bigint not null default 1 check (version > 0),
    constraint leave_order check (end_at > start_at),
    constraint leave_decision check ((decided_by is null) = (decided_at is null)),
    constraint leave_decided check (
        case status
            when 'REQUESTED' then decided_at is null
            when 'APPROVED' then decided_at is not null
            when 'REJECTED' then decided_at is not null
            else true
        end
    ),
    constraint leave_withdrawn check ((status = 'WITHDRAWN') = (withdrawn_at is not null)),
    constraint leave_overlap exclude using gist (practitioner_id with =, tstzrange(start_at, end_at) with &&)
        where (status in ('REQUESTED', 'APPROVED'))
);

create index leave_request_by_practitioner on leave_request (practitioner_id, start_at, id);
