package doctor

import (
	"regexp"
	"strings"
)

// reading returns a query that reads the rows that a statement reads, and takes no
// lock stronger than ACCESS SHARE when it is planned: UPDATE and DELETE become the
// SELECT of their rows, and FOR UPDATE at the end goes. ok is false where that is
// not plain to see; INSERT reads nothing and becomes an empty text.
func reading(text string) (query string, ok bool) {
	if strings.Contains(text, ";") { // a normalised text has one statement, and no strings
		return "", false
	}
	text = typed.ReplaceAllString(text, "$2::$1")
	words := split(text)
	if len(words) == 0 {
		return "", false
	}
	switch strings.ToUpper(words[0].text) {
	case "SELECT":
		return readingSelect(text, words)
	case "WITH":
		for _, w := range words {
			switch strings.ToUpper(w.text) {
			case "INSERT", "UPDATE", "DELETE", "MERGE", "SHARE":
				return "", false
			}
		}
		return text, true
	case "UPDATE":
		return readingUpdate(text, words)
	case "DELETE":
		return readingDelete(text, words)
	case "INSERT":
		return readingInsert(text, words)
	default:
		return "", false
	}
}

// Where the value of a typed literal became a parameter: interval $1 is no SQL, $1::interval is.
var typed = regexp.MustCompile(`(?i)\b(interval|date|timestamptz|timestamp with time zone|timestamp|time|numeric|inet|cidr|jsonb?|uuid|bytea)\s+(\$\d+)`)

func readingSelect(text string, words []word) (string, bool) {
	end := len(text)
	for i, w := range words {
		switch strings.ToUpper(w.text) {
		case "FOR":
			next := ""
			if i+1 < len(words) {
				next = strings.ToUpper(words[i+1].text)
			}
			switch {
			case next != "UPDATE" && next != "SHARE" && next != "NO" && next != "KEY":
				// substring(x FOR 3)
			case w.depth > 0:
				return "", false
			default:
				end = min(end, w.at)
			}
		case "INTO":
			return "", false
		}
	}
	return text[:end], true
}

// readingInsert returns the query whose rows are inserted.
func readingInsert(text string, words []word) (string, bool) {
	begin := -1
	for i, w := range words {
		switch strings.ToUpper(w.text) {
		case "SELECT":
			if w.depth > 0 && begin < 0 {
				return "", false
			}
			if begin < 0 {
				begin = i
			}
		case "UPDATE":
			if i > 0 && strings.EqualFold(words[i-1].text, "DO") {
				continue // ON CONFLICT DO UPDATE
			}
			return "", false
		case "WITH", "DELETE", "MERGE", "SHARE":
			return "", false
		}
	}
	if begin < 0 {
		return "", true
	}
	end := len(text)
	for i := begin; i < len(words); i++ {
		conflict := i+1 < len(words) && strings.EqualFold(words[i].text, "ON") && strings.EqualFold(words[i+1].text, "CONFLICT")
		if words[i].depth == 0 && (conflict || strings.EqualFold(words[i].text, "RETURNING")) {
			end = words[i].at
			break
		}
	}
	return text[words[begin].at:end], true
}

// A table that is changed, with its schema and an alias.
var target = regexp.MustCompile(`(?is)^\s*((?:ONLY\s+)?(?:(?:"[^"]+"|\w+)\.)?(?:"[^"]+"|\w+))(?:\s+(?:AS\s+)?("[^"]+"|\w+))?\s*$`)

func readingUpdate(text string, words []word) (string, bool) {
	set, from, where, returning := find(words, "SET"), find(words, "FROM"), find(words, "WHERE"), find(words, "RETURNING")
	if set < 0 || where < 0 {
		return "", false
	}
	parts := target.FindStringSubmatch(text[len("UPDATE"):words[set].at])
	if parts == nil {
		return "", false
	}
	list := ""
	if from >= 0 && from < where {
		list = ", " + text[words[from].at+len("FROM"):words[where].at]
	}
	// What is assigned may read tables as well.
	for _, w := range words[set:where] {
		if strings.EqualFold(w.text, "SELECT") {
			return "", false
		}
	}
	return rowsQuery(parts, list, text, words, where, returning), true
}

func readingDelete(text string, words []word) (string, bool) {
	from, using, where, returning := find(words, "FROM"), find(words, "USING"), find(words, "WHERE"), find(words, "RETURNING")
	if from != 1 || where < 0 {
		return "", false
	}
	end := words[where].at
	list := ""
	if using >= 0 && using < where {
		end = words[using].at
		list = ", " + text[words[using].at+len("USING"):words[where].at]
	}
	parts := target.FindStringSubmatch(text[words[from].at+len("FROM") : end])
	if parts == nil {
		return "", false
	}
	return rowsQuery(parts, list, text, words, where, returning), true
}

// rowsQuery asks for whole rows, so that the plan must visit the table as a change would.
func rowsQuery(parts []string, list, text string, words []word, where, returning int) string {
	end := len(text)
	if returning > where {
		end = words[returning].at
	}
	name, table := parts[2], parts[1]
	if name != "" {
		table += " AS " + name
	} else if name = strings.TrimSpace(parts[1]); strings.HasPrefix(strings.ToUpper(name), "ONLY ") {
		name = strings.TrimSpace(name[len("ONLY "):])
	}
	return "SELECT " + name + ".* FROM " + table + list + " " + text[words[where].at:end]
}

// word is a bare word of a statement, outside of strings, quoted names and comments.
type word struct {
	text  string
	at    int
	depth int // of brackets around it
}

// find returns the first such word outside of brackets, or -1.
func find(words []word, text string) int {
	for i, w := range words {
		if w.depth == 0 && strings.EqualFold(w.text, text) {
			return i
		}
	}
	return -1
}

var lexeme = regexp.MustCompile(`(?s)'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|\$\d+|\$(\w*)\$|[A-Za-z_\x{80}-\x{10FFFF}][\w$\x{80}-\x{10FFFF}]*|[()]`)

func split(text string) []word {
	var words []word
	depth := 0
	for _, at := range lexeme.FindAllStringIndex(text, -1) {
		switch found := text[at[0]:at[1]]; {
		case found == "(":
			depth++
		case found == ")":
			depth--
		case strings.HasPrefix(found, "$") && strings.HasSuffix(found, "$"):
			return nil // a dollar-quoted string: normalised texts hold none
		case strings.ContainsAny(found[:1], `'"-/$`):
		default:
			words = append(words, word{found, at[0], depth})
		}
	}
	return words
}
