package handlers

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"waybill/models"
)

// Within Wix the site's owner is signed in by what Wix has signed, as a member and no more.
func TestAnOwnerIsSignedInFromTheSitesDashboard(t *testing.T) {
	t.Parallel()
	d := newShop(t)
	signed, err := d.shop.SignedInstance(d.shop.Info().InstanceID)
	if err != nil {
		t.Fatal(err)
	}
	body := `{"instance":"` + signed + `"}`
	d.browser().refused(http.MethodPost, "/session/wix", body, http.StatusForbidden, "embedding_off")

	deps := d.deps
	deps.Embedded, deps.PublicURL = true, "https://waybill.example"
	server := httptest.NewServer(New(deps))
	t.Cleanup(server.Close)
	b := &browser{door: d, url: server.URL + "/api/v1"}
	b.refused(http.MethodPost, "/session/wix", strings.Replace(body, signed[:4], "AAAA", 1), http.StatusUnauthorized, "wix_instance_signature")
	stranger, err := d.shop.SignedInstance(d.shop.CreateInstance())
	if err != nil {
		t.Fatal(err)
	}
	b.refused(http.MethodPost, "/session/wix", `{"instance":"`+stranger+`"}`, http.StatusNotFound, "store_not_connected")

	var who me
	b.does(http.MethodPost, "/session/wix", body, http.StatusOK, &who)
	if who.Role != models.RoleMember || who.Merchant.ID != d.m || who.Person != nil || !strings.HasPrefix(who.Actor, "wix:") {
		t.Errorf("%+v", who)
	}
	c := b.cookie
	if c == nil || c.Name != "__Host-waybill" || c.SameSite != http.SameSiteNoneMode || !c.Secure || !c.Partitioned || !c.HttpOnly {
		t.Fatalf("%+v", c)
	}
	b.does(http.MethodGet, "/orders", "", http.StatusOK, nil)
	b.refused(http.MethodPost, "/api-keys", "", http.StatusForbidden, "role_missing")
	b.refused(http.MethodPut, "/me/password", "", http.StatusForbidden, "person_needed")

	res, err := http.Get(server.URL + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if csp := res.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "frame-ancestors https://manage.wix.com") {
		t.Errorf("%s", csp)
	}
	d.exec("UPDATE connections SET state = 'removed' WHERE platform = 'wix'")
	b.refused(http.MethodGet, "/orders", "", http.StatusUnauthorized, "store_not_connected")
}
