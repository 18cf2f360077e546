package aliexpress_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"waybill/models"
	"waybill/services/aliexpress"
)

const (
	appKey    = "33505222"
	appSecret = "Xv7tQhP2cZyUo9wEr4bN1mKs6dLfGaJi"
	session   = "50000601c30session"
	order     = "8198352049851315"
	product   = "1005006454451334"
)

var (
	access = models.Access{ExternalID: "2637908814", Token: session}
	noon   = time.Date(2025, 2, 14, 12, 0, 0, 0, time.UTC)
)

// gateway is a server that answers every call alike and keeps what it was sent.
type gateway struct {
	*httptest.Server
	answer func(w http.ResponseWriter, r *http.Request)

	mu       sync.Mutex
	requests []*http.Request
	forms    []url.Values
}

func newGateway(t testing.TB, answer func(w http.ResponseWriter, r *http.Request)) *gateway {
	t.Helper()
	g := &gateway{answer: answer}
	g.Server = httptest.NewServer(http.HandlerFunc(g.serve))
	t.Cleanup(g.Close)
	return g
}

func answering(t *testing.T, body string) *gateway {
	t.Helper()
	return newGateway(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
}

func (g *gateway) serve(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(raw))
	g.mu.Lock()
	g.requests = append(g.requests, r)
	g.forms = append(g.forms, form)
	g.mu.Unlock()
	g.answer(w, r)
}

func (g *gateway) seen() ([]*http.Request, []url.Values) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.requests), slices.Clone(g.forms)
}

func (g *gateway) client(t testing.TB, change ...func(*aliexpress.Config)) *aliexpress.Client {
	t.Helper()
	config := aliexpress.Config{
		BaseURL: g.URL, AppKey: appKey, AppSecret: appSecret, PerSecond: -1, Now: func() time.Time { return noon },
	}
	for _, f := range change {
		f(&config)
	}
	client, err := aliexpress.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestNewRefusesAnUnusableConfig(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]aliexpress.Config{
		"no key":       {AppSecret: "s"},
		"no secret":    {AppKey: "k"},
		"no scheme":    {AppKey: "k", AppSecret: "s", BaseURL: "api-sg.aliexpress.com"},
		"wrong scheme": {AppKey: "k", AppSecret: "s", BaseURL: "ftp://api-sg.aliexpress.com"},
		"a query":      {AppKey: "k", AppSecret: "s", BaseURL: "https://api-sg.aliexpress.com?x=1"},
	} {
		if _, err := aliexpress.New(config); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := aliexpress.New(aliexpress.Config{AppKey: "k", AppSecret: "s"}); err != nil {
		t.Error(err)
	}
}

// calls are all methods that reach the network, with the parameters they must send.
var calls = map[string]struct {
	do     func(context.Context, *aliexpress.Client) error
	path   string
	params url.Values
}{
	"order": {
		func(ctx context.Context, c *aliexpress.Client) error {
			_, err := c.Order(ctx, access, order)
			return err
		},
		"/sync",
		url.Values{"method": {"aliexpress.trade.ds.order.get"}, "session": {session}, "single_order_query": {`{"order_id":8198352049851315}`}},
	},
	"tracking": {
		func(ctx context.Context, c *aliexpress.Client) error {
			_, err := c.Tracking(ctx, access, order)
			return err
		},
		"/sync",
		url.Values{"method": {"aliexpress.ds.order.tracking.get"}, "session": {session}, "ae_order_id": {order}, "language": {"en_US"}},
	},
	"product": {
		func(ctx context.Context, c *aliexpress.Client) error {
			_, err := c.Product(ctx, access, product, "GB")
			return err
		},
		"/sync",
		url.Values{
			"method": {"aliexpress.ds.product.get"}, "session": {session}, "product_id": {product}, "ship_to_country": {"UK"},
			"target_currency": {"USD"}, "target_language": {"en"},
		},
	},
	"freight": {
		func(ctx context.Context, c *aliexpress.Client) error {
			_, err := c.Freight(ctx, access, models.FreightQuery{ProductID: product, SKUID: "12000037255569170", Quantity: 2, Country: "US", Region: "US-NY", City: "New York"})
			return err
		},
		"/sync",
		url.Values{
			"method": {"aliexpress.ds.freight.query"}, "session": {session},
			"queryDeliveryReq": {`{"productId":"1005006454451334","selectedSkuId":"12000037255569170","quantity":"2","shipToCountry":"US","province":"New York","currency":"USD","language":"en_US","locale":"en_US"}`},
		},
	},
	"exchange": {
		func(ctx context.Context, c *aliexpress.Client) error {
			_, err := c.Exchange(ctx, models.App{}, "3_code")
			return err
		},
		"/rest/auth/token/create",
		url.Values{"code": {"3_code"}},
	},
	"refresh": {
		func(ctx context.Context, c *aliexpress.Client) error {
			_, err := c.Refresh(ctx, models.App{}, "50001refresh")
			return err
		},
		"/rest/auth/token/refresh",
		url.Values{"refresh_token": {"50001refresh"}},
	},
	"place": {
		func(ctx context.Context, c *aliexpress.Client) error {
			if res := c.Place(ctx, access, purchase(), nil); res.Err != nil {
				return res.Err
			}
			return nil
		},
		"/sync",
		url.Values{
			"method": {"aliexpress.ds.order.create"}, "session": {session}, "ds_extend_request": {`{"payment":{"try_to_pay":"false"}}`},
			"param_place_order_request4_open_api_d_t_o": {purchaseJSON},
		},
	},
}

func TestEveryCallIsASignedPostWithNothingInItsAddress(t *testing.T) {
	t.Parallel()
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := answering(t, `{"error_response":{"code":"15","sub_code":"isp.service-unavailable"}}`)
			_ = call.do(t.Context(), g.client(t))
			requests, forms := g.seen()
			if len(requests) != 1 {
				t.Fatalf("%d requests, want 1", len(requests))
			}
			r, form := requests[0], forms[0]
			if r.Method != http.MethodPost || r.URL.Path != call.path || r.URL.RawQuery != "" {
				t.Errorf("%s %s, want POST %s", r.Method, r.URL, call.path)
			}
			for header := range r.Header {
				if strings.Contains(strings.ToLower(header), "idempotency") {
					t.Errorf("header %s makes Go's transport repeat the call", header)
				}
			}
			checkForm(t, form, call.path, call.params)
		})
	}
}

func checkForm(t *testing.T, form url.Values, path string, want url.Values) {
	t.Helper()
	signed := map[string]string{}
	for name := range form {
		signed[name] = form.Get(name)
	}
	api := form.Get("method")
	if api == "" {
		api = strings.TrimPrefix(path, "/rest")
	}
	if got := aliexpress.Sign(appSecret, api, signed); got != form.Get("sign") {
		t.Errorf("sign %s, want %s", form.Get("sign"), got)
	}
	want = maps.Clone(want)
	want["app_key"], want["timestamp"], want["sign_method"], want["sign"] = []string{appKey}, []string{"1739534400000"}, []string{"sha256"}, form["sign"]
	if !maps.EqualFunc(form, want, slices.Equal) {
		t.Errorf("sent\n%v, want\n%v", form, want)
	}
}

func TestNoErrorShowsATokenASecretOrAnAddress(t *testing.T) {
	t.Parallel()
	answers := map[string]func(w http.ResponseWriter, r *http.Request){
		"refused": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"error_response":{"code":"IllegalAccessToken","msg":"token `+session+` 50001refresh 3_code is bad"}}`)
		},
		"502": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, session+" 50001refresh 3_code", http.StatusBadGateway)
		},
		"not JSON": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, session+` 50001refresh 3_code`) },
		"no object": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `"`+session+` 50001refresh 3_code"`)
		},
		"reset": reset,
	}
	for name, answer := range answers {
		for operation, call := range calls {
			t.Run(name+"/"+operation, func(t *testing.T) {
				t.Parallel()
				g := newGateway(t, answer)
				err := call.do(t.Context(), g.client(t))
				if err == nil {
					t.Fatal("no error")
				}
				var e *models.Error
				if !errors.As(err, &e) || e.Kind == models.Internal {
					t.Errorf("%v has no kind of its own", err)
				}
				for _, secret := range []string{session, "50001refresh", "3_code", appSecret, g.URL, "sign="} {
					if strings.Contains(err.Error(), secret) {
						t.Errorf("%v shows %s", err, secret)
					}
				}
			})
		}
	}
}

func TestAnEmptyTokenIsNotSent(t *testing.T) {
	t.Parallel()
	g := answering(t, `{}`)
	c := g.client(t)
	if _, err := c.Order(t.Context(), models.Access{}, order); !errors.Is(err, models.Disconnected) {
		t.Errorf("order: %v", err)
	}
	if _, err := c.Refresh(t.Context(), models.App{}, ""); !errors.Is(err, models.Disconnected) {
		t.Errorf("refresh: %v", err)
	}
	if _, err := c.Exchange(t.Context(), models.App{}, ""); !errors.Is(err, models.Rejected) {
		t.Errorf("exchange: %v", err)
	}
	if res := c.Place(t.Context(), models.Access{}, purchase(), nil); res.Class != models.ClassNotExecuted || res.Err.Kind != models.Disconnected {
		t.Errorf("place: %+v", res)
	}
	if requests, _ := g.seen(); len(requests) != 0 {
		t.Errorf("%d requests, want none", len(requests))
	}
}

func TestWhatIsNoIDIsNotSent(t *testing.T) {
	t.Parallel()
	g := answering(t, `{}`)
	c := g.client(t)
	for _, id := range []string{"", "abc", "12 3", "0123", `1}`, "12345678901234567890", "-1", "1.5"} {
		_, orderErr := c.Order(t.Context(), access, id)
		_, trackingErr := c.Tracking(t.Context(), access, id)
		_, productErr := c.Product(t.Context(), access, id, "US")
		_, freightErr := c.Freight(t.Context(), access, models.FreightQuery{ProductID: id})
		for _, err := range []error{orderErr, trackingErr, productErr, freightErr} {
			if !errors.Is(err, models.Invalid) {
				t.Errorf("%q: %v", id, err)
			}
		}
	}
	if requests, _ := g.seen(); len(requests) != 0 {
		t.Errorf("%d requests, want none", len(requests))
	}
}

func TestObserveHearsHowACallEndedAndNotWhatItsStatusWas(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"result":{"order_status":"FINISH"}}`:             "ok",
		`{"error_response":{"code":"ApiCallLimit"}}`:       "throttled",
		`{"error_response":{"code":"IllegalAccessToken"}}`: "disconnected",
		`<html></html>`: "unavailable",
	} {
		var heard []string
		c := answering(t, body).client(t, func(config *aliexpress.Config) {
			config.Observe = func(platform, operation, result string, _ time.Duration) {
				heard = append(heard, platform+" "+operation+" "+result)
			}
		})
		_, _ = c.Order(t.Context(), access, order)
		if want := []string{"aliexpress aliexpress.trade.ds.order.get " + want}; !slices.Equal(heard, want) {
			t.Errorf("%s: heard %q, want %q", body, heard, want)
		}
	}
}

func TestConsentURL(t *testing.T) {
	t.Parallel()
	c, err := aliexpress.New(aliexpress.Config{AppKey: appKey, AppSecret: appSecret})
	if err != nil {
		t.Fatal(err)
	}
	want := "https://api-sg.aliexpress.com/oauth/authorize?client_id=33505222&force_auth=true&redirect_uri=https%3A%2F%2Fwaybill.example%2Fcb&response_type=code&state=a+b"
	if got, err := c.ConsentURL("https://waybill.example/cb", "a b"); err != nil || got != want {
		t.Errorf("%s, want %s (%v)", got, want, err)
	}
}
