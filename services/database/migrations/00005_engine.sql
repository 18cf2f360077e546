-- +goose Up

-- The calls that a platform allows under one key (a Wix site; an AliExpress app key and method), shared by all processes.
-- tat is the theoretical arrival time of the generic cell rate algorithm: the next call's turn, were there no burst.
CREATE TABLE platform_budgets (
    key            text PRIMARY KEY,
    tat            timestamptz NOT NULL,
    background_tat timestamptz NOT NULL, -- the same for what is left when the share of people and of placing is taken off
    banned_until   timestamptz
);

-- How much of a budget was used, by hour. Kept for a few days.
CREATE TABLE budget_use (
    key     text NOT NULL,
    hour    timestamptz NOT NULL,
    purpose text NOT NULL,
    calls   bigint NOT NULL,
    refused bigint NOT NULL, -- told to come back later
    waited  double precision NOT NULL, -- seconds, of all together
    CONSTRAINT budget_use_pkey PRIMARY KEY (key, hour, purpose)
);

-- How much slower than wished the budget of an app makes background checks: 1 is as wished. One row for each app key.
CREATE TABLE check_stretch (
    app_key     text PRIMARY KEY,
    stretch     double precision NOT NULL,
    demand      double precision NOT NULL, -- wished calls a second
    capacity    double precision NOT NULL, -- calls a second that the background may make; 0 for no limit
    computed_at timestamptz NOT NULL,
    CONSTRAINT check_stretch_check CHECK (stretch >= 1)
);

ALTER TABLE merchants ADD COLUMN next_full_sweep_at timestamptz;
CREATE INDEX merchants_full_sweep_due ON merchants (next_full_sweep_at);

ALTER TABLE connections ADD COLUMN swept_at timestamptz; -- stores: when the newest complete search began
ALTER TABLE connections ADD COLUMN token_renew_at timestamptz;
ALTER TABLE connections ADD COLUMN next_warning_at timestamptz;
CREATE INDEX connections_renew_due ON connections (merchant_id, token_renew_at) WHERE token_renew_at IS NOT NULL;
CREATE INDEX connections_warning_due ON connections (merchant_id, next_warning_at) WHERE next_warning_at IS NOT NULL;

-- How long a supplier's store usually takes from payment to shipment, learnt from what was bought there.
CREATE TABLE supplier_handling (
    merchant_id       uuid NOT NULL,
    supplier_store_id text NOT NULL,
    shipped           bigint NOT NULL,
    hours             double precision NOT NULL, -- of all together
    CONSTRAINT supplier_handling_pkey PRIMARY KEY (merchant_id, supplier_store_id)
);
ALTER TABLE supplier_orders ADD COLUMN usual_hours integer NOT NULL DEFAULT 0; -- of its store when it was paid; 0: not known
ALTER TABLE supplier_orders ADD COLUMN shipped_at timestamptz; -- when an answer first said so
-- Whose app's budget an open supplier order draws on.
CREATE INDEX supplier_orders_open ON supplier_orders (merchant_id, account_id, stage) WHERE state = 'placed' AND stage IN ('unpaid', 'paid', 'shipped');

-- Measured: how long each hop took, by hour; the counts stand for the buckets of health.Buckets.
CREATE TABLE hop_lags (
    merchant_id   uuid NOT NULL,
    connection_id uuid NOT NULL,
    hop           text NOT NULL,
    hour          timestamptz NOT NULL,
    counts        bigint[] NOT NULL,
    CONSTRAINT hop_lags_pkey PRIMARY KEY (merchant_id, connection_id, hop, hour),
    CONSTRAINT hop_lags_connection_fkey FOREIGN KEY (merchant_id, connection_id) REFERENCES connections (merchant_id, id),
    CONSTRAINT hop_lags_hop_check CHECK (hop IN ('store_to_waybill', 'waybill_to_supplier', 'supplier_to_waybill', 'waybill_to_store'))
);
CREATE TABLE connection_errors (
    merchant_id   uuid NOT NULL,
    connection_id uuid NOT NULL,
    kind          text NOT NULL,
    code          text NOT NULL,
    hour          timestamptz NOT NULL,
    n             bigint NOT NULL,
    CONSTRAINT connection_errors_pkey PRIMARY KEY (merchant_id, connection_id, hour, kind, code),
    CONSTRAINT connection_errors_connection_fkey FOREIGN KEY (merchant_id, connection_id) REFERENCES connections (merchant_id, id)
);

-- What changed, for whoever watches. Rows are read in the order of (xid, id) and only when no transaction that may still
-- write before them is open, so a reader that goes on where it stopped misses none. Kept for a day.
CREATE TABLE feed (
    merchant_id uuid NOT NULL,
    id          uuid NOT NULL,
    xid         xid8 NOT NULL DEFAULT pg_current_xact_id(),
    at          timestamptz NOT NULL,
    kind        text NOT NULL,
    subject_id  uuid NOT NULL,
    data        jsonb NOT NULL,
    CONSTRAINT feed_pkey PRIMARY KEY (merchant_id, id),
    CONSTRAINT feed_kind_check CHECK (kind IN ('order', 'sync_job', 'connection'))
);
CREATE INDEX feed_order ON feed (merchant_id, xid, id);

ALTER TABLE inbox ADD COLUMN version timestamptz; -- the store's version of what the message tells of, where it says
ALTER TABLE inbox ADD COLUMN died_at timestamptz; -- given up after many attempts; a person may replay it
ALTER TABLE inbox DROP CONSTRAINT inbox_outcome_check;
ALTER TABLE inbox ADD CONSTRAINT inbox_outcome_check CHECK (outcome IN ('', 'applied', 'unchanged', 'ignored', 'unmatched', 'folded'));
ALTER TABLE connections ADD COLUMN app_key text NOT NULL DEFAULT ''; -- of the merchant's own app at AliExpress; empty: Waybill's
DROP INDEX inbox_open;
CREATE INDEX inbox_open ON inbox (merchant_id, received_at) WHERE done_at IS NULL AND died_at IS NULL;
CREATE INDEX inbox_open_entity ON inbox (merchant_id, connection_id, entity_id) WHERE done_at IS NULL;
ALTER TABLE orphan_inbox ADD COLUMN version timestamptz;

ALTER TABLE sync_job_items ADD COLUMN changes jsonb NOT NULL DEFAULT '[]'; -- what changed, one sentence each

-- A consent that was begun: single use, for the merchant and the browser that began it.
CREATE TABLE connect_states (
    state_sha256   text PRIMARY KEY,
    merchant_id    uuid NOT NULL REFERENCES merchants (id),
    platform       text NOT NULL,
    browser_sha256 text NOT NULL,
    expires_at     timestamptz NOT NULL,
    CONSTRAINT connect_states_platform_check CHECK (platform IN ('wix', 'aliexpress'))
);

-- Every check reads all the lines bought for its order, the ended ones too.
CREATE INDEX supplier_order_lines_order ON supplier_order_lines (merchant_id, order_id, line_id, part);
