package user

import "github.com/ovasabi/ovasabi/pkg/twin"

// The twins, for their proofs.
var (
	GetByID       = twinOf("user.get_by_id")
	GetByUsername = twinOf("user.get_by_username")
	GetByEmail    = twinOf("user.get_by_email")
	FindByEmail   = twinOf("user.find_by_email")
	GetMany       = twinOf("user.get_many")
	ListByStatus  = twinOf("user.list_by_status")
	ListActive    = twinOf("user.list_active")
	Update        = twinOf("user.update")
)

func twinOf(name string) *twin.Twin {
	for _, t := range twin.Declared() {
		if t.Name() == name {
			return t
		}
	}
	panic("no twin is named " + name)
}
