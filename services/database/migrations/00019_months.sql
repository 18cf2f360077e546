-- +goose Up

-- The timeline and what sync jobs did grow with history, and are read by order and by job. They are cut by months: an id is a UUIDv7 and begins with
-- its time, so the ranges are of ids, the keys stay what they were, and whoever knows an id knows the month. What is there becomes the first
-- part as it stands.

-- The first id of a month; the same as database.IDBefore.
-- +goose StatementBegin
CREATE FUNCTION first_id_of(month timestamp) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT regexp_replace(lpad(to_hex((extract(epoch FROM month) * 1000)::bigint), 12, '0'), '(.{8})(.{4})', '\1-\2-7000-8000-000000000000')::uuid
$$;
-- +goose StatementEnd

ALTER TABLE events RENAME TO events_before;
ALTER TABLE events_before RENAME CONSTRAINT events_pkey TO events_before_pkey;
ALTER INDEX events_order RENAME TO events_before_order;
ALTER TABLE sync_job_items RENAME TO sync_job_items_before;
ALTER TABLE sync_job_items_before RENAME CONSTRAINT sync_job_items_pkey TO sync_job_items_before_pkey;
ALTER INDEX sync_job_items_open RENAME TO sync_job_items_before_open;

CREATE TABLE events (LIKE events_before INCLUDING DEFAULTS,
    CONSTRAINT events_pkey PRIMARY KEY (merchant_id, id),
    CONSTRAINT events_source_check CHECK (source IN ('webhook', 'push', 'poll', 'sweep', 'manual', 'person', 'engine'))
) PARTITION BY RANGE (id);
CREATE INDEX events_order ON events (merchant_id, order_id, id);
CREATE TABLE sync_job_items (LIKE sync_job_items_before INCLUDING DEFAULTS,
    CONSTRAINT sync_job_items_pkey PRIMARY KEY (merchant_id, job_id, order_id),
    CONSTRAINT sync_job_items_job_fkey FOREIGN KEY (merchant_id, job_id) REFERENCES sync_jobs (merchant_id, id),
    CONSTRAINT sync_job_items_order_fkey FOREIGN KEY (merchant_id, order_id) REFERENCES orders (merchant_id, id),
    CONSTRAINT sync_job_items_outcome_check CHECK (outcome IN ('', 'changed', 'unchanged', 'refused', 'unreachable')),
    CONSTRAINT sync_job_items_before_check CHECK (before IN ('', 'pending', 'awaiting_order', 'awaiting_payment', 'awaiting_shipment', 'fulfilled', 'closed')),
    CONSTRAINT sync_job_items_after_check CHECK (after IN ('', 'pending', 'awaiting_order', 'awaiting_payment', 'awaiting_shipment', 'fulfilled', 'closed'))
) PARTITION BY RANGE (job_id);
CREATE INDEX sync_job_items_open ON sync_job_items (merchant_id, job_id, order_id) WHERE outcome = '';
SELECT build_tenant_wall('events');
SELECT build_tenant_wall('sync_job_items');

-- +goose StatementBegin
DO $$
DECLARE
    bound uuid := first_id_of(date_trunc('month', now() AT TIME ZONE 'UTC') + interval '2 months');
BEGIN
    EXECUTE format('ALTER TABLE events ATTACH PARTITION events_before FOR VALUES FROM (MINVALUE) TO (%L)', bound);
    EXECUTE format('ALTER TABLE sync_job_items ATTACH PARTITION sync_job_items_before FOR VALUES FROM (MINVALUE) TO (%L)', bound);
END $$;
-- +goose StatementEnd

-- What no month has been made for is not lost: nobody's write fails because of a partition that is not there.
CREATE TABLE events_other PARTITION OF events DEFAULT;
CREATE TABLE sync_job_items_other PARTITION OF sync_job_items DEFAULT;
SELECT build_tenant_wall('events_other');
SELECT build_tenant_wall('sync_job_items_other');

-- Makes a table's parts of the coming months, each behind the wall, and drops those that ended longer than kept ago (NULL: none). It says what it
-- made and dropped. The program works as somebody who owns nothing, so it calls this, which works as the owner: that is why it takes the two tables
-- only, and throws nothing away that is younger than 90 days. It waits for a lock for a moment only: there is another hour.
-- +goose StatementBegin
DO $do$
BEGIN
    EXECUTE format($sql$
CREATE FUNCTION keep_months(parent regclass, kept interval) RETURNS text[] LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, %1$I, pg_temp SET lock_timeout = '1s' AS $$
DECLARE
    name text := (SELECT relname FROM pg_class WHERE oid = parent);
    month timestamp;
    part record;
    done text[] := '{}';
BEGIN
    IF parent NOT IN ('%1$I.events'::regclass, '%1$I.sync_job_items'::regclass) OR kept < interval '90 days' THEN
        RAISE EXCEPTION 'keep_months: %% is not kept by months, or for no shorter than 90 days', parent USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF NOT pg_try_advisory_xact_lock(7241306656) THEN -- another process is at it
        RETURN done;
    END IF;
    FOR ahead IN 0..3 LOOP
        month := date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead);
        CONTINUE WHEN to_regclass(format('%1$I.%%I', name || to_char(month, '_YYYY_MM'))) IS NOT NULL
            OR EXISTS (SELECT 1 FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = parent AND pg_get_expr(c.relpartbound, c.oid) LIKE 'FOR VALUES FROM (MINVALUE)%%'
                AND substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''(.*)''\)')::uuid > first_id_of(month));
        BEGIN
            EXECUTE format('CREATE TABLE %1$I.%%I (LIKE %%s INCLUDING ALL)', name || to_char(month, '_YYYY_MM'), parent);
            PERFORM build_tenant_wall(format('%1$I.%%I', name || to_char(month, '_YYYY_MM'))::regclass);
            EXECUTE format('ALTER TABLE %%s ATTACH PARTITION %1$I.%%I FOR VALUES FROM (%%L) TO (%%L)', parent, name || to_char(month, '_YYYY_MM'), first_id_of(month), first_id_of(month + interval '1 month'));
            done := done || ('+' || name || to_char(month, '_YYYY_MM'));
        EXCEPTION WHEN check_violation THEN NULL; -- something of that month lies with the others already: it stays there, and so does the rest of it
        END;
    END LOOP;
    FOR part IN SELECT c.relname, substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''(.*)''\)')::uuid AS until
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = parent AND pg_get_expr(c.relpartbound, c.oid) <> 'DEFAULT' ORDER BY 2
    LOOP
        CONTINUE WHEN kept IS NULL OR part.until > first_id_of(now() AT TIME ZONE 'UTC' - kept);
        EXECUTE format('DROP TABLE %1$I.%%I', part.relname);
        done := done || ('-' || part.relname);
    END LOOP;
    RETURN done;
END $$ $sql$, current_schema());
END $do$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION keep_months(regclass, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION keep_months(regclass, interval) TO waybill_app;
SELECT keep_months('events', NULL);
SELECT keep_months('sync_job_items', NULL);

-- A message is a row for as long as a platform might send it again, and then some: the unique key that tells a repeat cannot be cut by time.
CREATE INDEX inbox_over ON inbox (merchant_id, received_at) WHERE body IS NULL AND sealed_body IS NULL AND done_at IS NOT NULL;
-- What a store is still to be told, or refused: looked for by store, and counted.
CREATE INDEX pushes_open ON pushes (merchant_id, store_id, order_id) WHERE state IN ('waiting', 'sent', 'retrying', 'refused');

-- Room for changed rows to stay in their page (docs/indexes.md). It counts for pages that are still to be written.
ALTER TABLE platform_budgets SET (fillfactor = 50);
ALTER TABLE audit_heads SET (fillfactor = 50);
ALTER TABLE check_stretch SET (fillfactor = 50);
ALTER TABLE connections SET (fillfactor = 85);
ALTER TABLE pushes SET (fillfactor = 85);
ALTER TABLE parcels SET (fillfactor = 85);
ALTER TABLE sync_jobs SET (fillfactor = 85);
