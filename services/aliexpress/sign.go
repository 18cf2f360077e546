package aliexpress

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"
	"slices"
	"strings"
)

// Sign computes the value of the parameter sign over everything else that is sent (aliexpress.md 2.1): upper-case hex of
// HMAC-SHA256 over names and values in byte order of the names. api is a dotted method name, which takes part only as an
// ordinary parameter, or a path of the system gateway, which comes first.
func Sign(secret, api string, params map[string]string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	if strings.Contains(api, "/") {
		_, _ = io.WriteString(mac, api)
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if name != "sign" {
			_, _ = io.WriteString(mac, name+params[name])
		}
	}
	return strings.ToUpper(hex.EncodeToString(mac.Sum(nil)))
}
