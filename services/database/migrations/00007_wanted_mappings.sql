-- +goose Up

-- Variants that nobody has mapped.
CREATE INDEX order_lines_wanted ON order_lines (merchant_id, variant_key, order_id) WHERE NOT mapped AND NOT removed AND variant_key <> '';
-- The AliExpress stores that a merchant buys from.
CREATE INDEX product_mappings_supplier ON product_mappings (merchant_id, supplier_store_id, supplier_store_name) WHERE supplier_store_id <> '';
