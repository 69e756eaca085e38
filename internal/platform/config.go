// Package platform puts the parts together: the pool, the scope, the twins, the
// services and the server, for `up` on one machine and `serve` in production alike.
package platform

import (
	"path/filepath"
	"time"

	"github.com/ovasabi/ovasabi/internal/maintenance"
	"github.com/ovasabi/ovasabi/internal/server"
	"github.com/ovasabi/ovasabi/internal/service/nexus"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Config is everything that a serving process can be told. kong reads the tags.
type Config struct {
	Database  database.PG18Config `embed:"" prefix:"db-" group:"Database"`
	Server    server.Config       `embed:"" group:"Server"`
	Admission Admission           `embed:"" group:"Campaigns"`
	Twins     Twins               `embed:"" group:"Twins"`

	Events     nexus.ProcessorConfig `embed:"" group:"Events"`
	Monitoring Monitoring            `embed:"" group:"Monitoring"`

	Maintenance maintenance.Config `embed:"" prefix:"maintain-" group:"Maintenance"`
}

// Admission says how campaigns share the pool.
type Admission struct {
	// Share is the most of the pool that one campaign may have, in percent, unless its row says otherwise. 1 to 100.
	Share int `name:"campaign-share" env:"OVASABI_CAMPAIGN_SHARE" default:"75" help:"Most of the pool that one campaign may have, in percent, unless its row says otherwise."`
	// MaxWait is how long a call may wait for its turn. More than 0.
	MaxWait time.Duration `name:"campaign-max-wait" env:"OVASABI_CAMPAIGN_MAX_WAIT" default:"10s" help:"Longest wait of a call for its campaign's turn."`
	// ShareReads lets reads of single rows of a campaign share round trips when they meet.
	ShareReads bool `name:"share-reads" env:"OVASABI_SHARE_READS" default:"true" negatable:"" help:"Let reads of single rows of a campaign share round trips when they meet."`
}

// Twins says how the two sides of a query are compared.
type Twins struct {
	// Sampling is the share of calls that the plain side answers though the flag says 100, so that there is something to compare. 0 to 1.
	Sampling float64 `name:"twin-sampling" env:"OVASABI_TWIN_SAMPLING" default:"0.01" help:"Share of calls that the plain query answers for comparison (0 to 1)."`
	// Revert sets a twin back to its plain side when the optimised one is found slower.
	Revert bool `name:"twin-revert" env:"OVASABI_TWIN_REVERT" default:"false" help:"Set a twin back to the plain query when the optimised one is found slower."`
}

// Monitoring says how often the server's statistics are read.
type Monitoring struct {
	// Interval is the time between two collections. 100ms to 1h.
	Interval time.Duration `name:"stats-interval" env:"OVASABI_STATS_INTERVAL" default:"10s" help:"Time between two readings of the server's statistics."`
	// StateDir keeps what was seen over a restart: plots, pile-ups of locks, slow queries. Empty forgets it.
	StateDir string `name:"state-dir" env:"OVASABI_STATE_DIR" type:"path" placeholder:"DIR" help:"Folder of this process that keeps what was seen over a restart: plots, pile-ups of locks, slow queries (up: in the data folder; serve: nothing is kept without it)."`
	// DiskPath is a folder on the file system that the server writes to. Empty leaves the disk out.
	DiskPath string `name:"disk-path" env:"OVASABI_DISK_PATH" type:"path" placeholder:"DIR" help:"Folder on the disk that PostgreSQL writes to, where this process can see it, to tell before it is full (up: the data folder)."`
}

// keepFile is the file in the state folder that the collector writes.
func (m Monitoring) keepFile() string {
	if m.StateDir == "" {
		return ""
	}
	return filepath.Join(m.StateDir, "monitoring.json.gz")
}

// Validate returns an Invalid fault that names the first setting that is wrong.
func (c Config) Validate() error {
	if err := c.Database.Validate(); err != nil {
		return err
	}
	if err := c.Server.Validate(); err != nil {
		return err
	}
	gather := c.Events
	gather.BatchSize = c.Database.BatchSize
	if err := gather.Validate(); err != nil {
		return err
	}
	if c.Admission.Share < 1 || c.Admission.Share > 100 {
		return fault.Field("campaign-share", "must be from 1 to 100 percent, not %d", c.Admission.Share)
	}
	if c.Admission.MaxWait <= 0 {
		return fault.Field("campaign-max-wait", "must be more than 0, not %s", c.Admission.MaxWait)
	}
	if !(c.Twins.Sampling >= 0 && c.Twins.Sampling <= 1) {
		return fault.Field("twin-sampling", "must be from 0 to 1, not %g", c.Twins.Sampling)
	}
	if c.Monitoring.Interval < 100*time.Millisecond || c.Monitoring.Interval > time.Hour {
		return fault.Field("stats-interval", "must be from 100ms to 1h, not %s", c.Monitoring.Interval)
	}
	return c.Maintenance.Validate()
}

// Addresses are the databases of a platform, each with the role that its part needs.
type Addresses struct {
	// App is for ovasabi_app: every service. Required.
	App string
	// Monitor is for ovasabi_monitor: the statistics. Empty leaves them out.
	Monitor string
	// Listen is App without a pooler between: LISTEN hears nothing behind PgBouncer in
	// transaction mode. Empty listens through App.
	Listen string
	// Maintain is for the owner, or for ovasabi_maintain. Empty leaves maintenance to others.
	Maintain string
	// Owner is for the owner, who alone can watch over integrity. Empty leaves that out.
	Owner string
}
