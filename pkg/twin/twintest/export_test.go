package twintest

import "github.com/ovasabi/ovasabi/pkg/twin"

// Inner is a twin that the package under test declares.
var Inner = twin.Declare("prove.inner", twin.Pair{
	Plain: `
SELECT id
FROM ovasabi.service_campaign_main
WHERE id = $1::bigint`,
	Optimised: `
SELECT c.id
FROM ovasabi.service_campaign_main AS c
WHERE c.id = $1::bigint`,
})
