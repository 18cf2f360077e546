package ordersync

import (
	"errors"
	"fmt"
	"time"

	"waybill/models"
	"waybill/services/database"
	"waybill/services/orders"
)

// follow does, on the transaction of some facts, what they ask for: it plans what the merchant's rule buys, and stops
// placing that goes wrong too often.
func (s *Service) follow(tx database.Tx, c *orders.Changes) error {
	if c.AutoPlace != nil {
		if err := s.autoPlan(tx, c, *c.AutoPlace); err != nil {
			return err
		}
	}
	if c.Unsure {
		return s.breaker(tx, c)
	}
	return nil
}

// let adds more facts to what an Apply changed.
func (s *Service) let(tx database.Tx, c *orders.Changes, fact orders.Fact) error {
	more, err := s.orders.Apply(tx, c.MerchantID, c.OrderID, engine, fact)
	if err != nil {
		return err
	}
	c.Changed, c.After = c.Changed || more.Changed, more.After
	c.Events, c.Pushes, c.Placements = append(c.Events, more.Events...), append(c.Pushes, more.Pushes...), append(c.Placements, more.Placements...)
	return nil
}

// autoPlan plans what an order owes by the merchant's rule, with the hold window before it. What cannot be planned is noted;
// the facts that led here stand in any case.
func (s *Service) autoPlan(tx database.Tx, c *orders.Changes, f models.Facts) error {
	account, err := ruleAccount(tx, c.MerchantID, f.Rules.Merchant.AutoPlace.AccountID)
	if err != nil {
		return s.skip(tx, c, err)
	}
	sup, err := suppliersOf(tx.DB, f)
	if err != nil {
		return err
	}
	groups, err := group(f, sup, unbought(f))
	if err != nil {
		return s.skip(tx, c, err)
	}
	plan := orders.PlacementPlanned{AccountID: account, Groups: groups, Auto: true}
	if hold := *f.Rules.Merchant.HoldMinutes; hold > 0 {
		until := tx.Now.Add(time.Duration(hold) * time.Minute)
		plan.NotBefore = &until
	}
	return s.skip(tx, c, s.let(tx, c, plan))
}

// skip notes a reason against automatic placing and passes any other error on.
func (s *Service) skip(tx database.Tx, c *orders.Changes, err error) error {
	if err == nil || !errors.Is(err, models.Conflict) {
		return err
	}
	return s.let(tx, c, orders.AutoPlaceSkipped{Why: models.AsError(err)})
}

// ruleAccount is the account that the rule buys with.
func ruleAccount(tx database.Tx, m models.MerchantID, id models.ID) (models.ID, error) {
	var usable []models.ID
	err := tx.Raw("SELECT id FROM connections WHERE merchant_id = ? AND platform = ? AND state = 'active' AND (? = '' OR id::text = ?) LIMIT 2", m, models.AliExpress, id, id).Scan(&usable).Error
	switch {
	case err != nil:
		return "", fmt.Errorf("read the supplier accounts: %w", err)
	case len(usable) != 1:
		return "", models.Errorf(models.Conflict, "account_needed", "The rule does not say which AliExpress account buys, or that account is not connected.")
	}
	return usable[0], nil
}

const (
	// More unknown purchases than this in a row stop a merchant's placing (reliability.md I2).
	unknownInRow = 5
	// So do more than this of the last hundred.
	unknownOfHundred = 3
)

// breaker stops a merchant's placing when too many purchases become unknown: something is wrong that sending more would only
// multiply. Attempts before a person let it go on again do not count.
func (s *Service) breaker(tx database.Tx, c *orders.Changes) error {
	var classes []models.PlaceClass
	err := tx.Raw(`SELECT a.class FROM placement_attempts a JOIN merchants m ON m.id = a.merchant_id
		WHERE a.merchant_id = ? AND a.at > coalesce(m.placing_resumed_at, '-infinity') ORDER BY a.at DESC LIMIT 100`, c.MerchantID).Scan(&classes).Error
	if err != nil {
		return fmt.Errorf("read the last attempts: %w", err)
	}
	why := tripped(classes)
	if why == "" {
		return nil
	}
	stopped, err := s.accounts.StopPlacing(tx, c.MerchantID, why)
	if err != nil || !stopped {
		return err
	}
	s.count("placing", "stopped")
	if err := tx.Enqueue(RerollArgs{MerchantID: c.MerchantID, Actor: models.ActorSystem}); err != nil { // so that what waits says so
		return err
	}
	return s.let(tx, c, orders.PlacingTripped{Why: why})
}

// tripped says of a merchant's newest attempts, newest first, why placing must stop; empty when it need not.
func tripped(newest []models.PlaceClass) string {
	row, unknown := 0, 0
	for i, class := range newest {
		if class != models.ClassUnknown {
			continue
		}
		unknown++
		if row == i {
			row++
		}
	}
	switch {
	case row > unknownInRow:
		return fmt.Sprintf("Placing has stopped by itself: AliExpress gave no clear answer to the last %d purchases.", row)
	case len(newest) == 100 && unknown > unknownOfHundred:
		return fmt.Sprintf("Placing has stopped by itself: AliExpress gave no clear answer to %d of the last 100 purchases.", unknown)
	}
	return ""
}
