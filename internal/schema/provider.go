package schema

import (
	"context"
	"database/sql"
	"io/fs"
	"slices"

	"github.com/pressly/goose/v3"
	goosedb "github.com/pressly/goose/v3/database"
)

// provider gives goose the migrations: those that are one transaction as they are,
// and the others as functions, because they are more than their text.
func (m *Migrator) provider() (*goose.Provider, error) {
	store, err := goosedb.NewStore(goosedb.DialectPostgres, versionTable)
	if err != nil {
		return nil, err
	}
	var functions []*goose.Migration
	for _, step := range migrations() {
		if step.isText() {
			continue
		}
		run := func(up bool) *goose.GoFunc {
			return &goose.GoFunc{RunDB: func(ctx context.Context, _ *sql.DB) error {
				return m.runStep(ctx, step, up)
			}}
		}
		functions = append(functions, goose.NewGoMigration(step.version, run(true), run(false)))
	}
	return goose.NewProvider(goose.DialectCustom, m.db, transactional{sqlFiles()},
		goose.WithStore(store),
		goose.WithGoMigrations(functions...),
		goose.WithDisableGlobalRegistry(true),
		goose.WithSlog(m.o.Log),
		// A phase may gain a migration after a later phase was applied.
		goose.WithAllowOutofOrder(true),
	)
}

// transactional shows only the files that run in a transaction.
type transactional struct{ fs.FS }

// Glob lists them; it is how goose finds files.
func (t transactional) Glob(pattern string) ([]string, error) {
	names, err := fs.Glob(t.FS, pattern)
	return slices.DeleteFunc(names, func(name string) bool {
		return !slices.ContainsFunc(migrations(), func(m migration) bool {
			return m.name+".sql" == name && m.isText()
		})
	}), err
}
