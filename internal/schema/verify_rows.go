package schema

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// leaf is a table on disk, and the table that it is a part of, or itself.
type leaf struct {
	Name, Table string
	// Hidden rows: row-level security holds the owner.
	Hidden bool
	Keyed  bool // by campaign_id and id
}

const leavesSQL = `
SELECT
    c.relname::text,
    coalesce((SELECT p.relname::text FROM pg_catalog.pg_class AS p WHERE p.oid = pg_catalog.pg_partition_root(c.oid)), c.relname::text),
    c.relrowsecurity AND c.relforcerowsecurity AND NOT (SELECT r.rolsuper OR r.rolbypassrls FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user),
    2 = (SELECT count(*) FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = c.oid AND a.attname IN ('campaign_id', 'id') AND NOT a.attisdropped)
FROM pg_catalog.pg_class AS c
WHERE c.relnamespace = to_regnamespace('ovasabi')
  AND c.relkind = 'r'
  AND NOT c.relname = ANY ($1::text[])
ORDER BY 2, 1`

// promise is something that holds for every row of a table.
type promise struct {
	ID, Object string
	// Broken is a condition that is true for a row that breaks it.
	Broken           string
	Severity, Remedy string
	What             string // is told of the rows that break it
}

// promisesSQL reads from the catalog what holds for a row. Generated values are
// computed again from their expression: a stored one must be equal, a virtual one
// must not fail.
const promisesSQL = `
SELECT
    'generated_value',
    format('ovasabi.%s.%s', $2::text, a.attname),
    -- The cast rounds as the column does: numeric(12, 2) keeps two digits of a product that has more.
    format(
        '(%s)::%s IS DISTINCT FROM t.%I',
        pg_catalog.pg_get_expr(d.adbin, d.adrelid), pg_catalog.format_type(a.atttypid, a.atttypmod), a.attname
    ),
    'error',
    format('UPDATE ovasabi.%I SET %2$I = %2$I WHERE … for these rows, which computes them again', $2::text, (
        -- The server computes anew what depends on a column that is set.
        SELECT min(source.attname)
        FROM pg_catalog.pg_depend AS dep
        JOIN pg_catalog.pg_attribute AS source ON source.attrelid = dep.refobjid AND source.attnum = dep.refobjsubid
        WHERE dep.classid = 'pg_attrdef'::regclass
          AND dep.objid = d.oid
          AND dep.refclassid = 'pg_class'::regclass
          AND source.attnum <> a.attnum
    )),
    'hold another value than their sources give'
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = $1::text::regclass
  AND a.attgenerated <> ''
UNION ALL
SELECT
    'constraint_broken',
    format('ovasabi.%s.%s', $2::text, k.conname),
    format('(%s) IS FALSE', pg_catalog.pg_get_expr(k.conbin, k.conrelid)),
    'error',
    'correct the rows',
    'break the constraint'
FROM pg_catalog.pg_constraint AS k
WHERE k.conrelid = $1::text::regclass
  AND k.contype = 'c'
UNION ALL
SELECT
    'foreign_key_broken',
    format('ovasabi.%s.%s', $2::text, k.conname),
    format(
        'NOT EXISTS (SELECT FROM %s AS other WHERE (%s)) AND (%s) IS NOT NULL',
        k.confrelid::regclass,
        (
            SELECT string_agg(format('other.%I = t.%I', theirs.attname, ours.attname), ' AND ')
            FROM unnest(k.conkey, k.confkey) AS pair (our, their)
            JOIN pg_catalog.pg_attribute AS ours ON ours.attrelid = k.conrelid AND ours.attnum = pair.our
            JOIN pg_catalog.pg_attribute AS theirs ON theirs.attrelid = k.confrelid AND theirs.attnum = pair.their
        ),
        (
            SELECT string_agg(format('t.%I', ours.attname), ', ')
            FROM unnest(k.conkey) AS one (our)
            JOIN pg_catalog.pg_attribute AS ours ON ours.attrelid = k.conrelid AND ours.attnum = one.our
        )
    ),
    'error',
    'restore the rows that they refer to, or delete these',
    'refer to a row that is not there'
FROM pg_catalog.pg_constraint AS k
WHERE k.conrelid = $1::text::regclass
  AND k.contype = 'f'
UNION ALL
SELECT
    'partition_wrong',
    format('ovasabi.%s', c.relname),
    format('NOT (%s)', pg_catalog.pg_get_partition_constraintdef(c.oid)),
    'error',
    format('WITH lost AS (DELETE FROM ovasabi.%I … RETURNING …) INSERT INTO ovasabi.%I … SELECT … FROM lost', c.relname, $2::text),
    'belong into another partition, where queries look for them'
FROM pg_catalog.pg_class AS c
WHERE c.oid = $1::text::regclass
  AND c.relispartition
UNION ALL
SELECT
    'product_tax_rate',
    'ovasabi.service_product_main.metadata',
    $condition$t.metadata ? 'tax_rate' AND ((t.metadata ->> 'tax_rate') ~ '^[0-9](\.[0-9]{1,100})?$') IS NOT TRUE$condition$,
    'warning',
    'set metadata.tax_rate to a fraction such as 0.19, or remove it',
    'hold a tax_rate that is no fraction from 0 to below 10, and count as without tax'
WHERE $2::text = 'service_product_main'
ORDER BY 1, 2`

func (v *verifier) rows(ctx context.Context) error {
	rows, err := v.conn.Query(ctx, leavesSQL, ownTables)
	if err != nil {
		return err
	}
	leaves, err := pgx.CollectRows(rows, pgx.RowToStructByPos[leaf])
	if err != nil {
		return err
	}
	for _, l := range leaves {
		if !v.wants(l.Table) {
			continue
		}
		if err := v.leaf(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) leaf(ctx context.Context, l leaf) error {
	rows, err := v.conn.Query(ctx, promisesSQL, qualified("ovasabi", l.Name), l.Table)
	if err != nil {
		return err
	}
	promises, err := pgx.CollectRows(rows, pgx.RowToStructByPos[promise])
	if err != nil {
		return err
	}
	name := qualified("ovasabi", l.Name)
	var filenode, blocks int64
	err = v.conn.QueryRow(ctx, `SELECT pg_catalog.pg_relation_filenode($1::text::regclass)::bigint, pg_catalog.pg_relation_size($1::text::regclass) / current_setting('block_size')::bigint`, name).Scan(&filenode, &blocks)
	if err != nil {
		return err
	}
	at := v.place.Pages[l.Name]
	if at.Filenode != filenode {
		at = reached{Filenode: filenode}
	}
	tell := newTeller(v.o.Progress, "verifying "+l.Name)
	tell.total, tell.done = blocks, at.Next
	text := countBroken(promises, l)
	for size := int64(firstBatch); at.Next < blocks; {
		if err := v.worth(ctx, "verify "+l.Name); err != nil {
			return err
		}
		begun, next := time.Now(), min(at.Next+size, blocks)
		n, err := v.batch(ctx, l, promises, fmt.Sprintf(text, name, at.Next, next))
		if err != nil {
			if size > 1 && isData(err) {
				size = max(size/16, 1) // closer to the row that cannot be read
				continue
			}
			if !isData(err) {
				return err
			}
			v.found("generated_value_fails", SeverityError, "ovasabi."+l.Table, fmt.Sprintf("a row in page %d of %s cannot be read: %s", at.Next, l.Name, migrationFault(err)), "make the expression total, or correct the row's sources")
		}
		tell.at(next-at.Next, n)
		at.Next = next
		v.place.Pages[l.Name] = at
		if err := v.save(ctx); err != nil {
			return err
		}
		size = nextSize(size, time.Since(begun))
		if err := v.done(ctx, begun); err != nil {
			return err
		}
	}
	tell.end()
	return nil
}

// isData reports whether the server could not compute something from a row (class 22).
func isData(err error) bool { return strings.HasPrefix(codeOf(err), "22") }

// countBroken writes one query that counts, over a range of pages, the rows that break each promise.
func countBroken(promises []promise, l leaf) string {
	example, highest := "t.ctid::text", "0"
	if l.Keyed {
		example, highest = "format('campaign %%s, id %%s', t.campaign_id, t.id)", "coalesce(max(t.id), 0)"
	}
	var b strings.Builder
	b.WriteString("SELECT count(*), " + highest)
	for _, p := range promises {
		broken := strings.ReplaceAll(p.Broken, "%", "%%")
		fmt.Fprintf(&b, ",\n    count(*) FILTER (WHERE %s), coalesce(min(%s) FILTER (WHERE %s), '')", broken, example, broken)
	}
	b.WriteString("\nFROM ONLY %s AS t\nWHERE t.ctid >= '(%d,0)'::tid AND t.ctid < '(%d,0)'::tid")
	return b.String()
}

func (v *verifier) batch(ctx context.Context, l leaf, promises []promise, text string) (rows int64, err error) {
	counts, examples := make([]int64, len(promises)), make([]string, len(promises))
	var highest int64
	into := []any{&rows, &highest}
	for i := range promises {
		into = append(into, &counts[i], &examples[i])
	}
	err = pgx.BeginFunc(ctx, v.conn, func(tx pgx.Tx) error {
		if l.Hidden {
			if err := execAll(ctx, tx, "SET LOCAL ROLE ovasabi_crossing"); err != nil {
				return err
			}
		}
		return tx.QueryRow(ctx, text).Scan(into...)
	})
	if err != nil {
		return 0, err
	}
	v.out.Checked["rows"] += rows
	v.place.Highest[l.Table] = max(v.place.Highest[l.Table], highest)
	for i, p := range promises {
		if p.ID == "generated_value" {
			v.out.Checked["generated values"] += rows
		}
		if counts[i] > 0 {
			v.broken(p, counts[i], examples[i])
		}
	}
	return rows, nil
}

// broken adds rows to the finding about a promise, or makes it.
func (v *verifier) broken(p promise, n int64, example string) {
	key := p.ID + " " + p.Object
	first := v.place.Broken[key] == 0
	v.place.Broken[key] += n
	if first {
		v.found(p.ID, p.Severity, p.Object, "", p.Remedy)
		v.place.Example[key] = example
	}
	for i := range v.out.Findings {
		f := &v.out.Findings[i]
		if f.ID == p.ID && f.Object == p.Object {
			f.Evidence = fmt.Sprintf("%d rows %s, such as %s", v.place.Broken[key], p.What, v.place.Example[key])
		}
	}
}
