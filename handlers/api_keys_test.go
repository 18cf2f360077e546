package handlers

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"waybill/services/database/databasetest"
)

type keySeen struct {
	ID, Name, State, Key string
	StartsWith           string `json:"starts_with"`
	Scopes               []string
	Current              bool
	CreatedBy            string     `json:"created_by"`
	RevokedBy            string     `json:"revoked_by"`
	LastUsedAt           *time.Time `json:"last_used_at"`
}

func (d *door) keys() (keys []keySeen) {
	d.Helper()
	var list struct {
		APIKeys []keySeen `json:"api_keys"`
	}
	d.read(http.MethodGet, "/api-keys", "", http.StatusOK, &list)
	return list.APIKeys
}

func (d *door) makeKey(name string, scopes string) (k keySeen) {
	d.Helper()
	d.read(http.MethodPost, "/api-keys", fmt.Sprintf(`{"name":%q,"scopes":[%s]}`, name, scopes), http.StatusCreated, &k)
	return k
}

// with speaks with another key.
func (d *door) with(key string) *door {
	other := *d
	other.key = key
	return &other
}

func TestAKeyIsShownOnceAndMayWhatItsScopesSay(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	made := d.makeKey(" Script ", `"orders:write","orders:read"`)
	if !strings.HasPrefix(made.Key, "wbk_") || len(made.Key) < 30 || made.StartsWith != made.Key[:8] || made.Name != "Script" || made.State != "active" || strings.Join(made.Scopes, " ") != "orders:read orders:write" {
		t.Errorf("made %+v", made)
	}
	_, _, listed := d.call(http.MethodGet, "/api-keys", "")
	if strings.Contains(listed, made.Key) {
		t.Error("the list shows a key")
	}
	var stored int
	if err := databasetest.Owner(t, d.db).Raw("SELECT count(*) FROM api_keys WHERE api_keys::text LIKE ?", "%"+made.Key+"%").Row().Scan(&stored); err != nil || stored != 0 {
		t.Errorf("the key can be read in its row: %v", err)
	}
	script := d.with(made.Key)
	script.read(http.MethodGet, "/orders", "", http.StatusOK, nil)
	script.refused(http.MethodGet, "/api-keys", "", http.StatusForbidden, "scope_missing")
	var me struct {
		KeyName string `json:"key_name"`
		Scopes  []string
	}
	if script.read(http.MethodGet, "/me", "", http.StatusOK, &me); me.KeyName != "Script" || len(me.Scopes) != 2 {
		t.Errorf("%+v", me)
	}
	keys := d.keys()
	if len(keys) != 2 || keys[0].Name != "Script" || keys[0].Current || keys[0].CreatedBy != "api:first" || !keys[1].Current || keys[1].StartsWith != "" {
		t.Errorf("%+v", keys)
	}
	d.read(http.MethodDelete, "/api-keys/"+made.ID, "", http.StatusNoContent, nil)
	d.read(http.MethodDelete, "/api-keys/"+made.ID, "", http.StatusNoContent, nil) // again
	script.refused(http.MethodGet, "/orders", "", http.StatusUnauthorized, "key_revoked")
	d.makeKey("Script", `"orders:read"`) // its name is free again
	if keys = d.keys(); len(keys) != 3 || keys[2].State != "revoked" || keys[2].RevokedBy != "api:first" {
		t.Errorf("%+v", keys)
	}
}

func TestAKeyGivesNoMoreThanItHas(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	clerk := d.with(d.makeKey("clerk", `"keys:write","orders:read"`).Key)
	clerk.makeKey("reader", `"orders:read"`)
	clerk.refused(http.MethodPost, "/api-keys", `{"name":"x","scopes":["orders:read","orders:place"]}`, http.StatusForbidden, "scope_missing")
	var short keySeen
	end := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	d.read(http.MethodPost, "/api-keys", `{"name":"short","scopes":["keys:write"],"expires_at":"`+end+`"}`, http.StatusCreated, &short)
	late := time.Now().Add(2 * time.Hour).UTC().Format(time.RFC3339)
	for _, life := range []string{"", `,"expires_at":"` + late + `"`} {
		d.with(short.Key).refused(http.MethodPost, "/api-keys", `{"name":"x","scopes":["keys:write"]`+life+`}`, http.StatusForbidden, "key_outlives_maker")
	}
	d.with(short.Key).read(http.MethodPost, "/api-keys", `{"name":"same","scopes":["keys:write"],"expires_at":"`+end+`"}`, http.StatusCreated, nil)
	for _, wrong := range []string{
		`{"name":"x","scopes":[]}`, `{"name":"x"}`, `{"name":" ","scopes":["orders:read"]}`, `{"name":"x","scopes":["orders:all"]}`, `{"name":"x","scopes":["orders:read","orders:read"]}`,
		`{"name":"x","scopes":["orders:read"],"expires_at":"2020-01-01T00:00:00Z"}`,
	} {
		d.refused(http.MethodPost, "/api-keys", wrong, http.StatusUnprocessableEntity, "validation_failed")
	}
	d.refused(http.MethodPost, "/api-keys", `{"name":"clerk","scopes":["orders:read"]}`, http.StatusConflict, "key_name_taken")
}

func TestThereIsAlwaysAKeyThatManagesKeys(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	first := d.keys()[0].ID
	end := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	d.read(http.MethodPost, "/api-keys", `{"name":"short","scopes":["keys:write"],"expires_at":"`+end+`"}`, http.StatusCreated, nil)
	d.makeKey("reader", `"orders:read"`)
	d.refused(http.MethodDelete, "/api-keys/"+first, "", http.StatusConflict, "last_managing_key")
	for _, id := range []string{"42", noID} {
		d.refused(http.MethodDelete, "/api-keys/"+id, "", http.StatusNotFound, "key_not_found")
	}
	second := d.makeKey("second", `"keys:write"`)
	// Two that go at once do not leave nobody.
	done := make(chan int, 2)
	for _, id := range []string{first, second.ID} {
		go func() {
			status, _, _ := d.call(http.MethodDelete, "/api-keys/"+id, "")
			done <- status
		}()
	}
	if a, b := <-done, <-done; a == b {
		t.Errorf("both are answered %d", a)
	}
}

func TestTheLastUseIsNotedOnceAMinute(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	if k := d.keys()[0]; k.LastUsedAt == nil || time.Since(*k.LastUsedAt) > time.Minute {
		t.Fatalf("%+v", k)
	}
	d.exec("UPDATE api_keys SET last_used_at = now() - interval '50 seconds'")
	noted := *d.keys()[0].LastUsedAt
	if again := *d.keys()[0].LastUsedAt; !again.Equal(noted) {
		t.Errorf("noted twice in a minute: %s, %s", noted, again)
	}
	d.exec("UPDATE api_keys SET last_used_at = now() - interval '61 seconds'")
	// Who the key is, is remembered for a moment, and what is remembered is not noted.
	for end := time.Now().Add(10 * time.Second); !d.keys()[0].LastUsedAt.After(noted); <-time.After(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not noted after a minute")
		}
	}
}

func TestAStreamEndsWithItsKey(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	made := d.makeKey("watcher", `"orders:read"`)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.url+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+made.Key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	d.read(http.MethodDelete, "/api-keys/"+made.ID, "", http.StatusNoContent, nil)
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if lines.Text() == ": " {
			t.Fatal("the stream goes on with a key that was revoked")
		}
	}
}
