// Package progress shows a person how far long work has come.
package progress

import (
	"fmt"
	"io"
	"time"

	"github.com/mattn/go-isatty"
)

// Line is one line that is rewritten on a terminal, and a line every few seconds
// elsewhere. It is not safe for concurrent use.
type Line struct {
	w        io.Writer
	terminal bool
	last     time.Time
	open     bool // the terminal's line is not ended
}

// plainEvery is how often a line is written where it cannot be rewritten.
const plainEvery = 5 * time.Second

// NewLine returns a line on w, which is a terminal if it is a file that is one.
func NewLine(w io.Writer) *Line {
	p := &Line{w: w}
	if f, ok := w.(interface{ Fd() uintptr }); ok {
		p.terminal = isatty.IsTerminal(f.Fd())
	}
	return p
}

// Show shows a line in the place of the last one.
func (p *Line) Show(line string) {
	if p.terminal {
		fmt.Fprintf(p.w, "\r\x1b[K%s", line)
		p.open = true
		return
	}
	if now := time.Now(); now.Sub(p.last) >= plainEvery {
		p.last = now
		fmt.Fprintln(p.w, line)
	}
}

// End leaves the last line on the terminal.
func (p *Line) End() {
	if p.open {
		fmt.Fprintln(p.w)
		p.open = false
	}
}

// Clear takes the line off the terminal, before results are printed.
func (p *Line) Clear() {
	if p.open {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.open = false
	}
}
