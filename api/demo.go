package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"waybill/handlers"
	"waybill/models"
	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/database/localpg"
	"waybill/services/wix/wixsim"
)

// demo runs Waybill beside both simulators with a sample shop: products mapped, orders in every tab, new buyers now and
// then, suppliers that ship after a while. It uses Waybill's own API, as anybody would.
func demo(ctx context.Context, args []string, env func(string) (string, bool), out, errOut io.Writer) error {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(errOut)
	speed := flags.Float64("speed", 1, "how fast buyers and suppliers are: 2 is twice as fast")
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
	sims, err := startSimulators(ctx, "127.0.0.1:0", "127.0.0.1:0", wixsim.Options{RateLimit: -1}, aliexpresssim.Options{ReadableAfter: -1})
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
	a, err := start(ctx, cfg, &handlers.Demo{APIKey: cfg.APIKey, WixURL: sims.wixURL, AliExpressURL: sims.aliURL}, log, errOut)
	if err != nil {
		return err
	}
	sims.wix.SetWebhookURL(a.url + "/api/v1/webhooks/wix")
	sims.aliexpress.SetPushURL(a.url + "/api/v1/webhooks/aliexpress")
	shop := &sampleShop{sims: sims, api: a.url + "/api/v1", key: cfg.APIKey.Reveal(), speed: *speed, log: log}
	if err := shop.open(ctx); err != nil {
		a.stop()
		return fmt.Errorf("open the sample shop: %w", err)
	}
	shop.announce(out, a.url)
	life, endLife := context.WithCancel(ctx)
	go shop.live(life)
	err = a.untilDone(ctx)
	endLife()
	return err
}

// demoSettings makes the demo quiet unless told otherwise.
func demoSettings(env func(string) (string, bool)) func(string) (string, bool) {
	return func(name string) (string, bool) {
		if v, ok := env(name); ok && v != "" {
			return v, ok
		}
		switch name {
		case "WAYBILL_LOG_LEVEL":
			return "warn", true
		case "WAYBILL_MERCHANT_NAME":
			return "Sample shop", true
		}
		return "", false
	}
}

// freshDatabase gives the demo an empty database in the private server: the simulators forget everything when they stop,
// so what an earlier demo stored would have no counterpart.
func freshDatabase(ctx context.Context, cfg *Config) (*localpg.Server, error) {
	if cfg.DatabaseURL != "" {
		return nil, nil
	}
	pg, err := localpg.Start(ctx, localpg.Options{Dir: filepath.Join(cfg.DataDir, "demo"), Bin: cfg.PostgresBin})
	if err != nil {
		return nil, err
	}
	if err := pg.CreateDatabase(ctx, "waybill_demo", true); err != nil {
		_ = pg.Stop()
		return nil, err
	}
	cfg.DatabaseURL = models.Secret(pg.URL("waybill_demo"))
	return pg, nil
}

func useSimulators(cfg *Config, s *simulators) {
	w, ali := s.wix.Info(), s.aliexpress.Info()
	cfg.WixBaseURL, cfg.WixAppID, cfg.WixAppSecret, cfg.WixPublicKey = s.wixURL, w.AppID, models.Secret(w.AppSecret), w.WebhookPublicKey
	cfg.AliExpressBaseURL, cfg.AliExpressAppKey, cfg.AliExpressAppSecret = s.aliURL, ali.AppKey, models.Secret(ali.AppSecret)
	cfg.WixPerMinute, cfg.AliExpressPerSecond = 0, 0
	cfg.CheckSpeed = max(cfg.CheckSpeed, 20)
}

// sampleShop plays everybody but Waybill: buyers, the merchant where nobody else does, and the suppliers.
type sampleShop struct {
	sims    *simulators
	api     string
	key     string
	speed   float64
	log     *slog.Logger
	storeID string
	goods   []good
	buyers  int
}

// good is a product of the shop and the AliExpress SKU behind it.
type good struct {
	line wixsim.NewLine
	from aliexpresssim.Product
}

var (
	firstNames = []string{"Jane", "Omar", "Lucia", "Wei", "Amara", "Noah", "Ines", "Tom", "Priya", "Mateo"}
	lastNames  = []string{"Doe", "Haddad", "Marino", "Chen", "Okafor", "Berg", "Costa", "Fisher", "Nair", "Silva"}
)

func (s *sampleShop) open(ctx context.Context) error {
	if err := s.connect(ctx); err != nil {
		return err
	}
	if err := s.stock(ctx); err != nil {
		return err
	}
	// Orders in every tab: unpaid, to be bought, to be paid, waiting for the seller, partly and wholly shipped, closed.
	for _, how := range []struct {
		payment string
		stage   int // 0 leave, 1 place, 2 pay, 3 ship part, 4 ship all
		lines   int
		cancel  bool
	}{
		{payment: "authorized", lines: 1},
		{payment: "offline", lines: 2},
		{payment: "paid", lines: 1},
		{payment: "paid", lines: 2},
		{payment: "paid", stage: 1, lines: 1},
		{payment: "paid", stage: 1, lines: 2},
		{payment: "paid", stage: 2, lines: 1},
		{payment: "paid", stage: 3, lines: 2},
		{payment: "paid", stage: 4, lines: 1},
		{payment: "paid", stage: 4, lines: 2},
		{payment: "paid", lines: 1, cancel: true},
	} {
		id, err := s.buy(how.payment, how.lines)
		if err != nil {
			return err
		}
		if how.cancel {
			if _, err := s.sims.wix.CancelOrder(id); err != nil {
				return err
			}
		}
		if how.stage > 0 {
			if err := s.advance(ctx, id, how.stage); err != nil {
				return err
			}
		}
	}
	return nil
}

// connect connects the simulated site and the simulated buyer account, as a merchant would.
func (s *sampleShop) connect(ctx context.Context) error {
	signed, err := s.sims.wix.SignedInstance(s.sims.wix.Info().InstanceID)
	if err != nil {
		return err
	}
	var store struct{ ID string }
	if err := s.call(ctx, http.MethodPost, "/connections", map[string]any{"platform": "wix", "instance": signed}, &store); err != nil {
		return err
	}
	s.storeID = store.ID
	var begun struct{ State string }
	if err := s.call(ctx, http.MethodPost, "/connections/authorizations", map[string]any{"platform": "aliexpress"}, &begun); err != nil {
		return err
	}
	code := s.sims.aliexpress.Info().AuthCode // what the person would bring back from the page of consent
	return s.call(ctx, http.MethodPost, "/connections", map[string]any{"platform": "aliexpress", "code": code, "state": begun.State}, nil)
}

// stock offers every product that AliExpress has, at twice its price, and maps all but one: the shop has an order without a
// supplier, too.
func (s *sampleShop) stock(ctx context.Context) error {
	for i, p := range s.sims.aliexpress.Products() {
		var cents int64
		if m, err := models.ParseMoney(p.Price, p.Currency); err == nil {
			cents = m.Minor * 2
		}
		price := models.Money{Minor: cents, Currency: p.Currency}
		g := good{from: p, line: wixsim.NewLine{
			CatalogItemID: fmt.Sprintf("5376f9ec-b92e-efa9-e4a1-%012d", i+1), VariantID: fmt.Sprintf("00000000-0000-0020-0005-%012d", i+1),
			SKU: "WB-" + p.SKUID[len(p.SKUID)-5:], Name: p.Title, Quantity: 1, Price: json.Number(strings.Fields(price.String())[0]),
		}}
		s.goods = append(s.goods, g)
		if i == 0 {
			continue
		}
		err := s.call(ctx, http.MethodPost, "/product-mappings", map[string]any{
			"store_id": s.storeID, "variant_key": g.line.CatalogItemID + "/" + g.line.VariantID, "role": "dropship", "title": p.Title,
			"supplier_product_id": p.ProductID, "supplier_sku_id": p.SKUID, "supplier_sku_attr": p.SKUAttr,
			"supplier_store_id": p.StoreID, "supplier_store_name": p.StoreName,
		}, nil)
		if err != nil {
			return err
		}
	}
	return nil
}

// buy is a buyer's order in the store. The webhooks follow by themselves.
func (s *sampleShop) buy(payment string, lines int) (string, error) {
	n := s.buyers
	s.buyers++
	order := wixsim.NewOrder{
		Payment: payment, Currency: "USD",
		Buyer:   wixsim.NewBuyer{FirstName: firstNames[n%len(firstNames)], LastName: lastNames[(n*7+n/10)%len(lastNames)], Phone: "+12125550123"},
		Address: &wixsim.NewAddress{Country: "US", Subdivision: "US-NY", City: "New York", PostalCode: "10011", AddressLine: fmt.Sprintf("%d West 23rd Street", 200+n)},
	}
	order.Buyer.Email = strings.ToLower(order.Buyer.FirstName+"."+order.Buyer.LastName) + "@example.com"
	for i := range lines {
		line := s.goods[(n+i*3)%(len(s.goods)-1)+1].line
		line.Quantity = 1 + (n+i)%2
		order.Lines = append(order.Lines, line)
	}
	made, err := s.sims.wix.CreateOrder(order)
	return made.ID, err
}

// advance takes an order as far as stage says: placed, paid, partly shipped, wholly shipped.
func (s *sampleShop) advance(ctx context.Context, externalID string, stage int) error {
	id, err := s.await(ctx, externalID, func(o demoOrder) bool { return o.Tab == "awaiting_order" })
	if err != nil {
		return err
	}
	if err := s.call(ctx, http.MethodPost, "/orders/"+id+"/supplier-orders", map[string]any{"reason": "the sample shop buys it"}, nil); err != nil {
		return err
	}
	if _, err := s.await(ctx, externalID, func(o demoOrder) bool { return o.Tab == "awaiting_payment" }); err != nil || stage == 1 {
		return err
	}
	numbers, err := s.numbers(ctx, id)
	if err != nil {
		return err
	}
	for i, n := range numbers {
		if err := s.sims.aliexpress.Pay(n, aliexpresssim.PayOptions{}); err != nil {
			return err
		}
		if stage == 4 || stage == 3 && i == 0 && len(numbers) > 1 {
			if _, err := s.sims.aliexpress.Ship(n, aliexpresssim.ShipOptions{}); err != nil {
				return err
			}
		}
	}
	want := map[int]string{2: "awaiting_shipment", 3: "awaiting_shipment", 4: "fulfilled"}[stage]
	_, err = s.await(ctx, externalID, func(o demoOrder) bool { return o.Tab == want })
	return err
}

type demoOrder struct {
	ID, Tab        string
	SupplierOrders []struct{ Number string } `json:"supplier_orders"`
}

func (s *sampleShop) numbers(ctx context.Context, id string) ([]string, error) {
	var o demoOrder
	if err := s.call(ctx, http.MethodGet, "/orders/"+id, nil, &o); err != nil {
		return nil, err
	}
	var numbers []string
	for _, so := range o.SupplierOrders {
		if so.Number != "" {
			numbers = append(numbers, so.Number)
		}
	}
	return numbers, nil
}

// await waits until Waybill shows the order as wanted.
func (s *sampleShop) await(ctx context.Context, externalID string, wanted func(demoOrder) bool) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		var page struct{ Orders []demoOrder }
		if err := s.call(ctx, http.MethodGet, "/orders?q="+externalID, nil, &page); err != nil {
			return "", err
		}
		if len(page.Orders) == 1 && wanted(page.Orders[0]) {
			return page.Orders[0].ID, nil
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("order %s did not get where it should: %w", externalID, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// live keeps the shop alive: a new buyer every half minute or so, a merchant who buys and pays some of what waits, sellers
// who ship what is paid.
func (s *sampleShop) live(ctx context.Context) {
	every := func(d time.Duration) <-chan time.Time { return time.Tick(time.Duration(float64(d) / s.speed)) }
	buyers, sellers := every(25*time.Second), every(15*time.Second)
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-buyers:
			var id string
			id, err = s.buy([]string{"paid", "paid", "paid", "authorized"}[rand.IntN(4)], 1+rand.IntN(2))
			if err == nil && rand.IntN(3) == 0 {
				_ = s.advance(ctx, id, 2) // a buyer who has not paid yet is left to the visitor
			}
		case <-sellers:
			err = s.ship()
		}
		if err != nil && ctx.Err() == nil {
			s.log.Warn("the sample shop stumbled", "error", err)
		}
	}
}

// ship sends what one paid order still waits for, sometimes in two parcels.
func (s *sampleShop) ship() error {
	for _, o := range s.sims.aliexpress.Orders() {
		switch o.OrderStatus {
		case "SELLER_PART_SEND_GOODS":
			_, err := s.sims.aliexpress.Ship(o.OrderID, aliexpresssim.ShipOptions{})
			return err
		case "WAIT_SELLER_SEND_GOODS":
			how := aliexpresssim.ShipOptions{}
			if len(o.Items) > 1 && rand.IntN(2) == 0 {
				how.Items = []aliexpresssim.Item{{SKUID: o.Items[0].SKUID, Quantity: o.Items[0].Quantity}}
			}
			_, err := s.sims.aliexpress.Ship(o.OrderID, how)
			return err
		}
	}
	return nil
}

func (s *sampleShop) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.api+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, path, res.Status, raw)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(raw, out)
}

func (s *sampleShop) announce(out io.Writer, url string) {
	_, _ = fmt.Fprintf(out, `
Waybill runs with a sample shop. Wix and AliExpress are simulated; nothing is bought.

  Start page      %[1]s
  API reference   %[1]s/docs
  API key         %[2]s
  Wix simulator          %[3]s/_sim/orders
  AliExpress simulator   %[4]s/_sim/orders

Try:

  curl -s -H 'Authorization: Bearer %[2]s' %[1]s/api/v1/orders/counts
  curl -s -H 'Authorization: Bearer %[2]s' '%[1]s/api/v1/orders?tab=awaiting_payment'
  curl -s -H 'Authorization: Bearer %[2]s' -H 'Content-Type: application/json' -d '{"scope":{"kind":"all"},"reason":"curious"}' %[1]s/api/v1/sync-jobs
  curl -sN -H 'Authorization: Bearer %[2]s' %[1]s/api/v1/events

A new buyer comes about every %[5]s. Stop with Ctrl-C.

`, url, s.key, s.sims.wixURL, s.sims.aliURL, time.Duration(25*float64(time.Second)/s.speed).Round(time.Second))
}
