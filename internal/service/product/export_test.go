package product

import "github.com/ovasabi/ovasabi/pkg/twin"

// The twins, for their proofs.
var (
	GetByID      = twinOf("product.get_by_id")
	GetBySKU     = twinOf("product.get_by_sku")
	GetMany      = twinOf("product.get_many")
	ListNewest   = twinOf("product.list_newest")
	ListCheapest = twinOf("product.list_cheapest")
	ListDearest  = twinOf("product.list_dearest")
	Update       = twinOf("product.update")
)

func twinOf(name string) *twin.Twin {
	for _, t := range twin.Declared() {
		if t.Name() == name {
			return t
		}
	}
	panic("no twin is named " + name)
}
