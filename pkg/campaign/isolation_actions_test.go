package campaign_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/query"
	"github.com/ovasabi/ovasabi/pkg/repository"
)

var errGivenUp = errors.New("given up on purpose")

// actions are the steps of the programs of TestCampaignsNeverMeet. Each keeps the
// tenant's model and returns an error where something of another campaign showed.
var actions = map[string]func(c *tenant, key string) error{
	"write": func(c *tenant, key string) error {
		title := c.title()
		_, err := c.exec(c.ctx, c.scope, upsert(c.id, key, title))
		c.rows[key] = title
		return err
	},
	"delete": func(c *tenant, key string) error {
		_, err := c.exec(c.ctx, c.scope, c.query().Delete().Where(contentSlug.Equal(key)))
		delete(c.rows, key)
		return err
	},
	"update all": func(c *tenant, _ string) error {
		title := c.title()
		_, err := c.exec(c.ctx, c.scope, c.query().Update(contentTitle.Set(title)).AllRows())
		for key := range c.rows {
			c.rows[key] = title
		}
		return err
	},
	"several statements": func(c *tenant, key string) error {
		title := c.title()
		b := &pgx.Batch{}
		for _, slug := range []string{key, key + "b"} {
			if err := c.queue(b, upsert(c.id, slug, title)); err != nil {
				return err
			}
			c.rows[slug] = title
		}
		return c.scope.SendBatch(c.ctx, b).Close()
	},
	"several statements, one fails": func(c *tenant, key string) error {
		b := &pgx.Batch{}
		err := errors.Join(
			c.queue(b, upsert(c.id, key, c.title())),
			c.queue(b, upsert(c.id, "", "an empty slug breaks a rule")))
		if err != nil {
			return err
		}
		return wanted(fault.Invalid, c.scope.SendBatch(c.ctx, b).Close())
	},
	"batch": func(c *tenant, key string) error {
		return c.batch(key, repository.MaxRows(2))
	},
	"batch over two connections": func(c *tenant, key string) error {
		return c.batch(key, repository.MaxRows(2), repository.ChunkByChunk(), repository.Connections(2))
	},
	"transaction": func(c *tenant, key string) error {
		title := c.title()
		err := c.scope.InTx(c.ctx, database.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
			if _, err := c.exec(ctx, tx, upsert(c.id, key, title)); err != nil {
				return err
			}
			// What happens in a savepoint and is undone leaves the scope in force.
			_ = database.Savepoint(ctx, tx, func(ctx context.Context, sp pgx.Tx) error {
				_, _ = c.exec(ctx, sp, c.query().Delete().AllRows())
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
			_, _ = c.exec(ctx, tx, upsert(c.id, key, "never committed"))
			panic(errGivenUp)
		})
	},
	"canceled before": func(c *tenant, key string) error {
		ctx, cancel := context.WithCancel(c.ctx)
		cancel()
		_, err := c.exec(ctx, c.scope, upsert(c.id, key, "never written"))
		return wanted(fault.Canceled, err)
	},
	// Canceled while the server writes more than anyone reads: it cannot have come
	// to the commit. A cancel before that may come too early, and then commits.
	"canceled under way": func(c *tenant, key string) error {
		ctx, cancel := context.WithCancel(c.ctx)
		defer cancel()
		b := &pgx.Batch{}
		if err := c.queue(b, upsert(c.id, key, "never committed")); err != nil {
			return err
		}
		b.Queue(`SELECT repeat('x', 10000) FROM generate_series(1, 100000)`)
		results := c.scope.SendBatch(ctx, b)
		_, err := results.Exec()
		if err != nil {
			return errors.Join(err, results.Close())
		}
		rows, err := results.Query()
		if err != nil {
			return errors.Join(err, results.Close())
		}
		rows.Next()
		cancel()
		rows.Close()
		return wanted(fault.Canceled, results.Close())
	},
	"canceled in a transaction": func(c *tenant, key string) error {
		ctx, cancel := context.WithCancel(c.ctx)
		defer cancel()
		return wanted(fault.Canceled, c.scope.InTx(ctx, database.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
			_, err := c.exec(ctx, tx, upsert(c.id, key, "never committed"))
			cancel()
			return errors.Join(err, ctx.Err())
		}))
	},
	"rows left half read": func(c *tenant, _ string) error {
		rows, err := c.read(c.query().Columns(contentTitle).Unlimited())
		if err != nil {
			return err
		}
		rows.Next()
		rows.Close()
		return rows.Err()
	},
	// Beside reads that share trips, one is canceled, one fails and one tries to write.
	"reads at once": func(c *tenant, key string) error {
		var group sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			group.Go(func() {
				switch i {
				case 2:
					ctx, cancel := context.WithCancel(c.ctx)
					cancel()
					rows, err := c.readThrough(ctx, c.pipeline, c.query().Columns(contentTitle).Unlimited())
					if err == nil {
						rows.Close()
						err = rows.Err()
					}
					errs[i] = wanted(fault.Canceled, err)
				case 4:
					errs[i] = wanted(fault.Invalid, c.pipeline.QueryRow(c.ctx, `SELECT 1 / $1::int`, 0).Scan(new(int)))
				case 6:
					errs[i] = wanted(fault.Internal, c.pipeline.QueryRow(c.ctx, insertContent, c.id.Int64(), key+"-unwanted").Scan(new(int64)))
				default:
					errs[i] = c.compareThrough(c.pipeline)
				}
			})
		}
		group.Wait()
		return errors.Join(errs...)
	},
	"join": func(c *tenant, _ string) error {
		other := content.As("other")
		rows, err := c.read(c.query().
			Columns(contentCampaign, contentCampaign.Of(other)).
			Join(other, contentStatus.Of(other).EqualColumn(contentStatus)).
			Unlimited())
		if err != nil {
			return err
		}
		var left, right, pairs int64
		_, err = pgx.ForEachRow(rows, []any{&left, &right}, func() error {
			if pairs++; left != c.id.Int64() || right != c.id.Int64() {
				return fmt.Errorf("joined a row of %d with one of %d", left, right)
			}
			return nil
		})
		if n := int64(len(c.rows)); err == nil && pairs != n*n {
			err = fmt.Errorf("joined %d pairs, should be %d", pairs, n*n)
		}
		return err
	},
	"pages": func(c *tenant, _ string) error {
		seen := map[string]bool{}
		for token := ""; ; {
			page := c.query().Columns(contentID, contentSlug, contentTitle).OrderBy(contentSlug.Asc()).After(c.signer, token).Limit(2)
			rows, err := c.read(page)
			if err != nil {
				return err
			}
			var id int64
			var slug, title string
			read, err := pgx.ForEachRow(rows, []any{&id, &slug, &title}, func() error {
				if seen[slug] || !strings.HasPrefix(title, c.id.String()+"/") {
					return fmt.Errorf("page shows %q of %q, again: %t", title, slug, seen[slug])
				}
				seen[slug] = true
				return nil
			})
			if err != nil {
				return err
			}
			if read.RowsAffected() < 2 {
				break
			}
			if token, err = page.NextCursor(slug, id); err != nil {
				return err
			}
		}
		if len(seen) != len(c.rows) {
			return fmt.Errorf("pages show %d rows, should be %d", len(seen), len(c.rows))
		}
		return nil
	},
	"another's cursor": func(c *tenant, key string) error {
		page := func(b *query.CampaignQueryBuilder, token string) *query.CampaignQueryBuilder {
			return b.Columns(contentTitle).OrderBy(contentSlug.Asc()).After(c.signer, token)
		}
		token, err := page(c.others[0].query(), "").NextCursor(key, int64(1))
		if err != nil {
			return err
		}
		_, err = c.read(page(c.query(), token))
		return wanted(fault.Invalid, err)
	},
	"write into another's": func(c *tenant, key string) error {
		_, err := c.exec(c.ctx, c.scope, upsert(c.others[len(key)%len(c.others)].id, key, "smuggled by "+c.id.String()))
		return wanted(fault.Denied, err)
	},
	"delete another's": func(c *tenant, _ string) error {
		// With the guards cut out this is a DELETE of everything that can be seen: one's own.
		deleted, err := c.exec(c.ctx, c.scope, c.others[0].query().Delete().AllRows())
		own := 0
		if !c.guarded {
			own = len(c.rows)
			clear(c.rows)
		}
		if err == nil && deleted != int64(own) {
			err = fmt.Errorf("deleted %d rows, %d were its own", deleted, own)
		}
		return err
	},
	"without a campaign": func(c *tenant, _ string) error {
		_, err := c.exec(context.Background(), c.scope, c.query().Delete().AllRows())
		return wanted(fault.NoCampaign, err)
	},
}

func (c *tenant) queue(b *pgx.Batch, q *query.CampaignQueryBuilder) error {
	text, args, err := c.sql(q)
	b.Queue(text, args...)
	return err
}

func wanted(kind fault.Kind, err error) error {
	if !errors.Is(err, kind) {
		return fmt.Errorf("wanted %s, got %w", kind.Error(), err)
	}
	return nil
}

// batch writes three rows through a BatchInserter.
func (c *tenant) batch(key string, opts ...repository.BatchOption) error {
	title := c.title()
	b, err := repository.NewBatch(c.scope, contentRows, append(opts, repository.OnConflict(repository.Update))...)
	if err != nil {
		return err
	}
	for _, slug := range []string{key, key + "b", key + "c"} {
		if err := b.AddRow(slug, title); err != nil {
			return err
		}
		c.rows[slug] = title
	}
	return b.Execute(c.ctx)
}
