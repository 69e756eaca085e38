package load

// What the tests of the package look at from outside.
var (
	CampaignSlug = campaignSlug
	SlugWithHash = withHash
)
