package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"time"

	"waybill/handlers"
	"waybill/models"
	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/database/localpg"
	"waybill/services/wix/wixsim"
)

// demo runs Waybill beside both simulators with a sample shop: products mapped, orders in every tab and in every trouble, new buyers now and
// then, suppliers that ship after a while. It uses Waybill's own API, as anybody would. An empty one has nothing connected and nobody in it.
func demo(ctx context.Context, args []string, env func(string) (string, bool), out, errOut io.Writer) error {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(errOut)
	speed := flags.Float64("speed", 1, "how fast buyers and suppliers are: 2 is twice as fast")
	empty := flags.Bool("empty", false, "nothing connected, nobody who buys or ships: for the way of a new merchant")
	if err := flags.Parse(args); err != nil {
		return onlyHelp(err)
	}
	if !(*speed > 0 && *speed <= 1000) {
		return fmt.Errorf("--speed must be more than 0 and at most 1000")
	}
	cfg, err := readConfig(demoSettings(env))
	if err != nil {
		return err
	}
	log := newLog(cfg, errOut)
	var past past
	sims, err := startSimulators(ctx, "127.0.0.1:0", "127.0.0.1:0", wixsim.Options{RateLimit: -1}, aliexpresssim.Options{ReadableAfter: -1, Now: past.now})
	if err != nil {
		return err
	}
	defer sims.stop()
	pg, err := freshDatabase(ctx, &cfg)
	if err != nil {
		return err
	}
	if pg != nil {
		defer func() { _ = pg.Stop() }()
	}
	useSimulators(&cfg, sims)
	cfg.APIKey = "demo-key-of-the-sample-shop"
	cast := &demoCast{}
	a, err := start(ctx, cfg, &handlers.Demo{APIKey: cfg.APIKey, Accounts: cast.accounts, WixURL: sims.wixURL, AliExpressURL: sims.aliURL}, log, errOut)
	if err != nil {
		return err
	}
	if err := cast.enter(ctx, a); err != nil {
		a.stop()
		return fmt.Errorf("make the demo's accounts: %w", err)
	}
	sims.wix.SetWebhookURL(a.url + "/api/v1/webhooks/wix")
	sims.aliexpress.SetPushURL(a.url + "/api/v1/webhooks/aliexpress")
	life, endLife := context.WithCancel(ctx)
	defer endLife()
	if *empty {
		announce(out, cfg.PublicURL, "Waybill runs with nothing connected.", cfg.APIKey.Reveal(), cast, sims, "Nothing happens by itself.")
		return a.untilDone(ctx)
	}
	shop := &sampleShop{sims: sims, past: &past, api: a.url + "/api/v1", key: cfg.APIKey.Reveal(), speed: *speed, log: log}
	if err := shop.open(ctx); err != nil {
		a.stop()
		return fmt.Errorf("open the sample shop: %w", err)
	}
	announce(out, cfg.PublicURL, "Waybill runs with a sample shop.", shop.key, cast, sims, fmt.Sprintf("A new buyer comes about every %s.", shop.every(newBuyer).Round(time.Second)))
	go shop.live(life)
	return a.untilDone(ctx)
}

// demoSettings makes the demo quiet unless told otherwise.
func demoSettings(env func(string) (string, bool)) func(string) (string, bool) {
	return func(name string) (string, bool) {
		if v, ok := env(name); ok && v != "" {
			return v, ok
		}
		switch name {
		case "WAYBILL_PUBLIC_URL":
			return ownURL(env), true
		case "WAYBILL_LOG_LEVEL":
			return "warn", true
		case "WAYBILL_MERCHANT_NAME":
			return "Sample shop", true
		}
		return "", false
	}
}

// ownURL is where a browser on this machine reaches the demo.
func ownURL(env func(string) (string, bool)) string {
	listen, _ := env("WAYBILL_LISTEN")
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// freshDatabase gives the demo an empty database in the private server: the simulators forget everything when they stop,
// so what an earlier demo stored would have no counterpart.
func freshDatabase(ctx context.Context, cfg *Config) (*localpg.Server, error) {
	if cfg.DatabaseURL != "" {
		return nil, nil
	}
	pg, err := privateDatabase(ctx, cfg, "demo", "waybill_demo", true)
	if err != nil && pg != nil {
		_ = pg.Stop()
	}
	return pg, err
}

func useSimulators(cfg *Config, s *simulators) {
	w, ali := s.wix.Info(), s.aliexpress.Info()
	cfg.WixBaseURL, cfg.WixSiteURL, cfg.WixAppID, cfg.WixAppSecret, cfg.WixPublicKey = s.wixURL, s.wixURL, w.AppID, models.Secret(w.AppSecret), w.WebhookPublicKey
	cfg.AliExpressBaseURL, cfg.AliExpressAppKey, cfg.AliExpressAppSecret = s.aliURL, ali.AppKey, models.Secret(ali.AppSecret)
	cfg.WixPerMinute, cfg.AliExpressPerSecond = 0, 0
	cfg.CheckSpeed = max(cfg.CheckSpeed, 20)
}

func announce(out io.Writer, url, what, key string, cast *demoCast, s *simulators, more string) {
	_, _ = fmt.Fprintf(out, `%[1]s

%[2]s Wix and AliExpress are simulated; nothing is bought.

  Dashboard              %[1]s
  API reference          %[1]s/docs
  API key                %[3]s
  Wix simulator          %[4]s/_sim/orders
  AliExpress simulator   %[5]s/_sim/orders

Try:

  curl -s -H 'Authorization: Bearer %[3]s' %[1]s/api/v1/orders/counts
  curl -s -H 'Authorization: Bearer %[3]s' '%[1]s/api/v1/orders?tab=awaiting_payment'
  curl -s -H 'Authorization: Bearer %[3]s' -H 'Content-Type: application/json' -d '{"scope":{"kind":"all"},"reason":"curious"}' %[1]s/api/v1/sync-jobs
  curl -sN -H 'Authorization: Bearer %[3]s' %[1]s/api/v1/events

Accounts (the dashboard signs in as the owner by itself, and offers the others when you sign out):

%[7]s
%[6]s Stop with Ctrl-C.

`, url, what, key, s.wixURL, s.aliURL, more, cast.list())
}
