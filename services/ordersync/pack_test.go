package ordersync

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func token(header, claims, signature []byte) []byte {
	return []byte(base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(claims) + "." + base64.RawURLEncoding.EncodeToString(signature))
}

func TestAMessageIsUnpackedAsItCame(t *testing.T) {
	t.Parallel()
	p := newPacker()
	rapid.Check(t, func(t *rapid.T) {
		some := rapid.SliceOfN(rapid.Byte(), 0, 300)
		body := rapid.OneOf(
			rapid.SliceOfN(rapid.ByteRange(3, 255), 0, 300), // no message begins with a control character
			rapid.Custom(func(t *rapid.T) []byte {
				return token(some.Draw(t, "header"), some.Draw(t, "claims"), some.Draw(t, "signature"))
			}),
			rapid.Map(rapid.StringMatching(`[A-Za-z0-9_-]{0,40}(\.[A-Za-z0-9_=-]{0,40}){1,3}\n?`), func(s string) []byte { return []byte(s) }),
		).Draw(t, "body")
		got, err := p.unpack(p.pack(body))
		if err != nil || !bytes.Equal(got, body) {
			t.Fatalf("%q became %q, %v", body, got, err)
		}
		if got, err := p.unpack(body); err != nil || !bytes.Equal(got, body) { // kept before there was packing
			t.Fatalf("%q became %q, %v", body, got, err)
		}
	})
}

func TestAWebhookIsPackedSmall(t *testing.T) {
	t.Parallel()
	claims := []byte(`{"data":"` + strings.Repeat(`{\"data\":\"{\\\"id\\\":\\\"0b6f0f6c\\\",\\\"entityFqdn\\\":\\\"wix.ecom.v1.order\\\"}\"}`, 100) + `"}`)
	body := token([]byte(`{"alg":"RS256"}`), claims, bytes.Repeat([]byte{7}, 256))
	if n := len(newPacker().pack(body)); n > len(body)/6 {
		t.Errorf("%d bytes are packed into %d", len(body), n)
	}
}

func TestWhatIsNotWholeIsNotUnpacked(t *testing.T) {
	t.Parallel()
	p := newPacker()
	packed := p.pack(token([]byte(`{"alg":"RS256"}`), []byte(`{"data":"x"}`), []byte("signature")))
	for n := 1; n < len(packed); n++ {
		if got, err := p.unpack(packed[:n]); err == nil {
			t.Errorf("the first %d of %d bytes give %q", n, len(packed), got)
		}
	}
}
