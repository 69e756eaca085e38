// Package demo makes three campaigns to look at: documents, users, products and
// events of a coffee roaster, an outfitter and a library, the same ones each time.
//
// They go through package load as any file does, so loading them again adds
// nothing, and what a visitor changed stays as it is.
package demo

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/ovasabi/ovasabi/internal/load"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// field is what names the campaign in each line.
const field = "campaign"

// Result is what a load of the demo did.
type Result struct {
	// Campaigns are the demo's campaigns, ascending.
	Campaigns []campaign.ID
	// Summaries are those of the four kinds.
	Summaries []load.Summary
}

// Load makes the demo's campaigns and rows where they are missing, through a
// scope whose role may look across campaigns. Progress may be nil.
func Load(ctx context.Context, scope *campaign.Scope, progress func(load.Progress)) (Result, error) {
	var result Result
	for _, kind := range load.Kinds() {
		var text bytes.Buffer
		if err := write(&text, kind); err != nil {
			return result, err
		}
		input := load.Reader("demo "+string(kind), &text)
		s, err := load.Run(ctx, scope, []load.Input{input}, load.Options{Kind: kind, CampaignField: field, Progress: progress})
		result.Summaries = append(result.Summaries, s)
		if err != nil {
			return result, fmt.Errorf("load the demo's %s: %w", kind, err)
		}
		if s.Rejected > 0 {
			return result, fault.New(fault.Conflict, "%d of the demo's %s were refused, the first: %s", s.Rejected, kind, s.FirstRejections[0].Reason)
		}
		result.Campaigns = append(result.Campaigns, s.CampaignIDs...)
	}
	slices.Sort(result.Campaigns)
	result.Campaigns = slices.Compact(result.Campaigns)
	return result, nil
}
