-- A virtual column's errors surface when it is read, so this one has none. What
-- is no rate (absent, negative, 19 for 0.19, a word, an object, 1e400) counts as
-- 0, and `migrate verify` lists it. 12 digits hold the largest price at the
-- largest rate, which the plan's 10 do not.
-- +goose Up
ALTER TABLE ovasabi.service_product_main
    ADD COLUMN price_with_tax_virtual numeric(12, 2) GENERATED ALWAYS AS (
        price * (
            1 + CASE
                WHEN (metadata ->> 'tax_rate') ~ '^[0-9](\.[0-9]{1,100})?$'
                THEN (metadata ->> 'tax_rate')::numeric
                ELSE 0
            END
        )
    ) VIRTUAL;

COMMENT ON COLUMN ovasabi.service_product_main.price_with_tax_virtual IS 'Price and its tax, rounded half up to two places. metadata.tax_rate is a fraction from 0 to below 10, a number or a string: 0.19 or "0.19". Anything else counts as 0.';

-- +goose Down
ALTER TABLE ovasabi.service_product_main DROP COLUMN price_with_tax_virtual;
