package content

import "github.com/ovasabi/ovasabi/pkg/twin"

// The twins, for their proofs.
var (
	ListByStatus = twinOf("content.list_by_status")
	Search       = twinOf("content.search")
)

func twinOf(name string) *twin.Twin {
	for _, t := range twin.Declared() {
		if t.Name() == name {
			return t
		}
	}
	panic("no twin is named " + name)
}
