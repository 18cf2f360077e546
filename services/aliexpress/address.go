package aliexpress

import (
	"regexp"
	"slices"
	"strings"

	"waybill/models"
)

// wireAddress is logistics_address (aliexpress.md 4.2).
type wireAddress struct {
	Address             string `json:"address"`
	Address2            string `json:"address2,omitempty"`
	City                string `json:"city"`
	ContactPerson       string `json:"contact_person"`
	Country             string `json:"country"`
	FullName            string `json:"full_name"`
	Locale              string `json:"locale"`
	MobileNo            string `json:"mobile_no"`
	PhoneCountry        string `json:"phone_country,omitempty"`
	Province            string `json:"province"`
	Zip                 string `json:"zip,omitempty"`
	CPF                 string `json:"cpf,omitempty"`
	TaxNumber           string `json:"tax_number,omitempty"`
	PassportNo          string `json:"passport_no,omitempty"`
	ForeignerPassportNo string `json:"foreigner_passport_no,omitempty"`
	IsForeigner         string `json:"is_foreigner,omitempty"`
}

// address translates a store's address. It changes spelling, never content: what AliExpress does not accept is for it to
// say and for a person to mend.
func address(a models.Address) wireAddress {
	country := isoCode(a.Country)
	name := oneLine(a.FirstName + " " + a.LastName)
	phoneCountry, mobile := splitPhone(a.Phone, country)
	w := wireAddress{
		Address:       oneLine(a.Line1),
		Address2:      oneLine(a.Line2),
		City:          oneLine(a.City),
		ContactPerson: name,
		Country:       countryCode(country),
		FullName:      name,
		Locale:        language,
		MobileNo:      mobile,
		PhoneCountry:  phoneCountry,
		Province:      province(a, country),
		Zip:           oneLine(a.PostalCode),
	}
	w.identify(country, oneLine(a.TaxID))
	return w
}

// identify puts a tax or identity number where the country's rules want it.
func (w *wireAddress) identify(country, id string) {
	if id == "" {
		return
	}
	switch country {
	case "BR":
		w.CPF = id
	case "MX":
		w.PassportNo = id
	case "IL":
		w.IsForeigner, w.PassportNo, w.ForeignerPassportNo = "false", digitsOf(id), digitsOf(id)
	case "AR":
		w.PassportNo, w.ForeignerPassportNo = argentineID(id), argentineID(id)
	default:
		w.TaxNumber = id
	}
}

// argentineID writes a CUIT or CUIL as NN-NNNNNNNN-N.
func argentineID(id string) string {
	d := digitsOf(id)
	if len(d) != 11 {
		return id
	}
	return d[:2] + "-" + d[2:10] + "-" + d[10:]
}

var saudiPattern = regexp.MustCompile(`\b[A-Z]{4}[0-9]{4}\b`)

// saudiCode finds the short national address, such as RAHA3443, that orders to Saudi Arabia need (aliexpress.md 4.1).
func saudiCode(a models.Address) string {
	if isoCode(a.Country) != "SA" {
		return ""
	}
	for _, field := range []string{a.TaxID, a.Line2, a.Line1} {
		if code := saudiPattern.FindString(field); code != "" {
			return code
		}
	}
	return ""
}

// ownCountries are the codes in which AliExpress departs from ISO 3166 (aliexpress.md 4.2).
var ownCountries = map[string]string{
	"GB": "UK", "RS": "SRB", "ME": "MNE", "XK": "KS", "TL": "TLS", "CD": "ZR", "AX": "ALA", "GG": "GGY", "JE": "JEY",
	"BL": "BLM", "MF": "MAF", "GS": "SGS", "AC": "ASC",
}

// countryCode is AliExpress' code for an ISO 3166-1 alpha-2 code.
func countryCode(iso string) string {
	iso = isoCode(iso)
	if own, ok := ownCountries[iso]; ok {
		return own
	}
	return iso
}

func isoCode(country string) string { return strings.ToUpper(strings.TrimSpace(country)) }

// province is the region's name as AliExpress spells it, or what the store wrote. Countries without regions get the word
// that AliExpress' own form uses for none, since the member is required; where it is refused, the member stays empty.
func province(a models.Address, country string) string {
	for _, text := range []string{a.Region, a.Subdivision} {
		if name := regionName(country, text); name != "" {
			return name
		}
	}
	if country == "US" || country == "BR" {
		return ""
	}
	return "Other"
}

// regionName turns "US-NY" or "NY" into "New York" where the codes are known, and "São Paulo" into "Sao Paulo".
func regionName(country, text string) string {
	country, text = isoCode(country), oneLine(text)
	code := strings.TrimPrefix(strings.ToUpper(text), country+"-")
	if name, ok := regions[country][code]; ok {
		return name
	}
	if country == "BR" {
		text = plainPortuguese.Replace(text)
	}
	if len(text) > len(country) && strings.EqualFold(text[:len(country)+1], country+"-") {
		return text[len(country)+1:]
	}
	return text
}

var plainPortuguese = strings.NewReplacer(
	"á", "a", "â", "a", "ã", "a", "à", "a", "é", "e", "ê", "e", "í", "i", "ó", "o", "ô", "o", "õ", "o", "ú", "u", "ç", "c",
	"Á", "A", "Â", "A", "Ã", "A", "É", "E", "Í", "I", "Ó", "O", "Ô", "O", "Ú", "U", "Ç", "C",
)

// regions are the names that AliExpress validates, by the subdivision part of ISO 3166-2.
var regions = map[string]map[string]string{
	"US": {
		"AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California", "CO": "Colorado",
		"CT": "Connecticut", "DE": "Delaware", "DC": "District of Columbia", "FL": "Florida", "GA": "Georgia",
		"HI": "Hawaii", "ID": "Idaho", "IL": "Illinois", "IN": "Indiana", "IA": "Iowa", "KS": "Kansas", "KY": "Kentucky",
		"LA": "Louisiana", "ME": "Maine", "MD": "Maryland", "MA": "Massachusetts", "MI": "Michigan", "MN": "Minnesota",
		"MS": "Mississippi", "MO": "Missouri", "MT": "Montana", "NE": "Nebraska", "NV": "Nevada", "NH": "New Hampshire",
		"NJ": "New Jersey", "NM": "New Mexico", "NY": "New York", "NC": "North Carolina", "ND": "North Dakota",
		"OH": "Ohio", "OK": "Oklahoma", "OR": "Oregon", "PA": "Pennsylvania", "RI": "Rhode Island",
		"SC": "South Carolina", "SD": "South Dakota", "TN": "Tennessee", "TX": "Texas", "UT": "Utah", "VT": "Vermont",
		"VA": "Virginia", "WA": "Washington", "WV": "West Virginia", "WI": "Wisconsin", "WY": "Wyoming",
		"PR": "Puerto Rico", "GU": "Guam", "VI": "Virgin Islands", "AS": "American Samoa", "MP": "Northern Mariana Islands",
		"AA": "Armed Forces Americas", "AE": "Armed Forces Europe", "AP": "Armed Forces Pacific",
	},
	"CA": {
		"AB": "Alberta", "BC": "British Columbia", "MB": "Manitoba", "NB": "New Brunswick", "NL": "Newfoundland and Labrador",
		"NS": "Nova Scotia", "NT": "Northwest Territories", "NU": "Nunavut", "ON": "Ontario", "PE": "Prince Edward Island",
		"QC": "Quebec", "SK": "Saskatchewan", "YT": "Yukon",
	},
	"AU": {
		"ACT": "Australian Capital Territory", "NSW": "New South Wales", "NT": "Northern Territory", "QLD": "Queensland",
		"SA": "South Australia", "TAS": "Tasmania", "VIC": "Victoria", "WA": "Western Australia",
	},
	"BR": {
		"AC": "Acre", "AL": "Alagoas", "AP": "Amapa", "AM": "Amazonas", "BA": "Bahia", "CE": "Ceara",
		"DF": "Distrito Federal", "ES": "Espirito Santo", "GO": "Goias", "MA": "Maranhao", "MT": "Mato Grosso",
		"MS": "Mato Grosso do Sul", "MG": "Minas Gerais", "PA": "Para", "PB": "Paraiba", "PR": "Parana",
		"PE": "Pernambuco", "PI": "Piaui", "RJ": "Rio de Janeiro", "RN": "Rio Grande do Norte",
		"RS": "Rio Grande do Sul", "RO": "Rondonia", "RR": "Roraima", "SC": "Santa Catarina", "SP": "Sao Paulo",
		"SE": "Sergipe", "TO": "Tocantins",
	},
}

// splitPhone gives the calling code with its plus and the rest as digits. A number without a plus is one of country.
func splitPhone(phone, country string) (code, number string) {
	phone = strings.ReplaceAll(strings.TrimSpace(phone), "(0)", "")
	number = digitsOf(phone)
	own := callingCode(country)
	switch {
	case strings.HasPrefix(phone, "+"):
	case strings.HasPrefix(number, "00"):
		number = number[2:]
	default:
		return plus(own), national(number, own, country)
	}
	code = own
	if own == "" || !strings.HasPrefix(number, own) {
		code = foreignCode(number)
	}
	if code == "" {
		return "", number
	}
	return plus(code), withoutTrunk(number[len(code):], code, country)
}

// national takes off what a national number has in front: a trunk zero, or the calling code where it was typed without its
// plus and the length gives it away.
func national(number, code, country string) string {
	tooLong := 12
	if code == "1" {
		tooLong = 11
	}
	if code != "" && len(number) >= tooLong && strings.HasPrefix(number, code) {
		number = number[len(code):]
	}
	return withoutTrunk(number, code, country)
}

// keepZero are countries whose subscriber numbers begin with a zero that belongs to them.
var keepZero = []string{"IT", "SM", "VA", "CI", "CG", "GA"}

func withoutTrunk(number, code, country string) string {
	if code == "" || callingCode(country) == code && slices.Contains(keepZero, country) {
		return number
	}
	return strings.TrimPrefix(number, "0")
}

// foreignCode finds the calling code with which an international number begins. No code is the beginning of another.
func foreignCode(number string) string {
	for n := 1; n <= 3 && n < len(number); n++ {
		if _, ok := callingCodes[number[:n]]; ok {
			return number[:n]
		}
	}
	return ""
}

func callingCode(country string) string {
	for code, countries := range callingCodes {
		if slices.Contains(strings.Fields(countries), country) {
			return code
		}
	}
	return ""
}

func plus(code string) string {
	if code == "" {
		return ""
	}
	return "+" + code
}

func digitsOf(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}

// oneLine takes out line breaks and doubled spaces.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// callingCodes are the countries behind each calling code (ITU-T E.164).
var callingCodes = map[string]string{
	"1": "US CA PR DO JM TT BS BB AG AI VG VI KY BM GD TC MS MP GU AS SX LC DM VC KN",
	"7": "RU KZ", "20": "EG", "27": "ZA", "30": "GR", "31": "NL", "32": "BE", "33": "FR", "34": "ES", "36": "HU",
	"39": "IT VA", "40": "RO", "41": "CH", "43": "AT", "44": "GB GG JE IM", "45": "DK", "46": "SE", "47": "NO SJ", "48": "PL",
	"49": "DE", "51": "PE", "52": "MX", "53": "CU", "54": "AR", "55": "BR", "56": "CL", "57": "CO", "58": "VE", "60": "MY",
	"61": "AU CX CC", "62": "ID", "63": "PH", "64": "NZ PN", "65": "SG", "66": "TH", "81": "JP", "82": "KR", "84": "VN",
	"86": "CN", "90": "TR", "91": "IN", "92": "PK", "93": "AF", "94": "LK", "95": "MM", "98": "IR",
	"211": "SS", "212": "MA EH", "213": "DZ", "216": "TN", "218": "LY", "220": "GM", "221": "SN", "222": "MR", "223": "ML",
	"224": "GN", "225": "CI", "226": "BF", "227": "NE", "228": "TG", "229": "BJ", "230": "MU", "231": "LR", "232": "SL",
	"233": "GH", "234": "NG", "235": "TD", "236": "CF", "237": "CM", "238": "CV", "239": "ST", "240": "GQ", "241": "GA",
	"242": "CG", "243": "CD", "244": "AO", "245": "GW", "246": "IO", "247": "AC", "248": "SC", "249": "SD", "250": "RW",
	"251": "ET", "252": "SO", "253": "DJ", "254": "KE", "255": "TZ", "256": "UG", "257": "BI", "258": "MZ", "260": "ZM",
	"261": "MG", "262": "RE YT", "263": "ZW", "264": "NA", "265": "MW", "266": "LS", "267": "BW", "268": "SZ", "269": "KM",
	"290": "SH", "291": "ER", "297": "AW", "298": "FO", "299": "GL", "350": "GI", "351": "PT", "352": "LU", "353": "IE",
	"354": "IS", "355": "AL", "356": "MT", "357": "CY", "358": "FI AX", "359": "BG", "370": "LT", "371": "LV", "372": "EE",
	"373": "MD", "374": "AM", "375": "BY", "376": "AD", "377": "MC", "378": "SM", "380": "UA", "381": "RS", "382": "ME",
	"383": "XK", "385": "HR", "386": "SI", "387": "BA", "389": "MK", "420": "CZ", "421": "SK", "423": "LI", "500": "FK GS",
	"501": "BZ", "502": "GT", "503": "SV", "504": "HN", "505": "NI", "506": "CR", "507": "PA", "508": "PM", "509": "HT",
	"590": "GP BL MF", "591": "BO", "592": "GY", "593": "EC", "594": "GF", "595": "PY", "596": "MQ", "597": "SR", "598": "UY",
	"599": "CW BQ", "670": "TL", "672": "NF", "673": "BN", "674": "NR", "675": "PG", "676": "TO", "677": "SB", "678": "VU",
	"679": "FJ", "680": "PW", "681": "WF", "682": "CK", "683": "NU", "685": "WS", "686": "KI", "687": "NC", "688": "TV",
	"689": "PF", "690": "TK", "691": "FM", "692": "MH", "850": "KP", "852": "HK", "853": "MO", "855": "KH", "856": "LA",
	"880": "BD", "886": "TW", "960": "MV", "961": "LB", "962": "JO", "963": "SY", "964": "IQ", "965": "KW", "966": "SA",
	"967": "YE", "968": "OM", "970": "PS", "971": "AE", "972": "IL", "973": "BH", "974": "QA", "975": "BT", "976": "MN",
	"977": "NP", "992": "TJ", "993": "TM", "994": "AZ", "995": "GE", "996": "KG", "998": "UZ",
}
