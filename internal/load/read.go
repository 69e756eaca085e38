package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Bounds of a block, the unit in which lines go through the pipeline.
const (
	blockLines = 256
	blockBytes = 128 << 10
)

// block is a run of lines of one input, and what a parser made of them.
type block struct {
	input string
	lines []line

	// parsed is closed when rows and rejections are there.
	parsed     chan struct{}
	rows       []*row
	rejections []Rejection
}

// reader cuts the inputs into blocks. Parsers take them from todo in any order;
// the router takes the same blocks from ordered, so that the order of lines is kept.
type reader struct {
	most    int
	todo    chan<- *block
	ordered chan<- *block
	bytes   atomic.Int64
	damaged []error // owned by run until it returns
}

// run reads all inputs. It returns the context's error; what is wrong with an
// input is kept in damaged, and the next one is read.
func (r *reader) run(ctx context.Context, inputs []Input) error {
	for _, in := range inputs {
		if err := r.input(ctx, in); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			r.damaged = append(r.damaged, err)
		}
	}
	return nil
}

func (r *reader) input(ctx context.Context, in Input) error {
	source, err := in.Open(ctx)
	if err != nil {
		return err
	}
	defer source.Close()
	// Ends a Read that waits for a pipe.
	stop := context.AfterFunc(ctx, func() { _ = source.Close() })
	defer stop()
	lines := lineReader{most: r.most}
	lines.r, err = plainText(&countingReader{source, &r.bytes})
	if foreign, ok := errors.AsType[*foreignError](err); ok {
		return &fault.Error{Kind: fault.Invalid, Field: in.Name, Message: foreign.advice, Err: err}
	}
	if err != nil {
		return ended(in, 1, err)
	}
	for {
		b := &block{input: in.Name, parsed: make(chan struct{})}
		end := r.fill(b, &lines)
		if len(b.lines) > 0 {
			if err := r.send(ctx, b); err != nil {
				return err
			}
		}
		if errors.Is(end, io.EOF) {
			return nil
		}
		if end != nil {
			return ended(in, lines.number, end)
		}
	}
}

func (r *reader) fill(b *block, lines *lineReader) error {
	for size := 0; len(b.lines) < blockLines && size < blockBytes; {
		l, err := lines.next()
		if err != nil {
			return err
		}
		b.lines = append(b.lines, l)
		size += len(l.text)
	}
	return nil
}

// send hands the block to the router first: what the parsers have, it waits for.
func (r *reader) send(ctx context.Context, b *block) error {
	for _, to := range []chan<- *block{r.ordered, r.todo} {
		select {
		case to <- b:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// ended is the error of an input that ends before its end.
func ended(in Input, number int64, cause error) error {
	return &fault.Error{
		Kind: fault.Invalid, Field: in.Name, Err: cause,
		Message: fmt.Sprintf("ends in line %d: %s; the lines before it were loaded; get the whole file and run the same command again", number, damage(cause)),
	}
}

// countingReader counts bytes as they are stored.
type countingReader struct {
	io.Reader
	n *atomic.Int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}
