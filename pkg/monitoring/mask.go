package monitoring

import "strings"

// Masked returns a statement with its constants replaced by ?, so that no row's
// value travels: strings in every form of quoting, and numbers. Names in double
// quotes, parameters such as $1 and comments stay. A text that was cut off within
// a string is masked to its end.
func Masked(sql string) string {
	var b strings.Builder
	b.Grow(len(sql))
	for i := 0; i < len(sql); {
		kind, end := token(sql, i)
		switch kind {
		case aString, aNumber:
			b.WriteByte('?')
		default:
			b.WriteString(sql[i:end])
		}
		i = end
	}
	return b.String()
}

// severalStatements tells whether a text holds a semicolon outside of strings,
// names and comments, the last one aside or not.
func severalStatements(sql string) bool {
	for i := 0; i < len(sql); {
		kind, end := token(sql, i)
		if kind == anythingElse && sql[i] == ';' {
			return true
		}
		i = end
	}
	return false
}

type tokenKind uint8

const (
	anythingElse tokenKind = iota
	aString
	aNumber
	aName
	aComment
)

// token returns what begins at i, and where it ends, as PostgreSQL's lexer has it
// with standard_conforming_strings on.
// Source: https://www.postgresql.org/docs/18/sql-syntax-lexical.html
func token(sql string, i int) (tokenKind, int) {
	c := sql[i]
	afterWord := i > 0 && isWord(sql[i-1])
	switch {
	case c == '\'':
		escapes := i > 0 && (sql[i-1] == 'E' || sql[i-1] == 'e') && (i < 2 || !isWord(sql[i-2]))
		return aString, endOfString(sql, i, escapes)
	case c == '"':
		if end := strings.IndexByte(sql[i+1:], '"'); end >= 0 {
			return aName, i + end + 2
		}
		return aName, len(sql)
	case strings.HasPrefix(sql[i:], "--"):
		if end := strings.IndexByte(sql[i:], '\n'); end >= 0 {
			return aComment, i + end
		}
		return aComment, len(sql)
	case strings.HasPrefix(sql[i:], "/*"):
		return aComment, endOfComment(sql, i)
	case c == '$' && !afterWord:
		tag := dollarTag(sql[i:])
		if tag == "" {
			break
		}
		if end := strings.Index(sql[i+len(tag):], tag); end >= 0 {
			return aString, i + len(tag) + end + len(tag)
		}
		return aString, len(sql)
	case isDigit(c) && !afterWord && (i == 0 || sql[i-1] != '$'):
		end := i
		for end < len(sql) && (isWord(sql[end]) || sql[end] == '.') {
			end++
		}
		return aNumber, end
	}
	return anythingElse, i + 1
}

// endOfComment follows comments within comments.
func endOfComment(sql string, i int) int {
	depth := 0
	for i < len(sql) {
		switch {
		case strings.HasPrefix(sql[i:], "/*"):
			depth++
			i += 2
		case strings.HasPrefix(sql[i:], "*/"):
			depth--
			i += 2
			if depth == 0 {
				return i
			}
		default:
			i++
		}
	}
	return len(sql)
}

// endOfString returns the place after the string that begins at i.
func endOfString(sql string, i int, escapes bool) int {
	for i++; i < len(sql); i++ {
		switch {
		case escapes && sql[i] == '\\':
			i++
		case sql[i] == '\'' && i+1 < len(sql) && sql[i+1] == '\'':
			i++
		case sql[i] == '\'':
			return i + 1
		}
	}
	return len(sql)
}

// dollarTag returns the $tag$ at the beginning of s, or "".
func dollarTag(s string) string {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '$':
			return s[:i+1]
		case !isWord(s[i]) || i == 1 && isDigit(s[i]):
			return ""
		}
	}
	return ""
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWord(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}
