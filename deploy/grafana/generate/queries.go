package main

import "github.com/grafana/grafana-foundation-sdk/go/dashboard"

func queries() *dashboard.DashboardBuilder {
	const these = here + `, query=~"$query"`
	return board("queries", "Every query by name, both sides of each twin, against its own past.").
		WithVariable(choice("query", "Query", `label_values(ovasabi_query_calls_total{job=~"$job", instance=~"$instance"}, query)`)).
		WithRow(row("By query")).
		WithPanel(graph("Calls", "A second.", perSecond, third,
			line{`sum by (query, side) (rate(ovasabi_query_calls_total{` + these + `}[$__rate_interval]))`, "{{query}} {{side}}"})).
		WithPanel(graph("Mean time", "Of the last five to ten minutes.", seconds, third,
			line{`max by (query, side) (ovasabi_query_mean_seconds{` + these + `})`, "{{query}} {{side}}"})).
		WithPanel(graph("95th percentile", "Of the last five to ten minutes.", seconds, third,
			line{`max by (query, side) (ovasabi_query_p95_seconds{` + these + `})`, "{{query}} {{side}}"})).
		WithPanel(graph("Slower than usual", "Mean time in times of the query's usual mean. 1 is as always; the alert OvasabiQuerySlower begins at the threshold.", number, half,
			line{`max by (query, side) (ovasabi_query_mean_seconds{` + these + `} / ovasabi_query_usual_mean_seconds{` + these + `})`, "{{query}} {{side}}"},
			line{`ovasabi:threshold:query_slower_ratio`, "threshold"})).
		WithPanel(graph("Errors", "Calls that failed, a second.", perSecond, half,
			line{`sum by (query, side) (rate(ovasabi_query_errors_total{` + these + `}[$__rate_interval]))`, "{{query}} {{side}}"})).
		WithRow(row("Twins")).
		WithPanel(graph("Which side answers", "Calls a second by twin and side.", perSecond, third,
			line{`sum by (twin, side) (rate(ovasabi_twin_calls_total{` + here + `}[$__rate_interval]))`, "{{twin}} {{side}}"})).
		WithPanel(graph("95th percentile of each side", "Of recent calls. The optimised side should be the lower one.", seconds, third,
			line{`max by (twin, side) (ovasabi_twin_duration_seconds{` + here + `, quantile="0.95"})`, "{{twin}} {{side}}"})).
		WithPanel(graph("Fallbacks", "Calls that the plain side answered because the optimised one cannot run on the schema, a second.", perSecond, third,
			line{`sum by (twin) (rate(ovasabi_twin_fallbacks_total{` + here + `}[$__rate_interval]))`, "{{twin}}"})).
		WithRow(row("On the server")).
		WithPanel(graph("Statements that take most time", "Backends that each keeps busy, by the id of pg_stat_statements; the platform's page shows the text.", number, half,
			line{`topk(10, max by (query_id) (rate(ovasabi_pg_statement_seconds_total{` + here + `}[$__rate_interval])))`, "{{query_id}}"})).
		WithPanel(graph("Statements that read most", "Blocks that were not in shared buffers, a second.", perSecond, half,
			line{`topk(10, max by (query_id) (rate(ovasabi_pg_statement_blocks_read_total{` + here + `}[$__rate_interval])))`, "{{query_id}}"})).
		WithPanel(graph("Statement caches", "What happened in the connections' statement caches, a second.", perSecond, whole,
			line{`sum by (result) (rate(ovasabi_prepared_statements_total{` + here + `}[$__rate_interval]))`, "{{result}}"}))
}
