package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"waybill/models"
	"waybill/services/aliexpress"
	"waybill/services/database"
	"waybill/services/wix/wixsim"
)

// connect connects the simulated site and the buyer account to the first merchant.
func (s *stage) connect(ctx context.Context, p *process) error {
	signed, err := s.wix.SignedInstance(s.wix.Info().InstanceID)
	if err != nil {
		return err
	}
	var made, begun struct{ ID, URL, State string }
	if err := p.call(ctx, http.MethodPost, "/connections", map[string]any{"platform": "wix", "instance": signed}, &made); err != nil {
		return err
	}
	if err := p.call(ctx, http.MethodPost, "/connections/authorizations", map[string]any{"platform": "aliexpress"}, &begun); err != nil {
		return err
	}
	code, err := s.ali.NewAuthCode(s.ali.Info().UserID)
	if err != nil {
		return err
	}
	return p.call(ctx, http.MethodPost, "/connections", map[string]any{"platform": "aliexpress", "code": code, "state": begun.State}, &made)
}

// connected makes sure that the first merchant has its connections.
func (s *stage) connected(ctx context.Context) error {
	there, err := one[bool](ctx, s, "SELECT EXISTS (SELECT 1 FROM connections c JOIN api_keys k USING (merchant_id) WHERE k.name = 'first' AND c.platform = 'aliexpress')")
	if err != nil || there {
		return err
	}
	p, err := s.start(ctx, "web,work")
	if err != nil {
		return err
	}
	return errors.Join(s.connect(ctx, p), p.stop())
}

// sweeps measures how fast open orders that are all due are checked, and what each costs.
func (s *stage) sweeps(ctx context.Context) error {
	if err := s.connected(ctx); err != nil {
		return err
	}
	numbers, made := []string{}, 0
	more := func(upTo int) error {
		if upTo <= made {
			return nil
		}
		fresh, err := s.due(ctx, made+1, upTo)
		numbers, made = append(numbers, fresh...), upTo
		return err
	}
	size := s.b.scale
	if err := more(size.sweep); err != nil {
		return err
	}
	spent := ""
	ours := func(processes int) round {
		return func(ctx context.Context) (f figures, err error) {
			f, spent, err = s.swept(ctx, made, made, processes)
			return f, err
		}
	}
	if s.b.wants("sweep, orders checked") {
		if _, _, err := s.swept(ctx, made, made, 1); err != nil {
			return err
		}
	}
	bare := func(ctx context.Context) (figures, error) { return s.bareLoop(ctx, numbers, checksAtOnce) }
	if err := s.b.beside(ctx, "sweep, orders checked", ours(1), "a bare loop of the same calls", bare); err != nil {
		return err
	}
	s.b.note(spent)
	if b := s.b; b.wants("sweep") {
		s.latency.Store(int64(100 * time.Millisecond))
		numbers, made = numbers[:min(len(numbers), size.slow)], min(made, size.slow)
		err := b.beside(ctx, "sweep, 100 ms a call", ours(1), "a bare loop of the same calls", bare)
		if err == nil {
			err = b.beside(ctx, "sweep, 100 ms a call, two processes", ours(2), "one process", ours(1))
		}
		s.latency.Store(0)
		if err != nil {
			return err
		}
	}
	made = size.sweep
	for _, open := range size.open {
		if err := more(open); err != nil {
			return err
		}
		b := s.b
		b.say("sweep of %d open orders ...", open)
		first := min(open, seasoned)
		if _, _, err := s.swept(ctx, first, first, 1); err != nil {
			return err
		}
		f, spent, err := s.swept(ctx, made, first, 1)
		if err != nil {
			return err
		}
		s.b.add(result{Case: fmt.Sprintf("sweep of %d open orders", open), Ours: f, Note: spent})
	}
	return nil
}

// note adds words to the last line.
func (b *bench) note(text string) {
	if len(b.results) > 0 {
		b.results[len(b.results)-1].Note = text
		b.say("   %s", text)
	}
}

// checksAtOnce is how many checks a program of 32 workers has in hand: a quarter of them (ordersync.Queues).
const checksAtOnce = 8

// longest is how long a sweep is looked at: of a million orders only a part is waited for.
const longest = time.Minute

// seasoned is how many orders are checked once before a sweep is measured: the first check of an order writes down all that is new about it, and the daily bread of a
// sweep is orders of which nothing is new.
const seasoned = 30_000

// swept makes orders due, the first of them before the others, starts the program, and waits until they are checked.
func (s *stage) swept(ctx context.Context, orders, first, processes int) (f figures, spent string, err error) {
	if err := s.dueAgain(ctx, orders, first); err != nil {
		return f, "", err
	}
	s.checks.Store(0)
	metrics, err := freeAddress()
	if err != nil {
		return f, "", err
	}
	var running []*process
	defer func() {
		for _, p := range running {
			err = errors.Join(err, p.stop())
		}
	}()
	for i := range processes {
		more := []string{"WAYBILL_LOG_LEVEL=warn"}
		if i == 0 {
			more = append(more, "WAYBILL_METRICS_LISTEN="+metrics)
		}
		p, err := s.start(ctx, "web,work", more...)
		if err != nil {
			return f, "", err
		}
		running = append(running, p)
	}
	// The first orders warm up: connections, plans, tokens.
	warm := min(orders/10, 2000)
	var begin time.Time
	var from int64
	var ours, theirs time.Duration
	routines := 0
	for tick := 0; ; tick++ {
		n := s.checks.Load()
		if begin.IsZero() && n >= int64(warm) {
			begin, from = time.Now(), n
			if ours, theirs, err = s.cpu(running...); err != nil {
				return f, "", err
			}
		}
		if !begin.IsZero() && (n >= int64(orders) || time.Since(begin) > longest) {
			took, done := time.Since(begin), float64(n-from)
			after, afterDB, err := s.cpu(running...)
			if err != nil {
				return f, "", err
			}
			_, peak, err := memory(running[0].cmd.Process.Pid)
			if err != nil {
				return f, "", err
			}
			f.PerSecond = done / took.Seconds()
			spent = fmt.Sprintf("%.2f CPU-ms an order (waybill %.2f, PostgreSQL %.2f), %.0f MB at most, %d goroutines at most",
				ms(after-ours+afterDB-theirs)/done, ms(after-ours)/done, ms(afterDB-theirs)/done, peak, routines)
			return f, spent, nil
		}
		if tick%40 == 0 { // what is measured there is read from the database, and not for nothing
			if now, err := goroutines(ctx, metrics); err == nil {
				routines = max(routines, now)
			}
		}
		select {
		case <-ctx.Done():
			return f, "", ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // over at once
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func goroutines(ctx context.Context, address string) (n int, err error) {
	raw, err := ask(ctx, address, []byte("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(raw), "\ngo_goroutines ")
	_, err = fmt.Sscan(rest, &n)
	return n, err
}

// bareLoop makes the calls of a sweep through the same adapter, which reads the answers, and does nothing with them.
func (s *stage) bareLoop(ctx context.Context, numbers []string, at int) (figures, error) {
	info := s.ali.Info()
	c, err := aliexpress.New(aliexpress.Config{BaseURL: s.aliURL, AppKey: info.AppKey, AppSecret: models.Secret(info.AppSecret), PerSecond: -1})
	if err != nil {
		return figures{}, err
	}
	code, err := s.ali.NewAuthCode(info.UserID)
	if err != nil {
		return figures{}, err
	}
	grant, err := c.Exchange(ctx, models.App{}, code)
	if err != nil {
		return figures{}, err
	}
	access := models.Access{ExternalID: info.UserID, Token: grant.AccessToken, Purpose: models.PurposeBackground}
	var next atomic.Int64
	var all sync.WaitGroup
	failed := make([]error, at)
	start := time.Now()
	for i := range at {
		all.Go(func() {
			for failed[i] == nil {
				n := int(next.Add(1)) - 1
				if n >= len(numbers) {
					return
				}
				if _, failed[i] = c.Order(ctx, access, numbers[n]); failed[i] == nil && (n+1)%5 == 0 {
					_, failed[i] = c.Tracking(ctx, access, numbers[n])
				}
			}
		})
	}
	all.Wait()
	return figures{PerSecond: float64(len(numbers)) / time.Since(start).Seconds()}, errors.Join(failed...)
}

// idle is a job that does nothing.
type idle struct {
	N int `json:"n"`
}

// Kind names the job.
func (idle) Kind() string { return "idle" }

type idler struct {
	river.WorkerDefaults[idle]
	done *atomic.Int64
}

// Work does nothing.
func (w idler) Work(context.Context, *river.Job[idle]) error {
	w.done.Add(1)
	return nil
}

// jobs works jobs that do nothing: ours as serve works them, and River's client as its own benchmark sets it up.
func (s *stage) jobs(ctx context.Context) error {
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	pool, err := pgxpool.New(ctx, s.pg.URL(databaseName))
	if err != nil {
		return err
	}
	defer pool.Close()
	db, err := database.Open(ctx, database.Options{URL: s.pg.URL(databaseName), Log: quiet})
	if err != nil {
		return err
	}
	defer db.Close()
	n := s.b.scale.jobs
	var done atomic.Int64
	worked := func(start func(*river.Workers) (stop func() error, err error)) (f figures, err error) {
		done.Store(0)
		workers := river.NewWorkers()
		river.AddWorker(workers, idler{done: &done})
		inserter, err := river.NewClient(riverpgxv5.New(pool), &river.Config{Logger: quiet})
		if err != nil {
			return f, err
		}
		if err := s.exec(ctx, "TRUNCATE river_job"); err != nil {
			return f, err
		}
		for made := 0; made < n; {
			params := make([]river.InsertManyParams, min(5000, n-made))
			for i := range params {
				params[i].Args = idle{made + i}
			}
			if _, err := inserter.InsertManyFast(ctx, params); err != nil {
				return f, err
			}
			made += len(params)
		}
		if err := s.exec(ctx, "VACUUM ANALYZE river_job"); err != nil {
			return f, err
		}
		begin := time.Now()
		stop, err := start(workers)
		if err != nil {
			return f, err
		}
		for done.Load() < int64(n) && ctx.Err() == nil {
			<-time.After(time.Millisecond)
		}
		f.PerSecond = float64(n) / time.Since(begin).Seconds()
		return f, errors.Join(stop(), ctx.Err())
	}
	ours := func(context.Context) (figures, error) {
		return worked(func(workers *river.Workers) (func() error, error) {
			queue, err := db.Work(ctx, database.WorkOptions{Workers: workers, Queues: map[string]int{"default": 100}, Log: quiet})
			if err != nil {
				return nil, err
			}
			return func() error { return queue.Stop(10 * time.Second) }, nil
		})
	}
	theirs := func(context.Context) (figures, error) {
		return worked(func(workers *river.Workers) (func() error, error) {
			client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
				Workers: workers, Queues: map[string]river.QueueConfig{"default": {MaxWorkers: 2000}}, FetchCooldown: 2 * time.Millisecond, FetchPollInterval: 20 * time.Millisecond, Logger: quiet,
			})
			if err == nil {
				err = client.Start(ctx)
			}
			if err != nil {
				return nil, err
			}
			return func() error { return client.Stop(ctx) }, nil
		})
	}
	return s.b.beside(ctx, "jobs that do nothing", ours, "River as its benchmark runs it", theirs)
}

// live measures how long it takes from an order in the store until it is visible through the API, and until a browser is told.
func (s *stage) live(ctx context.Context) error {
	if err := s.connected(ctx); err != nil {
		return err
	}
	p, err := s.start(ctx, "web,work", "WAYBILL_LOG_LEVEL=warn")
	if err != nil {
		return err
	}
	s.wix.SetWebhookURL("http://" + p.address + "/api/v1/webhooks/wix")
	defer s.wix.SetWebhookURL("")
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.address)
	if err != nil {
		return errors.Join(err, p.stop())
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write(get("/events", adminKey)); err != nil {
		return errors.Join(err, p.stop())
	}
	told := make(chan time.Time, 1000)
	go func() {
		lines := bufio.NewReader(conn)
		for {
			line, err := lines.ReadBytes('\n')
			if err != nil {
				return
			}
			if bytes.HasPrefix(line, []byte("event: order")) {
				told <- time.Now()
			}
		}
	}()
	var seen, heard []time.Duration
	for range s.b.scale.live {
		for len(told) > 0 {
			<-told
		}
		start := time.Now()
		o, err := s.wix.CreateOrder(wixsim.NewOrder{Payment: "paid", Lines: []wixsim.NewLine{{Name: "Bottle", SKU: "WB-1", Quantity: 1, Price: "19.99"}}})
		if err != nil {
			return errors.Join(err, p.stop())
		}
		request := get("/orders?q="+url.QueryEscape(o.ID), adminKey)
		for {
			raw, err := ask(ctx, p.address, request)
			if err != nil {
				return errors.Join(err, p.stop())
			}
			if bytes.Contains(raw, []byte(o.ID)) {
				break
			}
		}
		seen = append(seen, time.Since(start))
		select {
		case at := <-told:
			heard = append(heard, at.Sub(start))
		case <-time.After(10 * time.Second):
			return errors.Join(errors.New("nothing was told within 10 s"), p.stop())
		}
	}
	for what, took := range map[string][]time.Duration{"order in the store to the API": seen, "order in the store to the browser": heard} {
		slices.Sort(took)
		s.b.add(result{Case: what, Ours: figures{P50: percentile(took, 0.5), P99: percentile(took, 0.99)}, Note: fmt.Sprintf("p95 %.1f ms", percentile(took, 0.95))})
	}
	return p.stop()
}

// deadline is how long Wix waits for the answer to a webhook, wix.md 5.6.
const deadline = 1250 * time.Millisecond

// rehearsal is Black Friday: webhooks of twenty stores at a steady rate while both platforms answer slowly, and somebody who looks at his list.
func (s *stage) rehearsal(ctx context.Context) error {
	if err := s.connected(ctx); err != nil {
		return err
	}
	b := s.b
	m, err := s.newMessages(ctx, "rehearsal", 0)
	if err != nil {
		return err
	}
	p, err := s.start(ctx, "web,work", "WAYBILL_LOG_LEVEL=error")
	if err != nil {
		return err
	}
	total := int(b.scale.rehearsal.Seconds()) * b.scale.perSecond
	b.say("rehearsal: making %d orders and signing %d webhooks ...", total/4, total)
	orders, err := s.rush(ctx, p, m, total)
	if err != nil {
		return errors.Join(err, p.stop())
	}
	s.latency.Store(int64(400 * time.Millisecond))
	defer s.latency.Store(0)
	acknowledged, listed, err := s.rushHour(ctx, p, m)
	if err != nil {
		return errors.Join(err, p.stop())
	}
	late := 0
	for _, took := range acknowledged {
		if took > deadline {
			late++
		}
	}
	slices.Sort(acknowledged)
	slices.Sort(listed)
	b.add(result{
		Case: fmt.Sprintf("rehearsal: %d webhooks a second for %s", b.scale.perSecond, b.scale.rehearsal), Ours: figures{P50: percentile(acknowledged, 0.5), P99: percentile(acknowledged, 0.99)},
		Note: fmt.Sprintf("%.3f %% acknowledged within %s, the slowest after %.0f ms", 100*float64(len(acknowledged)-late)/float64(total), deadline, percentile(acknowledged, 1)),
	})
	b.add(result{Case: "rehearsal: the list meanwhile", Ours: figures{P50: percentile(listed, 0.5), P99: percentile(listed, 0.99)}, Note: fmt.Sprintf("p95 %.1f ms", percentile(listed, 0.95))})
	began := time.Now()
	for {
		waiting, err := one[int](ctx, s, "SELECT count(*) FROM inbox WHERE done_at IS NULL")
		if err != nil {
			return errors.Join(err, p.stop())
		}
		if waiting == 0 || time.Since(began) > 5*time.Minute {
			known, err := one[int](ctx, s, "SELECT count(*) FROM orders WHERE external_id = ANY($1)", orders)
			if err != nil {
				return errors.Join(err, p.stop())
			}
			b.add(result{Case: "rehearsal: afterwards", Note: fmt.Sprintf("%d of %d orders are here; %d messages wait %.0f s after the last", known, len(orders), waiting, time.Since(began).Seconds())})
			return p.stop()
		}
		<-time.After(250 * time.Millisecond)
	}
}

// rush makes the orders of twenty connected sites, of which nobody is told, and four webhooks for each.
func (s *stage) rush(ctx context.Context, p *process, m *messages, total int) (ids []string, err error) {
	var sites []string
	for range 20 {
		site := s.wix.CreateInstance()
		signed, err := s.wix.SignedInstance(site)
		if err != nil {
			return nil, err
		}
		var made struct{ ID string }
		if err := p.call(ctx, http.MethodPost, "/connections", map[string]any{"platform": "wix", "instance": signed}, &made); err != nil {
			return nil, err
		}
		sites = append(sites, site)
	}
	if err := s.wix.SetWebhooks(wixsim.WebhookSwitches{Drop: true}); err != nil {
		return nil, err
	}
	orders := make([]wixsim.Order, total/4)
	for i := range orders {
		if orders[i], err = s.wix.CreateOrder(wixsim.NewOrder{InstanceID: sites[i%len(sites)], Payment: "paid", Lines: []wixsim.NewLine{{Name: "Bottle", SKU: "WB-1", Quantity: 1, Price: "19.99"}}}); err != nil {
			return nil, err
		}
		ids = append(ids, orders[i].ID)
	}
	m.made = make([][]byte, total)
	failed := make([]error, 4)
	var all sync.WaitGroup
	for w := range failed {
		all.Go(func() {
			for i := w; i < total && failed[w] == nil; i += len(failed) {
				o := orders[(i/4)%len(orders)]
				var body []byte
				if body, failed[w] = m.about(sites[(i/4)%len(orders)%len(sites)], o); failed[w] == nil {
					m.made[i] = post("/webhooks/wix", body)
				}
			}
		})
	}
	all.Wait()
	return ids, errors.Join(failed...)
}

// rushHour sends the messages at their times, whatever the answers take, and reads a list every 200 ms.
func (s *stage) rushHour(ctx context.Context, p *process, m *messages) (acknowledged, listed []time.Duration, err error) {
	b := s.b
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m.next.Store(0)
	var all sync.WaitGroup
	const clients = 64
	took, failed := make([][]time.Duration, clients), make([]error, clients+1)
	start := time.Now()
	for i := range clients {
		all.Go(func() {
			conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.address)
			if err != nil {
				failed[i] = err
				return
			}
			defer func() { _ = conn.Close() }()
			read := bufio.NewReader(conn)
			for {
				n := int(m.next.Add(1)) - 1
				if n >= len(m.made) {
					return
				}
				at := start.Add(time.Duration(n) * time.Second / time.Duration(b.scale.perSecond))
				<-time.After(time.Until(at))
				if _, failed[i] = conn.Write(m.made[n]); failed[i] == nil {
					_, failed[i] = answer(read, false)
				}
				if failed[i] != nil {
					return
				}
				took[i] = append(took[i], time.Since(at)) // from when it was to be sent: a client that was late makes it no better
			}
		})
	}
	looking := make(chan struct{})
	go func() {
		defer close(looking)
		for ctx.Err() == nil {
			began := time.Now()
			if _, err := ask(ctx, p.address, get("/orders?tab=awaiting_order&limit=50", adminKey)); err != nil {
				if ctx.Err() == nil {
					failed[clients] = err
				}
				return
			}
			listed = append(listed, time.Since(began))
			<-time.After(200 * time.Millisecond)
		}
	}()
	all.Wait()
	cancel()
	<-looking
	return slices.Concat(took...), listed, errors.Join(failed...)
}

// about is a webhook that an order has changed.
func (m *messages) about(site string, o wixsim.Order) ([]byte, error) {
	raw, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	return m.message(site, o.ID, raw)
}
