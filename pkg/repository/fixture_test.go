package repository_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/repository"
)

// events is service_event as the loader writes it.
var events = repository.MustTable(repository.TableSpec{
	Name: pgx.Identifier{"ovasabi", "service_event"},
	ID:   "id",
	Columns: []repository.Column{
		{Name: "event_id", Type: "text", NotNull: true},
		{Name: "event_type", Type: "text", NotNull: true},
		{Name: "entity_id", Type: "text", NotNull: true},
		{Name: "occurred_at", Type: "timestamptz", NotNull: true},
		{Name: "metadata", Type: "jsonb", NotNull: true},
		{Name: "payload", Type: "jsonb", NotNull: true},
	},
	Key: []string{"event_id"},
})

// users has a key under a function, and an update that counts versions.
var users = repository.MustTable(repository.TableSpec{
	Name: pgx.Identifier{"ovasabi", "service_user_main"},
	ID:   "id",
	Columns: []repository.Column{
		{Name: "email", Type: "text", NotNull: true, KeyFunction: "lower"},
		{Name: "first_name", Type: "text"},
	},
	Key: []string{"email"},
	Update: []repository.Assignment{
		{Column: "first_name", Expression: "excluded.first_name"},
		{Column: "version", Expression: "existing.version + 1"},
	},
})

// fixture is a database with two campaigns.
type fixture struct {
	*pgtest.DB
	owner, app *pgxpool.Pool
	scope      *campaign.Scope
	one, two   context.Context
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	db := pgtest.New(t)
	f := &fixture{DB: db, owner: db.Owner(t), app: db.App(t)}
	f.fill(t)
	return f
}

// newDurableFixture is one on a server whose commits wait for the disk; it has no
// DB. Only benchmarks need it.
func newDurableFixture(b *testing.B) *fixture {
	b.Helper()
	ownerURL, appURL := pgtest.Durable(b)
	f := &fixture{owner: pgtest.Pool(b, ownerURL, 4, nil), app: pgtest.Pool(b, appURL, 4, nil)}
	f.fill(b)
	return f
}

func (f *fixture) fill(t testing.TB) {
	t.Helper()
	f.scope = campaign.NewScope(f.app)
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	t.Cleanup(cancel)
	f.one, f.two = f.campaign(t, ctx, 1), f.campaign(t, ctx, 2)
}

func (f *fixture) campaign(t testing.TB, ctx context.Context, id int64) context.Context {
	t.Helper()
	_, err := f.owner.Exec(ctx, `
		INSERT INTO ovasabi.service_campaign_main (id, slug, name)
		VALUES ($1, $2, $2)`, id, fmt.Sprintf("campaign-%d", id))
	require.NoError(t, err)
	return campaign.NewContext(ctx, campaign.ID(id))
}

// exec runs DDL and the like as the owner.
func (f *fixture) exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	_, err := f.owner.Exec(f.one, sql, args...)
	require.NoError(t, err)
}

func (f *fixture) count(t testing.TB, sql string, args ...any) (n int64) {
	t.Helper()
	require.NoError(t, f.owner.QueryRow(f.one, sql, args...).Scan(&n))
	return n
}

var txOptions = database.TxOptions{}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

func eventRow(i int) []any {
	return []any{fmt.Sprintf("event-%06d", i), "content:create:v1:success", fmt.Sprintf("entity-%d", i%50),
		noon.Add(time.Duration(i) * time.Second), `{"source":"test"}`, fmt.Sprintf(`{"n":%d,"text":"some words of a payload"}`, i)}
}

func addEvents(t testing.TB, b repository.BatchInserter, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		require.NoError(t, b.AddRow(eventRow(i)...))
	}
}

func newBatch(t testing.TB, f *fixture, table *repository.Table, opts ...repository.BatchOption) *repository.Batch {
	t.Helper()
	b, err := repository.NewBatch(f.scope, table, opts...)
	require.NoError(t, err)
	return b
}

// requireIDs proves that every id belongs to the row of its position.
func requireIDs(t testing.TB, f *fixture, b *repository.Batch, eventID func(row int) string) {
	t.Helper()
	ids := b.GetInsertedIDs()
	require.Len(t, ids, b.Len())
	rows, err := f.owner.Query(f.one, `SELECT id, event_id FROM ovasabi.service_event WHERE campaign_id = 1`)
	require.NoError(t, err)
	stored := map[int64]string{}
	var id int64
	var name string
	_, err = pgx.ForEachRow(rows, []any{&id, &name}, func() error { stored[id] = name; return nil })
	require.NoError(t, err)
	for row, id := range ids {
		require.Equal(t, eventID(row), stored[id], "row %d", row)
	}
}
