package handlers

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"waybill/models"
)

type viewSeen struct{ ID, Name, Query string }

func (d *door) views() (names []string) {
	d.Helper()
	var list struct{ Views []viewSeen }
	d.read(http.MethodGet, "/views", "", http.StatusOK, &list)
	for _, v := range list.Views {
		names = append(names, v.Name)
	}
	return names
}

func (d *door) refused(method, path, body string, status int, code string) {
	d.Helper()
	var p struct{ Code string }
	if d.read(method, path, body, status, &p); p.Code != code {
		d.Errorf("%s %s is refused with %s", method, path, p.Code)
	}
}

func TestViewsAreSavedUnderTheirNames(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	var late, paid viewSeen
	d.read(http.MethodPost, "/views", `{"name":" Late ","query":"tab=lost&&%zz <b>"}`, http.StatusCreated, &late)
	d.read(http.MethodPost, "/views", `{"name":"an empty one"}`, http.StatusCreated, &paid)
	if late.Name != "Late" || late.Query != "tab=lost&&%zz <b>" || strings.Join(d.views(), ", ") != "an empty one, Late" {
		t.Errorf("%+v, %v", late, d.views())
	}
	d.refused(http.MethodPost, "/views", `{"name":"Late","query":""}`, http.StatusConflict, "view_name_taken")
	d.refused(http.MethodPut, "/views/"+paid.ID, `{"name":"Late","query":""}`, http.StatusConflict, "view_name_taken")
	d.refused(http.MethodPost, "/views", `{"name":"  "}`, http.StatusUnprocessableEntity, "validation_failed")
	d.refused(http.MethodPost, "/views", `{"name":"x","query":"`+strings.Repeat("x", 1001)+`"}`, http.StatusUnprocessableEntity, "validation_failed")
	for _, id := range []string{"42", "0198a7f2-7c1e-7b5e-9d53-0b8f0f3c2f11"} {
		d.refused(http.MethodPut, "/views/"+id, `{"name":"x"}`, http.StatusNotFound, "view_not_found")
		d.refused(http.MethodDelete, "/views/"+id, "", http.StatusNotFound, "view_not_found")
	}
	var changed viewSeen
	d.read(http.MethodPut, "/views/"+paid.ID, `{"name":"Paid","query":"`+strings.Repeat("ü", 1000)+`"}`, http.StatusOK, &changed)
	if changed.ID != paid.ID || changed.Name != "Paid" || len(changed.Query) != 2000 {
		t.Errorf("%+v", changed)
	}
	// Nobody else sees or changes it, and the name is free for others.
	mine := d.key
	other := models.MerchantID("0198a7f2-7c1e-7b5e-9d53-0b8f0f3c2f19")
	d.exec("INSERT INTO merchants (id, name, created_at) VALUES (?, 'Other', now())", other)
	d.exec("INSERT INTO api_keys (key_sha256, merchant_id, id, name, scopes, created_at) SELECT encode(sha256('other-key-of-a-shop'), 'hex'), ?, gen_random_uuid(), 'first', scopes, now() FROM api_keys", other)
	d.key = "other-key-of-a-shop"
	d.refused(http.MethodPut, "/views/"+late.ID, `{"name":"x"}`, http.StatusNotFound, "view_not_found")
	d.refused(http.MethodDelete, "/views/"+late.ID, "", http.StatusNotFound, "view_not_found")
	d.read(http.MethodPost, "/views", `{"name":"Late"}`, http.StatusCreated, nil)
	d.key = mine
	d.read(http.MethodDelete, "/views/"+late.ID, "", http.StatusNoContent, nil)
	if got := strings.Join(d.views(), ", "); got != "Paid" {
		t.Errorf("left: %s", got)
	}
	// Fifty, however many are saved at once.
	var all sync.WaitGroup
	for i := range 55 {
		all.Go(func() { d.call(http.MethodPost, "/views", fmt.Sprintf(`{"name":"n%d"}`, i)) })
	}
	all.Wait()
	if n := len(d.views()); n != 50 {
		t.Errorf("%d views", n)
	}
	d.refused(http.MethodPost, "/views", `{"name":"one more"}`, http.StatusConflict, "too_many_views")
}
