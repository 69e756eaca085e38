package platform_test

import (
	"testing"

	"github.com/ovasabi/ovasabi/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }
