package maintenance_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/maintenance"
	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// contend has several maintainers of one address run at once, again and again, and
// counts how many were ever at work at the same time.
func contend(t *testing.T, url string) (rounds, most int64) {
	t.Helper()
	var working, peak, done atomic.Int64
	var all sync.WaitGroup
	for range 4 {
		m := open(t, url, config(), maintenance.Options{})
		all.Go(func() {
			for range 10 {
				err := maintenance.Lead(m, context.Background(), func(ctx context.Context) error {
					n := working.Add(1)
					defer working.Add(-1)
					for was := peak.Load(); n > was && !peak.CompareAndSwap(was, n); was = peak.Load() {
					}
					done.Add(1)
					timer := time.NewTimer(2 * time.Millisecond)
					defer timer.Stop()
					<-timer.C
					return nil
				})
				if err != nil && !isLed(err) {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	return done.Load(), peak.Load()
}

func isLed(err error) bool { return fault.KindOf(err) == fault.Unavailable }

func TestTwoMaintainersAreOneAtWork(t *testing.T) {
	db := filled(t, 0)
	rounds, most := contend(t, db.OwnerURL)
	require.Positive(t, rounds)
	require.Equal(t, int64(1), most)
	require.Zero(t, value[int](t, db, `SELECT count(*) FROM ovasabi.maintenance_lease`), "given back")

	a, b := open(t, db.OwnerURL, config(), maintenance.Options{}), open(t, db.OwnerURL, config(), maintenance.Options{})
	require.NoError(t, maintenance.Lead(a, t.Context(), func(ctx context.Context) error {
		_, err := b.Run(ctx)
		require.ErrorIs(t, err, fault.Unavailable)
		require.ErrorContains(t, err, "another maintainer is at work on this database")
		require.NotEmpty(t, plan(t, b).Leader)
		return nil
	}))
	require.Empty(t, plan(t, b).Leader)
}

// Whoever is gone without a word keeps others out for as long as its lease lasts, no longer.
func TestALeaseOutlivesItsHolderByItsTime(t *testing.T) {
	db := filled(t, 0)
	execute(t, db, `INSERT INTO ovasabi.maintenance_lease (name, holder, expires_at) VALUES ('maintain', 'a process that was killed', clock_timestamp() + interval '1 hour')`)
	m := open(t, db.OwnerURL, config(), maintenance.Options{})
	_, err := m.Run(t.Context())
	require.ErrorIs(t, err, fault.Unavailable)
	execute(t, db, `UPDATE ovasabi.maintenance_lease SET expires_at = clock_timestamp() - interval '1 second'`)
	run(t, m)
}

// Work ends when the lease has gone to another, such as after a long stop of the process.
func TestALostLeaseEndsTheWork(t *testing.T) {
	db := filled(t, 0)
	m := open(t, db.OwnerURL, config(), maintenance.WithBeat(maintenance.Options{}, time.Second, 300*time.Millisecond))
	err := maintenance.Lead(m, t.Context(), func(ctx context.Context) error {
		_, err := db.Owner(t).Exec(context.Background(), `UPDATE ovasabi.maintenance_lease SET holder = 'another', expires_at = clock_timestamp() + interval '1 hour'`)
		require.NoError(t, err)
		<-ctx.Done()
		return ctx.Err()
	})
	require.ErrorContains(t, err, "the lease on maintenance was lost")
	require.Equal(t, "another", value[string](t, db, `SELECT holder FROM ovasabi.maintenance_lease`), "that of another is not given back")
}

// bouncer is a PgBouncer in transaction mode before the database.
func bouncer(t *testing.T, db *pgtest.DB) string {
	t.Helper()
	path, err := exec.LookPath("pgbouncer")
	if err != nil {
		path = "/usr/sbin/pgbouncer"
	}
	require.FileExists(t, path, "this test needs PgBouncer: apt-get install pgbouncer")
	config, err := pgx.ParseConfig(db.OwnerURL)
	require.NoError(t, err)
	dir := pgtest.Folder(t)
	var l net.ListenConfig
	listener, err := l.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := listener.Addr().(*net.TCPAddr).Port
	require.NoError(t, listener.Close())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "users.txt"), fmt.Appendf(nil, "%q %q\n", config.User, config.Password), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "pgbouncer.ini"), fmt.Appendf(nil, `
[databases]
%[1]s = host=%[2]s port=%[3]d dbname=%[1]s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %[4]d
unix_socket_dir =
auth_type = plain
auth_file = users.txt
pool_mode = transaction
default_pool_size = 8
`, config.Database, config.Host, config.Port, port), 0o644))
	command := exec.CommandContext(context.Background(), path, "pgbouncer.ini")
	command.Dir = dir
	if os.Geteuid() == 0 { // which it refuses to run as
		require.NoError(t, os.Chmod(dir, 0o755))
		nobody, err := user.Lookup("nobody")
		require.NoError(t, err)
		uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
		require.NoError(t, err)
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	}
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	url := fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/%s", config.User, config.Password, port, config.Database)
	settled(t, func() bool {
		conn, err := pgx.Connect(context.Background(), url)
		return err == nil && conn.Close(context.Background()) == nil
	})
	return url
}

// Through a pooler in transaction mode there is one at work too, and it does its work.
func TestBehindAPoolerOneIsAtWork(t *testing.T) {
	db := filled(t, 0)
	url := bouncer(t, db)
	rounds, most := contend(t, url)
	require.Positive(t, rounds)
	require.Equal(t, int64(1), most)
	dead(t, db)
	execute(t, db, `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ovasabi.idx_users_campaign_skip'::regclass`)
	m := open(t, url, config(), maintenance.Options{})
	require.NoError(t, m.Set(t.Context(), maintenance.Setting{CampaignID: 2, TableName: "ovasabi.service_event", Retention: new(20 * 24 * time.Hour)}))
	require.Equal(t, map[string]string{
		productVacuum: maintenance.OutcomeDone, "reindex ovasabi.idx_users_campaign_skip": maintenance.OutcomeDone,
		"retention ovasabi.service_event campaign 2": maintenance.OutcomeDone,
	}, outcomes(run(t, m)))
	require.Equal(t, "0", value[string](t, db, `SELECT current_setting('vacuum_cost_delay')`), "no setting is left on a connection of others")
}
