-- What a merge of two patient records did to an account, so that undoing the merge
-- can undo it.
create table merge_effect (
    merge_id uuid primary key,
    account_id uuid not null references account,
    survivor_id uuid not null,
    retired_id uuid not null,
    effect text not null constraint merge_effect_known check (effect in ('REPOINTED', 'LOCKED', 'UNLINKED')),
    constraint merge_effect_of_two check (survivor_id <> retired_id)
);
