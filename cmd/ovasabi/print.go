package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/mattn/go-isatty"
)

// printJSON writes v for a program.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// progressLine shows how long work goes: one line that is rewritten on a
// terminal, a line every few seconds elsewhere.
type progressLine struct {
	w        io.Writer
	terminal bool
	last     time.Time
	open     bool // the terminal's line is not ended
}

// plainEvery is how often a line is written where it cannot be rewritten.
const plainEvery = 5 * time.Second

func newProgressLine(w io.Writer) *progressLine {
	p := &progressLine{w: w}
	if f, ok := w.(interface{ Fd() uintptr }); ok {
		p.terminal = isatty.IsTerminal(f.Fd())
	}
	return p
}

func (p *progressLine) show(line string) {
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

// end leaves the last line on the terminal.
func (p *progressLine) end() {
	if p.open {
		fmt.Fprintln(p.w)
		p.open = false
	}
}
