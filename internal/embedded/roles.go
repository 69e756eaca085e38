package embedded

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
)

// EnsureLogin makes sure that each role exists, may log in and has a password that
// this package generated and keeps in the data folder, so that [Server.URL] gives
// addresses for it. A role that is there keeps its rights; one that is made here
// has none, and is not a superuser.
func (s *Server) EnsureLogin(ctx context.Context, roles ...string) error {
	s.mu.Lock()
	fresh := false
	passwords := map[string]string{}
	for _, role := range roles {
		if s.credentials[role] == "" {
			s.credentials[role] = newPassword()
			fresh = true
		}
		passwords[role] = s.credentials[role]
	}
	var err error
	if fresh {
		err = s.folder.write(credentialsName, s.credentials)
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	conn, err := s.connect(ctx)
	if err != nil {
		return fmt.Errorf("connect to set the passwords of roles: %w", err)
	}
	for _, role := range roles {
		if err := ensureLogin(ctx, conn, role, passwords[role]); err != nil {
			return errors.Join(fmt.Errorf("role %s: %w", role, err), conn.Close(ctx))
		}
	}
	return conn.Close(ctx)
}

func ensureLogin(ctx context.Context, conn *pgx.Conn, role, password string) error {
	var login bool
	var verifier string
	err := conn.QueryRow(ctx, `
		SELECT rolcanlogin, coalesce(rolpassword, '')
		FROM pg_catalog.pg_authid
		WHERE rolname = $1`, role).Scan(&login, &verifier)
	verb := "ALTER"
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		verb = "CREATE"
	case err != nil:
		return fmt.Errorf("read its password: %w", err)
	case login && verifies(verifier, password):
		return nil
	}
	if verifier, err = newVerifier(password); err != nil {
		return err
	}
	// Neither a role's name nor its password can be a parameter. A verifier holds
	// base64 and dollar signs, never a quote.
	statement := fmt.Sprintf("%s ROLE %s WITH LOGIN PASSWORD '%s'", verb, pgx.Identifier{role}.Sanitize(), verifier)
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("set its password: %w", err)
	}
	return nil
}

// resetPassword sets the superuser's password without a server, for a cluster whose
// passwords were lost. PostgreSQL's single-user mode asks for none.
func (f *dataFolder) resetPassword(ctx context.Context, in Installation, superuser, password string) error {
	verifier, err := newVerifier(password)
	if err != nil {
		return err
	}
	cmd := command(ctx, f.who, filepath.Join(in.BinDir, executable("postgres")), "--single", "-D", f.cluster(),
		"-c", "exit_on_error=on", "-c", "log_min_error_statement=panic", "postgres")
	cmd.Stdin = strings.NewReader(fmt.Sprintf("ALTER ROLE %s WITH LOGIN PASSWORD '%s'\n", pgx.Identifier{superuser}.Sanitize(), verifier))
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	return fmt.Errorf("set a new password for %s, because %s was lost: %w%s; the cluster may have been made with another superuser",
		superuser, f.file(credentialsName), err, indent(out))
}
