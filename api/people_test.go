package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"waybill/services/database/databasetest"
	"waybill/services/mail/mailtest"
)

var linkInMail = regexp.MustCompile(`http\S+/(sign-up|new-password|invitation)#([A-Z0-9]+)`)

// visitor is a browser with a jar of its own.
type visitor struct {
	t      *testing.T
	w      *world
	client *http.Client
}

func (w *world) visitor(t *testing.T) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t, w, &http.Client{Jar: jar, Timeout: 20 * time.Second}}
}

func (v *visitor) ask(method, path, body string, status int, into any) {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), method, v.w.url+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := v.client.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != status {
		v.t.Fatalf("%s %s answers %d: %s %v", method, path, res.StatusCode, raw, err)
	}
	if into != nil {
		if err := json.Unmarshal(raw, into); err != nil {
			v.t.Fatal(err)
		}
	}
}

// A merchant signs up by mail, invites a colleague, forgets the password and comes in again; nobody learns who is there.
func TestPeopleComeInByMail(t *testing.T) {
	t.Parallel()
	server := mailtest.New(t, mailtest.Plain)
	w := newWorld(t, databasetest.URL(t), "WAYBILL_CHECK_SPEED=1", "WAYBILL_SIGN_UP=on", "WAYBILL_SMTP_URL="+server.URL().Reveal(), "WAYBILL_MAIL_FROM=Waybill <waybill@example.com>")
	w.run()
	read := 0
	link := func(to, kind string) string {
		t.Helper()
		var token string
		w.await("a mail with a link of kind "+kind, func() bool {
			letters := server.Letters()
			for _, l := range letters[read:] {
				if found := linkInMail.FindStringSubmatch(l.Text()); l.To == to && found != nil && found[1] == kind {
					token, read = found[2], len(letters)
					return true
				}
			}
			return false
		})
		return token
	}
	jane := w.visitor(t)
	jane.ask(http.MethodPost, "/sign-ups", `{"email":"jane@example.com"}`, http.StatusAccepted, nil)
	use := fmt.Sprintf(`{"token":%q,"merchant":"Green Leaf Goods","zone":"Europe/Berlin","name":"Jane Doe","password":"violet-anchor-parcel-19"}`, link("jane@example.com", "sign-up"))
	jane.ask(http.MethodPost, "/sign-ups/use", strings.Replace(use, "Europe/Berlin", "Mars/Olympus", 1), http.StatusUnprocessableEntity, nil)
	var me struct {
		Role     string
		Merchant struct{ ID, Name string }
	}
	jane.ask(http.MethodPost, "/sign-ups/use", use, http.StatusOK, &me)
	if me.Role != "owner" || me.Merchant.Name != "Green Leaf Goods" {
		t.Errorf("%+v", me)
	}
	jane.ask(http.MethodPost, "/sign-ups/use", use, http.StatusUnprocessableEntity, nil) // once
	var counts map[string]any
	jane.ask(http.MethodGet, "/orders/counts", "", http.StatusOK, &counts)
	if counts["awaiting_order"] != float64(0) {
		t.Errorf("a new merchant has the orders of another: %v", counts)
	}

	jane.ask(http.MethodPost, "/people/invitations", `{"email":"max@example.com","role":"member"}`, http.StatusCreated, nil)
	max := w.visitor(t)
	max.ask(http.MethodPost, "/invitations/accept", fmt.Sprintf(`{"token":%q,"name":"Max","password":"violet-anchor-parcel-19"}`, link("max@example.com", "invitation")), http.StatusOK, &me)
	if me.Role != "member" || me.Merchant.Name != "Green Leaf Goods" {
		t.Errorf("%+v", me)
	}

	other := w.visitor(t)
	other.ask(http.MethodPost, "/password-resets", `{"email":"nobody@example.com"}`, http.StatusAccepted, nil)
	other.ask(http.MethodPost, "/password-resets", `{"email":"jane@example.com"}`, http.StatusAccepted, nil)
	other.ask(http.MethodPost, "/password-resets/use", fmt.Sprintf(`{"token":%q,"password":"another-lantern-parcel-7"}`, link("jane@example.com", "new-password")), http.StatusNoContent, nil)
	jane.ask(http.MethodGet, "/me", "", http.StatusUnauthorized, nil)
	jane.ask(http.MethodPost, "/session", `{"email":"jane@example.com","password":"another-lantern-parcel-7"}`, http.StatusOK, nil)
	// Who signs up again with an address that is there gets a link to a new password instead.
	other.ask(http.MethodPost, "/sign-ups", `{"email":"jane@example.com"}`, http.StatusAccepted, nil)
	link("jane@example.com", "new-password")
	for _, l := range server.Letters() {
		if l.To == "nobody@example.com" {
			t.Error("somebody who is not there gets mail")
		}
	}
	if log := w.process.lines(); strings.Contains(log, "violet-anchor") || strings.Contains(log, "jane@example.com") || linkInMail.MatchString(log) {
		t.Error("passwords, addresses or links are in the log")
	}
	w.terminate()
}

// operatorWithApp makes an operator with an authenticator app, whose secret it gives.
func (w *world) operatorWithApp(t *testing.T) (*visitor, string) {
	t.Helper()
	p := execute(t, w.env, nil, "admin", "create", "--email", "otto@example.com", "--name", "Otto")
	if p.ended(t) != 0 {
		t.Fatalf("%s", p.lines())
	}
	v := w.visitor(t)
	v.ask(http.MethodPost, "/password-resets/use", fmt.Sprintf(`{"token":%q,"password":"violet-anchor-parcel-19"}`, linkInMail.FindStringSubmatch(p.out.lines())[2]), http.StatusNoContent, nil)
	v.ask(http.MethodPost, "/session", `{"email":"otto@example.com","password":"violet-anchor-parcel-19"}`, http.StatusOK, nil)
	var app struct{ Token, Secret string }
	v.ask(http.MethodPost, "/me/authenticator-app", `{"password":"violet-anchor-parcel-19"}`, http.StatusOK, &app)
	// The code of the half minute before is good, too, and leaves the present one for the sign-in.
	code, err := totp.GenerateCode(app.Secret, time.Now().Add(-30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	v.ask(http.MethodPut, "/me/authenticator-app", fmt.Sprintf(`{"token":%q,"code":%q}`, app.Token, code), http.StatusNoContent, nil)
	return v, app.Secret
}

func (v *visitor) signIn(secret string) {
	v.t.Helper()
	code, err := totp.GenerateCode(secret, time.Now())
	if err != nil {
		v.t.Fatal(err)
	}
	v.ask(http.MethodPost, "/session", fmt.Sprintf(`{"email":"otto@example.com","password":"violet-anchor-parcel-19","code":%q}`, code), http.StatusOK, nil)
}

// The first operator comes by a command on the machine, sets a password by the link that it prints, and may do nothing before a second
// factor is set up.
func TestTheFirstOperatorIsMadeByCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, databasetest.URL(t), "WAYBILL_CHECK_SPEED=1")
	w.run()
	for _, wrong := range [][]string{{"admin"}, {"admin", "create"}, {"admin", "create", "--email", "x@example.com", "--name", "X", "--role", "king"}, {"admin", "create", "--email", "x@example.com", "--name", "X", "--role", "owner"}, {"admin", "link"}} {
		if p := execute(t, w.env, nil, wrong...); p.ended(t) != 2 || !strings.Contains(p.lines(), "Usage: waybill admin") {
			t.Errorf("%v: %s", wrong, p.lines())
		}
	}
	if p := execute(t, w.env, nil, "admin", "link", "nobody@example.com"); p.ended(t) != 1 || !strings.Contains(p.lines(), "no such person") {
		t.Errorf("%s", p.lines())
	}
	p := execute(t, w.env, nil, "admin", "create", "--email", "otto@example.com", "--name", "Otto")
	if p.ended(t) != 0 {
		t.Fatalf("%s", p.lines())
	}
	found := linkInMail.FindStringSubmatch(p.out.lines())
	if found == nil {
		t.Fatalf("no link: %s", p.out.lines())
	}
	otto := w.visitor(t)
	otto.ask(http.MethodPost, "/password-resets/use", fmt.Sprintf(`{"token":%q,"password":"violet-anchor-parcel-19"}`, found[2]), http.StatusNoContent, nil)
	otto.ask(http.MethodPost, "/session", `{"email":"otto@example.com","password":"violet-anchor-parcel-19"}`, http.StatusOK, nil)
	otto.ask(http.MethodGet, "/support/merchants", "", http.StatusForbidden, nil)
	if p := execute(t, w.env, nil, "admin", "end-sessions", "Otto@example.com"); p.ended(t) != 0 {
		t.Errorf("%s", p.lines())
	}
	otto.ask(http.MethodGet, "/me", "", http.StatusUnauthorized, nil)
	p = execute(t, w.env, nil, "admin", "merchants")
	if p.ended(t) != 0 || !strings.Contains(p.out.lines(), "My shop") {
		t.Errorf("%s", p.out.lines())
	}
	p = execute(t, w.env, nil, "admin", "create", "--email", "jane@example.com", "--name", "Jane", "--role", "owner", "--merchant", strings.Fields(p.out.lines())[0])
	if p.ended(t) != 0 || !linkInMail.MatchString(p.out.lines()) {
		t.Errorf("%s %s", p.out.lines(), p.lines())
	}
	w.terminate()
}
