-- +goose Up

-- What people, keys and the operator did to a merchant, for good. The hash of an entry covers the entry before it, so that none can
-- be changed, taken out or put in between unseen; the head tells how many there are and the hash of the last. What was done to the
-- installation as a whole is of the merchant 0. There is no foreign key to merchants: what was done to one outlives it.
CREATE TABLE audit_entries (
    merchant_id  uuid NOT NULL,
    seq          bigint NOT NULL,
    at           timestamptz NOT NULL,
    actor        text NOT NULL,
    act          text NOT NULL,
    subject_kind text NOT NULL,
    subject_id   text NOT NULL,
    reason       text NOT NULL,
    request_id   text NOT NULL,
    client       text NOT NULL,
    detail       json NOT NULL, -- not jsonb: the hash is over this very text
    hash         bytea NOT NULL,
    CONSTRAINT audit_entries_pkey PRIMARY KEY (merchant_id, seq),
    CONSTRAINT audit_entries_act_check CHECK (act <> '' AND actor <> ''),
    CONSTRAINT audit_entries_hash_check CHECK (length(hash) = 32)
);
CREATE INDEX audit_entries_actor ON audit_entries (merchant_id, actor, seq);
CREATE INDEX audit_entries_act ON audit_entries (merchant_id, act, seq);
CREATE INDEX audit_entries_subject ON audit_entries (merchant_id, subject_id, seq);
CREATE INDEX audit_entries_at ON audit_entries (merchant_id, at, seq);

CREATE TABLE audit_heads (
    merchant_id uuid NOT NULL,
    seq         bigint NOT NULL,
    hash        bytea NOT NULL,
    CONSTRAINT audit_heads_pkey PRIMARY KEY (merchant_id)
);

-- Who consents in a browser is known by the state alone when he comes back.
ALTER TABLE connect_states ADD COLUMN actor text NOT NULL DEFAULT '';

-- Whoever manages keys may read what was done. Keys cannot give more than they have, so nobody could otherwise.
UPDATE api_keys SET scopes = scopes || '["audit:read"]'::jsonb WHERE scopes @> '["keys:write"]'::jsonb;

-- What was entered stays as it was entered: the program may add to it, and that is all.
SELECT build_tenant_wall('audit_entries');
SELECT build_tenant_wall('audit_heads');
REVOKE UPDATE, DELETE ON audit_entries FROM waybill_app;
REVOKE DELETE ON audit_heads FROM waybill_app;
