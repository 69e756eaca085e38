package schema

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

const verifyIndexesSQL = `
SELECT
    i.indexrelid::regclass::text,
    coalesce((SELECT p.relname::text FROM pg_catalog.pg_class AS p WHERE p.oid = pg_catalog.pg_partition_root(t.oid)), t.relname::text),
    am.amname::text,
    i.indisvalid AND i.indisready AND i.indislive,
    coalesce((
        -- Its columns are the beginning of another one's.
        SELECT o.indexrelid::regclass::text
        FROM pg_catalog.pg_index AS o
        JOIN pg_catalog.pg_class AS oc ON oc.oid = o.indexrelid AND oc.relam = c.relam
        WHERE o.indrelid = i.indrelid
          AND o.indexrelid <> i.indexrelid
          AND o.indisvalid
          AND NOT i.indisunique
          AND am.amname = 'btree'
          AND i.indexprs IS NULL AND o.indexprs IS NULL
          AND i.indpred IS NULL AND o.indpred IS NULL
          AND i.indnatts = i.indnkeyatts
          AND (o.indkey::smallint[])[0:i.indnkeyatts - 1] = (i.indkey::smallint[])[0:i.indnkeyatts - 1]
          AND (o.indclass::oid[])[0:i.indnkeyatts - 1] = (i.indclass::oid[])[0:i.indnkeyatts - 1]
          AND (o.indoption::smallint[])[0:i.indnkeyatts - 1] = (i.indoption::smallint[])[0:i.indnkeyatts - 1]
          AND (o.indnkeyatts > i.indnkeyatts OR o.indexrelid < i.indexrelid)
        ORDER BY o.indnkeyatts
        LIMIT 1
    ), '')
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
JOIN pg_catalog.pg_am AS am ON am.oid = c.relam
WHERE c.relnamespace = to_regnamespace('ovasabi')
  AND c.relkind = 'i'
ORDER BY 2, 1`

// indexes looks into every index: whether it can be used, whether its inside is
// sound, and (btree) whether it holds every row of its table and no key twice.
func (v *verifier) indexes(ctx context.Context) error {
	type one struct {
		Name, Table, Method string
		Valid               bool
		Within              string
	}
	rows, err := v.conn.Query(ctx, verifyIndexesSQL)
	if err != nil {
		return err
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[one])
	if err != nil {
		return err
	}
	checks, err := v.amcheck(ctx)
	if err != nil {
		return err
	}
	for _, ix := range all {
		if !v.wants(ix.Table) || v.place.Indexes[ix.Name] {
			continue
		}
		if err := v.worth(ctx, "verify "+ix.Name); err != nil {
			return err
		}
		if ix.Within != "" {
			v.found("index_redundant", SeverityInfo, ix.Name, "its columns are the beginning of those of "+ix.Within+", which can serve in its place", "DROP INDEX CONCURRENTLY "+ix.Name)
		}
		if !ix.Valid {
			v.found("index_invalid", SeverityError, ix.Name, "a build of it was cut short: it is written and never read", "ovasabi migrate up, which builds it again")
			continue
		}
		check, ok := checks[ix.Method]
		if !ok {
			continue
		}
		v.o.Progress("verifying " + ix.Name)
		begun := time.Now()
		_, err := v.conn.Exec(ctx, check, ix.Name)
		switch code := codeOf(err); {
		case err == nil:
			v.out.Checked["indexes"]++
		case code == fault.CodeInsufficientPriv:
			v.found("amcheck_denied", SeverityInfo, "amcheck", "the owner may not run its functions: the insides of indexes were not verified", "as an administrator: GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA of amcheck TO the owner")
			checks = nil
		case code == "":
			return err // the connection, not the index
		default:
			v.out.Checked["indexes"]++
			v.found("index_corrupt", SeverityError, ix.Name, migrationFault(err).Error(), "REINDEX INDEX CONCURRENTLY "+ix.Name+", and look for the cause: disk, memory, or a change of the collation library")
		}
		v.place.Indexes[ix.Name] = true
		if err := v.save(ctx); err != nil {
			return err
		}
		if err := v.done(ctx, begun); err != nil {
			return err
		}
	}
	return nil
}

// amcheck returns the statement that looks into an index, for each access method.
func (v *verifier) amcheck(ctx context.Context) (map[string]string, error) {
	var schema string
	err := v.conn.QueryRow(ctx, `SELECT coalesce((SELECT extnamespace::regnamespace::text FROM pg_catalog.pg_extension WHERE extname = 'amcheck'), '')`).Scan(&schema)
	if err != nil {
		return nil, err
	}
	if schema == "" {
		v.found("amcheck_missing", SeverityInfo, "amcheck", "the extension is not in this database: the insides of indexes were not verified", "as an administrator: CREATE EXTENSION amcheck")
		return nil, nil
	}
	return map[string]string{
		"btree": fmt.Sprintf("SELECT %s.bt_index_check(index => $1::text::regclass, heapallindexed => true, checkunique => true)", schema),
		"gin":   fmt.Sprintf("SELECT %s.gin_index_check($1::text::regclass)", schema),
	}, nil
}
