package handlers

import (
	"net/http"
	"strings"
	"testing"
)

type endpointSeen struct {
	ID, URL, Description, State, Secret string
	Types                               []string
	DisabledWhy                         string `json:"disabled_why"`
	OldSecretUntil                      string `json:"old_secret_until"`
}

const hook = `{"url":"https://example.com/hook","description":" Warehouse ","types":["sync_job.finished","order.created"]}`

func TestAnEndpointsSecretIsShownOnce(t *testing.T) {
	t.Parallel()
	d := newShop(t)
	var made, seen endpointSeen
	d.read(http.MethodPost, "/webhook-endpoints", hook, http.StatusCreated, &made)
	if !strings.HasPrefix(made.Secret, "whsec_") || made.Description != "Warehouse" || made.State != "active" || strings.Join(made.Types, " ") != "order.created sync_job.finished" {
		t.Errorf("%+v", made)
	}
	_, _, list := d.call(http.MethodGet, "/webhook-endpoints", "")
	_, _, one := d.call(http.MethodGet, "/webhook-endpoints/"+made.ID, "")
	_, _, deliveries := d.call(http.MethodGet, "/webhook-endpoints/"+made.ID+"/deliveries", "")
	if !strings.Contains(list, made.ID) || strings.Contains(list+one+deliveries, "secret\"") || deliveries != `{"deliveries":[]}` {
		t.Errorf("%s\n%s\n%s", list, one, deliveries)
	}
	d.read(http.MethodPost, "/webhook-endpoints/"+made.ID+"/rotate-secret", "", http.StatusOK, &seen)
	if seen.Secret == made.Secret || !strings.HasPrefix(seen.Secret, "whsec_") || seen.OldSecretUntil == "" {
		t.Errorf("%+v", seen)
	}
}

func TestAnEndpointIsTestedDisabledAndDeleted(t *testing.T) {
	t.Parallel()
	d := newShop(t)
	var made, seen endpointSeen
	d.read(http.MethodPost, "/webhook-endpoints", hook, http.StatusCreated, &made)
	path := "/webhook-endpoints/" + made.ID
	var sent struct {
		MessageID   string `json:"message_id"`
		Type, State string
		Payload     struct {
			Data struct {
				EndpointID string `json:"endpoint_id"`
			}
		}
	}
	d.read(http.MethodPost, path+"/test", "", http.StatusAccepted, &sent)
	if sent.Type != "webhook.test" || sent.State != "waiting" || sent.Payload.Data.EndpointID != made.ID {
		t.Errorf("%+v", sent)
	}
	var page struct {
		Deliveries []struct {
			MessageID string `json:"message_id"`
		}
		NextCursor string `json:"next_cursor"`
	}
	d.read(http.MethodPost, path+"/test", "", http.StatusAccepted, nil)
	d.read(http.MethodGet, path+"/deliveries?limit=1&state=waiting", "", http.StatusOK, &page)
	if len(page.Deliveries) != 1 || page.NextCursor == "" || page.Deliveries[0].MessageID == sent.MessageID {
		t.Fatalf("%+v", page)
	}
	cursor := page.NextCursor
	page.NextCursor = ""
	d.read(http.MethodGet, path+"/deliveries?limit=1&cursor="+cursor, "", http.StatusOK, &page)
	if len(page.Deliveries) != 1 || page.NextCursor != "" || page.Deliveries[0].MessageID != sent.MessageID {
		t.Errorf("%+v", page)
	}
	var again struct{ Replayed int }
	d.read(http.MethodPost, "/webhook-messages/"+sent.MessageID+"/replay", "", http.StatusAccepted, &again)
	if again.Replayed != 1 {
		t.Errorf("%+v", again)
	}
	d.read(http.MethodPost, path+"/replay-failed", `{"since":"2026-01-01T00:00:00Z"}`, http.StatusAccepted, &again)
	if again.Replayed != 0 {
		t.Errorf("%+v", again)
	}
	d.read(http.MethodPut, path, `{"url":"https://example.com/other","types":["order.shipped"],"disabled":true}`, http.StatusOK, &seen)
	if seen.State != "disabled" || seen.DisabledWhy != "person" || seen.URL != "https://example.com/other" {
		t.Errorf("%+v", seen)
	}
	d.refused(http.MethodPost, path+"/test", "", http.StatusConflict, "webhook_endpoint_disabled")
	d.refused(http.MethodPost, path+"/replay-failed", `{"since":"2026-01-01T00:00:00Z"}`, http.StatusConflict, "webhook_endpoint_disabled")
	d.refused(http.MethodPost, "/webhook-messages/"+sent.MessageID+"/replay", `{"endpoint_id":"`+made.ID+`"}`, http.StatusConflict, "webhook_endpoint_disabled")
	d.read(http.MethodDelete, path, "", http.StatusNoContent, nil)
	d.refused(http.MethodGet, path, "", http.StatusNotFound, "webhook_endpoint_not_found")
	d.refused(http.MethodPost, "/webhook-messages/"+sent.MessageID+"/replay", "", http.StatusNotFound, "webhook_message_not_found")
}

func TestAnEndpointThatMakesNoSenseIsRefused(t *testing.T) {
	t.Parallel()
	d := newShop(t)
	for body, code := range map[string]string{
		`{"url":"https://127.0.0.1/","types":["order.created"]}`:                       "webhook_url_invalid",
		`{"url":"http://example.com/","types":["order.created"]}`:                      "webhook_url_invalid",
		`{"url":"https://example.com/","types":[]}`:                                    "validation_failed",
		`{"url":"https://example.com/","types":["webhook.test"]}`:                      "validation_failed",
		`{"url":"https://example.com/","types":["order.created","order.created"]}`:     "validation_failed",
		`{"types":["order.created"]}`:                                                  "validation_failed",
		`{"url":"https://` + strings.Repeat("x", 500) + `","types":["order.created"]}`: "validation_failed",
	} {
		d.refused(http.MethodPost, "/webhook-endpoints", body, http.StatusUnprocessableEntity, code)
	}
	for _, id := range []string{"42", noID} {
		d.refused(http.MethodGet, "/webhook-endpoints/"+id, "", http.StatusNotFound, "webhook_endpoint_not_found")
		d.refused(http.MethodGet, "/webhook-endpoints/"+id+"/deliveries", "", http.StatusNotFound, "webhook_endpoint_not_found")
		d.refused(http.MethodPost, "/webhook-messages/"+id+"/replay", "", http.StatusNotFound, "webhook_message_not_found")
	}
}

func TestNotificationsAreChecked(t *testing.T) {
	t.Parallel()
	d := newShop(t)
	var seen struct {
		Notifications struct {
			Addresses, Codes []string
			Mode, Hour       string
		}
	}
	d.read(http.MethodGet, "/settings", "", http.StatusOK, &seen)
	if n := seen.Notifications; len(n.Addresses) != 0 || n.Addresses == nil || n.Codes == nil || n.Mode != "at_once" {
		t.Errorf("%+v", n)
	}
	with := func(n string) string { return `{"zone":"UTC","auto_place":{},"notifications":` + n + `}` }
	d.read(http.MethodPut, "/settings", with(`{"addresses":["ann@example.com"],"codes":["dispute"],"mode":"daily","hour":"08:00","quiet_from":"22:00","quiet_to":"07:00"}`), http.StatusOK, &seen)
	if n := seen.Notifications; n.Addresses[0] != "ann@example.com" || n.Codes[0] != "dispute" || n.Mode != "daily" || n.Hour != "08:00" {
		t.Errorf("%+v", n)
	}
	for _, wrong := range []string{
		`{"addresses":["nobody"]}`, `{"addresses":["Ann <ann@example.com>"]}`, `{"addresses":["a@example.com\r\nBcc: b@example.com"]}`, `{"addresses":["a@example.com,b@example.com"]}`,
		`{"addresses":["a@x.example","b@x.example","c@x.example","d@x.example","e@x.example","f@x.example"]}`, `{"addresses":["a@x.example","a@x.example"]}`,
		`{"codes":["odd"]}`, `{"mode":"weekly"}`, `{"mode":"daily"}`, `{"mode":"daily","hour":"8"}`, `{"quiet_from":"22:00"}`, `{"quiet_to":"07:00"}`, `{"quiet_from":"22:00","quiet_to":"late"}`,
	} {
		d.refused(http.MethodPut, "/settings", with(wrong), http.StatusUnprocessableEntity, "validation_failed")
	}
}
