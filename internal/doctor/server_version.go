package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Release is a minor version of PostgreSQL 18 that fixed security holes.
type Release struct {
	// Number is server_version_num, such as 180004.
	Number int
	// Date is when it came out, and Fixes what it fixed.
	Date, Fixes string
}

// knownReleases are those with security fixes that were known on knownOn. 18.3 fixed a
// regression only, and 18.5 was never released. 18.2 to 18.6 are from the release notes;
// of 18.7 the announcement was not read: that it is there, and one of the holes it
// closes, is from those who had to follow it (pgrx 0.19.4), its day from the schedule of
// releases, the second Thursday of the quarter's middle month.
var knownReleases = []Release{
	{180001, "2025-11-13", "CVE-2025-12817, CVE-2025-12818"},
	{180002, "2026-02-12", "CVE-2026-2003 to CVE-2026-2007"},
	{180004, "2026-05-14", "11 holes, CVE-2026-6473 (memory overwritten by any user's input) among them"},
	{180006, "2026-08-13", "28 holes in the server and its extensions"},
	{180007, "2026-11-12", "CVE-2026-6460 (composite values read as another type) at least"},
}

// knownOn is the day on which the list was last compared with what is published.
var knownOn = time.Date(2026, time.November, 25, 0, 0, 0, 0, time.UTC)

// A quarter and some days after knownOn a release has come out that the list does not hold.
const listLasts = 100 * 24 * time.Hour

var minorVersion = check{
	id:    "server.minor_version",
	finds: "a minor version behind known security fixes",
	why:   "Minor releases hold only fixes, security holes among them, and the holes are public once the release is. The upgrade needs new programs and a restart, nothing else.",
	link:  "https://www.postgresql.org/support/security/",
	run: func(_ context.Context, e *examination, c check) ([]Finding, error) {
		releases := e.options.Releases
		if releases == nil {
			releases = knownReleases
			if time.Since(knownOn) > listLasts {
				e.notChecked(c.id, "only a part was seen: releases after "+knownOn.Format(time.DateOnly)+" are not known to this build", "compare "+e.facts.Version+" with "+c.link+", or take a newer build of ovasabi")
			}
		}
		var missed []string
		newest := 0
		for _, r := range releases {
			if r.Number > e.facts.VersionNumber && r.Number/10000 == e.facts.VersionNumber/10000 {
				missed = append(missed, fmt.Sprintf("18.%d of %s (%s)", r.Number%10000, r.Date, r.Fixes))
				newest = max(newest, r.Number)
			}
		}
		if len(missed) == 0 {
			return nil, nil
		}
		return []Finding{{
			Severity: Warning, Object: "PostgreSQL " + e.facts.Version,
			Evidence: "lacks the security fixes of " + strings.Join(missed, ", "),
			Remedy:   fmt.Sprintf("install PostgreSQL 18.%d or newer from where this one came from, and restart the server", newest%10000),
		}}, nil
	},
}
