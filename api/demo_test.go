package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"waybill/models"
)

// The demo shows a shop with an order in every tab, on a database of its own, with nothing set but where it listens.
func TestDemo(t *testing.T) {
	t.Parallel()
	w := &world{t: t, routes: document(t)}
	address := freeAddress(t)
	w.url = "http://" + address
	data := filepath.Join(reachable(t), "data")
	w.env = []string{"WAYBILL_DATA_DIR=" + data, "WAYBILL_LISTEN=" + address, "WAYBILL_METRICS_LISTEN=off"}
	w.launch("demo", "--speed", "20")
	w.await("the demo has printed its key", func() bool {
		select {
		case <-w.process.exited:
			t.Fatalf("the demo ended:\n%s", w.process.lines())
		default:
		}
		return strings.Contains(w.process.out.lines(), "Ctrl-C")
	})
	if first, _, _ := strings.Cut(w.process.out.lines(), "\n"); first != w.url {
		t.Errorf("the first line is %q", first)
	}
	_, rest, _ := strings.Cut(w.process.out.lines(), "API key")
	w.key = strings.Fields(rest)[0]

	var about struct {
		Name       string
		Key        string `json:"demo_api_key"`
		Platforms  struct{ Wix, AliExpress bool }
		Simulators struct{ Wix, AliExpress string }
	}
	w.do(http.MethodGet, "/about", nil, http.StatusOK, &about)
	if about.Name != "Waybill" || about.Key != w.key || !about.Platforms.Wix || !about.Platforms.AliExpress || about.Simulators.Wix == "" || about.Simulators.AliExpress == "" {
		t.Errorf("it says of itself: %+v", about)
	}
	var me struct {
		Merchant struct{ Name, Zone string }
		KeyName  string `json:"key_name"`
	}
	w.do(http.MethodGet, "/me", nil, http.StatusOK, &me)
	if me.Merchant.Name != "Sample shop" || me.Merchant.Zone == "" || me.KeyName != "first" {
		t.Errorf("the key speaks for %+v", me)
	}

	w.everyRoleSignsIn(t)

	// Buyers buy and sellers ship meanwhile, so a tab may be empty for a moment.
	seen := map[string]bool{}
	w.await("every tab has had an order", func() bool {
		var counts map[string]any // numbers, and whether they were cut short
		w.do(http.MethodGet, "/orders/counts", nil, http.StatusOK, &counts)
		for view, n := range counts {
			seen[view] = seen[view] || n != 0.0
		}
		for _, tab := range []string{"pending", "awaiting_order", "awaiting_payment", "awaiting_shipment", "fulfilled", "closed"} {
			if !seen[tab] {
				return false
			}
		}
		return true
	})
	for _, path := range []string{"/", "/docs", "/api/v1/openapi.json"} {
		if res := browse(t, http.DefaultClient, w.url+path); res.StatusCode != http.StatusOK {
			t.Errorf("%s answers %d", path, res.StatusCode)
		}
	}
	for _, code := range []string{
		"no_supplier", "place_failed", "place_unknown", "payment_timeout", "supplier_cancelled", "mismatch", "seller_late", "tracking_silent", "authorization_ending",
	} {
		var flags struct{ Flags []struct{ Code string } }
		w.do(http.MethodGet, "/flags?code="+code, nil, http.StatusOK, &flags)
		if len(flags.Flags) == 0 {
			t.Errorf("no order has %s", code)
		}
	}
	var page struct{ Orders []orderView }
	known := 0
	w.do(http.MethodGet, "/orders?limit=200", nil, http.StatusOK, &page)
	known = len(page.Orders)
	w.await("a new buyer has come", func() bool {
		w.do(http.MethodGet, "/orders?limit=200", nil, http.StatusOK, &page)
		return len(page.Orders) > known
	})
	if errors := strings.Count(w.process.lines(), `"level":"ERROR"`); errors > 0 {
		t.Errorf("%d errors in the demo's log", errors)
	}
	w.terminate()
	w.await("its database is gone", func() bool { return processesWith(t, data) == 0 })
}

// everyRoleSignsIn signs in with each account that the demo has printed, as somebody does who has nothing but what the terminal shows.
func (w *world) everyRoleSignsIn(t *testing.T) {
	t.Helper()
	printed := w.process.out.lines()
	for _, role := range []models.PersonRole{models.RoleOwner, models.RoleMember, models.RoleReadOnly, models.RoleSupport, models.RoleOperator} {
		account := regexp.MustCompile(`(?m)^ +` + string(role) + ` +(\S+@\S+) +(\S.*)$`).FindStringSubmatch(printed)
		if account == nil {
			t.Errorf("no account of %s is printed:\n%s", role, printed)
			continue
		}
		in := map[string]string{"email": account[1], "password": account[2]}
		if app := regexp.MustCompile(`(?m)^ +` + string(role) + ` +authenticator app: (\S+)$`).FindStringSubmatch(printed); app != nil {
			in["code"], _ = totp.GenerateCode(app[1], time.Now())
		}
		if (in["code"] != "") != role.OfStaff() {
			t.Errorf("%s: %v", role, in)
		}
		body, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		var who struct{ Role models.PersonRole }
		if w.visitor(t).ask(http.MethodPost, "/session", string(body), http.StatusOK, &who); who.Role != role {
			t.Errorf("%s signs in as %s", role, who.Role)
		}
	}
}

// In an empty demo a person connects both platforms in a browser, as a new merchant does.
func TestEmptyDemoIsConnectedInABrowser(t *testing.T) {
	t.Parallel()
	w := &world{t: t, routes: document(t)}
	address := freeAddress(t)
	w.url = "http://" + address
	w.env = []string{"WAYBILL_DATA_DIR=" + filepath.Join(reachable(t), "data"), "WAYBILL_LISTEN=" + address, "WAYBILL_METRICS_LISTEN=off"}
	w.launch("demo", "--empty")
	w.await("the demo has printed where it is", func() bool { return strings.Contains(w.process.out.lines(), "Ctrl-C") })
	var about struct {
		Key string `json:"demo_api_key"`
	}
	w.do(http.MethodGet, "/about", nil, http.StatusOK, &about)
	w.key = about.Key
	var list struct {
		Connections []struct{ Platform, State string }
	}
	if w.do(http.MethodGet, "/connections", nil, http.StatusOK, &list); len(list.Connections) != 0 {
		t.Fatalf("connected already: %+v", list)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	for platform, choice := range map[string]string{"wix": "", "aliexpress": "&approve=2637908814"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/api/v1/connections/authorizations", bytes.NewReader([]byte(`{"platform":"`+platform+`"}`)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+w.key)
		req.Header.Set("Content-Type", "application/json")
		res, err := browser.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var begun struct{ URL string }
		err = json.NewDecoder(res.Body).Decode(&begun)
		_ = res.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		res = browse(t, browser, begun.URL+choice)
		if got := res.Request.URL.String(); got != w.url+"/?connected="+platform || res.StatusCode != http.StatusOK {
			t.Errorf("%s: the browser ends at %s, %d", platform, got, res.StatusCode)
		}
	}
	w.do(http.MethodGet, "/connections", nil, http.StatusOK, &list)
	if len(list.Connections) != 2 || list.Connections[0].State != "active" || list.Connections[1].State != "active" {
		t.Errorf("connected: %+v", list)
	}
	w.terminate()
}

// browse asks for a page as a browser does, and follows where it leads.
func browse(t *testing.T, browser *http.Client, url string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html,*/*;q=0.8")
	res, err := browser.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res
}
