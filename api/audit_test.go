package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"waybill/services/database/databasetest"
)

// While Waybill runs, its audits are checked and exported beside it; what is exported can be checked by anybody who has read how, and
// what is tampered with is found.
func TestAuditsAreCheckedAndExported(t *testing.T) {
	t.Parallel()
	url := databasetest.URL(t)
	w := newWorld(t, url)
	w.run()
	w.connect()
	w.do(http.MethodPost, "/views", map[string]any{"name": "Späte"}, http.StatusCreated, nil)
	var me struct{ Merchant struct{ ID string } }
	w.do(http.MethodGet, "/me", nil, http.StatusOK, &me)
	command := func(code int, args ...string) string {
		t.Helper()
		p := execute(t, w.env, nil, append([]string{"audit"}, args...)...)
		if got := p.ended(t); got != code {
			t.Errorf("audit %v ends with %d: %s %s", args, got, p.out.lines(), p.lines())
		}
		return p.out.lines()
	}
	chain := chainOf(t, me.Merchant.ID, command(0, "export", me.Merchant.ID))
	if said := command(0, "verify"); !strings.Contains(said, fmt.Sprintf("%s: whole, 4 entries, head %s", me.Merchant.ID, chain)) || !strings.Contains(said, "00000000-0000-0000-0000-000000000000: whole, 0 entries") {
		t.Errorf("verify says %s", said)
	}
	for _, wrong := range [][]string{{}, {"verify", "a", "b"}, {"export"}, {"erase"}} {
		command(2, wrong...)
	}
	command(1, "export", "no id")

	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if _, err := conn.Exec(t.Context(), "UPDATE audit_entries SET at = at - interval '1 day' WHERE seq = 2"); err != nil {
		t.Fatal(err)
	}
	if said := command(1, "verify", me.Merchant.ID); !strings.Contains(said, "BROKEN at entry 2") {
		t.Errorf("verify says %s", said)
	}
}

// chainOf walks what was exported as the document of the API says, and gives the hash of the last line.
func chainOf(t *testing.T, merchant, exported string) (last string) {
	t.Helper()
	var hash []byte
	for n, line := range strings.Split(strings.TrimSpace(exported), "\n") {
		var e struct {
			Seq        int
			At         time.Time
			Actor, Act string
			Subject    struct{ Kind, ID string }
			Reason     string
			RequestID  string `json:"request_id"`
			Client     string
			Detail     json.RawMessage
			Hash       string
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Seq != n+1 {
			t.Fatalf("line %d: %v %s", n, err, line)
		}
		text := ""
		for _, field := range []string{
			string(hash), merchant, fmt.Sprint(e.Seq), e.At.Format("2006-01-02T15:04:05.000000Z"), e.Actor, e.Act, e.Subject.Kind, e.Subject.ID, e.Reason, e.RequestID, e.Client, string(e.Detail),
		} {
			text += fmt.Sprintf("%d:%s,", len(field), field)
		}
		sum := sha256.Sum256([]byte(text))
		hash = sum[:]
		if last = hex.EncodeToString(hash); e.Hash != last {
			t.Errorf("line %d has the hash %s, not %s", n, e.Hash, last)
		}
	}
	return last
}
