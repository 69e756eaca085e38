// Package query builds the SQL of one campaign: reads, counts, writes and pages.
//
// Tables and columns are declared once, beside the schema that they mirror, and
// are quoted then; a statement is built where it is needed:
//
//	var (
//		content   = query.NewTable("ovasabi", "service_content_main")
//		id        = content.Bigint("id").NotNull()
//		title     = content.Text("title").NotNull()
//		status    = content.Text("status").NotNull()
//		createdAt = content.Timestamptz("created_at").NotNull()
//	)
//
//	page := query.FromContext(ctx).
//		WithTable(content).
//		Columns(id, title, createdAt).
//		Where(status.In("published", "review"), createdAt.AtLeast(since)).
//		OrderBy(createdAt.Desc()).
//		After(signer, token).
//		Limit(size)
//	text, args, err := page.SQL()
//	…
//	next, err := page.NextCursor(last.CreatedAt, last.ID)
//
// What holds for every statement:
//
//   - It is of one campaign. The campaign is parameter $1 and its equality is the
//     first condition; every join carries it; no value can be written to its
//     column. Without a campaign there is a fault.NoCampaign instead of SQL.
//   - Values are parameters, never text. Identifiers are quoted by pgx.
//   - The same calls with other values make the same text, so that pgx's
//     statement cache is hit. Limits are parameters for this reason.
//   - Errors are collected and returned by SQL. A mistake in the call is
//     fault.Internal; a value that a user may have sent (a limit, a cursor, a
//     campaign_id) is fault.Invalid with its field named.
//
// Row-level security stands behind all this, and is not replaced by it. Under it
// an index serves only leakproof comparisons: =, <, > of bigint, text and
// timestamptz are leakproof, those of numeric, jsonb and tsvector are not.
package query
