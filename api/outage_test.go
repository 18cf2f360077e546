package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/database/databasetest"
	"waybill/services/database/localpg"
	"waybill/services/wix/wixsim"
)

// PostgreSQL crashes under the running program and comes back. Nothing acknowledged is lost, nobody has to do anything.
func TestDatabaseGoneAndBack(t *testing.T) {
	t.Parallel()
	dir := reachable(t)
	where := localpg.Options{Dir: filepath.Join(dir, "data"), SocketDir: filepath.Join(dir, "socket"), Scratch: true}
	pg := startPostgres(t, where)
	if err := pg.CreateDatabase(t.Context(), "waybill", false); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, pg.URL("waybill"))
	w.run()
	w.connect()
	lines := w.goods()
	early := w.buy("paid", lines...)
	w.awaitOrder(early, "an order before the outage", inTab("awaiting_order"))

	crashPostgres(t, pg, where.Dir)
	if a := w.root("/healthz"); a.status != http.StatusOK {
		t.Errorf("without a database the program is not alive: %d", a.status)
	}
	checkProblem(t, w.root("/readyz"), http.StatusServiceUnavailable, "not_ready")
	for _, path := range []string{"/orders", "/orders/" + unknownID, "/orders/counts", "/sync-jobs", "/connections"} {
		p := checkProblem(t, w.call(http.MethodGet, path, nil), http.StatusServiceUnavailable, "database_unavailable")
		for _, secret := range []string{dir, "socket", "dial", "pgx", "user=", "connect:"} {
			if strings.Contains(p.Detail, secret) {
				t.Errorf("the answer shows the cause: %s", p.Detail)
			}
		}
	}
	checkProblem(t, w.call(http.MethodPost, "/sync-jobs", `{"scope":{"kind":"all"}}`), http.StatusServiceUnavailable, "database_unavailable")
	late := w.buy("paid", lines...)
	w.await("the webhook is refused, to come again", func() bool {
		for _, e := range w.wix.Journal() {
			if e.Kind == wixsim.KindWebhookFailed && e.OrderID == late {
				return e.Detail["problem"] == "answered 503"
			}
		}
		return false
	})

	startPostgres(t, where)
	w.await("the program is ready again", func() bool { return w.root("/readyz").status == http.StatusOK })
	w.awaitOrder(late, "the order of the outage has arrived", inTab("awaiting_order"))
	o := w.awaitOrder(early, "the order before it is there", inTab("awaiting_order"))
	w.place(o.ID)
	w.checkBoughtOnce(early)
	select {
	case <-w.process.exited:
		t.Error("the program ended")
	default:
	}
	w.terminate()
}

// reachable is a folder that the database's user can reach: a test's own folder is not, for root.
func reachable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "wb-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func startPostgres(t testing.TB, o localpg.Options) *localpg.Server {
	t.Helper()
	s, err := localpg.Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() }) // once more does no harm
	return s
}

// crashPostgres ends a server without letting it finish anything.
func crashPostgres(t testing.TB, s *localpg.Server, dir string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	_ = s.Stop() // waits until it is gone
}

// root asks for what lies outside the API.
func (w *world) root(path string) answer {
	w.t.Helper()
	res, err := http.Get(w.url + path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, body}
}

// A database URL that nobody can use ends the program with a sentence that names the setting and shows no password.
func TestDatabaseURLThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"postgres://waybill:secret-of-ours@%zz/waybill", "host=localhost port=many password=secret-of-ours"} {
		p := execute(t, []string{"DATABASE_URL=" + url, "WAYBILL_DATA_DIR=" + t.TempDir(), "WAYBILL_METRICS_LISTEN=off", "WAYBILL_LISTEN=127.0.0.1:0"}, nil, "serve")
		if code := p.ended(t); code != 1 {
			t.Errorf("status %d", code)
		}
		if said := lastLine(p); !strings.HasPrefix(said, "waybill: ") || !strings.Contains(said, "DATABASE_URL") {
			t.Errorf("the program ends with %q", said)
		}
		if strings.Contains(p.lines(), "secret-of-ours") {
			t.Errorf("the password is shown: %s", p.lines())
		}
	}
}

func lastLine(p *process) string {
	lines := strings.Split(strings.TrimSpace(p.lines()), "\n")
	return lines[len(lines)-1]
}

// AliExpress gives no answer, or says that it was asked too often: what is known stays, somebody who asks is told, and the
// program finds out by itself what happened meanwhile.
func TestAliExpressDown(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]aliexpresssim.Fault{
		"an internal error":    {How: aliexpresssim.InternalError},
		"a page for people":    {How: aliexpresssim.HTML},
		"reset connections":    {How: aliexpresssim.ResetBefore},
		"throttled":            {How: aliexpresssim.ThrottleAPI},
		"the app is throttled": {How: aliexpresssim.ThrottleApp, Seconds: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, databasetest.URL(t))
			w.silencePushes()
			w.run()
			w.connect()
			id := w.buy("paid", w.goods()...)
			o := w.awaitOrder(id, "the order is there", inTab("awaiting_order"))
			w.place(o.ID)
			o = w.awaitOrder(id, "it is bought", inTab("awaiting_payment"))

			fault.Method, fault.Times = "*", 1_000_000
			if err := w.ali.Fail(fault); err != nil {
				t.Fatal(err)
			}
			if err := w.ali.Pay(o.SupplierOrders[0].Number, aliexpresssim.PayOptions{}); err != nil {
				t.Fatal(err)
			}
			var job struct {
				ID, State                              string
				Total, Changed, Unchanged, Unreachable int
			}
			w.do(http.MethodPost, "/orders/"+o.ID+"/sync", map[string]any{"direction": "from_supplier", "reason": "is it paid?"}, http.StatusAccepted, &job)
			w.await("the sync job is done", func() bool {
				w.do(http.MethodGet, "/sync-jobs/"+job.ID, nil, http.StatusOK, &job)
				return job.State == "done"
			})
			var items struct {
				Items []struct{ Outcome, Before, After, Why string }
			}
			w.do(http.MethodGet, "/sync-jobs/"+job.ID+"/items", nil, http.StatusOK, &items)
			if len(items.Items) != 1 || job.Unreachable != 1 {
				t.Fatalf("the sync job says %+v, %+v", job, items)
			}
			if it := items.Items[0]; it.Outcome != "unreachable" || it.Before != "awaiting_payment" || it.After != "awaiting_payment" ||
				!strings.Contains(it.Why, "AliExpress") && !strings.Contains(it.Why, "call limit") || !strings.HasSuffix(it.Why, ".") {
				t.Errorf("the outcome is %+v", it)
			}
			o, _ = w.order(id)
			if o.Tab != "awaiting_payment" || o.NextCheckAt == nil || o.SupplierOrders[0].Stage != "unpaid" {
				t.Errorf("without an answer the order became %+v", o)
			}

			w.ali.ClearFaults()
			w.awaitOrder(id, "the payment is found by itself", inTab("awaiting_shipment"))
			w.terminate()
		})
	}
}

// Wix is down while it is told about a parcel: the number is kept, tried again, and confirmed once Wix is back.
func TestWixDownWhilePushing(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"status_503", "html_502", "reset_before", "status_429"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, databasetest.URL(t))
			w.run()
			w.connect()
			id := w.buy("paid", w.goods()...)
			o := w.awaitOrder(id, "the order is there", inTab("awaiting_order"))
			w.place(o.ID)
			o = w.awaitOrder(id, "it is bought", inTab("awaiting_payment"))
			if err := w.wix.Fail(wixsim.Fault{Op: "*", How: how, Seconds: 3600}); err != nil {
				t.Fatal(err)
			}
			number := o.SupplierOrders[0].Number
			if err := w.ali.Pay(number, aliexpresssim.PayOptions{}); err != nil {
				t.Fatal(err)
			}
			parcel, err := w.ali.Ship(number, aliexpresssim.ShipOptions{})
			if err != nil {
				t.Fatal(err)
			}
			o = w.awaitOrder(id, "the push is tried again", func(o orderView) bool { return len(o.Pushes) == 1 && o.Pushes[0].State == "retrying" })
			if o.Tab != "fulfilled" || o.Pushes[0].TrackingNumber != parcel.MailNo || o.chip("push_waiting") == "" || o.NextCheckAt == nil {
				t.Errorf("while Wix is down the order is %+v", o)
			}
			if _, told, _ := w.wix.Order(id); len(told) != 0 {
				t.Errorf("Wix was told: %+v", told)
			}
			w.wix.ClearFaults()
			w.awaitOrder(id, "Wix has confirmed it", func(o orderView) bool { return o.Pushes[0].State == "confirmed" })
			if _, told, _ := w.wix.Order(id); len(told) != 1 || told[0].TrackingInfo == nil || told[0].TrackingInfo.TrackingNumber != parcel.MailNo {
				t.Errorf("Wix has %+v", told)
			}
			w.terminate()
		})
	}
}
