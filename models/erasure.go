package models

import "time"

// Erasure is the proof that a buyer's data was asked to be erased, and that it was. It holds nothing of the buyer.
type Erasure struct {
	MerchantID  MerchantID `gorm:"primaryKey"`
	ID          ID         `gorm:"primaryKey"`
	OrderID     ID
	OrderNumber string `gorm:"->"`
	Cause       ErasureCause
	RequestedAt time.Time
	RequestedBy Actor
	Reason      string
	DoneAt      *time.Time // nil: it waits until the order needs the buyer's address no more
	Erased      []string   `gorm:"serializer:json"` // what it was; see package orders
}

// ErasureCause is why a buyer's data is erased.
type ErasureCause string

// The causes.
const (
	EraseForPerson    ErasureCause = "person"       // somebody of the merchant asked for it
	EraseForStore     ErasureCause = "store"        // the store has erased the buyer
	EraseForOperator  ErasureCause = "operator"     // at the command line
	EraseForRetention ErasureCause = "retention"    // it has been kept for as long as the merchant wants
	EraseForGoneStore ErasureCause = "disconnected" // its store has not been connected for a month
)

// CodeBuyerErased is the error code of what cannot be done without the buyer's data.
const CodeBuyerErased = "buyer_erased"

// MayEraseBuyer reports whether an order needs its buyer's data no more: nothing can happen to it without news from outside, or it is closed
// and no purchase of it is under way.
func (r Rolled) MayEraseBuyer(f Facts) bool {
	if r.Final || r.Tab != TabClosed {
		return r.Final
	}
	for _, s := range f.SupplierOrders {
		if s.State == PlacementSending || s.State == PlacementUnknown {
			return false
		}
	}
	return true
}

// Anonymous says whether a snapshot tells nothing of a buyer: no name, no e-mail, and nobody and no street to deliver to. The rest of
// an address (country, region) is no buyer.
func (s StoreOrder) Anonymous() bool {
	to := s.Recipient
	return s.BuyerName == "" && s.BuyerEmail == "" && to.FirstName == "" && to.LastName == "" && to.Phone == "" && to.Line1 == ""
}

// WithoutBuyer is a snapshot without what tells of its buyer, but for the country.
func (s StoreOrder) WithoutBuyer() StoreOrder {
	s.BuyerName, s.BuyerEmail, s.BuyerNote, s.Recipient, s.Payload = "", "", "", Address{Country: s.Recipient.Country}, nil
	lines := make([]StoreLine, len(s.Lines))
	for i, l := range s.Lines {
		l.CustomText = ""
		lines[i] = l
	}
	s.Lines = lines
	return s
}
