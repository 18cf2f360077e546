-- +goose Up

-- What lists say of an order beyond its row, computed with its tab: see models.DigestOf. NULL until it has been computed.
ALTER TABLE orders ADD COLUMN digest jsonb;
ALTER TABLE orders ADD COLUMN deadline_at timestamptz; -- the soonest of what has a deadline
CREATE INDEX orders_undigested ON orders (merchant_id, id) WHERE digest IS NULL;

-- The list by country, and soonest deadline first: what has none comes last.
CREATE INDEX orders_country_list ON orders (merchant_id, country, placed_at DESC, id DESC);
CREATE INDEX orders_deadline_list ON orders (merchant_id, (coalesce(deadline_at, '9999-12-31 00:00:00+00'::timestamptz)), id);
CREATE INDEX orders_tab_deadline_list ON orders (merchant_id, tab, (coalesce(deadline_at, '9999-12-31 00:00:00+00'::timestamptz)), id);
CREATE INDEX orders_attention_deadline_list ON orders (merchant_id, (coalesce(deadline_at, '9999-12-31 00:00:00+00'::timestamptz)), id) WHERE open_flags > 0;
-- The orders of which something living is bought at a store of AliExpress.
CREATE INDEX supplier_orders_store ON supplier_orders (merchant_id, supplier_store_id, order_id)
    WHERE supplier_store_id <> '' AND state NOT IN ('rejected', 'closed', 'unlinked');

-- Lists of sync jobs by state and by trigger, newest first.
CREATE INDEX sync_jobs_state ON sync_jobs (merchant_id, state, id);
CREATE INDEX sync_jobs_trigger ON sync_jobs (merchant_id, trigger, id);

-- Queries of the dashboard under a name. The query is text that only the dashboard understands.
CREATE TABLE saved_views (
    merchant_id uuid NOT NULL,
    id          uuid NOT NULL,
    name        text NOT NULL,
    query       text NOT NULL,
    created_at  timestamptz NOT NULL,
    CONSTRAINT saved_views_pkey PRIMARY KEY (merchant_id, id),
    CONSTRAINT saved_views_name_key UNIQUE (merchant_id, name),
    CONSTRAINT saved_views_merchant_fkey FOREIGN KEY (merchant_id) REFERENCES merchants (id)
);
