package orders

import (
	"strings"

	"waybill/models"
)

// Noted is what a person writes into the timeline. It changes nothing.
type Noted struct{ Text string }

func (f Noted) apply(c *change) error {
	text := strings.TrimSpace(f.Text)
	if text == "" {
		e := models.Errorf(models.Invalid, "validation_failed", "The note is empty.")
		e.Fields = []models.FieldError{{Pointer: "/text", Reason: "is required"}}
		return e
	}
	c.event(models.EventNote, text, nil)
	return nil
}

// AddressShown is that somebody of the staff was shown what is masked for them.
type AddressShown struct{}

func (AddressShown) apply(c *change) error {
	c.event(models.EventAddressShown, "Support was shown the buyer's address.", nil)
	return nil
}
