//go:build previous

package main

import (
	"net/http"
	"os"
	"testing"

	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/database/databasetest"
)

// The previous release and this one on one database: how it is while machines are replaced one by one, and when that is taken back.
// make test-previous builds the previous one and names it in WAYBILL_PREVIOUS.
func TestPreviousReleaseAndThisOneAreOneWaybill(t *testing.T) {
	t.Parallel()
	previous := func() (string, error) { return os.Getenv("WAYBILL_PREVIOUS"), nil }
	database := databasetest.EmptyURL(t)
	old := newWorld(t, database, sharedKey)
	old.binary = previous
	old.run()
	old.connect()
	goods := old.goods()
	open := old.buy("paid", goods...)
	old.place(old.awaitOrder(open, "the previous release takes an order in", inTab("awaiting_order")).ID)
	old.awaitOrder(open, "and buys it", inTab("awaiting_payment"))
	before := migrationOf(t, database)

	// The database is migrated under the previous release, then this one comes beside it.
	young := old.replica()
	young.binary = program
	if code := execute(t, young.env, nil, "migrate").ended(t); code != 0 {
		t.Fatalf("migrate ended with status %d", code)
	}
	t.Logf("migrated from %d to %d", before, migrationOf(t, database))
	young.run()
	young.storeID = old.storeID

	// Orders go all the way round with both, each step asked of the other one than the one before, until both have worked.
	round := func(n int, id string, a, b *world) {
		o := a.awaitOrder(id, "it is here", func(o orderView) bool { return o.Tab == "awaiting_order" || o.Tab == "awaiting_payment" })
		if o.Tab == "awaiting_order" {
			b.place(o.ID)
		}
		o = a.awaitOrder(id, "it is bought", inTab("awaiting_payment"))
		number := o.SupplierOrders[0].Number
		if err := a.ali.Pay(number, aliexpresssim.PayOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := a.ali.Ship(number, aliexpresssim.ShipOptions{}); err != nil {
			t.Fatal(err)
		}
		b.awaitOrder(id, "it is fulfilled", func(o orderView) bool {
			return o.Tab == "fulfilled" && len(o.Pushes) == 1 && o.Pushes[0].State == "confirmed"
		})
		if _, fulfillments, err := a.wix.Order(id); err != nil || len(fulfillments) != 1 {
			t.Errorf("order %d has %d fulfillments in the store, %v", n, len(fulfillments), err)
		}
	}
	round(0, open, young, old)
	both := func() bool { return len(workersOf(t, database)) >= 2 }
	n := 1
	for ; n <= 4 || !both() && n < 20; n++ {
		a, b := young, old
		if n%2 == 0 {
			a, b = old, young
		}
		a.wix.SetWebhookURL(a.url + "/api/v1/webhooks/wix")
		a.ali.SetPushURL(b.url + "/api/v1/webhooks/aliexpress")
		round(n, a.buy("paid", goods...), a, b)
	}
	if !both() {
		t.Errorf("after %d orders only %v have worked", n, workersOf(t, database))
	}

	// The roll-out is taken back: the previous release starts on the database as this one left it, and goes on alone.
	id := young.buy("paid", goods...)
	young.awaitOrder(id, "this release takes one more in", inTab("awaiting_order"))
	young.terminate()
	old.terminate()
	old.run()
	old.wix.SetWebhookURL(old.url + "/api/v1/webhooks/wix")
	old.ali.SetPushURL(old.url + "/api/v1/webhooks/aliexpress")
	round(n, id, old, old)
	if made := old.bought(); len(made) != n+1 {
		t.Errorf("AliExpress made %d orders for %d", len(made), n+1)
	}
	var page struct {
		Jobs []any `json:"dead_letters"`
	}
	old.do(http.MethodGet, "/dead-letters", nil, http.StatusOK, &page)
	if len(page.Jobs) > 0 {
		t.Errorf("one release gave up what the other had asked for: %v", page.Jobs)
	}
	if n := countOf(t, database, "SELECT count(*) FROM river_job WHERE errors::text LIKE '%not registered%'"); n > 0 {
		t.Errorf("%d jobs were of a kind that one release does not know", n)
	}
	old.terminate()
}

func migrationOf(t *testing.T, database string) int {
	t.Helper()
	return countOf(t, database, "SELECT max(version_id)::int FROM goose_db_version")
}
