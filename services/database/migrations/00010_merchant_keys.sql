-- +goose Up

-- The key with which a merchant's secrets are sealed; itself sealed with the program's key, of which key_id tells which one it was.
-- What connections.key_id names is one of these, or, for what was sealed before there were any, the program's key.
CREATE TABLE merchant_keys (
    merchant_id uuid NOT NULL,
    id          uuid NOT NULL,
    sealed      bytea NOT NULL,
    key_id      text NOT NULL,
    created_at  timestamptz NOT NULL,
    CONSTRAINT merchant_keys_pkey PRIMARY KEY (merchant_id, id),
    CONSTRAINT merchant_keys_merchant_fkey FOREIGN KEY (merchant_id) REFERENCES merchants (id)
);
