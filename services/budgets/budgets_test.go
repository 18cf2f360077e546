package budgets_test

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"waybill/models"
	"waybill/services/budgets"
	"waybill/services/database/databasetest"
	"waybill/services/platform"
)

var quiet = slog.New(slog.DiscardHandler)

// Several processes on one database are several services; each has turns of its own.
func replicas(t *testing.T, n int, perSecond float64, burst int) (services []*budgets.Service, turns []*budgets.Turns) {
	t.Helper()
	db := databasetest.New(t)
	for range n {
		s := budgets.New(db, quiet)
		services, turns = append(services, s), append(turns, s.Turns(perSecond, burst))
	}
	return services, turns
}

func granted(t *testing.T, turn platform.Turns, key string, purpose models.Purpose) bool {
	t.Helper()
	err := turn.Wait(t.Context(), key, purpose)
	if err != nil && (!errors.Is(err, models.Throttled) || models.AsError(err).RetryAfter <= 0) {
		t.Fatalf("%s: %v", purpose, err)
	}
	return err == nil
}

// A call every 200 s: within the test nothing comes back, so what is granted is the burst.
func TestAllProcessesTogetherStayWithinTheBudget(t *testing.T) {
	t.Parallel()
	_, turns := replicas(t, 2, 0.005, 6)
	n := 0
	for i := range 20 {
		if granted(t, turns[i%2], "site", models.PurposePerson) {
			n++
		}
	}
	if n != 6 {
		t.Errorf("%d calls of a burst of 6 were granted", n)
	}
	if !granted(t, turns[0], "another site", models.PurposePerson) {
		t.Error("another key shares the budget")
	}
}

func TestAShareIsKeptForPeopleAndPlacing(t *testing.T) {
	t.Parallel()
	_, turns := replicas(t, 2, 0.005, 10)
	background := 0
	for i := range 20 {
		if granted(t, turns[i%2], "app method", models.PurposeBackground) {
			background++
		}
	}
	left := 0
	for i := range 20 {
		purpose := models.PurposePerson
		if i%2 == 0 {
			purpose = models.PurposePlacing
		}
		if granted(t, turns[i%2], "app method", purpose) {
			left++
		}
	}
	if background < 5 || background+left != 10 || left < 2 {
		t.Errorf("of 10 calls the background got %d and people %d", background, left)
	}
}

func TestATurnThatComesSoonIsWaitedFor(t *testing.T) {
	t.Parallel()
	_, turns := replicas(t, 1, 50, 1)
	for range 5 {
		if !granted(t, turns[0], "k", models.PurposePerson) {
			t.Fatal("refused although its turn comes within a tenth of a second")
		}
	}
}

func TestABanHoldsForAllProcessesAndSurvivesARestart(t *testing.T) {
	t.Parallel()
	for name, perSecond := range map[string]float64{"paced": 100, "without a pace": 0} {
		services, turns := replicas(t, 2, perSecond, 10)
		turns[0].Ban(t.Context(), "app method", time.Hour)
		turns[1].Ban(t.Context(), "app method", time.Minute) // a shorter ban does not shorten a longer one
		err := turns[1].Wait(t.Context(), "app method", models.PurposePlacing)
		if e := models.AsError(err); e.Kind != models.Throttled || e.RetryAfter < 59*time.Minute || e.RetryAfter > time.Hour {
			t.Errorf("%s: %v", name, err)
		}
		until, err := services[1].BannedUntil(t.Context(), "app method")
		if err != nil || until == nil || time.Until(*until) < 59*time.Minute {
			t.Errorf("%s: banned until %v, %v", name, until, err)
		}
		if !granted(t, turns[1], "app another", models.PurposeBackground) {
			t.Errorf("%s: another method is banned too", name)
		}
	}
}

func TestTheUseIsThatOfTheLastSixtyMinutes(t *testing.T) {
	t.Parallel()
	db := databasetest.New(t)
	if err := db.Read(t.Context()).Exec(`INSERT INTO budget_use (key, hour, purpose, calls, refused, waited)
		SELECT 'site', now() - ago::interval, 'person', calls, 0, 0 FROM (VALUES ('30 minutes', 10), ('90 minutes', 100), ('125 minutes', 1000)) u (ago, calls)`).Error; err != nil {
		t.Fatal(err)
	}
	used, err := budgets.New(db, quiet).Used(t.Context(), []string{"site", "idle"})
	if err != nil || used["site"].Calls != 60 || used["idle"].Calls != 0 {
		t.Errorf("an hour begun 30 minutes ago, half of one begun 90 minutes ago: %+v %v", used, err)
	}
}
