package aliexpress

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"waybill/models"
)

// addressRule says what is wrong with an address, given how it is written for AliExpress as well.
type addressRule func(a models.Address, w wireAddress) []models.FieldError

// CheckAddress lists what AliExpress has announced that it does not accept (aliexpress.md 4.2); pointers name the members of
// the address. An address without a finding may still be refused: AliExpress alone knows all of its rules.
func (c *Client) CheckAddress(a models.Address) []models.FieldError {
	w := address(a)
	wrong := commonAddress(a, w)
	for _, rule := range addressRules[isoCode(a.Country)] {
		for _, f := range rule(a, w) {
			if !points(wrong, f.Pointer) { // one thing to do about a field is enough
				wrong = append(wrong, f)
			}
		}
	}
	return wrong
}

func points(all []models.FieldError, pointer string) bool {
	for _, f := range all {
		if f.Pointer == pointer {
			return true
		}
	}
	return false
}

func wrong(pointer, reason string, args ...any) []models.FieldError {
	return []models.FieldError{{Pointer: pointer, Reason: fmt.Sprintf(reason, args...)}}
}

func commonAddress(a models.Address, w wireAddress) (all []models.FieldError) {
	for _, f := range []struct{ pointer, value string }{{"/country", w.Country}, {"/line1", w.Address}, {"/city", w.City}} {
		if f.value == "" {
			all = append(all, wrong(f.pointer, "is required")...)
		}
	}
	if w.FullName == "" {
		all = append(all, wrong("/last_name", "is required")...)
	}
	if n := len(w.MobileNo); n < 3 || n > 20 {
		all = append(all, wrong("/phone", "must be a phone number")...)
	}
	if w.Province == "" && isoCode(a.Country) != "" {
		all = append(all, wrong("/subdivision", "is required")...)
	}
	return all
}

// addressRules are the rules that AliExpress has announced for single countries.
var addressRules = map[string][]addressRule{
	"US": {twoPartName, length("/line1", 5, 35, func(w wireAddress) string { return w.Address }), knownRegion},
	"ES": {phoneDigits(9, "")},
	"AU": {spacedName, latinName},
	"NZ": {spacedName, latinName},
	"BR": {brazilianID, brazilianPlace, knownRegion},
	"MX": {taxID("is required: AliExpress wants the tax number (RFC or CURP)"), length("/line2", 0, 60, func(w wireAddress) string { return w.Address2 })},
	"SA": {
		phoneDigits(9, "5"), spacedName, length("/postal_code", 1, 10, func(w wireAddress) string { return w.Zip }),
		length("/line1", 5, 256, func(w wireAddress) string { return w.Address }), saudiNational,
	},
	"IL": {pattern("/tax_id", regexp.MustCompile(`^[0-9]{9}$`), "must be the recipient's id number of 9 digits", func(w wireAddress) string { return w.PassportNo })},
	"AR": {
		pattern("/tax_id", regexp.MustCompile(`^[0-9]{2}-[0-9]{8}-[0-9]$`), "must be the recipient's CUIT or CUIL of 11 digits", func(w wireAddress) string { return w.PassportNo }),
		phoneDigits(10, ""),
	},
	"DZ": {spacedName},
	"ZA": {spacedName},
}

func length(pointer string, least, most int, of func(wireAddress) string) addressRule {
	return func(_ models.Address, w wireAddress) []models.FieldError {
		if n := utf8.RuneCountInString(of(w)); n < least || n > most {
			return wrong(pointer, "must have %d to %d characters, it has %d", least, most, n)
		}
		return nil
	}
}

func pattern(pointer string, want *regexp.Regexp, reason string, of func(wireAddress) string) addressRule {
	return func(_ models.Address, w wireAddress) []models.FieldError {
		if !want.MatchString(of(w)) {
			return wrong(pointer, "%s", reason)
		}
		return nil
	}
}

func phoneDigits(n int, first string) addressRule {
	return func(_ models.Address, w wireAddress) []models.FieldError {
		switch {
		case len(w.MobileNo) != n:
			return wrong("/phone", "must have %d digits without the country's code, it has %d", n, len(w.MobileNo))
		case !strings.HasPrefix(w.MobileNo, first):
			return wrong("/phone", "must begin with %s after the country's code", first)
		}
		return nil
	}
}

func taxID(reason string) addressRule {
	return func(a models.Address, _ wireAddress) []models.FieldError {
		if oneLine(a.TaxID) == "" {
			return wrong("/tax_id", "%s", reason)
		}
		return nil
	}
}

// spacedName wants a first and a last name, 2 to 128 characters together.
func spacedName(a models.Address, w wireAddress) []models.FieldError {
	if n := utf8.RuneCountInString(w.FullName); n < 2 || n > 128 {
		return wrong("/last_name", "must have 2 to 128 characters together with the first name")
	}
	if strings.Contains(w.FullName, " ") {
		return nil
	}
	return missingName(a)
}

func missingName(a models.Address) []models.FieldError {
	if oneLine(a.FirstName) == "" {
		return wrong("/first_name", "is required: AliExpress wants a first and a last name")
	}
	return wrong("/last_name", "is required: AliExpress wants a first and a last name")
}

// twoPartName wants both parts, each of 2 to 32 characters. What comes after the first space is the second part.
func twoPartName(a models.Address, w wireAddress) []models.FieldError {
	first, last, both := strings.Cut(w.FullName, " ")
	if !both {
		return missingName(a)
	}
	for _, part := range []struct{ pointer, text string }{{"/first_name", first}, {"/last_name", last}} {
		if n := utf8.RuneCountInString(part.text); n < 2 || n > 32 {
			return wrong(part.pointer, "must have 2 to 32 characters")
		}
	}
	return nil
}

var latin = regexp.MustCompile(`^[A-Za-z .'-]+$`)

func latinName(a models.Address, _ wireAddress) []models.FieldError {
	for _, part := range []struct{ pointer, text string }{{"/first_name", oneLine(a.FirstName)}, {"/last_name", oneLine(a.LastName)}} {
		if part.text != "" && !latin.MatchString(part.text) {
			return wrong(part.pointer, "must be written in Latin letters from A to Z")
		}
	}
	return nil
}

// knownRegion wants one of the region names that AliExpress validates.
func knownRegion(a models.Address, w wireAddress) []models.FieldError {
	for _, name := range regions[isoCode(a.Country)] {
		if strings.EqualFold(name, w.Province) {
			return nil
		}
	}
	return wrong("/subdivision", "must be a state that AliExpress knows")
}

var brazilianZip = regexp.MustCompile(`^[0-9]{5}-?[0-9]{3}$`)

func brazilianPlace(_ models.Address, w wireAddress) (all []models.FieldError) {
	if !brazilianZip.MatchString(w.Zip) {
		all = append(all, wrong("/postal_code", "must be a CEP such as 01310-100")...)
	}
	if strings.EqualFold(w.City, "Other") {
		all = append(all, wrong("/city", "must be the name of a city")...)
	}
	return all
}

// brazilianID checks the form of a CPF or CNPJ by its length; whether it belongs to the name only AliExpress can tell.
func brazilianID(a models.Address, _ wireAddress) []models.FieldError {
	if n := len(digitsOf(a.TaxID)); n != 11 && n != 14 {
		return wrong("/tax_id", "must be the recipient's CPF of 11 digits or CNPJ of 14")
	}
	return nil
}

func saudiNational(a models.Address, _ wireAddress) []models.FieldError {
	if saudiCode(a) == "" {
		return wrong("/line2", "must hold the short national address, four letters and four digits such as RAHA3443")
	}
	return nil
}

// noteLimit keeps a note to the seller short enough for its form. AliExpress documents no limit.
const noteLimit = 1000

// CheckNote refuses a note to the seller that is too long, code note_too_long: AliExpress might cut it where it matters.
func (c *Client) CheckNote(note string) error {
	if n := utf8.RuneCountInString(note); n > noteLimit {
		return models.Errorf(models.Rejected, "note_too_long", "The note to the seller has %d characters, at most %d are sent. Nothing was bought.", n, noteLimit)
	}
	return nil
}

// fieldOf finds the part of the address that AliExpress' own words complain about; none where they do not say.
func fieldOf(words string) []models.FieldError {
	lower := strings.ToLower(words)
	for _, k := range []struct{ word, pointer string }{
		{"city", "/city"},
		{"state/province", "/subdivision"},
		{"phone", "/phone"},
		{"zip", "/postal_code"},
		{"postal", "/postal_code"},
		{"cpf", "/tax_id"},
		{"cnpj", "/tax_id"},
		{"tax", "/tax_id"},
		{"passport", "/tax_id"},
		{"id number", "/tax_id"},
		{"national address", "/line2"},
		{"country/region", "/country"},
		{"contact name", "/last_name"},
		{"first name", "/first_name"},
		{"english letters", "/last_name"},
		{"an address", "/line1"},
		{"street", "/line1"},
	} {
		if strings.Contains(lower, k.word) {
			return []models.FieldError{{Pointer: k.pointer, Reason: "was refused by AliExpress: " + clip(words, 200)}}
		}
	}
	return nil
}
