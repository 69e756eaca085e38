package pgconfig

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	mb = 1 << 20
	gb = 1 << 30
)

// all walks through the plan's template, and the lines that the machine adds to it.
func (r *renderer) all() {
	r.io()
	r.memory()
	r.writeAhead()
	r.planner()
	r.parallel()
	r.vacuum()
	r.watching()
	r.statements()
}

func (r *renderer) io() {
	r.section = "Asynchronous I/O"
	m := r.Machine
	switch {
	case r.server.canEnum("io_method", "io_uring") && m.IOUring:
		r.set("io_method", "io_uring", "io_uring", "This build has io_uring and the kernel allows it: a cold scan took 0.92 s instead of sync's 1.6 s where we measured; what is cached gains nothing.")
	case r.server.canEnum("io_method", "io_uring") && m.Kernel == "":
		r.set("io_method", "io_uring", "worker", "Works everywhere. This build has io_uring as well, which reads faster: set it where the kernel lets PostgreSQL use it (--io-uring yes), for a server that may not does not start.")
	case r.server.canEnum("io_method", "io_uring"):
		r.set("io_method", "io_uring", "worker", "This build has io_uring, but the kernel does not let programs use it (kernel.io_uring_disabled); worker is the next best.")
	default:
		r.set("io_method", "io_uring", "worker", "This build lacks io_uring, and would not start with it; worker is the next best: a cold scan took 1.1 s instead of sync's 1.6 s where we measured.")
	}
	if last := len(r.Lines) - 1; last >= 0 && r.Lines[last].Value == "worker" {
		n := min(max(m.Cores/4, 3), 32)
		r.set("io_workers", "", strconv.Itoa(n), "Processes that read for the others: a quarter of %d cores, at least PostgreSQL's own 3.", m.Cores)
	}
	at := map[Disk]struct{ n, why string }{
		SSD:     {"32", "The template's value, which suits an SSD: so many reads at once keep it busy."},
		HDD:     {"4", "A rotating disk reads one place at a time; a few requests let it choose the order. The template's 32 is for an SSD."},
		Network: {"64", "Network storage answers late and many requests at once: twice the template's 32."},
	}[m.Disk]
	r.set("effective_io_concurrency", "32", at.n, "%s", at.why)
	r.set("maintenance_io_concurrency", "32", at.n, "As effective_io_concurrency, for vacuum and index builds.")
}

// connections of a profile: the template's number, and half of it where each query takes much.
func (r *renderer) connections() int {
	if r.Profile == Bulk {
		return 100
	}
	return 200
}

func (r *renderer) memory() {
	r.section = "Connections and memory"
	m := r.Machine
	n := r.connections()
	why := "The template's value: four services with a pool of DB_MAX_OPEN_CONNS 50. Behind PgBouncer far fewer do."
	if r.Profile == Bulk {
		why = "Half of the template's: few sessions that each take much memory."
	}
	r.set("max_connections", "200", strconv.Itoa(n), "%s", why)

	shared := roundMB(min(max(m.MemoryBytes/4, 128*mb), 64*gb))
	r.set("shared_buffers", "1GB", Bytes(shared), "A quarter of %s; the operating system caches with the rest. The template's 1GB is that of a machine with 4GB.", Bytes(roundMB(m.MemoryBytes)))
	r.set("effective_cache_size", "", Bytes(roundMB(m.MemoryBytes/4*3)), "What the planner may take for cached, in PostgreSQL and the operating system: three quarters of the memory. It reserves nothing.")

	parts, least, most := map[Profile]int64{OLTP: 4, Mixed: 2, Bulk: 1}[r.Profile], int64(4*mb), map[Profile]int64{OLTP: 64 * mb, Mixed: 256 * mb, Bulk: gb}[r.Profile]
	work := roundMB(min(max((m.MemoryBytes-shared)/(int64(n)*parts), least), most))
	r.set("work_mem", "16MB", Bytes(work), "For one sort or hash: what is left of the memory, divided by %d connections and %d such steps at once, from %s to %s. The template's 16MB is that of a machine with 16GB.",
		n, parts, Bytes(least), Bytes(most))

	share, top := int64(16), int64(2*gb)
	if r.Profile == Bulk {
		share, top = 8, 8*gb
	}
	r.set("maintenance_work_mem", "256MB", Bytes(roundMB(min(max(m.MemoryBytes/share, 64*mb), top))), "For one vacuum or index build: 1/%d of the memory, at most %s. The template's 256MB is that of a machine with 4GB.", share, Bytes(top))
}

func (r *renderer) writeAhead() {
	r.section = "Write-ahead log"
	size := map[Profile]int64{OLTP: 4 * gb, Mixed: 8 * gb, Bulk: 32 * gb}[r.Profile]
	why := "Room between two checkpoints: each writes all changed pages, and the first change of a page after it logs the whole page."
	if free := r.Machine.DiskFreeBytes; free > 0 && size > free/10 {
		size = max(roundMB(free/10), gb)
		why += fmt.Sprintf(" A tenth of the %s that are free on the disk.", Bytes(roundMB(free)))
	}
	r.set("max_wal_size", "", Bytes(size), "%s", why)
	r.set("checkpoint_timeout", "", "15min", "Fewer checkpoints write less; a start after a crash replays at most so long.")
	for _, method := range []string{"lz4", "pglz"} {
		if r.server.canEnum("wal_compression", method) {
			r.set("wal_compression", "", method, "Whole pages in the log are packed: less to write, to archive and to send, for little work of the processor.")
			break
		}
	}
}

func (r *renderer) planner() {
	r.section = "Planner"
	switch r.Machine.Disk {
	case HDD:
		r.set("random_page_cost", "", "4", "A rotating disk pays for each seek: PostgreSQL's own value.")
	default:
		r.set("random_page_cost", "", "1.1", "A disk without seeks: reading anywhere costs hardly more than reading on.")
	}
	if r.Profile == OLTP {
		r.set("jit", "", "off", "Compiling a query takes longer than most of these run.")
	}
	if r.server.canEnum("default_toast_compression", "lz4") {
		r.set("default_toast_compression", "", "lz4", "Packs and unpacks long values faster than pglz, for a little more room.")
	}
}

func (r *renderer) parallel() {
	r.section = "Parallel work"
	cores := r.Machine.Cores
	r.set("max_worker_processes", "", strconv.Itoa(max(8, cores+4)), "Room for a worker a core, and for those of extensions and logical replication.")
	r.set("max_parallel_workers", "", strconv.Itoa(max(cores, 2)), "One a core: more would only take turns.")
	share := map[Profile]int{OLTP: 4, Mixed: 3, Bulk: 2}[r.Profile]
	most := map[Profile]int{OLTP: 2, Mixed: 4, Bulk: 16}[r.Profile]
	r.set("max_parallel_workers_per_gather", "", strconv.Itoa(min(max(cores/share, 1), most)), "What one query may take of %d cores, so that others find some as well.", cores)
	r.set("max_parallel_maintenance_workers", "", strconv.Itoa(min(max(cores/2, 1), 8)), "What one index build or vacuum may take.")
}

func (r *renderer) vacuum() {
	r.section = "Vacuum"
	r.set("autovacuum_worker_slots", "8", "8", "The template's value: room to raise autovacuum_max_workers without a restart.")
	r.set("autovacuum_max_workers", "", strconv.Itoa(min(max(r.Machine.Cores/2, 3), 8)), "Half of %d cores, from PostgreSQL's own 3 to the slots.", r.Machine.Cores)
	r.set("autovacuum_vacuum_max_threshold", "1000000", "1000000", "The template's value: a large table is vacuumed after a million dead rows, not after a fifth of all.")
	r.set("vacuum_max_eager_freeze_failure_rate", "0.1", "0.1", "The template's value: a normal vacuum freezes ahead, so that the one against wraparound finds little to do.")
	if r.Machine.Disk != HDD {
		r.set("autovacuum_vacuum_cost_limit", "", "1000", "PostgreSQL's own 200 lets all workers together dirty about 40 MB/s; this disk takes more.")
	}
}

func (r *renderer) watching() {
	r.section = "Monitoring"
	r.set("track_cost_delay_timing", "on", "on", "The template's value: shows how long vacuum slept on purpose (delay_time).")
	r.set("track_io_timing", "", "on", "Times of reads and writes in pg_stat_io, EXPLAIN and pg_stat_statements; what reading the clock costs on a machine, pg_test_timing says.")
	r.set("track_wal_io_timing", "on", "on", "The template's value: the same for the write-ahead log, in pg_stat_io.")
	r.set("log_lock_failures", "on", "on", "The template says log_lock_failure, which is no setting, and would keep the server from starting. Logs who did not get a lock that he asked for with NOWAIT.")
	r.set("log_lock_waits", "", "on", "Logs who waits for a lock for longer than deadlock_timeout.")
}

func (r *renderer) statements() {
	r.section = "Statistics"
	const library = "pg_stat_statements"
	libraries := r.server.Settings["shared_preload_libraries"]
	loaded := splitList(libraries.Value)
	for _, l := range loaded {
		if strings.Trim(l, `"`) == library {
			// In a file of its own it must stand there again, or the next start loads nothing.
			r.set("shared_preload_libraries", "", libraries.Value, "What is loaded now: pg_stat_statements, the figures of every statement, is among it.")
			r.set(library+".track", "all", "all", "The template's value: statements inside functions count by themselves.")
			r.set(library+".track_utility", "on", "on", "The template's value: DDL, COPY and VACUUM count as well. Their texts are kept as they are: never set a password in one.")
			return
		}
	}
	switch {
	case !r.server.Has("shared_preload_libraries"):
		r.leave(library+".track, "+library+".track_utility", "the role does not see whether the library is loaded: GRANT pg_read_all_settings TO "+r.server.Role)
	case !slices.Contains(r.server.Extensions, library):
		r.leave(library+".track, "+library+".track_utility", "the server has no files of this extension: install PostgreSQL's contrib package")
	default:
		r.set("shared_preload_libraries", "", strings.Join(append(loaded, library), ", "), "Loads pg_stat_statements, beside what is loaded already: figures of every statement.")
		r.leave(library+".track, "+library+".track_utility", "the server knows them once the library is loaded: apply again after the restart")
	}
}

func roundMB(n int64) int64 { return n / mb * mb }

// splitList takes a list setting apart as the server does: names between commas, quotes allowed.
func splitList(value string) []string {
	var list []string
	var b strings.Builder
	quoted := false
	end := func() {
		if name := strings.TrimSpace(b.String()); name != "" {
			list = append(list, name)
		}
		b.Reset()
	}
	for _, r := range value {
		switch {
		case r == '"':
			quoted = !quoted
			b.WriteRune(r)
		case r == ',' && !quoted:
			end()
		default:
			b.WriteRune(r)
		}
	}
	end()
	return list
}
