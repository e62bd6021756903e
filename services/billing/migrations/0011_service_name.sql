-- What a service is called on invoices, beside its code.
alter table tariff add column name text check (length(name) between 1 and 120);
