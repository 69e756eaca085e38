package bench

// scenarios are those that there are, in the order in which they run.
func scenarios() []scenario {
	return []scenario{
		{"query_response", "Query response: the services' reads, mixed", false, queryResponse},
		{"bulk_insert", "Bulk insert: 1,000 events", true, bulkInsert},
		{"concurrency", "Concurrent callers on one pool", false, concurrency},
		{"index_scan", "Index scans of campaign-scoped queries", true, indexScan},
		{"feed", "The newest documents by status, as a campaign grows", true, feed},
		{"isolation", "A quiet campaign beside a noisy one", true, isolation},
		{"ingest", "Events one by one from many senders", true, ingest},
		{"search", "Full-text search: inline, virtual, stored; with and without row-level security", true, search},
		{"generated_columns", "Generated columns: adding, reading, writing, size", true, generatedColumns},
		{"skip_scan", "Skip scan: one wide index instead of two", true, skipScan},
		{"partition_pruning", "Hash partitions by campaign", true, partitionPruning},
		{"async_io", "Asynchronous I/O: cold reads", true, asyncIO},
		{"overhead", "What the data layer costs on the cheapest reads, beside the limit and the peers", true, overhead},
		{"collectors", "What the collectors themselves cost", true, collectors},
	}
}
