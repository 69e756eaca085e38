package doctor

import "time"

// KnownOn pretends that the list of releases was last looked at then.
func KnownOn(at time.Time) (restore func()) {
	was := knownOn
	knownOn = at
	return func() { knownOn = was }
}
