package pgconfig

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// entriesSQL returns postgresql.auto.conf as the server reads it. A name that stands
// there twice counts by its last line.
const entriesSQL = `
SELECT f.name, f.setting
FROM pg_catalog.pg_file_settings AS f
WHERE f.sourcefile = current_setting('data_directory') || '/postgresql.auto.conf'
  AND f.name IS NOT NULL
ORDER BY f.seqno`

func readEntries(ctx context.Context, conn *pgx.Conn) ([]Entry, error) {
	rows, err := conn.Query(ctx, entriesSQL)
	if err != nil {
		return nil, serverFault("read postgresql.auto.conf", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Entry])
	if err != nil {
		return nil, serverFault("read postgresql.auto.conf", err)
	}
	return list, nil
}

func find(list []Entry, name string) (Entry, bool) {
	for _, e := range slices.Backward(list) {
		if e.Name == name {
			return e, true
		}
	}
	return Entry{}, false
}

// Settings that are lists of quoted names: each name is a literal of its own.
// Source: GUC_LIST_QUOTE in src/backend/utils/misc/guc_tables.c.
var quotedLists = map[string]bool{
	"search_path": true, "temp_tablespaces": true, "unix_socket_directories": true,
	"session_preload_libraries": true, "shared_preload_libraries": true, "local_preload_libraries": true,
}

// Names of settings never need quotes, but for none they are taken from a user or a file as they are.
var settingName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)*$`)

// alter writes one ALTER SYSTEM. It takes neither parameters nor a transaction.
func alter(e Entry) (string, error) {
	if !settingName.MatchString(e.Name) {
		return "", fault.Field(e.Name, "is not the name of a setting")
	}
	if !quotedLists[e.Name] {
		return fmt.Sprintf("ALTER SYSTEM SET %s = %s", e.Name, literal(e.Value)), nil
	}
	names := splitList(e.Value)
	if len(names) == 0 {
		names = []string{""}
	}
	for i, n := range names {
		if len(n) >= 2 && n[0] == '"' {
			n = strings.ReplaceAll(n[1:len(n)-1], `""`, `"`)
		}
		names[i] = literal(n)
	}
	return fmt.Sprintf("ALTER SYSTEM SET %s = %s", e.Name, strings.Join(names, ", ")), nil
}

func literal(s string) string {
	if strings.Contains(s, `\`) {
		return "E'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(s) + "'"
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

func set(ctx context.Context, conn *pgx.Conn, e Entry) error {
	text, err := alter(e)
	if err != nil {
		return err
	}
	return execute(ctx, conn, "set "+e.Name, text)
}

func reset(ctx context.Context, conn *pgx.Conn, name string) error {
	if !settingName.MatchString(name) {
		return fault.Field(name, "is not the name of a setting")
	}
	return execute(ctx, conn, "reset "+name, "ALTER SYSTEM RESET "+name)
}

func execute(ctx context.Context, conn *pgx.Conn, doing, text string) error {
	if _, err := conn.PgConn().Exec(ctx, text).ReadAll(); err != nil {
		return serverFault(doing, err)
	}
	return nil
}
