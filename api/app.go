package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"waybill/docs"
	"waybill/handlers"
	"waybill/models"
	"waybill/services/accounts"
	"waybill/services/aliexpress"
	"waybill/services/audit"
	"waybill/services/budgets"
	"waybill/services/database"
	"waybill/services/database/localpg"
	"waybill/services/desk"
	"waybill/services/feed"
	"waybill/services/health"
	"waybill/services/idempotency"
	"waybill/services/mail"
	"waybill/services/orders"
	"waybill/services/ordersync"
	"waybill/services/outgoing"
	"waybill/services/people"
	"waybill/services/vault"
	"waybill/services/wix"
	"waybill/web"
)

func serve(ctx context.Context, args []string, env func(string) (string, bool), errOut io.Writer) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	flags.SetOutput(errOut)
	roles := flags.String("roles", "", "")
	flags.Usage = func() {
		_, _ = fmt.Fprint(errOut, "Usage: waybill serve [--roles=web,ingest,work]\n\nRuns Waybill, or some of its parts. Everything is set in the environment (name, default, meaning):\n\n")
		(&Config{}).list(errOut)
	}
	if err := flags.Parse(args); err != nil {
		return errors.Join(err, onlyHelp(err))
	}
	cfg, err := readConfig(func(name string) (string, bool) {
		if name == "WAYBILL_ROLES" && *roles != "" {
			return *roles, true
		}
		return env(name)
	})
	if err != nil {
		return err
	}
	a, err := start(ctx, cfg, nil, newLog(cfg, errOut), errOut)
	if err != nil {
		return err
	}
	return a.untilDone(ctx)
}

// onlyHelp is flag.ErrHelp for a call for help and errUsage for a mistake that flag has told of already.
func onlyHelp(err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return flag.ErrHelp
	}
	return errUsage
}

// open opens the database for a command that does one thing, beside a Waybill that may run meanwhile. Whoever gets an app is to stop it.
func open(ctx context.Context, env func(string) (string, bool), errOut io.Writer) (*app, error) {
	cfg, err := readConfig(env)
	if err != nil {
		return nil, err
	}
	a := &app{cfg: cfg, log: newLog(cfg, errOut)}
	if err := a.openDatabase(ctx); err != nil {
		a.stop()
		return nil, err
	}
	return a, nil
}

// openWithKeys is open for a command that needs the secret keys and the accounts that they belong to.
func openWithKeys(ctx context.Context, env func(string) (string, bool), errOut io.Writer) (*app, *vault.Vault, error) {
	a, err := open(ctx, env, errOut)
	if err != nil {
		return nil, nil, err
	}
	sealer, err := a.cfg.sealer()
	if err != nil {
		a.stop()
		return nil, nil, err
	}
	keys := vault.New(a.db, sealer)
	a.accounts = accounts.New(a.db, keys, nil, nil)
	return a, keys, nil
}

func migrate(ctx context.Context, args []string, env func(string) (string, bool), errOut io.Writer) error {
	flags := flag.NewFlagSet("migrate", flag.ContinueOnError)
	flags.SetOutput(errOut)
	distribute := flags.Bool("distribute", false, "then distribute the database by merchant over the nodes of Citus, while no Waybill runs on it (docs/scaling.md)")
	if err := flags.Parse(args); err != nil {
		return errors.Join(err, onlyHelp(err))
	}
	a, err := open(ctx, env, errOut)
	if err != nil {
		return err
	}
	defer a.stop()
	if !*distribute {
		return nil
	}
	return database.Distribute(ctx, cmp.Or(a.cfg.OwnerURL, a.cfg.DatabaseURL).Reveal(), a.log)
}

// healthy is the container's health check: there is no shell to make one from.
func healthy(ctx context.Context, env func(string) (string, bool)) error {
	cfg, err := readConfig(env)
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return fmt.Errorf("WAYBILL_LISTEN: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s", res.Status)
	}
	return nil
}

// app is the running program. It starts from the bottom up and stops from the top down.
type app struct {
	cfg      Config
	log      *slog.Logger
	metrics  *metrics
	postgres *localpg.Server
	tracing  *trace.TracerProvider // nil: no traces
	db       *database.DB
	accounts *accounts.Service
	people   *people.Service
	sync     *ordersync.Service
	budgets  *budgets.Service
	health   *health.Recorder
	feed     *feed.Service
	mail     *mail.Sender
	outgoing *outgoing.Service
	queue    *database.Queue
	cancel   context.CancelFunc // of what runs for as long as the program
	running  sync.WaitGroup
	servers  []*http.Server
	failed   chan error
	url      string
	demo     *handlers.Demo // nil outside the demo
}

// start brings the program up; demo is nil for the real thing. One-time secrets are written to terminal, never to the log.
func start(ctx context.Context, cfg Config, demo *handlers.Demo, log *slog.Logger, terminal io.Writer) (*app, error) {
	a := &app{cfg: cfg, demo: demo, log: log, metrics: newMetrics(), failed: make(chan error, 4)}
	log.Info("starting", append([]any{"version", version()}, cfg.inUse()...)...)
	if err := a.up(ctx, terminal); err != nil {
		a.stop()
		return nil, err
	}
	log.Info("ready", "url", a.url)
	return a, nil
}

// up starts the parts in their order: database and migrations, adapters and services, the job queue, the sweeper, the
// listeners. Which of them depends on the roles; the services are there in every process.
func (a *app) up(ctx context.Context, terminal io.Writer) error {
	if a.cfg.OTLPEndpoint != "" {
		var err error
		if a.tracing, err = newTracing(ctx, a.cfg, a.log); err != nil {
			return err
		}
	}
	if err := a.openDatabase(ctx); err != nil {
		return err
	}
	handler, err := a.wire(ctx, terminal)
	if err != nil {
		return err
	}
	all := []func(context.Context){a.budgets.Run, a.health.Run}
	if a.cfg.Roles.web {
		all = append(all, a.feed.Run, a.db.WatchReplica)
	}
	if a.cfg.Roles.work {
		if err := a.work(ctx); err != nil {
			return err
		}
		all = append(all, a.sync.Sweeper, a.sync.Privacy, a.outgoing.Sweeper, a.tidy)
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	a.cancel = cancel
	for _, run := range all {
		a.running.Go(func() { run(life) })
	}
	if a.cfg.MetricsListen != "off" {
		if _, err := a.listen(ctx, a.cfg.MetricsListen, a.metrics.handler(a.db, a.sync)); err != nil {
			return fmt.Errorf("listen for metrics (WAYBILL_METRICS_LISTEN): %w", err)
		}
	}
	address, err := a.listen(ctx, a.cfg.Listen, handler)
	if err != nil {
		return fmt.Errorf("listen (WAYBILL_LISTEN): %w", err)
	}
	a.url = "http://" + address
	return nil
}

// work starts working jobs. It knows every kind, whoever enqueues them.
func (a *app) work(ctx context.Context) (err error) {
	workers, queues := a.sync.Workers(), ordersync.Queues(a.cfg.Workers)
	a.people.AddWorkers(workers)
	a.outgoing.AddWorkers(workers)
	maps.Copy(queues, a.outgoing.Queues())
	a.queue, err = a.db.Work(ctx, database.WorkOptions{Workers: workers, Queues: queues, Observe: a.metrics.job, Tracer: a.tracer(), Log: a.log})
	return err
}

// tidy deletes what is over, once an hour.
func (a *app) tidy(ctx context.Context) {
	clock := time.NewTicker(time.Hour)
	defer clock.Stop()
	for {
		if err := a.people.Tidy(ctx); err != nil && ctx.Err() == nil {
			a.log.Warn("tidy up sessions and links", "error", err)
		}
		if err := a.db.KeepMonths(ctx, database.Kept{Events: a.cfg.EventsKept, SyncJobItems: a.cfg.SyncItemsKept}); err != nil && ctx.Err() == nil {
			a.log.Warn("make and drop months", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-clock.C:
		}
	}
}

// openDatabase starts the private server where there is no other, waits for the database and migrates it.
func (a *app) openDatabase(ctx context.Context) (err error) {
	if a.cfg.DatabaseURL == "" {
		if a.postgres, err = privateDatabase(ctx, &a.cfg, "postgres", "waybill", false); err != nil {
			return err
		}
	}
	if a.db, err = database.Open(ctx, database.Options{URL: a.cfg.DatabaseURL.Reveal(), Direct: a.cfg.DirectURL.Reveal(), Replica: a.replicaURL(), MaxConns: int32(cmp.Or(a.cfg.DatabaseConns, a.cfg.Roles.conns())), Log: a.log}); err != nil {
		return fmt.Errorf("DATABASE_URL, WAYBILL_DIRECT_DATABASE_URL, WAYBILL_REPLICA_DATABASE_URL: %w", err)
	}
	wait, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		err := database.Migrate(wait, cmp.Or(a.cfg.OwnerURL, a.cfg.DirectURL, a.cfg.DatabaseURL).Reveal(), a.log)
		if err == nil {
			err = a.db.CheckWalls(wait)
		}
		if err == nil || !errors.Is(err, models.Unavailable) {
			return err
		}
		a.log.Warn("the database does not answer yet", "error", err)
		select {
		case <-wait.Done():
			return fmt.Errorf("the database cannot be reached (DATABASE_URL): %w", err)
		case <-time.After(time.Second):
		}
	}
}

// replicaURL is the replica of a process that answers people: others read no lists.
func (a *app) replicaURL() string {
	if !a.cfg.Roles.web {
		return ""
	}
	return a.cfg.ReplicaURL.Reveal()
}

// privateDatabase starts the private server with a database that is there, or a fresh one, and sets both ways to it: the owner's, and that of a
// login which owns nothing. The server is to be stopped even when there is an error, unless it is nil.
func privateDatabase(ctx context.Context, cfg *Config, folder, name string, fresh bool) (*localpg.Server, error) {
	pg, err := localpg.Start(ctx, localpg.Options{Dir: filepath.Join(cfg.DataDir, folder), Bin: cfg.PostgresBin})
	if err != nil {
		return nil, err
	}
	if err := pg.CreateDatabase(ctx, name, fresh); err != nil {
		return pg, err
	}
	url, err := pg.Login(ctx, "waybill_serve", database.Role, name)
	cfg.DatabaseURL, cfg.OwnerURL = models.Secret(url), models.Secret(pg.URL(name))
	return pg, err
}

// wire makes adapters and services and hands them to the handlers.
func (a *app) wire(ctx context.Context, terminal io.Writer) (http.Handler, error) {
	cfg := a.cfg
	a.budgets, a.health, a.feed = budgets.New(a.db, a.log), health.NewRecorder(a.db, a.log), feed.New(a.db)
	store, err := wix.New(wix.Config{
		BaseURL: cfg.WixBaseURL, SiteURL: cfg.WixSiteURL, AppID: cfg.WixAppID, AppSecret: cfg.WixAppSecret, PublicKeyPEM: cfg.WixPublicKey,
		Turns: a.budgets.Turns(wix.Pace(noLimit(cfg.WixPerMinute))), Observe: a.metrics.call,
	})
	if err != nil {
		return nil, fmt.Errorf("set up Wix: %w", err)
	}
	supplier, err := aliexpress.New(aliexpress.Config{
		BaseURL: cfg.AliExpressBaseURL, AppKey: cfg.AliExpressAppKey, AppSecret: cfg.AliExpressAppSecret,
		Turns: a.budgets.Turns(aliexpress.Pace(noLimit(cfg.AliExpressPerSecond))), PlaceTimeout: cfg.PlaceTimeout, Observe: a.metrics.call,
	})
	if err != nil {
		return nil, fmt.Errorf("set up AliExpress: %w", err)
	}
	if a.mail, err = mail.New(mail.Options{URL: cfg.SMTPURL, From: cfg.MailFrom}); err != nil {
		return nil, fmt.Errorf("set up mail: %w", err)
	}
	sealer, err := cfg.sealer()
	if err != nil {
		return nil, err
	}
	pace := cfg.pace()
	keys := vault.New(a.db, sealer)
	a.accounts = accounts.New(a.db, keys, supplier, store)
	if err := checkKeys(ctx, a.accounts); err != nil {
		return nil, err
	}
	if a.people, err = people.New(people.Options{DB: a.db, Accounts: a.accounts, Sealer: sealer, Mail: a.mail, PublicURL: cfg.PublicURL, SignUp: cfg.SignUp, Stolen: cfg.StolenPasswords}); err != nil {
		return nil, fmt.Errorf("WAYBILL_PUBLIC_URL: %w", err)
	}
	if err := a.firstMerchant(ctx, terminal); err != nil {
		return nil, err
	}
	truth := orders.New(a.db, keys, pace)
	a.sync = ordersync.New(ordersync.Options{
		DB: a.db, Vault: keys, Orders: truth, Accounts: a.accounts, Store: store, Supplier: supplier, Pace: pace, BackFill: cfg.BackFill, MessagesKept: cfg.MessagesKept,
		Rates: ordersync.Rates{StorePerSecond: float64(cfg.WixPerMinute) / 60, SupplierPerSecond: cfg.AliExpressPerSecond}, Budgets: a.budgets, Health: a.health,
		Log: a.log, Count: a.metrics.count, Lag: a.metrics.lag,
	})
	a.outgoing = outgoing.New(outgoing.Options{
		DB: a.db, Vault: keys, Mail: a.mail, PublicURL: cfg.PublicURL, Networks: cfg.WebhookNetworks, Workers: cfg.Workers, Log: a.log, Count: a.metrics.count,
	})
	if len(cfg.WebhookNetworks) > 0 {
		a.log.Warn("webhooks are sent to private networks (WAYBILL_WEBHOOK_NETWORKS): that is for developers", "networks", cfg.WebhookNetworks)
	}
	if cfg.WixAppID == "" || cfg.AliExpressAppKey == "" {
		a.log.Warn("a platform is not set up: see waybill serve --help", "wix", cfg.WixAppID != "", "aliexpress", cfg.AliExpressAppKey != "")
	}
	pages, err := web.New()
	if err != nil {
		return nil, err
	}
	answer := handlers.NewHealth
	switch {
	case cfg.Roles.web:
		answer = handlers.New
	case cfg.Roles.ingest:
		answer = handlers.NewIngest
	}
	return answer(handlers.Deps{
		Orders: truth, Sync: a.sync, Accounts: a.accounts, People: a.people, Desk: desk.New(a.db), Audit: audit.New(a.db), Feed: a.feed, Outgoing: a.outgoing, Idempotency: idempotency.New(a.db), PublicURL: cfg.PublicURL, TrustedProxies: cfg.Proxies, RequestsPerMinute: cfg.PerMinute, Embedded: cfg.Embedded, About: a.about(), Ready: a.db.Ready, Docs: docs.Handler(), Pages: pages, Log: a.log,
		Tracer: a.tracer(), Observe: a.metrics.request,
	}), nil
}

func (a *app) tracer() oteltrace.Tracer {
	if a.tracing == nil {
		return nil
	}
	return a.tracing.Tracer("waybill")
}

func (a *app) about() handlers.About {
	return handlers.About{Version: strings.TrimPrefix(version(), "waybill "), Wix: a.cfg.WixAppID != "", AliExpress: a.cfg.AliExpressAppKey != "", Demo: a.demo, SignUp: a.cfg.SignUp && a.mail.On(), Mail: a.mail.On()}
}

// noLimit turns the settings' "0 for no limit" into the adapters' negative number.
func noLimit[N int | float64](n N) N {
	if n == 0 {
		return -1
	}
	return n
}

// firstMerchant makes a merchant on an empty database. Its key is shown this once, on the terminal and not in the log.
func (a *app) firstMerchant(ctx context.Context, terminal io.Writer) error {
	made, key, err := a.accounts.CreateFirstMerchant(ctx, a.cfg.MerchantName, a.cfg.MerchantZone, a.cfg.APIKey)
	if err != nil || !made {
		return err
	}
	if a.cfg.APIKey == "" {
		_, err = fmt.Fprintf(terminal, "\nThe API key of %q, shown only this once: %s\n\n", a.cfg.MerchantName, key.Reveal())
	}
	return err
}

func (a *app) listen(ctx context.Context, address string, h http.Handler) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	s := newServer(h, a.log)
	a.servers = append(a.servers, s)
	go func() {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			a.failed <- fmt.Errorf("serve %s: %w", address, err)
		}
	}()
	return l.Addr().String(), nil
}

// newServer makes a server that waits for nobody: who speaks, or listens, too slowly is cut off. Streams and exports set times of
// their own.
func newServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 60 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// untilDone waits for a signal or a failure, then stops.
func (a *app) untilDone(ctx context.Context) error {
	var err error
	select {
	case <-ctx.Done():
		a.log.Info("stopping: finishing what is under way")
	case err = <-a.failed:
		a.log.Error("stopping", "error", err)
	}
	a.stop()
	a.log.Info("stopped")
	return err
}

// stop takes everything down in the opposite order, each part within the grace.
func (a *app) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), a.cfg.ShutdownGrace)
	defer cancel()
	for i := len(a.servers) - 1; i >= 0; i-- { // requests first: nothing new comes in
		if err := a.servers[i].Shutdown(ctx); err != nil {
			_ = a.servers[i].Close()
		}
	}
	if a.cancel != nil {
		a.cancel()
		a.running.Wait()
	}
	if a.queue != nil {
		if err := a.queue.Stop(a.cfg.ShutdownGrace); err != nil {
			a.log.Warn("jobs were cut off; they are given back", "error", err)
		}
	}
	if a.db != nil {
		a.db.Close()
	}
	if a.tracing != nil {
		if err := a.tracing.Shutdown(ctx); err != nil { // sends what is left
			a.log.Warn("the last traces were not sent", "error", err)
		}
	}
	if a.postgres != nil {
		if err := a.postgres.Stop(); err != nil {
			a.log.Warn("stop the private database", "error", err)
		}
	}
}

// newLog writes JSON, or text a person can read on a terminal.
func newLog(cfg Config, w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(cfg.LogLevel)) // checked by readConfig
	options := &slog.HandlerOptions{Level: level}
	if cfg.LogFormat == "text" || cfg.LogFormat == "auto" && isTerminal(w) {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
