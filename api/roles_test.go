package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/database/databasetest"
)

const sharedKey = "WAYBILL_SECRET_KEY=MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

// Three processes, each a part, are one Waybill: one answers people, one takes in what the platforms send, one works. Only that one works
// jobs, and without it nothing is lost.
func TestPartsInProcessesOfTheirOwnAreOneWaybill(t *testing.T) {
	t.Parallel()
	database := databasetest.URL(t)
	web := newWorld(t, database, sharedKey)
	ingest, work := web.replica(), web.replica()
	web.wix.SetWebhookURL(ingest.url + "/api/v1/webhooks/wix")
	web.ali.SetPushURL(ingest.url + "/api/v1/webhooks/aliexpress")

	// They begin together, on a database without a merchant.
	web.launch("serve", "--roles=web")
	ingest.launch("serve", "--roles", "ingest")
	web.awaitReady()
	ingest.awaitReady()
	if n := countOf(t, database, "SELECT count(*) FROM merchants"); n != 1 {
		t.Fatalf("there are %d merchants", n)
	}
	web.connect()
	goods := web.goods()
	id := web.buy("paid", goods...)
	web.await("the webhook is stored", func() bool { return countOf(t, database, "SELECT count(*) FROM inbox WHERE done_at IS NULL") > 0 })
	watched := web.stream("")
	web.await("the stream is ready", func() bool { return watched.has("ready") })
	if n := countOf(t, database, "SELECT count(*) FROM river_job WHERE attempt > 0"); n != 0 {
		t.Errorf("%d jobs were worked by processes that do not work", n)
	}

	work.env = append(work.env, "WAYBILL_ROLES=work")
	work.run()
	o := web.awaitOrder(id, "the waiting message is worked", inTab("awaiting_order"))
	web.await("and the process that answers tells of it", func() bool { return watched.has("order", o.ID, `"awaiting_order"`) })
	web.place(o.ID)
	o = web.awaitOrder(id, "it is bought", inTab("awaiting_payment"))
	number := o.SupplierOrders[0].Number
	if err := web.ali.Pay(number, aliexpresssim.PayOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := web.ali.Ship(number, aliexpresssim.ShipOptions{}); err != nil {
		t.Fatal(err)
	}
	web.awaitOrder(id, "it is fulfilled", func(o orderView) bool {
		return o.Tab == "fulfilled" && len(o.Pushes) == 1 && o.Pushes[0].State == "confirmed"
	})
	if workers := workersOf(t, database); len(workers) != 1 {
		t.Errorf("jobs were worked by %v", workers)
	}

	for _, part := range []struct {
		w    *world
		path string
		want int
	}{
		{web, "/healthz", http.StatusOK},
		{web, "/api/v1/webhooks/aliexpress", http.StatusOK},
		{web, "/docs", http.StatusOK},
		{ingest, "/healthz", http.StatusOK},
		{ingest, "/api/v1/webhooks/aliexpress", http.StatusOK},
		{ingest, "/api/v1/orders", http.StatusNotFound},
		{ingest, "/api/v1/about", http.StatusNotFound},
		{ingest, "/docs", http.StatusNotFound},
		{ingest, "/", http.StatusNotFound},
		{work, "/readyz", http.StatusOK},
		{work, "/api/v1/orders", http.StatusNotFound},
		{work, "/api/v1/webhooks/aliexpress", http.StatusNotFound},
	} {
		res, err := http.Get(part.w.url + part.path)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != part.want {
			t.Errorf("%s answers %d at %s", strings.Join(part.w.process.cmd.Args[1:], " "), res.StatusCode, part.path)
		}
	}
	for _, w := range []*world{work, ingest, web} {
		w.terminate()
	}
}

// workersOf are the processes that have worked jobs.
func workersOf(t *testing.T, database string) []string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	rows, err := conn.Query(t.Context(), "SELECT DISTINCT unnest(attempted_by) FROM river_job")
	if err != nil {
		t.Fatal(err)
	}
	workers, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(workers)
	return workers
}

func TestRolesAreReadAndTheirConnectionsCounted(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		roles
		conns int
	}{
		"":                {roles{web: true, work: true}, 20},
		"web":             {roles{web: true}, 8},
		"ingest":          {roles{ingest: true}, 8},
		"work":            {roles{work: true}, 12},
		"ingest, work":    {roles{ingest: true, work: true}, 20},
		"web,ingest,work": {roles{web: true, ingest: true, work: true}, 20},
	} {
		cfg, err := readConfig(environment(map[string]string{"DATABASE_URL": "host=x", "WAYBILL_ROLES": text}))
		if err != nil || cfg.Roles != want.roles || cfg.Roles.conns() != want.conns {
			t.Errorf("%q is %v with %d connections, %v", text, cfg.Roles, cfg.Roles.conns(), err)
		}
	}
	for _, wrong := range []map[string]string{{"WAYBILL_ROLES": "web,sweep", "DATABASE_URL": "host=x"}, {"WAYBILL_ROLES": ",", "DATABASE_URL": "host=x"}, {"WAYBILL_ROLES": "work"}, {"WAYBILL_DATABASE_CONNS": "2"}} {
		if _, err := readConfig(environment(wrong)); err == nil {
			t.Errorf("%v is taken", wrong)
		}
	}
}
