package query

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

const (
	cursorVersion = 1
	// cursorMACBytes is HMAC-SHA256 cut to 128 bits, the least that RFC 2104 advises.
	cursorMACBytes = 16
	// cursorKeyBytes is the least length of a key: SHA-256's own.
	cursorKeyBytes = 32
	// maxCursorBytes bounds a token before it is decoded. It holds ordered texts of some 5 KB.
	maxCursorBytes = 8192
)

// CursorSigner makes and checks cursors. A cursor is opaque to its holder but
// not secret: it holds the ordered values of a row that the holder has seen. It
// does not change and is safe for concurrent use.
type CursorSigner struct {
	keys [][]byte
}

// NewCursorSigner signs with the first key and accepts cursors of all of them.
// To change keys, put the new one in front, and drop the old one when no client
// pages with it any more. A key is at least 32 random bytes.
func NewCursorSigner(key []byte, older ...[]byte) (*CursorSigner, error) {
	s := &CursorSigner{}
	for _, k := range append([][]byte{key}, older...) {
		if len(k) < cursorKeyBytes {
			return nil, fault.Field("cursor key", "must be at least %d bytes", cursorKeyBytes)
		}
		s.keys = append(s.keys, append([]byte(nil), k...))
	}
	return s, nil
}

// Sign makes a token of a row's ordered values, bound to the campaign and to the
// list. The builder does this in NextCursor; a list that is read by other means
// does it here. Values are nil, integers, floats, bools, texts, times, []byte,
// [16]byte, pointers to these, or driver.Valuers that give one.
func (s *CursorSigner) Sign(id campaign.ID, list string, values ...any) (string, error) {
	if !id.Valid() {
		return "", fault.New(fault.NoCampaign, "a cursor belongs to a campaign")
	}
	raw := make([]byte, 1, 64)
	raw[0] = cursorVersion
	var err error
	for _, v := range values {
		if raw, err = appendCursorValue(raw, v); err != nil {
			return "", err
		}
	}
	raw = append(raw, cursorMAC(s.keys[0], id, list, raw)...)
	if base64.RawURLEncoding.EncodedLen(len(raw)) > maxCursorBytes {
		return "", misuse("the ordered values are too long for a cursor: order by shorter columns")
	}
	return base64.RawURLEncoding.EncodeToString(raw), nil
}

// Open returns the values of a token that Sign made for this campaign and list:
// nil, int64, float64, bool, string, time.Time, []byte or [16]byte. Every other
// token is fault.Invalid on the field "cursor".
func (s *CursorSigner) Open(id campaign.ID, list, token string) ([]any, error) {
	if !id.Valid() {
		return nil, fault.New(fault.NoCampaign, "a cursor belongs to a campaign")
	}
	// The decoder skips line ends, which would let one cursor have many spellings.
	if len(token) > maxCursorBytes || strings.ContainsAny(token, "\r\n") {
		return nil, errCursor()
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) < 1+cursorMACBytes || raw[0] != cursorVersion {
		return nil, errCursor()
	}
	body, mac := raw[:len(raw)-cursorMACBytes], raw[len(raw)-cursorMACBytes:]
	signed := false
	for _, key := range s.keys { // all of them, so that the time does not tell which key it was
		signed = hmac.Equal(mac, cursorMAC(key, id, list, body)) || signed
	}
	if !signed {
		return nil, errCursor()
	}
	return cursorValues(body[1:])
}

// cursorMAC covers the campaign and the list, which are not in the token: the
// server knows them, and a token for others does not match.
func cursorMAC(key []byte, id campaign.ID, list string, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	head := make([]byte, 0, 48)
	head = append(head, "ovasabi cursor\x00"...)
	head = binary.BigEndian.AppendUint64(head, uint64(id.Int64()))
	head = binary.BigEndian.AppendUint64(head, uint64(len(list)))
	mac.Write(head)
	mac.Write([]byte(list))
	mac.Write(body)
	return mac.Sum(nil)[:cursorMACBytes]
}

func errCursor() error {
	return fault.Field("cursor", "does not belong to this list or was changed: start from the first page, without a cursor")
}
