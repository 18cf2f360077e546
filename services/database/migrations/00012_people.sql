-- +goose Up

-- People are looked up before it is known for which merchant they act, and one person may act for several: these tables stand, as
-- merchants and api_keys do, outside the tenants' walls.

CREATE TABLE people (
    id               uuid PRIMARY KEY,
    email            text NOT NULL,
    name             text NOT NULL,
    password_hash    text NOT NULL,
    staff            text NOT NULL,
    totp             bytea,
    totp_key_id      text NOT NULL,
    totp_last_step   bigint NOT NULL,
    disabled_at      timestamptz,
    created_at       timestamptz NOT NULL,
    signed_in_at     timestamptz,
    CONSTRAINT people_email_key UNIQUE (email),
    CONSTRAINT people_email_check CHECK (email = lower(email) AND email <> ''),
    CONSTRAINT people_staff_check CHECK (staff IN ('', 'support', 'operator'))
);

CREATE TABLE memberships (
    merchant_id uuid NOT NULL REFERENCES merchants (id),
    person_id   uuid NOT NULL REFERENCES people (id),
    role        text NOT NULL,
    created_at  timestamptz NOT NULL,
    created_by  text NOT NULL,
    CONSTRAINT memberships_pkey PRIMARY KEY (merchant_id, person_id),
    CONSTRAINT memberships_role_check CHECK (role IN ('owner', 'member', 'read_only'))
);
CREATE INDEX memberships_person ON memberships (person_id);

CREATE TABLE passkeys (
    id           text PRIMARY KEY,
    person_id    uuid NOT NULL REFERENCES people (id),
    name         text NOT NULL,
    credential   jsonb NOT NULL,
    created_at   timestamptz NOT NULL,
    last_used_at timestamptz
);
CREATE INDEX passkeys_person ON passkeys (person_id);

-- Sessions by the hash of their token. What is in data is said again in columns where it is searched for.
CREATE TABLE sessions (
    token      text PRIMARY KEY,
    id         uuid NOT NULL,
    person_id  uuid,
    data       jsonb NOT NULL,
    seen_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT sessions_id_key UNIQUE (id)
);
CREATE INDEX sessions_person ON sessions (person_id) WHERE person_id IS NOT NULL;
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- What works once and for a while: links in mails, invitations, the questions of passkeys, secrets that are being set up.
CREATE TABLE one_time_tokens (
    id           uuid PRIMARY KEY,
    token_sha256 text NOT NULL,
    kind         text NOT NULL,
    person_id    uuid REFERENCES people (id),
    merchant_id  uuid REFERENCES merchants (id),
    email        text NOT NULL,
    data         jsonb NOT NULL,
    created_at   timestamptz NOT NULL,
    created_by   text NOT NULL,
    expires_at   timestamptz NOT NULL,
    CONSTRAINT one_time_tokens_token_key UNIQUE (token_sha256),
    CONSTRAINT one_time_tokens_kind_check CHECK (kind IN ('sign_up', 'invitation', 'password_reset', 'passkey_new', 'passkey_sign_in', 'totp_new'))
);
CREATE INDEX one_time_tokens_merchant ON one_time_tokens (merchant_id) WHERE merchant_id IS NOT NULL;
CREATE INDEX one_time_tokens_person ON one_time_tokens (person_id) WHERE person_id IS NOT NULL;
CREATE INDEX one_time_tokens_expiry ON one_time_tokens (expires_at);

-- Failures and other things that are counted over a while, for all processes together. Subjects are hashed: they may be addresses.
CREATE TABLE tries (
    kind       text NOT NULL,
    subject    text NOT NULL,
    n          integer NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT tries_pkey PRIMARY KEY (kind, subject)
);
CREATE INDEX tries_expiry ON tries (expires_at);

-- Support looks at a merchant for a reason and for a while.
CREATE TABLE support_views (
    person_id   uuid NOT NULL REFERENCES people (id),
    merchant_id uuid NOT NULL REFERENCES merchants (id),
    reason      text NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    CONSTRAINT support_views_pkey PRIMARY KEY (person_id, merchant_id)
);

-- Retrying a push, noting and managing people are rights of their own now: keys that could do what comes nearest may do them.
-- Which scopes there are is known to the program alone: a list here would be a second one.
ALTER TABLE api_keys DROP CONSTRAINT api_keys_scopes_check;
ALTER TABLE api_keys ADD CONSTRAINT api_keys_scopes_check CHECK (jsonb_typeof(scopes) = 'array');
UPDATE api_keys SET scopes = scopes || '["pushes:retry"]'::jsonb WHERE scopes @> '["orders:place"]'::jsonb;
UPDATE api_keys SET scopes = scopes || '["orders:note"]'::jsonb WHERE scopes @> '["orders:write"]'::jsonb;
UPDATE api_keys SET scopes = scopes || '["people:write"]'::jsonb WHERE scopes @> '["keys:write"]'::jsonb;
