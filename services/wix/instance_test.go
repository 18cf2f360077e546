package wix_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"waybill/models"
	"waybill/services/wix"
)

const inWindow = "2026-03-14T10:00:00Z" // the fixture is signed at 09:00 and ends at 13:00

func verifiesInstance(t *testing.T, _ string, data []byte) {
	var file struct{ Secret, Instance string }
	decode(t, data, &file)
	for now, ok := range map[string]bool{
		"2026-03-14T08:58:59Z": false, "2026-03-14T08:59:00Z": true, inWindow: true, "2026-03-14T12:59:59Z": true, "2026-03-14T13:00:01Z": false,
	} {
		c := newClient(t, "", at(now), func(cfg *wix.Config) { cfg.AppSecret = models.Secret(file.Secret) })
		got, err := c.VerifyInstance(file.Instance)
		if ok && (err != nil || got != instanceID) {
			t.Errorf("at %s: got %q, %v", now, got, err)
		}
		if !ok {
			wantError(t, err, models.Unauthenticated, "wix_instance_expired")
		}
	}
}

func signInstance(members map[string]any) string {
	raw, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	return signData(base64.RawURLEncoding.EncodeToString(raw))
}

func signData(data string) string {
	mac := hmac.New(sha256.New, []byte(appSecret))
	mac.Write([]byte(data))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) + "." + data
}

func TestSignedInstances(t *testing.T) {
	t.Parallel()
	with := func(name string, value any) string {
		members := map[string]any{"instanceId": instanceID, "appDefId": appID, "signDate": "2026-03-14T09:00:00.000Z", "expirationDate": "2026-03-14T13:00:00.000Z"}
		members[name] = value
		if value == "absent" {
			delete(members, name)
		}
		return signInstance(members)
	}
	good := with("uid", nil)
	signature, data, _ := strings.Cut(good, ".")
	_, other, _ := strings.Cut(with("instanceId", "another"), ".")
	const bad, old = "wix_instance_signature", "wix_instance_expired"
	for name, tt := range map[string]struct{ signed, code string }{
		"good":                     {good, ""},
		"no own end":               {with("expirationDate", "absent"), ""},
		"aid is null":              {with("aid", nil), ""},
		"aid is empty":             {with("aid", ""), ""},
		"tampered data":            {signature + "." + other, bad},
		"tampered signature":       {flip(signature) + "." + data, bad},
		"signature with padding":   {signature + "=." + data, bad},
		"no signature":             {"." + data, bad},
		"no dot":                   {data, bad},
		"empty":                    {"", bad},
		"too long":                 {good + strings.Repeat("A", 20000), bad},
		"data is no base64":        {signData("!!"), bad},
		"data is no JSON":          {signData("aGVsbG8"), bad},
		"another app":              {with("appDefId", "another"), bad},
		"no app":                   {with("appDefId", "absent"), bad},
		"no instance":              {with("instanceId", "absent"), bad},
		"anonymous visitor":        {with("aid", "91dbf6c1"), bad},
		"anonymous in another way": {with("aid", map[string]any{"id": "x"}), bad},
		"no sign date":             {with("signDate", "absent"), old},
		"odd sign date":            {with("signDate", "today"), old},
		"signed long ago":          {with("signDate", "2026-03-14T05:59:59.999Z"), old},
		"signed tomorrow":          {with("signDate", "2026-03-15T09:00:00.000Z"), old},
		"past its end":             {with("expirationDate", "2026-03-14T10:00:00.000Z"), old},
		"odd end":                  {with("expirationDate", "never"), old},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := newClient(t, "", at(inWindow)).VerifyInstance(tt.signed)
			if tt.code != "" {
				wantError(t, err, models.Unauthenticated, tt.code)
				return
			}
			if err != nil || got != instanceID {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestNoInstanceIsTrustedWithoutAnAppSecret(t *testing.T) {
	t.Parallel()
	mac := hmac.New(sha256.New, nil)
	data := base64.RawURLEncoding.EncodeToString([]byte(`{"instanceId":"x","appDefId":"` + appID + `","signDate":"` + inWindow + `"}`))
	mac.Write([]byte(data))
	forged := base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) + "." + data
	_, err := newClient(t, "", at(inWindow), func(cfg *wix.Config) { cfg.AppSecret = "" }).VerifyInstance(forged)
	wantError(t, err, models.Unauthenticated, "wix_instance_signature")
}
