-- Comparisons of numeric are not leakproof, so that under row-level security no
-- index finds the place of a page by price: each page read all pages before it.
-- Those of bigint are. A price has two decimal places, whatever the currency's own.
-- +ovasabi MOVE service_product_main
-- +goose Up
ALTER TABLE ovasabi.service_product_main
    ADD COLUMN price_hundredths bigint GENERATED ALWAYS AS ((price * 100)::bigint) STORED;

COMMENT ON COLUMN ovasabi.service_product_main.price_hundredths IS 'The price times 100, exactly: 12.50 is 1250. Lists by price are ordered and bounded by it.';

-- +goose Down
ALTER TABLE ovasabi.service_product_main DROP COLUMN IF EXISTS price_hundredths;
