package models

import "time"

// NextRun is the first moment after a time at which one of the hours ("15:04") of a schedule strikes in a zone; nil for a
// schedule without hours. An hour that a clock change skips strikes when the clock has changed, one that it doubles strikes
// the first time only (design.md section 6). Hours that are no hours are passed over.
func NextRun(hours []string, zone *time.Location, after time.Time) *time.Time {
	var next *time.Time
	local := after.In(zone)
	for _, hour := range hours {
		clock, err := time.Parse("15:04", hour)
		if err != nil {
			continue
		}
		for day := range 3 {
			at := strike(local.Year(), local.Month(), local.Day()+day, clock, zone)
			if at.After(after) {
				if next == nil || at.Before(*next) {
					next = &at
				}
				break
			}
		}
	}
	return next
}

// strike is the first moment of a day at which the zone's clock shows an hour, or has passed it.
func strike(year int, month time.Month, day int, clock time.Time, zone *time.Location) time.Time {
	wanted := time.Date(year, month, day, clock.Hour(), clock.Minute(), 0, 0, time.UTC)
	// time.Date picks one of two offsets near a change without saying which: begin well before it and look for the hour.
	at := time.Date(year, month, day, clock.Hour(), clock.Minute(), 0, 0, zone)
	_, changed := at.Zone()
	for _, other := range []time.Time{at.Add(-3 * time.Hour), at.Add(3 * time.Hour)} {
		_, offset := other.Zone()
		if offset == changed {
			continue
		}
		// The same reading of the clock under the other offset: the earlier of two, when it is truly shown.
		twin := wanted.Add(-time.Duration(offset) * time.Second).In(zone)
		if sameClock(twin, wanted) && twin.Before(at) {
			at = twin
		}
	}
	if sameClock(at, wanted) {
		return at.UTC()
	}
	// Skipped: the moment of the change lies within three hours around; find it by halves.
	before, behind := at.Add(-3*time.Hour), at.Add(3*time.Hour)
	_, old := before.Zone()
	for behind.Sub(before) > time.Second {
		middle := before.Add(behind.Sub(before) / 2)
		if _, offset := middle.Zone(); offset == old {
			before = middle
		} else {
			behind = middle
		}
	}
	return behind.Truncate(time.Second).UTC()
}

func sameClock(t, wanted time.Time) bool {
	return t.Day() == wanted.Day() && t.Hour() == wanted.Hour() && t.Minute() == wanted.Minute()
}
