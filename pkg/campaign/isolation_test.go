package campaign_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// TestCampaignsNeverMeet runs random programs of several campaigns at once on a
// shared pool of few connections. Every campaign keeps a model of its own rows
// and compares after each step; no row of another may be seen or changed.
//
// It runs twice: with statements that name the campaign, as the builder makes
// them, and with statements that do not, so that the policies stand alone.
func TestCampaignsNeverMeet(t *testing.T) {
	for name, guarded := range map[string]bool{"with the builder's condition": true, "by the policies alone": false} {
		t.Run(name, func(t *testing.T) {
			db := pgtest.New(t)
			config, err := pgxpool.ParseConfig(db.AppURL)
			require.NoError(t, err)
			config.MaxConns = 3
			pool, err := pgxpool.NewWithConfig(t.Context(), config)
			require.NoError(t, err)
			t.Cleanup(pool.Close)
			admission, err := campaign.NewAdmission(campaign.AdmissionConfig{Capacity: 3}, campaign.RowLimits{Pool: pool})
			require.NoError(t, err)
			t.Cleanup(admission.Close)
			scope := campaign.NewScope(pool, campaign.WithAdmission(admission))
			var tenants []*tenant
			for i := range 4 {
				id := newCampaign(t, scope, fmt.Sprintf("c%d", i))
				tenants = append(tenants, &tenant{scope: scope, id: id, guarded: guarded, ctx: campaign.NewContext(t.Context(), id)})
			}
			for i, c := range tenants {
				c.others = slices.Delete(slices.Clone(tenants), i, i+1)
			}
			rapid.Check(t, func(rt *rapid.T) { runPrograms(rt, tenants) })
			require.Zero(t, pool.Stat().AcquiredConns(), "a connection was not given back")
		})
	}
}

func runPrograms(rt *rapid.T, tenants []*tenant) {
	programs := make([][]step, len(tenants))
	for i := range tenants {
		programs[i] = rapid.SliceOfN(stepGen, 1, 12).Draw(rt, fmt.Sprintf("program %d", i))
	}
	errs := make([]error, len(tenants))
	var group sync.WaitGroup
	for i, tenant := range tenants {
		group.Go(func() { errs[i] = tenant.run(programs[i]) })
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		rt.Fatal(err)
	}
}

type step struct {
	Do  string
	Key int
}

var stepGen = rapid.Custom(func(t *rapid.T) step {
	return step{
		Do:  rapid.SampledFrom(slices.Sorted(maps.Keys(actions))).Draw(t, "do"),
		Key: rapid.IntRange(0, 5).Draw(t, "key"),
	}
})

// tenant is one campaign with the rows that it should have: slug to title.
type tenant struct {
	scope   *campaign.Scope
	id      campaign.ID
	ctx     context.Context
	guarded bool
	others  []*tenant
	rows    map[string]string
	writes  int
}

func (c *tenant) run(program []step) error {
	if _, err := c.scope.Exec(c.ctx, c.sql(`DELETE FROM ovasabi.service_content_main AS c WHERE %s`)); err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	c.rows = map[string]string{}
	for i, s := range program {
		if err := actions[s.Do](c, fmt.Sprintf("k%d", s.Key)); err != nil {
			return fmt.Errorf("campaign %s, step %d %s: %w", c.id, i, s.Do, err)
		}
		if err := c.compare(); err != nil {
			return fmt.Errorf("campaign %s, after step %d %s: %w", c.id, i, s.Do, err)
		}
	}
	return nil
}

// sql puts the campaign's condition for %s, or one that lets everything through.
func (c *tenant) sql(text string) string {
	condition := "true"
	if c.guarded {
		condition = "c.campaign_id = " + c.id.String()
	}
	return strings.ReplaceAll(text, "%s", condition)
}

// title marks who wrote a row, and when.
func (c *tenant) title() string {
	c.writes++
	return fmt.Sprintf("%s/%d", c.id, c.writes)
}

func (c *tenant) compare() error {
	rows, err := c.scope.Query(c.ctx, c.sql(`SELECT c.slug, c.title FROM ovasabi.service_content_main AS c WHERE %s`))
	if err != nil {
		return err
	}
	seen := map[string]string{}
	var slug, title string
	if _, err := pgx.ForEachRow(rows, []any{&slug, &title}, func() error {
		seen[slug] = title
		return nil
	}); err != nil {
		return err
	}
	if !maps.Equal(seen, c.rows) {
		return fmt.Errorf("sees %v, should see %v", seen, c.rows)
	}
	return nil
}

const upsertContent = `
INSERT INTO ovasabi.service_content_main (campaign_id, slug, title)
VALUES ($1, $2, $3)
ON CONFLICT (campaign_id, slug) DO UPDATE SET title = excluded.title`

var errGivenUp = errors.New("given up on purpose")

var actions = map[string]func(c *tenant, key string) error{
	"write": func(c *tenant, key string) error {
		title := c.title()
		_, err := c.scope.Exec(c.ctx, upsertContent, c.id.Int64(), key, title)
		c.rows[key] = title
		return err
	},
	"delete": func(c *tenant, key string) error {
		_, err := c.scope.Exec(c.ctx, c.sql(`DELETE FROM ovasabi.service_content_main AS c WHERE %s AND c.slug = $1`), key)
		delete(c.rows, key)
		return err
	},
	"update all": func(c *tenant, _ string) error {
		title := c.title()
		_, err := c.scope.Exec(c.ctx, c.sql(`UPDATE ovasabi.service_content_main AS c SET title = $1 WHERE %s`), title)
		for key := range c.rows {
			c.rows[key] = title
		}
		return err
	},
	"batch": func(c *tenant, key string) error {
		b := &pgx.Batch{}
		title := c.title()
		b.Queue(upsertContent, c.id.Int64(), key, title)
		b.Queue(upsertContent, c.id.Int64(), key+"b", title)
		c.rows[key], c.rows[key+"b"] = title, title
		return c.scope.SendBatch(c.ctx, b).Close()
	},
	"failing batch": func(c *tenant, key string) error {
		b := &pgx.Batch{}
		b.Queue(upsertContent, c.id.Int64(), key, c.title())
		b.Queue(upsertContent, c.id.Int64(), "", "an empty slug breaks a rule")
		if err := c.scope.SendBatch(c.ctx, b).Close(); !errors.Is(err, fault.Invalid) {
			return fmt.Errorf("wanted invalid, got %w", err)
		}
		return nil
	},
	"transaction": func(c *tenant, key string) error {
		title := c.title()
		err := c.scope.InTx(c.ctx, database.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, upsertContent, c.id.Int64(), key, title); err != nil {
				return err
			}
			// What happens in a savepoint and is undone leaves the scope in force.
			_ = database.Savepoint(ctx, tx, func(ctx context.Context, sp pgx.Tx) error {
				_, _ = sp.Exec(ctx, c.sql(`DELETE FROM ovasabi.service_content_main AS c WHERE %s`))
				return errGivenUp
			})
			return nil
		})
		c.rows[key] = title
		return err
	},
	"panic in a transaction": func(c *tenant, key string) (err error) {
		defer func() {
			if r := recover(); r != any(errGivenUp) {
				err = fmt.Errorf("recovered %v", r)
			}
		}()
		return c.scope.InTx(c.ctx, database.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
			_, _ = tx.Exec(ctx, upsertContent, c.id.Int64(), key, "never committed")
			panic(errGivenUp)
		})
	},
	"canceled": func(c *tenant, key string) error {
		ctx, cancel := context.WithCancel(c.ctx)
		cancel()
		if _, err := c.scope.Exec(ctx, upsertContent, c.id.Int64(), key, "never written"); !errors.Is(err, fault.Canceled) {
			return fmt.Errorf("wanted canceled, got %w", err)
		}
		return nil
	},
	"rows left half read": func(c *tenant, _ string) error {
		rows, err := c.scope.Query(c.ctx, c.sql(`SELECT c.title FROM ovasabi.service_content_main AS c WHERE %s`))
		if err != nil {
			return err
		}
		rows.Next()
		rows.Close()
		return rows.Err()
	},
	"join": func(c *tenant, _ string) error {
		var foreign int
		err := c.scope.QueryRow(c.ctx, c.sql(`
SELECT count(*) FILTER (WHERE o.campaign_id <> $1 OR c.campaign_id <> $1)
FROM ovasabi.service_content_main AS c
CROSS JOIN ovasabi.service_content_main AS o
WHERE %s`), c.id.Int64()).Scan(&foreign)
		if err == nil && foreign > 0 {
			err = fmt.Errorf("joined %d rows of others", foreign)
		}
		return err
	},
	"pages": func(c *tenant, _ string) error {
		last := ""
		for range 20 {
			var slug, title string
			err := c.scope.QueryRow(c.ctx, c.sql(`
SELECT c.slug, c.title
FROM ovasabi.service_content_main AS c
WHERE %s AND c.slug > $1
ORDER BY c.slug LIMIT 1`), last).Scan(&slug, &title)
			if errors.Is(err, fault.NotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			if !strings.HasPrefix(title, c.id.String()+"/") {
				return fmt.Errorf("page shows %q", title)
			}
			last = slug
		}
		return errors.New("pages do not end")
	},
	"write into another's": func(c *tenant, key string) error {
		other := c.others[len(key)%len(c.others)]
		_, err := c.scope.Exec(c.ctx, upsertContent, other.id.Int64(), key, "smuggled by "+c.id.String())
		if !errors.Is(err, fault.Denied) {
			return fmt.Errorf("wanted denied, got %w", err)
		}
		return nil
	},
	"delete another's": func(c *tenant, _ string) error {
		other := c.others[0]
		tag, err := c.scope.Exec(c.ctx, `DELETE FROM ovasabi.service_content_main AS c WHERE c.campaign_id = $1`, other.id.Int64())
		if err == nil && tag.RowsAffected() != 0 {
			err = fmt.Errorf("deleted %d rows of campaign %s", tag.RowsAffected(), other.id)
		}
		return err
	},
	"without a campaign": func(c *tenant, _ string) error {
		if _, err := c.scope.Exec(context.Background(), `DELETE FROM ovasabi.service_content_main`); !errors.Is(err, fault.NoCampaign) {
			return fmt.Errorf("wanted no campaign, got %w", err)
		}
		return nil
	},
}
