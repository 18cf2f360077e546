package main

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	otlp "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/database/databasetest"
)

// sent is one span as the collector gets it.
type sent struct{ trace, id, parent, name string }

// spanCollector is an OpenTelemetry collector that keeps what it gets.
type spanCollector struct {
	mu    sync.Mutex
	spans map[string]sent
	raw   bytes.Buffer
}

// ServeHTTP takes spans over OTLP/HTTP.
func (c *spanCollector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		var err error
		if body, err = gzip.NewReader(r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	raw, err := io.ReadAll(body)
	var in otlp.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(raw, &in)
	}
	if err != nil || r.URL.Path != "/v1/traces" {
		http.Error(w, "no traces", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw.Write(raw)
	for _, resource := range in.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				id := hex.EncodeToString(s.GetSpanId())
				c.spans[id] = sent{hex.EncodeToString(s.GetTraceId()), id, hex.EncodeToString(s.GetParentSpanId()), s.GetName()}
			}
		}
	}
}

// path looks for a span with a name below spans with the names before it, all of one trace.
func (c *spanCollector) path(names ...string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		trace, at := s.trace, s
		for i := len(names) - 1; i >= 0 && at.name == names[i] && at.trace == trace; i-- {
			if i == 0 {
				return at.parent == ""
			}
			at = c.spans[at.parent]
		}
	}
	return false
}

// rooted says whether there are so many spans with a name, each of a trace that is known up to what it began with.
func (c *spanCollector) rooted(name string, n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if s.name != name {
			continue
		}
		for s.parent != "" && s.id != "" {
			s = c.spans[s.parent]
		}
		if s.id != "" {
			n--
		}
	}
	return n <= 0
}

// chains are the spans with a name, each with what it began with in front.
func (c *spanCollector) chains(name string) (all []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if s.name != name {
			continue
		}
		chain := s.name
		for s.parent != "" && s.id != "" {
			s = c.spans[s.parent]
			chain = s.name + ", " + chain
		}
		all = append(all, chain)
	}
	return all
}

func (c *spanCollector) everything() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.raw.String()
}

// A trace leads from what a platform or a person sent, over the job that it made necessary, to the calls of that job, also where another
// process works. It holds nothing of the buyer and no secret.
func TestATraceLeadsFromTheWebhookToThePlatform(t *testing.T) {
	t.Parallel()
	c := &spanCollector{spans: map[string]sent{}}
	server := httptest.NewServer(c)
	defer server.Close()
	// OpenTelemetry's own variables hold, too: here how often spans are sent.
	web := newWorld(t, databasetest.URL(t), sharedKey, "WAYBILL_ROLES=web", "OTEL_EXPORTER_OTLP_ENDPOINT="+server.URL, "OTEL_BSP_SCHEDULE_DELAY=50")
	work := web.replica()
	work.env = append(work.env, "WAYBILL_ROLES=work")
	web.run()
	work.run()
	web.connect()
	// Mostly it is the job that a request has made which buys, or tells the store; now and then a check of the order is faster.
	const create, told = "aliexpress aliexpress.ds.order.create", "wix create_fulfillment"
	paths := [][]string{
		{"POST /api/v1/webhooks/wix", "job receive", "wix get_order"},
		{"POST /api/v1/orders/{id}/supplier-orders", "job place", create},
		{"POST /api/v1/webhooks/aliexpress", "job receive", "job push", told},
	}
	missing := func() (path []string) {
		for _, path := range paths {
			if !c.path(path...) {
				return path
			}
		}
		return nil
	}
	var o orderView
	goods := web.goods()
	for n := 1; n == 1 || missing() != nil; n++ {
		if n > 5 {
			last := missing()
			t.Fatalf("five orders, and never did %s: %q", strings.Join(last, " lead to "), c.chains(last[len(last)-1]))
		}
		id := web.buy("paid", goods...)
		o = web.awaitOrder(id, "the order is here", inTab("awaiting_order"))
		web.place(o.ID)
		o = web.awaitOrder(id, "it is bought", inTab("awaiting_payment"))
		if err := web.ali.Pay(o.SupplierOrders[0].Number, aliexpresssim.PayOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := web.ali.Ship(o.SupplierOrders[0].Number, aliexpresssim.ShipOptions{}); err != nil {
			t.Fatal(err)
		}
		web.awaitOrder(id, "it is fulfilled", inTab("fulfilled"))
		web.await("the traces are whole", func() bool { return c.rooted(create, n) && c.rooted(told, n) })
	}
	if c.path("POST /api/v1/webhooks/wix", "wix get_order") {
		t.Error("a webhook asks the store by itself")
	}
	work.terminate()
	web.terminate()
	all := c.everything()
	for _, private := range []string{"Jane", "Doe", "jane@", "2125550123", "West 23rd", "10011", web.key, web.wix.Info().AppSecret, web.aliURL, web.wixURL, o.SupplierOrders[0].Number} {
		if strings.Contains(all, private) {
			t.Errorf("the traces hold %q", private)
		}
	}
}
