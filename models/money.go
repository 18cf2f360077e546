package models

import (
	"fmt"
	"math"
	"strings"
)

// Money is an amount in minor units of a currency (ISO 4217): 77.39 USD is {7739, "USD"}. Amounts of different currencies
// are never added.
type Money struct {
	Minor    int64
	Currency string
}

// Currencies whose minor unit is not a hundredth (ISO 4217).
var minorDigits = map[string]int{
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0, "UGX": 0, "UYI": 0,
	"VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
	"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
}

func digitsOf(currency string) int {
	if d, ok := minorDigits[currency]; ok {
		return d
	}
	return 2
}

// ParseMoney reads a platform's decimal text ("19.99", "35.0", "0"). Digits beyond the currency's minor unit are rounded
// half up. Text that is no decimal number is an error: an amount is never guessed.
func ParseMoney(decimal, currency string) (Money, error) {
	s := strings.TrimSpace(decimal)
	negative := strings.HasPrefix(s, "-")
	whole, frac, _ := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	if whole == "" && frac == "" || !allDigits(whole) || !allDigits(frac) || len(whole) > 15 {
		return Money{}, fmt.Errorf("%q is no decimal amount", decimal)
	}
	digits := digitsOf(currency)
	up := len(frac) > digits && frac[digits] >= '5'
	frac = (frac + strings.Repeat("0", digits))[:digits]
	var minor int64
	for _, c := range whole + frac {
		d := int64(c - '0')
		if minor > (math.MaxInt64-d)/10 {
			return Money{}, fmt.Errorf("%q is too large an amount", decimal)
		}
		minor = minor*10 + d
	}
	if up {
		minor++
	}
	if negative {
		minor = -minor
	}
	return Money{Minor: minor, Currency: currency}, nil
}

func allDigits(s string) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// String gives "77.39 USD".
func (m Money) String() string { return strings.TrimSpace(m.Decimal() + " " + m.Currency) }

// Decimal gives "77.39", in as many digits as the currency has.
func (m Money) Decimal() string {
	digits, sign, n := digitsOf(m.Currency), "", uint64(m.Minor)
	if m.Minor < 0 {
		sign, n = "-", -n
	}
	text := fmt.Sprintf("%0*d", digits+1, n)
	if digits > 0 {
		text = text[:len(text)-digits] + "." + text[len(text)-digits:]
	}
	return sign + text
}
