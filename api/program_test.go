package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"waybill/docs"
	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/wix/wixsim"
)

// The tests of this file's kind run the built program as a process, with a database of its own and both simulators, and
// speak to it over HTTP only.

// program is built once for all of them, with the race detector: a race ends it with status 66.
var (
	program      = sync.OnceValues(func() (string, error) { return build("-race") })
	plainProgram = sync.OnceValues(func() (string, error) { return build() }) // for measuring
)

func build(flags ...string) (string, error) {
	dir, err := os.MkdirTemp("", "waybill-program-")
	if err != nil {
		return "", err
	}
	buildFolders.Store(dir, true)
	if err := os.Chmod(dir, 0o755); err != nil { // some tests run it as another user
		return "", err
	}
	binary := filepath.Join(dir, "waybill")
	out, err := exec.Command("go", append(append([]string{"build", "-buildvcs=false"}, flags...), "-o", binary, ".")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return binary, nil
}

// buildFolders are where build has put what was needed.
var buildFolders sync.Map

func TestMain(m *testing.M) {
	code := m.Run()
	buildFolders.Range(func(dir, _ any) bool {
		_ = os.RemoveAll(dir.(string))
		return true
	})
	os.Exit(code)
}

// world is everything around one running program.
type world struct {
	t       testing.TB
	wix     *wixsim.Server
	ali     *aliexpresssim.Server
	wixURL  string
	aliURL  string
	env     []string
	url     string // of the program; the same after a restart
	process *process
	key     string
	routes  routers.Router
	storeID string
	user    *syscall.Credential    // whom the program runs as; nil: us
	plain   bool                   // without the race detector
	binary  func() (string, error) // the program that is run; nil: this one
}

// newWorld makes the simulators and the settings; run starts the program. It settles purchases fast: tests wait for facts.
func newWorld(t testing.TB, databaseURL string, more ...string) *world {
	t.Helper()
	w := &world{t: t, key: "key-of-the-story-0123456789", routes: document(t)}
	w.wix = wixsim.New(wixsim.Options{RateLimit: -1, RetryScale: 600})
	w.ali = aliexpresssim.New(aliexpresssim.Options{ReadableAfter: -1, PushRetryScale: 600})
	wixServer, aliServer := httptest.NewServer(w.wix), httptest.NewServer(w.ali)
	t.Cleanup(func() {
		w.wix.Close()
		w.ali.Close()
		wixServer.CloseClientConnections()
		aliServer.CloseClientConnections()
		wixServer.Close()
		aliServer.Close()
	})
	w.wixURL, w.aliURL = wixServer.URL, aliServer.URL
	address := freeAddress(t)
	w.url = "http://" + address
	wixInfo, aliInfo := w.wix.Info(), w.ali.Info()
	w.env = append([]string{
		"DATABASE_URL=" + databaseURL, "WAYBILL_DATA_DIR=" + t.TempDir(), "WAYBILL_LISTEN=" + address, "WAYBILL_METRICS_LISTEN=off", "WAYBILL_REQUESTS_PER_MINUTE=0", "WAYBILL_LOG_FORMAT=json",
		"WAYBILL_API_KEY=" + w.key, "WAYBILL_WIX_BASE_URL=" + w.wixURL, "WAYBILL_WIX_APP_ID=" + wixInfo.AppID, "WAYBILL_WIX_APP_SECRET=" + wixInfo.AppSecret,
		"WAYBILL_WIX_PUBLIC_KEY=" + wixInfo.WebhookPublicKey, "WAYBILL_WIX_PER_MINUTE=0", "WAYBILL_ALIEXPRESS_BASE_URL=" + w.aliURL,
		"WAYBILL_ALIEXPRESS_APP_KEY=" + aliInfo.AppKey, "WAYBILL_ALIEXPRESS_APP_SECRET=" + aliInfo.AppSecret, "WAYBILL_ALIEXPRESS_PER_SECOND=0",
		"WAYBILL_PLACE_TIMEOUT=2s", "WAYBILL_PLACE_LEASE=7s", "WAYBILL_PLACE_SETTLE=1s", "WAYBILL_CHECK_SPEED=300", "WAYBILL_SHUTDOWN_GRACE=10s",
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(),
	}, more...)
	w.wix.SetWebhookURL(w.url + "/api/v1/webhooks/wix")
	w.ali.SetPushURL(w.url + "/api/v1/webhooks/aliexpress")
	return w
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// process is the running program, what it printed and what it logged.
type process struct {
	cmd      *exec.Cmd
	exited   chan struct{}
	out, log output
}

// output grows while the program runs and may be read meanwhile.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write takes what the program wrote.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) lines() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (p *process) lines() string { return p.log.lines() }

// execute starts the program. It is killed at the end of the test, if it has not ended by then.
func execute(t testing.TB, env []string, user *syscall.Credential, args ...string) *process {
	t.Helper()
	return executeBinary(t, program, env, user, args...)
}

func executeBinary(t testing.TB, built func() (string, error), env []string, user *syscall.Credential, args ...string) *process {
	t.Helper()
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command(binary, args...), exited: make(chan struct{})}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = env, &p.out, &p.log
	// A server that outlives the program must not keep the pipes, and so the test, open.
	p.cmd.WaitDelay = time.Second
	if user != nil {
		p.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: user}
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // the status is in ProcessState
		close(p.exited)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.exited
		if strings.Contains(p.lines(), "DATA RACE") {
			t.Errorf("the program raced:\n%s", p.lines())
		}
		if t.Failed() {
			t.Logf("the program's log:\n%s", tail(p.lines(), 12000))
		}
	})
	return p
}

// ended waits for the program's end and gives its exit status.
func (p *process) ended(t testing.TB) int {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(60 * time.Second):
		t.Fatalf("the program did not end:\n%s", p.lines())
	}
	return p.cmd.ProcessState.ExitCode()
}

// run starts the program and waits until it is ready.
func (w *world) run() {
	w.t.Helper()
	w.launch("serve")
	w.awaitReady()
}

func (w *world) awaitReady() {
	w.t.Helper()
	w.await("the program is ready", func() bool {
		select {
		case <-w.process.exited:
			w.t.Fatalf("the program ended:\n%s", w.process.lines())
		default:
		}
		res, err := http.Get(w.url + "/readyz")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

func (w *world) launch(args ...string) {
	w.t.Helper()
	binary := program
	if w.plain {
		binary = plainProgram
	}
	if w.binary != nil {
		binary = w.binary
	}
	w.process = executeBinary(w.t, binary, w.env, w.user, args...)
}

func tail(s string, n int) string {
	if len(s) > n {
		return "... " + s[len(s)-n:]
	}
	return s
}

// kill ends the program as a power cut would.
func (w *world) kill() {
	w.t.Helper()
	if err := w.process.cmd.Process.Kill(); err != nil {
		w.t.Fatal(err)
	}
	<-w.process.exited
}

// terminate asks the program to stop and waits until it has.
func (w *world) terminate() {
	w.t.Helper()
	if err := w.process.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		w.t.Fatal(err)
	}
	if code := w.process.ended(w.t); code != 0 {
		w.t.Errorf("the program stopped with status %d", code)
	}
}

// await polls for a fact. Tests wait for facts, never for time.
func (w *world) await(what string, fact func() bool) {
	w.t.Helper()
	await(w.t, what, fact)
}

func await(t testing.TB, what string, fact func() bool) {
	t.Helper()
	awaitUntil(t, time.Now().Add(90*time.Second), what, fact)
}

func awaitUntil(t testing.TB, end time.Time, what string, fact func() bool) {
	t.Helper()
	deadline, tick := time.NewTimer(time.Until(end)), time.NewTicker(30*time.Millisecond)
	defer deadline.Stop()
	defer tick.Stop()
	for !fact() {
		select {
		case <-deadline.C:
			t.Fatalf("waited in vain: %s", what)
		case <-tick.C:
		}
	}
}

// answer is what the program said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) into(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
}

// call speaks to the API and checks every answer against the OpenAPI document.
func (w *world) call(method, path string, in any) answer {
	w.t.Helper()
	var body []byte
	switch v := in.(type) {
	case nil:
	case string:
		body = []byte(v)
	default:
		var err error
		if body, err = json.Marshal(in); err != nil {
			w.t.Fatal(err)
		}
	}
	return w.send(method, path, "Bearer "+w.key, "application/json", body)
}

// send is call with everything said; header is names and values in turn.
func (w *world) send(method, path, authorization, contentType string, body []byte, header ...string) answer {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+"/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	if len(body) > 0 && contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	a := answer{res.StatusCode, res.Header, raw}
	w.checkAgainstDocument(req, a)
	return a
}

// do is call for what must succeed.
func (w *world) do(method, path string, in any, want int, out any) {
	w.t.Helper()
	a := w.call(method, path, in)
	if a.status != want {
		w.t.Fatalf("%s %s: %d instead of %d: %s", method, path, a.status, want, a.body)
	}
	if out != nil {
		a.into(w.t, out)
	}
}

// document loads the OpenAPI document, closed: a field that no schema names is an error.
func document(t testing.TB) routers.Router {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(docs.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	no := false
	for name, schema := range doc.Components.Schemas {
		if name != "Event" && len(schema.Value.Properties) > 0 {
			schema.Value.AdditionalProperties = openapi3.AdditionalProperties{Has: &no}
		}
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return router
}

func (w *world) checkAgainstDocument(req *http.Request, a answer) {
	w.t.Helper()
	relative := req.Clone(context.Background())
	relative.URL.Scheme, relative.URL.Host, relative.Host = "", "", ""
	route, params, err := w.routes.FindRoute(relative)
	if err != nil {
		if a.status != http.StatusNotFound && a.status != http.StatusMethodNotAllowed {
			w.t.Errorf("%s %s answers %d and is not in the document: %v", req.Method, req.URL.Path, a.status, err)
		}
		return
	}
	options := &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}
	in := &openapi3filter.RequestValidationInput{Request: relative, PathParams: params, Route: route, Options: options}
	err = openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: a.status, Header: a.header,
		Body: io.NopCloser(bytes.NewReader(a.body)), Options: options,
	})
	if err != nil {
		w.t.Errorf("%s %s: the answer is not what the document promises: %v\n%s", req.Method, req.URL.Path, err, a.body)
	}
}

// What tests look at of an order.
type orderView struct {
	ID             string
	Number         string
	Tab            string
	Why            string
	OpenFlags      int        `json:"open_flags"`
	NextCheckAt    *time.Time `json:"next_check_at"`
	LastCheckedAt  *time.Time `json:"last_checked_at"`
	Chips          []struct{ Code, Text string }
	Lines          []struct{ ID, Name string }
	SupplierOrders []supplierView `json:"supplier_orders"`
	Parcels        []struct {
		TrackingNumber  string   `json:"tracking_number"`
		PreviousNumbers []string `json:"previous_numbers"`
	}
	Pushes []struct {
		ID, State      string
		TrackingNumber string `json:"tracking_number"`
		FulfillmentID  string `json:"fulfillment_id"`
	}
	Flags []struct {
		Code       string
		Detail     string
		NextAction string `json:"next_action"`
	}
}

type supplierView struct{ ID, State, Number, Status, Stage string }

func (o orderView) flagged(code string) bool {
	for _, f := range o.Flags {
		if f.Code == code {
			return true
		}
	}
	return false
}

func (o orderView) chip(code string) string {
	for _, c := range o.Chips {
		if c.Code == code {
			return c.Text
		}
	}
	return ""
}

// order reads one order of the store by the store's own id.
func (w *world) order(externalID string) (orderView, bool) {
	w.t.Helper()
	var page struct{ Orders []orderView }
	w.do(http.MethodGet, "/orders?q="+externalID, nil, http.StatusOK, &page)
	if len(page.Orders) == 0 {
		return orderView{}, false
	}
	var o orderView
	w.do(http.MethodGet, "/orders/"+page.Orders[0].ID, nil, http.StatusOK, &o)
	return o, true
}

// awaitOrder waits until an order is as wanted.
func (w *world) awaitOrder(externalID, what string, wanted func(orderView) bool) orderView {
	w.t.Helper()
	var o orderView
	var known bool
	defer func() {
		if w.t.Failed() {
			w.t.Logf("the order last seen: %+v", o)
		}
	}()
	w.await(what, func() bool {
		o, known = w.order(externalID)
		return known && wanted(o)
	})
	return o
}

func inTab(tab string) func(orderView) bool { return func(o orderView) bool { return o.Tab == tab } }

// connect connects the site and the buyer account.
func (w *world) connect() {
	w.t.Helper()
	signed, err := w.wix.SignedInstance(w.wix.Info().InstanceID)
	if err != nil {
		w.t.Fatal(err)
	}
	var store struct{ ID string }
	w.do(http.MethodPost, "/connections", map[string]any{"platform": "wix", "instance": signed}, http.StatusCreated, &store)
	w.storeID = store.ID
	w.connectSupplier(w.ali.Info().UserID)
}

// connectSupplier goes the way of a person: to AliExpress' page of consent and back with a code.
func (w *world) connectSupplier(user string) {
	w.t.Helper()
	var begun struct{ URL, State string }
	w.do(http.MethodPost, "/connections/authorizations", map[string]any{"platform": "aliexpress"}, http.StatusCreated, &begun)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get(begun.URL + "&approve=" + user)
	if err != nil {
		w.t.Fatal(err)
	}
	_ = res.Body.Close()
	back, err := res.Location()
	if err != nil {
		w.t.Fatal(err)
	}
	query := back.Query()
	if query.Get("state") != begun.State {
		w.t.Fatalf("came back with state %q instead of %q", query.Get("state"), begun.State)
	}
	w.do(http.MethodPost, "/connections", map[string]any{"platform": "aliexpress", "code": query.Get("code"), "state": begun.State}, http.StatusCreated, nil)
}

// goods are two variants of the shop, mapped to two SKUs of one AliExpress store.
func (w *world) goods() []wixsim.NewLine {
	w.t.Helper()
	products := w.ali.Products()
	var lines []wixsim.NewLine
	for _, p := range products {
		if p.StoreID != products[0].StoreID || len(lines) == 2 {
			continue
		}
		n := len(lines) + 1
		line := wixsim.NewLine{
			CatalogItemID: fmt.Sprintf("5376f9ec-b92e-efa9-e4a1-%012d", n), VariantID: fmt.Sprintf("00000000-0000-0020-0005-%012d", n),
			SKU: fmt.Sprintf("WB-%d", n), Name: p.Title, Quantity: 1, Price: "19.99",
		}
		lines = append(lines, line)
		w.do(http.MethodPost, "/product-mappings", map[string]any{
			"store_id": w.storeID, "variant_key": line.CatalogItemID + "/" + line.VariantID, "role": "dropship",
			"title": p.Title, "supplier_product_id": p.ProductID, "supplier_sku_id": p.SKUID, "supplier_sku_attr": p.SKUAttr, "supplier_store_id": p.StoreID,
			"supplier_store_name": p.StoreName,
		}, http.StatusCreated, nil)
	}
	if len(lines) != 2 {
		w.t.Fatal("the simulator has no store with two SKUs")
	}
	return lines
}

// buy places a buyer's order in the store.
func (w *world) buy(payment string, lines ...wixsim.NewLine) string {
	w.t.Helper()
	o, err := w.wix.CreateOrder(wixsim.NewOrder{
		Payment: payment, Lines: lines, Buyer: wixsim.NewBuyer{FirstName: "Jane", LastName: "Doe", Email: "jane@example.com", Phone: "+12125550123"},
		Address: &wixsim.NewAddress{Country: "US", Subdivision: "US-NY", City: "New York", PostalCode: "10011", AddressLine: "235 West 23rd Street"},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return o.ID
}

// bought counts the orders that AliExpress truly made.
func (w *world) bought() []aliexpresssim.Entry {
	var made []aliexpresssim.Entry
	for _, e := range w.ali.Journal() {
		if e.Kind == aliexpresssim.KindOrderCreated {
			made = append(made, e)
		}
	}
	return made
}
