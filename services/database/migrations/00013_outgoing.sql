-- +goose Up

-- Keys that may do everything may manage webhooks, too.
UPDATE api_keys SET scopes = scopes || '["webhooks:write"]'::jsonb WHERE scopes @>
    '["orders:read", "orders:write", "orders:place", "sync:write", "connections:read", "connections:write", "settings:read", "settings:write", "keys:write"]'::jsonb;

-- Where merchants want to be told of changes. The secrets are sealed with the merchant's key; the old one signs beside the new one
-- until its time.
CREATE TABLE webhook_endpoints (
    merchant_id      uuid NOT NULL,
    id               uuid NOT NULL,
    url              text NOT NULL,
    description      text NOT NULL,
    types            jsonb NOT NULL,
    state            text NOT NULL,
    disabled_why     text NOT NULL,
    disabled_at      timestamptz,
    failing_since    timestamptz, -- NULL: the newest attempt was a success
    last_success_at  timestamptz, -- to the minute
    secret           bytea NOT NULL,
    secret_key_id    text NOT NULL,
    old_secret       bytea,
    old_secret_key_id text NOT NULL,
    old_secret_until timestamptz,
    created_at       timestamptz NOT NULL,
    created_by       text NOT NULL,
    updated_at       timestamptz NOT NULL,
    CONSTRAINT webhook_endpoints_pkey PRIMARY KEY (merchant_id, id),
    CONSTRAINT webhook_endpoints_merchant_fkey FOREIGN KEY (merchant_id) REFERENCES merchants (id),
    CONSTRAINT webhook_endpoints_state_check CHECK (state IN ('active', 'disabled')),
    CONSTRAINT webhook_endpoints_disabled_why_check CHECK (disabled_why IN ('', 'person', 'gone', 'failing')),
    CONSTRAINT webhook_endpoints_disabled_check CHECK ((state = 'disabled') = (disabled_why <> '') AND (state = 'disabled') = (disabled_at IS NOT NULL)),
    CONSTRAINT webhook_endpoints_types_check CHECK (jsonb_typeof(types) = 'array' AND types <@
        '["order.created", "order.tab_changed", "order.shipped", "order.flag_opened", "order.flag_closed", "connection.needs_reauth", "sync_job.finished"]'::jsonb)
);

-- What they are told: written with the change that it tells of. The payload is kept as it is sent, because its bytes are signed.
CREATE TABLE webhook_messages (
    merchant_id uuid NOT NULL,
    id          uuid NOT NULL,
    type        text NOT NULL,
    payload     text NOT NULL,
    created_at  timestamptz NOT NULL,
    CONSTRAINT webhook_messages_pkey PRIMARY KEY (merchant_id, id),
    CONSTRAINT webhook_messages_merchant_fkey FOREIGN KEY (merchant_id) REFERENCES merchants (id),
    CONSTRAINT webhook_messages_type_check CHECK (type IN ('order.created', 'order.tab_changed', 'order.shipped', 'order.flag_opened', 'order.flag_closed',
        'connection.needs_reauth', 'sync_job.finished', 'webhook.test'))
);

-- What became of it at each endpoint. next_try_at is moved on before each attempt, so that one whose process died is due again.
CREATE TABLE webhook_deliveries (
    merchant_id    uuid NOT NULL,
    endpoint_id    uuid NOT NULL,
    message_id     uuid NOT NULL,
    state          text NOT NULL,
    attempts       integer NOT NULL, -- all of them: it only grows
    round_began_at integer NOT NULL, -- the attempts before the schedule was begun anew
    next_try_at    timestamptz,
    tries          jsonb NOT NULL, -- the newest attempts: when, status, how long, what was wrong
    delivered_at   timestamptz,
    CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (merchant_id, endpoint_id, message_id),
    CONSTRAINT webhook_deliveries_endpoint_fkey FOREIGN KEY (merchant_id, endpoint_id) REFERENCES webhook_endpoints (merchant_id, id),
    CONSTRAINT webhook_deliveries_message_fkey FOREIGN KEY (merchant_id, message_id) REFERENCES webhook_messages (merchant_id, id),
    CONSTRAINT webhook_deliveries_state_check CHECK (state IN ('waiting', 'delivered', 'failed')),
    CONSTRAINT webhook_deliveries_not_forgotten_check CHECK ((state = 'waiting') = (next_try_at IS NOT NULL))
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (merchant_id, endpoint_id, next_try_at) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_message ON webhook_deliveries (merchant_id, message_id);
CREATE INDEX webhook_deliveries_state ON webhook_deliveries (merchant_id, endpoint_id, state, message_id);

-- Flags that a merchant is to be told of by mail, and when.
CREATE TABLE notifications (
    merchant_id uuid NOT NULL,
    flag_id     uuid NOT NULL,
    due_at      timestamptz NOT NULL,
    told_at     timestamptz,
    CONSTRAINT notifications_pkey PRIMARY KEY (merchant_id, flag_id),
    CONSTRAINT notifications_merchant_fkey FOREIGN KEY (merchant_id) REFERENCES merchants (id)
);
CREATE INDEX notifications_due ON notifications (merchant_id, due_at) WHERE told_at IS NULL;

-- One mail to one address: of flags, or of an endpoint that was disabled.
CREATE TABLE notification_mails (
    merchant_id uuid NOT NULL,
    id          uuid NOT NULL,
    address     text NOT NULL,
    flag_ids    jsonb NOT NULL,
    endpoint_id uuid,
    state       text NOT NULL,
    attempts    integer NOT NULL,
    next_try_at timestamptz,
    error_code  text NOT NULL,
    created_at  timestamptz NOT NULL,
    sent_at     timestamptz,
    CONSTRAINT notification_mails_pkey PRIMARY KEY (merchant_id, id),
    CONSTRAINT notification_mails_merchant_fkey FOREIGN KEY (merchant_id) REFERENCES merchants (id),
    CONSTRAINT notification_mails_state_check CHECK (state IN ('waiting', 'sent', 'dropped', 'failed')),
    CONSTRAINT notification_mails_not_forgotten_check CHECK ((state = 'waiting') = (next_try_at IS NOT NULL))
);
CREATE INDEX notification_mails_due ON notification_mails (merchant_id, next_try_at) WHERE state = 'waiting';

SELECT build_tenant_wall(t) FROM unnest(ARRAY['webhook_endpoints', 'webhook_messages', 'webhook_deliveries', 'notifications', 'notification_mails']::regclass[]) AS t;
