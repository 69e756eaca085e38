package main

import "github.com/grafana/grafana-foundation-sdk/go/dashboard"

// here narrows a metric to the chosen processes.
const here = `job=~"$job", instance=~"$instance"`

func overview() *dashboard.DashboardBuilder {
	return board("overview", "Whether the platform and its PostgreSQL 18 are well, and what they do now.").
		WithRow(row("Now")).
		WithPanel(figure("Statistics missing", "Processes that cannot read the server's statistics: what they show is old.", number,
			`sum(1 - ovasabi_pg_up{`+here+`})`, 1, 1)).
		WithPanel(figure("Findings at error level", "Each with its evidence and remedy on the platform's own page.", number,
			`sum(max by (id) (ovasabi_findings{`+here+`, severity="error"})) or vector(0)`, 1, 1)).
		WithPanel(figure("Pool in use", "The fullest of the chosen processes.", share,
			`max(ovasabi_pool_connections{`+here+`, state="used"} / ignoring (state) ovasabi_pool_max_connections{`+here+`})`, 0.7, 0.9)).
		WithPanel(figure("Waiting for locks", "Sessions that wait for a lock now.", number,
			`max(ovasabi_pg_lock_waiting{`+here+`})`, 1, 10)).
		WithRow(row("Traffic")).
		WithPanel(graph("Calls", "Calls of the API a second, by outcome.", perSecond, third,
			line{`sum by (code) (rate(ovasabi_rpc_duration_seconds_count{` + here + `}[$__rate_interval]))`, "{{code}}"})).
		WithPanel(graph("Time of a call", "95th percentile by procedure, streams left out.", seconds, third,
			line{`histogram_quantile(0.95, sum by (procedure, le) (rate(ovasabi_rpc_duration_seconds_bucket{` + here + `, code="ok", procedure!~".*(Subscribe|Ingest|Watch|Reflection).*"}[$__rate_interval])))`, "{{procedure}}"})).
		WithPanel(graph("Transactions", "Of the whole database, a second.", perSecond, third,
			line{`max(rate(ovasabi_pg_commits_total{` + here + `}[$__rate_interval]))`, "committed"},
			line{`max(rate(ovasabi_pg_rollbacks_total{` + here + `}[$__rate_interval]))`, "rolled back"})).
		WithRow(row("Resources")).
		WithPanel(graph("Pool", "Connections of each process, and the most it may have.", number, third,
			line{`ovasabi_pool_connections{` + here + `}`, "{{instance}} {{state}}"},
			line{`ovasabi_pool_max_connections{` + here + `}`, "{{instance}} most"})).
		WithPanel(graph("Found in shared buffers", "Share of the blocks that were asked for. It falls when the data that is used outgrows the memory.", share, third,
			line{`max(rate(ovasabi_pg_blocks_hit_total{` + here + `}[$__rate_interval])) / (max(rate(ovasabi_pg_blocks_hit_total{` + here + `}[$__rate_interval])) + max(rate(ovasabi_pg_blocks_read_total{` + here + `}[$__rate_interval])))`, "hits"}).Max(1)).
		WithPanel(graph("Bytes read and written", "By all backends on data files; the write-ahead log beside.", bytesPerS, third,
			line{`sum by (operation) (max by (backend_type, object, context, operation) (rate(ovasabi_pg_io_bytes_total{` + here + `, object!="wal"}[$__rate_interval])))`, "{{operation}}"},
			line{`max(rate(ovasabi_pg_wal_bytes_total{` + here + `}[$__rate_interval]))`, "log"})).
		WithPanel(graph("Events", "Events a second, by what became of them.", perSecond, third,
			line{`sum by (outcome) (rate(ovasabi_events_total{` + here + `}[$__rate_interval]))`, "{{outcome}}"})).
		WithPanel(graph("Event buffer", "Events that are held until they are written. Full, it makes callers wait; nothing is dropped.", number, third,
			line{`ovasabi_event_buffer_events{` + here + `}`, "{{instance}}"},
			line{`ovasabi_event_buffer_events_limit{` + here + `}`, "{{instance}} most"})).
		WithPanel(graph("Retries and failures", "Transactions that were run again, and statements that the server ended.", perSecond, third,
			line{`sum(rate(ovasabi_client_transaction_retries_total{` + here + `}[$__rate_interval]))`, "retried"},
			line{`sum by (code) (rate(ovasabi_client_errors_total{` + here + `}[$__rate_interval]))`, "{{code}}"})).
		WithRow(row("Findings")).
		WithPanel(list("Findings", "How many objects each concerns. The platform's own page says what to do.", number,
			`max by (id, severity) (ovasabi_findings{`+here+`})`))
}
