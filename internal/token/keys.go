package token

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Config says where the keys are. Exactly one of the two must be given.
type Config struct {
	// KeysFile holds a JSON Web Key Set. It is read again when it changes.
	KeysFile string `name:"token-keys-file" env:"OVASABI_TOKEN_KEYS_FILE" type:"path" help:"File with the keys that sign and verify tokens (a JSON Web Key Set); read again when it changes."`
	// Keys is a JSON Web Key Set itself.
	Keys string `name:"token-keys" env:"OVASABI_TOKEN_KEYS" help:"The keys themselves, as a JSON Web Key Set. Prefer the file: others may read a process's environment."`
}

// maxKeysFile bounds a file of keys, in bytes.
const maxKeysFile = 1 << 20

type jwks struct {
	Keys []jwk `json:"keys"`
}

// Keys is a set of keys. It does not change and is safe for concurrent use.
type Keys struct {
	byID   map[string]key
	signer *key
	sum    [sha256.Size]byte
}

// ParseKeys reads a JSON Web Key Set. An Invalid fault names the key and field
// that is wrong, and never quotes it.
func ParseKeys(text []byte) (*Keys, error) {
	var set jwks
	if err := json.Unmarshal(text, &set); err != nil {
		// The error of encoding/json may quote the text, which is secret.
		return nil, fault.Field("keys", `must be a JSON Web Key Set: {"keys": [{"kty": "OKP", …}]}`)
	}
	if len(set.Keys) == 0 || len(set.Keys) > 100 {
		return nil, fault.Field("keys", "must hold 1 to 100 keys, not %d", len(set.Keys))
	}
	keys := &Keys{byID: make(map[string]key, len(set.Keys)), sum: sha256.Sum256(text)}
	for i, j := range set.Keys {
		k, err := j.key()
		if err != nil {
			return nil, fault.New(fault.Invalid, "keys[%d].%w", i, err)
		}
		if _, twice := keys.byID[k.id]; twice {
			return nil, fault.New(fault.Invalid, "keys[%d].kid: is the same as another key's", i)
		}
		keys.byID[k.id] = k
		if keys.signer == nil && k.signs != nil {
			keys.signer = &k
		}
	}
	return keys, nil
}

// LoadKeys reads the keys that the configuration names.
func LoadKeys(c Config) (*Keys, error) {
	text, err := c.read()
	if err != nil {
		return nil, err
	}
	keys, err := ParseKeys(text)
	if err != nil && c.KeysFile != "" {
		return nil, fault.New(fault.Invalid, "file %s: %w", c.KeysFile, err)
	}
	return keys, err
}

func (c Config) read() ([]byte, error) {
	switch {
	case c.Keys != "" && c.KeysFile != "":
		return nil, fault.Field("token-keys", "must not be given beside token-keys-file")
	case c.Keys != "":
		return []byte(c.Keys), nil
	case c.KeysFile == "":
		return nil, fault.Field("token-keys-file", "must name a file of keys: make one with ovasabi token keys FILE")
	}
	info, err := os.Stat(c.KeysFile)
	if err != nil {
		return nil, fileFault(c.KeysFile, err)
	}
	if info.Size() > maxKeysFile {
		return nil, fault.New(fault.Invalid, "file %s: is larger than %d bytes and cannot be a set of keys", c.KeysFile, maxKeysFile)
	}
	text, err := os.ReadFile(c.KeysFile)
	if err != nil {
		return nil, fileFault(c.KeysFile, err)
	}
	return text, nil
}

func fileFault(path string, err error) error {
	why := "cannot be read"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		why = "does not exist"
	case errors.Is(err, fs.ErrPermission):
		why = "may not be read by this process"
	}
	return &fault.Error{Kind: fault.Invalid, Field: "token-keys-file", Message: path + " " + why, Err: err}
}

// EnsureKeysFile makes a file with one new key, readable by its owner only, unless the file is there already.
func EnsureKeysFile(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	text, err := NewKeysJSON()
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".keys-*")
	if err != nil {
		return fileFault(path, err)
	}
	defer func() { _ = os.Remove(temporary.Name()) }() // gone already when all went well
	_, err = temporary.Write(text)
	if err = errors.Join(err, temporary.Sync(), temporary.Close()); err != nil {
		return &fault.Error{Kind: fault.Unavailable, Field: "token-keys-file", Message: "cannot write " + path, Err: err}
	}
	// Link does not replace: of two that start at once, both use the keys of the first.
	if err := os.Link(temporary.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return &fault.Error{Kind: fault.Unavailable, Field: "token-keys-file", Message: "cannot make " + path, Err: err}
	}
	return nil
}

// find returns the key of a token's header. The algorithm must be the key's own:
// a token does not choose how it is verified.
func (k *Keys) find(header map[string]any, method jwt.SigningMethod) (any, error) {
	id, _ := header["kid"].(string)
	found, ok := k.byID[id]
	if !ok || found.method.Alg() != method.Alg() {
		return nil, ErrSignature
	}
	return found.verifies, nil
}
