-- Roles that the hospital makes itself. They are not deleted: accounts have them.
create table custom_role (
    name text primary key
        constraint custom_role_name_form check (name ~ '^[A-Z][A-Z0-9_]{2,39}$')
        constraint custom_role_name_free check (
            name not in ('ADMIN', 'RECEPTIONIST', 'DOCTOR', 'NURSE', 'LAB_TECHNICIAN', 'PHARMACIST',
                         'BILLING', 'OPERATOR', 'AUDITOR', 'PATIENT', 'CUSTOM')),
    description text not null constraint custom_role_description_length check (char_length(description) between 1 and 500),
    version bigint not null default 1 constraint custom_role_version_positive check (version > 0)
);

-- What they permit, and how far. The permissions are those of the code.
create table custom_role_grant (
    role text not null constraint custom_role_grant_role references custom_role,
    permission text not null constraint custom_role_grant_permission_form check (permission ~ '^[A-Z_]{1,64}$'),
    reach text not null constraint custom_role_grant_reach_known check (reach in ('OWN', 'CARE', 'ANY')),
    primary key (role, permission)
);

-- An account has built-in roles and custom ones. That a custom one exists is looked up
-- when it is given, and roles stay; `galen verify` looks again.
alter table account drop constraint account_roles_known;
alter table account add constraint account_roles_form check (
    cardinality(roles) > 0
    and array_to_string(roles, ' ', '-') ~ '^[A-Z][A-Z0-9_]{2,39}( [A-Z][A-Z0-9_]{2,39})*$');
