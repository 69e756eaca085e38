package campaign_test

import (
	"errors"
	"testing"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// An ID has one spelling: what ParseID accepts is what String writes, and
// everything else is fault.Invalid on campaign_id.
func FuzzParseID(f *testing.F) {
	for _, s := range []string{
		"1", "7", "9223372036854775807", "9223372036854775808", "0", "-1", "+1", "007", "", " 7", "7 ", "7\n", "1e3", "0x7", "1_000", "٧", "\x00",
	} {
		f.Add(s, int64(len(s)))
	}
	f.Fuzz(func(t *testing.T, s string, n int64) {
		id, err := campaign.ParseID(s)
		if err == nil {
			if !id.Valid() || id.String() != s {
				t.Fatalf("%q was read as %d", s, id)
			}
		} else if f, ok := errors.AsType[*fault.Error](err); !ok || f.Kind != fault.Invalid || f.Field != "campaign_id" || id != 0 {
			t.Fatalf("%q: got %d, %v", s, id, err)
		}

		made, err := campaign.NewID(n)
		if (err == nil) != (n > 0) || err != nil && made != 0 {
			t.Fatalf("%d: got %d, %v", n, made, err)
		}
		if n > 0 {
			back, err := campaign.ParseID(made.String())
			if err != nil || back != made || back.Int64() != n {
				t.Fatalf("%d is written as %q and read as %d, %v", n, made, back, err)
			}
		}
	})
}
