package main

import (
	"net/http"
	"strings"
	"testing"

	"waybill/services/database/databasetest"
	"waybill/services/wix/wixsim"
)

func TestBuyersAreErasedAtTheCommandLine(t *testing.T) {
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
	if _, err := w.wix.CancelOrder(o.ID); err != nil {
		t.Fatal(err)
	}
	var list struct {
		Orders []struct{ ID string }
	}
	w.await("the order is closed", func() bool {
		w.do(http.MethodGet, "/orders?tab=closed", nil, http.StatusOK, &list)
		return len(list.Orders) == 1
	})
	command := func(code int, args ...string) string {
		t.Helper()
		p := execute(t, w.env, nil, append([]string{"erase"}, args...)...)
		if got := p.ended(t); got != code {
			t.Errorf("erase %v ends with %d: %s %s", args, got, p.out.lines(), p.lines())
		}
		return p.out.lines()
	}
	if said := command(0, "--merchant", me.Merchant.ID, "--email", "nobody@example.com"); !strings.Contains(said, "0 order(s).") {
		t.Error(said)
	}
	for range 2 { // again is nothing new
		said := command(0, "--merchant", me.Merchant.ID, "--order", list.Orders[0].ID, "--reason", "asked by letter")
		if !strings.Contains(said, "erased at ") || !strings.Contains(said, "1 order(s).") {
			t.Error(said)
		}
	}
	var order struct {
		BuyerName     string  `json:"buyer_name"`
		BuyerErasedAt *string `json:"buyer_erased_at"`
	}
	w.do(http.MethodGet, "/orders/"+list.Orders[0].ID, nil, http.StatusOK, &order)
	if order.BuyerName != "" || order.BuyerErasedAt == nil {
		t.Errorf("%+v", order)
	}
	for _, wrong := range [][]string{{}, {"--merchant", me.Merchant.ID}, {"--merchant", me.Merchant.ID, "--email", "a@example.com", "--order", "x"}} {
		command(2, wrong...)
	}
	command(1, "--merchant", "x", "--order", "y")
	command(1, "--merchant", me.Merchant.ID, "--order", "y")
}
