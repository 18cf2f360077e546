-- +goose NO TRANSACTION
-- +goose Up

-- The next migration makes what is in these tables the first partition of a table of the same name. To take it for granted that all of it is from
-- before the first month that gets a partition of its own, PostgreSQL wants to have seen it: it looks here, while others go on writing.
-- +goose StatementBegin
DO $$
DECLARE
    -- The month after next: who writes while this runs, in whatever time zone his clock is, stays below it.
    bound text := regexp_replace(lpad(to_hex((extract(epoch FROM date_trunc('month', now() AT TIME ZONE 'UTC') + interval '2 months') * 1000)::bigint), 12, '0'), '(.{8})(.{4})', '\1-\2-7000-8000-000000000000');
BEGIN
    EXECUTE 'ALTER TABLE events DROP CONSTRAINT IF EXISTS events_bound_check';
    EXECUTE 'ALTER TABLE sync_job_items DROP CONSTRAINT IF EXISTS sync_job_items_bound_check';
    EXECUTE format('ALTER TABLE events ADD CONSTRAINT events_bound_check CHECK (id < %L::uuid) NOT VALID', bound);
    EXECUTE format('ALTER TABLE sync_job_items ADD CONSTRAINT sync_job_items_bound_check CHECK (job_id < %L::uuid) NOT VALID', bound);
END $$;
-- +goose StatementEnd
ALTER TABLE events VALIDATE CONSTRAINT events_bound_check;
ALTER TABLE sync_job_items VALIDATE CONSTRAINT sync_job_items_bound_check;
