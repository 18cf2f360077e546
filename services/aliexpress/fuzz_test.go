package aliexpress_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"waybill/models"
	"waybill/services/aliexpress"
)

// knownEnd wants an error that says what software should do about it, and whose sentence for people is no leak of the answer's.
func knownEnd(t *testing.T, err error) {
	t.Helper()
	var e *models.Error
	if !errors.As(err, &e) || e.Kind == "" || e.Kind == models.Internal || e.Code == "" || e.Detail == "" {
		t.Errorf("an error that says nothing: %v", err)
	}
	if e != nil && (e.RetryAfter < 0 || !utf8.ValidString(e.Detail) || strings.ContainsRune(e.Detail, 0)) {
		t.Errorf("an error that cannot be kept: %+v", e)
	}
}

// Whatever AliExpress answers, every reading ends in a value that can be stored or in an error of a known kind, and a purchase is
// called placed only with numbers, refused only without.
func FuzzAnswer(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	asks := []func(context.Context, *aliexpress.Client) (any, error){readOrder, readTracking, readProduct, readFreight, exchange, refresh}
	placing := byte(len(asks))
	kindOf := map[string]byte{"order_get": 0, "tracking": 1, "product": 2, "freight": 3, "token_create": 4, "token_refresh": 5, "order_create": placing, "placeorder": placing}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		base := strings.TrimPrefix(name, "testdata/")
		if strings.HasPrefix(base, "push_") || strings.HasPrefix(base, "request_") || strings.HasPrefix(base, "sign_") {
			continue
		}
		if strings.HasPrefix(base, "error_") {
			for kind := range placing + 1 {
				f.Add(kind, raw)
			}
		}
		for prefix, kind := range kindOf {
			if strings.HasPrefix(base, prefix) {
				f.Add(kind, raw)
			}
		}
	}
	for kind := range placing + 1 {
		for _, body := range []string{"", "null", "[]", `{"a_response":null}`, `{"a_response":{"result":"\u0000"}}`, `{"error_response":{"code":"ApiCallLimit","msg":"ban will last 9999999999999999999 seconds"}}`, "<html>"} {
			f.Add(kind, []byte(body))
		}
	}
	var answer []byte
	g := newGateway(f, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(answer) })
	c := g.client(f)
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		answer = body
		g.forget()
		if kind %= placing + 1; kind == placing {
			placed(t, c.Place(t.Context(), access, purchase(), nil))
			return
		}
		value, err := asks[kind](t.Context(), c)
		if err != nil {
			knownEnd(t, err)
			return
		}
		text, err := json.Marshal(value)
		if err != nil || strings.Contains(strings.ReplaceAll(string(text), `\\`, ""), `\u0000`) {
			t.Errorf("it cannot be stored: %s %v", text, err)
		}
	})
}

var onlyDigits = regexp.MustCompile(`^[1-9][0-9]{0,18}$`)

func placed(t *testing.T, res models.PlaceResult) {
	t.Helper()
	switch res.Class {
	case models.ClassPlaced:
		if len(res.Numbers) == 0 {
			t.Error("placed without a number")
		}
		for _, n := range res.Numbers {
			if !onlyDigits.MatchString(n) {
				t.Errorf("the number %q", n)
			}
		}
	case models.ClassRejected, models.ClassNotExecuted, models.ClassUnknown:
		if len(res.Numbers) > 0 {
			t.Errorf("%s with numbers %v", res.Class, res.Numbers)
		}
		knownEnd(t, res.Err)
	default:
		t.Errorf("class %q", res.Class)
	}
}

// forget drops what the gateway was sent.
func (g *gateway) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.requests, g.forms = nil, nil
}

// A push message is believed with its signature only; what is signed is read or refused, and what is read can be stored.
func FuzzPush(f *testing.F) {
	files, err := filepath.Glob("testdata/push_*.json")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, "")
	}
	f.Add([]byte(`{"data":{"buyerId":"\u0000","orderId":-1,"orderStatus":"\u0000"},"timestamp":"99999999999999999"}`), "00")
	f.Add([]byte(`{"data":[]}`), strings.Repeat("0", 64))
	f.Add([]byte(""), authorization(""))
	c := receiver(f)
	f.Fuzz(func(t *testing.T, body []byte, unsigned string) {
		if _, err := c.ParsePush(models.App{}, unsigned, body); err == nil && unsigned != authorization(string(body)) && !strings.EqualFold(strings.TrimSpace(unsigned), authorization(string(body))) {
			t.Errorf("%q is believed", unsigned)
		}
		e, err := c.ParsePush(models.App{}, authorization(string(body)), body)
		if err != nil {
			if !errors.Is(err, models.Invalid) {
				t.Errorf("got %v", err)
			}
			return
		}
		for _, s := range []string{e.EventID, e.Kind, e.UserID, e.Number, c.PushAccount(body)} {
			if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
				t.Errorf("%q cannot be stored", s)
			}
		}
		if e.EventID == "" || e.Kind == "" || e.Number != "" && !onlyDigits.MatchString(e.Number) {
			t.Errorf("%+v", e)
		}
	})
}
