-- +goose Up

-- Buyers are searched by how their last name begins, too.
CREATE INDEX orders_buyer_last_name ON orders (merchant_id, lower(split_part(buyer_name, ' ', -1)) text_pattern_ops);
