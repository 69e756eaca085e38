package monitoring

import (
	"embed"
	"io/fs"
	"strings"
)

//go:embed sql/*.sql
var files embed.FS

// sqlOf returns the text of a named query: the file of that name under sql/.
func sqlOf(name string) string {
	text, err := files.ReadFile("sql/" + name + ".sql")
	if err != nil {
		panic("monitoring: there is no query " + name) // the names are constants of this package
	}
	return strings.TrimSpace(string(text))
}

// QueryNames returns the names of all queries, sorted.
func QueryNames() []string {
	paths, err := fs.Glob(files, "sql/*.sql")
	if err != nil {
		panic(err) // the pattern is well formed
	}
	names := make([]string, len(paths))
	for i, path := range paths {
		names[i] = strings.TrimSuffix(strings.TrimPrefix(path, "sql/"), ".sql")
	}
	return names
}
