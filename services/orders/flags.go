package orders

import (
	"fmt"
	"slices"
	"time"

	"waybill/models"
	"waybill/services/database"
)

// reconcileFlags opens the flags that the facts ask for, keeps them up to date and closes those that they no longer ask for.
// One that a person closed stays closed until its fact has gone once; one that was put off does not count until its time.
func (c *change) reconcileFlags(troubles []models.Trouble) {
	type key struct {
		code    models.FlagCode
		subject string
	}
	want := map[key]models.Trouble{}
	for _, t := range troubles {
		want[key{t.Code, t.Subject}] = t
	}
	for i := range c.facts.Flags {
		f := &c.facts.Flags[i]
		t, still := want[key{f.Code, f.Subject}]
		delete(want, key{f.Code, f.Subject})
		switch {
		case f.ClosedAt != nil:
			f.Dismissed = f.Dismissed && still
		case !still:
			c.closeFlag(f)
		default:
			c.keepFlag(f, t)
		}
	}
	for _, t := range troubles { // in their order, not the map's
		if _, missing := want[key{t.Code, t.Subject}]; !missing {
			continue
		}
		delete(want, key{t.Code, t.Subject})
		orderID := c.result.OrderID
		c.facts.Flags = append(c.facts.Flags, models.Flag{
			MerchantID: c.result.MerchantID, ID: database.NewID(), OrderID: &orderID, Subject: t.Subject, Code: t.Code,
			Owner: t.Owner, Detail: t.Detail, NextAction: t.NextAction, Deadline: t.Deadline, OpenedAt: c.tx.Now,
		})
		c.event(models.EventFlagOpened, "Needs attention: "+t.Detail, map[string]any{"code": t.Code, "next_action": t.NextAction})
	}
	c.facts.Order.OpenFlags = 0
	for _, f := range c.facts.Flags {
		if f.ClosedAt == nil && f.SnoozedUntil == nil {
			c.facts.Order.OpenFlags++
		}
	}
}

func (c *change) closeFlag(f *models.Flag) {
	f.ClosedAt, f.ClosedBy, f.ClosedWhy, f.SnoozedUntil = &c.tx.Now, string(models.ActorSystem), "the fact behind it is gone", nil
	if f.Code == models.FlagStopRequest {
		f.ClosedWhy = c.howStopped(models.ID(f.Subject))
	}
	c.event(models.EventFlagClosed, "No longer needs attention: "+f.Detail, map[string]any{"code": f.Code, "why": f.ClosedWhy})
}

// howStopped is what became of a request to stop a supplier order.
func (c *change) howStopped(id models.ID) string {
	s, err := c.supplierOrder(id)
	switch {
	case err != nil:
	case s.State == models.PlacementClosed:
		return fmt.Sprintf("AliExpress order %s was stopped: it ended without goods (%s)", s.ExternalID, s.WhyEnded())
	case s.State == models.PlacementRejected:
		return "nothing was bought"
	case s.State == models.PlacementPlaced && s.Stage == models.StageFinished:
		return fmt.Sprintf("AliExpress order %s was not stopped: it has been received", s.ExternalID)
	}
	return "the store wants the order again"
}

func (c *change) keepFlag(f *models.Flag, t models.Trouble) {
	f.Detail, f.NextAction, f.Owner = t.Detail, t.NextAction, t.Owner
	if !sameMoment(f.Deadline, t.Deadline) {
		f.Deadline = t.Deadline
	}
	if f.SnoozedUntil != nil && !f.SnoozedUntil.After(c.tx.Now) {
		f.SnoozedUntil = nil
		c.event(models.EventFlagReopened, "Needs attention again: "+f.Detail, map[string]any{"code": f.Code})
	}
}

// sameMoment compares as finely as the database keeps times.
func sameMoment(a, b *time.Time) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Truncate(time.Microsecond).Equal(b.Truncate(time.Microsecond))
}

// FlagSnoozed is a person's decision to put a flag off. It does not count until then.
type FlagSnoozed struct {
	FlagID models.ID
	Until  time.Time
}

func (f FlagSnoozed) apply(c *change) error {
	flag, err := c.openFlag(f.FlagID)
	if err != nil {
		return err
	}
	if !f.Until.After(c.tx.Now) {
		return past("snooze_in_the_past", "/until", "A flag can only be put off to a time that is to come.")
	}
	until := f.Until.UTC().Truncate(time.Microsecond)
	flag.SnoozedUntil, flag.SnoozedBy, flag.SnoozedWhy = &until, string(c.by.Actor), c.by.Reason
	c.event(models.EventFlagSnoozed, fmt.Sprintf("Put off until %s UTC: %s", until.Format("2006-01-02 15:04"), flag.Detail), map[string]any{"code": flag.Code, "until": until})
	return nil
}

func past(code, pointer, detail string) error {
	e := models.Errorf(models.Invalid, code, "%s", detail)
	e.Fields = []models.FieldError{{Pointer: pointer, Reason: "must be a time that is to come"}}
	return e
}

// FlagDismissed is a person's decision that a flag needs nobody although its fact is there.
type FlagDismissed struct{ FlagID models.ID }

func (f FlagDismissed) apply(c *change) error {
	flag, err := c.openFlag(f.FlagID)
	if err != nil {
		return err
	}
	flag.ClosedAt, flag.ClosedBy, flag.ClosedWhy, flag.Dismissed, flag.SnoozedUntil = &c.tx.Now, string(c.by.Actor), c.by.Reason, true, nil
	if flag.Code == models.FlagOrderEdited { // seen, which is all that it asks for: the next change is another one
		c.facts.Order.StoreEdits = []string{}
	}
	c.event(models.EventFlagClosed, "Closed by a person: "+flag.Detail, map[string]any{"code": flag.Code})
	return nil
}

// FlagReopened takes back that a flag was put off or closed.
type FlagReopened struct{ FlagID models.ID }

func (f FlagReopened) apply(c *change) error {
	at := slices.IndexFunc(c.facts.Flags, func(flag models.Flag) bool { return flag.ID == f.FlagID })
	if at < 0 {
		return flagOver()
	}
	flag := &c.facts.Flags[at]
	if flag.ClosedAt == nil && flag.SnoozedUntil == nil {
		return nil // it is open
	}
	flag.ClosedAt, flag.ClosedBy, flag.ClosedWhy, flag.Dismissed, flag.SnoozedUntil = nil, "", "", false, nil
	c.event(models.EventFlagReopened, "Needs attention again: "+flag.Detail, map[string]any{"code": flag.Code})
	return nil
}

func (c *change) openFlag(id models.ID) (*models.Flag, error) {
	for i := range c.facts.Flags {
		if c.facts.Flags[i].ID == id && c.facts.Flags[i].ClosedAt == nil {
			return &c.facts.Flags[i], nil
		}
	}
	return nil, flagOver()
}

func flagOver() error {
	return models.Errorf(models.Conflict, "flag_over", "This flag is closed: what it was about is settled.")
}
