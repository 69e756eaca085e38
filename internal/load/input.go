package load

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Input is something to read lines from.
type Input struct {
	// Name is what errors and rejects call it.
	Name string
	// Size is its size in bytes as stored, 0 where it is not known.
	Size int64
	// Open is called once, when its turn has come. What it returns is closed when
	// it was read, or when the load is broken off: then also while a Read is under way.
	Open func(ctx context.Context) (io.ReadCloser, error)
}

// Files returns the files as inputs, "-" for stdin. It looks at all of them
// first: where one is missing, unreadable or a folder, nothing is loaded.
func Files(paths []string, stdin io.Reader) ([]Input, error) {
	if len(paths) == 0 {
		return nil, fault.Field("file", "must be named: one or more files, or - for standard input")
	}
	inputs := make([]Input, 0, len(paths))
	seenStdin := false
	for _, path := range paths {
		if path == "-" {
			if seenStdin {
				return nil, fault.Field("file", "- stands twice: standard input can be read once")
			}
			seenStdin = true
			inputs = append(inputs, Reader("-", stdin))
			continue
		}
		in, err := file(path)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, in)
	}
	return inputs, nil
}

func file(path string) (Input, error) {
	f, err := os.Open(path)
	if err != nil {
		return Input{}, fileFault(path, err)
	}
	info, err := f.Stat()
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return Input{}, fileFault(path, err)
	}
	if info.IsDir() {
		return Input{}, fault.Field(path, "is a folder: name the files in it")
	}
	in := Input{Name: path, Open: func(context.Context) (io.ReadCloser, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, fileFault(path, err)
		}
		return f, nil
	}}
	if info.Mode().IsRegular() {
		in.Size = info.Size()
	}
	return in, nil
}

func fileFault(path string, err error) error {
	f := &fault.Error{Kind: fault.Internal, Field: path, Message: "cannot be read", Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.Kind, f.Message = fault.NotFound, "there is no such file"
	case errors.Is(err, fs.ErrPermission):
		f.Kind, f.Message = fault.Denied, "may not be read by this user: give it read permission"
	}
	return f
}

// Reader returns r as an input. A Read that does not come back when the load is
// broken off, as on a terminal, is left behind with its goroutine until it does.
func Reader(name string, r io.Reader) Input {
	return Input{Name: name, Open: func(ctx context.Context) (io.ReadCloser, error) {
		return newPump(ctx, r), nil
	}}
}

// pump reads in a goroutine of its own, because a Read on standard input cannot
// be called off.
type pump struct {
	ctx    context.Context //nolint:containedctx // a Reader's Read takes none
	cancel context.CancelFunc
	full   chan []byte
	empty  chan []byte
	err    error // set before full is closed
	rest   []byte
	buffer []byte
}

func newPump(ctx context.Context, r io.Reader) *pump {
	p := &pump{full: make(chan []byte), empty: make(chan []byte, 2)}
	p.ctx, p.cancel = context.WithCancel(ctx)
	const size = 64 << 10
	p.empty <- make([]byte, size)
	p.empty <- make([]byte, size)
	go p.run(r)
	return p
}

func (p *pump) run(r io.Reader) {
	defer close(p.full)
	for {
		var b []byte
		select {
		case b = <-p.empty:
		case <-p.ctx.Done():
			p.err = p.ctx.Err()
			return
		}
		n, err := r.Read(b[:cap(b)])
		if n > 0 {
			select {
			case p.full <- b[:n]:
			case <-p.ctx.Done():
				err = p.ctx.Err()
			}
		} else {
			p.empty <- b
		}
		if err != nil {
			p.err = err
			return
		}
	}
}

// Read returns what the goroutine has read.
func (p *pump) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		if p.buffer != nil {
			p.empty <- p.buffer // never blocks: there are two
			p.buffer = nil
		}
		select {
		case next, ok := <-p.full:
			if !ok {
				return 0, p.err
			}
			p.buffer, p.rest = next, next
		case <-p.ctx.Done():
			return 0, p.ctx.Err()
		}
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// Close lets the goroutine end.
func (p *pump) Close() error {
	p.cancel()
	return nil
}
