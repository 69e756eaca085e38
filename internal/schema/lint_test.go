package schema_test

import (
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// file is one migration as the rules look at it: its statements without comments.
type file struct {
	name  string
	phase int
	noTx  bool   // builds and drops indexes, outside of a transaction
	move  string // the table that is moved
	// its Down waits for the application's transactions
	afterCallers bool
	up, down     []string
}

// exempt hold a campaign_id without belonging to a campaign (campaign.Guard).
var exempt = []string{"campaign_directory", "twin_flag", "maintenance_setting"}

func parse(name, text string) file {
	f := file{name: name}
	if version, err := strconv.Atoi(strings.SplitN(name, "_", 2)[0]); err == nil {
		f.phase = version / 100
	}
	f.noTx = strings.Contains(text, "-- +goose NO TRANSACTION\n")
	if mark := regexp.MustCompile(`(?m)^-- \+ovasabi (?:MOVE|PARTITION) (\w+)$`).FindStringSubmatch(text); mark != nil {
		f.move = mark[1]
	}
	f.afterCallers = strings.Contains(text, "-- +ovasabi AFTER CALLERS\n")
	_, up, _ := strings.Cut(text, "-- +goose Up\n")
	up, down, _ := strings.Cut(up, "-- +goose Down\n")
	f.up, f.down = split(up), split(down)
	return f
}

var comment = regexp.MustCompile(`(?m)--.*$`)

// split cuts at semicolons, but not within StatementBegin and StatementEnd.
func split(text string) []string {
	var all []string
	for i, part := range strings.Split(text, "-- +goose StatementBegin") {
		block, rest := "", part
		if i > 0 {
			block, rest, _ = strings.Cut(part, "-- +goose StatementEnd")
		}
		for _, s := range append([]string{block}, strings.Split(comment.ReplaceAllString(rest, ""), ";")...) {
			if s = strings.TrimSpace(s); s != "" {
				all = append(all, s)
			}
		}
	}
	return all
}

// created lists the tables that the migration itself makes: nobody waits for a lock on those.
func (f file) created() []string {
	var names []string
	for _, s := range f.up {
		if m := regexp.MustCompile(`^CREATE TABLE ovasabi\.(\w+)`).FindStringSubmatch(s); m != nil {
			names = append(names, m[1])
		}
	}
	return names
}

// onExisting runs check on every statement about a table that was there before.
func onExisting(f file, check func(s string) string) []string {
	if f.phase <= 1 { // its tables are its own
		return nil
	}
	var found []string
	target := regexp.MustCompile(`(?:ALTER TABLE|INDEX \w+\s+ON|INDEX CONCURRENTLY IF NOT EXISTS \w+\s+ON) ovasabi\.(\w+)`)
	for _, s := range append(slices.Clone(f.up), f.down...) {
		if m := target.FindStringSubmatch(s); m != nil && slices.Contains(f.created(), m[1]) {
			continue
		}
		if problem := check(s); problem != "" {
			found = append(found, problem)
		}
	}
	return found
}

func matches(pattern, problem string) func(string) string {
	form := regexp.MustCompile(`(?is)` + pattern)
	return func(s string) string {
		if form.MatchString(s) {
			return problem
		}
		return ""
	}
}

func everywhere(pattern, problem string) func(file) []string {
	check := matches(pattern, problem)
	return func(f file) []string {
		var found []string
		for _, s := range append(slices.Clone(f.up), f.down...) {
			if p := check(s); p != "" {
				found = append(found, p)
			}
		}
		return found
	}
}

func existing(pattern, problem string) func(file) []string {
	return func(f file) []string { return onExisting(f, matches(pattern, problem)) }
}

// rule is one thing that a migration may not do, with a migration that does it.
type rule struct {
	name  string
	check func(file) []string
	bad   string
}

var rules = []rule{
	{
		"a name has a version and words",
		func(f file) []string {
			if !regexp.MustCompile(`^00[1-4]\d\d_[a-z0-9_]+\.sql$`).MatchString(f.name) {
				return []string{"is not 00PNN_words.sql"}
			}
			return nil
		},
		"NAME:2_index.sql",
	},
	{
		"what goes up comes down",
		func(f file) []string {
			if len(f.up) > 0 && len(f.down) == 0 {
				return []string{"has no Down"}
			}
			return nil
		},
		"CREATE TABLE ovasabi.a (id bigint PRIMARY KEY);\n-- +goose Down\n",
	},
	{
		"an index on a table in use is built and dropped CONCURRENTLY",
		existing(`^CREATE (UNIQUE )?INDEX (IF NOT EXISTS )?\w+\s+ON\b|^DROP INDEX (IF EXISTS )?ovasabi`, "locks out writers: CONCURRENTLY, in a migration with NO TRANSACTION"),
		"CREATE INDEX idx_a ON ovasabi.service_event (entity_id);",
	},
	{
		"a migration without a transaction can be run again",
		func(f file) []string {
			if !f.noTx {
				return nil
			}
			var found []string
			form := regexp.MustCompile(`(?s)^(CREATE (UNIQUE )?INDEX CONCURRENTLY IF NOT EXISTS \w+\s+ON ovasabi\.\w+ .+|DROP INDEX CONCURRENTLY IF EXISTS ovasabi\.\w+)$`)
			for _, s := range append(slices.Clone(f.up), f.down...) {
				if !form.MatchString(s) {
					found = append(found, "is neither CREATE INDEX CONCURRENTLY IF NOT EXISTS nor DROP INDEX CONCURRENTLY IF EXISTS: "+s)
				}
			}
			return found
		},
		"NOTX:CREATE INDEX CONCURRENTLY idx_a ON ovasabi.service_event (entity_id);",
	},
	{
		"CONCURRENTLY stands outside a transaction",
		func(f file) []string {
			if f.noTx {
				return nil
			}
			return everywhere(`\bCONCURRENTLY\b`, "is refused inside a transaction: NO TRANSACTION")(f)
		},
		"DROP INDEX CONCURRENTLY IF EXISTS ovasabi.idx_a;",
	},
	{
		"no table in use is rewritten",
		func(f file) []string {
			if f.move != "" {
				return nil
			}
			return existing(`ADD COLUMN\b.*\bSTORED\b|ADD COLUMN\b.*\bDEFAULT\s+[a-z_.]+\(|ADD COLUMN\b.*\bIDENTITY\b|ALTER COLUMN\s+\w+\s+(SET DATA )?TYPE\b|\bSET (LOGGED|UNLOGGED|TABLESPACE|ACCESS METHOD)\b`, "rewrites the table under ACCESS EXCLUSIVE: use MOVE")(f)
		},
		"ALTER TABLE ovasabi.service_event ADD COLUMN a tsvector GENERATED ALWAYS AS (to_tsvector('english', event_id)) STORED;",
	},
	{
		"no volatile default on a table in use",
		existing(`ADD COLUMN\b.*\bDEFAULT\s+[a-z_.]+\(`, "is computed for every row under ACCESS EXCLUSIVE: add the column, then SET DEFAULT"),
		"ALTER TABLE ovasabi.service_event ADD COLUMN a timestamptz NOT NULL DEFAULT clock_timestamp();",
	},
	{
		"no type is changed in a table in use",
		existing(`ALTER COLUMN\s+\w+\s+(SET DATA )?TYPE\b`, "rewrites the table: add another column"),
		"ALTER TABLE ovasabi.service_event ALTER COLUMN id TYPE integer;",
	},
	{
		"a constraint on a table in use is added NOT VALID",
		func(f file) []string {
			return onExisting(f, func(s string) string {
				if strings.Contains(s, "NOT VALID") {
					return ""
				}
				return matches(`ADD (CONSTRAINT \w+\s+)?(FOREIGN KEY|CHECK)\b`, "checks every row under a lock: NOT VALID, then VALIDATE CONSTRAINT in another migration")(s)
			})
		},
		"ALTER TABLE ovasabi.service_event ADD CONSTRAINT a CHECK (id > 0);",
	},
	{
		"a key on a table in use takes an index that is there",
		existing(`ADD CONSTRAINT \w+\s+(UNIQUE|PRIMARY KEY)\s*\(|ADD (UNIQUE|PRIMARY KEY)\s*\(`, "builds its index under ACCESS EXCLUSIVE: USING INDEX"),
		"ALTER TABLE ovasabi.service_event ADD CONSTRAINT a UNIQUE (campaign_id, entity_id);",
	},
	{
		"NOT NULL on a table in use follows a validated CHECK",
		existing(`ALTER COLUMN\s+\w+\s+SET NOT NULL`, "reads every row under ACCESS EXCLUSIVE: ADD CONSTRAINT … NOT NULL … NOT VALID, then VALIDATE"),
		"ALTER TABLE ovasabi.service_event ALTER COLUMN entity_id SET NOT NULL;",
	},
	{
		"up loses nothing and renames nothing",
		func(f file) []string {
			if f.phase <= 1 {
				return nil
			}
			g := f
			// What has no name yet is called by nobody.
			g.up = slices.DeleteFunc(slices.Clone(f.up), regexp.MustCompile(`^ALTER FUNCTION ovasabi\.\w+_unnamed\(`).MatchString)
			g.down = nil
			return everywhere(`^DROP TABLE|\bDROP COLUMN\b|^TRUNCATE|\bRENAME\b`, "breaks what is running, and cannot be undone")(g)
		},
		"ALTER TABLE ovasabi.service_event DROP COLUMN metadata;",
	},
	{
		"every table is named with its schema",
		everywhere(`\b(CREATE TABLE|ALTER TABLE|DROP TABLE|COMMENT ON TABLE|COMMENT ON COLUMN|REFERENCES|CREATE POLICY \w+ ON|DROP POLICY \w+ ON|INSERT INTO|DELETE FROM)\s+(IF (NOT )?EXISTS )?(?P<name>[a-z_]+)(\s|\(|;|$)`, "names a table without its schema"),
		"CREATE TABLE a (id bigint PRIMARY KEY);",
	},
	{
		"every index is named with its schema's table",
		everywhere(`\bINDEX\b[^;(]*\bON\s+(ONLY\s+)?[a-z_]+\s*[( ]|^DROP INDEX\s+(CONCURRENTLY )?(IF EXISTS )?[a-z_]+$`, "names a table or an index without its schema"),
		"NOTX:CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_a ON service_event (campaign_id);",
	},
	{
		"every key of a campaign's table holds the campaign",
		func(f file) []string {
			var found []string
			unique := regexp.MustCompile(`(?is)\b(UNIQUE|PRIMARY KEY)\s*\(([^)]*)\)|\b\w+\s+\w+[^,(]*\b(PRIMARY KEY|UNIQUE)\b\s*[,)]`)
			for _, s := range f.up {
				table := regexp.MustCompile(`(?s)^CREATE TABLE ovasabi\.(\w+) \((.*)\)$`).FindStringSubmatch(s)
				if table == nil || slices.Contains(exempt, table[1]) || !regexp.MustCompile(`(?m)^\s*campaign_id\s`).MatchString(table[2]) {
					continue
				}
				for _, key := range unique.FindAllStringSubmatch(table[2], -1) {
					if !strings.Contains(key[2], "campaign_id") {
						found = append(found, fmt.Sprintf("has a key of %s without campaign_id: %s", table[1], strings.TrimSpace(key[0])))
					}
				}
			}
			for _, s := range f.up {
				index := regexp.MustCompile(`(?s)^CREATE UNIQUE INDEX .*ON ovasabi\.service_\w+\s*(?:USING \w+ )?\((\w+)`).FindStringSubmatch(s)
				if index != nil && index[1] != "campaign_id" {
					found = append(found, "has a unique index that does not begin with campaign_id")
				}
			}
			return found
		},
		"CREATE TABLE ovasabi.a (\n    campaign_id bigint NOT NULL,\n    id bigint NOT NULL,\n    CONSTRAINT a_pkey PRIMARY KEY (id)\n);\n-- +goose Down\nDROP TABLE ovasabi.a;",
	},
	{
		"a foreign key of a campaign's table holds the campaign",
		everywhere(`FOREIGN KEY \((?:[^c)]|c[^a])[^)]*\)\s*REFERENCES`, "refers to another table without the campaign"),
		"ALTER TABLE ovasabi.a ADD CONSTRAINT a_fkey FOREIGN KEY (id) REFERENCES ovasabi.b (id) NOT VALID;",
	},
	{
		"a generated column says VIRTUAL or STORED",
		func(f file) []string {
			var found []string
			for _, s := range f.up {
				for _, rest := range strings.Split(s, "GENERATED ALWAYS AS (")[1:] {
					depth, end := 1, 0
					for i, r := range rest {
						switch r {
						case '(':
							depth++
						case ')':
							depth--
						}
						if depth == 0 {
							end = i + 1
							break
						}
					}
					if !regexp.MustCompile(`^\s*(VIRTUAL|STORED)\b`).MatchString(rest[end:]) {
						found = append(found, "leaves the kind of a generated column to the server's version")
					}
				}
			}
			return found
		},
		"ALTER TABLE ovasabi.service_user_main ADD COLUMN a text GENERATED ALWAYS AS (lower(email));\n-- +goose Down\nALTER TABLE ovasabi.service_user_main DROP COLUMN a;",
	},
	{
		"no trigger stays on a table",
		everywhere(`\bCREATE (CONSTRAINT |OR REPLACE )?TRIGGER\b`, "makes a trigger, which a distributed engine does not carry"),
		"CREATE TRIGGER a AFTER INSERT ON ovasabi.service_event EXECUTE FUNCTION ovasabi.f();",
	},
	{
		"a function that acts for another sets its search_path",
		func(f file) []string {
			var found []string
			for _, s := range f.up {
				if strings.Contains(s, "SECURITY DEFINER") && !strings.Contains(s, "SET search_path = ''") {
					found = append(found, "is SECURITY DEFINER without SET search_path = ''")
				}
			}
			return found
		},
		"-- +goose StatementBegin\nCREATE FUNCTION ovasabi.f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';\n-- +goose StatementEnd",
	},
	{
		"a function for the application is not everybody's",
		func(f file) []string {
			text := strings.Join(f.up, ";")
			if strings.Contains(text, "SECURITY DEFINER") && !strings.Contains(text, "REVOKE ALL ON FUNCTION") {
				return []string{"leaves EXECUTE on a SECURITY DEFINER function to PUBLIC"}
			}
			return nil
		},
		"-- +goose StatementBegin\nCREATE FUNCTION ovasabi.f() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = '' AS 'SELECT 1';\n-- +goose StatementEnd",
	},
	{
		"a function loses its name before it goes",
		func(f file) []string {
			if f.phase <= 1 { // nobody calls without its tables
				return nil
			}
			var found []string
			for _, s := range f.down {
				if strings.HasPrefix(s, "DROP FUNCTION") && (!f.afterCallers || !strings.Contains(s, "_unnamed(")) {
					found = append(found, "takes a function from calls that have found it: rename it to …_unnamed in a migration after this one, and say AFTER CALLERS here")
				}
			}
			return found
		},
		"SELECT 1;\n-- +goose Down\nDROP FUNCTION ovasabi.f(text);",
	},
	{
		"types are those of the house",
		everywhere(`\s(serial|bigserial|varchar|character varying|char\(|json|money|timestamp|timetz)(\s|,|\(|$)`, "uses a type that is not bigint identity, text, jsonb, numeric or timestamptz"),
		"CREATE TABLE ovasabi.a (\n    id bigint PRIMARY KEY,\n    at timestamp NOT NULL\n);\n-- +goose Down\nDROP TABLE ovasabi.a;",
	},
	{
		"a move adds columns to its table, and its Down may be run again",
		func(f file) []string {
			if f.move == "" {
				return nil
			}
			var found []string
			for _, s := range f.up {
				if !regexp.MustCompile(`(?s)^(ALTER TABLE ovasabi\.` + f.move + `\s+ADD COLUMN \w+ |COMMENT ON COLUMN ovasabi\.` + f.move + `\.)`).MatchString(s) {
					found = append(found, "does more than add columns to "+f.move)
				}
			}
			for _, s := range f.down {
				if !regexp.MustCompile(`^ALTER TABLE ovasabi\.` + f.move + ` DROP COLUMN IF EXISTS \w+$`).MatchString(s) {
					found = append(found, "has a Down that is not DROP COLUMN IF EXISTS")
				}
			}
			return found
		},
		"MOVE:ALTER TABLE ovasabi.service_event ADD COLUMN a text;\n-- +goose Down\nALTER TABLE ovasabi.service_event DROP COLUMN a;",
	},
	{
		"no lock is taken by hand",
		everywhere(`^\s*LOCK TABLE\b|\bVACUUM FULL\b|^\s*CLUSTER\b|^\s*REINDEX (TABLE|INDEX|SCHEMA) (ovasabi|\w+\.)`, "holds up readers or writers for as long as it runs"),
		"LOCK TABLE ovasabi.service_event;",
	},
}

func lint(f file) []string {
	var found []string
	for _, r := range rules {
		for _, problem := range r.check(f) {
			found = append(found, r.name+": "+f.name+" "+problem)
		}
	}
	return found
}

func TestMigrationsKeepTheRules(t *testing.T) {
	dir := os.DirFS("sql")
	names, err := fs.Glob(dir, "*")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	versions := map[string]string{}
	for _, name := range names {
		version, _, _ := strings.Cut(name, "_")
		require.Empty(t, versions[version], "%s and another migration have one number: take the next one of the phase", name)
		versions[version] = name
		text, err := fs.ReadFile(dir, name)
		require.NoError(t, err)
		require.Empty(t, lint(parse(name, string(text))))
	}
}

func TestEveryRuleFindsItsBadMigration(t *testing.T) {
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			name, text, head := "00299_planted.sql", r.bad, ""
			kind, rest, marked := strings.Cut(r.bad, ":")
			switch {
			case marked && kind == "NAME":
				name, text = rest, "SELECT 1;\n-- +goose Down\nSELECT 1;"
			case marked && kind == "NOTX":
				head, text = "-- +goose NO TRANSACTION\n", rest
			case marked && kind == "MOVE":
				head, text = "-- +ovasabi MOVE service_event\n", rest
			}
			require.NotEmpty(t, r.check(parse(name, head+"-- +goose Up\n"+text)))
		})
	}
}
