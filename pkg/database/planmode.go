package database

// PlanMode says by which plans the server runs prepared statements:
// https://www.postgresql.org/docs/18/runtime-config-query.html#GUC-PLAN-CACHE-MODE
type PlanMode uint8

// The plan modes. The zero value is what a connection does by itself.
const (
	// AutoPlan leaves it to the server: the generic plan from the sixth execution on,
	// where that is expected to cost no more than planning for the values has so far.
	AutoPlan PlanMode = iota
	// GenericPlan is the plan for any values, made once on each connection.
	GenericPlan
	// CustomPlan is made anew for the values of each execution.
	CustomPlan
)

// Setting is the value of plan_cache_mode that asks for the mode.
func (m PlanMode) Setting() string {
	switch m {
	case GenericPlan:
		return "force_generic_plan"
	case CustomPlan:
		return "force_custom_plan"
	default:
		return "auto"
	}
}

// PlanModer is a Querier that can ask for a PlanMode. What WithPlanMode returns
// does so for each call, in the call's own round trip.
type PlanModer interface {
	WithPlanMode(m PlanMode) Querier
}
