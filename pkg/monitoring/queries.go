package monitoring

import (
	"embed"
	"io/fs"
	"strings"
)

//go:embed sql/*.sql sql/part/*.sql
var files embed.FS

// Autovacuum is what autovacuum goes by for a table, as a subquery to join to an
// alias c of pg_class: CROSS JOIN LATERAL (…) AS a. The table's own storage
// parameters go before the server's settings; of two ages the lower one holds. A
// default in a SELECT of its own is read once, not for every table. The columns: enabled;
// vacuum_base, vacuum_scale, vacuum_most, insert_base, insert_scale, analyze_base
// and analyze_scale (float8, rows and shares of rows); vacuum_from and analyze_from
// (float8, from how many dead and changed rows on it comes, by the rows of the last
// vacuum or analyze); freeze_age and multixact_freeze_age (bigint, transactions).
// Source: https://www.postgresql.org/docs/18/routine-vacuuming.html#AUTOVACUUM
func Autovacuum() string { return read("part/autovacuum") }

// sqlOf returns the text of a named query: the file of that name under sql/.
func sqlOf(name string) string {
	return strings.ReplaceAll(read(name), "{autovacuum}", Autovacuum())
}

func read(name string) string {
	text, err := files.ReadFile("sql/" + name + ".sql")
	if err != nil {
		panic("monitoring: there is no query " + name) // the names are constants of this package
	}
	return strings.TrimSpace(string(text))
}

// QueryNames returns the names of all queries, sorted.
func QueryNames() []string {
	paths, err := fs.Glob(files, "sql/*.sql")
	if err != nil {
		panic(err) // the pattern is well formed
	}
	names := make([]string, len(paths))
	for i, path := range paths {
		names[i] = strings.TrimSuffix(strings.TrimPrefix(path, "sql/"), ".sql")
	}
	return names
}
