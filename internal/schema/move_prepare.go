package schema

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// smallTable is the number of pages up to which the copy has its indexes from the
// beginning. Above it, building them once the rows are there is faster by far.
const smallTable = 1000

// key identifies a row of every table that belongs to campaigns.
const key = "campaign_id, id"

// prepare makes the empty copy and the triggers that carry writes into it, in one
// transaction: either both are there or none.
func (mv *move) prepare(ctx context.Context, shape string) error {
	if err := mv.checkMovable(ctx); err != nil {
		return err
	}
	mv.state = moveState{Table: mv.table.name, Shape: shape, Stage: stageCopy}
	if _, err := mv.conn.Exec(ctx, moveTablesSQL); err != nil {
		return err
	}
	mv.o.Progress(fmt.Sprintf("%s: making the copy", mv.table.name))
	return mv.inTx(ctx, "making the copy", func(tx pgx.Tx) error {
		pages, err := mv.sizeInPages(ctx)
		if err != nil {
			return err
		}
		if err := execAll(ctx, tx, mv.prepareSQL(pages)...); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO ovasabi.schema_move (table_name, shape, stage) VALUES ($1, $2, $3)`, mv.table.name, shape, string(stageCopy)); err != nil {
			return err
		}
		return recordSources(ctx, tx, "table", "ovasabi", mv.table.leaves())
	})
}

// prepareSQL makes the copy, without a lock that others notice, and then the
// triggers: from their lock to the commit are milliseconds.
func (mv *move) prepareSQL(pages int64) []string {
	return slices.Concat(mv.copySQL(mv.isSmall(pages)), mv.carrySQL(), mv.triggerSQL())
}

// copySQL makes the copy: empty, and for a small table with all of its indexes.
func (mv *move) copySQL(small bool) []string {
	next, table := qualified(nextSchema, mv.table.name), qualified("ovasabi", mv.table.name)
	partitioning, options := "", ""
	if mv.partitions > 0 {
		partitioning = " PARTITION BY HASH (campaign_id)"
	}
	if mv.table.options != "" {
		options = " WITH (" + mv.table.options + ")"
	}
	statements := []string{
		"DROP SCHEMA IF EXISTS " + nextSchema + ", " + oldSchema + " CASCADE",
		"CREATE SCHEMA " + nextSchema,
		"CREATE SCHEMA " + oldSchema,
	}
	create := "CREATE TABLE " + next + " (LIKE " + table + " INCLUDING ALL EXCLUDING INDEXES)" + partitioning
	if mv.partitions == 0 {
		create += options
	}
	statements = append(statements, create)
	for i, partition := range partitionNames(mv.table.name, mv.partitions) {
		statements = append(statements, fmt.Sprintf("CREATE TABLE %s PARTITION OF %s FOR VALUES WITH (MODULUS %d, REMAINDER %d)%s",
			qualified(nextSchema, partition), next, mv.partitions, i, options))
	}
	for _, change := range mv.change {
		statements = append(statements, strings.ReplaceAll(change, "ovasabi."+mv.table.name, nextSchema+"."+mv.table.name))
	}
	for _, after := range mv.table.after {
		statements = append(statements, fmt.Sprintf(after, next))
	}
	for i, ix := range mv.table.indexes {
		if i > 0 && !small { // the first is the primary key, by which writes are carried
			break
		}
		statements = append(statements, ix.createAtOnce(next))
	}
	if small {
		for _, fk := range mv.table.foreign {
			statements = append(statements, fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s %s", next, pgx.Identifier{fk.Name}.Sanitize(), fk.Definition))
		}
	}
	return statements
}

// createAtOnce is for a table that is empty.
func (ix tableIndex) createAtOnce(table string) string {
	name := pgx.Identifier{ix.Name}.Sanitize()
	if ix.Constraint != "" {
		return "ALTER TABLE " + table + " ADD CONSTRAINT " + name + " " + ix.Constraint
	}
	unique := ""
	if ix.Unique {
		unique = "UNIQUE "
	}
	return "CREATE " + unique + "INDEX " + name + " ON " + table + " " + ix.Rest
}

func (mv *move) isSmall(pages int64) bool {
	if mv.o.smallTable != nil {
		return pages < *mv.o.smallTable
	}
	return pages < smallTable
}

// sizeInPages is how large the table is now.
func (mv *move) sizeInPages(ctx context.Context) (int64, error) {
	names := make([]string, 0, len(mv.table.partitions)+1)
	for _, leaf := range mv.table.leaves() {
		names = append(names, qualified("ovasabi", leaf))
	}
	return pagesOf(ctx, mv.conn, names...)
}

func pagesOf(ctx context.Context, conn *pgx.Conn, tables ...string) (pages int64, err error) {
	err = conn.QueryRow(ctx, `
SELECT coalesce(sum(pg_catalog.pg_relation_size(leaf::regclass)), 0)::bigint / current_setting('block_size')::bigint
FROM unnest($1::text[]) AS leaf`, tables).Scan(&pages)
	return pages, err
}

// carrySQL is the functions that repeat a write in the copy. They act as the
// owner, because the writer knows nothing of the copy.
func (mv *move) carrySQL() []string {
	next := qualified(nextSchema, mv.table.name)
	var set []string
	for _, c := range mv.table.columns {
		if c != "campaign_id" && c != "id" {
			name := pgx.Identifier{c}.Sanitize()
			set = append(set, name+" = excluded."+name)
		}
	}
	put := fmt.Sprintf("INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM new_rows AS n ON CONFLICT (%s) DO UPDATE SET %s;",
		next, mv.table.columnList(""), mv.table.columnList("n."), key, strings.Join(set, ", "))
	remove := "DELETE FROM " + next + " AS c USING old_rows AS o WHERE c.campaign_id = o.campaign_id AND c.id = o.id"
	moved := remove + " AND NOT EXISTS (SELECT FROM new_rows AS n WHERE n.campaign_id = o.campaign_id AND n.id = o.id);"
	function := func(name, body string) string {
		return fmt.Sprintf("CREATE FUNCTION %s.%s() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $carry$ BEGIN %s RETURN NULL; END $carry$", nextSchema, name, body)
	}
	return []string{
		function("carry_insert", put),
		function("carry_update", moved+" "+put),
		function("carry_delete", remove+";"),
		function("refuse_truncate", "RAISE EXCEPTION 'this table is being moved: wait for the migration, or undo it with migrate down';"),
	}
}

// triggerSQL puts the functions on the table. ALWAYS: rows that replication brings are writes as well.
func (mv *move) triggerSQL() []string {
	table := qualified("ovasabi", mv.table.name)
	trigger := func(name, event, referencing, function string) []string {
		return []string{
			fmt.Sprintf("CREATE TRIGGER %s AFTER %s ON %s %s FOR EACH STATEMENT EXECUTE FUNCTION %s.%s()", name, event, table, referencing, nextSchema, function),
			fmt.Sprintf("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s", table, name),
		}
	}
	statements := []string{
		"LOCK TABLE " + table + " IN ACCESS EXCLUSIVE MODE",
		// Row-level security may hold the owner too, who must copy every row.
		"CREATE POLICY schema_move ON " + table + " TO " + pgx.Identifier{mv.table.owner}.Sanitize() + " USING (true) WITH CHECK (true)",
	}
	statements = append(statements, trigger("schema_move_insert", "INSERT", "REFERENCING NEW TABLE AS new_rows", "carry_insert")...)
	statements = append(statements, trigger("schema_move_update", "UPDATE", "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows", "carry_update")...)
	statements = append(statements, trigger("schema_move_delete", "DELETE", "REFERENCING OLD TABLE AS old_rows", "carry_delete")...)
	return append(statements, trigger("schema_move_truncate", "TRUNCATE", "", "refuse_truncate")...)
}

var untriggerSQL = []string{
	"DROP TRIGGER IF EXISTS schema_move_insert ON %s",
	"DROP TRIGGER IF EXISTS schema_move_update ON %s",
	"DROP TRIGGER IF EXISTS schema_move_delete ON %s",
	"DROP TRIGGER IF EXISTS schema_move_truncate ON %s",
	"DROP POLICY IF EXISTS schema_move ON %s",
}
