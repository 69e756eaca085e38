package twin

import (
	"context"
	"math"
	"strconv"

	"github.com/open-feature/go-sdk/openfeature"

	"github.com/ovasabi/ovasabi/pkg/campaign"
)

// Provider answers OpenFeature from the same snapshot that Choose reads. A flag's
// key is a twin's name:
//
//   - as a boolean it is true where the optimised side answers,
//   - as a string it is "optimised" or "plain",
//   - as an integer or a float it is the percentage.
//
// The campaign is the evaluation context's "campaign_id" (an integer or its
// digits), or else the Go context's. A targeting key makes a percentage stick to
// the key; without one it is drawn for each evaluation.
//
// Changes of flags are told as PROVIDER_CONFIGURATION_CHANGED with the names of
// the twins. Provider owns nothing: its flags are closed by their owner, and
// Shutdown only ends the events.
type Provider struct {
	flags   *Flags
	events  chan openfeature.Event
	unwatch func()
}

// Its name in OpenFeature's metadata, and the attribute that carries a campaign.
const (
	ProviderName      = "ovasabi-twins"
	CampaignAttribute = "campaign_id"
)

var (
	_ openfeature.FeatureProvider = (*Provider)(nil)
	_ openfeature.EventHandler    = (*Provider)(nil)
	_ openfeature.StateHandler    = (*Provider)(nil)
)

// NewProvider returns a provider over flags, for openfeature.SetProviderAndWait.
func NewProvider(flags *Flags) *Provider {
	p := &Provider{flags: flags, events: make(chan openfeature.Event, 16)}
	p.unwatch = flags.onChange(p.flagsChanged)
	return p
}

// flagsChanged must not wait: where nobody reads the events they are dropped,
// and the next evaluation shows the change all the same.
func (p *Provider) flagsChanged(names []string) {
	event := openfeature.Event{
		ProviderName: ProviderName,
		EventType:    openfeature.ProviderConfigChange,
		ProviderEventDetails: openfeature.ProviderEventDetails{
			Message:     "twin flags changed",
			FlagChanges: names,
		},
	}
	select {
	case p.events <- event:
	default:
	}
}

// Init has nothing to wait for: flags are read before they are handed out.
func (p *Provider) Init(openfeature.EvaluationContext) error { return nil }

// Shutdown ends the events.
func (p *Provider) Shutdown() { p.unwatch() }

// EventChannel returns the events.
func (p *Provider) EventChannel() <-chan openfeature.Event { return p.events }

// Metadata returns the provider's name.
func (p *Provider) Metadata() openfeature.Metadata { return openfeature.Metadata{Name: ProviderName} }

// Hooks returns none.
func (p *Provider) Hooks() []openfeature.Hook { return nil }

// answer is one evaluation.
type answer struct {
	side   Side
	share  uint8
	detail openfeature.ProviderResolutionDetail
	ok     bool
}

func (p *Provider) evaluate(ctx context.Context, flag string, flat openfeature.FlattenedContext) answer {
	if _, ok := Lookup(flag); !ok {
		return answer{detail: failedDetail(openfeature.NewFlagNotFoundResolutionError("no twin is declared as " + strconv.Quote(flag)))}
	}
	id, ok := campaignIn(ctx, flat)
	if !ok {
		return answer{detail: failedDetail(openfeature.NewInvalidContextResolutionError(CampaignAttribute + " must be a campaign's id, an integer above 0"))}
	}
	if key, ok := flat[openfeature.TargetingKey].(string); ok && key != "" {
		ctx = WithKey(ctx, key)
	}
	share, from := p.flags.current.Load().share(id, flag)
	a := answer{side: pick(ctx, flag, share), share: share, ok: true}
	a.detail = openfeature.ProviderResolutionDetail{Reason: reason(share, from), Variant: a.side.String()}
	return a
}

func failedDetail(err openfeature.ResolutionError) openfeature.ProviderResolutionDetail {
	return openfeature.ProviderResolutionDetail{Reason: openfeature.ErrorReason, ResolutionError: err}
}

func reason(share uint8, from origin) openfeature.Reason {
	switch {
	case from == fromDefault:
		return openfeature.DefaultReason
	case share > 0 && share < 100:
		return openfeature.SplitReason
	case from == fromCampaign:
		return openfeature.TargetingMatchReason
	default:
		return openfeature.StaticReason
	}
}

// campaignIn reads the campaign. An attribute that is none is an error and not
// "every campaign": nobody should be answered by another's flag for a typing mistake.
func campaignIn(ctx context.Context, flat openfeature.FlattenedContext) (campaign.ID, bool) {
	switch v := flat[CampaignAttribute].(type) {
	case nil:
		return campaignOf(ctx), true
	case campaign.ID:
		return v, v.Valid()
	case int64:
		return campaign.ID(v), v > 0
	case int:
		return campaign.ID(v), v > 0
	case float64: // how JSON numbers arrive
		id := campaign.ID(v)
		return id, v == math.Trunc(v) && v > 0 && v < 1<<53
	case string:
		id, err := campaign.ParseID(v)
		return id, err == nil
	default:
		return 0, false
	}
}

// BooleanEvaluation answers whether the optimised side answers.
func (p *Provider) BooleanEvaluation(ctx context.Context, flag string, fallback bool, flat openfeature.FlattenedContext) openfeature.BoolResolutionDetail {
	a := p.evaluate(ctx, flag, flat)
	return resolved(a, a.side == Optimised, fallback)
}

// StringEvaluation answers "optimised" or "plain".
func (p *Provider) StringEvaluation(ctx context.Context, flag, fallback string, flat openfeature.FlattenedContext) openfeature.StringResolutionDetail {
	a := p.evaluate(ctx, flag, flat)
	return resolved(a, a.side.String(), fallback)
}

// IntEvaluation answers the percentage.
func (p *Provider) IntEvaluation(ctx context.Context, flag string, fallback int64, flat openfeature.FlattenedContext) openfeature.IntResolutionDetail {
	a := p.evaluate(ctx, flag, flat)
	return resolved(a, int64(a.share), fallback)
}

// FloatEvaluation answers the percentage.
func (p *Provider) FloatEvaluation(ctx context.Context, flag string, fallback float64, flat openfeature.FlattenedContext) openfeature.FloatResolutionDetail {
	a := p.evaluate(ctx, flag, flat)
	return resolved(a, float64(a.share), fallback)
}

// ObjectEvaluation answers TYPE_MISMATCH: a twin's flag is not an object.
func (p *Provider) ObjectEvaluation(_ context.Context, _ string, fallback any, _ openfeature.FlattenedContext) openfeature.InterfaceResolutionDetail {
	return openfeature.InterfaceResolutionDetail{
		Value: fallback,
		ProviderResolutionDetail: failedDetail(openfeature.NewTypeMismatchResolutionError(
			"a twin's flag is a boolean, a string or a number")),
	}
}

func resolved[T any](a answer, value, fallback T) openfeature.GenericResolutionDetail[T] {
	if !a.ok {
		value = fallback
	}
	return openfeature.GenericResolutionDetail[T]{Value: value, ProviderResolutionDetail: a.detail}
}
