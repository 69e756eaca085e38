package main

import "github.com/grafana/grafana-foundation-sdk/go/dashboard"

func campaigns() *dashboard.DashboardBuilder {
	const these = here + `, campaign_id=~"$campaign"`
	return board("campaigns", "What each campaign takes of the platform, measured in its processes: the server cannot tell campaigns apart.").
		WithVariable(choice("campaign", "Campaign", `label_values(ovasabi_campaign_calls_total{job=~"$job", instance=~"$instance"}, campaign_id)`)).
		WithRow(row("Use")).
		WithPanel(graph("Statements", "A second; 0 is outside any campaign, -1 those for which there was no room.", perSecond, third,
			line{`topk(20, sum by (campaign_id) (rate(ovasabi_campaign_calls_total{` + these + `}[$__rate_interval])))`, "{{campaign_id}}"})).
		WithPanel(graph("Connections kept busy", "Seconds of statements a second: 1 keeps one connection busy.", number, third,
			line{`topk(20, sum by (campaign_id) (rate(ovasabi_campaign_seconds_total{` + these + `}[$__rate_interval])))`, "{{campaign_id}}"})).
		WithPanel(graph("Share of the time", "Of all statements' time. One campaign near 1 leaves little to the others.", share, third,
			line{`topk(20, sum by (campaign_id) (rate(ovasabi_campaign_seconds_total{` + these + `}[$__rate_interval])) / ignoring (campaign_id) group_left () sum(rate(ovasabi_campaign_seconds_total{` + here + `}[$__rate_interval])))`, "{{campaign_id}}"}).Max(1)).
		WithPanel(graph("Mean time of a statement", "It differs with what campaigns ask for, and with their size.", seconds, third,
			line{`topk(20, sum by (campaign_id) (rate(ovasabi_campaign_seconds_total{` + these + `}[$__rate_interval])) / sum by (campaign_id) (rate(ovasabi_campaign_calls_total{` + these + `}[$__rate_interval])))`, "{{campaign_id}}"})).
		WithPanel(graph("Waiting for a connection", "Seconds waited a second: 1 is one call that waits at all times.", number, third,
			line{`topk(20, sum by (campaign_id) (rate(ovasabi_campaign_queued_seconds_total{` + these + `}[$__rate_interval])))`, "{{campaign_id}}"})).
		WithPanel(graph("Errors", "Statements that failed, a second.", perSecond, third,
			line{`topk(20, sum by (campaign_id) (rate(ovasabi_campaign_errors_total{` + these + `}[$__rate_interval])))`, "{{campaign_id}}"})).
		WithPanel(graph("Rows", "Returned or written, a second.", perSecond, half,
			line{`topk(20, sum by (campaign_id) (rate(ovasabi_campaign_rows_total{` + these + `}[$__rate_interval])))`, "{{campaign_id}}"})).
		WithPanel(graph("Twins", "Calls that each side answered, a second.", perSecond, half,
			line{`sum by (campaign_id, side) (rate(ovasabi_campaign_twin_calls_total{` + these + `}[$__rate_interval]))`, "{{campaign_id}} {{side}}"})).
		WithPanel(graph("Left out", "Objects without metrics of their own, because there is no room for more labels.", number, whole,
			line{`max by (label) (ovasabi_monitor_left_out{` + here + `})`, "{{label}}"}))
}
