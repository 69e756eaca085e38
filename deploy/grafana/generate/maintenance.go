package main

import "github.com/grafana/grafana-foundation-sdk/go/dashboard"

func maintenance() *dashboard.DashboardBuilder {
	return board("maintenance", "Vacuum, freezing, indexes, size and disk.").
		WithRow(row("Vacuum")).
		WithPanel(graph("Dead rows", "In times of the number that wakes autovacuum. Above the threshold it falls behind.", number, third,
			line{`topk(20, max by (table) (ovasabi_pg_table_dead_rows{` + here + `} / ovasabi_pg_table_vacuum_from_rows{` + here + `}))`, "{{table}}"},
			line{`ovasabi:threshold:vacuum_behind_ratio`, "threshold"})).
		WithPanel(graph("Time of maintenance", "Seconds of vacuum and analyze a second, by table and kind.", number, third,
			line{`topk(20, max by (table, kind) (rate(ovasabi_pg_maintenance_seconds_total{` + here + `}[$__rate_interval])) > 0)`, "{{table}} {{kind}}"})).
		WithPanel(graph("Under way", "Runs of vacuum, analyze and index builds.", number, third,
			line{`max by (command, automatic) (ovasabi_pg_maintenance_running{` + here + `})`, "{{command}} automatic {{automatic}}"})).
		WithPanel(graph("Transaction ids used", "Share of the 2^31 that the oldest transaction is behind. At 1 the server stops writing.", share, third,
			line{`max(ovasabi_pg_oldest_xid_age{` + here + `}) / 2^31`, "transactions"},
			line{`max(ovasabi_pg_oldest_multixact_age{` + here + `}) / 2^31`, "multixacts"},
			line{`ovasabi:threshold:wraparound_ratio`, "threshold"}).Max(1)).
		WithPanel(graph("Age of tables", "In times of autovacuum_freeze_max_age.", number, third,
			line{`topk(10, max by (table) (ovasabi_pg_table_xid_age{` + here + `} / on (instance) group_left () ovasabi_pg_freeze_max_age{` + here + `}))`, "{{table}}"},
			line{`ovasabi:threshold:freeze_overdue_ratio`, "threshold"})).
		WithPanel(graph("Scans of whole tables", "A second. Many on a large table ask for an index.", perSecond, third,
			line{`topk(10, max by (table) (rate(ovasabi_pg_table_seq_scans_total{` + here + `}[$__rate_interval])))`, "{{table}}"})).
		WithRow(row("Indexes")).
		WithPanel(graph("Searches", "A second; a scan that skips makes many.", perSecond, half,
			line{`topk(20, max by (index) (rate(ovasabi_pg_index_searches_total{` + here + `}[$__rate_interval])))`, "{{index}}"})).
		WithPanel(graph("Size", "Of the largest indexes, at the last vacuum or analyze.", bytes, half,
			line{`topk(20, max by (index) (ovasabi_pg_index_bytes{` + here + `}))`, "{{index}}"})).
		WithPanel(list("Invalid indexes", "Written and never read: a build of each was cut short.", number,
			`max by (index) (ovasabi_pg_index_valid{`+here+`}) == 0`)).
		WithRow(row("Size")).
		WithPanel(graph("Database", "All files of the database.", bytes, third,
			line{`max(ovasabi_pg_database_bytes{` + here + `})`, "database"})).
		WithPanel(graph("Tables", "The largest, at the last vacuum or analyze.", bytes, third,
			line{`topk(10, max by (table) (ovasabi_pg_table_bytes{` + here + `}))`, "{{table}}"})).
		WithPanel(graph("Disk", "Share that is free, where the process can see the disk of the data.", share, third,
			line{`min by (instance) (ovasabi_disk_free_bytes{` + here + `} / ovasabi_disk_size_bytes{` + here + `})`, "{{instance}}"},
			line{`ovasabi:threshold:disk_free_ratio`, "threshold"}).Max(1)).
		WithRow(row("Integrity")).
		WithPanel(graph("Last looked for findings", "Age of the last look of each source; the comparison of twins is always of now.", seconds, half,
			line{`time() - max by (source) (ovasabi_findings_looked_timestamp_seconds{` + here + `})`, "{{source}}"})).
		WithPanel(graph("Checksum failures", "Data pages that failed their checksum since the statistics were reset.", number, half,
			line{`max(ovasabi_pg_checksum_failures_total{` + here + `})`, "pages"}))
}
