package doctor_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ovasabi/ovasabi/internal/docblock"
	"github.com/ovasabi/ovasabi/internal/doctor"
)

func TestThePageListsEveryCheck(t *testing.T) {
	var list strings.Builder
	list.WriteString("| check | looks for | because |\n| --- | --- | --- |\n")
	for _, c := range doctor.Checks() {
		fmt.Fprintf(&list, "| [`%s`](%s) | %s | %s |\n", c.ID, c.Link, c.Finds, c.Why)
	}
	docblock.Check(t, "../../docs/doctor.md", "checks", "go test ./internal/doctor -run TestThePage -update", list.String())
}
