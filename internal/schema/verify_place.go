package schema

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// place is how far a verification has come.
type place struct {
	// Pages is the next page of each table on disk that was begun.
	Pages map[string]reached `json:"pages"`
	// Indexes were looked into.
	Indexes map[string]bool `json:"indexes"`
	// Highest is the highest id seen in each table.
	Highest map[string]int64 `json:"highest"`

	// Broken counts the rows behind a finding, and Example names the first of them.
	Broken  map[string]int64  `json:"broken"`
	Example map[string]string `json:"example"`

	savedAt time.Time
}

type reached struct {
	Filenode int64 `json:"filenode"`
	Next     int64 `json:"next"`
}

// staleAfter is the time without a step after which a verification that was cut short is begun anew.
const staleAfter = "1 day"

// savePause is how often the place is written down.
const savePause = time.Second

const verificationTableSQL = `
CREATE TABLE IF NOT EXISTS ovasabi.schema_verification (
    options    text NOT NULL,
    found      jsonb NOT NULL,
    place      jsonb NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    kept_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT schema_verification_pkey PRIMARY KEY (options)
)`

// resume takes up a verification with the same options that was cut short.
func (v *verifier) resume(ctx context.Context) error {
	v.place = place{Pages: map[string]reached{}, Indexes: map[string]bool{}, Highest: map[string]int64{}, Broken: map[string]int64{}, Example: map[string]string{}}
	for _, statement := range []string{
		verificationTableSQL,
		// Of a table that was made before verifications had portions.
		`ALTER TABLE ovasabi.schema_verification ADD COLUMN IF NOT EXISTS kept_at timestamptz NOT NULL DEFAULT now()`,
	} {
		if _, err := v.conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	if _, err := v.conn.Exec(ctx, `DELETE FROM ovasabi.schema_verification WHERE kept_at < now() - $1::text::interval`, staleAfter); err != nil {
		return err
	}
	options, err := json.Marshal(v.options)
	if err != nil {
		return err
	}
	var found, reached []byte
	err = v.conn.QueryRow(ctx, `SELECT found::text, place::text, started_at FROM ovasabi.schema_verification WHERE options = $1`, string(options)).Scan(&found, &reached, &v.out.Since)
	if errors.Is(err, pgx.ErrNoRows) {
		v.out.Since = time.Now()
		return nil
	}
	if err != nil {
		return err
	}
	v.o.Progress("going on with a verification that was cut short")
	if err := json.Unmarshal(found, &v.out); err != nil {
		return err
	}
	return json.Unmarshal(reached, &v.place)
}

// save writes down what was found and the place reached, at most once in savePause.
func (v *verifier) save(ctx context.Context) error {
	if time.Since(v.place.savedAt) < savePause {
		return nil
	}
	return v.keep(ctx)
}

// keep writes down what was found and the place reached.
func (v *verifier) keep(ctx context.Context) error {
	if v.conn.IsClosed() {
		return nil // what was kept last stands
	}
	options, err := json.Marshal(v.options)
	if err != nil {
		return err
	}
	found, err := json.Marshal(v.out)
	if err != nil {
		return err
	}
	where, err := json.Marshal(v.place)
	if err != nil {
		return err
	}
	_, err = v.conn.Exec(ctx, `
INSERT INTO ovasabi.schema_verification (options, found, place)
VALUES ($1, $2::text::jsonb, $3::text::jsonb)
ON CONFLICT (options) DO UPDATE
SET found = excluded.found, place = excluded.place, kept_at = now()`, string(options), string(found), string(where))
	v.place.savedAt = time.Now()
	return err
}

// forget ends the verification: the next one begins anew.
func (v *verifier) forget(ctx context.Context) error {
	options, err := json.Marshal(v.options)
	if err != nil {
		return err
	}
	_, err = v.conn.Exec(ctx, `DELETE FROM ovasabi.schema_verification WHERE options = $1`, string(options))
	return err
}
