package doctor

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/ovasabi/ovasabi/internal/pgconfig"
)

var memorySettings = check{
	id:    "settings.memory",
	finds: "memory settings that do not fit the machine",
	why:   "Too much, and the kernel ends the server when sessions take their memory at once; too little, and the machine's memory is bought for nothing.",
	link:  docs + "runtime-config-resource.html#RUNTIME-CONFIG-RESOURCE-MEMORY",
	run:   findMemory,
}

var templateSettings = check{
	id:    "settings.template",
	finds: "settings that differ from the template for this machine",
	why:   "The template holds what PostgreSQL 18 can do and its careful defaults leave off. Where you chose otherwise, you know why.",
	link:  docs + "runtime-config.html",
	run:   findTemplate,
}

// machine is the server's: given, or this one where the server proves to run here.
func (e *examination) machine(ctx context.Context, id string) (*pgconfig.Machine, *pgconfig.Server, error) {
	var server *pgconfig.Server
	err := e.within(ctx, readOnly, e.limits.StatementTimeout, func() (err error) {
		e.report.Checked.Statements += 2
		server, err = pgconfig.ReadServer(ctx, e.conn)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if m := e.options.Machine; m != nil {
		return m, server, m.Validate()
	}
	if !server.Local {
		e.notChecked(id, "the server's machine is not this one, or its data folder cannot be read from here", "run doctor on the server's machine as its user, or name --memory, --cores and --disk")
		return nil, server, nil
	}
	m := pgconfig.Detect(server.DataDirectory)
	if err := m.Validate(); err != nil {
		e.notChecked(id, err.Error(), "name --memory, --cores and --disk")
		return nil, server, nil
	}
	return &m, server, nil
}

const mb = 1 << 20

func findMemory(ctx context.Context, e *examination, c check) ([]Finding, error) {
	m, server, err := e.machine(ctx, c.id)
	if err != nil || m == nil {
		return nil, err
	}
	number := func(name string, unit int64) int64 {
		n, _ := strconv.ParseInt(server.Settings[name].Value, 10, 64) // 0 where the server has another idea of it
		return n * unit
	}
	shared, work := number("shared_buffers", 8192), number("work_mem", 1024)
	upkeep, workers := number("maintenance_work_mem", 1024), number("autovacuum_max_workers", 1)
	sessions := number("max_connections", 1)
	var found []Finding
	percent := func(n int64) string { return fmt.Sprintf("%.0f%%", 100*float64(n)/float64(m.MemoryBytes)) }
	render := "ovasabi config render shows what fits, ovasabi config apply sets it; it needs a restart"
	switch {
	case shared > m.MemoryBytes*6/10:
		found = append(found, Finding{
			Severity: Error, Object: "shared_buffers",
			Evidence: fmt.Sprintf("shared_buffers is %d MB, %s of the %d MB of memory", shared/mb, percent(shared), m.MemoryBytes/mb), Remedy: render,
		})
	case shared <= 128*mb && m.MemoryBytes >= 2048*mb:
		found = append(found, Finding{
			Severity: Warning, Object: "shared_buffers",
			Evidence: fmt.Sprintf("shared_buffers is %d MB, initdb's own value, on %d MB of memory", shared/mb, m.MemoryBytes/mb), Remedy: render,
		})
	}
	// Half of the sessions at work, each with one sort or hash, is a busy moment.
	if busy := shared + sessions/2*work + workers*upkeep; busy > m.MemoryBytes {
		found = append(found, Finding{
			Severity: Warning, Object: "work_mem",
			Evidence: fmt.Sprintf("%d MB of shared_buffers, %d sessions (half of max_connections) with one work_mem of %d kB each and %d autovacuum workers with %d MB come to %s of the memory",
				shared/mb, sessions/2, work/1024, workers, upkeep/mb, percent(busy)),
			Remedy: "lower work_mem or max_connections: ovasabi config render shows what fits",
		})
	}
	return found, nil
}

// findTemplate tells all differences in one finding: they are for one decision.
func findTemplate(ctx context.Context, e *examination, c check) ([]Finding, error) {
	m, server, err := e.machine(ctx, c.id)
	if err != nil || m == nil {
		return nil, err
	}
	config, err := pgconfig.Render(*m, pgconfig.OLTP, server)
	if err != nil {
		return nil, err
	}
	var differ []string
	for _, l := range config.Lines {
		if l.Change {
			differ = append(differ, fmt.Sprintf("%s is %s, not %s", l.Name, l.Current, l.Value))
		}
	}
	if len(differ) == 0 {
		return nil, nil
	}
	return []Finding{{
		Severity: Info, Object: "postgresql.conf",
		Evidence: fmt.Sprintf("%d of %d settings: %s", len(differ), len(config.Lines), strings.Join(differ, ", ")),
		Remedy:   "ovasabi config render gives the reason of each; ovasabi config apply sets them, and ovasabi config rollback takes that back",
	}}, nil
}
