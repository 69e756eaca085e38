package monitoring

import "time"

// FindingSource finds things in its own time and by its own means, such as the
// comparison of twins or a watch over the integrity of rows and indexes. What it
// has found joins the findings of the statistics on the page, in `/metrics` and
// in the terminal.
type FindingSource interface {
	// Name is a word for the source, such as "twins"; it is the label of its figures.
	Name() string
	// Findings returns what holds now, and when it was looked for: the zero time
	// before the first look. It is asked once a collection, so it only tells what
	// is known already, at once. It must be safe for concurrent use.
	Findings() (found []Finding, lookedAt time.Time)
}

// SourceFunc is a FindingSource of a function.
func SourceFunc(name string, findings func() ([]Finding, time.Time)) FindingSource {
	return sourceFunc{name, findings}
}

type sourceFunc struct {
	name     string
	findings func() ([]Finding, time.Time)
}

func (s sourceFunc) Name() string                     { return s.name }
func (s sourceFunc) Findings() ([]Finding, time.Time) { return s.findings() }

// SourceLook is when a source last looked; the zero time stands for never.
type SourceLook struct {
	Source   string    `json:"source"`
	LookedAt time.Time `json:"looked_at"`
}

// addSources asks the sources for what they have found.
func (s *Snapshot) addSources(sources []FindingSource) {
	for _, source := range sources {
		found, at := source.Findings()
		s.Findings = append(s.Findings, found...)
		s.Sources = append(s.Sources, SourceLook{source.Name(), at})
	}
}
