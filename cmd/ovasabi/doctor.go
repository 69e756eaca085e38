package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/internal/doctor"
	"github.com/ovasabi/ovasabi/internal/pgconfig"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

type doctorCmd struct {
	target
	machineFlags
	Only    []string `name:"only" env:"OVASABI_DOCTOR_ONLY" placeholder:"ID" help:"Checks or groups of checks to run, such as index or server.checksums (default: all)."`
	List    bool     `name:"list" env:"OVASABI_DOCTOR_LIST" help:"List the checks, and do nothing else."`
	Fix     bool     `name:"fix" env:"OVASABI_DOCTOR_FIX" help:"Do what is safe, say what was done, and look again."`
	Measure bool     `name:"measure" env:"OVASABI_DOCTOR_MEASURE" help:"Measure estimated bloat with pgstattuple: reads these tables, may take minutes."`
	Prove   bool     `name:"prove" env:"OVASABI_DOCTOR_PROVE" help:"Prove that an index is needless where hypopg is not installed: hides it by an UPDATE of the catalog pg_index that is rolled back; needs a superuser."`
	AppRole string   `name:"app-role" env:"OVASABI_APP_ROLE" default:"ovasabi_app" help:"Role of the services, for which isolation is judged."`
	Pool    int      `name:"pool-size" env:"DB_MAX_OPEN_CONNS" default:"50" help:"Connections that one service may open, held against the server's."`
	JSON    bool     `name:"json" env:"OVASABI_JSON" help:"Print JSON."`
}

// Run looks, prints, and fails where there is a finding at error level.
func (c doctorCmd) Run(ctx context.Context, t terminal) error {
	if c.List {
		return c.list(t)
	}
	machine, err := c.machine()
	if err != nil {
		return usage(err)
	}
	config, err := c.config()
	if err != nil {
		return err
	}
	report, err := doctor.Run(ctx, config, doctor.Options{
		Only: c.Only, Fix: c.Fix, Measure: c.Measure, Prove: c.Prove, AppRole: c.AppRole, PoolSize: c.Pool, Machine: machine,
	})
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Field == "only" {
		return usage(err)
	}
	if report.Checked.Server == "" {
		return err
	}
	// A check that failed unexpectedly is told beside what the others found.
	if c.JSON {
		if printErr := printJSON(t.out, report); printErr != nil {
			return printErr
		}
	} else {
		printReport(t.out, report)
	}
	if err == nil && report.Worst() == doctor.Error {
		return errFindings
	}
	return err
}

func (c doctorCmd) list(t terminal) error {
	if c.JSON {
		return printJSON(t.out, doctor.Checks())
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	for _, l := range doctor.Checks() {
		fmt.Fprintf(w, "%s\t%s\n", l.ID, l.Finds)
	}
	return w.Flush()
}

// config is the address of the owner, who sees most, as pgx takes it.
func (t target) config() (*pgx.ConnConfig, error) {
	url, err := t.owner()
	if err != nil {
		return nil, err
	}
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, usage(&fault.Error{Kind: fault.Invalid, Field: "database-url", Message: "must be a PostgreSQL URL such as postgres://owner:password@host:5432/database", Err: err})
	}
	return config, nil
}

func printReport(w io.Writer, r doctor.Report) {
	fmt.Fprintf(w, "PostgreSQL %s, database %s, as %s: %d checks, %d statements, %.1f s\n",
		r.Checked.Server, r.Checked.Database, r.Checked.Role, len(r.Checked.Checks), r.Checked.Statements, r.Checked.Seconds)
	for _, f := range r.Checked.Fixed {
		if f.Error != "" {
			fmt.Fprintf(w, "\nnot fixed  %s: %s\n  %s\n", f.Object, f.Did, f.Error)
			continue
		}
		fmt.Fprintf(w, "\nfixed  %s: %s\n", f.Object, f.Did)
	}
	count := map[doctor.Severity]int{}
	for _, f := range r.Findings {
		count[f.Severity]++
		fmt.Fprintf(w, "\n%s  %s  %s\n  %s\n  why:    %s\n  remedy: %s\n  see:    %s\n", strings.ToUpper(string(f.Severity)), f.ID, f.Object, f.Evidence, f.Why, f.Remedy, f.Link)
	}
	for _, n := range r.Checked.NotChecked {
		fmt.Fprintf(w, "\nnot checked  %s: %s\n  remedy: %s\n", n.ID, n.Reason, n.Remedy)
	}
	fmt.Fprintf(w, "\n%d errors, %d warnings, %d infos, %d not checked\n", count[doctor.Error], count[doctor.Warning], count[doctor.Info], len(r.Checked.NotChecked))
}

// machineFlags name a machine that is not this one.
type machineFlags struct {
	Memory string `name:"memory" env:"OVASABI_MEMORY" placeholder:"SIZE" help:"Memory that PostgreSQL may count on, such as 16GB (default: this machine's, where the server runs on it)."`
	Cores  int    `name:"cores" env:"OVASABI_CORES" placeholder:"N" help:"Cores of the server's machine (default: this machine's)."`
	Disk   string `name:"disk" env:"OVASABI_DISK" default:"" enum:",ssd,hdd,network" placeholder:"KIND" help:"Disk under the data: ssd, hdd or network (default: as the kernel says)."`
	Uring  string `name:"io-uring" env:"OVASABI_IO_URING" default:"" enum:",yes,no" placeholder:"YES|NO" help:"Whether the kernel there lets PostgreSQL use io_uring: yes or no (default: as this machine's kernel says, where the server runs on it; else no)."`
}

// machine is the one that the flags name in full, or nil without flags.
func (m machineFlags) machine() (*pgconfig.Machine, error) {
	if m == (machineFlags{}) {
		return nil, nil //nolint:nilnil // none is named
	}
	machine, err := m.over(pgconfig.Detect("").Elsewhere())
	return &machine, err
}

// over puts what the flags say over what was read.
func (m machineFlags) over(machine pgconfig.Machine) (pgconfig.Machine, error) {
	if m.Memory != "" {
		n, err := pgconfig.ParseBytes(m.Memory)
		if err != nil {
			return machine, err
		}
		machine.MemoryBytes = n
	}
	if m.Cores != 0 {
		machine.Cores = m.Cores
	}
	if m.Disk != "" {
		machine.Disk = pgconfig.Disk(m.Disk)
	}
	if m.Uring != "" {
		machine.IOUring = m.Uring == "yes"
	}
	return machine, machine.Validate()
}
