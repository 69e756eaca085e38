package twin_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/open-feature/go-sdk/openfeature"
	"github.com/open-feature/go-sdk/openfeature/isolated"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// openFeature returns a client on the flags, as any OpenFeature program would have it.
func openFeature(t testing.TB, flags *twin.Flags) *openfeature.Client {
	t.Helper()
	api := isolated.NewAPI()
	if err := api.SetProviderAndWait(t.Context(), twin.NewProvider(flags)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := api.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return api.NewClient()
}

// OpenFeature is answered from the same flags, for the campaign of the
// evaluation context or of the Go context.
func TestOpenFeature(t *testing.T) {
	app := pgtest.New(t).App(t)
	set(t, app, twin.Flag{Campaign: 7, Twin: shout.Name(), Percentage: 0})
	set(t, app, twin.Flag{Campaign: 8, Twin: shout.Name(), Percentage: 40})
	set(t, app, twin.Flag{Twin: rename.Name(), Percentage: 100})
	flags := newFlags(t, app, twin.FlagOptions{})
	client := openFeature(t, flags)
	of := func(id any) openfeature.EvaluationContext {
		return openfeature.NewTargetlessEvaluationContext(map[string]any{twin.CampaignAttribute: id})
	}
	for _, c := range []struct {
		ctx    context.Context
		eval   openfeature.EvaluationContext
		flag   string
		want   bool
		share  int64
		reason openfeature.Reason
	}{
		{t.Context(), openfeature.EvaluationContext{}, shout.Name(), true, 100, openfeature.DefaultReason},
		{t.Context(), openfeature.EvaluationContext{}, rename.Name(), true, 100, openfeature.StaticReason},
		{inCampaign(t, 7), openfeature.EvaluationContext{}, shout.Name(), false, 0, openfeature.TargetingMatchReason},
		{t.Context(), of(int64(7)), shout.Name(), false, 0, openfeature.TargetingMatchReason},
		{t.Context(), of(7), shout.Name(), false, 0, openfeature.TargetingMatchReason},
		{t.Context(), of(7.0), shout.Name(), false, 0, openfeature.TargetingMatchReason},
		{t.Context(), of("7"), shout.Name(), false, 0, openfeature.TargetingMatchReason},
		{t.Context(), of(campaign.ID(7)), shout.Name(), false, 0, openfeature.TargetingMatchReason},
		{inCampaign(t, 7), of(9), shout.Name(), true, 100, openfeature.DefaultReason},
	} {
		got, err := client.BooleanValueDetails(c.ctx, c.flag, !c.want, c.eval)
		if err != nil || got.Value != c.want || got.Reason != c.reason {
			t.Errorf("%s for %v: %+v, %v", c.flag, c.eval.Attributes(), got, err)
		}
		if share, err := client.IntValue(c.ctx, c.flag, -1, c.eval); err != nil || share != c.share {
			t.Errorf("%s for %v: %d%%, %v", c.flag, c.eval.Attributes(), share, err)
		}
		side := map[bool]string{true: "optimised", false: "plain"}[c.want]
		if s, err := client.StringValue(c.ctx, c.flag, "", c.eval); err != nil || s != side {
			t.Errorf("%s for %v: %q, %v", c.flag, c.eval.Attributes(), s, err)
		}
	}

	sticky := openfeature.NewEvaluationContext("user-1", map[string]any{twin.CampaignAttribute: 8})
	first, err := client.BooleanValueDetails(t.Context(), shout.Name(), false, sticky)
	if err != nil || first.Reason != openfeature.SplitReason {
		t.Errorf("%+v, %v", first, err)
	}
	for range 100 {
		if again := client.Boolean(t.Context(), shout.Name(), !first.Value, sticky); again != first.Value {
			t.Fatal("a targeting key changed sides")
		}
	}
}

// Mistakes get the caller's default with the reason, and never another campaign's flag.
func TestOpenFeatureRefuses(t *testing.T) {
	app := pgtest.New(t).App(t)
	set(t, app, twin.Flag{Twin: "*", Percentage: 0})
	client := openFeature(t, newFlags(t, app, twin.FlagOptions{}))
	for _, bad := range []any{0, -1, "x", "007", 1.5, true, campaign.ID(0)} {
		eval := openfeature.NewTargetlessEvaluationContext(map[string]any{twin.CampaignAttribute: bad})
		got, err := client.BooleanValueDetails(t.Context(), shout.Name(), true, eval)
		if err == nil || !got.Value || got.ErrorCode != openfeature.InvalidContextCode {
			t.Errorf("campaign %v: %+v, %v", bad, got, err)
		}
	}
	got, err := client.BooleanValueDetails(t.Context(), "test.nobody", true, openfeature.EvaluationContext{})
	if err == nil || !got.Value || got.ErrorCode != openfeature.FlagNotFoundCode {
		t.Errorf("unknown twin: %+v, %v", got, err)
	}
	object, err := client.ObjectValueDetails(t.Context(), shout.Name(), 5, openfeature.EvaluationContext{})
	if err == nil || object.Value != 5 || object.ErrorCode != openfeature.TypeMismatchCode {
		t.Errorf("object: %+v, %v", object, err)
	}
}

// A change of a flag is told to OpenFeature with the names of the twins.
func TestOpenFeatureIsToldOfChanges(t *testing.T) {
	app := pgtest.New(t).App(t)
	client := openFeature(t, newFlags(t, app, twin.FlagOptions{PollEvery: 10 * time.Millisecond}))
	told := make(chan []string, 8)
	handler := func(d openfeature.EventDetails) { told <- d.FlagChanges }
	client.AddHandler(openfeature.ProviderConfigChange, &handler)
	set(t, app, twin.Flag{Campaign: 7, Twin: shout.Name(), Percentage: 1})
	select {
	case names := <-told:
		if !slices.Equal(names, []string{shout.Name()}) {
			t.Errorf("told of %v", names)
		}
	case <-time.After(time.Second):
		t.Error("not told within a second")
	}
}
