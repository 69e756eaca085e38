package monitoring

import "github.com/prometheus/client_golang/prometheus"

// metric is one name that Prometheus sees.
type metric struct {
	name   string
	help   string
	kind   prometheus.ValueType
	scale  float64 // what the snapshot's figure is multiplied with; 0 leaves it
	labels []string
}

var (
	descs = map[string]*prometheus.Desc{}
	// metrics are all of them, in the order in which they are declared.
	metrics []metric
)

// fromMS turns milliseconds into seconds.
const fromMS = 0.001

func declare(kind prometheus.ValueType, scale float64, name, help string, labels ...string) metric {
	m := metric{"ovasabi_" + name, help, kind, scale, labels}
	descs[m.name] = prometheus.NewDesc(m.name, help, labels, nil)
	metrics = append(metrics, m)
	return m
}

func counter(name, help string, labels ...string) metric {
	return declare(prometheus.CounterValue, 0, name, help, labels...)
}

func counterMS(name, help string, labels ...string) metric {
	return declare(prometheus.CounterValue, fromMS, name, help, labels...)
}

func gauge(name, help string, labels ...string) metric {
	return declare(prometheus.GaugeValue, 0, name, help, labels...)
}

func gaugeMS(name, help string, labels ...string) metric {
	return declare(prometheus.GaugeValue, fromMS, name, help, labels...)
}

// MetricNames returns the name of every metric that an Exporter may show, as
// alert rules and dashboards use them.
func MetricNames() []string {
	names := make([]string, len(metrics))
	for i, m := range metrics {
		names[i] = m.name
	}
	return names
}

var (
	up                = gauge("pg_up", "1 while the server's statistics are read.")
	collectedAt       = gaugeMS("pg_collected_timestamp_seconds", "When the statistics were read.")
	collectionSeconds = gauge("pg_collection_seconds", "How long the last collection took.")
	sectionFailed     = gauge("pg_section_failed", "1 for a part of the statistics that cannot be read.", "section")
	findings          = gauge("findings", "Findings now, by id and severity.", "id", "severity")
	findingsLookedAt  = gauge("findings_looked_timestamp_seconds", "When a source of findings last looked; 0 for never.", "source")
	leftOut           = gauge("monitor_left_out", "Objects without metrics of their own, because there is no room for more labels.", "label")

	serverInfo     = gauge("pg_server_info", "Always 1; the labels say what the server is.", "version", "io_method", "checksums")
	startedAt      = gauge("pg_started_timestamp_seconds", "When the server was started.")
	maxConnections = gauge("pg_max_connections", "Connections that the server takes.")
	freezeMaxAge   = gauge("pg_freeze_max_age", "Age from which autovacuum freezes a table whatever else it has to do.")

	commits           = counter("pg_commits_total", "Transactions of the database that were committed.")
	rollbacks         = counter("pg_rollbacks_total", "Transactions of the database that were rolled back.")
	blocksRead        = counter("pg_blocks_read_total", "Blocks that were not in shared buffers.")
	blocksHit         = counter("pg_blocks_hit_total", "Blocks that were in shared buffers.")
	rowsWritten       = counter("pg_rows_written_total", "Rows written, by kind.", "kind")
	tempBytes         = counter("pg_temp_bytes_total", "Bytes written to temporary files.")
	deadlocks         = counter("pg_deadlocks_total", "Deadlocks in the database.")
	checksumFailures  = counter("pg_checksum_failures_total", "Pages that failed their checksum.")
	xidAge            = gauge("pg_oldest_xid_age", "Transactions since the oldest that any database still holds.")
	multixactAge      = gauge("pg_oldest_multixact_age", "Multixacts since the oldest that any database still holds.")
	databaseBytes     = gauge("pg_database_bytes", "Size of the database's files.")
	diskFree          = gauge("disk_free_bytes", "Bytes that are free on the file system of the server's data, where this process can see it.")
	diskSize          = gauge("disk_size_bytes", "Size of that file system.")
	sessionCount      = gauge("pg_sessions", "Sessions, by kind of backend, state and what they wait for.", "backend_type", "state", "wait_type")
	longTransactions  = gauge("pg_long_transactions", "Transactions that have been open for long.")
	oldestTransaction = gauge("pg_oldest_transaction_seconds", "Age of the longest open transaction; 0 where none has been open for long.")
	aioHandles        = gauge("pg_aio_handles", "Asynchronous I/O in flight when it was looked at.", "operation", "state", "target")

	walRecords     = counter("pg_wal_records_total", "Records of the write-ahead log.")
	walBytes       = counter("pg_wal_bytes_total", "Bytes of the write-ahead log.")
	walFullPages   = counter("pg_wal_full_page_images_total", "Whole pages in the write-ahead log.")
	walBuffersFull = counter("pg_wal_buffers_full_total", "Times that the buffers of the write-ahead log were full.")

	checkpoints       = counter("pg_checkpoints_total", "Checkpoints, by what asked for them.", "reason")
	checkpointWrite   = counterMS("pg_checkpoint_write_seconds_total", "Time that checkpoints wrote.")
	checkpointSync    = counterMS("pg_checkpoint_sync_seconds_total", "Time that checkpoints synced.")
	checkpointBuffers = counter("pg_checkpoint_buffers_total", "Buffers that checkpoints wrote.")

	standbyLag  = gauge("pg_standby_behind_seconds", "How far this standby is behind.")
	replayLag   = gauge("pg_replay_lag_seconds", "How far a standby's replay is behind.", "standby")
	replayBytes = gauge("pg_replay_behind_bytes", "Write-ahead log that a standby has not replayed.", "standby")
	slotKept    = gauge("pg_slot_kept_bytes", "Write-ahead log that a replication slot keeps.", "slot", "active")

	ioOperations = counter("pg_io_operations_total", "I/O operations, by kind of backend, object, context and operation.", "backend_type", "object", "context", "operation")
	ioBytes      = counter("pg_io_bytes_total", "Bytes of I/O.", "backend_type", "object", "context", "operation")
	ioSeconds    = counterMS("pg_io_seconds_total", "Time of I/O, where the server measures it.", "backend_type", "object", "context", "operation")

	tableBytes         = gauge("pg_table_bytes", "Size of a table at its last vacuum or analyze.", "table")
	tableLive          = gauge("pg_table_live_rows", "Live rows of a table.", "table")
	tableDead          = gauge("pg_table_dead_rows", "Dead rows of a table.", "table")
	tableVacuumFrom    = gauge("pg_table_vacuum_from_rows", "Dead rows that wake autovacuum.", "table")
	tableXIDAge        = gauge("pg_table_xid_age", "Transactions since a table was last frozen whole.", "table")
	tableSeqScans      = counter("pg_table_seq_scans_total", "Scans of a whole table.", "table")
	maintenanceRuns    = counter("pg_maintenance_runs_total", "Runs of vacuum and analyze, by table and kind.", "table", "kind")
	maintenanceSeconds = counterMS("pg_maintenance_seconds_total", "Time of vacuum and analyze, by table and kind.", "table", "kind")
	maintenanceRunning = gauge("pg_maintenance_running", "Maintenance under way.", "command", "automatic")
	indexBytes         = gauge("pg_index_bytes", "Size of an index at its table's last vacuum or analyze.", "index")
	indexSearches      = counter("pg_index_searches_total", "Searches of an index.", "index")
	indexValid         = gauge("pg_index_valid", "0 for an index that is not valid.", "index")

	statementCalls      = counter("pg_statement_calls_total", "Calls of a statement.", "query_id")
	statementRows       = counter("pg_statement_rows_total", "Rows of a statement.", "query_id")
	statementBlocksRead = counter("pg_statement_blocks_read_total", "Blocks that a statement did not find in shared buffers.", "query_id")
	statementSeconds    = counterMS("pg_statement_seconds_total", "Execution time of a statement.", "query_id")

	poolConns       = gauge("pool_connections", "Connections of this process's pool.", "state")
	poolMax         = gauge("pool_max_connections", "Most connections of this process's pool.")
	poolWaits       = counter("pool_waits_total", "Calls that had to wait for a connection.")
	poolCanceled    = counter("pool_canceled_total", "Calls that gave up waiting for a connection.")
	poolWaitSeconds = counter("pool_wait_seconds_total", "Time that calls waited for a connection.")

	clientTransactions = counter("client_transactions_total", "Transactions of this process that ended on purpose.", "end")
	clientRetries      = counter("client_transaction_retries_total", "Transactions of this process that were run again because they met another one.")
	clientErrors       = counter("client_errors_total", "Statements of this process that the server ended, by its name for the error.", "code")

	campaignCalls   = counter("campaign_calls_total", "Statements, by campaign; 0 is outside any, -1 those for which there was no room.", "campaign_id")
	campaignErrors  = counter("campaign_errors_total", "Statements that failed.", "campaign_id")
	campaignRows    = counter("campaign_rows_total", "Rows returned or written.", "campaign_id")
	campaignSeconds = counter("campaign_seconds_total", "Time of statements.", "campaign_id")
	campaignQueued  = counter("campaign_queued_seconds_total", "Time spent waiting for a connection.", "campaign_id")
	campaignTwins   = counter("campaign_twin_calls_total", "Calls that a side of a twin answered.", "campaign_id", "side")

	queryCalls     = counter("query_calls_total", "Calls of a query; side is empty unless it is a twin.", "query", "side")
	queryErrors    = counter("query_errors_total", "Calls of a query that failed.", "query", "side")
	querySeconds   = counter("query_seconds_total", "Time of a query.", "query", "side")
	queryMean      = gaugeMS("query_mean_seconds", "Mean of the last minutes.", "query", "side")
	queryP95       = gaugeMS("query_p95_seconds", "95th percentile of the last minutes.", "query", "side")
	queryUsualMean = gaugeMS("query_usual_mean_seconds", "Mean of the time before.", "query", "side")
	queryUsualP95  = gaugeMS("query_usual_p95_seconds", "95th percentile of the time before.", "query", "side")
	queryRecent    = gauge("query_recent_calls", "Calls of the last minutes that did not fail: what the mean and percentile of them stand on.", "query", "side")
	queryUsual     = gauge("query_usual_calls", "Calls of the time before that did not fail; older ones fade.", "query", "side")

	lockWaiting = gauge("pg_lock_waiting", "Sessions that wait for a lock.")
	lockLongest = gauge("pg_lock_longest_wait_seconds", "Longest wait for a lock now.")
)
