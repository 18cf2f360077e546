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
	return s.decidePush(ctx, m, pushID, by, orders.PushRequested{PushID: pushID})
}

// FixPush tells the store again about a parcel, whatever it shows instead.
func (s *Service) FixPush(ctx context.Context, m models.MerchantID, pushID models.ID, by orders.By) (models.ID, error) {
	return s.decidePush(ctx, m, pushID, by, orders.PushRequested{PushID: pushID, Overwrite: true})
}

// AcceptPush lets stand what the store shows instead of what it was told.
func (s *Service) AcceptPush(ctx context.Context, m models.MerchantID, pushID models.ID, by orders.By) (models.ID, error) {
	return s.decidePush(ctx, m, pushID, by, orders.PushAccepted{PushID: pushID})
}

func (s *Service) decidePush(ctx context.Context, m models.MerchantID, pushID models.ID, by orders.By, f orders.Fact) (models.ID, error) {
	orderID, err := s.orders.OrderOf(ctx, m, "pushes", pushID)
	if err != nil {
		return "", err
	}
	_, err = s.apply(ctx, m, orderID, by, f)
	return orderID, err
}

// OverwritePush puts the parcel's number in the place of another that a person has given the store. Only a push that the store
// refused for that reason has something to overwrite.
func (s *Service) OverwritePush(ctx context.Context, m models.MerchantID, pushID models.ID, by orders.By) (models.ID, error) {
	return s.decidePush(ctx, m, pushID, by, orders.PushRequested{PushID: pushID, Overwrite: true, OnlyRefused: true})
}

// WithoutNumber has the store show as shipped what AliExpress has shipped without a number.
func (s *Service) WithoutNumber(ctx context.Context, m models.MerchantID, orderID models.ID, by orders.By) error {
	if !database.ValidID(string(orderID)) {
		return noOrder()
	}
	_, err := s.apply(ctx, m, orderID, by, orders.WithoutNumber{})
	return err
}

func noOrder() error {
	return models.Errorf(models.NotFound, "order_not_found", "There is no such order.")
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
	facts := append(t.readings, result)
	var changes orders.Changes
	err = database.Insist(context.WithoutCancel(ctx), time.Until(claimed.Add(pushLease)), func(ctx context.Context) (err error) {
		changes, err = s.apply(ctx, m, orderID, engine, facts...) // or nobody could go on before the lease ends
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

// telling is one turn of telling a store about one parcel.
type telling struct {
	s        *Service
	m        models.MerchantID
	d        orders.Detail
	p        models.Push
	readings []orders.Fact // what the store showed, as it was read last
	told     *models.Fulfillment
	taken    bool // the store shows the number for another order
}

func (t *telling) run(ctx context.Context) orders.PushResult {
	result := orders.PushResult{PushID: t.p.ID, Number: t.p.WantedNumber, Lines: t.p.WantedLines, Since: t.p.WantedSince}
	if t.d.Order.Gate.Dead() {
		return refused(result, models.Errorf(models.Conflict, "order_not_wanted", "the store no longer wants this order (%s)", t.d.Order.Gate))
	}
	have, err := t.list(ctx)
	if err != nil {
		return t.failed(result, err)
	}
	id, adopted, err := t.settle(ctx, have)
	result.FulfillmentID, result.Adopted, result.NumberTaken = id, adopted, t.taken
	if t.told != nil {
		result.Told, result.Provider, result.Link = true, t.told.Carrier, t.told.Link
	}
	if err != nil {
		return t.failed(result, err)
	}
	result.State = models.PushSent
	if have, err = t.list(ctx); err != nil {
		return result // the next turn reads back
	}
	if at := byID(have, id); at >= 0 && t.shows(have[at]) {
		result.State = models.PushConfirmed
	}
	return result
}

func (t *telling) list(ctx context.Context) ([]models.Fulfillment, error) {
	reading, err := t.s.readShown(ctx, t.m, t.d.Order, models.PurposeBackground)
	if err == nil {
		t.readings = []orders.Fact{reading}
	}
	return reading.Fulfillments, err
}

// settle does the least that makes the store right, and returns the id of the fulfillment that stands for the parcel. Each new
// fulfillment mails the buyer, and nothing can be done about that (wix.md 4.1): so one that is there is changed in place where
// Wix allows, and is made anew only when its contents are wrong.
func (t *telling) settle(ctx context.Context, have []models.Fulfillment) (id string, adopted bool, err error) {
	want := t.wanted()
	mine := byID(have, t.p.FulfillmentID)
	if mine < 0 {
		mine = slices.IndexFunc(have, func(f models.Fulfillment) bool { return t.byNumber(f) && !t.othersOwn(f.ID) })
		adopted = mine >= 0 && have[mine].Number == t.p.WantedNumber && t.p.SentNumber != t.p.WantedNumber && t.p.Attempts <= 1
	}
	if mine < 0 {
		if t.fits(have, want) {
			id, err = t.create(ctx, want)
			return id, false, err
		}
		return t.adopt(ctx, have, want)
	}
	f := have[mine]
	want.ID = f.ID
	switch {
	case t.otherNumber(f) && !t.p.Overwrite:
		return f.ID, adopted, shownOtherwise("the store shows number " + f.Number + " for this parcel by now, which is not overwritten without asking")
	case t.shows(f) && !t.newWords(want):
		if f.Carrier == want.Carrier && (want.Link == "" || f.Link == want.Link) {
			t.told = &want // by a turn that did not hear the answer
		}
		return f.ID, adopted, nil
	case models.SameLines(f.Lines, want.Lines), t.shows(f), t.p.Adopted: // made by hand with other contents: it keeps them
		return f.ID, adopted, t.amend(ctx, want)
	}
	// Wix cannot change what is in a fulfillment: take it away and make it anew (wix.md 4.1).
	if err := t.do(ctx, func(a models.Access) error { return t.s.store.Unfulfill(ctx, a, t.d.Order.ExternalID, f.ID) }); err != nil {
		return f.ID, false, err
	}
	id, err = t.create(ctx, want)
	return id, false, err
}

// byNumber recognises a fulfillment by any number that the parcel has or had; one that is to have none, by its contents.
func (t *telling) byNumber(f models.Fulfillment) bool {
	if f.Number == "" {
		return t.p.WantedNumber == "" && models.SameLines(f.Lines, t.p.WantedLines)
	}
	return f.Number == t.p.WantedNumber || f.Number == t.p.SentNumber || slices.Contains(t.parcel().PreviousNumbers, f.Number)
}

// otherNumber says that a person has put another number into our fulfillment.
func (t *telling) otherNumber(f models.Fulfillment) bool {
	return f.Number != "" && t.p.WantedNumber != "" && !t.byNumber(f)
}

// newWords says that the store was told of the carrier in other words than are right now.
func (t *telling) newWords(want models.Fulfillment) bool {
	return t.p.SentProvider != "" && t.p.SentNumber == t.p.WantedNumber && (t.p.SentProvider != want.Carrier || t.p.SentLink != want.Link)
}

func (t *telling) create(ctx context.Context, want models.Fulfillment) (id string, err error) {
	return id, t.tellIt(ctx, want, func(a models.Access, f models.Fulfillment) error {
		id, err = t.s.store.Fulfill(ctx, a, t.d.Order.ExternalID, f)
		return err
	})
}

func (t *telling) amend(ctx context.Context, want models.Fulfillment) error {
	return t.tellIt(ctx, want, func(a models.Access, f models.Fulfillment) error {
		return t.s.store.Amend(ctx, a, t.d.Order.ExternalID, f)
	})
}

// tellIt makes one call. A store may take a number for one order only, although one parcel holds goods of two: the other order
// then gets the link, which carries the number. Whether that is the reason, a list decides: this order must not have it yet.
func (t *telling) tellIt(ctx context.Context, f models.Fulfillment, tell func(models.Access, models.Fulfillment) error) error {
	err := t.do(ctx, func(a models.Access) error { return tell(a, f) })
	if models.AsError(err).Code == "wix_tracking_number_already_exists" && f.Number != "" {
		have, listed := t.list(ctx)
		if listed != nil || slices.ContainsFunc(have, func(h models.Fulfillment) bool { return h.Number == f.Number }) {
			return err
		}
		f.Number, f.Link, t.taken = "", t.fullLink(), true
		err = t.do(ctx, func(a models.Access) error { return tell(a, f) })
	}
	if err == nil {
		t.told = &f
	}
	return err
}

func (t *telling) fullLink() string {
	return models.TellCarrier(t.d.Rules.Carriers, t.p.WantedCarrier, t.p.WantedNumber, nil).FullLink
}

func (t *telling) do(ctx context.Context, f func(models.Access) error) error {
	_, err := call(ctx, t.s, t.m, t.p.StoreID, models.PurposeBackground, func(a models.Access) (struct{}, error) { return struct{}{}, f(a) })
	return err
}

// adopt takes over a fulfillment that was made by hand for these goods, if it has no number yet, or that of a parcel which was
// given up as lost. One with another number is never overwritten without asking.
func (t *telling) adopt(ctx context.Context, have []models.Fulfillment, want models.Fulfillment) (string, bool, error) {
	for _, may := range []func(models.Fulfillment) bool{
		func(f models.Fulfillment) bool { return f.Number == "" },
		func(f models.Fulfillment) bool { return t.ofLost(f.ID) },
		func(models.Fulfillment) bool { return t.p.Overwrite },
	} {
		for _, f := range have {
			if !may(f) || t.othersOwn(f.ID) || !models.CoversLines(f.Lines, want.Lines) {
				continue
			}
			if t.ofLost(f.ID) && !models.SameLines(f.Lines, want.Lines) {
				if err := t.do(ctx, func(a models.Access) error { return t.s.store.Unfulfill(ctx, a, t.d.Order.ExternalID, f.ID) }); err != nil {
					return "", false, err
				}
				id, err := t.create(ctx, want)
				return id, false, err
			}
			want.ID = f.ID
			if want.Number == "" && want.Link == "" {
				return f.ID, true, nil
			}
			return f.ID, true, t.amend(ctx, want)
		}
	}
	return "", false, shownOtherwise("the store already shows these goods as shipped under another number, which is not overwritten without asking")
}

func shownOtherwise(detail string) error {
	return models.Errorf(models.Conflict, models.PushShownOtherwise, "%s", detail)
}

// othersOwn says that a fulfillment stands for another parcel, which is not lost.
func (t *telling) othersOwn(fulfillmentID string) bool {
	return slices.ContainsFunc(t.d.Pushes, func(p models.Push) bool {
		return p.ID != t.p.ID && p.FulfillmentID == fulfillmentID && !t.lost(p.ParcelID)
	})
}

func (t *telling) ofLost(fulfillmentID string) bool {
	return slices.ContainsFunc(t.d.Pushes, func(p models.Push) bool {
		return p.ID != t.p.ID && p.FulfillmentID == fulfillmentID && t.lost(p.ParcelID)
	})
}

func (t *telling) lost(parcelID models.ID) bool {
	return slices.ContainsFunc(t.d.Parcels, func(p models.Parcel) bool { return p.ID == parcelID && p.LostAt != nil })
}

func (t *telling) parcel() models.Parcel {
	for _, p := range t.d.Parcels {
		if p.ID == t.p.ParcelID {
			return p
		}
	}
	return models.Parcel{}
}

func (t *telling) wanted() models.Fulfillment {
	f := models.Fulfillment{Lines: t.p.WantedLines, Number: t.p.WantedNumber, Carrier: t.p.WantedProvider, Link: t.p.WantedLink}
	if t.p.NumberTaken {
		f.Number = ""
	}
	return f
}

// shows is the read-back: the number and at least the contents are there.
func (t *telling) shows(f models.Fulfillment) bool {
	number := f.Number == t.p.WantedNumber || t.p.WantedNumber == "" || f.Number == "" && (t.taken || t.p.NumberTaken)
	return number && (models.SameLines(f.Lines, t.p.WantedLines) || (t.p.Adopted || t.p.FulfillmentID == "") && models.CoversLines(f.Lines, t.p.WantedLines))
}

// fits says whether the store still has these quantities to be fulfilled.
func (t *telling) fits(have []models.Fulfillment, want models.Fulfillment) bool {
	for _, w := range want.Lines {
		line, ok := lineIn(t.d, w.LineID)
		left := line.Quantity
		for _, f := range have {
			left -= models.QuantityOf(f.Lines, w.LineID)
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
		if e.Kind == models.Conflict && e.Code != models.PushShownOtherwise && t.p.Attempts <= 3 {
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
