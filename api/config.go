package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"waybill/models"
	"waybill/services/mail"
	"waybill/services/people"
)

// Config is everything that can be set, read once from the environment.
type Config struct {
	DatabaseURL   models.Secret
	OwnerURL      models.Secret
	DirectURL     models.Secret
	ReplicaURL    models.Secret
	DatabaseConns int
	Roles         roles
	PostgresBin   string
	DataDir       string
	Listen        string
	PublicURL     string
	Proxies       []netip.Prefix
	PerMinute     int
	MetricsListen string
	OTLPEndpoint  string
	LogFormat     string
	LogLevel      string
	SecretKey     models.Secret
	OldSecretKeys models.Secret
	MerchantName  string
	MerchantZone  string
	APIKey        models.Secret
	SignUp        bool
	Embedded      bool

	StolenPasswords people.StolenPasswords

	WixBaseURL   string
	WixSiteURL   string
	WixAppID     string
	WixAppSecret models.Secret
	WixPublicKey string
	WixPerMinute int

	AliExpressBaseURL   string
	AliExpressAppKey    string
	AliExpressAppSecret models.Secret
	AliExpressPerSecond float64

	SMTPURL  models.Secret
	MailFrom string

	WebhookNetworks []netip.Prefix

	PlaceTimeout  time.Duration
	PlaceLease    time.Duration
	PlaceSettle   time.Duration
	CheckSpeed    float64
	BackFill      time.Duration
	Workers       int
	EventsKept    time.Duration
	SyncItemsKept time.Duration
	MessagesKept  time.Duration
	ShutdownGrace time.Duration
}

// setting is one line of the table from which the settings are read, checked, listed and printed.
type setting struct {
	name, fallback, help string
	set                  func(string) error
	show                 func() string
}

func (c *Config) settings() []setting {
	return []setting{
		secret("DATABASE_URL", "", "PostgreSQL 15 or later; a private server is started when it is empty", &c.DatabaseURL),
		secret("WAYBILL_OWNER_DATABASE_URL", "", "the same database with the login of its owner, with which it is migrated; DATABASE_URL may then be a login that owns nothing and belongs to waybill_app", &c.OwnerURL),
		secret("WAYBILL_DIRECT_DATABASE_URL", "", "where DATABASE_URL leads to a pooler in transaction mode (PgBouncer): the way past it, for the few connections that listen or hold a lock; needs a login that owns nothing", &c.DirectURL),
		secret("WAYBILL_REPLICA_DATABASE_URL", "", "a streaming replica that answers lists, exports and support's search when it has caught up with the request; the primary answers otherwise", &c.ReplicaURL),
		number("WAYBILL_DATABASE_CONNS", "0", "connections to the database; 0 for what the roles need: 8 for web, 8 for ingest, 12 for work", &c.DatabaseConns, 0, 1000),
		roleList("WAYBILL_ROLES", "web,work", "what this process does, comma separated: web (API, dashboard and webhooks), ingest (webhooks alone), work (jobs, and finding what is due); serve --roles goes before it", &c.Roles),
		text("WAYBILL_POSTGRES_BIN", "", "folder of postgres and initdb for the private server; searched when empty", &c.PostgresBin),
		text("WAYBILL_DATA_DIR", defaultDataDir(), "where the private server and the secret key live", &c.DataDir),
		text("WAYBILL_LISTEN", "127.0.0.1:8080", "address of the API", &c.Listen),
		link("WAYBILL_PUBLIC_URL", "http://localhost:8080", "where browsers and platforms reach Waybill; register <it>/api/v1/connections/aliexpress/callback at AliExpress", &c.PublicURL),
		networks("WAYBILL_TRUSTED_PROXIES", "", "networks of the proxies in front (10.0.0.0/8, comma separated), believed when they tell a client's address", &c.Proxies),
		number("WAYBILL_REQUESTS_PER_MINUTE", "1200", "how often each API key, session or unknown address may ask, in each process; 0 for no limit", &c.PerMinute, 0, 1000000),
		text("WAYBILL_METRICS_LISTEN", "127.0.0.1:9090", "address of Prometheus' /metrics; off for none", &c.MetricsListen),
		collector("OTEL_EXPORTER_OTLP_ENDPOINT", "", "OpenTelemetry collector to which traces are sent over HTTP (http://collector:4318); none when empty. OTEL_EXPORTER_OTLP_HEADERS, OTEL_TRACES_SAMPLER, OTEL_SERVICE_NAME and their like hold, too", &c.OTLPEndpoint),
		word("WAYBILL_LOG_FORMAT", "auto", "json, text, or auto: text on a terminal", &c.LogFormat, "auto", "json", "text"),
		word("WAYBILL_LOG_LEVEL", "info", "debug, info, warn or error", &c.LogLevel, "debug", "info", "warn", "error"),
		secret("WAYBILL_SECRET_KEY", "", "seals platform tokens: 32 bytes in base64; made in the data folder when empty", &c.SecretKey),
		secret("WAYBILL_OLD_SECRET_KEYS", "", "earlier secret keys, comma separated: they still open what they have sealed, until waybill rotate-secrets has sealed it anew", &c.OldSecretKeys),
		text("WAYBILL_MERCHANT_NAME", "My shop", "name of the first merchant, made on an empty database", &c.MerchantName),
		zone("WAYBILL_MERCHANT_ZONE", "UTC", "its time zone (IANA)", &c.MerchantZone),
		secret("WAYBILL_API_KEY", "", "its API key, at least 24 characters; made up and printed once when empty", &c.APIKey),
		onOff("WAYBILL_SIGN_UP", "off", "on: merchants sign up by themselves, with a link that is mailed to them", &c.SignUp),
		text("WAYBILL_STOLEN_PASSWORDS", "", "file of stolen passwords that nobody may choose: SHA-1 hashes with their counts, sorted by hash", (*string)(&c.StolenPasswords)),
		onOff("WAYBILL_WIX_EMBEDDED", "off", "on: the dashboard may be shown within that of a Wix site, whose owners are signed in by it; needs an https public URL", &c.Embedded),
		link("WAYBILL_WIX_BASE_URL", "https://www.wixapis.com", "Wix's API", &c.WixBaseURL),
		link("WAYBILL_WIX_SITE_URL", "https://www.wix.com", "where people install the app on their site", &c.WixSiteURL),
		text("WAYBILL_WIX_APP_ID", "", "app id from the Wix app dashboard", &c.WixAppID),
		secret("WAYBILL_WIX_APP_SECRET", "", "app secret key from there", &c.WixAppSecret),
		text("WAYBILL_WIX_PUBLIC_KEY", "", "webhook public key from there (PEM; \\n for line ends is understood); webhooks are refused without it", &c.WixPublicKey),
		number("WAYBILL_WIX_PER_MINUTE", "200", "calls a minute for each site; 0 for no limit of ours", &c.WixPerMinute, 0, 100000),
		link("WAYBILL_ALIEXPRESS_BASE_URL", "https://api-sg.aliexpress.com", "AliExpress' API; /sync and /rest lie below", &c.AliExpressBaseURL),
		text("WAYBILL_ALIEXPRESS_APP_KEY", "", "app key from the AliExpress app console", &c.AliExpressAppKey),
		secret("WAYBILL_ALIEXPRESS_APP_SECRET", "", "app secret from there", &c.AliExpressAppSecret),
		decimal("WAYBILL_ALIEXPRESS_PER_SECOND", "1", "calls a second for each method; 0 for no limit of ours", &c.AliExpressPerSecond, 0, 1000),
		secret("WAYBILL_SMTP_URL", "", "server through which mail is sent: smtps://user:password@host:465, or smtp://user:password@host:587 with STARTTLS; no mail when empty", &c.SMTPURL),
		text("WAYBILL_MAIL_FROM", "", "whose name mail is sent in: Waybill <waybill@example.com>", &c.MailFrom),
		networks("WAYBILL_WEBHOOK_NETWORKS", "", "for developers: private networks to which merchants' webhooks are sent all the same, on any port and without TLS", &c.WebhookNetworks),
		duration("WAYBILL_PLACE_TIMEOUT", "30s", "how long AliExpress may take to answer a purchase", &c.PlaceTimeout, time.Second, 5*time.Minute),
		duration("WAYBILL_PLACE_LEASE", "90s", "after this a purchase without an answer is unknown", &c.PlaceLease, 2*time.Second, time.Hour),
		duration("WAYBILL_PLACE_SETTLE", "60s", "how long an unknown purchase is left alone before it is looked for", &c.PlaceSettle, 0, time.Hour),
		decimal("WAYBILL_CHECK_SPEED", "1", "how often orders are checked: 1 as promised, 2 twice as often", &c.CheckSpeed, 0.01, 100000),
		duration("WAYBILL_BACK_FILL", "720h", "how far back a newly connected store is read", &c.BackFill, 0, 10*365*24*time.Hour),
		number("WAYBILL_WORKERS", "32", "jobs worked at once", &c.Workers, 1, 1000),
		duration("WAYBILL_EVENTS_KEPT", "0", "how long timelines are kept, by whole months and at least 2160h; 0 for as long as orders", &c.EventsKept, 0, 100*365*24*time.Hour),
		duration("WAYBILL_SYNC_ITEMS_KEPT", "2160h", "how long it is kept what a sync job did to each order, by whole months and at least 2160h; 0 for good", &c.SyncItemsKept, 0, 100*365*24*time.Hour),
		duration("WAYBILL_MESSAGES_KEPT", "2160h", "how long a platform's message that was worked is known again when it comes once more", &c.MessagesKept, 720*time.Hour, 100*365*24*time.Hour),
		duration("WAYBILL_SHUTDOWN_GRACE", "20s", "how long running work may take to end", &c.ShutdownGrace, time.Second, 10*time.Minute),
	}
}

// readConfig reads the settings and reports every mistake at once.
func readConfig(env func(string) (string, bool)) (Config, error) {
	var c Config
	var mistakes []error
	for _, s := range c.settings() {
		value, ok := env(s.name)
		if !ok || value == "" {
			value = s.fallback
		}
		if err := s.set(value); err != nil {
			mistakes = append(mistakes, fmt.Errorf("%s %w", s.name, err))
		}
	}
	mistakes = append(mistakes, c.combinations()...)
	if len(mistakes) > 0 {
		return c, fmt.Errorf("the settings cannot be used:\n%w", errors.Join(mistakes...))
	}
	c.WixPublicKey = strings.ReplaceAll(c.WixPublicKey, `\n`, "\n")
	return c, nil
}

// combinations finds settings that are fine alone and not together.
func (c *Config) combinations() (mistakes []error) {
	if c.PlaceLease < c.PlaceTimeout+5*time.Second && c.PlaceTimeout > 0 && c.PlaceLease > 0 {
		mistakes = append(mistakes, errors.New("WAYBILL_PLACE_LEASE must be at least 5 s longer than WAYBILL_PLACE_TIMEOUT, or a purchase is called unknown while its answer is still awaited"))
	}
	for name, kept := range map[string]time.Duration{"WAYBILL_EVENTS_KEPT": c.EventsKept, "WAYBILL_SYNC_ITEMS_KEPT": c.SyncItemsKept} {
		if kept != 0 && kept < 2160*time.Hour {
			mistakes = append(mistakes, fmt.Errorf("%s must be 0 or at least 2160h (90 days): what people still ask about is not thrown away", name))
		}
	}
	if c.OwnerURL != "" && c.DatabaseURL == "" {
		mistakes = append(mistakes, errors.New("WAYBILL_OWNER_DATABASE_URL is the owner's way to the database that DATABASE_URL names: set that too"))
	}
	if c.DirectURL != "" && c.DatabaseURL == "" {
		mistakes = append(mistakes, errors.New("WAYBILL_DIRECT_DATABASE_URL is the way past the pooler that DATABASE_URL names: set that too"))
	}
	if c.ReplicaURL != "" && c.DatabaseURL == "" {
		mistakes = append(mistakes, errors.New("WAYBILL_REPLICA_DATABASE_URL is a replica of the database that DATABASE_URL names: set that too"))
	}
	if n := c.DatabaseConns; n > 0 && n < 4 {
		mistakes = append(mistakes, errors.New("WAYBILL_DATABASE_CONNS must be at least 4, or 0 for what the roles need"))
	}
	if c.DatabaseURL == "" && (!c.Roles.web || !c.Roles.work) {
		mistakes = append(mistakes, errors.New("WAYBILL_ROLES: a process that does only a part needs a database that others reach, too: set DATABASE_URL"))
	}
	if n := len(c.APIKey); n > 0 && n < 24 {
		mistakes = append(mistakes, errors.New("WAYBILL_API_KEY must have at least 24 characters (openssl rand -hex 24)"))
	}
	if c.Embedded && !strings.HasPrefix(c.PublicURL, "https://") {
		mistakes = append(mistakes, errors.New("WAYBILL_WIX_EMBEDDED needs an https WAYBILL_PUBLIC_URL: Wix shows no other pages, and browsers keep no cookie of them"))
	}
	if (c.WixAppID == "") != (c.WixAppSecret == "") {
		mistakes = append(mistakes, errors.New("WAYBILL_WIX_APP_ID and WAYBILL_WIX_APP_SECRET belong together: set both or neither"))
	}
	if (c.AliExpressAppKey == "") != (c.AliExpressAppSecret == "") {
		mistakes = append(mistakes, errors.New("WAYBILL_ALIEXPRESS_APP_KEY and WAYBILL_ALIEXPRESS_APP_SECRET belong together: set both or neither"))
	}
	if err := c.StolenPasswords.Check(); err != nil {
		mistakes = append(mistakes, fmt.Errorf("WAYBILL_STOLEN_PASSWORDS: %w", err))
	}
	if _, err := mail.New(mail.Options{URL: c.SMTPURL, From: c.MailFrom}); err != nil {
		mistakes = append(mistakes, fmt.Errorf("WAYBILL_SMTP_URL, WAYBILL_MAIL_FROM: %w", err))
	}
	return mistakes
}

// roles are the parts of Waybill that a process runs.
type roles struct{ web, ingest, work bool }

// conns is how many connections the parts need where nothing else was said. Workers wait for the platforms most of the time and for the
// database only in between.
func (r roles) conns() (n int) {
	for _, part := range []struct {
		on bool
		n  int
	}{{r.web, 8}, {r.ingest && !r.web, 8}, {r.work, 12}} {
		if part.on {
			n += part.n
		}
	}
	return n
}

func (r roles) String() string {
	var names []string
	for _, part := range []struct {
		on   bool
		name string
	}{{r.web, "web"}, {r.ingest, "ingest"}, {r.work, "work"}} {
		if part.on {
			names = append(names, part.name)
		}
	}
	return strings.Join(names, ",")
}

func roleList(name, fallback, help string, to *roles) setting {
	return setting{name, fallback, help, func(v string) error {
		*to = roles{}
		for _, word := range strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' }) {
			switch word {
			case "web":
				to.web = true
			case "ingest":
				to.ingest = true
			case "work":
				to.work = true
			default:
				return fmt.Errorf("must be some of web, ingest and work, comma separated, not %q", word)
			}
		}
		if *to == (roles{}) {
			return errors.New("must name at least one of web, ingest and work")
		}
		return nil
	}, func() string { return to.String() }}
}

// defaultDataDir must be in reach of the database's user: a folder below /root is not.
func defaultDataDir() string {
	if os.Geteuid() == 0 {
		return "/var/lib/waybill"
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".local", "share", "waybill")
	}
	return filepath.Join(os.TempDir(), "waybill")
}

// list writes every setting with its default, for help.
func (c *Config) list(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, s := range c.settings() {
		fallback := s.fallback
		if fallback == "" {
			fallback = "-"
		}
		_, _ = fmt.Fprintf(t, "  %s\t%s\t%s\n", s.name, fallback, s.help)
	}
	_ = t.Flush()
}

// inUse gives name and value of every setting for the log; secrets as ***.
func (c *Config) inUse() []any {
	var out []any
	for _, s := range c.settings() {
		out = append(out, s.name, s.show())
	}
	return out
}

func text(name, fallback, help string, to *string) setting {
	return setting{name, fallback, help, func(v string) error { *to = strings.TrimSpace(v); return nil }, func() string { return *to }}
}

func secret(name, fallback, help string, to *models.Secret) setting {
	return setting{name, fallback, help, func(v string) error { *to = models.Secret(strings.TrimSpace(v)); return nil }, func() string { return to.String() }}
}

func onOff(name, fallback, help string, to *bool) setting {
	var said string
	s := word(name, fallback, help, &said, "on", "off")
	set := s.set
	s.set = func(v string) error {
		err := set(v)
		*to = said == "on"
		return err
	}
	return s
}

func word(name, fallback, help string, to *string, words ...string) setting {
	return setting{name, fallback, help, func(v string) error {
		for _, w := range words {
			if v == w {
				*to = v
				return nil
			}
		}
		return fmt.Errorf("must be one of %s, not %q", strings.Join(words, ", "), v)
	}, func() string { return *to }}
}

func number(name, fallback, help string, to *int, low, high int) setting {
	return setting{name, fallback, help, func(v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < low || n > high {
			return fmt.Errorf("must be a whole number from %d to %d, not %q", low, high, v)
		}
		*to = n
		return nil
	}, func() string { return strconv.Itoa(*to) }}
}

func decimal(name, fallback, help string, to *float64, low, high float64) setting {
	return setting{name, fallback, help, func(v string) error {
		n, err := strconv.ParseFloat(v, 64)
		if err != nil || !(n >= low && n <= high) {
			return fmt.Errorf("must be a number from %v to %v, not %q", low, high, v)
		}
		*to = n
		return nil
	}, func() string { return strconv.FormatFloat(*to, 'g', -1, 64) }}
}

func duration(name, fallback, help string, to *time.Duration, low, high time.Duration) setting {
	return setting{name, fallback, help, func(v string) error {
		d, err := time.ParseDuration(v)
		if err != nil || d < low || d > high {
			return fmt.Errorf("must be a duration from %s to %s such as 90s, not %q", low, high, v)
		}
		*to = d
		return nil
	}, func() string { return to.String() }}
}

func link(name, fallback, help string, to *string) setting {
	return setting{name, fallback, help, func(v string) error {
		u, err := url.Parse(v)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
			return errors.New("must be a URL such as https://www.example.com")
		case u.Scheme == "http" && !isLoopback(u.Hostname()):
			return errors.New("must begin with https: tokens would travel in the clear")
		}
		*to = strings.TrimRight(v, "/")
		return nil
	}, func() string { return *to }}
}

// collector reads an address of which no secret is sent to by itself, so that plain http is good enough within a network of one's own.
func collector(name, fallback, help string, to *string) setting {
	return setting{name, fallback, help, func(v string) error {
		u, err := url.Parse(v)
		if v != "" && (err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http") {
			return errors.New("must be a URL such as http://collector:4318")
		}
		*to = strings.TrimRight(v, "/")
		return nil
	}, func() string { return *to }}
}

// networks reads networks and single addresses, comma separated.
func networks(name, fallback, help string, to *[]netip.Prefix) setting {
	return setting{name, fallback, help, func(v string) error {
		*to = nil
		for _, part := range strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' }) {
			network, err := netip.ParsePrefix(part)
			if address, single := netip.ParseAddr(part); single == nil {
				network, err = address.Prefix(address.BitLen())
			}
			if err != nil || network.Bits() == 0 {
				return fmt.Errorf("must be networks such as 10.0.0.0/8, comma separated, not %q", part)
			}
			*to = append(*to, network.Masked())
		}
		return nil
	}, func() string { return strings.Trim(fmt.Sprint(*to), "[]") }}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func zone(name, fallback, help string, to *string) setting {
	return setting{name, fallback, help, func(v string) error {
		if _, err := time.LoadLocation(v); err != nil || v == "Local" {
			return fmt.Errorf("must be a time zone such as Europe/Berlin, not %q", v)
		}
		*to = v
		return nil
	}, func() string { return *to }}
}
