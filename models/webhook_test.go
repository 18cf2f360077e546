package models_test

import (
	"testing"
	"time"

	"waybill/models"
)

func TestWebhooksAreTriedOnSvixsSchedule(t *testing.T) {
	t.Parallel()
	total, attempts := time.Duration(0), 1
	for {
		wait, more := models.NextWebhookTry(attempts, 0.5)
		if !more {
			break
		}
		low, _ := models.NextWebhookTry(attempts, 0)
		high, _ := models.NextWebhookTry(attempts, 1)
		if low != wait*9/10 || high != wait*11/10 {
			t.Errorf("attempt %d waits from %s to %s around %s", attempts, low, high, wait)
		}
		total += wait
		attempts++
	}
	if attempts != 8 || total != 27*time.Hour+35*time.Minute+5*time.Second {
		t.Errorf("%d attempts in %s", attempts, total)
	}
	if _, more := models.NextWebhookTry(0, 0.5); more {
		t.Error("what has not failed is tried again")
	}
}

func TestMailWaitsForItsHour(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 3, day, hour, minute, 0, 0, berlin) }
	for name, c := range map[string]struct {
		n         models.Notifications
		now, want time.Time
	}{
		"at once":                        {models.Notifications{}, at(2, 12, 0), at(2, 12, 2)},
		"hourly":                         {models.Notifications{Mode: models.MailHourly}, at(2, 12, 1), at(2, 13, 0)},
		"daily":                          {models.Notifications{Mode: models.MailDaily, Hour: "09:30"}, at(2, 12, 0), at(3, 9, 30)},
		"daily, over a clock change":     {models.Notifications{Mode: models.MailDaily, Hour: "02:30"}, at(28, 12, 0), at(29, 3, 0)},
		"in quiet hours":                 {models.Notifications{QuietFrom: "12:00", QuietTo: "14:00"}, at(2, 12, 30), at(2, 14, 0)},
		"in quiet hours over midnight":   {models.Notifications{QuietFrom: "22:00", QuietTo: "07:00"}, at(2, 23, 0), at(3, 7, 0)},
		"after midnight":                 {models.Notifications{QuietFrom: "22:00", QuietTo: "07:00"}, at(3, 1, 0), at(3, 7, 0)},
		"when they have ended":           {models.Notifications{QuietFrom: "22:00", QuietTo: "07:00"}, at(3, 7, 0), at(3, 7, 2)},
		"as they begin":                  {models.Notifications{QuietFrom: "22:00", QuietTo: "07:00"}, at(2, 21, 58), at(3, 7, 0)},
		"a digest in quiet hours":        {models.Notifications{Mode: models.MailHourly, QuietFrom: "22:00", QuietTo: "06:30"}, at(2, 22, 10), at(3, 6, 30)},
		"quiet hours that are no hours":  {models.Notifications{QuietFrom: "late", QuietTo: "07:00"}, at(2, 23, 0), at(2, 23, 2)},
		"quiet hours that are not there": {models.Notifications{QuietFrom: "07:00", QuietTo: "07:00"}, at(2, 7, 0), at(2, 7, 2)},
	} {
		if got := c.n.MailAt(berlin, c.now); !got.Equal(c.want) {
			t.Errorf("%s: %s instead of %s", name, got.In(berlin), c.want)
		}
	}
}
