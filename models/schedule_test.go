package models_test

import (
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"

	"waybill/models"
)

func TestCase07_AnHourThatAClockChangeSkipsOrDoublesStrikesOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		zone  string
		hours []string
		after string
		want  []string // the runs that follow, each asked for after the one before
	}{
		"twice a day":                        {"UTC", []string{"06:00", "18:00"}, "2026-03-01T05:59:59Z", []string{"2026-03-01T06:00:00Z", "2026-03-01T18:00:00Z", "2026-03-02T06:00:00Z"}},
		"exactly on the hour":                {"UTC", []string{"06:00"}, "2026-03-01T06:00:00Z", []string{"2026-03-02T06:00:00Z"}},
		"in a zone":                          {"Asia/Kolkata", []string{"06:00"}, "2026-03-01T00:00:00Z", []string{"2026-03-01T00:30:00Z"}},
		"skipped":                            {"Europe/Berlin", []string{"02:30"}, "2026-03-28T12:00:00Z", []string{"2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"}},
		"skipped, and the one that follows":  {"Europe/Berlin", []string{"02:30", "03:00"}, "2026-03-28T12:00:00Z", []string{"2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z", "2026-03-30T01:00:00Z"}},
		"doubled":                            {"Europe/Berlin", []string{"02:30"}, "2026-10-24T12:00:00Z", []string{"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
		"doubled in New York":                {"America/New_York", []string{"01:30"}, "2026-10-31T12:00:00Z", []string{"2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"}},
		"half an hour's change":              {"Australia/Lord_Howe", []string{"02:15"}, "2026-10-03T00:00:00Z", []string{"2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"}},
		"a missed run does not strike again": {"UTC", []string{"06:00"}, "2026-03-05T07:00:00Z", []string{"2026-03-06T06:00:00Z"}},
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		after, _ := time.Parse(time.RFC3339, c.after)
		for _, want := range c.want {
			got := models.NextRun(c.hours, zone, after)
			if got == nil || got.Format(time.RFC3339) != want {
				t.Errorf("%s: after %s comes %v, want %s", name, after, got, want)
				break
			}
			after = *got
		}
	}
	if models.NextRun(nil, time.UTC, time.Now()) != nil || models.NextRun([]string{"25:00", "x"}, time.UTC, time.Now()) != nil {
		t.Error("a schedule without hours strikes")
	}
}

// Whatever zone, hour and time: the next run lies ahead, within two days, and a year holds one run a day.
func TestAScheduleStrikesOnceADayInEveryZone(t *testing.T) {
	t.Parallel()
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo", "Africa/Casablanca", "Pacific/Chatham"}
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		hour := time.Date(2000, 1, 1, 0, rapid.IntRange(0, 24*60-1).Draw(t, "minute"), 0, 0, time.UTC).Format("15:04")
		at := time.Unix(rapid.Int64Range(1700000000, 1900000000).Draw(t, "after"), 0)
		days := map[string]int{}
		for range 370 {
			next := models.NextRun([]string{hour}, zone, at)
			if next == nil || !next.After(at) || next.Sub(at) > 49*time.Hour {
				t.Fatalf("after %s comes %v", at, next)
			}
			at = *next
			days[at.In(zone).Format(time.DateOnly)]++
		}
		for day, n := range days {
			if n != 1 {
				t.Fatalf("%d runs on %s", n, day)
			}
		}
	})
}
