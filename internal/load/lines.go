package load

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
)

// line is one line of an input, without its ending.
type line struct {
	number int64
	text   string
	// size is the whole line's where it was longer than allowed; text then holds its beginning.
	size int64
}

// byteOrderMark begins files that some editors wrote, and, where such files were
// put together, lines in the middle.
const byteOrderMark = "\xef\xbb\xbf"

// lineReader cuts text into lines. A line longer than most is passed over: only
// its beginning is kept.
type lineReader struct {
	r      *bufio.Reader
	most   int
	number int64
	long   []byte
}

// next returns the next line that is not empty. At an error other than io.EOF
// the line under way is dropped: nobody knows how it went on. number is then its number.
func (l *lineReader) next() (line, error) {
	for {
		l.number++
		text, size, err := l.read()
		if err != nil {
			return line{}, err
		}
		text = bytes.TrimPrefix(bytes.TrimRight(text, "\r\n"), []byte(byteOrderMark))
		switch {
		case size > 0:
			return line{number: l.number, text: strings.ToValidUTF8(string(text), "\uFFFD"), size: size}, nil
		case len(bytes.TrimSpace(text)) == 0:
			continue
		default:
			return line{number: l.number, text: string(text)}, nil
		}
	}
}

// read returns one line with its ending; size is 0 unless it is too long. The
// last line may have no ending.
func (l *lineReader) read() (text []byte, size int64, err error) {
	text, err = l.r.ReadSlice('\n')
	if err == nil || errors.Is(err, io.EOF) && len(text) > 0 {
		return l.fit(text)
	}
	if !errors.Is(err, bufio.ErrBufferFull) {
		return nil, 0, err
	}
	l.long = l.long[:0]
	var total int64
	for {
		total += int64(len(text))
		if room := l.most + len("\r\n") - len(l.long); room > 0 {
			l.long = append(l.long, text[:min(room, len(text))]...)
		}
		if err == nil || errors.Is(err, io.EOF) && total > 0 {
			break
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, 0, err
		}
		text, err = l.r.ReadSlice('\n')
	}
	if total > int64(len(l.long)) {
		return l.long[:min(len(l.long), longestText)], total, nil
	}
	return l.fit(l.long)
}

// fit judges a line that is there as a whole.
func (l *lineReader) fit(text []byte) ([]byte, int64, error) {
	if n := len(bytes.TrimRight(text, "\r\n")); n > l.most {
		return text[:min(n, longestText)], int64(n), nil
	}
	return text, 0, nil
}
