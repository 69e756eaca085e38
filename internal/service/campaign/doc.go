// Package campaign keeps the campaigns themselves: names, limits, state and usage.
//
// A token's own campaigns are read and written inside their scope. An operator
// may reach the others, by an audited crossing that names the operator.
package campaign
