-- +goose Up

-- A merchant has several API keys, each allowed what its scopes say. Those that were there before may do everything. New rows
-- have to say what they may do: there is no default.
ALTER TABLE api_keys ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid();
ALTER TABLE api_keys ADD COLUMN scopes jsonb NOT NULL DEFAULT
    '["orders:read", "orders:write", "orders:place", "sync:write", "connections:read", "connections:write", "settings:read", "settings:write", "keys:write"]';
ALTER TABLE api_keys ALTER COLUMN id DROP DEFAULT;
ALTER TABLE api_keys ALTER COLUMN scopes DROP DEFAULT;
ALTER TABLE api_keys ADD COLUMN starts_with text NOT NULL DEFAULT ''; -- the first characters of the key, so that its owner knows it again
ALTER TABLE api_keys ADD COLUMN expires_at timestamptz;
ALTER TABLE api_keys ADD COLUMN last_used_at timestamptz; -- written at most once a minute
ALTER TABLE api_keys ADD COLUMN created_by text NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD COLUMN revoked_at timestamptz;
ALTER TABLE api_keys ADD COLUMN revoked_by text NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD CONSTRAINT api_keys_id_key UNIQUE (merchant_id, id);
ALTER TABLE api_keys ADD CONSTRAINT api_keys_scopes_check CHECK (jsonb_typeof(scopes) = 'array' AND scopes <@
    '["orders:read", "orders:write", "orders:place", "sync:write", "connections:read", "connections:write", "settings:read", "settings:write", "keys:write"]'::jsonb);
-- A timeline names who did something by the key's name. The name of a revoked key is free again.
CREATE UNIQUE INDEX api_keys_name_key ON api_keys (merchant_id, name) WHERE revoked_at IS NULL;

-- Requests that name themselves with an Idempotency-Key, and what they were answered: a repeat is told it, and does nothing. While
-- the first runs it holds a lease; a claim whose lease has run out was left by a crash. Kept for 72 hours.
CREATE TABLE idempotency_keys (
    merchant_id    uuid NOT NULL,
    key            text NOT NULL,
    request_sha256 text NOT NULL, -- method, target and body
    claim          uuid NOT NULL, -- whose lease it is
    lease_until    timestamptz NOT NULL,
    created_at     timestamptz NOT NULL,
    done_at        timestamptz,
    status         integer NOT NULL DEFAULT 0,
    content_type   text NOT NULL DEFAULT '',
    location       text NOT NULL DEFAULT '',
    body           bytea, -- NULL when done: it held a secret, which is not kept
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (merchant_id, key),
    CONSTRAINT idempotency_keys_merchant_fkey FOREIGN KEY (merchant_id) REFERENCES merchants (id),
    CONSTRAINT idempotency_keys_done_check CHECK (done_at IS NULL OR status BETWEEN 200 AND 499)
);
CREATE INDEX idempotency_keys_created ON idempotency_keys (merchant_id, created_at);
