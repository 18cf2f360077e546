package handlers

import (
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"waybill/models"
	"waybill/services/accounts"
	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/audit"
	"waybill/services/database"
	"waybill/services/database/databasetest"
	"waybill/services/desk"
	"waybill/services/feed"
	"waybill/services/idempotency"
	"waybill/services/mail"
	"waybill/services/orders"
	"waybill/services/ordersync"
	"waybill/services/outgoing"
	"waybill/services/people"
	"waybill/services/vault"
	"waybill/services/wix/wixsim"
)

// noPages is a dashboard that was not built.
type noPages struct{}

func (noPages) Serve(http.ResponseWriter, *http.Request) bool { return false }

// door is the API over a database, with nothing behind it that calls a platform.
type door struct {
	testing.TB
	api      http.Handler
	db       *database.DB
	orders   *orders.Service
	accounts *accounts.Service
	people   *people.Service
	deps     Deps
	shop     *wixsim.Server        // behind the store; nil where nothing calls a platform
	market   *aliexpresssim.Server // behind the supplier account, likewise
	m        models.MerchantID
	store    models.ID
	url      string
	key      string
	vault    *vault.Vault
}

func newDoor(t testing.TB) *door {
	t.Helper()
	db := databasetest.New(t)
	sealer, err := vault.NewSealer(models.Secret(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("k"), 32))))
	if err != nil {
		t.Fatal(err)
	}
	keys := vault.New(db, sealer)
	d := &door{TB: t, db: db, vault: keys, orders: orders.New(db, keys, models.Pace{Lease: time.Minute, Settle: time.Second}), store: database.NewID()}
	merchants := accounts.New(db, keys, nil, nil)
	m, key, err := merchants.CreateMerchant(t.Context(), "Shop", "UTC", "")
	if err != nil {
		t.Fatal(err)
	}
	d.accounts, d.m, d.key = merchants, m, key.Reveal()
	d.exec("INSERT INTO connections (merchant_id, id, platform, external_id, name, state, created_at, updated_at) VALUES (?, ?, 'wix', 'w', '-Shop', 'active', now(), now())", m, d.store)
	d.serve(Deps{
		Orders: d.orders, Sync: &ordersync.Service{}, Accounts: merchants, Audit: audit.New(db), Feed: feed.New(db), Idempotency: idempotency.New(db), Ready: db.Ready, Docs: http.NotFoundHandler(), Pages: noPages{}, Log: slog.New(slog.DiscardHandler),
	})
	return d
}

func (d *door) serve(deps Deps) {
	d.Helper()
	if deps.PublicURL == "" {
		deps.PublicURL = "http://localhost:8080"
	}
	var err error
	d.people, err = people.New(people.Options{DB: d.db, Accounts: d.accounts, Sealer: d.vault.Sealer(), Mail: &mail.Sender{}, PublicURL: deps.PublicURL})
	if err != nil {
		d.Fatal(err)
	}
	deps.People, deps.Desk = d.people, desk.New(d.db)
	deps.Outgoing = outgoing.New(outgoing.Options{DB: d.db, Vault: d.vault, Log: deps.Log})
	d.deps = deps
	d.api = New(deps)
	server := httptest.NewServer(d.api)
	d.Cleanup(server.Close)
	d.url = server.URL + "/api/v1"
}

func (d *door) exec(sql string, args ...any) {
	d.Helper()
	if err := databasetest.Owner(d, d.db).Exec(sql, args...).Error; err != nil {
		d.Fatal(err)
	}
}

func (d *door) receive(o models.StoreOrder) (id models.ID) {
	d.Helper()
	err := d.db.Of(d.m).InTx(d.Context(), func(tx database.Tx) error {
		c, err := d.orders.Receive(tx, d.m, d.store, orders.By{Actor: models.ActorSystem, Source: models.SourceSweep}, o)
		id = c.OrderID
		return err
	})
	if err != nil {
		d.Fatal(err)
	}
	return id
}

func (d *door) call(method, path, body string) (status int, header http.Header, answer string) {
	d.Helper()
	req, err := http.NewRequestWithContext(d.Context(), method, d.url+path, strings.NewReader(body))
	if err != nil {
		d.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+d.key)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		d.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		d.Fatal(err)
	}
	return res.StatusCode, res.Header, string(raw)
}

// read makes a request that is answered with a status, into v.
func (d *door) read(method, path, body string, status int, v any) {
	d.Helper()
	got, _, answer := d.call(method, path, body)
	if got != status {
		d.Fatalf("%s %s answers %d: %s", method, path, got, answer)
	}
	if v != nil {
		if err := json.Unmarshal([]byte(answer), v); err != nil {
			d.Fatal(err)
		}
	}
}

// listed pages through a list and gives the store's ids of its orders.
func (d *door) listed(filter string) (ids []string) {
	d.Helper()
	for cursor := ""; ; {
		var page struct {
			Orders []struct {
				ExternalID string `json:"external_id"`
			}
			NextCursor string `json:"next_cursor"`
		}
		d.read(http.MethodGet, "/orders?limit=200&cursor="+url.QueryEscape(cursor)+filter, "", http.StatusOK, &page)
		for _, o := range page.Orders {
			ids = append(ids, o.ExternalID)
		}
		if cursor = page.NextCursor; cursor == "" {
			return ids
		}
	}
}

func (d *door) exported(filter string) (rows []map[string]string, raw string, header http.Header) {
	d.Helper()
	status, header, raw := d.call(http.MethodGet, "/orders/export?"+filter, "")
	if status != http.StatusOK || header.Get("Content-Type") != "text/csv; charset=utf-8" {
		d.Fatalf("the export answers %d, %s: %.300s", status, header.Get("Content-Type"), raw)
	}
	body, marked := strings.CutPrefix(raw, "\xef\xbb\xbf")
	if whole := strings.ReplaceAll(body, "\r\n", ""); !marked || strings.ContainsAny(whole, "\r\n") {
		d.Errorf("no UTF-8 mark, or lines that do not end in CRLF: %.100q", raw)
	}
	table, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil {
		d.Fatal(err)
	}
	for _, line := range table[1:] {
		row := map[string]string{}
		for i, name := range table[0] {
			row[name] = line[i]
		}
		rows = append(rows, row)
	}
	return rows, raw, header
}

// The table has the orders of the list in its order, however many there are, and nothing in it is run by a spreadsheet.
func TestAnExportIsItsListAsATable(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	placed := time.Date(2026, 3, 14, 10, 20, 41, 0, time.FixedZone("", 3600))
	d.receive(models.StoreOrder{
		ExternalID: "hostile", Number: "+1", PlacedAt: placed, UpdatedAt: placed, Status: "APPROVED", PaymentStatus: "PAID", Currency: "JPY", Total: models.Money{Minor: -1250, Currency: "JPY"},
		BuyerName: `=HYPERLINK("http://x")`, BuyerEmail: " @x.example", Recipient: models.Address{Country: "DE"}, Payload: []byte("{}"),
		Lines: []models.StoreLine{{ID: "a", Name: "Cup", VariantKey: "cup", Quantity: 2, Shippable: true}},
	})
	d.receive(models.StoreOrder{
		ExternalID: "umlauts", Number: "2", PlacedAt: placed, UpdatedAt: placed, Status: "APPROVED", PaymentStatus: "PAID", Currency: "EUR", Total: models.Money{Minor: 1999, Currency: "EUR"},
		BuyerName: "Jörg \"Ö\" Müßig,\nBerlin; 東京", Recipient: models.Address{Country: "DE"}, Payload: []byte("{}"),
		Lines: []models.StoreLine{{ID: "a", Name: "Cup", VariantKey: "cup", Quantity: 2, Shippable: true}},
	})
	d.exec(`INSERT INTO orders SELECT @m, gen_random_uuid(), @store, 'e' || i, 'N' || i, now() - (i / 3) * interval '1 minute', now(), 'APPROVED', 'PAID', '', 'open', now(),
		'USD', 1, 0, '', '', '', CASE WHEN i % 3 = 0 THEN 'DE' ELSE 'US' END, false, false, false, CASE WHEN i % 2 = 0 THEN 'awaiting_payment' ELSE 'pending' END, '', '', '[]', 0, false, NULL, '', NULL, now(), 0, 1, now(), now()
		FROM generate_series(1, 1200) i`, map[string]any{"m": d.m, "store": d.store})
	d.exec("UPDATE orders SET deadline_at = now() + right(number, 2)::int * interval '1 hour' WHERE number LIKE 'N%7_'")
	for filter, name := range map[string]string{
		"": "all", "&sort=oldest": "all", "&sort=deadline": "all", "&tab=awaiting_payment": "awaiting-payment", "&country=DE&tab=pending&sort=deadline": "pending", "&view=attention": "attention",
	} {
		rows, _, header := d.exported(filter)
		want := d.listed(filter)
		if len(rows) != len(want) {
			t.Fatalf("%q: %d rows of %d orders", filter, len(rows), len(want))
		}
		for i, row := range rows {
			if row["Store order id"] != want[i] {
				t.Fatalf("%q: row %d is %s, not %s", filter, i, row["Store order id"], want[i])
			}
		}
		file := `attachment; filename="waybill-orders-` + name + "-" + time.Now().UTC().Format(time.DateOnly) + `.csv"`
		if got := header.Get("Content-Disposition"); got != file {
			t.Errorf("%q: %s", filter, got)
		}
	}
	rows, raw, _ := d.exported("sort=oldest")
	hostile, umlauts := rows[0], rows[1]
	for name, want := range map[string]string{
		"Order number": "'+1", "Placed at": "2026-03-14T09:20:41Z", "Store": "'-Shop", "Buyer": `'=HYPERLINK("http://x")`, "E-mail": "' @x.example", "Country": "DE", "Tab": "Awaiting Order",
		"Total": "-1250", "Currency": "JPY", "Cost": "", "Pay by": "", "Open flags": "no_supplier; stale_order",
	} {
		if hostile[name] != want {
			t.Errorf("%s is %q, not %q", name, hostile[name], want)
		}
	}
	if umlauts["Buyer"] != "Jörg \"Ö\" Müßig,\nBerlin; 東京" || umlauts["Total"] != "19.99" || !strings.Contains(raw, `"Jörg ""Ö"" Müßig,`) {
		t.Errorf("%q, %q", umlauts["Buyer"], umlauts["Total"])
	}
	if status, header, _ := d.call(http.MethodGet, "/orders/export?cursor=x", ""); status != http.StatusUnprocessableEntity || header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("an unknown parameter: %d, %s", status, header.Get("Content-Type"))
	}
}

func TestACellIsNeverAFormula(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "Ann": "Ann", "7": "7", "a=b": "a=b", "=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\r=1": "'\r=1", "\n=1": "'\n=1",
		"  =1": "'  =1", "\u00a0=1": "'\u00a0=1", " \t": "' \t", "＝1": "'＝1", "'=1": "'=1", "  ": "  ", "\u200b=1": "'\u200b=1", "\v+1": "'\v+1", "\u2003-1": "'\u2003-1", "\ufeff@x": "'\ufeff@x",
	} {
		if got := cell(text); got != want {
			t.Errorf("%q becomes %q", text, got)
		}
	}
	if got := cell("a", "b"); got != "a; b" {
		t.Errorf("%q", got)
	}
}
