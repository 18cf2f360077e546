package handlers

import (
	"strings"
	"unicode/utf8"

	"waybill/services/accounts"
)

// What staff see of buyers before they ask for more, which is entered: the name, and where in the world.

const dots = "•••"

// mask leaves the first letter.
func mask(text string) string {
	if text == "" {
		return ""
	}
	_, n := utf8.DecodeRuneInString(text)
	return text[:n] + dots
}

// maskEmail leaves the first letter and the host, which tells whose mail gets lost.
func maskEmail(email string) string {
	name, host, found := strings.Cut(email, "@")
	if !found {
		return mask(email)
	}
	return mask(name) + "@" + host
}

func (a address) masked() address {
	return address{
		FirstName: a.FirstName, LastName: a.LastName, Company: mask(a.Company), Phone: mask(a.Phone), Line1: mask(a.Line1), Line2: mask(a.Line2), City: a.City,
		Subdivision: a.Subdivision, Region: a.Region, PostalCode: mask(a.PostalCode), Country: a.Country, TaxID: mask(a.TaxID),
	}
}

// maskedFor hides a buyer from staff.
func (out *orderDetail) maskedFor(caller accounts.Caller) {
	if !caller.OfStaff() {
		return
	}
	out.Masked = true
	out.BuyerEmail, out.BuyerNote, out.Recipient = maskEmail(out.BuyerEmail), mask(out.BuyerNote), out.Recipient.masked()
	if out.PurchaseAddress != nil {
		out.PurchaseAddress.Address = out.PurchaseAddress.Address.masked()
	}
	for i := range out.Lines {
		out.Lines[i].CustomText = mask(out.Lines[i].CustomText)
	}
}
