-- +goose Up

-- The key with which what an order holds of its buyer is sealed; itself sealed with its merchant's key (key_id). Where it is gone, the
-- buyer's data is gone. Keep this table out of backups that are kept for longer than the erasure of a buyer may take.
CREATE TABLE order_keys (
    merchant_id uuid NOT NULL,
    order_id    uuid NOT NULL,
    sealed      bytea NOT NULL,
    key_id      uuid NOT NULL,
    created_at  timestamptz NOT NULL,
    CONSTRAINT order_keys_pkey PRIMARY KEY (merchant_id, order_id),
    CONSTRAINT order_keys_order_fkey FOREIGN KEY (merchant_id, order_id) REFERENCES orders (merchant_id, id)
);

-- What was asked to be erased, and that it was: the proof holds nothing of the buyer.
CREATE TABLE erasures (
    merchant_id  uuid NOT NULL,
    id           uuid NOT NULL,
    order_id     uuid NOT NULL,
    cause        text NOT NULL,
    requested_at timestamptz NOT NULL,
    requested_by text NOT NULL,
    reason       text NOT NULL,
    done_at      timestamptz,
    erased       jsonb NOT NULL DEFAULT '[]',
    CONSTRAINT erasures_pkey PRIMARY KEY (merchant_id, id),
    CONSTRAINT erasures_order_fkey FOREIGN KEY (merchant_id, order_id) REFERENCES orders (merchant_id, id),
    CONSTRAINT erasures_cause_check CHECK (cause IN ('person', 'store', 'operator', 'retention', 'disconnected'))
);
CREATE UNIQUE INDEX erasures_order_key ON erasures (merchant_id, order_id);

SELECT build_tenant_wall('order_keys');
SELECT build_tenant_wall('erasures');

-- Sealed with the order's key. The columns without "sealed" hold what was there before; they are emptied in the background.
ALTER TABLE order_payloads
    ALTER COLUMN payload DROP NOT NULL,
    ALTER COLUMN recipient DROP NOT NULL,
    ADD COLUMN sealed_payload bytea,
    ADD COLUMN sealed_buyer bytea, -- the recipient, the note, and what is to be put on the goods
    ADD COLUMN sealed_purchase_address bytea;
CREATE INDEX order_payloads_plain ON order_payloads (merchant_id, order_id) WHERE recipient IS NOT NULL;
ALTER TABLE orders
    ALTER COLUMN buyer_note SET DEFAULT '',
    ADD COLUMN ended_at timestamptz,
    ADD COLUMN erase_requested_at timestamptz,
    ADD COLUMN erased_at timestamptz;
ALTER TABLE supplier_orders
    ADD COLUMN sealed_request bytea,
    DROP CONSTRAINT supplier_orders_frozen_check,
    ADD CONSTRAINT supplier_orders_frozen_check CHECK (state NOT IN ('approved', 'sending', 'unknown') OR request IS NOT NULL OR sealed_request IS NOT NULL);
ALTER TABLE placement_attempts ADD COLUMN sealed_answer bytea;

-- Sealed with the merchant's key, those of nobody yet with the program's.
ALTER TABLE inbox
    ALTER COLUMN body DROP NOT NULL,
    ADD COLUMN sealed_body bytea,
    ADD COLUMN key_id text NOT NULL DEFAULT '',
    ADD COLUMN anonymize boolean NOT NULL DEFAULT false; -- the store tells that it has erased the buyer
CREATE INDEX inbox_kept ON inbox (merchant_id, received_at) WHERE body IS NOT NULL OR sealed_body IS NOT NULL;
ALTER TABLE orphan_inbox
    ALTER COLUMN body DROP NOT NULL,
    ADD COLUMN sealed_body bytea,
    ADD COLUMN key_id text NOT NULL DEFAULT '',
    ADD COLUMN anonymize boolean NOT NULL DEFAULT false;
CREATE INDEX orphan_inbox_received ON orphan_inbox (received_at);

-- Since when an order needs nothing more, and a store is no longer connected: from then on data is kept for a while.
ALTER TABLE orders NO FORCE ROW LEVEL SECURITY;
UPDATE orders SET ended_at = updated_at WHERE final;
ALTER TABLE orders FORCE ROW LEVEL SECURITY;
CREATE INDEX orders_kept ON orders (merchant_id, store_id, ended_at) WHERE erased_at IS NULL;
CREATE INDEX orders_erase_waiting ON orders (merchant_id, erase_requested_at) WHERE erase_requested_at IS NOT NULL AND erased_at IS NULL;
ALTER TABLE connections ADD COLUMN removed_at timestamptz;
ALTER TABLE connections NO FORCE ROW LEVEL SECURITY;
UPDATE connections SET removed_at = updated_at WHERE state = 'removed';
ALTER TABLE connections FORCE ROW LEVEL SECURITY;

-- Whoever manages keys may have buyers erased. Keys cannot give more than they have, so nobody could otherwise.
UPDATE api_keys SET scopes = scopes || '["privacy:write"]'::jsonb WHERE scopes @> '["keys:write"]'::jsonb;
