package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/database/databasetest"
)

// The drill of docs/operations.md: the database of a running Waybill is dumped, more happens, everything is lost, the dump is restored into
// another database, and a Waybill that is started there goes on with what was open. With another secret key it does not start. What was bought
// after the dump is linked before anything is bought again.
func TestADumpIsRestoredAndItsOrdersGoOn(t *testing.T) {
	t.Parallel()
	lost, restored := databasetest.URL(t), databasetest.EmptyURL(t)
	w := newWorld(t, lost, sharedKey)
	w.run()
	w.connect()
	goods := w.goods()
	bought, open := w.buy("paid", goods...), w.buy("paid", goods[0])
	w.place(w.awaitOrder(bought, "the order is here", inTab("awaiting_order")).ID)
	w.awaitOrder(bought, "it is bought", inTab("awaiting_payment"))
	w.awaitOrder(open, "another one is open", inTab("awaiting_order"))

	dump := filepath.Join(t.TempDir(), "waybill.dump")
	command(t, "pg_dump", "--format=custom", "--file="+dump, "--dbname="+lost)
	late := w.buy("paid", goods[1])
	w.place(w.awaitOrder(late, "an order that the dump does not know", inTab("awaiting_order")).ID)
	lateNumber := w.awaitOrder(late, "is bought, which the dump does not know either", inTab("awaiting_payment")).SupplierOrders[0].Number
	w.kill()

	// While nobody is there, things go on at the platforms.
	w.wix.SetWebhookURL("")
	number := w.bought()[0].OrderID
	if err := w.ali.Pay(number, aliexpresssim.PayOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.ali.Ship(number, aliexpresssim.ShipOptions{}); err != nil {
		t.Fatal(err)
	}
	command(t, "pg_restore", "--exit-on-error", "--dbname="+restored, dump)
	command(t, "psql", "--no-psqlrc", "--quiet", "--dbname="+restored, "--command="+
		"UPDATE merchants SET placing_tripped_at = now(), placing_tripped_why = 'The database was restored from a backup.' WHERE placing_tripped_at IS NULL")

	w.env = slices.DeleteFunc(w.env, func(s string) bool { return strings.HasPrefix(s, "DATABASE_URL=") })
	w.env = append(w.env, "DATABASE_URL="+restored)
	another := execute(t, append(slices.Clone(w.env), "WAYBILL_SECRET_KEY=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="), nil, "serve")
	if code := another.ended(t); code == 0 || !strings.Contains(lastLine(another), "WAYBILL_SECRET_KEY") {
		t.Errorf("with another secret key it ends with status %d: %s", code, lastLine(another))
	}
	w.wix.SetWebhookURL(w.url + "/api/v1/webhooks/wix")
	w.run()
	w.awaitOrder(bought, "what was bought before is fulfilled", func(o orderView) bool {
		return o.Tab == "fulfilled" && len(o.Pushes) == 1 && o.Pushes[0].State == "confirmed"
	})
	o := w.awaitOrder(late, "the store's sweep finds what the dump did not know", inTab("awaiting_order"))
	w.place(o.ID)
	w.place(w.awaitOrder(open, "what was open is", inTab("awaiting_order")).ID)
	w.awaitOrder(open, "buying waits until somebody has looked", func(o orderView) bool { return o.flagged("held") })
	o = w.awaitOrder(late, "also what was bought already", func(o orderView) bool { return o.flagged("held") })
	w.do(http.MethodPost, "/supplier-orders/"+o.SupplierOrders[0].ID+"/withdraw", nil, http.StatusOK, nil)
	w.do(http.MethodPost, "/orders/"+o.ID+"/supplier-orders/link", map[string]any{"number": lateNumber}, http.StatusCreated, nil)
	w.awaitOrder(late, "it has its number again", inTab("awaiting_payment"))
	w.do(http.MethodPost, "/settings/resume-placing", nil, http.StatusOK, nil)
	w.awaitOrder(open, "what waited is bought", inTab("awaiting_payment"))
	if made := w.bought(); len(made) != 3 {
		t.Errorf("AliExpress made %d orders for 3", len(made))
	}
	w.terminate()
}

// command runs one of PostgreSQL's own programs.
func command(t *testing.T, name string, args ...string) {
	t.Helper()
	program, err := exec.LookPath(name)
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/", "/opt/homebrew/opt/postgresql*/bin/", "/usr/local/opt/postgresql*/bin/"} {
		if found, _ := filepath.Glob(pattern + name); len(found) > 0 && err != nil {
			program, err = found[len(found)-1], nil
		}
	}
	if bin := os.Getenv("WAYBILL_POSTGRES_BIN"); bin != "" {
		program, err = exec.LookPath(filepath.Join(bin, name))
	}
	if err != nil {
		t.Fatalf("%s is missing: it comes with PostgreSQL's server or client package: %v", name, err)
	}
	if out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}
