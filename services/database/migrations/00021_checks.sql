-- +goose Up

-- When each open order is to be checked next. It stands apart from the order, because it is moved at every check: an index on it kept each of
-- those updates of an order from staying on its page, so that all of an order's indexes were written twice a check. orders.next_check_at
-- says the same to whoever reads the order; between a claim and the end of its check, this table is ahead.
CREATE TABLE order_checks (
    merchant_id uuid NOT NULL,
    order_id    uuid NOT NULL,
    due_at      timestamptz NOT NULL,
    CONSTRAINT order_checks_pkey PRIMARY KEY (merchant_id, order_id),
    CONSTRAINT order_checks_order_fkey FOREIGN KEY (merchant_id, order_id) REFERENCES orders (merchant_id, id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

INSERT INTO order_checks SELECT merchant_id, id, next_check_at FROM orders WHERE next_check_at IS NOT NULL;
CREATE INDEX order_checks_due ON order_checks (merchant_id, due_at);
SELECT build_tenant_wall('order_checks');

-- An open order without its line above, which only a process of the release before can leave, is found by this.
CREATE INDEX orders_open ON orders (merchant_id, id) WHERE NOT final;
-- A process of the release before that still runs finds what is due without it, but slowly.
DROP INDEX orders_due;

-- Purchases that may exist are few, and counted for every look at the measurements.
CREATE INDEX supplier_orders_unknown ON supplier_orders (merchant_id, account_id) WHERE state = 'unknown';
