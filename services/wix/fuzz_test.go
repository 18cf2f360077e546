package wix_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"

	"waybill/models"
	"waybill/services/wix"
)

// plainText wants text that a database holds.
func plainText(t *testing.T, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			t.Errorf("%q cannot be stored", s)
		}
	}
}

func knownKind(t *testing.T, err error, kinds ...models.Kind) {
	t.Helper()
	for _, k := range kinds {
		if errors.Is(err, k) {
			return
		}
	}
	t.Errorf("got %v", err)
}

// Whatever is posted, it is refused as unsigned: nobody but Wix can sign.
func FuzzWebhookBody(f *testing.F) {
	c := webhookClient(f, signedAt)
	good, err := jwt.NewWithClaims(jwt.SigningMethodRS256, claimsOf(f, "AppInstalled", "{}")).SignedString(otherKey())
	if err != nil {
		f.Fatal(err)
	}
	header, rest, _ := strings.Cut(good, ".")
	for _, body := range []string{"", "a.b.c", good, header + "..", "eyJhbGciOiJub25lIn0." + rest, "eyJhbGciOiJub25lIn0.e30.", "\x00", `{"data":"{}"}`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := c.ParseWebhook(body); !errors.Is(err, models.Unauthenticated) {
			t.Errorf("got %v", err)
		}
	})
}

// Whatever Wix signs is read or refused, and what is read can be stored.
func FuzzWebhookClaims(f *testing.F) {
	files, err := filepath.Glob("testdata/webhook-claims-*.json")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		var file struct{ Claims struct{ Data string } }
		if err := json.Unmarshal(raw, &file); err != nil {
			f.Fatal(err)
		}
		var envelope struct{ EventType, Data string }
		if err := json.Unmarshal([]byte(file.Claims.Data), &envelope); err != nil {
			f.Fatal(err)
		}
		f.Add(envelope.EventType, envelope.Data, false)
		f.Add("", file.Claims.Data, true)
	}
	f.Add("wix.ecom.v1.order_updated", `{"id":1,"entityFqdn":"wix.ecom.v1.order","entityId":"\u0000"}`, false)
	f.Add("", `{"eventType":["x"],"instanceId":{}}`, true)
	c := webhookClient(f, signedAt)
	f.Fuzz(func(t *testing.T, eventType, data string, whole bool) {
		claims := claimsOf(t, eventType, data)
		if whole {
			claims["data"] = data
		}
		token, err := jwt.NewWithClaims(jwt.SigningMethodRS256, claims).SignedString(ourKey())
		if err != nil {
			t.Fatal(err)
		}
		event, err := c.ParseWebhook([]byte(token))
		if err != nil {
			knownKind(t, err, models.Invalid)
			return
		}
		if event.EventID == "" || event.InstanceID == "" || event.Kind == "" || event.At.IsZero() {
			t.Errorf("an event without %+v", event)
		}
		plainText(t, event.EventID, event.InstanceID, event.Kind, event.OrderID)
	})
}

// A signed instance is trusted for its own app, within its time and with its own signature only.
func FuzzSignedInstance(f *testing.F) {
	now, err := time.Parse(time.RFC3339, inWindow)
	if err != nil {
		f.Fatal(err)
	}
	c := newClient(f, "", func(cfg *wix.Config) { cfg.Now = func() time.Time { return now } })
	good := `{"instanceId":"` + instanceID + `","appDefId":"` + appID + `","signDate":"2026-03-14T09:00:00.000Z","expirationDate":"2026-03-14T13:00:00.000Z"}`
	for _, raw := range []string{good, "", "{}", "null", `{"instanceId":1,"appDefId":2}`, strings.Replace(good, instanceID, `\u0000`, 1), strings.Replace(good, "2026", "9999", 2)} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, unsigned := range []string{string(raw), "." + string(raw), "AAAA." + base64.RawURLEncoding.EncodeToString(raw)} {
			if id, err := c.VerifyInstance(unsigned); err == nil {
				t.Errorf("unsigned: %q", id)
			}
		}
		id, err := c.VerifyInstance(signData(base64.RawURLEncoding.EncodeToString(raw)))
		if err != nil {
			knownKind(t, err, models.Unauthenticated)
			return
		}
		if id == "" || !strings.Contains(string(raw), appID) {
			t.Errorf("%q is trusted", id)
		}
		plainText(t, id)
	})
}
