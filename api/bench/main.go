// Command bench measures Waybill beside what the engines under it can do at best, in turn and in the same run:
//
//	make bench                         the default sizes, in under 15 minutes on two cores
//	BENCH_SCALE=full make bench        five million orders and a million open ones; an hour
//	BENCH_SCALE=small make bench       seconds for each case, to see that it works
//	BENCH_ONLY=list,counts make bench  only the cases that begin so
//
// It starts a private PostgreSQL that gives nothing of its durability up (fsync on), the built program on it, and both simulators. Each
// case runs its yardstick (pgbench with the same statements, River's own workers, a bare loop of the same calls) between its
// own rounds; what is printed are medians of the rounds. The table goes to standard output, and as JSON to bin/bench.json.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

// scale is how much is measured.
type scale struct {
	sizes     []int // orders of the lists
	rounds    int   // of each case, each beside its yardstick
	window    time.Duration
	sweep     int   // orders of the sweep without latency
	slow      int   // orders of the sweep with 100 ms a call
	open      []int // open orders whose check's cost is compared, and while which memory is looked at
	jobs      int
	live      int
	rehearsal time.Duration // of Black Friday
	perSecond int           // webhooks in it
}

var scales = map[string]scale{
	"small":   {sizes: []int{1_000, 10_000}, rounds: 1, window: time.Second, sweep: 300, slow: 200, open: []int{500, 1_000}, jobs: 5_000, live: 20, rehearsal: 3 * time.Second, perSecond: 100},
	"default": {sizes: []int{10_000, 1_000_000}, rounds: 3, window: 2 * time.Second, sweep: 3_000, slow: 1_200, open: []int{10_000}, jobs: 40_000, live: 200, rehearsal: 60 * time.Second, perSecond: 700},
	"full":    {sizes: []int{10_000, 1_000_000, 5_000_000}, rounds: 5, window: 3 * time.Second, sweep: 10_000, slow: 3_000, open: []int{10_000, 100_000, 1_000_000}, jobs: 100_000, live: 1_000, rehearsal: 60 * time.Second, perSecond: 700},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Getenv, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, env func(string) string, out, progress io.Writer) error {
	name := env("BENCH_SCALE")
	if name == "" {
		name = "default"
	}
	size, known := scales[name]
	if !known {
		return fmt.Errorf("BENCH_SCALE is small, default or full, not %q", name)
	}
	b := &bench{scale: size, progress: progress, began: time.Now()}
	if text := env("BENCH_ONLY"); text != "" {
		b.only = strings.Split(text, ",")
	}
	err := b.measure(ctx)
	if len(b.results) > 0 {
		if err := b.table(out); err != nil {
			return err
		}
		if err := b.keep("bin/bench.json", name); err != nil {
			return err
		}
	}
	return err
}

// bench is one run.
type bench struct {
	scale    scale
	only     []string
	progress io.Writer
	began    time.Time
	results  []result
}

// figures are what one side of a case came to: medians of its rounds.
type figures struct {
	PerSecond float64 `json:"per_second"`
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
}

// result is one line of the table.
type result struct {
	Case      string   `json:"case"`
	Ours      figures  `json:"waybill"`
	Yardstick string   `json:"yardstick,omitempty"`
	Theirs    *figures `json:"beside,omitempty"`
	Ratio     float64  `json:"ratio,omitempty"`
	Note      string   `json:"note,omitempty"`
}

// wants says whether a case was asked for.
func (b *bench) wants(names ...string) bool {
	return len(b.only) == 0 || slices.ContainsFunc(names, func(name string) bool {
		return slices.ContainsFunc(b.only, func(o string) bool { return strings.HasPrefix(name, o) || strings.HasPrefix(o, name) })
	})
}

func (b *bench) say(format string, args ...any) {
	_, _ = fmt.Fprintf(b.progress, "%6.1f s  %s\n", time.Since(b.began).Seconds(), fmt.Sprintf(format, args...))
}

// round is one turn of one side of a case.
type round func(context.Context) (figures, error)

// beside runs a case and its yardstick in turn.
func (b *bench) beside(ctx context.Context, name string, ours round, yardstick string, theirs round) error {
	if !b.wants(name) {
		return nil
	}
	var a, z []figures
	for range b.scale.rounds {
		one, err := ours(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		other, err := theirs(ctx)
		if err != nil {
			return fmt.Errorf("%s, %s: %w", name, yardstick, err)
		}
		a, z = append(a, one), append(z, other)
	}
	r := result{Case: name, Ours: medians(a), Yardstick: yardstick, Theirs: new(medians(z))}
	r.Ratio = r.Ours.PerSecond / r.Theirs.PerSecond
	b.add(r)
	return nil
}

// add keeps a result and says it.
func (b *bench) add(r result) {
	b.results = append(b.results, r)
	words := []string{r.Case + ":"}
	if r.Ours.PerSecond > 0 {
		words = append(words, fmt.Sprintf("%.0f a second", r.Ours.PerSecond))
	}
	if r.Ours.P50 > 0 {
		words = append(words, fmt.Sprintf("p50 %.2f ms, p99 %.2f ms", r.Ours.P50, r.Ours.P99))
	}
	if r.Theirs != nil {
		words = append(words, fmt.Sprintf("(%s %.0f: %.2f)", r.Yardstick, r.Theirs.PerSecond, r.Ratio))
	}
	b.say("%s %s", strings.Join(words, " "), r.Note)
}

func medians(rounds []figures) figures {
	of := func(get func(figures) float64) float64 {
		values := make([]float64, len(rounds))
		for i, r := range rounds {
			values[i] = get(r)
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	return figures{of(func(f figures) float64 { return f.PerSecond }), of(func(f figures) float64 { return f.P50 }), of(func(f figures) float64 { return f.P99 })}
}

// table prints all results.
func (b *bench) table(out io.Writer) error {
	t := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "case\ta second\tp50 ms\tp99 ms\tyardstick\ta second\tp50 ms\tp99 ms\tratio\t")
	for _, r := range b.results {
		_, _ = fmt.Fprintf(t, "%s\t%s\t", r.Case, r.Ours)
		if r.Theirs != nil {
			_, _ = fmt.Fprintf(t, "%s\t%s\t%.2f\t", r.Yardstick, *r.Theirs, r.Ratio)
		} else {
			_, _ = fmt.Fprint(t, "\t\t\t\t\t")
		}
		_, _ = fmt.Fprintln(t, r.Note)
	}
	return t.Flush()
}

// String is a side of a line of the table; what was not measured is left out.
func (f figures) String() string {
	cell := func(v float64, format string) string {
		if v == 0 {
			return ""
		}
		return fmt.Sprintf(format, v)
	}
	return cell(f.PerSecond, "%.0f") + "\t" + cell(f.P50, "%.2f") + "\t" + cell(f.P99, "%.2f")
}

// keep writes all results down.
func (b *bench) keep(path, name string) error {
	raw, err := json.MarshalIndent(map[string]any{"scale": name, "cores": runtime.NumCPU(), "took_seconds": time.Since(b.began).Seconds(), "results": b.results}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(raw, '\n'), 0o644) //nolint:gosec // it is to be read
}
