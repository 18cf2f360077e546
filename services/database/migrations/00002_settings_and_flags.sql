-- +goose Up

-- What a merchant has decided, and what it has decided about one store: see models.Settings and models.StoreSettings. A
-- member that is not there has its default.
ALTER TABLE merchants ADD COLUMN settings jsonb NOT NULL DEFAULT '{}';
ALTER TABLE connections ADD COLUMN settings jsonb NOT NULL DEFAULT '{}';

-- A person may put a flag off, or close it although its fact is still there: it then stays closed until the fact has gone once.
ALTER TABLE flags ADD COLUMN snoozed_until timestamptz;
ALTER TABLE flags ADD COLUMN snoozed_by text NOT NULL DEFAULT '';
ALTER TABLE flags ADD COLUMN snoozed_why text NOT NULL DEFAULT '';
ALTER TABLE flags ADD COLUMN dismissed boolean NOT NULL DEFAULT false;
ALTER TABLE flags ADD CONSTRAINT flags_dismissed_check CHECK (NOT dismissed OR closed_at IS NOT NULL);
CREATE INDEX flags_order ON flags (merchant_id, order_id) WHERE closed_at IS NULL OR dismissed;

ALTER TABLE flags DROP CONSTRAINT flags_code_check;
ALTER TABLE flags ADD CONSTRAINT flags_code_check CHECK (code IN (
    'no_supplier', 'place_failed', 'place_unknown', 'maybe_bought_twice', 'supplier_cancelled', 'payment_timeout', 'closed_unshipped',
    'amount_short', 'payment_held', 'payment_review', 'pay_soon', 'address_incomplete', 'frozen', 'dispute', 'stop_request', 'payment_reversed',
    'shipped_without_number', 'push_refused', 'push_unconfirmed', 'mismatch', 'parcel_missing', 'parcel_shared', 'unknown_status',
    'supplier_order_no_data', 'held', 'seller_late', 'tracking_silent', 'order_edited', 'override_conflict', 'authorization_ending', 'stale_order',
    'gone_from_store', 'account_gone', 'needs_reauth', 'app_removed', 'access_ending', 'permission_missing', 'same_site_twice'));
