package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"waybill/services/database/databasetest"
	"waybill/services/wix/wixsim"
)

// The operator sees what the store has sent, byte for byte, and that he looked is in the audit.
func TestMessagesAreShownAtTheCommandLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t, databasetest.URL(t))
	w.run()
	w.connect()
	var me struct{ Merchant struct{ ID string } }
	w.do(http.MethodGet, "/me", nil, http.StatusOK, &me)
	o, err := w.wix.CreateOrder(wixsim.NewOrder{Buyer: wixsim.NewBuyer{Email: "ann@example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Orders []struct{ ID string }
	}
	w.await("the order is there", func() bool {
		w.do(http.MethodGet, "/orders?q="+o.ID, nil, http.StatusOK, &list)
		return len(list.Orders) == 1
	})
	command := func(code int, args ...string) []string {
		t.Helper()
		p := execute(t, w.env, nil, append([]string{"messages"}, args...)...)
		if got := p.ended(t); got != code {
			t.Errorf("messages %v ends with %d: %s %s", args, got, p.out.lines(), p.lines())
		}
		return strings.Split(strings.TrimSpace(p.out.lines()), "\n")
	}
	found := false
	for _, line := range command(0, "--merchant", me.Merchant.ID, "--order", list.Orders[0].ID, "--reason", "the store asks") {
		var m struct {
			Platform, Kind string
			Body           *string
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil || m.Platform != "wix" || m.Body == nil {
			t.Fatalf("%v: %s", err, line)
		}
		found = found || m.Kind == "wix.ecom.v1.order_created" && strings.HasPrefix(*m.Body, "eyJ") && strings.Count(*m.Body, ".") == 2
	}
	if !found {
		t.Error("the webhook that told of the order is not among them")
	}
	var entries struct {
		Entries []struct {
			Act, Actor, Reason string
		}
	}
	w.do(http.MethodGet, "/audit?act=exported", nil, http.StatusOK, &entries)
	if len(entries.Entries) != 1 || entries.Entries[0].Actor != "operator" || entries.Entries[0].Reason != "the store asks" {
		t.Errorf("%+v", entries.Entries)
	}
	command(1, "--merchant", me.Merchant.ID, "--order", me.Merchant.ID)
	command(2, "--merchant", me.Merchant.ID)
}
