package load

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	longestCampaignValue = 1000
	longestSlug          = 100
	longestCampaignName  = 200
)

// slugForm is the check on ovasabi.service_campaign_main.
var slugForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,98}[a-z0-9])?$`)

// campaignSlug is the slug for a value of the campaign field, always the same
// for the same value. A value that is a slug stays as it is. Else letters lose
// case and accents, and whatever a slug cannot hold becomes "-": git/tldr is
// git-tldr. Where nothing is left, or it is too long, the value's hash stands in.
func campaignSlug(value string) string {
	if slugForm.MatchString(value) {
		return value
	}
	var b strings.Builder
	dash := false
	for _, r := range norm.NFKD.String(value) {
		r = unicode.ToLower(r)
		switch {
		case unicode.Is(unicode.Mn, r):
			// an accent, apart from its letter
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.', r == '_':
			b.WriteRune(r)
			dash = false
		case !dash:
			b.WriteByte('-')
			dash = true
		}
	}
	slug := strings.Trim(b.String(), "-._")
	switch {
	case slug == "":
		return "campaign-" + shortHash(value)
	case len(slug) > longestSlug:
		return withHash(slug, value)
	default:
		return slug
	}
}

// withHash is the slug for a value whose own belongs to another value.
func withHash(slug, value string) string {
	hash := shortHash(value)
	slug = slug[:min(len(slug), longestSlug-1-len(hash))]
	return strings.TrimRight(slug, "-._") + "-" + hash
}

func shortHash(value string) string {
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:4])
}

// campaignName is the value as a campaign's name: what is too long is cut.
func campaignName(value string) string {
	if utf8.RuneCountInString(value) <= longestCampaignName {
		return value
	}
	return string([]rune(value)[:longestCampaignName-1]) + "…"
}
