package load

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"io"
)

const readBuffer = 256 << 10

// foreign are beginnings of files that are neither NDJSON nor gzip, with a way out.
var foreign = []struct{ magic, advice string }{
	{"\x28\xb5\x2f\xfd", "is compressed with zstd: pipe it in, as in zstd -dc FILE | ovasabi load … -"},
	{"BZh", "is compressed with bzip2: pipe it in, as in bzip2 -dc FILE | ovasabi load … -"},
	{"\xfd7zXZ\x00", "is compressed with xz: pipe it in, as in xz -dc FILE | ovasabi load … -"},
	{"PK\x03\x04", "is a zip archive: pipe its file in, as in unzip -p FILE | ovasabi load … -"},
	{"\xff\xfe", "is UTF-16: pipe it in as UTF-8, as in iconv -f UTF-16 -t UTF-8 FILE | ovasabi load … -"},
	{"\xfe\xff", "is UTF-16: pipe it in as UTF-8, as in iconv -f UTF-16 -t UTF-8 FILE | ovasabi load … -"},
}

// foreignError says that the input is of a format that a load does not read.
type foreignError struct{ advice string }

func (e *foreignError) Error() string { return e.advice }

// plainText returns the text of what r holds, plain or gzip: its first bytes
// say which, not its name. A gzip of several members is read to its end.
func plainText(r io.Reader) (*bufio.Reader, error) {
	b := bufio.NewReaderSize(r, readBuffer)
	if begins(b, "\x1f\x8b") {
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, err
		}
		b = bufio.NewReaderSize(z, readBuffer)
	}
	for _, f := range foreign {
		if begins(b, f.magic) {
			return nil, &foreignError{f.advice}
		}
	}
	return b, nil
}

func begins(b *bufio.Reader, magic string) bool {
	head, _ := b.Peek(len(magic)) // an error comes again with the first read
	return bytes.Equal(head, []byte(magic))
}

// damage says how an input ended before its end, in words for its reader.
func damage(err error) string {
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the gzip data is cut off"
	case errors.Is(err, gzip.ErrChecksum), errors.As(err, &corrupt):
		return "the gzip data is damaged"
	case errors.Is(err, gzip.ErrHeader):
		return "something that is not gzip follows the gzip data"
	default:
		return "it could not be read further"
	}
}
