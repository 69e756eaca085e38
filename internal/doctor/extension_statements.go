package doctor

import "context"

// findStatements names a fix only where creating the extension is all that is missing.
func findStatements(_ context.Context, e *examination, _ check) ([]Finding, error) {
	switch {
	case !e.facts.StatementsLoaded:
		return []Finding{{
			Severity: Warning, Object: "pg_stat_statements",
			Evidence: "the server has not loaded it",
			Remedy:   "add pg_stat_statements to shared_preload_libraries (ovasabi config apply does), restart the server, then CREATE EXTENSION pg_stat_statements",
		}}, nil
	case e.facts.Statements == "":
		return []Finding{{
			Severity: Warning, Object: "pg_stat_statements",
			Evidence: "the server has loaded it, and this database has no extension of this name",
			Remedy:   "CREATE EXTENSION pg_stat_statements (ovasabi doctor --fix does)",
			fix:      []string{"CREATE EXTENSION IF NOT EXISTS pg_stat_statements" + e.inOurSchema()},
		}}, nil
	default:
		return nil, nil
	}
}

// inOurSchema keeps the extension beside the platform's tables, as its migrations do.
func (e *examination) inOurSchema() string {
	if e.facts.Ours {
		return " WITH SCHEMA ovasabi"
	}
	return ""
}
