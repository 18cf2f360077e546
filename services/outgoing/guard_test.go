package outgoing_test

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"waybill/models"
	"waybill/services/outgoing"
)

// inner is a server of ours that must never be reached: it fails the test when it is.
func inner(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("an inner server was reached") }))
	t.Cleanup(s.Close)
	return s
}

func nobodys(o *outgoing.Options) { o.Networks = nil }

func TestAnAddressThatIsNotPublicIsNotTaken(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nobodys)
	for _, url := range []string{
		"https://127.0.0.1/", "https://127.8.9.10/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://169.254.169.254/latest/meta-data/",
		"https://0.0.0.0/", "https://[::]/", "https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.1.1/", "https://100.64.0.1/", "https://[fd00::1]/", "https://[fe80::1]/", "https://[64:ff9b::7f00:1]/",
		"https://224.0.0.1/", "https://255.255.255.255/",
		"https://2130706433/", "https://0x7f000001/", "https://0x7f.0.0.1/", "https://017700000001/", "https://0177.0.0.1/", "https://127.1/", "https://127.0.0.1./",
		"https://localhost/", "https://intranet/", "https://example.com:8443/", "https://example.com:22/",
		"http://example.com/", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "https:example.com", "//example.com/", "https://", "https://user:password@example.com/", "https://example.com/#part", "https://exa mple.com/", "",
	} {
		if _, _, err := d.AddEndpoint(t.Context(), d.m, outgoing.Wanted{URL: url, Types: models.WebhookTypes()}, "api:test"); !errors.Is(err, models.Invalid) {
			t.Errorf("%q is taken: %v", url, err)
		}
	}
	for _, url := range []string{"https://example.com", "https://example.com:443/a?b=c", "https://hooks.example.co.uk/x", "https://1.1.1.1/", "https://[2606:4700:4700::1111]/"} {
		if _, _, err := d.AddEndpoint(t.Context(), d.m, outgoing.Wanted{URL: url, Types: models.WebhookTypes()}, "api:test"); err != nil {
			t.Errorf("%q is not taken: %v", url, err)
		}
	}
}

// Whatever stands in the table, and whatever a name is resolved to: it is the address that is dialed that is judged.
func TestNoInnerAddressIsEverCalled(t *testing.T) {
	t.Parallel()
	target := inner(t)
	_, port, err := net.SplitHostPort(target.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	d := newDesk(t, nobodys, func(o *outgoing.Options) { o.Roots = x509.NewCertPool(); o.Roots.AddCert(target.Certificate()) })
	e, _ := d.endpoint("https://example.com/", models.WebhookOrderCreated)
	d.work()
	hosts := []string{"127.0.0.1", "127.9.9.9", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "0.0.0.0", "[::]", "10.0.0.1", "[64:ff9b::7f00:1]", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1"}
	for i, host := range hosts {
		for _, at := range []string{":" + port, ":443", ""} {
			d.exec("UPDATE webhook_endpoints SET url = ? WHERE id = ?", "https://"+host+at+"/", e.ID)
			test, err := d.SendTest(t.Context(), d.m, e.ID, "api:test")
			d.must(err)
			var tried outgoing.Delivery
			d.waitFor("an attempt at "+host, func() bool {
				for _, w := range d.deliveries(e, "") {
					if w.MessageID == test.MessageID && len(w.Tries) > 0 {
						tried = w
						return true
					}
				}
				return false
			})
			if what := tried.Tries[0]; what.Error != "address_forbidden" && (i < 10 || what.Error != "name_not_found") {
				t.Errorf("%s%s: %+v", host, at, what)
			}
			d.exec("UPDATE webhook_deliveries SET state = 'failed', next_try_at = NULL")
		}
	}
}

// A name that first leads to where it may and then to where it must not.
func TestANameThatMovesInsideIsNotFollowed(t *testing.T) {
	t.Parallel()
	var domain names
	l, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	outside := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") })}}
	outside.StartTLS()
	t.Cleanup(outside.Close)
	closed, err := net.Listen("tcp", "127.0.0.3:"+port) // the same port, inside
	if err != nil {
		t.Fatal(err)
	}
	reached := make(chan struct{}, 1)
	go func() {
		if c, err := closed.Accept(); err == nil {
			reached <- struct{}{}
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = closed.Close() })
	d := newDesk(t, func(o *outgoing.Options) {
		o.Networks = []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")} // stands for the public internet
		o.Resolver = domain.resolver(t)
		o.Roots = x509.NewCertPool()
		o.Roots.AddCert(outside.Certificate())
	})
	e, _ := d.endpoint("https://example.com:"+port+"/", models.WebhookOrderCreated) // the name in the certificate
	d.work()
	domain.point("127.0.0.2")
	_, err = d.SendTest(t.Context(), d.m, e.ID, "api:test")
	d.must(err)
	d.waitFor("the first is delivered", func() bool { return len(d.deliveries(e, models.WebhookDelivered)) == 1 })
	domain.point("127.0.0.3")
	_, err = d.SendTest(t.Context(), d.m, e.ID, "api:test")
	d.must(err)
	d.waitFor("the second is given up", func() bool { return len(d.deliveries(e, models.WebhookFailed)) == 1 })
	for _, try := range d.deliveries(e, models.WebhookFailed)[0].Tries {
		if try.Error != "address_forbidden" {
			t.Errorf("%+v", try)
		}
	}
	select {
	case <-reached:
		t.Error("the inner address was called")
	default:
	}
}

func TestARedirectIsAFailureAndNotFollowed(t *testing.T) {
	t.Parallel()
	target := inner(t)
	d, r := newDesk(t), newReceiver(t)
	e, _ := d.endpoint(r.URL, models.WebhookOrderCreated)
	d.work()
	for i, status := range []int{301, 302, 303, 307, 308} {
		r.answers(status, "Location", target.URL)
		d.order(string(rune('a' + i)))
		d.waitFor("an attempt is written down", func() bool { all := d.deliveries(e, ""); return len(all) == i+1 && len(all[0].Tries) > 0 })
	}
	for _, f := range d.deliveries(e, "") {
		if f.Tries[0].Error != "redirected" || f.State == models.WebhookDelivered {
			t.Errorf("%+v", f.Tries[0])
		}
	}
}

// An answer that does not end costs no memory, and a receiver that does not answer no more than its time.
func TestAnEndlessAnswerIsCutOff(t *testing.T) {
	t.Parallel()
	d, r := newDesk(t), newReceiver(t)
	wrote := make(chan int, 100)
	r.answer = func(w http.ResponseWriter, _ *http.Request) {
		n := 0
		for {
			part, err := io.WriteString(w, strings.Repeat("x", 1<<16))
			if n += part; err != nil {
				wrote <- n
				return
			}
		}
	}
	e, _ := d.endpoint(r.URL, models.WebhookOrderCreated)
	d.work()
	d.order("1")
	d.waitFor("it is delivered: the status has said it", func() bool { return len(d.deliveries(e, models.WebhookDelivered)) == 1 })
	select {
	case n := <-wrote:
		if n > 32<<20 { // what the sockets buffer, and no more
			t.Errorf("%d bytes were taken", n)
		}
	case <-time.After(20 * time.Second):
		t.Error("the answer is still being read")
	}
}

// A slow endpoint has its own few places and leaves the others to the others.
func TestASlowEndpointHoldsUpNobody(t *testing.T) {
	t.Parallel()
	d, slow, fast := newDesk(t), newReceiver(t), newReceiver(t)
	held, release := context.WithCancel(t.Context())
	defer release()
	slow.answer = func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-held.Done():
		case <-r.Context().Done():
		}
	}
	d.options.Speed = 1
	s, _ := d.endpoint(slow.URL, models.WebhookOrderCreated)
	f, _ := d.endpoint(fast.URL, models.WebhookFlagOpened)
	d.work()
	d.work()
	for i := range 30 {
		d.order(string(rune('A' + i)))
	}
	d.waitFor("the fast one has everything", func() bool { return len(d.deliveries(f, models.WebhookDelivered)) == 30 })
	if n := len(d.deliveries(s, models.WebhookDelivered)); n != 0 {
		t.Errorf("the slow one answered %d times", n)
	}
	release()
}
