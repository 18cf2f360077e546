package models_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"waybill/models"
)

func TestSecretIsNeverShown(t *testing.T) {
	t.Parallel()
	const text = "hunter2"
	secret := models.Secret(text)
	type nested struct {
		Token models.Secret
		Also  *models.Secret
		List  []models.Secret
		ByKey map[string]models.Secret
		Any   any
	}
	values := map[string]any{
		"itself": secret, "pointer": &secret,
		"in a struct":     nested{secret, &secret, []models.Secret{secret}, map[string]models.Secret{"k": secret}, secret},
		"in a pointer":    &nested{Token: secret, Any: &secret},
		"in a slice":      []any{secret, &secret},
		"in a grant":      models.Grant{AccessToken: secret, RefreshToken: secret, ExpiresAt: time.Unix(0, 0)},
		"in an access":    models.Access{Token: secret},
		"in an error":     models.Errorf(models.Internal, "x", "token %s", secret),
		"in another text": fmt.Sprint("token ", secret),
	}
	hidden := func(name, how, got string) {
		if strings.Contains(got, text) || strings.Contains(got, fmt.Sprintf("%x", text)) || strings.Contains(got, fmt.Sprintf("%X", text)) {
			t.Errorf("%s by %s: %s", name, how, got)
		}
	}
	for name, value := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%10.20s", "%U", "%!"} {
			hidden(name, verb, fmt.Sprintf(verb, value))
		}
		hidden(name, "Sprintln", fmt.Sprintln(value))
		marshalled, err := json.Marshal(value)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		hidden(name, "JSON", string(marshalled))
		var logged bytes.Buffer
		slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "value", value)
		slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "value", value)
		hidden(name, "slog", logged.String())
	}
	marshalled, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"grant"`
		Token   models.Secret
	}{Token: secret})
	if err != nil {
		t.Fatal(err)
	}
	hidden("in a struct", "XML", string(marshalled))
	for verb, want := range map[string]string{"%v": "***", "%s": "***", "%#v": "***", "%+v": "***", "%d": "***"} {
		if got := fmt.Sprintf(verb, secret); got != want {
			t.Errorf("%s gives %q, want %q", verb, got, want)
		}
	}
	if secret.Reveal() != text || secret.String() != "***" || secret.GoString() != "***" {
		t.Error("Reveal gives the text, String and GoString do not")
	}
}

func TestEmptySecretIsShownAsEmpty(t *testing.T) {
	t.Parallel()
	marshalled, err := json.Marshal(struct{ Token models.Secret }{})
	if err != nil || string(marshalled) != `{"Token":""}` || fmt.Sprint(models.Secret("")) != "" {
		t.Errorf("%s, %v", marshalled, err)
	}
}
