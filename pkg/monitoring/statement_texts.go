package monitoring

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// mostTexts bounds how many texts one collection reads: the server reads a file for them.
const mostTexts = 200

// readTexts fills in the statements' texts and asks the server only for those
// that were not seen before. Where the server cannot say, statements go without.
func (c *PG18StatsCollector) readTexts(ctx context.Context, s *Snapshot) error {
	if s.Statements == nil {
		s.Statements = &Statements{Missing: whyNoStatements(s.Server)}
		return nil
	}
	var unknown []int64
	for i := range s.Statements.List {
		if _, ok := c.texts[s.Statements.List[i].QueryID]; !ok && len(unknown) < mostTexts {
			unknown = append(unknown, s.Statements.List[i].QueryID)
		}
	}
	if len(unknown) > 0 {
		texts := &section{
			name: "statement_texts",
			args: func(*PG18StatsCollector) []any { return []any{unknown} },
			read: func(rows pgx.Rows, _ *Snapshot) error {
				var id int64
				var text string
				_, err := pgx.ForEachRow(rows, []any{&id, &text}, func() error {
					// The server keeps a text as it was sent where it had forgotten the
					// statement between its planning and its end.
					c.texts[id] = Masked(text)
					return nil
				})
				return err
			},
		}
		if err := c.readAll(ctx, []*section{texts}, s); err != nil {
			return err
		}
	}
	kept := make(map[int64]string, len(s.Statements.List))
	for i := range s.Statements.List {
		id := s.Statements.List[i].QueryID
		if text, ok := c.texts[id]; ok {
			s.Statements.List[i].Query, kept[id] = text, text
		}
	}
	c.texts = kept
	return nil
}

func whyNoStatements(server *Server) string {
	switch {
	case server == nil:
		return "the server could not be asked"
	case !server.StatementsLoaded:
		return "pg_stat_statements is not loaded: add it to shared_preload_libraries, restart the server, then run CREATE EXTENSION pg_stat_statements in this database"
	case server.StatementsSchema == "":
		return "the extension is not in this database: run CREATE EXTENSION pg_stat_statements as its owner"
	default:
		return "the statements could not be read"
	}
}
