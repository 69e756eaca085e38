package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// The units that panels are in, by Grafana's names.
const (
	seconds   = "s"
	bytes     = "bytes"
	bytesPerS = "Bps"
	perSecond = "ops"
	share     = "percentunit"
	number    = "short"
)

// Panels are on a grid of 24: three graphs, four figures or two wide graphs in a row.
const (
	third   = 8
	half    = 12
	quarter = 6
	whole   = 24
)

// source is the data source that the reader chooses.
func source() common.DataSourceRef {
	return common.DataSourceRef{Type: cog.ToPtr("prometheus"), Uid: cog.ToPtr("${datasource}")}
}

// board is an empty dashboard with what all of them have: the data source, the
// job and the instances to choose from, and links to each other.
func board(title, description string) *dashboard.DashboardBuilder {
	return dashboard.NewDashboardBuilder("OVASABI: "+title).
		Description(description).
		Tags([]string{"ovasabi", "postgresql"}).
		Readonly().
		Time("now-3h", "now").
		Refresh("30s").
		Timezone("browser").
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		Link(dashboard.NewDashboardLinkBuilder("OVASABI").Type(dashboard.DashboardLinkTypeDashboards).
			Tags([]string{"ovasabi"}).AsDropdown(true).IncludeVars(true).KeepTime(true)).
		WithVariable(dashboard.NewDatasourceVariableBuilder("datasource").Label("Data source").Type("prometheus").
			Current(dashboard.VariableOption{Text: dashboard.StringOrArrayOfString{String: cog.ToPtr("default")}, Value: dashboard.StringOrArrayOfString{String: cog.ToPtr("default")}})).
		WithVariable(choice("job", "Job", `label_values(ovasabi_pg_up, job)`)).
		WithVariable(choice("instance", "Instance", `label_values(ovasabi_pg_up{job=~"$job"}, instance)`))
}

// choice is a variable of which several or all values can be chosen.
func choice(name, label, query string) *dashboard.QueryVariableBuilder {
	return dashboard.NewQueryVariableBuilder(name).Label(label).Datasource(source()).
		Query(dashboard.StringOrMap{String: &query}).
		Refresh(dashboard.VariableRefreshOnTimeRangeChanged).
		Sort(dashboard.VariableSortAlphabeticalAsc).
		Multi(true).IncludeAll(true).AllValue(".+")
}

// line is one expression of a panel and how its series are called.
type line struct{ expr, legend string }

func query(l line) *prometheus.DataqueryBuilder {
	return prometheus.NewDataqueryBuilder().Datasource(source()).Expr(l.expr).LegendFormat(l.legend)
}

// graph draws lines over time. The description says what is seen and what to do.
func graph(title, description, unit string, width uint32, lines ...line) *timeseries.PanelBuilder {
	p := timeseries.NewPanelBuilder().Title(title).Description(description).Datasource(source()).
		Unit(unit).Min(0).Span(width).Height(8).
		LineWidth(1).FillOpacity(8).ShowPoints(common.VisibilityModeNever).
		Legend(common.NewVizLegendOptionsBuilder().ShowLegend(true).DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom)).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending))
	for i, l := range lines {
		p.WithTarget(query(l).RefId(string(rune('A' + i))))
	}
	return p
}

// figure shows one number, green, then amber from warn on and red from bad on.
func figure(title, description, unit, expr string, warn, bad float64) *stat.PanelBuilder {
	return stat.NewPanelBuilder().Title(title).Description(description).Datasource(source()).
		Unit(unit).Span(quarter).Height(4).
		Thresholds(dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).Steps([]dashboard.Threshold{
			{Color: "green"}, {Color: "orange", Value: &warn}, {Color: "red", Value: &bad},
		})).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"})).
		WithTarget(query(line{expr, ""}).RefId("A"))
}

// list is a table of the newest values.
func list(title, description, unit, expr string) *table.PanelBuilder {
	return table.NewPanelBuilder().Title(title).Description(description).Datasource(source()).
		Unit(unit).Span(whole).Height(8).
		WithTransformation(dashboard.DataTransformerConfig{Id: "organize", Options: map[string]any{
			"excludeByName": map[string]bool{"Time": true},
		}}).
		WithTarget(query(line{expr, ""}).RefId("A").Instant().Format(prometheus.PromQueryFormatTable))
}

func row(title string) *dashboard.RowBuilder { return dashboard.NewRowBuilder(title) }
