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
