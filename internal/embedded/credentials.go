package embedded

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// credentials maps a role to its password. The file is readable by us alone; the
// server's user, where it is another, has no need of it.
type credentials map[string]string

func (f *dataFolder) credentials() (credentials, error) {
	content, err := os.ReadFile(f.file(credentialsName))
	if errors.Is(err, os.ErrNotExist) {
		return credentials{}, nil
	}
	if err != nil {
		return nil, f.explain("read", err)
	}
	var known credentials
	if err := json.Unmarshal(content, &known); err != nil || known == nil {
		return nil, fmt.Errorf("%s is damaged: remove it, and new passwords are made at the next start", f.file(credentialsName))
	}
	return known, nil
}

// newPassword has 160 bits, in letters that need no quoting anywhere.
func newPassword() string { return strings.ToLower(rand.Text()) + strings.ToLower(rand.Text()[:6]) }

// scramRounds is PostgreSQL's own default for scram_iterations.
const scramRounds = 4096

// scramVerifier is what PostgreSQL keeps of a password (RFC 5803). It is made here
// because ALTER ROLE … PASSWORD shows its text to the log and pg_stat_statements.
func scramVerifier(password string, salt []byte, rounds int) (string, error) {
	salted, err := pbkdf2.Key(sha256.New, password, salt, rounds, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	mac := func(message string) []byte {
		h := hmac.New(sha256.New, salted)
		h.Write([]byte(message))
		return h.Sum(nil)
	}
	stored := sha256.Sum256(mac("Client Key"))
	text := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", rounds, text(salt), text(stored[:]), text(mac("Server Key"))), nil
}

func newVerifier(password string) (string, error) {
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("make a salt: %w", err)
	}
	return scramVerifier(password, salt, scramRounds)
}

// verifies tells whether a verifier that the server keeps is of this password.
func verifies(verifier, password string) bool {
	rest, found := strings.CutPrefix(verifier, "SCRAM-SHA-256$")
	if !found {
		return false
	}
	head, _, _ := strings.Cut(rest, "$")
	roundsText, saltText, _ := strings.Cut(head, ":")
	rounds, err := strconv.Atoi(roundsText)
	if err != nil {
		return false
	}
	salt, err := base64.StdEncoding.DecodeString(saltText)
	if err != nil {
		return false
	}
	expected, err := scramVerifier(password, salt, rounds)
	return err == nil && subtle.ConstantTimeCompare([]byte(expected), []byte(verifier)) == 1
}
