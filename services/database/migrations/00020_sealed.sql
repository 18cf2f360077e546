-- +goose Up

-- What is sealed looks like noise: trying to compress it is lost time.
ALTER TABLE inbox ALTER COLUMN sealed_body SET STORAGE EXTERNAL;
ALTER TABLE orphan_inbox ALTER COLUMN sealed_body SET STORAGE EXTERNAL;
ALTER TABLE order_payloads
    ALTER COLUMN sealed_payload SET STORAGE EXTERNAL,
    ALTER COLUMN sealed_buyer SET STORAGE EXTERNAL,
    ALTER COLUMN sealed_purchase_address SET STORAGE EXTERNAL;
ALTER TABLE supplier_orders ALTER COLUMN sealed_request SET STORAGE EXTERNAL;
ALTER TABLE placement_attempts ALTER COLUMN sealed_answer SET STORAGE EXTERNAL;
