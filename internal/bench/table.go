package bench

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// barWidth is how many characters the longest bar has.
const barWidth = 24

var eighths = []rune(" ▏▎▍▌▋▊▉")

// bar draws a share of the longest, to an eighth of a character.
func bar(share float64) string {
	n := int(min(max(share, 0), 1)*barWidth*8 + 0.5)
	b := strings.Repeat("█", n/8)
	if n%8 > 0 {
		b += string(eighths[n%8])
	}
	if b == "" {
		return string(eighths[1])
	}
	return b
}

// figure writes a number so that three digits of it count.
func figure(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v >= 1000:
		return grouped(int64(v + 0.5))
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	default:
		return fmt.Sprintf("%.3f", v)
	}
}

// grouped writes thousands apart.
func grouped(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func optional(v *float64) string {
	if v == nil {
		return "–"
	}
	return figure(*v)
}

// WriteScenario writes one scenario for a terminal.
func WriteScenario(w io.Writer, s Scenario) error {
	fmt.Fprintf(w, "\n%s  %s\n%s; %d rounds; times in %s\n", strings.ToUpper(s.Name), s.Title, s.Of, s.Rounds, s.Unit)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\tmean\tp50\tp95\tp99\tops/s\trows/s\tallocs\ttrips\tbuffers\terrors\t ")
	if s.Headline == "" {
		writeVariants(t, s.Figures)
	}
	for _, c := range s.Cases {
		fmt.Fprintf(t, "%s\t\t\t\t\t\t\t\t\t\t\t %s\n", c.Name, ratioText(c.Figures))
		writeVariants(t, c.Figures)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "%s%s%s\n", headlineText(s), ratioText(s.Figures), targetText(s))
	for _, g := range s.Goals {
		fmt.Fprintf(w, "goal: %s\n", goalText(g))
	}
	for _, f := range s.Facts {
		fmt.Fprintf(w, "%s: %s %s\n", f.What, figure(f.Value), f.Unit)
	}
	_, err := fmt.Fprintln(w, s.Note)
	return err
}

func writeVariants(t io.Writer, f Figures) {
	longest := 0.0
	for _, v := range f.Variants {
		longest = max(longest, v.Mean)
	}
	for _, name := range f.Order {
		v := f.Variants[name]
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t %s\n", name,
			figure(v.Mean), figure(v.P50), figure(v.P95), figure(v.P99), figure(v.OpsPerS),
			optional(v.RowsPerS), optional(v.Allocs), optional(v.RoundTrips), optional(v.Buffers), v.Errors, bar(v.Mean/longest))
	}
}

// timesText is how many times more than after a variant costs.
func timesText(f Figures, name string) string {
	switch times := f.Variants[name].Times; {
	case name == f.After:
		return "1"
	case times == nil: // a report of before there was this column
		return "–"
	default:
		return fmt.Sprintf("%s (%s – %s)", figure(times.Ratio), figure(times.Low), figure(times.High))
	}
}

func ratioText(f Figures) string {
	return fmt.Sprintf("%s× (95%%: %s to %s), by %s", figure(f.Ratio), figure(f.RatioLow), figure(f.RatioHigh), f.RatioOf)
}

func targetText(s Scenario) string {
	switch {
	case s.Target == nil:
		return "; no target was promised"
	case *s.Met && s.RatioLow < *s.Target:
		return fmt.Sprintf("; target %s×: met, but within the noise", figure(*s.Target))
	case *s.Met:
		return fmt.Sprintf("; target %s×: met", figure(*s.Target))
	default:
		return fmt.Sprintf("; target %s×: NOT met", figure(*s.Target))
	}
}

func headlineText(s Scenario) string {
	if s.Headline == "" {
		return ""
	}
	return s.Headline + ": "
}

func goalText(g Goal) string {
	verdict := "reached"
	if !g.Met {
		verdict = "NOT reached"
	}
	if g.Why != "" {
		verdict += " (" + g.Why + ")"
	}
	if g.Most != nil {
		return fmt.Sprintf("%s: %s, at most %s: %s", g.What, figure(g.Value), figure(*g.Most), verdict)
	}
	return fmt.Sprintf("%s: %s, at least %s: %s", g.What, figure(g.Value), figure(*g.Least), verdict)
}

// WriteGround writes where the run took place.
func WriteGround(w io.Writer, r *Report) {
	fmt.Fprintf(w, "%s, %d cores, %d MiB, %s/%s, %s; PostgreSQL %s (io_method %s, shared_buffers %s, fsync %s, synchronous_commit %s)\n",
		orUnknown(r.Machine.CPU), r.Machine.Cores, r.Machine.MemoryMiB, r.Machine.OS, r.Machine.Arch, r.Machine.Go,
		r.Server.Version, r.Server.Settings["io_method"], r.Server.Settings["shared_buffers"], r.Server.Settings["fsync"], r.Server.Settings["synchronous_commit"])
	if r.Short {
		fmt.Fprintln(w, "A short run: it proves that the tool works. Its times mean nothing.")
	}
	if r.Remark != "" {
		fmt.Fprintln(w, r.Remark)
	}
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown processor"
	}
	return s
}
