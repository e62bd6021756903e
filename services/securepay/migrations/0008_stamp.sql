-- Postings are read along their stamps while they are written: by whoever tells others of
-- payments, and by whoever follows the chain. A BRIN index knows nothing of what was
-- written since the last vacuum, which then is read as a whole; stamps come in order, so
-- that a B-tree costs little more than its size.
drop index posting_by_stamp;
create index posting_by_stamp on posting (at);
