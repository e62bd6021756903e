-- What customers pay before anything is done for them.

alter table account_info drop constraint account_info_kind_check;
alter table account_info add constraint account_info_kind_check check (kind in (
    'WALLET', 'RECEIVABLE', 'REVENUE', 'WRITE_OFF', 'CASH', 'BANK', 'CLEARING', 'SUSPENSE', 'CASH_VARIANCE', 'EQUITY', 'DEPOSIT'));
