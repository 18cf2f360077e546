-- +goose Up

-- Whoever acts at no merchant, as staff do at the desk, names his requests under his own id: merchant_id is a person's then.
ALTER TABLE idempotency_keys DROP CONSTRAINT idempotency_keys_merchant_fkey;
