package outgoing_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"waybill/models"
)

// notified sets what the merchant is told by mail.
func (d *desk) notified(n models.Notifications) {
	d.t.Helper()
	merchant, err := d.accounts.Merchant(d.t.Context(), d.m)
	d.must(err)
	merchant.Settings.Notifications = n
	d.must(d.db.Read(d.t.Context()).Model(&merchant).Where("id = ?", d.m).Select("settings").Updates(&merchant).Error)
}

// due makes what is to be told due now.
func (d *desk) due() { d.exec("UPDATE notifications SET due_at = now() WHERE told_at IS NULL") }

var owner = models.Notifications{Addresses: []string{"owner@example.com"}}

func TestABurstIsOneMailWithoutTheBuyer(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.notified(models.Notifications{Addresses: []string{"owner@example.com", "desk@example.com"}})
	var first models.ID
	for i := range 25 {
		if id := d.order(fmt.Sprintf("100%02d", i)); i == 0 {
			first = id
		}
	}
	var soonest, latest time.Time
	d.one("SELECT min(due_at) - interval '2 minutes', max(due_at) - interval '2 minutes' FROM notifications", &soonest, &latest)
	if time.Since(soonest) < 0 || time.Since(latest) > time.Minute {
		t.Errorf("due two minutes after %s and %s", soonest, latest)
	}
	d.exec("UPDATE notifications SET due_at = now() WHERE flag_id = (SELECT min(flag_id::text)::uuid FROM notifications)") // the first takes the others along
	d.work()
	d.work()
	d.waitFor("both addresses have mail", func() bool { return len(d.box.Letters()) == 2 })
	to := map[string]bool{}
	for _, l := range d.box.Letters() {
		to[l.To] = true
		text := l.Text()
		if l.Header("Subject") != "Waybill: 25 things need you" || !strings.Contains(text, "Order 10000: No supplier is chosen\n  Map it to an AliExpress product") ||
			!strings.Contains(text, "https://waybill.example.com/orders/"+string(first)) || !strings.Contains(text, "And 5 more: https://waybill.example.com/orders?tab=attention") {
			t.Errorf("%s\n%s", l.Header("Subject"), text)
		}
		if strings.Contains(strings.ToLower(string(l.Raw)), "canary") {
			t.Errorf("something of a buyer is told: %s", text)
		}
	}
	if !to["owner@example.com"] || !to["desk@example.com"] {
		t.Errorf("%v", to)
	}
}

func TestWhatIsSettledMeanwhileIsNotTold(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.notified(owner)
	d.order("1")
	d.order("2")
	d.cancelled("1")
	d.due()
	d.work()
	d.waitFor("there is mail", func() bool { return len(d.box.Letters()) == 1 })
	if l := d.box.Letters()[0]; l.Header("Subject") != "Waybill: Order 2: No supplier is chosen" || strings.Contains(l.Text(), "Order 1:") {
		t.Errorf("%s\n%s", l.Header("Subject"), l.Text())
	}
	// All settled: there is no mail at all.
	d.order("3")
	d.cancelled("3")
	d.due()
	d.waitFor("it is gathered", func() bool {
		var open int
		d.one("SELECT count(*) FROM notifications WHERE told_at IS NULL", &open)
		return open == 0
	})
	var mails int
	d.one("SELECT count(*) FROM notification_mails", &mails)
	if mails != 1 {
		t.Errorf("%d mails", mails)
	}
}

func TestOnlyWhatIsWantedIsTold(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	noted := func() (n int) {
		d.one("SELECT count(*) FROM notifications", &n)
		return n
	}
	d.order("1")
	d.notified(models.Notifications{Addresses: owner.Addresses, Codes: []models.FlagCode{models.FlagDispute}})
	d.order("2")
	if noted() != 0 {
		t.Errorf("%d are noted", noted())
	}
	d.notified(owner)
	d.order("3")
	if noted() != 1 {
		t.Errorf("%d are noted", noted())
	}
	// A connection's flag is told of, too.
	d.must(d.accounts.Failed(t.Context(), d.m, d.store, time.Now(), models.Errorf(models.Disconnected, "wix_refused", "Wix refuses the token.")))
	d.due()
	d.work()
	d.waitFor("there is mail", func() bool { return len(d.box.Letters()) == 1 })
	if text := d.box.Letters()[0].Text(); !strings.Contains(text, "Connection Cups: Has to be connected again\n  Connect it again.\n  https://waybill.example.com/connections\n") {
		t.Error(text)
	}
}

func TestAMailServerThatIsAwayIsTriedAgainAndOneThatRefusesIsNot(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.notified(owner)
	d.box.Refuse(451, "come back later")
	d.order("1")
	d.due()
	d.work()
	state := func() (state string, attempts int) {
		d.one("SELECT coalesce(max(state), ''), coalesce(max(attempts), 0) FROM (SELECT state, attempts FROM notification_mails ORDER BY id DESC LIMIT 1) newest", &state, &attempts)
		return state, attempts
	}
	d.waitFor("three attempts", func() bool { s, n := state(); return s == "waiting" && n >= 3 })
	d.box.Refuse(0, "")
	d.waitFor("it is sent", func() bool { s, _ := state(); return s == "sent" })
	if n := len(d.box.Letters()); n != 1 {
		t.Errorf("%d letters", n)
	}
	d.box.Refuse(550, "no such mailbox")
	d.order("2")
	d.due()
	d.waitFor("it is given up", func() bool { s, _ := state(); return s == "failed" })
	if _, n := state(); n != 1 {
		t.Errorf("%d attempts", n)
	}
}

func TestQuietHoursHoldMailBack(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	berlin, err := time.LoadLocation("Europe/Berlin")
	d.must(err)
	now := time.Now().In(berlin)
	hour := func(in time.Duration) string { return now.Add(in).Format("15:04") }
	quietNow := models.Notifications{Addresses: owner.Addresses, QuietFrom: hour(-time.Hour), QuietTo: hour(2 * time.Hour)}
	d.notified(quietNow)
	d.order("1")
	var in float64
	d.one("SELECT extract(epoch FROM due_at - now())::float8 FROM notifications", &in)
	if in < 6900 || in > 7300 {
		t.Errorf("due in %.0f s", in)
	}
	// Due although it is quiet, because the hours were changed meanwhile: it waits all the same.
	d.due()
	d.work()
	d.waitFor("it is put off", func() bool {
		d.one("SELECT extract(epoch FROM due_at - now())::float8 FROM notifications", &in)
		return in > 6800
	})
	if n := len(d.box.Letters()); n != 0 {
		t.Errorf("%d letters", n)
	}
}
