package handlers

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/pquerna/otp/totp"

	"waybill/docs"
	"waybill/models"
	"waybill/services/people"
)

// What somebody would try who means harm, on every route that the document names.

// Fields that would be worth setting, were they taken over from a body into a row.
var coveted = []string{"no_such_field", "id", "merchant_id", "person_id", "role", "staff", "scopes", "created_by", "actor", "state", "tab", "disabled_at", "expires_at", "strong"}

// A body sets what its request names and nothing else: every JSON route refuses fields that it does not know, at every depth.
func TestNoRouteTakesFieldsThatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	owner, operator := d.as(models.RoleOwner), d.as(models.RoleOperator)
	doc, err := openapi3.NewLoader().LoadFromData(docs.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	routes, bodies := 0, 0
	for _, path := range slices.Sorted(maps.Keys(doc.Paths.Map())) {
		for method, op := range doc.Paths.Value(path).Operations() {
			if op.RequestBody == nil || strings.HasPrefix(path, "/webhooks/") { // these are the platforms' and are read as they come
				continue
			}
			routes++
			b := owner
			if strings.HasPrefix(path, "/support/") {
				b = operator
			}
			for _, place := range objectsOf(op.RequestBody.Value.Content.Get("application/json").Schema, 0) {
				for _, name := range coveted {
					if place.known[name] {
						continue
					}
					bodies++
					body, err := json.Marshal(place.with(map[string]any{name: "x"}))
					if err != nil {
						t.Fatal(err)
					}
					if got := b.send(method, pathWith(path, nil), string(body)); got.status != http.StatusUnprocessableEntity || got.code != "unknown_field" || !strings.Contains(got.detail, name) {
						t.Errorf("%s %s with %s: %d %s", method, path, body, got.status, got.text)
					}
				}
			}
		}
	}
	if routes < 55 || bodies < 10*routes {
		t.Errorf("only %d bodies for %d routes", bodies, routes)
	}
}

// object is a place in a body where an object stands: the fields that it may have, and a body that has a given one there.
type object struct {
	known map[string]bool
	with  func(inner any) any
}

func objectsOf(ref *openapi3.SchemaRef, depth int) (list []object) {
	if depth > 4 {
		return nil
	}
	known := map[string]bool{}
	inside := func(name string, inner object) {
		list = append(list, object{inner.known, func(v any) any { return map[string]any{name: inner.with(v)} }})
	}
	schema := ref.Value
	for _, part := range schema.AllOf {
		list = append(list, objectsOf(part, depth)...)
	}
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		known[name] = true
		for _, inner := range objectsOf(schema.Properties[name], depth+1) {
			inside(name, inner)
		}
	}
	if schema.Items != nil {
		for _, inner := range objectsOf(schema.Items, depth+1) {
			list = append(list, object{inner.known, func(v any) any { return []any{inner.with(v)} }})
		}
	}
	if len(known) > 0 {
		list = append(list, object{known, func(v any) any { return v }})
	}
	return list
}

// A session is a cookie, which a browser sends whoever made it ask: another site gets nothing done with it, and a form of HTML, which
// needs nobody's leave, is not read.
func TestASessionServesNoOtherSite(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	owner := d.as(models.RoleOwner)
	tried := 0
	for _, route := range apiRoutes(t) {
		method, path, _ := strings.Cut(route, " ")
		if strings.HasPrefix(path, "/webhooks/") {
			continue
		}
		if method == http.MethodGet {
			for _, site := range []string{"cross-site", "same-site"} { // a link, which takes the cookie along
				if got := owner.sendAs(method, pathWith(path, nil), "", map[string]string{"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"}); permissions[route] != noKey && got.code != "cross_origin" {
					t.Errorf("%s by a link: %d %s", route, got.status, got.text)
				}
			}
			continue
		}
		for _, headers := range []map[string]string{
			{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, {"Sec-Fetch-Site": "same-site", "Origin": "http://shop.localhost"}, {"Origin": "https://evil.example"}, {"Origin": "null"},
		} {
			tried++
			if got := owner.sendAs(method, pathWith(path, nil), "{}", headers); got.status != http.StatusForbidden || got.code != "cross_origin" {
				t.Errorf("%s from %v: %d %s", route, headers, got.status, got.text)
			}
		}
		if body := matrixBodies[route]; body != "" { // an old browser that says nothing of where it was
			for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"} {
				if got := owner.sendAs(method, pathWith(path, nil), body, map[string]string{"Content-Type": kind}); got.status != http.StatusBadRequest || got.code != "content_type_not_json" {
					t.Errorf("%s as %s: %d %s", route, kind, got.status, got.text)
				}
			}
		}
	}
	if tried < 200 {
		t.Errorf("only %d tries", tried)
	}
	owner.does(http.MethodGet, "/me", "", http.StatusOK, nil) // nobody signed him out
}

// Second factors are guessed no more often than passwords, and whoever is over the limit is so in every process.
func TestGuessingACodeEndsForAllReplicas(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	secret, err := d.people.GiveApp(t.Context(), d.somebody(models.RoleOwner))
	if err != nil {
		t.Fatal(err)
	}
	here, there := d.browser(), d.replica()
	for i := range people.TriesOfPerson.Limit() {
		[]*browser{here, there}[i%2].refused(http.MethodPost, "/session", credentials("owner@example.com", "000000"), http.StatusUnauthorized, "code_wrong")
	}
	right, _ := totp.GenerateCode(secret.Reveal(), time.Now())
	here.refused(http.MethodPost, "/session", credentials("owner@example.com", right), http.StatusTooManyRequests, "too_many_tries")
	there.refused(http.MethodPost, "/session", credentials("owner@example.com", right), http.StatusTooManyRequests, "too_many_tries")
}

// Many people tried from one address, or from everywhere: the next try fails in every process, and who is in stays in.
func TestGuessingManyPeopleEndsForAllReplicas(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	in := d.as(models.RoleOwner)
	d.somebody(models.RoleMember)
	here, there := d.browser(), d.replica()
	for kind, limit := range map[string]int{"address": people.TriesOfAddress.Limit(), "all": people.TriesOfAll.Limit()} {
		d.exec("DELETE FROM tries")
		here.refused(http.MethodPost, "/session", `{"email":"nobody@example.com","password":"wrong-wrong-wrong"}`, http.StatusUnauthorized, "sign_in_refused")
		d.exec("UPDATE tries SET n = ? WHERE kind = ?", limit-1, kind)
		there.refused(http.MethodPost, "/session", `{"email":"another@example.com","password":"wrong-wrong-wrong"}`, http.StatusUnauthorized, "sign_in_refused")
		for _, b := range []*browser{here, there} {
			b.refused(http.MethodPost, "/session", credentials("member@example.com", ""), http.StatusTooManyRequests, "too_many_tries")
		}
		in.does(http.MethodGet, "/me", "", http.StatusOK, nil)
	}
}

// Staff who look at one merchant see no other, on any route, and write what their role allows, nowhere else.
func TestStaffReachNoMerchantThatTheyDoNotLookAt(t *testing.T) {
	t.Parallel()
	d := newShop(t)
	other, _, err := d.accounts.CreateMerchant(t.Context(), "Other", "UTC", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range []models.PersonRole{models.RoleSupport, models.RoleOperator} {
		b := d.as(role).looks()
		b.does(http.MethodGet, "/orders", "", http.StatusOK, nil)
		b.at = other
		for _, route := range apiRoutes(t) {
			switch permissions[route] {
			case noKey, anyKey, aSelf, models.MayUseDesk, models.MayOperate:
				continue
			}
			method, path, _ := strings.Cut(route, " ")
			b.refused(method, pathWith(path, nil), matrixBodies[route], http.StatusForbidden, "view_not_begun")
		}
	}
}

// Nobody gives a role that is not his to give, or reaches the people of another merchant.
func TestNobodyGivesARoleThatIsNotHisToGive(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	owner, operator := d.as(models.RoleOwner), d.as(models.RoleOperator)
	member := d.somebody(models.RoleMember)
	for _, role := range []string{"support", "operator", "Owner", ""} {
		owner.refused(http.MethodPut, "/people/"+string(member.ID), fmt.Sprintf(`{"role":%q}`, role), http.StatusUnprocessableEntity, "validation_failed")
		owner.refused(http.MethodPost, "/people/invitations", fmt.Sprintf(`{"email":"x@example.com","role":%q}`, role), http.StatusUnprocessableEntity, "validation_failed")
	}
	operator.refused(http.MethodPost, "/support/staff/invitations", `{"email":"x@example.com","role":"owner"}`, http.StatusUnprocessableEntity, "validation_failed")
	operator.refused(http.MethodPut, "/support/staff/"+string(member.ID), `{"role":"operator","disabled":false}`, http.StatusNotFound, "person_not_found") // who is no staff does not become it

	var made invited
	owner.does(http.MethodPost, "/people/invitations", `{"email":"x@example.com","role":"member"}`, http.StatusCreated, &made)
	other, _, err := d.accounts.CreateMerchant(t.Context(), "Other", "UTC", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.people.Make(t.Context(), "stranger@example.com", people.NewPerson{Name: "stranger", Password: goodPassword}, other, models.RoleOwner); err != nil {
		t.Fatal(err)
	}
	stranger := d.browser()
	stranger.does(http.MethodPost, "/session", credentials("stranger@example.com", ""), http.StatusOK, nil)
	stranger.refused(http.MethodPut, "/people/"+string(member.ID), `{"role":"read_only"}`, http.StatusNotFound, "person_not_found")
	stranger.refused(http.MethodDelete, "/people/"+string(member.ID), "", http.StatusNotFound, "person_not_found")
	stranger.refused(http.MethodDelete, "/people/invitations/"+string(made.ID), "", http.StatusNotFound, "invitation_not_found")
	var list memberList
	stranger.does(http.MethodGet, "/people", "", http.StatusOK, &list)
	if len(list.People) != 1 || len(list.Invitations) != 0 {
		t.Errorf("another merchant's people are shown: %+v", list)
	}
	stranger.at = d.m
	stranger.refused(http.MethodGet, "/people", "", http.StatusForbidden, "merchant_not_yours")
}
