package main

import "github.com/grafana/grafana-foundation-sdk/go/dashboard"

func server() *dashboard.DashboardBuilder {
	return board("PostgreSQL 18", "I/O by backend, object and context, the write-ahead log, sessions, locks and replication.").
		WithRow(row("I/O")).
		WithPanel(graph("Read", "Bytes a second, by kind of backend and context.", bytesPerS, third,
			line{`max by (backend_type, object, context) (rate(ovasabi_pg_io_bytes_total{` + here + `, operation="read"}[$__rate_interval]))`, "{{backend_type}} {{object}} {{context}}"})).
		WithPanel(graph("Written and extended", "Bytes a second, by kind of backend and context.", bytesPerS, third,
			line{`max by (backend_type, object, context, operation) (rate(ovasabi_pg_io_bytes_total{` + here + `, operation=~"write|extend"}[$__rate_interval]))`, "{{backend_type}} {{object}} {{context}} {{operation}}"})).
		WithPanel(graph("Time of I/O", "Seconds of waiting a second, where track_io_timing measures it.", number, third,
			line{`max by (backend_type, operation) (rate(ovasabi_pg_io_seconds_total{` + here + `}[$__rate_interval]))`, "{{backend_type}} {{operation}}"})).
		WithPanel(graph("Asynchronous I/O in flight", "Handles when pg_aios was looked at.", number, third,
			line{`max by (operation, state) (ovasabi_pg_aio_handles{` + here + `})`, "{{operation}} {{state}}"})).
		WithPanel(graph("Temporary files", "Bytes a second: sorts and hashes that did not fit into work_mem.", bytesPerS, third,
			line{`max(rate(ovasabi_pg_temp_bytes_total{` + here + `}[$__rate_interval]))`, "written"})).
		WithPanel(graph("Rows written", "A second, by kind.", perSecond, third,
			line{`max by (kind) (rate(ovasabi_pg_rows_written_total{` + here + `}[$__rate_interval]))`, "{{kind}}"})).
		WithRow(row("Write-ahead log and checkpoints")).
		WithPanel(graph("Log", "Bytes a second.", bytesPerS, third,
			line{`max(rate(ovasabi_pg_wal_bytes_total{` + here + `}[$__rate_interval]))`, "log"})).
		WithPanel(graph("Records and full pages", "A second. Full pages follow each checkpoint.", perSecond, third,
			line{`max(rate(ovasabi_pg_wal_records_total{` + here + `}[$__rate_interval]))`, "records"},
			line{`max(rate(ovasabi_pg_wal_full_page_images_total{` + here + `}[$__rate_interval]))`, "full pages"},
			line{`max(rate(ovasabi_pg_wal_buffers_full_total{` + here + `}[$__rate_interval]))`, "buffers full"})).
		WithPanel(graph("Checkpoints", "Within an hour. Those asked for came because max_wal_size was reached.", number, third,
			line{`max by (reason) (increase(ovasabi_pg_checkpoints_total{` + here + `}[1h]))`, "{{reason}}"})).
		WithRow(row("Sessions and locks")).
		WithPanel(graph("Sessions", "Client backends by state.", number, third,
			line{`max by (state) (sum by (instance, state) (ovasabi_pg_sessions{` + here + `, backend_type="client backend"}))`, "{{state}}"},
			line{`max(ovasabi_pg_max_connections{` + here + `})`, "most"})).
		WithPanel(graph("Waiting for locks", "Sessions, and the longest wait in seconds.", number, third,
			line{`max(ovasabi_pg_lock_waiting{` + here + `})`, "sessions"},
			line{`max(ovasabi_pg_lock_longest_wait_seconds{` + here + `})`, "longest wait, s"})).
		WithPanel(graph("Deadlocks", "Within ten minutes.", number, third,
			line{`max(increase(ovasabi_pg_deadlocks_total{` + here + `}[10m]))`, "deadlocks"})).
		WithPanel(graph("Oldest transaction", "Vacuum cannot clean what it might still see.", seconds, third,
			line{`max(ovasabi_pg_oldest_transaction_seconds{` + here + `})`, "age"},
			line{`ovasabi:threshold:transaction_seconds`, "threshold"})).
		WithRow(row("Replication")).
		WithPanel(graph("Replay lag", "How far each standby is behind.", seconds, half,
			line{`max by (standby) (ovasabi_pg_replay_lag_seconds{` + here + `})`, "{{standby}}"},
			line{`ovasabi:threshold:replication_lag_seconds`, "threshold"})).
		WithPanel(graph("Kept by slots", "Write-ahead log that each replication slot keeps.", bytes, half,
			line{`max by (slot, active) (ovasabi_pg_slot_kept_bytes{` + here + `})`, "{{slot}} active {{active}}"}))
}
