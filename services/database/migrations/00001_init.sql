-- +goose Up

-- Tables without a tenant: small, read-mostly, or needed before the tenant is known.

CREATE TABLE merchants (
    id         uuid PRIMARY KEY,
    name       text NOT NULL,
    zone       text NOT NULL DEFAULT 'UTC',
    created_at timestamptz NOT NULL
);

-- Routes what comes from outside to its merchant. One external account belongs to one merchant.
CREATE TABLE directory (
    platform      text NOT NULL,
    external_id   text NOT NULL,
    merchant_id   uuid NOT NULL,
    connection_id uuid NOT NULL,
    CONSTRAINT directory_pkey PRIMARY KEY (platform, external_id),
    CONSTRAINT directory_platform_check CHECK (platform IN ('wix', 'aliexpress'))
);

-- A key is looked up before its merchant is known.
CREATE TABLE api_keys (
    key_sha256  text PRIMARY KEY,
    merchant_id uuid NOT NULL REFERENCES merchants (id),
    name        text NOT NULL,
    created_at  timestamptz NOT NULL
);

-- Verified messages of accounts that nobody has connected yet: nothing acknowledged is lost.
CREATE TABLE orphan_inbox (
    platform    text NOT NULL,
    event_id    text NOT NULL,
    external_id text NOT NULL,
    kind        text NOT NULL,
    entity_id   text NOT NULL,
    body        bytea NOT NULL,
    sent_at     timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    CONSTRAINT orphan_inbox_pkey PRIMARY KEY (platform, event_id),
    CONSTRAINT orphan_inbox_platform_check CHECK (platform IN ('wix', 'aliexpress'))
);
CREATE INDEX orphan_inbox_external ON orphan_inbox (platform, external_id);

-- Tables of a tenant: merchant_id comes first in every key.

CREATE TABLE connections (
    merchant_id        uuid NOT NULL,
    id                 uuid NOT NULL,
    platform           text NOT NULL,
    external_id        text NOT NULL,
    name               text NOT NULL,
    state              text NOT NULL,
    credentials        bytea,
    key_id             text NOT NULL DEFAULT '',
    token_expires_at   timestamptz,
    refresh_expires_at timestamptz,
    refresh_lease      timestamptz,
    watermark          timestamptz,
    next_sweep_at      timestamptz,
    last_success_at    timestamptz,
    last_error_at      timestamptz,
    last_error_code    text NOT NULL DEFAULT '',
    last_error_detail  text NOT NULL DEFAULT '',
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL,
    CONSTRAINT connections_pkey PRIMARY KEY (merchant_id, id),
    CONSTRAINT connections_external_key UNIQUE (merchant_id, platform, external_id),
    CONSTRAINT connections_merchant_fkey FOREIGN KEY (merchant_id) REFERENCES merchants (id),
    CONSTRAINT connections_platform_check CHECK (platform IN ('wix', 'aliexpress')),
    CONSTRAINT connections_state_check CHECK (state IN ('active', 'needs_reauth', 'removed'))
);
CREATE INDEX connections_sweep_due ON connections (merchant_id, next_sweep_at) WHERE next_sweep_at IS NOT NULL;

CREATE TABLE orders (
    merchant_id         uuid NOT NULL,
    id                  uuid NOT NULL,
    store_id            uuid NOT NULL,
    external_id         text NOT NULL,
    number              text NOT NULL,
    placed_at           timestamptz NOT NULL,
    source_updated_at   timestamptz NOT NULL,
    store_status        text NOT NULL,
    payment_status      text NOT NULL,
    fulfillment_status  text NOT NULL,
    gate                text NOT NULL,
    gate_at             timestamptz NOT NULL,
    currency            text NOT NULL,
    total_minor         bigint NOT NULL,
    authorized_minor    bigint NOT NULL,
    buyer_name          text NOT NULL,
    buyer_email         text NOT NULL,
    buyer_note          text NOT NULL,
    country             text NOT NULL,
    archived            boolean NOT NULL,
    imported            boolean NOT NULL,
    pickup              boolean NOT NULL,
    tab                 text NOT NULL,
    why                 text NOT NULL,
    closed_reason       text NOT NULL,
    chips               jsonb NOT NULL,
    open_flags          integer NOT NULL,
    final               boolean NOT NULL,
    last_checked_at     timestamptz,
    last_checked_source text NOT NULL,
    store_checked_at    timestamptz,
    next_check_at       timestamptz,
    check_failures      integer NOT NULL,
    version             bigint NOT NULL,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    CONSTRAINT orders_pkey PRIMARY KEY (merchant_id, id),
    CONSTRAINT orders_external_key UNIQUE (merchant_id, store_id, external_id),
    CONSTRAINT orders_store_fkey FOREIGN KEY (merchant_id, store_id) REFERENCES connections (merchant_id, id),
    CONSTRAINT orders_gate_check CHECK (gate IN ('open', 'shut', 'cancelled', 'rejected', 'refunded')),
    CONSTRAINT orders_tab_check CHECK (tab IN ('pending', 'awaiting_order', 'awaiting_payment', 'awaiting_shipment', 'fulfilled', 'closed')),
    CONSTRAINT orders_not_forgotten_check CHECK (final OR next_check_at IS NOT NULL)
) WITH (fillfactor = 80);
CREATE INDEX orders_list ON orders (merchant_id, placed_at DESC, id DESC);
CREATE INDEX orders_tab_list ON orders (merchant_id, tab, placed_at DESC, id DESC);
CREATE INDEX orders_store_tab_list ON orders (merchant_id, store_id, tab, placed_at DESC, id DESC);
CREATE INDEX orders_store_list ON orders (merchant_id, store_id, placed_at DESC, id DESC);
CREATE INDEX orders_attention_list ON orders (merchant_id, placed_at DESC, id DESC) WHERE open_flags > 0;
CREATE INDEX orders_due ON orders (merchant_id, next_check_at) WHERE next_check_at IS NOT NULL;
CREATE INDEX orders_number ON orders (merchant_id, number);
CREATE INDEX orders_external ON orders (merchant_id, external_id);
CREATE INDEX orders_buyer_email ON orders (merchant_id, lower(buyer_email) text_pattern_ops);
CREATE INDEX orders_buyer_name ON orders (merchant_id, lower(buyer_name) text_pattern_ops);

-- What the store last said, in full, apart from the row that lists read.
CREATE TABLE order_payloads (
    merchant_id uuid NOT NULL,
    order_id    uuid NOT NULL,
    payload     jsonb NOT NULL,
    recipient   jsonb NOT NULL,
    seen_at     timestamptz NOT NULL,
    CONSTRAINT order_payloads_pkey PRIMARY KEY (merchant_id, order_id),
    CONSTRAINT order_payloads_order_fkey FOREIGN KEY (merchant_id, order_id) REFERENCES orders (merchant_id, id)
);

CREATE TABLE order_lines (
    merchant_id uuid NOT NULL,
    order_id    uuid NOT NULL,
    line_id     text NOT NULL,
    position    integer NOT NULL,
    name        text NOT NULL,
    sku         text NOT NULL,
    variant_key text NOT NULL,
    options     text NOT NULL,
    role        text NOT NULL,
    mapped      boolean NOT NULL,
    quantity    integer NOT NULL,
    refunded    integer NOT NULL,
    removed     boolean NOT NULL,
    price_minor bigint NOT NULL,
    image_url   text NOT NULL,
    CONSTRAINT order_lines_pkey PRIMARY KEY (merchant_id, order_id, line_id),
    CONSTRAINT order_lines_order_fkey FOREIGN KEY (merchant_id, order_id) REFERENCES orders (merchant_id, id),
    CONSTRAINT order_lines_role_check CHECK (role IN ('dropship', 'own', 'no_shipping')),
    CONSTRAINT order_lines_quantity_check CHECK (quantity >= 0 AND refunded >= 0)
);
CREATE INDEX order_lines_variant ON order_lines (merchant_id, variant_key, order_id);

CREATE TABLE product_mappings (
    merchant_id         uuid NOT NULL,
    id                  uuid NOT NULL,
    store_id            uuid NOT NULL,
    variant_key         text NOT NULL,
    rank                integer NOT NULL,
    role                text NOT NULL,
    title               text NOT NULL,
    supplier_product_id text NOT NULL,
    supplier_sku_id     text NOT NULL,
    supplier_sku_attr   text NOT NULL,
    supplier_store_id   text NOT NULL,
    supplier_store_name text NOT NULL,
    shipping_service    text NOT NULL,
    price_cap_minor     bigint,
    price_cap_currency  text NOT NULL,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    CONSTRAINT product_mappings_pkey PRIMARY KEY (merchant_id, id),
    CONSTRAINT product_mappings_variant_key UNIQUE (merchant_id, store_id, variant_key, rank),
    CONSTRAINT product_mappings_store_fkey FOREIGN KEY (merchant_id, store_id) REFERENCES connections (merchant_id, id),
    CONSTRAINT product_mappings_role_check CHECK (role IN ('dropship', 'own')),
    CONSTRAINT product_mappings_rank_check CHECK (rank IN (0, 1)),
    CONSTRAINT product_mappings_supplier_check CHECK (role = 'own' OR (supplier_product_id <> '' AND supplier_sku_id <> '')),
    CONSTRAINT product_mappings_price_cap_check CHECK (price_cap_minor IS NULL OR price_cap_minor > 0)
);

CREATE TABLE supplier_orders (
    merchant_id         uuid NOT NULL,
    id                  uuid NOT NULL,
    order_id            uuid NOT NULL,
    account_id          uuid NOT NULL,
    state               text NOT NULL,
    origin              text NOT NULL,
    epoch               integer NOT NULL,
    lease_until         timestamptz,
    not_before          timestamptz,
    out_order_id        text NOT NULL,
    request             bytea,
    request_sha256      text NOT NULL,
    note                text NOT NULL,
    sent_at             timestamptz,
    unsure_since        timestamptz,
    error_code          text NOT NULL,
    error_detail        text NOT NULL,
    stray_numbers       jsonb,
    external_id         text NOT NULL,
    supplier_store_id   text NOT NULL,
    supplier_store_name text NOT NULL,
    status              text NOT NULL,
    logistics_status    text NOT NULL,
    end_reason          text NOT NULL,
    stage_status        text NOT NULL,
    stage_logistics     text NOT NULL,
    stage_seq           bigint NOT NULL,
    shipped_seen        boolean NOT NULL,
    stage               text NOT NULL,
    paid_at             timestamptz,
    pay_by              timestamptz,
    amount_minor        bigint NOT NULL,
    amount_currency     text NOT NULL,
    placed_at           timestamptz,
    fetch_seq           bigint NOT NULL,
    applied_seq         bigint NOT NULL,
    last_checked_at     timestamptz,
    next_check_at       timestamptz,
    check_failures      integer NOT NULL,
    no_data_since       timestamptz,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    CONSTRAINT supplier_orders_pkey PRIMARY KEY (merchant_id, id),
    CONSTRAINT supplier_orders_order_fkey FOREIGN KEY (merchant_id, order_id) REFERENCES orders (merchant_id, id),
    CONSTRAINT supplier_orders_account_fkey FOREIGN KEY (merchant_id, account_id) REFERENCES connections (merchant_id, id),
    CONSTRAINT supplier_orders_state_check CHECK (state IN ('planned', 'approved', 'sending', 'placed', 'rejected', 'unknown', 'closed')),
    CONSTRAINT supplier_orders_origin_check CHECK (origin IN ('placed', 'linked')),
    CONSTRAINT supplier_orders_stage_check CHECK (stage IN ('', 'unpaid', 'paid', 'shipped', 'finished', 'closed')),
    -- A placed supplier order has a number, and nothing is sent before its request is frozen.
    CONSTRAINT supplier_orders_number_check CHECK (state NOT IN ('placed', 'closed') OR external_id <> ''),
    CONSTRAINT supplier_orders_frozen_check CHECK (state NOT IN ('approved', 'sending', 'unknown') OR request IS NOT NULL)
) WITH (fillfactor = 80);
-- Money guard: one AliExpress number belongs to one supplier order.
CREATE UNIQUE INDEX supplier_orders_number_key ON supplier_orders (merchant_id, account_id, external_id) WHERE external_id <> '';
-- Money guard: one key at AliExpress, one purchase.
CREATE UNIQUE INDEX supplier_orders_out_order_key ON supplier_orders (merchant_id, out_order_id) WHERE out_order_id <> '';
CREATE INDEX supplier_orders_order ON supplier_orders (merchant_id, order_id);
CREATE INDEX supplier_orders_external ON supplier_orders (merchant_id, external_id) WHERE external_id <> '';

CREATE TABLE supplier_order_lines (
    merchant_id       uuid NOT NULL,
    supplier_order_id uuid NOT NULL,
    line_id           text NOT NULL,
    part              integer NOT NULL,
    order_id          uuid NOT NULL,
    product_id        text NOT NULL,
    sku_id            text NOT NULL,
    sku_attr          text NOT NULL,
    quantity          integer NOT NULL,
    live              boolean NOT NULL,
    end_reason        text NOT NULL,
    CONSTRAINT supplier_order_lines_pkey PRIMARY KEY (merchant_id, supplier_order_id, line_id, part),
    CONSTRAINT supplier_order_lines_supplier_order_fkey FOREIGN KEY (merchant_id, supplier_order_id) REFERENCES supplier_orders (merchant_id, id),
    CONSTRAINT supplier_order_lines_line_fkey FOREIGN KEY (merchant_id, order_id, line_id) REFERENCES order_lines (merchant_id, order_id, line_id),
    CONSTRAINT supplier_order_lines_quantity_check CHECK (quantity > 0)
);
-- Money guard: at most one live placement for each part of a line. Planned, sending and unknown ones are live.
CREATE UNIQUE INDEX supplier_order_lines_one_live ON supplier_order_lines (merchant_id, order_id, line_id, part) WHERE live;

-- What was sent and what came back, whatever became of the row: facts are never thrown away.
CREATE TABLE placement_attempts (
    merchant_id       uuid NOT NULL,
    supplier_order_id uuid NOT NULL,
    epoch             integer NOT NULL,
    request_sha256    text NOT NULL,
    class             text NOT NULL,
    numbers           jsonb NOT NULL,
    answer            bytea,
    error             text NOT NULL,
    at                timestamptz NOT NULL,
    CONSTRAINT placement_attempts_pkey PRIMARY KEY (merchant_id, supplier_order_id, epoch),
    CONSTRAINT placement_attempts_supplier_order_fkey FOREIGN KEY (merchant_id, supplier_order_id) REFERENCES supplier_orders (merchant_id, id),
    CONSTRAINT placement_attempts_class_check CHECK (class IN ('placed', 'rejected', 'not_executed', 'unknown'))
);

CREATE TABLE parcels (
    merchant_id      uuid NOT NULL,
    id               uuid NOT NULL,
    order_id         uuid NOT NULL,
    tracking_number  text NOT NULL,
    carrier          text NOT NULL,
    previous_numbers jsonb NOT NULL,
    last_event       text NOT NULL,
    last_event_at    timestamptz,
    missing_since    timestamptz,
    first_seen_at    timestamptz NOT NULL,
    CONSTRAINT parcels_pkey PRIMARY KEY (merchant_id, id),
    CONSTRAINT parcels_order_fkey FOREIGN KEY (merchant_id, order_id) REFERENCES orders (merchant_id, id)
);
CREATE INDEX parcels_order ON parcels (merchant_id, order_id);
CREATE INDEX parcels_tracking_number ON parcels (merchant_id, tracking_number);

CREATE TABLE parcel_items (
    merchant_id       uuid NOT NULL,
    parcel_id         uuid NOT NULL,
    supplier_order_id uuid NOT NULL,
    line_id           text NOT NULL,
    part              integer NOT NULL,
    order_id          uuid NOT NULL,
    sku_id            text NOT NULL,
    quantity          integer NOT NULL,
    CONSTRAINT parcel_items_pkey PRIMARY KEY (merchant_id, parcel_id, supplier_order_id, line_id, part),
    CONSTRAINT parcel_items_parcel_fkey FOREIGN KEY (merchant_id, parcel_id) REFERENCES parcels (merchant_id, id),
    CONSTRAINT parcel_items_line_fkey FOREIGN KEY (merchant_id, supplier_order_id, line_id, part) REFERENCES supplier_order_lines (merchant_id, supplier_order_id, line_id, part),
    CONSTRAINT parcel_items_quantity_check CHECK (quantity > 0)
);
CREATE INDEX parcel_items_order ON parcel_items (merchant_id, order_id);

CREATE TABLE pushes (
    merchant_id    uuid NOT NULL,
    id             uuid NOT NULL,
    order_id       uuid NOT NULL,
    parcel_id      uuid NOT NULL,
    store_id       uuid NOT NULL,
    state          text NOT NULL,
    wanted_lines   jsonb NOT NULL,
    wanted_number  text NOT NULL,
    wanted_carrier text NOT NULL,
    wanted_since   timestamptz NOT NULL,
    fulfillment_id text NOT NULL,
    sent_number    text NOT NULL,
    sent_lines     jsonb NOT NULL,
    adopted        boolean NOT NULL,
    attempts       integer NOT NULL,
    lease_until    timestamptz,
    next_try_at    timestamptz,
    sent_at        timestamptz,
    confirmed_at   timestamptz,
    error_code     text NOT NULL,
    error_detail   text NOT NULL,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    CONSTRAINT pushes_pkey PRIMARY KEY (merchant_id, id),
    CONSTRAINT pushes_parcel_key UNIQUE (merchant_id, parcel_id),
    CONSTRAINT pushes_parcel_fkey FOREIGN KEY (merchant_id, parcel_id) REFERENCES parcels (merchant_id, id),
    CONSTRAINT pushes_order_fkey FOREIGN KEY (merchant_id, order_id) REFERENCES orders (merchant_id, id),
    CONSTRAINT pushes_store_fkey FOREIGN KEY (merchant_id, store_id) REFERENCES connections (merchant_id, id),
    CONSTRAINT pushes_state_check CHECK (state IN ('waiting', 'sent', 'confirmed', 'refused', 'retrying')),
    CONSTRAINT pushes_confirmed_check CHECK (state <> 'confirmed' OR (confirmed_at IS NOT NULL AND fulfillment_id <> ''))
);
CREATE INDEX pushes_order ON pushes (merchant_id, order_id);

CREATE TABLE flags (
    merchant_id   uuid NOT NULL,
    id            uuid NOT NULL,
    order_id      uuid,
    connection_id uuid,
    subject       text NOT NULL,
    code          text NOT NULL,
    owner         text NOT NULL,
    detail        text NOT NULL,
    next_action   text NOT NULL,
    deadline      timestamptz,
    opened_at     timestamptz NOT NULL,
    closed_at     timestamptz,
    closed_by     text NOT NULL,
    closed_why    text NOT NULL,
    CONSTRAINT flags_pkey PRIMARY KEY (merchant_id, id),
    CONSTRAINT flags_order_fkey FOREIGN KEY (merchant_id, order_id) REFERENCES orders (merchant_id, id),
    CONSTRAINT flags_connection_fkey FOREIGN KEY (merchant_id, connection_id) REFERENCES connections (merchant_id, id),
    CONSTRAINT flags_owner_check CHECK (owner IN ('merchant', 'supplier', 'waybill')),
    CONSTRAINT flags_code_check CHECK (code IN ('no_supplier', 'place_failed', 'place_unknown', 'maybe_bought_twice', 'supplier_cancelled', 'payment_timeout',
        'closed_unshipped', 'amount_short', 'payment_held', 'address_incomplete', 'frozen', 'dispute', 'stop_request', 'payment_reversed',
        'shipped_without_number', 'push_refused', 'push_unconfirmed', 'parcel_missing', 'unknown_status', 'supplier_order_no_data',
        'needs_reauth', 'app_removed')),
    CONSTRAINT flags_subject_check CHECK ((order_id IS NULL) <> (connection_id IS NULL))
);
CREATE UNIQUE INDEX flags_open_order_key ON flags (merchant_id, order_id, code, subject) WHERE closed_at IS NULL AND order_id IS NOT NULL;
CREATE UNIQUE INDEX flags_open_connection_key ON flags (merchant_id, connection_id, code, subject) WHERE closed_at IS NULL AND connection_id IS NOT NULL;
CREATE INDEX flags_open_code ON flags (merchant_id, code, order_id) WHERE closed_at IS NULL;

CREATE TABLE events (
    merchant_id uuid NOT NULL,
    id          uuid NOT NULL,
    order_id    uuid NOT NULL,
    at          timestamptz NOT NULL,
    kind        text NOT NULL,
    text        text NOT NULL,
    source      text NOT NULL,
    actor       text NOT NULL,
    reason      text NOT NULL,
    data        jsonb NOT NULL,
    CONSTRAINT events_pkey PRIMARY KEY (merchant_id, id),
    CONSTRAINT events_source_check CHECK (source IN ('webhook', 'push', 'poll', 'sweep', 'manual', 'person', 'engine'))
);
CREATE INDEX events_order ON events (merchant_id, order_id, id);

CREATE TABLE inbox (
    merchant_id   uuid NOT NULL,
    platform      text NOT NULL,
    event_id      text NOT NULL,
    connection_id uuid NOT NULL,
    kind          text NOT NULL,
    entity_id     text NOT NULL,
    body          bytea NOT NULL,
    sent_at       timestamptz NOT NULL,
    received_at   timestamptz NOT NULL,
    deliveries    integer NOT NULL,
    done_at       timestamptz,
    outcome       text NOT NULL,
    CONSTRAINT inbox_pkey PRIMARY KEY (merchant_id, platform, event_id),
    CONSTRAINT inbox_connection_fkey FOREIGN KEY (merchant_id, connection_id) REFERENCES connections (merchant_id, id),
    CONSTRAINT inbox_platform_check CHECK (platform IN ('wix', 'aliexpress')),
    CONSTRAINT inbox_outcome_check CHECK (outcome IN ('', 'applied', 'unchanged', 'ignored', 'unmatched'))
);
CREATE INDEX inbox_open ON inbox (merchant_id, received_at) WHERE done_at IS NULL;
-- Push messages about supplier orders that nobody here knows: where an unknown placement is looked for.
CREATE INDEX inbox_unmatched ON inbox (merchant_id, connection_id, received_at) WHERE outcome = 'unmatched';

CREATE TABLE sync_jobs (
    merchant_id         uuid NOT NULL,
    id                  uuid NOT NULL,
    scope               jsonb NOT NULL,
    scope_key           text NOT NULL,
    direction           text NOT NULL,
    trigger             text NOT NULL,
    actor               text NOT NULL,
    reason              text NOT NULL,
    state               text NOT NULL,
    total               integer NOT NULL,
    listed              boolean NOT NULL,
    list_cursor         text NOT NULL,
    changed             integer NOT NULL,
    unchanged           integer NOT NULL,
    refused             integer NOT NULL,
    unreachable         integer NOT NULL,
    created_at          timestamptz NOT NULL,
    started_at          timestamptz,
    finished_at         timestamptz,
    cancel_requested_at timestamptz,
    CONSTRAINT sync_jobs_pkey PRIMARY KEY (merchant_id, id),
    CONSTRAINT sync_jobs_merchant_fkey FOREIGN KEY (merchant_id) REFERENCES merchants (id),
    CONSTRAINT sync_jobs_direction_check CHECK (direction IN ('from_store', 'from_supplier', 'to_store', 'all')),
    CONSTRAINT sync_jobs_trigger_check CHECK (trigger IN ('manual', 'automatic')),
    CONSTRAINT sync_jobs_state_check CHECK (state IN ('queued', 'running', 'done', 'cancelled'))
);
-- An equal request joins the job that is running.
CREATE UNIQUE INDEX sync_jobs_active_key ON sync_jobs (merchant_id, scope_key) WHERE state IN ('queued', 'running');

CREATE TABLE sync_job_items (
    merchant_id uuid NOT NULL,
    job_id      uuid NOT NULL,
    order_id    uuid NOT NULL,
    outcome     text NOT NULL,
    before      text NOT NULL,
    after       text NOT NULL,
    why         text NOT NULL,
    finished_at timestamptz,
    CONSTRAINT sync_job_items_pkey PRIMARY KEY (merchant_id, job_id, order_id),
    CONSTRAINT sync_job_items_job_fkey FOREIGN KEY (merchant_id, job_id) REFERENCES sync_jobs (merchant_id, id),
    CONSTRAINT sync_job_items_order_fkey FOREIGN KEY (merchant_id, order_id) REFERENCES orders (merchant_id, id),
    CONSTRAINT sync_job_items_outcome_check CHECK (outcome IN ('', 'changed', 'unchanged', 'refused', 'unreachable')),
    CONSTRAINT sync_job_items_before_check CHECK (before IN ('', 'pending', 'awaiting_order', 'awaiting_payment', 'awaiting_shipment', 'fulfilled', 'closed')),
    CONSTRAINT sync_job_items_after_check CHECK (after IN ('', 'pending', 'awaiting_order', 'awaiting_payment', 'awaiting_shipment', 'fulfilled', 'closed'))
);
CREATE INDEX sync_job_items_open ON sync_job_items (merchant_id, job_id, order_id) WHERE outcome = '';

-- Kept counts. Each order counts in one of several slots, so that no single row is locked by every change of a merchant.
CREATE TABLE tab_counts (
    merchant_id uuid NOT NULL,
    store_id    uuid NOT NULL,
    view        text NOT NULL,
    slot        integer NOT NULL,
    n           bigint NOT NULL,
    CONSTRAINT tab_counts_pkey PRIMARY KEY (merchant_id, store_id, view, slot),
    CONSTRAINT tab_counts_store_fkey FOREIGN KEY (merchant_id, store_id) REFERENCES connections (merchant_id, id),
    CONSTRAINT tab_counts_view_check CHECK (view IN ('pending', 'awaiting_order', 'awaiting_payment', 'awaiting_shipment', 'fulfilled', 'closed', 'attention'))
) WITH (fillfactor = 50);
