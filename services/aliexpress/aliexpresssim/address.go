package aliexpresssim

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Address is a delivery address by the names of aliexpress.md 4.2. Names that the platform does not know are kept.
type Address map[string]string

// UnmarshalJSON reads numbers and booleans as their text, as clients send both.
func (a *Address) UnmarshalJSON(raw []byte) error {
	fields := map[string]text{}
	if err := json.Unmarshal(raw, &fields); err != nil {
		return err
	}
	*a = make(Address, len(fields))
	for name, value := range fields {
		(*a)[name] = string(value)
	}
	return nil
}

// addressFault is a broken rule: the error code and the message that names the field.
type addressFault struct{ code, message string }

const (
	addressInvalid = "B_DROPSHIPPER_DELIVERY_ADDRESS_VALIDATE_FAIL"
	cpfInvalid     = "B_DROPSHIPPER_DELIVERY_ADDRESS_CPF_CN_INVALID"
	cpfNotMatch    = "B_DROPSHIPPER_DELIVERY_ADDRESS_CPF_NOT_MATCH"

	enterPhone    = "Please enter the country code and phone number without any spaces or special characters"
	enterProvince = "Please select a State/Province/County"
	enterCity     = "Please enter a city"
	enter2To32    = "Please enter between 2 - 32 characters"
	enter2To128   = "Please enter between 2 - 128 characters"
)

var (
	countryCode = regexp.MustCompile(`^[A-Z]{2,3}$`)
	phoneCode   = regexp.MustCompile(`^\+?[0-9]{1,4}$`)
	digits      = regexp.MustCompile(`^[0-9]{3,20}$`)
	nineDigits  = regexp.MustCompile(`^[0-9]{9}$`)
	tenDigits   = regexp.MustCompile(`^[0-9]{10}$`)
	saudiPhone  = regexp.MustCompile(`^5[0-9]{8}$`)
	natAddr     = regexp.MustCompile(`^[A-Z]{4}[0-9]{4}$`)
	latinName   = regexp.MustCompile(`^[A-Za-z][A-Za-z .'-]*$`)
	brazilZip   = regexp.MustCompile(`^[0-9]{5}-?[0-9]{3}$`)
	argentineID = regexp.MustCompile(`^[0-9]{2}-[0-9]{8}-[0-9]$`)
)

// isoOnly are codes of ISO 3166 for which AliExpress has its own (aliexpress.md 4.2). GB is not among them: one list of
// the platform has it.
var isoOnly = []string{"RS", "XK", "TL", "CD", "AX", "BL", "AC", "ME", "GG", "JE", "MF", "GS"}

// addressRule returns the message for a broken rule, or nothing.
type addressRule func(a Address, natAddr string) string

// countryRules are the rules that the platform announced for single countries (aliexpress.md 4.2).
var countryRules = map[string][]addressRule{
	"US": {usNames, length("address", 5, 35), province("US")},
	"ES": {pattern("mobile_no", nineDigits, enterPhone)},
	"AU": {latinFullName},
	"NZ": {latinFullName},
	"BR": {pattern("zip", brazilZip, "Please enter a valid zip code"), province("BR"), brazilCity},
	"MX": {required("passport_no", "Please enter the tax number"), length("address2", 0, 60)},
	"SA": {
		pattern("mobile_no", saudiPhone, enterPhone), length("zip", 1, 10), spacedFullName(2, 128),
		length("address", 5, 256), saudiAddress,
	},
	"IL": {israeliID},
	"AR": {
		pattern("passport_no", argentineID, "Please enter a valid tax number"),
		pattern("foreigner_passport_no", argentineID, "Please enter a valid tax number"),
		pattern("mobile_no", tenDigits, enterPhone),
	},
	"DZ": {spacedFullName(2, 128)},
	"ZA": {spacedFullName(2, 128)},
	"KR": {koreanForeigner},
}

// checkAddress applies the rules for all countries, then those of the country.
func checkAddress(a Address, nat string) *addressFault {
	if message := commonRules(a); message != "" {
		return &addressFault{addressInvalid, message}
	}
	if !countryCode.MatchString(a["country"]) || slices.Contains(isoOnly, a["country"]) {
		return &addressFault{"A005_INVALID_COUNTRIES", "Invalid countries"}
	}
	for _, rule := range countryRules[a["country"]] {
		if message := rule(a, nat); message != "" {
			return &addressFault{addressInvalid, message}
		}
	}
	if a["country"] == "BR" {
		return brazilRegister(a)
	}
	return nil
}

func commonRules(a Address) string {
	switch {
	case a["country"] == "":
		return "Please select a Country/Region"
	case strings.TrimSpace(a["address"]) == "":
		return "Please enter an address"
	case strings.TrimSpace(a["city"]) == "":
		return enterCity
	case strings.TrimSpace(a["province"]) == "":
		return enterProvince
	case strings.TrimSpace(a["contact_person"]) == "" && strings.TrimSpace(a["full_name"]) == "":
		return "Please enter a contact name"
	case !digits.MatchString(a["mobile_no"]):
		return enterPhone
	case a["phone_country"] != "" && !phoneCode.MatchString(a["phone_country"]):
		return enterPhone
	}
	return ""
}

func required(name, message string) addressRule {
	return func(a Address, _ string) string {
		if strings.TrimSpace(a[name]) == "" {
			return message
		}
		return ""
	}
}

func pattern(name string, want *regexp.Regexp, message string) addressRule {
	return func(a Address, _ string) string {
		if !want.MatchString(a[name]) {
			return message
		}
		return ""
	}
}

func length(name string, least, most int) addressRule {
	return func(a Address, _ string) string {
		if n := utf8.RuneCountInString(a[name]); n < least || n > most {
			return "Please enter between " + itoa(least) + " - " + itoa(most) + " characters"
		}
		return ""
	}
}

// province demands one of the platform's own names, so that "Other" and "NJ" are refused.
func province(country string) addressRule {
	return func(a Address, _ string) string {
		if !slices.ContainsFunc(provinces[country], func(p string) bool { return strings.EqualFold(p, a["province"]) }) {
			return enterProvince
		}
		return ""
	}
}

func usNames(a Address, _ string) string {
	for _, name := range []string{a["contact_person"], a["full_name"]} {
		if name == "" {
			continue
		}
		parts := strings.Fields(name)
		if len(parts) < 2 {
			return "Please enter a space between the first name and the last name"
		}
		for _, part := range []string{parts[0], strings.Join(parts[1:], " ")} {
			if n := utf8.RuneCountInString(part); n < 2 || n > 32 {
				return enter2To32
			}
		}
	}
	return ""
}

func spacedFullName(least, most int) addressRule {
	return func(a Address, _ string) string {
		name := fullName(a)
		if len(strings.Fields(name)) < 2 {
			return "Please enter a space between the first name and the last name"
		}
		return length("name", least, most)(Address{"name": name}, "")
	}
}

func latinFullName(a Address, _ string) string {
	if !latinName.MatchString(fullName(a)) {
		return "Please enter English letters only"
	}
	return spacedFullName(2, 128)(a, "")
}

func fullName(a Address) string {
	if name := strings.TrimSpace(a["full_name"]); name != "" {
		return name
	}
	return strings.TrimSpace(a["contact_person"])
}

func brazilCity(a Address, _ string) string {
	if strings.EqualFold(a["city"], "Other") {
		return enterCity
	}
	return ""
}

func saudiAddress(_ Address, nat string) string {
	if !natAddr.MatchString(nat) {
		return "Please enter a valid national address"
	}
	return ""
}

func israeliID(a Address, _ string) string {
	id := a["passport_no"]
	if a["is_foreigner"] != "false" || !nineDigits.MatchString(id) || a["foreigner_passport_no"] != id {
		return "Please enter a valid 9-digit ID number"
	}
	return ""
}

func koreanForeigner(a Address, _ string) string {
	if a["is_foreigner"] == "true" && a["foreigner_passport_no"] == "" {
		return "Please enter the passport number"
	}
	return ""
}

// brazilRegister stands for the state register: the tax id must be well formed and both names must agree.
func brazilRegister(a Address) *addressFault {
	if !validTaxID(a["cpf"]) {
		return &addressFault{cpfInvalid, "The CPF/CNPJ is invalid"}
	}
	person, full := strings.TrimSpace(a["contact_person"]), strings.TrimSpace(a["full_name"])
	if person != "" && full != "" && !strings.EqualFold(person, full) {
		return &addressFault{cpfNotMatch, "The CPF does not match the name"}
	}
	return nil
}

// validTaxID checks the two check digits of a CPF (11 digits) or a CNPJ (14 digits).
func validTaxID(id string) bool {
	id = strings.NewReplacer(".", "", "-", "", "/", "").Replace(id)
	if !digits.MatchString(id) || strings.Count(id, id[:1]) == len(id) {
		return false
	}
	wrapAt := map[int]int{11: 11, 14: 9}[len(id)] // weights run 2, 3, ... up to here, and begin again
	if wrapAt == 0 {
		return false
	}
	return taxDigit(id[:len(id)-2], wrapAt) == id[len(id)-2] && taxDigit(id[:len(id)-1], wrapAt) == id[len(id)-1]
}

func taxDigit(body string, wrapAt int) byte {
	sum, weight := 0, 2
	for i := len(body) - 1; i >= 0; i-- {
		sum += int(body[i]-'0') * weight
		if weight++; weight > wrapAt {
			weight = 2
		}
	}
	if rest := sum % 11; rest >= 2 {
		return byte('0' + 11 - rest)
	}
	return '0'
}

// getAddressTree is aliexpress.ds.address.get (aliexpress.md 4.2): the children are JSON inside a text.
func (s *Server) getAddressTree(c *call) (object, *apiError) {
	country := c.params["countryCode"]
	if country == "" {
		return nil, missingParameter("countryCode")
	}
	children := []object{}
	for _, name := range provinces[country] {
		children = append(children, object{"name": name, "type": "PROVINCE", "children": []object{}})
	}
	return object{"result": object{
		"success": true,
		"data":    object{"country": country, "type": "COUNTRY", "children": string(encode(children))},
	}}, nil
}

// provinces are the platform's names in the countries where it checks them.
var provinces = map[string][]string{
	"US": {
		"Alabama", "Alaska", "Arizona", "Arkansas", "California", "Colorado", "Connecticut", "Delaware",
		"District of Columbia", "Florida", "Georgia", "Hawaii", "Idaho", "Illinois", "Indiana", "Iowa", "Kansas",
		"Kentucky", "Louisiana", "Maine", "Maryland", "Massachusetts", "Michigan", "Minnesota", "Mississippi",
		"Missouri", "Montana", "Nebraska", "Nevada", "New Hampshire", "New Jersey", "New Mexico", "New York",
		"North Carolina", "North Dakota", "Ohio", "Oklahoma", "Oregon", "Pennsylvania", "Rhode Island",
		"South Carolina", "South Dakota", "Tennessee", "Texas", "Utah", "Vermont", "Virginia", "Washington",
		"West Virginia", "Wisconsin", "Wyoming", "Puerto Rico",
	},
	"BR": {
		"Acre", "Alagoas", "Amapa", "Amazonas", "Bahia", "Ceara", "Distrito Federal", "Espirito Santo", "Goias",
		"Maranhao", "Mato Grosso", "Mato Grosso do Sul", "Minas Gerais", "Para", "Paraiba", "Parana", "Pernambuco",
		"Piaui", "Rio de Janeiro", "Rio Grande do Norte", "Rio Grande do Sul", "Rondonia", "Roraima",
		"Santa Catarina", "Sao Paulo", "Sergipe", "Tocantins",
	},
}
