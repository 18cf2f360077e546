package handlers

import (
	"crypto/sha1"
	"encoding/json"
	goflag "flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"waybill/models"
	"waybill/services/audit"
	"waybill/services/mail"
	"waybill/services/people"
)

var update = goflag.Bool("update", false, "write the golden files anew")

const goodPassword = "violet-anchor-parcel-19"

// browser is somebody at the dashboard: it keeps the session's cookie and says for which merchant it asks.
type browser struct {
	*door
	url    string
	cookie *http.Cookie
	at     models.MerchantID
}

func (d *door) browser() *browser { return &browser{door: d, url: d.url} }

// send makes a request as a browser of ours does and keeps the cookie that comes with the answer.
func (b *browser) send(method, path, body string) asked {
	b.Helper()
	headers := map[string]string{"Sec-Fetch-Site": "same-origin"}
	if body != "" {
		headers["Content-Type"] = "application/json"
	}
	return b.sendAs(method, path, body, headers)
}

// sendAs is send with what another browser, or another site, would say.
func (b *browser) sendAs(method, path, body string, headers map[string]string) asked {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	if b.cookie != nil {
		req.AddCookie(b.cookie)
	}
	if b.at != "" {
		req.Header.Set(merchantHeader, string(b.at))
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	for _, c := range res.Cookies() {
		if strings.HasSuffix(c.Name, sessionCookie) {
			b.cookie = c
		}
	}
	if res.Header.Get("Content-Type") == "text/event-stream" {
		return asked{status: res.StatusCode}
	}
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		b.Fatal(err)
	}
	var p struct{ Code, Detail string }
	_ = json.Unmarshal(raw, &p) // not every answer is JSON
	return asked{res.StatusCode, p.Code, p.Detail, string(raw)}
}

// does is send that must be answered with a status, into v.
func (b *browser) does(method, path, body string, status int, v any) {
	b.Helper()
	got := b.send(method, path, body)
	if got.status != status {
		b.Fatalf("%s %s answers %d: %s", method, path, got.status, got.text)
	}
	if v != nil {
		if err := json.Unmarshal([]byte(got.text), v); err != nil {
			b.Fatal(err)
		}
	}
}

// refused is send that must be answered with a status and a code.
func (b *browser) refused(method, path, body string, status int, code string) {
	b.Helper()
	if got := b.send(method, path, body); got.status != status || got.code != code {
		b.Errorf("%s %s answers %d %s instead of %d %s: %s", method, path, got.status, got.code, status, code, got.text)
	}
}

func credentials(email, code string) string {
	return fmt.Sprintf(`{"email":%q,"password":%q,"code":%q}`, email, goodPassword, code)
}

// somebody makes an account of a role.
func (d *door) somebody(role models.PersonRole) models.Person {
	d.Helper()
	m := d.m
	if role.OfStaff() {
		m = ""
	}
	p, err := d.people.Make(d.Context(), string(role)+"@example.com", people.NewPerson{Name: string(role), Password: goodPassword}, m, role)
	if err != nil {
		d.Fatal(err)
	}
	return p
}

// as signs somebody of a role in; staff with their second factor.
func (d *door) as(role models.PersonRole) *browser {
	d.Helper()
	p, code := d.somebody(role), ""
	if role.OfStaff() {
		secret, err := d.people.GiveApp(d.Context(), p)
		if err != nil {
			d.Fatal(err)
		}
		code, _ = totp.GenerateCode(secret.Reveal(), time.Now())
	}
	b := d.browser()
	b.does(http.MethodPost, "/session", credentials(p.Email, code), http.StatusOK, nil)
	return b
}

// looks lets staff look at the door's merchant.
func (b *browser) looks() *browser {
	b.Helper()
	b.does(http.MethodPost, "/support/views", `{"merchant_id":"`+string(b.m)+`","reason":"Ticket 4711"}`, http.StatusCreated, nil)
	b.at = b.m
	return b
}

// What each kind of caller may do, for every route: the golden file is read by people, who decide.
func TestTheRolesMatrix(t *testing.T) {
	t.Parallel()
	d := newShop(t)
	callers := []struct {
		name string
		*browser
	}{
		{"owner", d.as(models.RoleOwner)},
		{"member", d.as(models.RoleMember)},
		{"read_only", d.as(models.RoleReadOnly)},
		{"support", d.as(models.RoleSupport).looks()},
		{"operator", d.as(models.RoleOperator).looks()},
	}
	weak := d.browser() // staff who have not shown a second factor
	if _, err := d.people.Make(t.Context(), "weak@example.com", people.NewPerson{Name: "weak", Password: goodPassword}, "", models.RoleOperator); err != nil {
		t.Fatal(err)
	}
	weak.does(http.MethodPost, "/session", credentials("weak@example.com", ""), http.StatusOK, nil)
	stranger := d.browser() // a person whose role was taken away
	p, err := d.people.Make(t.Context(), "stranger@example.com", people.NewPerson{Name: "stranger", Password: goodPassword}, d.m, models.RoleOwner)
	if err != nil {
		t.Fatal(err)
	}
	stranger.does(http.MethodPost, "/session", credentials("stranger@example.com", ""), http.StatusOK, nil)
	d.exec("DELETE FROM memberships WHERE person_id = ?", p.ID)
	over := d.browser() // a session that is over
	over.does(http.MethodPost, "/session", `{"api_key":"`+d.key+`"}`, http.StatusOK, nil)
	d.exec("UPDATE sessions SET expires_at = now() - interval '1 second' WHERE data->'session'->>'key_id' <> ''")

	var got strings.Builder
	for _, route := range apiRoutes(t) {
		if permissions[route] == noKey {
			continue
		}
		method, path, _ := strings.Cut(route, " ")
		path = pathWith(path, nil)
		over.refused(method, path, matrixBodies[route], http.StatusUnauthorized, "session_over")
		if s := permissions[route]; s != anyKey && s != aSelf {
			if got := weak.send(method, path, matrixBodies[route]); got.status != http.StatusForbidden || got.code != "second_factor_needed" {
				t.Errorf("%s: staff without a second factor are answered %d %s", route, got.status, got.code)
			}
			if got := stranger.send(method, path, matrixBodies[route]); got.status != http.StatusForbidden {
				t.Errorf("%s: somebody without a role is answered %d %s", route, got.status, got.code)
			}
		}
		fmt.Fprintf(&got, "%-40s", route)
		for _, c := range callers {
			answer, may := c.send(method, path, matrixBodies[route]), c.name
			switch {
			case answer.status == http.StatusForbidden && (answer.code == "role_missing" || answer.code == "person_needed"):
				may = "-"
			case answer.status == http.StatusUnauthorized || answer.status == http.StatusForbidden || answer.status == http.StatusInternalServerError:
				t.Errorf("%s: %s is answered %d %s", route, c.name, answer.status, answer.text)
			}
			fmt.Fprintf(&got, " %-9s", may)
		}
		got.WriteString("\n")
	}
	lines := strings.Split(strings.ReplaceAll(got.String(), " \n", "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	slices.Sort(lines)
	const file = "testdata/roles.golden"
	text := strings.TrimPrefix(strings.Join(lines, "\n"), "\n") + "\n"
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || string(want) != text {
		t.Errorf("the matrix is (go test ./handlers -run RolesMatrix -update writes it):\n%s\n%v", text, err)
	}
}

func TestUnknownPeopleAndWrongPasswordsAreAnsweredAlike(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.somebody(models.RoleOwner)
	b := d.browser()
	var texts []string
	for _, email := range []string{"owner@example.com", "nobody@example.com"} {
		got := b.send(http.MethodPost, "/session", fmt.Sprintf(`{"email":%q,"password":"wrong-wrong-wrong"}`, email))
		texts = append(texts, fmt.Sprint(got.status, instances.ReplaceAllString(got.text, "")))
	}
	if texts[0] != texts[1] || !strings.HasPrefix(texts[0], "401") {
		t.Errorf("%q", texts)
	}
	if b.cookie != nil {
		t.Error("a refusal sets a cookie")
	}
	b.does(http.MethodPost, "/session", credentials(" Owner@Example.com ", ""), http.StatusOK, nil)
}

// The limit is kept in the database: a second process knows it too.
func TestGuessingAPasswordEndsForAllReplicas(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.somebody(models.RoleOwner)
	here, there := d.browser(), d.replica()
	wrong := `{"email":"owner@example.com","password":"wrong-wrong-wrong"}`
	for i := range 5 {
		[]*browser{here, there}[i%2].refused(http.MethodPost, "/session", wrong, http.StatusUnauthorized, "sign_in_refused")
	}
	here.refused(http.MethodPost, "/session", wrong, http.StatusTooManyRequests, "too_many_tries")
	there.refused(http.MethodPost, "/session", credentials("owner@example.com", ""), http.StatusTooManyRequests, "too_many_tries")
	d.exec("UPDATE tries SET expires_at = now()")
	there.does(http.MethodPost, "/session", credentials("owner@example.com", ""), http.StatusOK, nil)
}

// replica is a browser that asks another process on the same database.
func (d *door) replica() *browser {
	d.Helper()
	again, err := people.New(people.Options{DB: d.db, Accounts: d.accounts, Sealer: d.people.Sealer, Mail: &mail.Sender{}, PublicURL: "http://localhost:8080"})
	if err != nil {
		d.Fatal(err)
	}
	deps := d.deps
	deps.People, deps.Log = again, slog.New(slog.DiscardHandler)
	server := httptest.NewServer(New(deps))
	d.Cleanup(server.Close)
	return &browser{door: d, url: server.URL + "/api/v1"}
}

func TestGuessingKeysEndsToo(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	for range people.TriesOfKeys.Limit() {
		if got := d.ask("wbk_GUESS", http.MethodGet, "/orders", ""); got.status != http.StatusUnauthorized {
			t.Fatalf("%d %s", got.status, got.code)
		}
	}
	if got := d.ask("wbk_GUESS", http.MethodGet, "/orders", ""); got.status != http.StatusTooManyRequests {
		t.Errorf("%d %s", got.status, got.code)
	}
	if got := d.ask(d.key, http.MethodGet, "/orders", ""); got.status != http.StatusOK {
		t.Errorf("the right key from there: %d %s", got.status, got.code)
	}
}

func TestASessionCannotBeFixedBeforehand(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.somebody(models.RoleOwner)
	b := d.browser()
	b.cookie = &http.Cookie{Name: sessionCookie, Value: "planted-by-somebody-else"}
	b.does(http.MethodPost, "/session", credentials("owner@example.com", ""), http.StatusOK, nil)
	first := b.cookie
	if first.Value == "planted-by-somebody-else" || !first.HttpOnly || first.SameSite != http.SameSiteLaxMode || first.Path != "/" {
		t.Errorf("%+v", first)
	}
	var stored int
	if err := d.db.Read(t.Context()).Raw("SELECT count(*) FROM sessions WHERE sessions::text LIKE ?", "%"+first.Value+"%").Row().Scan(&stored); err != nil || stored != 0 {
		t.Errorf("the token is stored %d times, %v", stored, err)
	}
	old := d.browser()
	old.cookie = first
	b.does(http.MethodPut, "/me/password", `{"current":"`+goodPassword+`","new":"another-lantern-parcel-7"}`, http.StatusNoContent, nil)
	old.refused(http.MethodGet, "/me", "", http.StatusUnauthorized, "session_over")
	b.does(http.MethodGet, "/me", "", http.StatusOK, nil)
	b.does(http.MethodDelete, "/session", "", http.StatusNoContent, nil)
	b.refused(http.MethodGet, "/me", "", http.StatusUnauthorized, "session_over")
}

func TestAPersonSeesAndEndsHisSessions(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.somebody(models.RoleOwner)
	other := d.as(models.RoleMember)
	var browsers [3]*browser
	for i := range browsers {
		browsers[i] = d.browser()
		browsers[i].does(http.MethodPost, "/session", credentials("owner@example.com", ""), http.StatusOK, nil)
	}
	var list struct{ Sessions []mySession }
	browsers[0].does(http.MethodGet, "/me/sessions", "", http.StatusOK, &list)
	if len(list.Sessions) != 3 || !list.Sessions[2].Current || list.Sessions[0].Client != "127.0.0.1" {
		t.Fatalf("%+v", list)
	}
	one := func(password string) string {
		return fmt.Sprintf(`{"password":%q,"id":%q}`, password, list.Sessions[0].ID)
	}
	other.refused(http.MethodPost, "/me/sessions/end", one(goodPassword), http.StatusNotFound, "session_not_found")
	for _, body := range []string{one("wrong"), `{"password":"wrong"}`} { // a browser left open does not lock its person out
		browsers[0].refused(http.MethodPost, "/me/sessions/end", body, http.StatusUnprocessableEntity, "password_wrong")
	}
	browsers[2].does(http.MethodGet, "/me", "", http.StatusOK, nil)
	browsers[0].does(http.MethodPost, "/me/sessions/end", one(goodPassword), http.StatusNoContent, nil)
	browsers[2].refused(http.MethodGet, "/me", "", http.StatusUnauthorized, "session_over")
	browsers[0].does(http.MethodPost, "/me/sessions/end", `{"password":"`+goodPassword+`"}`, http.StatusNoContent, nil)
	browsers[1].refused(http.MethodGet, "/me", "", http.StatusUnauthorized, "session_over")
	browsers[0].does(http.MethodGet, "/me", "", http.StatusOK, nil)
	other.does(http.MethodGet, "/me", "", http.StatusOK, nil)
}

func TestSomebodyIsSignedOutEverywhereByThoseWhoManagePeople(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	owner, operator, support := d.as(models.RoleOwner), d.as(models.RoleOperator), d.as(models.RoleSupport)
	member, elsewhere := d.as(models.RoleMember), d.browser()
	elsewhere.does(http.MethodPost, "/session", credentials("member@example.com", ""), http.StatusOK, nil)
	id := func(b *browser) string {
		var who me
		b.does(http.MethodGet, "/me", "", http.StatusOK, &who)
		return string(who.Person.ID)
	}
	his, hers := id(member), id(support)
	member.refused(http.MethodDelete, "/people/"+id(owner)+"/sessions", "", http.StatusForbidden, "role_missing")
	support.refused(http.MethodDelete, "/support/staff/"+id(operator)+"/sessions", "", http.StatusForbidden, "role_missing")
	owner.refused(http.MethodDelete, "/people/"+hers+"/sessions", "", http.StatusNotFound, "person_not_found")
	operator.refused(http.MethodDelete, "/support/staff/"+his+"/sessions", "", http.StatusNotFound, "person_not_found")
	other, _, err := d.accounts.CreateMerchant(t.Context(), "Other", "UTC", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.people.Make(t.Context(), "stranger@example.com", people.NewPerson{Name: "stranger", Password: goodPassword}, other, models.RoleOwner); err != nil {
		t.Fatal(err)
	}
	stranger := d.browser()
	stranger.does(http.MethodPost, "/session", credentials("stranger@example.com", ""), http.StatusOK, nil)
	stranger.refused(http.MethodDelete, "/people/"+his+"/sessions", "", http.StatusNotFound, "person_not_found")
	elsewhere.does(http.MethodGet, "/me", "", http.StatusOK, nil)

	owner.does(http.MethodDelete, "/people/"+his+"/sessions", "", http.StatusNoContent, nil)
	member.refused(http.MethodGet, "/me", "", http.StatusUnauthorized, "session_over")
	elsewhere.refused(http.MethodGet, "/me", "", http.StatusUnauthorized, "session_over")
	operator.does(http.MethodDelete, "/support/staff/"+hers+"/sessions", "", http.StatusNoContent, nil)
	support.refused(http.MethodGet, "/me", "", http.StatusUnauthorized, "session_over")
	owner.does(http.MethodGet, "/me", "", http.StatusOK, nil)
	member.does(http.MethodPost, "/session", credentials("member@example.com", ""), http.StatusOK, nil)
}

func TestACodeWorksOnceAndAStolenPasswordMakesNoFactor(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.somebody(models.RoleOwner)
	b := d.browser()
	b.does(http.MethodPost, "/session", credentials("owner@example.com", ""), http.StatusOK, nil)
	b.refused(http.MethodPost, "/me/authenticator-app", `{"password":"wrong"}`, http.StatusUnprocessableEntity, "password_wrong")
	var app newApp
	b.does(http.MethodPost, "/me/authenticator-app", `{"password":"`+goodPassword+`"}`, http.StatusOK, &app)
	b.refused(http.MethodPut, "/me/authenticator-app", `{"token":"`+app.Token+`","code":"000000"}`, http.StatusUnprocessableEntity, "code_wrong")
	code, _ := totp.GenerateCode(app.Secret, time.Now())
	b.does(http.MethodPut, "/me/authenticator-app", `{"token":"`+app.Token+`","code":"`+code+`"}`, http.StatusNoContent, nil)
	b.does(http.MethodGet, "/me", "", http.StatusOK, nil) // with its new token

	again := d.browser()
	again.refused(http.MethodPost, "/session", credentials("owner@example.com", ""), http.StatusUnauthorized, "code_needed")
	again.refused(http.MethodPost, "/session", credentials("owner@example.com", code), http.StatusUnauthorized, "code_wrong") // used
	d.exec("UPDATE people SET totp_last_step = 0")
	code, _ = totp.GenerateCode(app.Secret, time.Now())
	again.does(http.MethodPost, "/session", credentials("owner@example.com", code), http.StatusOK, nil)

	// A session from before the factor, or opened without it, may not set up another, and takes none away.
	d.exec(`UPDATE sessions SET data = jsonb_set(data, '{session,strong}', 'false')`)
	again.refused(http.MethodPost, "/me/authenticator-app", `{"password":"`+goodPassword+`"}`, http.StatusForbidden, "second_factor_needed")
	again.refused(http.MethodPost, "/me/authenticator-app/remove", `{"password":"`+goodPassword+`"}`, http.StatusForbidden, "second_factor_needed")
	d.exec(`INSERT INTO passkeys (id, person_id, name, credential, created_at) SELECT 'x', id, 'x', '{}', now() FROM people`)
	proof := `{"password":"` + goodPassword + `"}`
	again.refused(http.MethodPost, "/me/passkeys/x/remove", proof, http.StatusForbidden, "second_factor_needed")
	d.exec(`UPDATE sessions SET data = jsonb_set(data, '{session,strong}', 'true')`)
	again.refused(http.MethodPost, "/me/passkeys/x/remove", `{"password":"wrong"}`, http.StatusUnprocessableEntity, "password_wrong")
	again.refused(http.MethodPost, "/me/passkeys/y/remove", proof, http.StatusNotFound, "passkey_not_found")
	again.does(http.MethodPost, "/me/passkeys/x/remove", proof, http.StatusNoContent, nil)
	var stored int
	if err := d.db.Read(t.Context()).Raw("SELECT count(*) FROM people WHERE people::text LIKE ?", "%"+app.Secret+"%").Row().Scan(&stored); err != nil || stored != 0 {
		t.Errorf("the secret is stored %d times in the clear, %v", stored, err)
	}
}

// Who has a second factor of either kind shows one: there is no way in by the password alone.
func TestAPasswordAloneLetsNobodyInWhoHasAPasskey(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	owner := d.as(models.RoleOwner)
	member := d.somebody(models.RoleMember)
	d.exec(`INSERT INTO passkeys (id, person_id, name, credential, created_at) VALUES ('x', ?, 'x', '{}', now())`, member.ID)
	b := d.browser()
	b.refused(http.MethodPost, "/session", credentials("member@example.com", ""), http.StatusUnauthorized, "passkey_needed")
	b.refused(http.MethodPost, "/session", credentials("member@example.com", "123456"), http.StatusUnauthorized, "passkey_needed")
	b.refused(http.MethodPost, "/session", `{"email":"member@example.com","password":"wrong-wrong-wrong"}`, http.StatusUnauthorized, "sign_in_refused")

	owner.does(http.MethodDelete, "/people/"+string(member.ID), "", http.StatusNoContent, nil)
	var made invited
	owner.does(http.MethodPost, "/people/invitations", `{"email":"member@example.com","role":"member"}`, http.StatusCreated, &made)
	_, token, _ := strings.Cut(made.Link, "#")
	b.does(http.MethodPost, "/invitations/accept", `{"token":"`+token+`","password":"`+goodPassword+`"}`, http.StatusNoContent, nil)
	b.refused(http.MethodGet, "/me", "", http.StatusUnauthorized, "key_missing")

	secret, err := d.people.GiveApp(t.Context(), member)
	if err != nil {
		t.Fatal(err)
	}
	b.refused(http.MethodPost, "/session", credentials("member@example.com", ""), http.StatusUnauthorized, "code_needed")
	code, _ := totp.GenerateCode(secret.Reveal(), time.Now())
	b.does(http.MethodPost, "/session", credentials("member@example.com", code), http.StatusOK, nil)
}

// What a merchant's owner demands holds from the next request on, and nobody locks himself out with it.
func TestAMerchantDemandsASecondFactor(t *testing.T) {
	t.Parallel()
	d := newShop(t)
	owner, member := d.as(models.RoleOwner), d.as(models.RoleMember)
	const needed = `{"needed":true}`
	member.refused(http.MethodPut, "/people/second-factor", needed, http.StatusForbidden, "role_missing")
	owner.refused(http.MethodPut, "/people/second-factor", needed, http.StatusConflict, "second_factor_first")
	setUp := func(b *browser) {
		t.Helper()
		var app newApp
		b.does(http.MethodPost, "/me/authenticator-app", `{"password":"`+goodPassword+`"}`, http.StatusOK, &app)
		code, _ := totp.GenerateCode(app.Secret, time.Now())
		b.does(http.MethodPut, "/me/authenticator-app", `{"token":"`+app.Token+`","code":"`+code+`"}`, http.StatusNoContent, nil)
	}
	setUp(owner)
	owner.does(http.MethodPut, "/people/second-factor", needed, http.StatusNoContent, nil)
	owner.does(http.MethodGet, "/orders", "", http.StatusOK, nil)
	member.refused(http.MethodGet, "/orders", "", http.StatusForbidden, "second_factor_needed")
	var who me
	member.does(http.MethodGet, "/me", "", http.StatusOK, &who)
	if !who.Person.WantsFactor || len(who.Scopes) > 0 || who.Merchant != nil {
		t.Errorf("%+v", who)
	}
	again := d.browser()
	again.does(http.MethodPost, "/session", credentials("member@example.com", ""), http.StatusOK, nil)
	again.at = d.m
	again.refused(http.MethodGet, "/orders", "", http.StatusForbidden, "second_factor_needed")
	if got := d.ask(d.key, http.MethodGet, "/orders", ""); got.status != http.StatusOK {
		t.Errorf("a key is answered %d %s", got.status, got.code)
	}
	setUp(member)
	member.does(http.MethodGet, "/orders", "", http.StatusOK, nil)

	// Whoever may change the settings does not lift it with them.
	var settings json.RawMessage
	member.does(http.MethodGet, "/settings", "", http.StatusOK, &settings)
	member.does(http.MethodPut, "/settings", string(settings), http.StatusOK, nil)
	var list memberList
	owner.does(http.MethodGet, "/people", "", http.StatusOK, &list)
	if !list.SecondFactorNeeded {
		t.Error("it is lifted")
	}
	owner.does(http.MethodPut, "/people/second-factor", `{"needed":false}`, http.StatusNoContent, nil)
	other := d.somebody(models.RoleReadOnly)
	b := d.browser()
	b.does(http.MethodPost, "/session", credentials(other.Email, ""), http.StatusOK, nil)
	b.does(http.MethodGet, "/orders", "", http.StatusOK, nil)
}

func TestWeakPasswordsAreRefused(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	b := d.as(models.RoleOwner)
	for _, weak := range []string{"short", "password1234", "owner@example.com", "waybillwaybill", "qwertyuiop12", "щъэюя", strings.Repeat("x", 257)} {
		body := fmt.Sprintf(`{"current":%q,"new":%q}`, goodPassword, weak)
		if got := b.send(http.MethodPut, "/me/password", body); got.status != http.StatusUnprocessableEntity {
			t.Errorf("%q: %d %s", weak, got.status, got.code)
		}
	}
}

func TestAStolenPasswordIsRefusedWhereverOneIsSet(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	const stolen = "a lantern for every parcel"
	list := filepath.Join(t.TempDir(), "list.txt")
	if err := os.WriteFile(list, fmt.Appendf(nil, "%X:3\n", sha1.Sum([]byte(stolen))), 0o600); err != nil {
		t.Fatal(err)
	}
	d.people.Stolen = people.StolenPasswords(list)
	owner := d.as(models.RoleOwner)
	var made invited
	owner.does(http.MethodPost, "/people/invitations", `{"email":"new@example.com","role":"member"}`, http.StatusCreated, &made)
	_, invitation, _ := strings.Cut(made.Link, "#")
	link, err := d.people.ResetLink(t.Context(), "owner@example.com")
	if err != nil {
		t.Fatal(err)
	}
	_, reset, _ := strings.Cut(link.Reveal(), "#")
	for route, body := range map[string]string{
		"PUT /me/password":          `{"current":"` + goodPassword + `","new":"` + stolen + `"}`,
		"POST /password-resets/use": `{"token":"` + reset + `","password":"` + stolen + `"}`,
		"POST /invitations/accept":  `{"token":"` + invitation + `","name":"New","password":"` + stolen + `"}`,
	} {
		method, path, _ := strings.Cut(route, " ")
		if got := owner.send(method, path, body); got.status != http.StatusUnprocessableEntity || got.code != "password_weak" || !strings.Contains(got.text, "was stolen somewhere else") {
			t.Errorf("%s: %d %s", route, got.status, got.text)
		}
	}
	owner.does(http.MethodPut, "/me/password", `{"current":"`+goodPassword+`","new":"`+stolen+` yet"}`, http.StatusNoContent, nil)
}

func TestAnInvitationIsAcceptedOnce(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	owner := d.as(models.RoleOwner)
	var made invited
	owner.does(http.MethodPost, "/people/invitations", `{"email":"New@Example.com","role":"member"}`, http.StatusCreated, &made)
	_, token, _ := strings.Cut(made.Link, "#")
	b := d.browser()
	var shown offer
	b.does(http.MethodPost, "/invitations/read", `{"token":"`+token+`"}`, http.StatusOK, &shown)
	if shown.Email != "new@example.com" || shown.Role != models.RoleMember || shown.Merchant != "Shop" || shown.Known {
		t.Errorf("%+v", shown)
	}
	accept := `{"token":"` + token + `","name":"New","password":"` + goodPassword + `"}`
	// What an invitation does not offer cannot be taken along.
	b.refused(http.MethodPost, "/invitations/accept", strings.Replace(accept, "}", `,"role":"owner"}`, 1), http.StatusUnprocessableEntity, "unknown_field")
	b.refused(http.MethodPost, "/invitations/accept", strings.Replace(accept, "}", `,"staff":"operator"}`, 1), http.StatusUnprocessableEntity, "unknown_field")
	var who me
	b.does(http.MethodPost, "/invitations/accept", accept, http.StatusOK, &who)
	if who.Role != models.RoleMember || who.Merchant.ID != d.m {
		t.Errorf("%+v", who)
	}
	d.browser().refused(http.MethodPost, "/invitations/accept", accept, http.StatusUnprocessableEntity, "link_over")
	owner.refused(http.MethodPost, "/people/invitations", `{"email":"new@example.com","role":"owner"}`, http.StatusConflict, "person_is_there")
	b.refused(http.MethodPost, "/people/invitations", `{"email":"x@example.com","role":"owner"}`, http.StatusForbidden, "role_missing")

	owner.does(http.MethodDelete, "/people/"+string(who.Person.ID), "", http.StatusNoContent, nil)
	b.refused(http.MethodGet, "/orders", "", http.StatusForbidden, "role_missing")
	var list memberList
	owner.does(http.MethodGet, "/people", "", http.StatusOK, &list)
	if len(list.People) != 1 || !list.People[0].You {
		t.Fatalf("%+v", list)
	}
	owner.refused(http.MethodDelete, "/people/"+string(list.People[0].ID), "", http.StatusConflict, "last_owner")
	owner.refused(http.MethodPut, "/people/"+string(list.People[0].ID), `{"role":"member"}`, http.StatusConflict, "last_owner")

	// Somebody who is there already shows that the account is his.
	owner.does(http.MethodPost, "/people/invitations", `{"email":"new@example.com","role":"read_only"}`, http.StatusCreated, &made)
	_, token, _ = strings.Cut(made.Link, "#")
	b.refused(http.MethodPost, "/invitations/accept", `{"token":"`+token+`","password":"not-the-password-1"}`, http.StatusUnprocessableEntity, "password_wrong")
	b.does(http.MethodPost, "/invitations/accept", `{"token":"`+token+`","password":"`+goodPassword+`"}`, http.StatusOK, &who)
	if who.Role != models.RoleReadOnly {
		t.Errorf("%+v", who)
	}
}

func TestALinkSetsANewPasswordOnce(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	b := d.as(models.RoleOwner)
	link, err := d.people.ResetLink(t.Context(), "owner@example.com")
	if err != nil {
		t.Fatal(err)
	}
	_, token, _ := strings.Cut(link.Reveal(), "#")
	d.browser().refused(http.MethodPost, "/password-resets/use", `{"token":"`+token+`","password":"weak"}`, http.StatusUnprocessableEntity, "password_weak")
	use := `{"token":"` + token + `","password":"another-lantern-parcel-7"}`
	d.browser().does(http.MethodPost, "/password-resets/use", use, http.StatusNoContent, nil)
	d.browser().refused(http.MethodPost, "/password-resets/use", use, http.StatusUnprocessableEntity, "link_over")
	b.refused(http.MethodGet, "/me", "", http.StatusUnauthorized, "session_over")
	b.refused(http.MethodPost, "/session", credentials("owner@example.com", ""), http.StatusUnauthorized, "sign_in_refused")
	b.does(http.MethodPost, "/session", `{"email":"owner@example.com","password":"another-lantern-parcel-7"}`, http.StatusOK, nil)
	b.refused(http.MethodPost, "/password-resets", `{"email":"owner@example.com"}`, http.StatusConflict, "mail_off")
	b.refused(http.MethodPost, "/sign-ups", `{"email":"x@example.com"}`, http.StatusForbidden, "sign_up_off")
}

// Support explains and syncs, and nothing else; the merchant reads what it did.
func TestSupportLooksForAReasonAndIsSeen(t *testing.T) {
	t.Parallel()
	d := newShop(t)
	order := d.receive(models.StoreOrder{
		ExternalID: "o1", Number: "10042", PlacedAt: time.Now(), UpdatedAt: time.Now(), Status: "APPROVED", PaymentStatus: "PAID", Currency: "USD", Total: models.Money{Minor: 1999, Currency: "USD"},
		BuyerName: "Jane Doe", BuyerEmail: "jane@shopper.example", BuyerNote: "ring twice", Payload: []byte("{}"),
		Recipient: models.Address{FirstName: "Jane", LastName: "Doe", Phone: "+12125550123", Line1: "235 West 23rd Street", City: "New York", PostalCode: "10011", Country: "US"},
		Lines:     []models.StoreLine{{ID: "a", Name: "Cup", VariantKey: "cup", Quantity: 2, Shippable: true, CustomText: "For Tom"}},
	})
	other, _, err := d.accounts.CreateMerchant(t.Context(), "Other", "UTC", "")
	if err != nil {
		t.Fatal(err)
	}
	sam := d.as(models.RoleSupport)
	sam.refused(http.MethodGet, "/orders", "", http.StatusForbidden, "merchant_not_chosen")
	sam.at = d.m
	sam.refused(http.MethodGet, "/orders", "", http.StatusForbidden, "view_not_begun")
	sam.at = ""
	var hits supportHits
	for _, text := range []string{"10042", "jane@shopper.example", "JANE D", "doe"} {
		sam.does(http.MethodGet, "/support/orders?q="+strings.ReplaceAll(text, " ", "%20"), "", http.StatusOK, &hits)
		if len(hits.Orders) != 1 || hits.Orders[0].OrderID != order || hits.Orders[0].Merchant.ID != d.m || hits.Orders[0].BuyerEmail != "j•••@shopper.example" {
			t.Errorf("%q: %+v", text, hits)
		}
	}
	sam.refused(http.MethodGet, "/support/orders?q=jo", "", http.StatusUnprocessableEntity, "query_invalid")
	var merchants merchantPage
	sam.does(http.MethodGet, "/support/merchants?limit=1", "", http.StatusOK, &merchants)
	if len(merchants.Merchants) != 1 || merchants.NextCursor == "" {
		t.Errorf("%+v", merchants)
	}
	sam.does(http.MethodGet, "/support/merchants?q=sho&cursor=", "", http.StatusOK, &merchants)
	if len(merchants.Merchants) != 1 || merchants.Merchants[0].Stores != 1 || merchants.Merchants[0].Accounts != 1 || merchants.Merchants[0].OpenOrders != 1 {
		t.Errorf("%+v", merchants)
	}
	sam.refused(http.MethodPost, "/support/views", `{"merchant_id":"`+string(d.m)+`"}`, http.StatusUnprocessableEntity, "validation_failed")
	sam.looks()

	path := "/orders/" + string(order)
	seen := sam.send(http.MethodGet, path, "")
	for _, hidden := range []string{"235 West", "jane@shopper", "555", "10011", "ring twice", "For Tom"} {
		if strings.Contains(seen.text, hidden) {
			t.Errorf("support sees %q unasked", hidden)
		}
	}
	sam.refused(http.MethodPost, path+"/sync", "", http.StatusUnprocessableEntity, "reason_needed")
	sam.does(http.MethodPost, path+"/sync", `{"reason":"Ticket 4711: where is it?"}`, http.StatusAccepted, nil)
	sam.does(http.MethodPost, path+"/notes", `{"text":"Asked the seller."}`, http.StatusNoContent, nil)
	var shown shownAddress
	sam.does(http.MethodPost, path+"/show-address", "", http.StatusOK, &shown)
	if shown.Recipient.Line1 != "235 West 23rd Street" || shown.BuyerEmail != "jane@shopper.example" {
		t.Errorf("%+v", shown)
	}
	var told explanation
	sam.does(http.MethodGet, path+"/explanation", "", http.StatusOK, &told)
	if !strings.Contains(told.ForMerchant, "10042") || !strings.Contains(told.ForShopper, "10042") || strings.Contains(told.ForShopper, "AliExpress") {
		t.Errorf("%+v", told)
	}
	for _, overreach := range []string{"POST " + path + "/supplier-orders", "POST " + path + "/preflight", "POST " + path + "/hold", "POST /supplier-orders/bulk", "DELETE /connections/" + string(d.store), "PUT /settings", "GET /api-keys", "POST /api-keys", "POST /people/invitations", "GET /audit"} {
		method, at, _ := strings.Cut(overreach, " ")
		sam.refused(method, at, "", http.StatusForbidden, "role_missing")
	}
	sam.at = other
	sam.refused(http.MethodGet, "/orders", "", http.StatusForbidden, "view_not_begun")
	sam.at = d.m
	d.exec("UPDATE support_views SET expires_at = now()")
	sam.refused(http.MethodGet, "/orders", "", http.StatusForbidden, "view_not_begun")

	var timeline struct {
		Events []struct{ Kind, Actor, Reason, Text string }
	}
	d.read(http.MethodGet, path+"/timeline", "", http.StatusOK, &timeline)
	for kind, reason := range map[string]string{models.EventNote: "Ticket 4711", models.EventAddressShown: "Ticket 4711"} {
		if !slices.ContainsFunc(timeline.Events, func(e struct{ Kind, Actor, Reason, Text string }) bool {
			return e.Kind == kind && e.Actor == "support:support" && e.Reason == reason
		}) {
			t.Errorf("the timeline does not tell of %s: %+v", kind, timeline.Events)
		}
	}
	for _, act := range []models.Act{models.ActViewBegun, models.ActSyncRequested, models.ActNoteAdded, models.ActAddressShown} {
		if list := d.entries("act=" + string(act)); len(list) != 1 || list[0].Actor != "support:support" || list[0].Reason == "" && act != models.ActNoteAdded {
			t.Errorf("the audit tells of %s: %+v", act, list)
		}
	}
}

// enteredForPeople are the acts of people about themselves and each other, with where they are entered.
var enteredForPeople = map[string]models.Act{
	"POST /session":                          models.ActSignedIn,
	"PUT /me/password":                       models.ActPasswordChanged,
	"POST /password-resets/use":              models.ActPasswordChanged,
	"PUT /me/authenticator-app":              models.ActFactorAdded,
	"POST /me/authenticator-app/remove":      models.ActFactorRemoved,
	"POST /people/invitations":               models.ActPersonInvited,
	"DELETE /people/invitations/{id}":        models.ActInvitationRevoked,
	"POST /invitations/accept":               models.ActPersonJoined,
	"PUT /people/{id}":                       models.ActRoleChanged,
	"DELETE /people/{id}":                    models.ActPersonRemoved,
	"DELETE /people/{id}/sessions":           models.ActSessionsEnded,
	"PUT /people/second-factor":              models.ActFactorDemanded,
	"DELETE /support/staff/{id}/sessions":    models.ActSessionsEnded,
	"POST /support/views":                    models.ActViewBegun,
	"DELETE /support/views/{merchant}":       models.ActViewEnded,
	"POST /support/staff/invitations":        models.ActPersonInvited,
	"DELETE /support/staff/invitations/{id}": models.ActInvitationRevoked,
	"PUT /support/staff/{id}":                models.ActStaffChanged,
	"POST /orders/{id}/notes":                models.ActNoteAdded,
	"POST /orders/{id}/erase":                models.ActEraseRequested,
	"POST /orders/{id}/show-address":         models.ActAddressShown,
}

func TestWhatPeopleDoIsEntered(t *testing.T) {
	t.Parallel()
	d := newShop(t)
	seen := map[string]bool{}
	newest := func(m models.MerchantID) models.AuditEntry {
		t.Helper()
		list, _, err := d.deps.Audit.List(t.Context(), m, audit.Filter{}, "", 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			return models.AuditEntry{}
		}
		return list[0]
	}
	do := func(b *browser, route, path, body string, in models.MerchantID, v any) {
		t.Helper()
		method, _, _ := strings.Cut(route, " ")
		before := newest(in).Seq
		got := b.send(method, path, body)
		if got.status >= 300 {
			t.Fatalf("%s answers %d %s", route, got.status, got.text)
		}
		if v != nil {
			if err := json.Unmarshal([]byte(got.text), v); err != nil {
				t.Fatal(err)
			}
		}
		if e := newest(in); e.Act != enteredForPeople[route] || e.Seq != before+1 || e.Actor == "" || e.Request.Client != "127.0.0.1" {
			t.Errorf("%s leaves %+v", route, e)
		}
		seen[route] = true
	}
	owner, operator := d.as(models.RoleOwner), d.as(models.RoleOperator)
	member := d.somebody(models.RoleMember)
	b := d.browser()
	do(b, "POST /session", "/session", credentials("member@example.com", ""), audit.Installation, nil)
	do(b, "PUT /me/password", "/me/password", `{"current":"`+goodPassword+`","new":"another-lantern-parcel-7"}`, audit.Installation, nil)
	link, err := d.people.ResetLink(t.Context(), "member@example.com")
	if err != nil {
		t.Fatal(err)
	}
	_, token, _ := strings.Cut(link.Reveal(), "#")
	do(b, "POST /password-resets/use", "/password-resets/use", `{"token":"`+token+`","password":"`+goodPassword+`"}`, audit.Installation, nil)
	b.does(http.MethodPost, "/session", credentials("member@example.com", ""), http.StatusOK, nil)
	var app newApp
	b.does(http.MethodPost, "/me/authenticator-app", `{"password":"`+goodPassword+`"}`, http.StatusOK, &app)
	code, _ := totp.GenerateCode(app.Secret, time.Now())
	do(b, "PUT /me/authenticator-app", "/me/authenticator-app", `{"token":"`+app.Token+`","code":"`+code+`"}`, audit.Installation, nil)
	do(b, "POST /me/authenticator-app/remove", "/me/authenticator-app/remove", `{"password":"`+goodPassword+`"}`, audit.Installation, nil)

	var made invited
	do(owner, "POST /people/invitations", "/people/invitations", `{"email":"a@example.com","role":"member"}`, d.m, &made)
	do(owner, "DELETE /people/invitations/{id}", "/people/invitations/"+string(made.ID), "", d.m, nil)
	owner.does(http.MethodPost, "/people/invitations", `{"email":"a@example.com","role":"member"}`, http.StatusCreated, &made)
	_, token, _ = strings.Cut(made.Link, "#")
	do(d.browser(), "POST /invitations/accept", "/invitations/accept", `{"token":"`+token+`","name":"A","password":"`+goodPassword+`"}`, d.m, nil)
	do(owner, "PUT /people/{id}", "/people/"+string(member.ID), `{"role":"read_only"}`, d.m, nil)
	do(owner, "PUT /people/second-factor", "/people/second-factor", `{"needed":false}`, d.m, nil)
	do(owner, "DELETE /people/{id}/sessions", "/people/"+string(member.ID)+"/sessions", "", d.m, nil)
	do(owner, "DELETE /people/{id}", "/people/"+string(member.ID), "", d.m, nil)

	do(operator, "POST /support/staff/invitations", "/support/staff/invitations", `{"email":"s@example.com","role":"support"}`, audit.Installation, &made)
	do(operator, "DELETE /support/staff/invitations/{id}", "/support/staff/invitations/"+string(made.ID), "", audit.Installation, nil)
	support := d.somebody(models.RoleSupport)
	do(operator, "DELETE /support/staff/{id}/sessions", "/support/staff/"+string(support.ID)+"/sessions", "", audit.Installation, nil)
	do(operator, "PUT /support/staff/{id}", "/support/staff/"+string(support.ID), `{"role":"support","disabled":true}`, audit.Installation, nil)
	do(operator, "POST /support/views", "/support/views", `{"merchant_id":"`+string(d.m)+`","reason":"x"}`, d.m, nil)
	order := d.oneOfEverything()["/orders/"]
	operator.at = d.m
	do(operator, "POST /orders/{id}/notes", "/orders/"+string(order)+"/notes", `{"text":"x"}`, d.m, nil)
	do(operator, "POST /orders/{id}/show-address", "/orders/"+string(order)+"/show-address", "", d.m, nil)
	do(owner, "POST /orders/{id}/erase", "/orders/"+string(order)+"/erase", `{"reason":"x"}`, d.m, nil)
	operator.at = ""
	do(operator, "DELETE /support/views/{merchant}", "/support/views/"+string(d.m), "", d.m, nil)
	for route := range enteredForPeople {
		if !seen[route] {
			t.Errorf("%s was not done", route)
		}
	}
}
