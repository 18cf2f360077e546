package aliexpresssim_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"waybill/services/aliexpress/aliexpresssim"
)

type object = map[string]any

const (
	apiCreate   = "aliexpress.ds.order.create"
	apiOrder    = "aliexpress.trade.ds.order.get"
	apiTracking = "aliexpress.ds.order.tracking.get"
	apiProduct  = "aliexpress.ds.product.get"
	apiFreight  = "aliexpress.ds.freight.query"

	lampAttr   = "200000795:193#no switch;249:200006305#4w(max100w)"
	bottleAttr = "14:365458#Brown"
)

var start = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// sim is a simulator behind HTTP whose clock stands still unless it is advanced.
type sim struct {
	*aliexpresssim.Server
	t    *testing.T
	url  string
	info aliexpresssim.Info
	now  time.Time
}

func newSim(t *testing.T, o aliexpresssim.Options) *sim {
	t.Helper()
	s := &sim{t: t, now: start}
	if o.Now == nil {
		o.Now = func() time.Time { return start }
	} else {
		s.now = o.Now()
	}
	if o.ReadableAfter == 0 {
		o.ReadableAfter = -1
	}
	s.Server = aliexpresssim.New(o)
	server := httptest.NewServer(s.Server)
	t.Cleanup(func() {
		s.Close()
		server.Close()
	})
	s.url, s.info = server.URL, s.Info()
	return s
}

func (s *sim) advance(d time.Duration) {
	s.now = s.now.Add(d)
	s.Advance(d)
}

func sign(secret, api string, params map[string]string) string {
	m := hmac.New(sha256.New, []byte(secret))
	if strings.HasPrefix(api, "/") {
		io.WriteString(m, api)
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if name != "sign" {
			io.WriteString(m, name+params[name])
		}
	}
	return strings.ToUpper(hex.EncodeToString(m.Sum(nil)))
}

// params completes and signs a call; more may overrule the common parameters.
func (s *sim) params(api string, more map[string]string) map[string]string {
	p := map[string]string{
		"app_key": s.info.AppKey, "sign_method": "sha256", "timestamp": fmt.Sprint(s.now.UnixMilli()),
	}
	if !strings.HasPrefix(api, "/") {
		p["method"], p["session"] = api, s.info.Session
	}
	maps.Copy(p, more)
	p["sign"] = sign(s.info.AppSecret, api, p)
	return p
}

func (s *sim) address(api string) string {
	if strings.HasPrefix(api, "/") {
		return s.url + "/rest" + api
	}
	return s.url + "/sync"
}

func form(p map[string]string) url.Values {
	values := url.Values{}
	for name, value := range p {
		values.Set(name, value)
	}
	return values
}

// try makes a call and returns what came back, which need not be JSON.
func (s *sim) try(ctx context.Context, api string, more map[string]string) (int, []byte, error) {
	body := strings.NewReader(form(s.params(api, more)).Encode())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.address(api), body)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded;charset=utf-8")
	return roundTrip(req)
}

func roundTrip(req *http.Request) (int, []byte, error) {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return resp.StatusCode, raw, err
}

// call makes a call that must be answered with 200 and JSON.
func (s *sim) call(api string, more map[string]string) object {
	s.t.Helper()
	status, raw, err := s.try(s.t.Context(), api, more)
	if err != nil || status != http.StatusOK {
		s.t.Fatalf("%s: status %d, error %v", api, status, err)
	}
	return decode(s.t, raw)
}

func decode(t *testing.T, raw []byte) object {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var o object
	if err := dec.Decode(&o); err != nil {
		t.Fatalf("not JSON: %v: %.200s", err, raw)
	}
	return o
}

// control calls the control API and wants the status.
func (s *sim) control(method, path string, body any, want int) object {
	s.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+"/_sim"+path, bytes.NewReader(raw))
	if err != nil {
		s.t.Fatal(err)
	}
	status, answer, err := roundTrip(req)
	if err != nil || status != want {
		s.t.Fatalf("%s %s: status %d, error %v: %s", method, path, status, err, answer)
	}
	return decode(s.t, answer)
}

func (s *sim) post(path string, body any) object {
	s.t.Helper()
	return s.control(http.MethodPost, path, body, http.StatusOK)
}

// dig walks through objects, and through lists by taking their first element.
func dig(value any, path ...string) any {
	for _, name := range path {
		if l, ok := value.([]any); ok {
			if len(l) == 0 {
				return nil
			}
			value = l[0]
		}
		o, ok := value.(object)
		if !ok {
			return nil
		}
		value = o[name]
	}
	return value
}

func result(answer object, path ...string) any {
	for _, root := range answer {
		return dig(root, append([]string{"result"}, path...)...)
	}
	return nil
}

// errorCode is the code of a refusal in either envelope, with the sub code.
func errorCode(answer object) string {
	if e, ok := answer["error_response"].(object); ok {
		if sub, ok := e["sub_code"]; ok {
			return fmt.Sprint(e["code"], " ", sub)
		}
		return fmt.Sprint(e["code"])
	}
	if code, ok := answer["code"]; ok && code != "0" {
		return fmt.Sprint(code)
	}
	return ""
}

func goodAddress() object {
	return object{
		"address": "120 E Landis Ave", "city": "Vineland", "province": "New Jersey", "country": "US",
		"full_name": "Malik Jack", "contact_person": "Malik Jack", "phone_country": "+1", "mobile_no": "8565550100",
		"zip": "08360",
	}
}

func item(productID int, attr string, count any) object {
	return object{"product_id": productID, "product_count": count, "sku_attr": attr}
}

func lamp() object   { return item(1005006454451334, lampAttr, 1) }
func bottle() object { return item(1005004638293060, bottleAttr, 1) }
func shelf() object  { return item(1005005820011223, "14:29#White", 1) } // of another store

func placement(outOrderID string, address object, items ...object) map[string]string {
	raw, _ := json.Marshal(object{"out_order_id": outOrderID, "logistics_address": address, "product_items": items})
	return map[string]string{"param_place_order_request4_open_api_d_t_o": string(raw)}
}

// create places an order that must work and returns its numbers.
func (s *sim) create(outOrderID string, items ...object) []string {
	s.t.Helper()
	answer := s.call(apiCreate, placement(outOrderID, goodAddress(), items...))
	if result(answer, "is_success") != true {
		s.t.Fatalf("create: %v", answer)
	}
	return numbers(answer)
}

func numbers(answer object) []string {
	ids := []string{}
	l, _ := result(answer, "order_list", "number").([]any)
	for _, n := range l {
		ids = append(ids, fmt.Sprint(n))
	}
	return ids
}

func (s *sim) order(id string) object {
	s.t.Helper()
	return s.call(apiOrder, map[string]string{"single_order_query": `{"order_id":` + id + `}`})
}

func (s *sim) tracking(id string) object {
	s.t.Helper()
	return s.call(apiTracking, map[string]string{"ae_order_id": id, "language": "en_US"})
}

func (s *sim) count(kind aliexpresssim.Kind) int {
	n := 0
	for _, e := range s.Journal() {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// eventually waits for a fact.
func eventually(t *testing.T, fact string, holds func() bool) {
	t.Helper()
	deadline, poll := time.After(10*time.Second), time.NewTicker(2*time.Millisecond)
	defer poll.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("never: %s", fact)
		case <-poll.C:
		}
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}
