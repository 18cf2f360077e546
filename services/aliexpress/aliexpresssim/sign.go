package aliexpresssim

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"maps"
	"slices"
	"strings"
)

// signed reports whether sign is the signature of params by the rule that signMethod names (aliexpress.md 2).
// Clients disagree about empty values, so both readings are accepted.
func signed(secret string, c *call) bool {
	given := strings.ToUpper(c.params["sign"])
	for _, text := range []string{textToSign(c, true), textToSign(c, false)} {
		want := signature(secret, text, c)
		if want != "" && hmac.Equal([]byte(want), []byte(given)) {
			return true
		}
	}
	return false
}

// textToSign joins the sorted pairs, with the path in front on the system gateway (aliexpress.md 2.1).
func textToSign(c *call, withEmpty bool) string {
	var text strings.Builder
	if c.rest {
		text.WriteString(c.api)
	}
	for _, name := range slices.Sorted(maps.Keys(c.params)) {
		value := c.params[name]
		if name == "sign" || value == "" && !withEmpty {
			continue
		}
		text.WriteString(name)
		text.WriteString(value)
	}
	return text.String()
}

// signature is empty for a sign_method that the gateway does not know. The two legacy rules work on /sync only
// (aliexpress.md 2.5).
func signature(secret, text string, c *call) string {
	switch c.params["sign_method"] {
	case "sha256":
		return mac(sha256.New, secret, text)
	case "md5":
		if !c.rest {
			sum := md5.Sum([]byte(secret + text + secret))
			return strings.ToUpper(hex.EncodeToString(sum[:]))
		}
	case "hmac":
		if !c.rest {
			return mac(md5.New, secret, text)
		}
	}
	return ""
}

func mac(algorithm func() hash.Hash, secret, text string) string {
	m := hmac.New(algorithm, []byte(secret))
	io.WriteString(m, text)
	return strings.ToUpper(hex.EncodeToString(m.Sum(nil)))
}
