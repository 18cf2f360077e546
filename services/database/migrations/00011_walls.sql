-- +goose Up

-- The program works as waybill_app, which owns nothing. Roles belong to the whole server: another database of it, or the operator, may
-- have made this one.
-- +goose StatementBegin
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'waybill_app') THEN
        CREATE ROLE waybill_app NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'there is no role waybill_app, and this login may not make one: let an administrator run CREATE ROLE waybill_app; GRANT waybill_app TO %;', current_user;
END $$;
-- +goose StatementEnd
-- Whoever migrates may work as waybill_app too, so that one login is enough. Where it may not give that right, the operator has to.
-- +goose StatementBegin
DO $$
BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('GRANT waybill_app TO %I', current_user);
    END IF;
EXCEPTION WHEN insufficient_privilege THEN NULL;
END $$;
-- +goose StatementEnd

-- It reads and writes rows, also of tables that are still to come. What has been migrated it only reads.
-- +goose StatementBegin
DO $$
DECLARE
    home text := quote_ident(current_schema());
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %s TO waybill_app', home);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %s TO waybill_app', home);
    EXECUTE format('GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA %s TO waybill_app', home);
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %s GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO waybill_app', home);
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %s GRANT USAGE, SELECT ON SEQUENCES TO waybill_app', home);
END $$;
-- +goose StatementEnd
REVOKE INSERT, UPDATE, DELETE ON goose_db_version, river_migration FROM waybill_app;

-- Puts a table behind the wall: a transaction sees and writes the rows of the merchant that it has set in waybill.merchant, and
-- nobody's before it has. Where it has set * it reads all and writes nothing. The sub-selects are computed once for each
-- statement, not for each row. The owner is walled off too: a migration that changes rows has to lift FORCE before, and set it again.
-- +goose StatementBegin
CREATE FUNCTION build_tenant_wall(tenant_table regclass) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    mine text := $own$merchant_id = (SELECT nullif(nullif(current_setting('waybill.merchant', true), ''), '*')::uuid)$own$;
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format($sql$CREATE POLICY tenant_read ON %s FOR SELECT USING (%s OR (SELECT current_setting('waybill.merchant', true) = '*'))$sql$, tenant_table, mine);
    EXECUTE format('CREATE POLICY tenant_insert ON %s FOR INSERT WITH CHECK (%s)', tenant_table, mine);
    EXECUTE format('CREATE POLICY tenant_update ON %s FOR UPDATE USING (%s) WITH CHECK (%s)', tenant_table, mine, mine);
    EXECUTE format('CREATE POLICY tenant_delete ON %s FOR DELETE USING (%s)', tenant_table, mine);
END $$;
-- +goose StatementEnd

-- Behind the wall a condition may use an index only if computing it can tell nothing of a row that is not to be seen (it is
-- "leakproof"): comparing numbers, times and plain texts is; lower() and LIKE are not, nor is comparing an xid8.
ALTER TABLE orders
    ADD COLUMN email_key text GENERATED ALWAYS AS (lower(buyer_email)) STORED,
    ADD COLUMN name_key text GENERATED ALWAYS AS (lower(buyer_name)) STORED,
    ADD COLUMN last_name_key text GENERATED ALWAYS AS (lower(split_part(buyer_name, ' ', -1))) STORED;
DROP INDEX orders_buyer_email;
DROP INDEX orders_buyer_name;
DROP INDEX orders_buyer_last_name;
CREATE INDEX orders_buyer_email ON orders (merchant_id, email_key text_pattern_ops);
CREATE INDEX orders_buyer_name ON orders (merchant_id, name_key text_pattern_ops);
CREATE INDEX orders_buyer_last_name ON orders (merchant_id, last_name_key text_pattern_ops);
ALTER TABLE feed ALTER COLUMN xid DROP DEFAULT;
ALTER TABLE feed ALTER COLUMN xid TYPE bigint USING xid::text::bigint;
ALTER TABLE feed ALTER COLUMN xid SET DEFAULT pg_current_xact_id()::text::bigint;

-- Every table that a merchant has rows of his own in: merchant_id comes first in its primary key.
SELECT build_tenant_wall(i.indrelid::regclass) FROM pg_index i
JOIN pg_class t ON t.oid = i.indrelid AND t.relnamespace = current_schema()::regnamespace
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
WHERE i.indisprimary AND a.attname = 'merchant_id';
