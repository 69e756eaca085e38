package platform

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/ovasabi/ovasabi/internal/dashboard"
	"github.com/ovasabi/ovasabi/internal/maintenance"
	"github.com/ovasabi/ovasabi/internal/server"
	campaignservice "github.com/ovasabi/ovasabi/internal/service/campaign"
	"github.com/ovasabi/ovasabi/internal/service/content"
	"github.com/ovasabi/ovasabi/internal/service/nexus"
	"github.com/ovasabi/ovasabi/internal/service/product"
	"github.com/ovasabi/ovasabi/internal/service/user"
	"github.com/ovasabi/ovasabi/internal/telemetry"
	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/monitoring"
	"github.com/ovasabi/ovasabi/pkg/query"
	"github.com/ovasabi/ovasabi/pkg/repository"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// monitorConnections is the size of the pool that reads statistics.
const monitorConnections = 2

// watchTwins is how often the sides of the twins are compared where --twin-revert is on.
const watchTwins = 10 * time.Second

// Platform is a serving process: everything between the pool and the port. Make
// it with Open, Run it once and Close it.
type Platform struct {
	DB    *database.DB
	Scope *campaign.Scope

	config      Config
	log         *slog.Logger
	listen      *pgx.ConnConfig // a direct connection, for LISTEN
	registry    *prometheus.Registry
	ring        *token.Ring
	revocations *token.Revocations
	admission   *campaign.Admission
	reads       *campaign.Pipeline // nil where reads do not share round trips
	flags       *twin.Flags
	twins       *twin.Runner
	metrics     *repository.RepositoryMetrics
	tracer      *monitoring.Tracer
	collector   *monitoring.PG18StatsCollector // nil without an address for ovasabi_monitor
	watch       *maintenance.Watch             // nil without an address for the owner
	maintainer  *maintenance.Maintainer        // nil where maintenance is left to others
	statements  *repository.PreparedStatementPool
	events      *nexus.Service
	telemetry   *telemetry.Telemetry
	server      *server.Server
	closers     []func()
}

// Open connects, proves that campaigns are isolated and puts the parts together.
// Nothing answers yet. A Denied fault lists what is wrong with the isolation: such
// a database is not served.
func Open(ctx context.Context, c Config, at Addresses, ring *token.Ring, log *slog.Logger) (*Platform, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	p := &Platform{config: c, log: log, ring: ring, registry: prometheus.NewRegistry()}
	if err := p.open(ctx, at); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *Platform) open(ctx context.Context, at Addresses) error {
	p.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err := p.openTelemetry(ctx); err != nil {
		return err
	}
	if err := p.openPool(ctx, at.App); err != nil {
		return err
	}
	p.listen = p.DB.Pool.Config().ConnConfig
	if at.Listen != "" {
		direct, err := pgx.ParseConfig(at.Listen)
		if err != nil {
			return &fault.Error{Kind: fault.Invalid, Field: "listen-database-url", Message: "must be a PostgreSQL URL such as postgres://ovasabi_app@host:5432/database", Err: err}
		}
		p.listen = direct
	}
	if err := campaign.CheckGuard(ctx, p.DB, campaign.Guard{}); err != nil {
		return err
	}
	if err := p.openScope(); err != nil {
		return err
	}
	if err := p.openTwins(ctx); err != nil {
		return err
	}
	if err := p.openWatch(at); err != nil {
		return err
	}
	if err := p.openMonitoring(ctx, at.Monitor); err != nil {
		return err
	}
	if err := p.openMaintenance(ctx, at); err != nil {
		return err
	}
	p.revocations = token.NewRevocations(p.DB, p.log)
	return p.openServer()
}

// openTelemetry comes first and is closed last, so that the last spans are sent too.
func (p *Platform) openTelemetry(ctx context.Context) error {
	t, err := telemetry.Open(ctx, p.registry, p.log)
	if err != nil {
		return err
	}
	p.telemetry = t
	p.closers = append(p.closers, func() {
		if err := t.Close(); err != nil {
			p.log.Warn("OpenTelemetry did not end well", slog.String("error", err.Error()))
		}
	})
	return nil
}

func (p *Platform) openPool(ctx context.Context, url string) error {
	p.tracer = monitoring.NewTracer(p.config.Database.SlowQueryThreshold)
	opts := []database.Option{database.WithLogger(p.log), database.WithTracer(p.tracer)}
	if traces := p.telemetry.Traces(); traces != nil {
		opts = append(opts, database.WithTracer(repository.NewTracing(traces)))
	}
	if p.config.Database.PreparedStmtCaching {
		statements, err := repository.NewPreparedStatementPool(repository.WithStatementLogger(p.log))
		if err != nil {
			return err
		}
		p.statements = statements
		opts = append(opts, database.WithTracer(statements), database.WithAfterConnect(statements.AfterConnect))
	}
	if p.config.Database.MetricsEnabled {
		metrics, err := repository.NewRepositoryMetrics()
		if err != nil {
			return err
		}
		if err := p.registry.Register(metrics); err != nil {
			return err
		}
		p.metrics = metrics
		opts = append(opts, database.WithTracer(metrics))
	}
	db, err := database.Open(ctx, url, p.config.Database, opts...)
	if err != nil {
		return err
	}
	p.DB = db
	p.closers = append(p.closers, db.Close)
	if p.statements != nil {
		p.statements.Use(db.Pool)
	}
	if p.metrics != nil {
		p.metrics.WatchPool("app", db.Pool)
		if p.statements != nil {
			p.metrics.WatchStatements(p.statements)
		}
	}
	return nil
}

// openMonitoring reads the statistics over a pool of its own, so that a full
// application pool does not blind it.
func (p *Platform) openMonitoring(ctx context.Context, url string) error {
	if url == "" {
		p.log.WarnContext(ctx, "statistics of the server are left out: no address for ovasabi_monitor is given")
		return nil
	}
	config := p.config.Database
	config.MaxOpenConns, config.MaxIdleConns = monitorConnections, monitorConnections
	config.ApplicationName = "ovasabi monitor"
	db, err := database.Open(ctx, url, config, database.WithLogger(p.log))
	if err != nil {
		return err
	}
	p.closers = append(p.closers, db.Close)
	p.collector, err = monitoring.NewPG18StatsCollector(db.Pool, monitoring.Options{
		Interval: p.config.Monitoring.Interval, Client: p.tracer, Pool: p.DB.Pool, Transactions: &p.DB.Transactions,
		KeepFile: p.config.Monitoring.keepFile(), DiskPath: p.config.Monitoring.DiskPath, Sources: p.findingSources(), Log: p.log,
	})
	if err != nil {
		return err
	}
	return p.registry.Register(monitoring.NewExporter(p.collector))
}

// findingSources are those who find something besides the statistics.
func (p *Platform) findingSources() []monitoring.FindingSource {
	sources := []monitoring.FindingSource{
		monitoring.SourceFunc("twins", func() ([]monitoring.Finding, time.Time) {
			found := []monitoring.Finding{}
			for _, f := range p.twins.Findings() {
				found = append(found, monitoring.Finding(f))
			}
			return found, time.Now() // they are compared as they are asked for
		}),
	}
	if p.watch != nil {
		sources = append(sources, p.watch)
	}
	return sources
}

func (p *Platform) openScope() error {
	capacity := p.config.Database.MaxOpenConns
	admission, err := campaign.NewAdmission(campaign.AdmissionConfig{
		Capacity:           capacity,
		DefaultConcurrency: max(capacity*p.config.Admission.Share/100, 1),
		MaxWait:            p.config.Admission.MaxWait,
		Log:                p.log,
	}, campaign.RowLimits{Pool: p.DB.Pool})
	if err != nil {
		return err
	}
	p.admission = admission
	p.closers = append(p.closers, admission.Close)
	p.Scope = campaign.NewScope(p.DB.Pool, campaign.WithAdmission(admission), campaign.WithTxCounters(&p.DB.Transactions))
	if !p.config.Admission.ShareReads {
		return nil
	}
	if p.reads, err = campaign.NewPipeline(p.Scope, campaign.PipelineOptions{MaxWait: p.config.Admission.MaxWait}); err != nil {
		return err
	}
	p.closers = append(p.closers, p.reads.Close)
	if p.metrics != nil {
		p.metrics.WatchPipeline(p.reads)
	}
	return nil
}

func (p *Platform) openTwins(ctx context.Context) error {
	flags, err := twin.NewFlags(ctx, p.DB, twin.FlagOptions{Listen: p.listen, Log: p.log})
	if err != nil {
		return err
	}
	p.flags = flags
	p.closers = append(p.closers, flags.Close)
	runner, err := twin.NewRunner(flags, twin.Options{Sampling: p.config.Twins.Sampling, Log: p.log})
	if err != nil {
		return err
	}
	p.twins = runner
	p.closers = append(p.closers, runner.Close)
	return p.registry.Register(twin.NewCollector(runner))
}

func (p *Platform) openServer() error {
	secrets, err := p.ring.Keys().Derive("cursors")
	if err != nil {
		return err
	}
	cursors, err := query.NewCursorSigner(secrets[0], secrets[1:]...)
	if err != nil {
		return err
	}
	gather := p.config.Events
	gather.BatchSize = p.config.Database.BatchSize
	p.events = nexus.NewService(nexus.Dependencies{
		Scope: p.Scope, Twins: p.twins, Cursors: cursors, Listen: p.listen,
		Events: gather, MaxRequestBytes: p.config.Server.MaxRequestBytes, Log: p.log,
	})
	p.closers = append(p.closers, p.closeEvents)
	if err := p.registry.Register(p.events.Processor()); err != nil {
		return err
	}
	documents := content.NewService(content.Dependencies{
		Scope: p.Scope, Twins: p.twins, Cursors: cursors, Statements: p.statements, Metrics: p.metrics, Reads: p.reads,
	})
	page := dashboard.New(dashboard.Dependencies{
		Log: p.log, Collector: p.collector, Tracer: p.tracer, Scope: p.Scope,
		Pool: p.DB.Pool, Content: documents, Events: p.events, Twins: p.twins, Flags: p.DB, Loads: p.admission.Loads,
		Sources: p.findingSources(),
	})
	p.server, err = server.New(p.config.Server, server.Dependencies{
		Log: p.log, Registry: p.registry, Ring: p.ring, Revocations: p.revocations, Traces: p.telemetry.Traces(),
		Services: []server.Service{
			campaignservice.NewService(campaignservice.Dependencies{
				Scope: p.Scope, Pool: p.DB.Pool, Loads: p.admission.Loads, Capacity: p.config.Database.MaxOpenConns,
			}).RPC(),
			documents.RPC(),
			user.NewService(user.Dependencies{
				Scope: p.Scope, Twins: p.twins, Cursors: cursors, Statements: p.statements, Metrics: p.metrics, Reads: p.reads,
			}).RPC(),
			product.NewService(product.Dependencies{
				Scope: p.Scope, Twins: p.twins, Cursors: cursors, Statements: p.statements, Metrics: p.metrics, Reads: p.reads,
			}).RPC(),
			p.events.RPC(),
		},
		Routes: append(page.Routes(), p.events.Routes()...),
		Checks: []server.Check{{Name: "database", Ready: p.DB.Ping}},
	})
	return err
}

// Listen takes the port and returns the address that a client uses.
func (p *Platform) Listen(ctx context.Context) (string, error) { return p.server.Listen(ctx) }

// Run serves until ctx ends or a part of it fails, then drains.
func (p *Platform) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	if p.config.Twins.Revert {
		group.Go(func() error {
			p.twins.Watch(ctx, p.DB, watchTwins)
			return nil
		})
	}
	if p.collector != nil {
		group.Go(func() error { return p.collector.Run(ctx) })
	}
	if p.maintainer != nil {
		group.Go(func() error { return p.maintainer.Serve(ctx) })
	}
	group.Go(func() error {
		p.events.Run(ctx)
		return nil
	})
	group.Go(func() error { return p.server.Run(ctx) })
	err := group.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// closeEvents writes what is still held, after the port has closed and before the pool does.
func (p *Platform) closeEvents() {
	if err := p.events.Close(); err != nil {
		p.log.Error("events were left unwritten; their senders were told", slog.String("error", err.Error()))
	}
}

// Close gives back what Open took, last first. Run has returned before.
func (p *Platform) Close() {
	for _, closer := range slices.Backward(p.closers) {
		closer()
	}
	p.closers = nil
}
