package maintenance

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// mostCreated bounds the partitions that one round makes for a table.
const mostCreated = 100

// partitions decides, for tables by ranges of time that an operator has named,
// which partitions are missing ahead and which are older than they are to be kept.
func (d *decider) partitions() {
	for _, s := range d.settings {
		if s.CampaignID != 0 || (s.PartitionsAhead == nil && s.Retention == nil) {
			continue
		}
		var parts []rangePartition
		for _, p := range d.ranges {
			if p.TableName == s.TableName && p.FromTime != nil && p.ToTime != nil {
				parts = append(parts, p)
			}
		}
		if len(parts) == 0 {
			if s.PartitionsAhead != nil {
				d.notef("%s: partitions ahead are asked for, and it has no partition by a range of one column of time: make the first one, which says how long they are", s.TableName)
			}
			continue
		}
		slices.SortFunc(parts, func(a, b rangePartition) int { return a.FromTime.Compare(*b.FromTime) })
		if s.PartitionsAhead != nil {
			d.ahead(parts, *s.PartitionsAhead)
		}
		if s.Retention != nil {
			d.old(parts, *s.Retention)
		}
	}
}

func (d *decider) ahead(parts []rangePartition, wanted int) {
	last := parts[len(parts)-1]
	ahead := 0
	for _, p := range parts {
		if p.FromTime.After(d.at) {
			ahead++
		}
	}
	next, from := step(*last.FromTime, *last.ToTime), *last.ToTime
	urgent := ahead == 0
	for made := 0; ahead < wanted && made < mostCreated; made++ {
		to := next(from)
		name := last.TableName + "_" + suffix(from, to)
		why := fmt.Sprintf("%d of %d partitions ahead of now; the last one ends at %s", ahead, wanted, stamp(*last.ToTime))
		d.add(Task{
			Action: CreatePartition, Object: name, table: last.TableName, Why: why, Urgent: urgent, Blocked: blocked(last.MayAlter, ownerPrivilege),
			Statement: fmt.Sprintf("ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM ('%s') TO ('%s')", quotedName(last.TableName), quotedName(name), bound(last, from), bound(last, to)),
			weight:    float64(mostCreated - made),
		})
		if from.After(d.at) {
			ahead++
		}
		from = to
	}
}

// bound is a time as the column's type takes it; types without a zone are in UTC.
func bound(p rangePartition, t time.Time) string {
	switch p.TypeName {
	case "date":
		return t.UTC().Format(time.DateOnly)
	case "timestamp without time zone":
		return t.UTC().Format(time.DateTime)
	default:
		return t.UTC().Format("2006-01-02 15:04:05Z07:00")
	}
}

// step returns how one partition follows another: months where they are months, else so many hours.
func step(from, to time.Time) func(time.Time) time.Time {
	from, to = from.UTC(), to.UTC()
	for _, months := range []int{1, 3, 12} {
		if from.Day() == 1 && from.AddDate(0, months, 0).Equal(to) {
			return func(t time.Time) time.Time { return t.UTC().AddDate(0, months, 0) }
		}
	}
	return func(t time.Time) time.Time { return t.Add(to.Sub(from)) }
}

func suffix(from, to time.Time) string {
	if to.Sub(from) < 24*time.Hour || from.UTC().Hour() != 0 {
		return from.UTC().Format("2006010215")
	}
	return from.UTC().Format("20060102")
}

func (d *decider) old(parts []rangePartition, keep time.Duration) {
	cutoff := d.at.Add(-keep)
	for _, p := range parts {
		if p.ToTime.After(cutoff) {
			continue
		}
		d.add(Task{
			Action: DropPartition, Object: p.PartitionName, table: p.TableName, Blocked: blocked(p.MayAlter, ownerPrivilege),
			Why:       fmt.Sprintf("ends at %s, before %s: the table keeps %s", stamp(*p.ToTime), stamp(cutoff), age(keep)),
			Statement: "DROP TABLE " + quotedName(p.PartitionName), weight: -float64(p.ToTime.Unix()),
		})
	}
}

// retention decides which campaigns' events are older than they are to be kept.
func (d *decider) retention() {
	if own, common := retentions(d.settings); (common != nil || len(own) > 0) && !d.mayDelete() {
		d.notef("%s: retention is set, and this role may not delete there: run maintain as the owner or as ovasabi_maintain", events)
		return
	}
	var bytes, rows int64
	for _, s := range d.known {
		if s.Name() == events || s.Parent == events {
			bytes += s.Bytes
			rows += s.RowsEstimated
		}
	}
	for _, e := range d.expired {
		about := count(e.rows, "events")
		if e.rows > mostCounted {
			about = fmt.Sprintf("more than %d events", mostCounted)
		}
		d.add(Task{
			Action: Retention, Object: events + " campaign " + e.campaign.String(), table: events, campaign: int64(e.campaign), before: e.before,
			Why:       fmt.Sprintf("%s occurred before %s: the campaign keeps %s", about, stamp(e.before), age(e.keep)),
			Bytes:     2 * e.rows * bytes / max(rows, 1),
			Statement: fmt.Sprintf("DELETE FROM %s WHERE campaign_id = %d AND occurred_at < '%s', %d rows at a time", events, e.campaign, e.before.UTC().Format(time.RFC3339), retentionBatch),
			weight:    float64(e.rows),
		})
	}
}

func age(d time.Duration) string {
	if day := 24 * time.Hour; d%day == 0 {
		return fmt.Sprintf("%d days", d/day)
	}
	return d.String()
}

// configure decides which partitions lack the thresholds of the campaigns in them:
// the lowest where several campaigns have some. They become storage parameters, so
// that autovacuum and the decisions here take the same.
func (d *decider) configure() {
	wanted := map[string]map[string]float64{}
	because := map[string][]string{}
	for _, s := range d.settings {
		options := s.options()
		if len(options) == 0 {
			continue
		}
		leaves := s.Leaves
		switch {
		case s.Kind == nil:
			d.notef("%s: something is set for it, and there is no such table", s.TableName)
			continue
		case *s.Kind != "p" && s.CampaignID == 0:
			leaves = []string{s.TableName}
		case len(leaves) == 0:
			d.notef("campaign %d has thresholds of its own for %s, which is not in partitions by campaign, so that they hold for nothing: see ovasabi migrate up --partitions", s.CampaignID, s.TableName)
			continue
		}
		for _, leaf := range leaves {
			if wanted[leaf] == nil {
				wanted[leaf] = map[string]float64{}
			}
			for name, v := range options {
				if has, ok := wanted[leaf][name]; !ok || v < has {
					wanted[leaf][name] = v
				}
			}
			because[leaf] = append(because[leaf], "campaign "+strconv.FormatInt(s.CampaignID, 10))
		}
	}
	for i := range d.tables {
		t := &d.tables[i]
		if missing := t.lacks(wanted[t.name()]); len(missing) > 0 {
			d.add(Task{
				Action: Configure, Object: t.name(), table: t.name(), Blocked: blocked(t.MayAlter, ownerPrivilege),
				Why:       "holds " + strings.ReplaceAll(strings.Join(because[t.name()], ", "), "campaign 0", "every campaign") + ", for which other thresholds are set",
				Statement: "ALTER TABLE " + quotedName(t.name()) + " SET (" + strings.Join(missing, ", ") + ")",
			})
		}
	}
}

// options are the storage parameters that the setting asks for.
func (s *setting) options() map[string]float64 {
	options := map[string]float64{}
	put := func(name string, v *float64) {
		if v != nil {
			options[name] = *v
		}
	}
	put("autovacuum_vacuum_threshold", whole(s.VacuumThreshold))
	put("autovacuum_vacuum_scale_factor", s.VacuumScaleFactor)
	put("autovacuum_analyze_threshold", whole(s.AnalyzeThreshold))
	put("autovacuum_analyze_scale_factor", s.AnalyzeScaleFactor)
	return options
}

func whole(n *int) *float64 {
	if n == nil {
		return nil
	}
	return new(float64(*n))
}

// lacks lists the storage parameters that are wanted and not there, as ALTER TABLE takes them.
func (t *tableFacts) lacks(wanted map[string]float64) []string {
	present := map[string]string{}
	for _, option := range t.Options {
		name, value, _ := strings.Cut(option, "=")
		present[name] = value
	}
	var missing []string
	for name, v := range wanted {
		if has, err := strconv.ParseFloat(present[name], 64); err != nil || has != v {
			missing = append(missing, name+" = "+strconv.FormatFloat(v, 'f', -1, 64))
		}
	}
	slices.Sort(missing)
	return missing
}
