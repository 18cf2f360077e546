package main

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"waybill/services/database/databasetest"
)

// A new key is brought in while the program runs; a key that is missing is told at start-up, by the names of the settings.
func TestTheSecretKeyIsChangedWhileTheProgramRuns(t *testing.T) {
	t.Parallel()
	first, second := base64.StdEncoding.EncodeToString([]byte("the first key of this test is it")), base64.StdEncoding.EncodeToString([]byte("the second key, of 32 bytes, too."[:32]))
	w := newWorld(t, databasetest.URL(t), "WAYBILL_CHECK_SPEED=1")
	settings := w.env
	with := func(keys ...string) []string { return append(settings[:len(settings):len(settings)], keys...) }
	w.env = with("WAYBILL_SECRET_KEY=" + first)
	w.run()
	w.connect()
	otto, secret := w.operatorWithApp(t)
	w.terminate()

	for _, command := range []string{"serve", "rotate-secrets"} {
		p := execute(t, with("WAYBILL_SECRET_KEY="+second), nil, command)
		if code, said := p.ended(t), p.lines(); code != 1 || !strings.Contains(said, "WAYBILL_SECRET_KEY") || !strings.Contains(said, "WAYBILL_OLD_SECRET_KEYS") {
			t.Errorf("%s with another key ends with %d: %s", command, code, said)
		}
	}
	if p := execute(t, with("WAYBILL_SECRET_KEY="+second, "WAYBILL_OLD_SECRET_KEYS=short"), nil, "serve"); p.ended(t) != 1 || !strings.Contains(lastLine(p), "WAYBILL_OLD_SECRET_KEYS") {
		t.Errorf("a key that is none: %s", p.lines())
	}

	w.env = with("WAYBILL_SECRET_KEY="+second, "WAYBILL_OLD_SECRET_KEYS="+first)
	w.run()
	p := execute(t, w.env, nil, "rotate-secrets")
	if code := p.ended(t); code != 0 || !strings.Contains(p.out.lines(), "1 key(s) of merchants and the tokens of 0 connection(s)") {
		t.Errorf("rotate-secrets ends with %d: %s %s", code, p.out.lines(), p.lines())
	}
	o := w.awaitOrder(w.buy("paid", w.goods()...), "the order is there", inTab("awaiting_order"))
	w.do(http.MethodPost, "/orders/"+o.ID+"/preflight", nil, http.StatusOK, nil) // asks AliExpress, with the tokens
	w.terminate()

	w.env = with("WAYBILL_SECRET_KEY=" + second)
	w.run()
	w.do(http.MethodPost, "/orders/"+o.ID+"/preflight", nil, http.StatusOK, nil)
	otto.signIn(secret)
	otto.ask(http.MethodGet, "/support/merchants", "", http.StatusOK, nil)
	w.terminate()
}
