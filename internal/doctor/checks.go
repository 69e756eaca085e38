package doctor

// checks are all of them, in the order in which they run: the server first, then
// who may do what, the tables, the indexes, and what runs at the moment.
func checks() []check {
	return []check{
		minorVersion, durability, checksums, checksumFailures, asyncIO,
		memorySettings, templateSettings, autovacuumOff, pendingRestart, configErrors,
		timeZone, encoding, collation,
		missingStatements, outdatedExtensions,
		isolation, policiesOff, openSchemas, definerFunctions, weakPasswords,
		neverAnalyzed, staleStatistics, vacuumBehind, vacuumOff, vacuumFreeze, wraparound, tableBloat,
		primaryKey, unlogged, notValid, generatedColumns, sequences,
		invalidIndex, duplicateIndex, unusedIndex, foreignKeyIndex, indexBloat, redundantIndex, missingIndex,
		longTransactions, preparedTransactions, blocked, connections,
		statementShapes, statementEvictions,
		unusedSlots, neverBackedUp, failingBackups,
	}
}

// userSchemas are those that hold somebody's data: all but PostgreSQL's own.
const userSchemas = `n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND n.nspname NOT LIKE 'pg\_temp\_%' AND n.nspname NOT LIKE 'pg\_toast\_temp\_%'`

const docs = "https://www.postgresql.org/docs/18/"
