package aliexpresssim_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"waybill/services/aliexpress/aliexpresssim"
)

type vector struct {
	ID         string            `json:"id"`
	AppSecret  string            `json:"app_secret"`
	API        string            `json:"api"`
	Params     map[string]string `json:"params"`
	Sign       string            `json:"sign"`
	ProducedBy map[string]string `json:"produced_by"`
}

func vectors(t *testing.T) (all []vector) {
	t.Helper()
	raw, err := os.ReadFile("../testdata/sign_vectors.json")
	must(t, err)
	var file struct {
		SHA    []vector `json:"hmac_sha256"`
		Legacy []vector `json:"legacy_taobao_gateway"`
	}
	must(t, json.Unmarshal(raw, &file))
	return append(file.SHA, file.Legacy...)
}

// at is when a vector was signed; the legacy gateway's clock is Chinese.
func (v vector) at(t *testing.T) time.Time {
	t.Helper()
	if ms, err := strconv.ParseInt(v.Params["timestamp"], 10, 64); err == nil {
		return time.UnixMilli(ms)
	}
	at, err := time.ParseInLocation(time.DateTime, v.Params["timestamp"], time.FixedZone("GMT+8", 8*3600))
	must(t, err)
	return at
}

func TestEverySignVectorIsAccepted(t *testing.T) {
	t.Parallel()
	all := vectors(t)
	equal(t, "vectors", len(all), 16)
	for _, v := range all {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			s := newSim(t, aliexpresssim.Options{
				AppKey: v.Params["app_key"], AppSecret: v.AppSecret,
				Now: func() time.Time { return v.at(t) },
			})
			if code := s.present(v, v.Sign); code == "IncompleteSignature" || code == "" {
				t.Errorf("the right signature got %q", code)
			}
			equal(t, "a wrong signature", s.present(v, strings.Repeat("0", len(v.Sign))), "IncompleteSignature")
			if v.ID != "empty-value" {
				return
			}
			for client, other := range v.ProducedBy {
				if code := s.present(v, other); code == "IncompleteSignature" {
					t.Errorf("the signature of %s is refused", client)
				}
			}
		})
	}
}

// present sends a vector as it is. The simulator knows none of their tokens and codes, so each is refused for
// something that it checks after the signature.
func (s *sim) present(v vector, sign string) string {
	values := form(v.Params)
	values.Set("sign", sign)
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.address(v.API)+"?"+values.Encode(), nil)
	must(s.t, err)
	_, raw, err := roundTrip(req)
	must(s.t, err)
	return errorCode(decode(s.t, raw))
}

func TestRequestStyles(t *testing.T) {
	t.Parallel()
	s := newSim(t, aliexpresssim.Options{})
	business := map[string]string{"product_id": s.info.ProductID, "ship_to_country": "US"}
	named := func(name string) map[string]string {
		return map[string]string{"session": "", name: s.info.Session}
	}
	tests := map[string]struct {
		more  map[string]string
		build func(p map[string]string) (*http.Request, error)
	}{
		"all in the body": {nil, func(p map[string]string) (*http.Request, error) {
			req, err := http.NewRequest(http.MethodPost, s.url+"/sync", strings.NewReader(form(p).Encode()))
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded;charset=utf-8")
			return req, err
		}},
		"body without a content type": {nil, func(p map[string]string) (*http.Request, error) {
			return http.NewRequest(http.MethodPost, s.url+"/sync", strings.NewReader(form(p).Encode()))
		}},
		"all in the query, POST": {nil, func(p map[string]string) (*http.Request, error) {
			return http.NewRequest(http.MethodPost, s.url+"/sync?"+form(p).Encode(), nil)
		}},
		"GET":           {nil, getSync(s)},
		"access_token":  {named("access_token"), getSync(s)},
		"text as time":  {map[string]string{"timestamp": start.Format(time.DateTime)}, getSync(s)},
		"SDK trimmings": {map[string]string{"format": "json", "v": "2.0", "partner_id": "x", "debug": "true", "simplify": "true"}, getSync(s)},
		"mixed": {nil, func(p map[string]string) (*http.Request, error) {
			query, body := map[string]string{}, map[string]string{}
			for name, value := range p {
				if business[name] != "" {
					body[name] = value
				} else {
					query[name] = value
				}
			}
			return http.NewRequest(http.MethodPost, s.url+"/sync?"+form(query).Encode(), strings.NewReader(form(body).Encode()))
		}},
		"multipart": {nil, func(p map[string]string) (*http.Request, error) {
			var body bytes.Buffer
			w := multipart.NewWriter(&body)
			for name, value := range p {
				w.WriteField(name, value)
			}
			w.Close()
			req, err := http.NewRequest(http.MethodPost, s.url+"/sync", &body)
			req.Header.Set("Content-Type", w.FormDataContentType())
			return req, err
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			more := map[string]string{}
			for _, m := range []map[string]string{business, tt.more} {
				for k, v := range m {
					more[k] = v
				}
			}
			req, err := tt.build(s.params(apiProduct, more))
			must(t, err)
			resp, err := http.DefaultClient.Do(req)
			must(t, err)
			defer resp.Body.Close()
			equal(t, "status", resp.StatusCode, 200)
			equal(t, "type", resp.Header.Get("Content-Type"), "application/json;charset=UTF-8")
			var answer object
			must(t, json.NewDecoder(resp.Body).Decode(&answer))
			if result(answer, "ae_item_base_info_dto", "subject") != "Solar lamp" {
				t.Errorf("got %v", answer)
			}
		})
	}
}

func getSync(s *sim) func(p map[string]string) (*http.Request, error) {
	return func(p map[string]string) (*http.Request, error) {
		return http.NewRequest(http.MethodGet, s.url+"/sync?"+form(p).Encode(), nil)
	}
}

func TestSystemInterfaceTakesThePathAsParameterToo(t *testing.T) {
	t.Parallel()
	s := newSim(t, aliexpresssim.Options{})
	const path = "/auth/token/create"
	p := s.params(path, map[string]string{"method": path, "code": s.info.AuthCode})
	req, err := http.NewRequest(http.MethodPost, s.url+"/rest", strings.NewReader(form(p).Encode()))
	must(t, err)
	status, raw, err := roundTrip(req)
	must(t, err)
	equal(t, "status", status, 200)
	equal(t, "code", decode(t, raw)["code"].(string), "0")
}

// Each row breaks one check more than the row before, and the earliest check wins.
func TestChecksComeInTheirOrder(t *testing.T) {
	t.Parallel()
	s := newSim(t, aliexpresssim.Options{})
	must(t, s.Fail(aliexpresssim.Fault{Method: "*", How: aliexpresssim.ThrottleAPI}))
	rows := []struct {
		want  string
		spoil func(p map[string]string)
	}{
		{"MissingParameter", func(p map[string]string) { delete(p, "timestamp") }},
		{"InvalidAppKey", func(p map[string]string) { p["app_key"] = "1" }},
		{"IllegalTimestamp", func(p map[string]string) {
			p["timestamp"] = fmt.Sprint(start.Add(-7201 * time.Second).UnixMilli())
		}},
		{"IncompleteSignature", func(p map[string]string) { p["sign"] = strings.ToLower(p["sign"][1:]) + "0" }},
		{"ApiCallLimit", func(map[string]string) {}},
		{"InvalidApiPath", func(p map[string]string) { p["method"] = "aliexpress.ds.nothing" }},
		{"IllegalAccessToken", func(p map[string]string) { p["session"] = "other" }},
		{"MissingParameter", func(map[string]string) {}},
	}
	for i, row := range rows {
		p := s.params(apiOrder, nil)
		for j := len(rows) - 1; j > i; j-- {
			if rows[j].want != "IncompleteSignature" {
				rows[j].spoil(p)
			}
		}
		if row.want != "MissingParameter" || i == 0 {
			row.spoil(p)
		}
		if row.want != "IncompleteSignature" {
			p["sign"] = sign(s.info.AppSecret, apiOrder, p)
		}
		req, err := http.NewRequest(http.MethodGet, s.url+"/sync?"+form(p).Encode(), nil)
		must(t, err)
		_, raw, err := roundTrip(req)
		must(t, err)
		equal(t, fmt.Sprintf("row %d", i), errorCode(decode(t, raw)), row.want)
	}
	equal(t, "every call is journaled", s.count(aliexpresssim.KindCall), len(rows))
}

func TestQPSIsLimitedForEachAPI(t *testing.T) {
	t.Parallel()
	s := newSim(t, aliexpresssim.Options{QPS: 1})
	s.order(s.info.OrderID)
	equal(t, "second call", errorCode(s.order(s.info.OrderID)), "AppApiCallLimit")
	equal(t, "another API", errorCode(s.tracking(s.info.OrderID)), "")
	s.advance(time.Second)
	equal(t, "a second later", errorCode(s.order(s.info.OrderID)), "")
}

func TestTokens(t *testing.T) {
	t.Parallel()
	s := newSim(t, aliexpresssim.Options{})
	exchange := func(code string) object {
		return s.call("/auth/token/create", map[string]string{"code": code})
	}
	refresh := func(token any) object {
		return s.call("/auth/token/refresh", map[string]string{"refresh_token": fmt.Sprint(token)})
	}
	s.advance(time.Hour)
	first := exchange(s.info.AuthCode)
	equal(t, "the seed code lives until it is used", errorCode(first), "")
	equal(t, "a code works once", errorCode(exchange(s.info.AuthCode)), "InvalidCode")

	code, err := s.NewAuthCode(s.info.UserID)
	must(t, err)
	s.advance(3 * time.Minute)
	equal(t, "a code lives three minutes", errorCode(exchange(code)), "InvalidCode")

	s.advance(24 * time.Hour)
	second := refresh(first["refresh_token"])
	equal(t, "refresh life goes on", second["refresh_token_valid_time"].(json.Number), first["refresh_token_valid_time"].(json.Number))
	equal(t, "access life restarts", second["expires_in"].(json.Number), "2592000")
	equal(t, "old refresh token", errorCode(refresh(first["refresh_token"])), "IllegalRefreshToken")

	s.info.Session = second["access_token"].(string)
	equal(t, "new token", errorCode(s.order(s.info.OrderID)), "")
	must(t, s.ExpireTokens(""))
	equal(t, "expired token", errorCode(s.order(s.info.OrderID)), "IllegalAccessToken")
	third := refresh(second["refresh_token"])
	equal(t, "refresh after expiry", errorCode(third), "")
	s.post("/tokens/revoke", object{})
	equal(t, "revoked", errorCode(refresh(third["refresh_token"])), "IllegalRefreshToken")

	fourth := exchange(s.post("/auth-codes", object{"user_id": s.info.UserID})["auth_code"].(string))
	s.info.Session = fourth["access_token"].(string)
	s.advance(30 * 24 * time.Hour)
	equal(t, "after 30 days", errorCode(s.order(s.info.OrderID)), "IllegalAccessToken")
	s.advance(30 * 24 * time.Hour)
	equal(t, "after 60 days", errorCode(refresh(fourth["refresh_token"])), "IllegalRefreshToken")
}

func TestConsentSendsTheCodeBack(t *testing.T) {
	t.Parallel()
	s := newSim(t, aliexpresssim.Options{})
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	visit := func(extra string) *http.Response {
		resp, err := client.Get(s.url + "/oauth/authorize?response_type=code&client_id=" + s.info.AppKey +
			"&redirect_uri=https%3A%2F%2Fhub.example%2Fback%3Fa%3D1&state=xyz" + extra)
		must(t, err)
		resp.Body.Close()
		return resp
	}
	equal(t, "page", visit("").StatusCode, http.StatusOK)
	back, err := visit("&approve=" + s.info.UserID).Location()
	must(t, err)
	equal(t, "state", back.Query().Get("state"), "xyz")
	equal(t, "own query", back.Query().Get("a"), "1")
	answer := s.call("/auth/token/create", map[string]string{"code": back.Query().Get("code")})
	equal(t, "user", answer["user_id"].(string), s.info.UserID)
}

func TestControlAPIIsStrict(t *testing.T) {
	t.Parallel()
	s := newSim(t, aliexpresssim.Options{})
	tests := []struct {
		path string
		body any
		want int
	}{
		{"/faults", object{"method": "*", "how": "html", "often": 1}, 400},
		{"/faults", object{"method": "*", "how": "melt"}, 400},
		{"/faults", object{"how": "html"}, 400},
		{"/dedupe", object{"mode": "sometimes"}, 400},
		{"/pushes/release", object{"order": "random"}, 400},
		{"/pay-timeout", object{"seconds": 0}, 400},
		{"/orders/1/pay", object{}, 404},
		{"/orders/" + s.info.OrderID + "/pay", object{}, 409},
		{"/orders/" + s.info.OrderID + "/vanish", object{"mail_no": "nope"}, 404},
		{"/tokens/expire", object{"user_id": "nobody"}, 404},
		{"/products/1005006454451334", object{"price": "1,5"}, 400},
		{"/products/1005006454451334", object{"price": 13.5, "stock": 3}, 200},
		{"/nothing", object{}, 404},
	}
	for _, tt := range tests {
		answer := s.control(http.MethodPost, tt.path, tt.body, tt.want)
		if _, ok := answer["error"].(string); ok == (tt.want == 200) {
			t.Errorf("%s: %v", tt.path, answer)
		}
	}
	equal(t, "changed price", s.Products()[0].Price, "13.50")
	equal(t, "products", len(s.control(http.MethodGet, "/products", nil, 200)["products"].([]any)), len(s.Products()))
	equal(t, "info", s.control(http.MethodGet, "/info", nil, 200)["order_id"].(string), s.info.OrderID)
}
