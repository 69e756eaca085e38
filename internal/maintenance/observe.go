package maintenance

import (
	"context"
	"embed"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/monitoring"
)

//go:embed sql/*.sql
var files embed.FS

func sqlOf(name string) string {
	text, err := files.ReadFile("sql/" + name + ".sql")
	if err != nil {
		panic(err) // the file is embedded
	}
	return strings.ReplaceAll(string(text), "{autovacuum}", monitoring.Autovacuum())
}

// observation is everything that a decision rests on.
type observation struct {
	at       time.Time
	snapshot *monitoring.Snapshot
	tables   []tableFacts
	indexes  []indexFacts
	settings []setting
	ranges   []rangePartition
	expired  []expired
	history  history
}

// tableFacts are the thresholds of a table, and what the snapshot leaves out.
type tableFacts struct {
	SchemaName, TableName, Kind         string
	RowsRecorded                        float64 // -1 where never analyzed
	Bytes                               int64
	VisibleShare                        float64
	IndexBytes                          int64
	LastAnalyze                         *time.Time
	MultixactAge                        int64
	Enabled                             bool
	VacuumBase, VacuumScale, VacuumMost float64
	InsertBase, InsertScale             float64
	AnalyzeBase, AnalyzeScale           float64
	FreezeAge, MultixactFreezeAge       int64
	Options                             []string
	MayMaintain, MayAlter, MayDelete    bool
}

func (t *tableFacts) name() string { return t.SchemaName + "." + t.TableName }

type indexFacts struct {
	SchemaName, TableName, IndexName, Method string
	Bytes                                    int64
	Entries                                  float64
	TableBytes                               int64
	Valid, Half                              bool
	Best, Needed                             *float64 // bytes an entry
	MayMaintain, MayAlter                    bool
}

func (i *indexFacts) name() string  { return i.SchemaName + "." + i.IndexName }
func (i *indexFacts) table() string { return i.SchemaName + "." + i.TableName }

// setting is a row of ovasabi.maintenance_setting, with what it is about.
type setting struct {
	CampaignID         int64
	TableName          string
	Retention          *time.Duration
	VacuumThreshold    *int
	VacuumScaleFactor  *float64
	AnalyzeThreshold   *int
	AnalyzeScaleFactor *float64
	PartitionsAhead    *int
	Kind               *string  // of the table; nil where it is not there
	Leaves             []string // hash partitions that the setting is about
}

type rangePartition struct {
	TableName, ColumnName, TypeName, PartitionName string
	Bytes                                          int64
	FromTime, ToTime                               *time.Time
	MayAlter                                       bool
}

// expired is what a campaign's retention says to delete.
type expired struct {
	campaign campaign.ID
	before   time.Time
	keep     time.Duration
	rows     int64
}

// events is the table whose rows a campaign's retention deletes, by the time at
// which they occurred.
const events = "ovasabi.service_event"

// mostCounted bounds the counting of rows to delete: beyond it "at least" is said.
const mostCounted = 100_000

// observe reads everything that a decision rests on; it takes no lock that anybody
// could wait for.
func (m *Maintainer) observe(ctx context.Context) (*observation, error) {
	snapshot, err := m.collector.Collect(ctx)
	if err != nil {
		return nil, err
	}
	if snapshot.Vacuum == nil {
		return nil, fault.New(fault.Unavailable, "the statistics of tables could not be read, so nothing can be decided: %v", snapshot.Failed)
	}
	o := &observation{at: m.now(), snapshot: snapshot}
	err = m.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		if o.tables, err = all[tableFacts](ctx, conn, sqlOf("tables"), m.schemas); err != nil {
			return err
		}
		if o.indexes, err = all[indexFacts](ctx, conn, sqlOf("indexes"), m.schemas, m.config.IndexMinBytes); err != nil {
			return err
		}
		if o.settings, err = all[setting](ctx, conn, sqlOf("settings")); err != nil {
			return err
		}
		var ranged []string
		for _, s := range o.settings {
			if s.CampaignID == 0 && (s.PartitionsAhead != nil || s.Retention != nil) {
				ranged = append(ranged, s.TableName)
			}
		}
		if len(ranged) > 0 {
			if o.ranges, err = all[rangePartition](ctx, conn, sqlOf("ranges"), ranged); err != nil {
				return err
			}
		}
		if o.history, err = readHistory(ctx, conn); err != nil {
			return err
		}
		if o.mayDelete() {
			o.expired, err = readExpired(ctx, conn, o)
		}
		return err
	})
	return o, maintenanceFault(err)
}

// mayDelete tells whether the role may delete events.
func (o *observation) mayDelete() bool {
	i := slices.IndexFunc(o.tables, func(t tableFacts) bool { return t.name() == events })
	return i >= 0 && o.tables[i].MayDelete
}

// all reads rows into structs by position.
func all[T any](ctx context.Context, conn *pgxpool.Conn, text string, args ...any) ([]T, error) {
	rows, err := conn.Query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[T])
}

// retentions are the ages at which each campaign's events go.
func retentions(settings []setting) (own map[campaign.ID]time.Duration, common *time.Duration) {
	own = map[campaign.ID]time.Duration{}
	for _, s := range settings {
		switch {
		case s.TableName != events || s.Kind == nil:
		case s.CampaignID == 0:
			common = s.Retention
		case s.Retention != nil:
			own[campaign.ID(s.CampaignID)] = *s.Retention
		default:
			own[campaign.ID(s.CampaignID)] = 0 // a row without retention keeps this campaign's events
		}
	}
	return own, common
}

const expiredSQL = `
SELECT count(*)
FROM (
    SELECT
    FROM ovasabi.service_event AS e
    WHERE e.campaign_id = $1
      AND e.occurred_at < $2
    LIMIT $3
) AS old`

// readExpired counts what retention would delete, inside each campaign in turn.
func readExpired(ctx context.Context, conn *pgxpool.Conn, o *observation) ([]expired, error) {
	own, common := retentions(o.settings)
	if common == nil && len(own) == 0 {
		return nil, nil
	}
	if common != nil {
		rows, err := conn.Query(ctx, `SELECT DISTINCT d.campaign_id FROM ovasabi.campaign_directory AS d`)
		if err != nil {
			return nil, err
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[campaign.ID])
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			if _, has := own[id]; !has {
				own[id] = *common
			}
		}
	}
	var wanted []expired
	for id, keep := range own {
		if keep > 0 {
			wanted = append(wanted, expired{campaign: id, keep: keep, before: o.at.Add(-keep)})
		}
	}
	slices.SortFunc(wanted, func(a, b expired) int { return int(a.campaign - b.campaign) })
	found := wanted[:0]
	for part := range slices.Chunk(wanted, 100) {
		// One batch is one transaction, in which each set_config holds until the next.
		batch := &pgx.Batch{}
		for i := range part {
			batch.Queue(`SELECT set_config($1, $2, true)`, campaign.Setting, part[i].campaign.String())
			batch.Queue(expiredSQL, int64(part[i].campaign), part[i].before, mostCounted+1).QueryRow(func(row pgx.Row) error { return row.Scan(&part[i].rows) })
		}
		if err := conn.SendBatch(ctx, batch).Close(); err != nil {
			return nil, err
		}
		for _, e := range part {
			if e.rows > 0 {
				found = append(found, e)
			}
		}
	}
	return found, nil
}

// quoted is the name as SQL takes it.
func quoted(schema, name string) string { return pgx.Identifier{schema, name}.Sanitize() }

// quotedName quotes a name with its schema before a dot.
func quotedName(name string) string {
	schema, rest, _ := strings.Cut(name, ".")
	return quoted(schema, rest)
}

// maintenanceFault keeps the server's own words, which are for the operator: maintenance quotes no rows.
func maintenanceFault(err error) error {
	if err == nil {
		return nil
	}
	f := fault.FromPostgres(err)
	if text := serverWords(err); text != "" {
		return &fault.Error{Kind: fault.KindOf(f), Message: text, Code: codeOf(err), Err: err}
	}
	return f
}

func count(n int64, what string) string { return fmt.Sprintf("%d %s", n, what) }
