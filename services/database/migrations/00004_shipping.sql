-- +goose Up

-- How a store is told of a carrier that AliExpress names: the merchant's own decisions, which win over the built-in ones.
-- The key is the name as it is compared; * stands for every carrier that nobody knows.
CREATE TABLE carriers (
    merchant_id uuid NOT NULL,
    key         text NOT NULL,
    name        text NOT NULL,
    provider    text NOT NULL,
    link        text NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    CONSTRAINT carriers_pkey PRIMARY KEY (merchant_id, key),
    CONSTRAINT carriers_merchant_fkey FOREIGN KEY (merchant_id) REFERENCES merchants (id),
    CONSTRAINT carriers_link_check CHECK (link = '' OR link LIKE 'https://%{number}%')
);

-- What a person has decided against what the machine thinks. Lifted ones stay, to be explained.
CREATE TABLE overrides (
    merchant_id uuid NOT NULL,
    id          uuid NOT NULL,
    order_id    uuid NOT NULL,
    kind        text NOT NULL,
    subject     text NOT NULL,
    value       text NOT NULL,
    reason      text NOT NULL,
    actor       text NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz,
    lifted_at   timestamptz,
    lifted_by   text NOT NULL,
    lifted_why  text NOT NULL,
    CONSTRAINT overrides_pkey PRIMARY KEY (merchant_id, id),
    CONSTRAINT overrides_order_fkey FOREIGN KEY (merchant_id, order_id) REFERENCES orders (merchant_id, id),
    CONSTRAINT overrides_kind_check CHECK (kind IN ('line_role', 'closed', 'parcel_lost'))
);
CREATE UNIQUE INDEX overrides_living_key ON overrides (merchant_id, order_id, kind, subject) WHERE lifted_at IS NULL;

-- What the store itself shows as shipped, as it was last read.
CREATE TABLE store_fulfillments (
    merchant_id    uuid NOT NULL,
    order_id       uuid NOT NULL,
    fulfillment_id text NOT NULL,
    number         text NOT NULL,
    carrier        text NOT NULL,
    link           text NOT NULL,
    lines          jsonb NOT NULL,
    seen_at        timestamptz NOT NULL,
    CONSTRAINT store_fulfillments_pkey PRIMARY KEY (merchant_id, order_id, fulfillment_id),
    CONSTRAINT store_fulfillments_order_fkey FOREIGN KEY (merchant_id, order_id) REFERENCES orders (merchant_id, id)
);

ALTER TABLE orders ADD COLUMN paid_minor bigint NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN partly_paid boolean NOT NULL DEFAULT false;
ALTER TABLE orders ADD COLUMN gone_since timestamptz;
-- Changes that the store made after goods were bought, until a person has seen them.
ALTER TABLE orders ADD COLUMN store_edits jsonb NOT NULL DEFAULT '[]';
-- When the store's fulfillments were last read, at which version of the order, and the numbers that fence such readings.
ALTER TABLE orders ADD COLUMN shown_at timestamptz;
ALTER TABLE orders ADD COLUMN shown_version timestamptz;
ALTER TABLE orders ADD COLUMN shown_fetch_seq bigint NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN shown_seq bigint NOT NULL DEFAULT 0;

ALTER TABLE order_lines ADD COLUMN role_override text NOT NULL DEFAULT '';
ALTER TABLE order_lines ADD CONSTRAINT order_lines_role_override_check CHECK (role_override IN ('', 'dropship', 'own', 'no_shipping'));

-- Received, and yet AliExpress never gave a number for it: it is still asked.
ALTER TABLE supplier_orders ADD COLUMN number_due boolean NOT NULL DEFAULT false;

ALTER TABLE parcels ADD COLUMN missing_checks integer NOT NULL DEFAULT 0;
ALTER TABLE parcels ADD COLUMN without_number boolean NOT NULL DEFAULT false;
ALTER TABLE parcels ADD COLUMN lost_at timestamptz;
ALTER TABLE parcels ADD COLUMN listed_by uuid;
ALTER TABLE parcels ADD COLUMN shared_with jsonb NOT NULL DEFAULT '[]';
UPDATE parcels SET missing_checks = 3 WHERE missing_since IS NOT NULL;
-- The number under which its supplier order last listed a share of a parcel: they may differ for a while.
ALTER TABLE parcel_items ADD COLUMN listed_as text NOT NULL DEFAULT '';

ALTER TABLE pushes ADD COLUMN wanted_provider text NOT NULL DEFAULT '';
ALTER TABLE pushes ADD COLUMN wanted_link text NOT NULL DEFAULT '';
ALTER TABLE pushes ADD COLUMN sent_provider text NOT NULL DEFAULT '';
ALTER TABLE pushes ADD COLUMN sent_link text NOT NULL DEFAULT '';
ALTER TABLE pushes ADD COLUMN overwrite boolean NOT NULL DEFAULT false;
ALTER TABLE pushes ADD COLUMN number_taken boolean NOT NULL DEFAULT false;
ALTER TABLE pushes DROP CONSTRAINT pushes_state_check;
ALTER TABLE pushes ADD CONSTRAINT pushes_state_check CHECK (state IN ('waiting', 'sent', 'confirmed', 'refused', 'retrying', 'accepted'));

-- The lists of flags: newest first, soonest deadline first, of one code; and what stands between a store and us.
CREATE INDEX flags_open_newest ON flags (merchant_id, opened_at DESC, id DESC) WHERE closed_at IS NULL;
CREATE INDEX flags_open_deadline ON flags (merchant_id, (coalesce(deadline, '9999-12-31 00:00:00+00'::timestamptz)), id) WHERE closed_at IS NULL;
CREATE INDEX flags_open_code_newest ON flags (merchant_id, code, opened_at DESC, id DESC) WHERE closed_at IS NULL;
CREATE INDEX flags_mismatches ON flags (merchant_id, opened_at DESC, id DESC) WHERE closed_at IS NULL AND code IN ('mismatch', 'push_refused', 'push_unconfirmed');
