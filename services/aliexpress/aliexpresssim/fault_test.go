package aliexpresssim_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"

	"waybill/services/aliexpress/aliexpresssim"
)

// outcome is what a client can see of a create that went wrong.
type outcome struct {
	status int
	isJSON bool
	code   string // of a refusal, or the business code
	ids    int
	broken bool // no answer
}

func see(status int, raw []byte, err error) outcome {
	if err != nil {
		return outcome{broken: true}
	}
	var answer object
	if json.Unmarshal(raw, &answer) != nil {
		return outcome{status: status}
	}
	o := outcome{status: status, isJSON: true, code: errorCode(answer), ids: len(numbers(answer))}
	if code, ok := result(answer, "error_code").(string); ok {
		o.code = code
	}
	return o
}

func TestFaultsCommitOrNotAsTheyPromise(t *testing.T) {
	t.Parallel()
	refused := func(code string) outcome { return outcome{status: 200, isJSON: true, code: code} }
	tests := []struct {
		how    aliexpresssim.How
		orders int
		want   outcome
	}{
		{aliexpresssim.ThrottleAPI, 0, refused("ApiCallLimit")},
		{aliexpresssim.ThrottleApp, 0, refused("AppApiCallLimit")},
		{aliexpresssim.ThrottleRest, 0, refused("ApiCallLimit")},
		{aliexpresssim.ExpiredToken, 0, refused("IllegalAccessToken")},
		{aliexpresssim.Code15Before, 0, refused("15 isp.service-unavailable")},
		{aliexpresssim.Code15After, 1, refused("15 isp.service-unavailable")},
		{aliexpresssim.InternalError, 0, refused("InternalError")},
		{aliexpresssim.ResetBefore, 0, outcome{broken: true}},
		{aliexpresssim.ResetAfter, 1, outcome{broken: true}},
		{aliexpresssim.HTTP502After, 1, outcome{status: http.StatusBadGateway}},
		{aliexpresssim.HTML, 0, outcome{status: 200}},
		{aliexpresssim.SuccessWithoutIDs, 1, outcome{status: 200, isJSON: true}},
		{aliexpresssim.Truncated, 1, outcome{status: 200}},
		{aliexpresssim.Split, 2, outcome{status: 200, isJSON: true, ids: 2}},
		{aliexpresssim.Slow, 1, outcome{status: 200, isJSON: true, ids: 1}},
		{"business:BLACKLIST_BUYER_IN_LIST", 0, refused("BLACKLIST_BUYER_IN_LIST")},
	}
	for _, tt := range tests {
		t.Run(string(tt.how), func(t *testing.T) {
			t.Parallel()
			s := newSim(t, aliexpresssim.Options{})
			s.post("/faults", object{"method": apiCreate, "how": tt.how, "seconds": 9, "delay_ms": 1})
			s.order(s.info.OrderID) // another API does not use it up
			more := placement("fault", goodAddress(), lamp(), bottle())
			equal(t, "outcome", see(s.try(t.Context(), apiCreate, more)), tt.want)
			equal(t, "orders", s.count(aliexpresssim.KindOrderCreated), tt.orders)
			equal(t, "faults", s.count(aliexpresssim.KindFault), 1)
			again := see(s.try(t.Context(), apiCreate, more))
			if again.broken || again.code != "" || again.ids != max(tt.orders, 1) {
				t.Errorf("the next call: %+v", again)
			}
		})
	}
}

func TestAnnouncedBans(t *testing.T) {
	t.Parallel()
	s := newSim(t, aliexpresssim.Options{})
	must(t, s.Fail(aliexpresssim.Fault{Method: "*", How: aliexpresssim.ThrottleApp, Seconds: 14229}))
	message := dig(s.order(s.info.OrderID), "error_response", "msg")
	equal(t, "message", message, any("The frequency of app access to the api exceeds the limit. This ban will last 14229 seconds"))
}

func TestFaultsOfTheSystemGateway(t *testing.T) {
	t.Parallel()
	s := newSim(t, aliexpresssim.Options{})
	const path = "/auth/token/refresh"
	must(t, s.Fail(aliexpresssim.Fault{Method: path, How: aliexpresssim.ResetAfter}))
	more := map[string]string{"refresh_token": s.info.RefreshToken}
	_, _, err := s.try(t.Context(), path, more)
	if err == nil {
		t.Fatal("an answer came")
	}
	equal(t, "the old token is gone", errorCode(s.call(path, more)), "IllegalRefreshToken")
	must(t, s.Fail(aliexpresssim.Fault{Method: path, How: aliexpresssim.Code15Before}))
	equal(t, "flat", errorCode(s.call(path, more)), "ServiceUnavailable")
}

func TestHanging(t *testing.T) {
	t.Parallel()
	for how, orders := range map[aliexpresssim.How]int{aliexpresssim.HangBefore: 0, aliexpresssim.HangAfter: 1} {
		t.Run(string(how), func(t *testing.T) {
			t.Parallel()
			s := newSim(t, aliexpresssim.Options{})
			must(t, s.Fail(aliexpresssim.Fault{Method: apiCreate, How: how}))
			leave, done := s.background(placement("hang", goodAddress(), lamp()))
			eventually(t, "the call hangs", func() bool {
				return s.count(aliexpresssim.KindFault) == 1 && s.count(aliexpresssim.KindOrderCreated) == orders
			})
			leave()
			equal(t, "outcome", <-done, outcome{broken: true})
			eventually(t, "the call is journaled", func() bool { return s.count(aliexpresssim.KindCall) == 1 })
			equal(t, "orders", s.count(aliexpresssim.KindOrderCreated), orders)
		})
	}
}

// background creates an order with a client that can be made to leave.
func (s *sim) background(more map[string]string) (leave func(), done chan outcome) {
	ctx, cancel := context.WithCancel(s.t.Context())
	done = make(chan outcome, 1)
	go func() { done <- see(s.try(ctx, apiCreate, more)) }()
	return cancel, done
}

func TestBarriers(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		how       aliexpresssim.How
		then      string // what ends it: released, cut, left
		waiting   int    // orders while it is held
		orders    int
		completed bool
	}{
		"before, released":  {aliexpresssim.BarrierBefore, "released", 0, 1, true},
		"before, cut":       {aliexpresssim.BarrierBefore, "cut", 0, 0, false},
		"before, left":      {aliexpresssim.BarrierBefore, "left", 0, 0, false},
		"after, released":   {aliexpresssim.BarrierAfter, "released", 1, 1, true},
		"after, cut":        {aliexpresssim.BarrierAfter, "cut", 1, 1, false},
		"after, left alone": {aliexpresssim.BarrierAfter, "left", 1, 1, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSim(t, aliexpresssim.Options{})
			must(t, s.Fail(aliexpresssim.Fault{Method: apiCreate, How: tt.how}))
			leave, done := s.background(placement("held", goodAddress(), lamp()))
			defer leave()
			eventually(t, "the call waits", func() bool { return len(s.Barriers()) == 1 })
			equal(t, "committed", s.Barriers()[0].Committed, tt.waiting == 1)
			equal(t, "ids", len(s.Barriers()[0].OrderIDs), tt.waiting)
			equal(t, "orders while waiting", s.count(aliexpresssim.KindOrderCreated), tt.waiting)
			equal(t, "whose", s.Barriers()[0].UserID, s.info.UserID)
			s.post("/barriers/release", object{"user_id": "1"}) // somebody else's
			equal(t, "still held", len(s.Barriers()), 1)
			switch tt.then {
			case "released":
				s.post("/barriers/release", object{"user_id": s.info.UserID})
			case "cut":
				s.post("/barriers/cut", object{})
			case "left":
				leave()
			}
			equal(t, "completed", (<-done).ids == 1, tt.completed)
			eventually(t, "nobody waits", func() bool { return len(s.Barriers()) == 0 })
			eventually(t, "the call is journaled", func() bool { return s.count(aliexpresssim.KindCall) == 1 })
			equal(t, "orders", s.count(aliexpresssim.KindOrderCreated), tt.orders)
		})
	}
}

func TestCloseLetsHeldCallsGo(t *testing.T) {
	t.Parallel()
	s := newSim(t, aliexpresssim.Options{})
	must(t, s.Fail(aliexpresssim.Fault{Method: apiCreate, How: aliexpresssim.BarrierBefore}))
	leave, done := s.background(placement("held", goodAddress(), lamp()))
	defer leave()
	eventually(t, "the call waits", func() bool { return len(s.Barriers()) == 1 })
	s.Close()
	equal(t, "outcome", <-done, outcome{broken: true})
	equal(t, "orders", s.count(aliexpresssim.KindOrderCreated), 0)
}

func TestClearedFaultsDoNotStrike(t *testing.T) {
	t.Parallel()
	s := newSim(t, aliexpresssim.Options{})
	s.post("/faults", object{"method": "*", "how": "html", "times": 5})
	s.post("/faults/clear", object{})
	equal(t, "ids", len(s.create("clear", lamp())), 1)
}

func TestAFaultOfOneAccountLeavesTheOthersAlone(t *testing.T) {
	t.Parallel()
	s := newSim(t, aliexpresssim.Options{})
	const path = "/auth/token/refresh"
	for _, fault := range []aliexpresssim.Fault{{Method: apiCreate, How: aliexpresssim.ThrottleAPI}, {Method: path, How: aliexpresssim.Code15Before}} {
		fault.UserID = s.AddAccount().UserID
		must(t, s.Fail(fault))
		fault.UserID = s.info.UserID
		must(t, s.Fail(fault))
	}
	more := map[string]string{"refresh_token": s.info.RefreshToken}
	equal(t, "the account's create", see(s.try(t.Context(), apiCreate, placement("one", goodAddress(), lamp()))).code, "ApiCallLimit")
	equal(t, "the account's refresh", errorCode(s.call(path, more)), "ServiceUnavailable")
	equal(t, "ids", len(s.create("one", lamp())), 1)
	equal(t, "nobody else's fault has struck", errorCode(s.call(path, more)), "")
	equal(t, "a used token", errorCode(s.call(path, more)), "IllegalRefreshToken")
	journal := s.Journal()
	equal(t, "whose it was", journal[len(journal)-1].UserID, s.info.UserID)
}
