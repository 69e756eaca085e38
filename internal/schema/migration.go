package schema

import (
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// migration is one file under sql/.
type migration struct {
	version int64
	name    string // such as "00103_services"
	text    string
}

const (
	upMark   = "-- +goose Up"
	downMark = "-- +goose Down"
)

var noTransaction = regexp.MustCompile(`(?m)^-- \+goose NO TRANSACTION$`)

// migrations are the embedded files in order of version. The tests hold their names to the form.
var migrations = sync.OnceValue(func() []migration {
	dir := sqlFiles()
	names, err := fs.Glob(dir, "*.sql")
	if err != nil {
		panic(err) // the pattern is well formed
	}
	all := make([]migration, 0, len(names))
	for _, file := range names {
		text, err := fs.ReadFile(dir, file)
		if err != nil {
			panic(err) // the file is embedded
		}
		name := strings.TrimSuffix(file, ".sql")
		number, _, _ := strings.Cut(name, "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			panic("sql/" + file + " does not begin with its version")
		}
		all = append(all, migration{version: version, name: name, text: string(text)})
	}
	slices.SortFunc(all, func(a, b migration) int { return int(a.version - b.version) })
	return all
})

// sql returns what the migration runs in one direction, without goose's marks.
func (m migration) sql(up bool) string {
	_, upPart, _ := strings.Cut(m.text, upMark)
	upPart, downPart, _ := strings.Cut(upPart, downMark)
	part := upPart
	if !up {
		part = downPart
	}
	var b strings.Builder
	for line := range strings.Lines(part) {
		if !strings.HasPrefix(line, "-- +") {
			b.WriteString(line)
		}
	}
	return strings.TrimSpace(b.String())
}
