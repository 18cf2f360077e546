-- +goose Up

-- When the rule of automatic placing became what it is: no order that was there before is bought by it.
ALTER TABLE merchants ADD COLUMN auto_place_since timestamptz;
UPDATE merchants SET auto_place_since = now() WHERE settings -> 'auto_place' ->> 'enabled' = 'true';
-- Placing that stopped by itself, and since when a person lets it go on.
ALTER TABLE merchants ADD COLUMN placing_tripped_at timestamptz;
ALTER TABLE merchants ADD COLUMN placing_tripped_why text NOT NULL DEFAULT '';
ALTER TABLE merchants ADD COLUMN placing_resumed_at timestamptz;

ALTER TABLE orders ADD COLUMN staff boolean NOT NULL DEFAULT false;
-- Fingerprints of addresses: what a purchase was approved for is compared with what is true when it is sent.
ALTER TABLE orders ADD COLUMN recipient_sha256 text NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN purchase_address_sha256 text NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN purchase_address_for text NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN purchase_address_at timestamptz;
ALTER TABLE orders ADD COLUMN purchase_address_by text NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN purchase_address_why text NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN held_at timestamptz;
ALTER TABLE orders ADD COLUMN held_until timestamptz;
ALTER TABLE orders ADD COLUMN held_by text NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN held_why text NOT NULL DEFAULT '';

-- An address for the purchase only; the store's own stays untouched beside it.
ALTER TABLE order_payloads ADD COLUMN purchase_address jsonb;

ALTER TABLE order_lines ADD COLUMN custom_text text NOT NULL DEFAULT '';

ALTER TABLE supplier_orders ADD COLUMN auto boolean NOT NULL DEFAULT false;
ALTER TABLE supplier_orders ADD COLUMN replaces uuid;
ALTER TABLE supplier_orders ADD COLUMN approved_at timestamptz;
ALTER TABLE supplier_orders ADD COLUMN address_sha256 text NOT NULL DEFAULT '';
ALTER TABLE supplier_orders ADD COLUMN error_fields jsonb;
ALTER TABLE supplier_orders ADD COLUMN previous_numbers jsonb;
ALTER TABLE supplier_orders DROP CONSTRAINT supplier_orders_state_check;
ALTER TABLE supplier_orders ADD CONSTRAINT supplier_orders_state_check
    CHECK (state IN ('planned', 'approved', 'sending', 'placed', 'rejected', 'unknown', 'closed', 'unlinked'));
ALTER TABLE supplier_orders ADD CONSTRAINT supplier_orders_unlinked_check CHECK (state <> 'unlinked' OR external_id = '');

-- What is to be paid, soonest first; what says no time comes last.
CREATE INDEX supplier_orders_pay_list ON supplier_orders (merchant_id, (coalesce(pay_by, '9999-12-31 00:00:00+00'::timestamptz)), id)
    WHERE stage = 'unpaid' AND state = 'placed';

ALTER TABLE supplier_order_lines ADD COLUMN rank integer NOT NULL DEFAULT 0;
ALTER TABLE supplier_order_lines ADD CONSTRAINT supplier_order_lines_rank_check CHECK (rank IN (0, 1));

-- The newest attempts of a merchant, from which placing stops by itself.
CREATE INDEX placement_attempts_newest ON placement_attempts (merchant_id, at DESC);

-- Set once its supplier order has gone by another number: it is history, and counts for nothing.
ALTER TABLE parcels ADD COLUMN voided_at timestamptz;
