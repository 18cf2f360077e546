package ordersync

import (
	"context"
	"errors"
	"slices"
	"time"

	"waybill/models"
	"waybill/services/database"
	"waybill/services/orders"
)

// pushLease is longer than all the calls of one push together.
const pushLease = 90 * time.Second

// push is the job: it tells a store about one parcel.
func (s *Service) push(ctx context.Context, m models.MerchantID, pushID models.ID) error {
	orderID, err := s.orders.OrderOf(ctx, m, "pushes", pushID)
	if err != nil {
		return err
	}
	_, err = s.tell(ctx, m, orderID, pushID)
	return err
}

// RetryPush tells the store again about a parcel, because a person asked for it.
func (s *Service) RetryPush(ctx context.Context, m models.MerchantID, pushID models.ID, by orders.By) (models.ID, error) {
	orderID, err := s.orders.OrderOf(ctx, m, "pushes", pushID)
	if err != nil {
		return "", err
	}
	_, err = s.apply(ctx, m, orderID, by, orders.PushRequested{PushID: pushID})
	return orderID, err
}

// tell makes the store's fulfillment of one parcel what it should be, and reads back whether it is: list, then adopt,
// create, amend or replace, then list again. Creating has no key against doubles, so the list always comes first, and a
// lease keeps two processes from doing it at once.
func (s *Service) tell(ctx context.Context, m models.MerchantID, orderID, pushID models.ID) (orders.Changes, error) {
	claimed := time.Now()
	err := s.applyAt(ctx, m, orderID, func(now time.Time) orders.Fact {
		return orders.PushClaimed{PushID: pushID, Until: now.Add(pushLease)}
	})
	if errors.Is(err, models.Conflict) {
		return orders.Changes{}, nil // another job has done it
	}
	if err != nil {
		return orders.Changes{}, err
	}
	d, err := s.orders.Detail(ctx, m, orderID)
	if err != nil {
		return orders.Changes{}, err
	}
	at := slices.IndexFunc(d.Pushes, func(p models.Push) bool { return p.ID == pushID })
	t := &telling{s: s, m: m, d: d, p: d.Pushes[at]}
	result := t.run(ctx)
	var changes orders.Changes
	err = database.Insist(context.WithoutCancel(ctx), time.Until(claimed.Add(pushLease)), func(ctx context.Context) (err error) {
		changes, err = s.apply(ctx, m, orderID, engine, result) // or nobody could go on before the lease ends
		return err
	})
	if err != nil {
		return changes, err
	}
	if result.State == models.PushConfirmed {
		s.lag(m, t.p.StoreID, models.WaybillToStore, time.Since(t.p.WantedSince))
	}
	if result.Err != nil && result.State == models.PushRetrying {
		return changes, later(result.Err, s.pace.PushRetryIn(t.p.Attempts))
	}
	return changes, nil
}

// later gives an error the time at which its push is due again, so that the job waits for it.
func later(e *models.Error, in time.Duration) error {
	if e.RetryAfter >= in {
		return e
	}
	waiting := *e
	waiting.RetryAfter = in
	return &waiting
}

type telling struct {
	s *Service
	m models.MerchantID
	d orders.Detail
	p models.Push
}

func (t *telling) run(ctx context.Context) orders.PushResult {
	result := orders.PushResult{PushID: t.p.ID, Number: t.p.WantedNumber, Lines: t.p.WantedLines}
	if t.d.Order.Gate.Dead() {
		return refused(result, models.Errorf(models.Conflict, "order_not_wanted", "the store no longer wants this order (%s)", t.d.Order.Gate))
	}
	have, err := t.list(ctx)
	if err != nil {
		return t.failed(result, err)
	}
	id, adopted, err := t.settle(ctx, have)
	result.FulfillmentID, result.Adopted = id, adopted
	if err != nil {
		return t.failed(result, err)
	}
	result.State = models.PushSent
	if have, err = t.list(ctx); err != nil {
		result.State = models.PushSent // the next turn reads back
		return result
	}
	if at := byID(have, id); at >= 0 && t.shows(have[at]) {
		result.State = models.PushConfirmed
	}
	return result
}

func (t *telling) list(ctx context.Context) ([]models.Fulfillment, error) {
	return call(ctx, t.s, t.m, t.p.StoreID, models.PurposeBackground, func(a models.Access) ([]models.Fulfillment, error) {
		return t.s.store.Fulfillments(ctx, a, t.d.Order.ExternalID)
	})
}

// settle does the least that makes the store right, and returns the id of the fulfillment that stands for the parcel.
func (t *telling) settle(ctx context.Context, have []models.Fulfillment) (id string, adopted bool, err error) {
	want := t.wanted()
	mine := byID(have, t.p.FulfillmentID)
	if mine < 0 {
		mine = slices.IndexFunc(have, func(f models.Fulfillment) bool { return f.Number == want.Number && !t.othersOwn(f.ID) })
		adopted = mine >= 0 && t.p.SentNumber != want.Number && t.p.Attempts <= 1
	}
	switch {
	case mine >= 0 && t.shows(have[mine]):
		return have[mine].ID, adopted, nil
	case mine >= 0 && sameLines(have[mine].Lines, want.Lines):
		want.ID = have[mine].ID
		return want.ID, adopted, t.do(ctx, func(a models.Access) error { return t.s.store.Amend(ctx, a, t.d.Order.ExternalID, want) })
	case mine >= 0 && t.p.Adopted:
		// Made by hand, with other contents: it gets the number and keeps its contents.
		want.ID = have[mine].ID
		return want.ID, true, t.do(ctx, func(a models.Access) error { return t.s.store.Amend(ctx, a, t.d.Order.ExternalID, want) })
	case mine >= 0:
		// Wix cannot change what is in a fulfillment: take it away and make it anew (wix.md 4.1).
		if err := t.do(ctx, func(a models.Access) error { return t.s.store.Unfulfill(ctx, a, t.d.Order.ExternalID, have[mine].ID) }); err != nil {
			return have[mine].ID, false, err
		}
		id, err = t.create(ctx, want)
		return id, false, err
	}
	if t.fits(have, want) {
		id, err = t.create(ctx, want)
		return id, false, err
	}
	return t.adopt(ctx, have, want)
}

func (t *telling) create(ctx context.Context, want models.Fulfillment) (id string, err error) {
	err = t.do(ctx, func(a models.Access) error {
		id, err = t.s.store.Fulfill(ctx, a, t.d.Order.ExternalID, want)
		return err
	})
	return id, err
}

func (t *telling) do(ctx context.Context, f func(models.Access) error) error {
	_, err := call(ctx, t.s, t.m, t.p.StoreID, models.PurposeBackground, func(a models.Access) (struct{}, error) { return struct{}{}, f(a) })
	return err
}

// adopt takes over a fulfillment that was made by hand for these goods, if it has no number yet. One with another number is
// never overwritten without asking.
func (t *telling) adopt(ctx context.Context, have []models.Fulfillment, want models.Fulfillment) (string, bool, error) {
	for _, f := range have {
		if f.Number == "" && !t.othersOwn(f.ID) && covers(f.Lines, want.Lines) {
			want.ID = f.ID
			return f.ID, true, t.do(ctx, func(a models.Access) error { return t.s.store.Amend(ctx, a, t.d.Order.ExternalID, want) })
		}
	}
	return "", false, models.Errorf(models.Conflict, "store_fulfilled_otherwise",
		"the store already shows these goods as shipped under another number, which is not overwritten without asking")
}

func (t *telling) othersOwn(fulfillmentID string) bool {
	return slices.ContainsFunc(t.d.Pushes, func(p models.Push) bool { return p.ID != t.p.ID && p.FulfillmentID == fulfillmentID })
}

func (t *telling) wanted() models.Fulfillment {
	carrier, link := carrierFor(t.p.WantedCarrier, t.p.WantedNumber)
	return models.Fulfillment{Lines: t.p.WantedLines, Number: t.p.WantedNumber, Carrier: carrier, Link: link}
}

// shows is the read-back: the number and at least the contents are there.
func (t *telling) shows(f models.Fulfillment) bool {
	return f.Number == t.p.WantedNumber && (sameLines(f.Lines, t.p.WantedLines) || (t.p.Adopted || t.p.FulfillmentID == "") && covers(f.Lines, t.p.WantedLines))
}

// fits says whether the store still has these quantities to be fulfilled.
func (t *telling) fits(have []models.Fulfillment, want models.Fulfillment) bool {
	for _, w := range want.Lines {
		line, ok := lineIn(t.d, w.LineID)
		left := line.Quantity
		for _, f := range have {
			left -= quantityOf(f.Lines, w.LineID)
		}
		if !ok || left < w.Quantity {
			return false
		}
	}
	return true
}

func (t *telling) failed(result orders.PushResult, err error) orders.PushResult {
	e := models.AsError(err)
	switch e.Kind {
	case models.Rejected, models.Conflict, models.NotFound, models.Invalid, models.Forbidden:
		if e.Code == "wix_tracking_number_already_exists" || e.Kind == models.Conflict && e.Code != "store_fulfilled_otherwise" && t.p.Attempts <= 3 {
			break // the list was older than the truth: look again before giving up
		}
		return refused(result, e)
	}
	if time.Since(t.p.WantedSince) > models.PushGiveUpAfter {
		return refused(result, models.Errorf(models.Unavailable, "store_unreachable_too_long", "the store could not be told for 72 hours (%s)", e.Detail))
	}
	result.State, result.Err = models.PushRetrying, e
	return result
}

func refused(result orders.PushResult, e *models.Error) orders.PushResult {
	result.State, result.Err = models.PushRefused, e
	return result
}

func byID(list []models.Fulfillment, id string) int {
	if id == "" {
		return -1
	}
	return slices.IndexFunc(list, func(f models.Fulfillment) bool { return f.ID == id })
}

func quantityOf(lines []models.FulfillmentLine, lineID string) int {
	n := 0
	for _, l := range lines {
		if l.LineID == lineID {
			n += l.Quantity
		}
	}
	return n
}

// covers says whether a holds everything that b holds.
func covers(a, b []models.FulfillmentLine) bool {
	for _, l := range b {
		if quantityOf(a, l.LineID) < quantityOf(b, l.LineID) {
			return false
		}
	}
	return true
}

func sameLines(a, b []models.FulfillmentLine) bool { return covers(a, b) && covers(b, a) }
