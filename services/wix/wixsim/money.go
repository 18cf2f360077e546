package wixsim

import (
	"fmt"
	"math/big"
	"regexp"
	"strings"
)

// money is an amount in the minor unit of a currency.
type money int64

var (
	amountForm   = regexp.MustCompile(`^[0-9]{1,15}(\.[0-9]{1,6})?$`)
	currencyForm = regexp.MustCompile(`^[A-Z]{3}$`)
)

// digitsOf is the number of decimals of a currency, ISO 4217.
func digitsOf(currency string) int {
	switch currency {
	case "JPY", "KRW", "CLP", "VND", "ISK", "XAF", "XOF", "XPF", "PYG", "UGX":
		return 0
	case "KWD", "BHD", "OMR", "JOD", "TND", "IQD", "LYD":
		return 3
	}
	return 2
}

// parseMoney reads a decimal text exactly; more decimals than the currency has are an error unless they are zeros.
func parseMoney(text, currency string) (money, error) {
	if !amountForm.MatchString(text) {
		return 0, fmt.Errorf("%q is not an amount", text)
	}
	whole, fraction, _ := strings.Cut(text, ".")
	digits := digitsOf(currency)
	fraction = strings.TrimRight(fraction, "0")
	if len(fraction) > digits {
		return 0, fmt.Errorf("%q has too many decimals for %s", text, currency)
	}
	minor, ok := new(big.Int).SetString(whole+fraction+strings.Repeat("0", digits-len(fraction)), 10)
	if !ok || !minor.IsInt64() {
		return 0, fmt.Errorf("%q is too large", text)
	}
	return money(minor.Int64()), nil
}

// price writes an amount as Wix does: "0" for nothing, else with all decimals of the currency.
func (m money) price(currency string) Price {
	plain := m.text(digitsOf(currency))
	var formatted string
	switch currency {
	case "USD":
		formatted = "$" + plain
	case "EUR":
		formatted = "€" + plain
	case "GBP":
		formatted = "£" + plain
	default:
		formatted = currency + " " + plain
	}
	if m == 0 {
		plain = "0"
	}
	return Price{Amount: plain, FormattedAmount: formatted}
}

func (m money) text(digits int) string {
	sign, n := "", int64(m)
	if n < 0 {
		sign, n = "-", -n
	}
	all := fmt.Sprintf("%0*d", digits+1, n)
	if digits == 0 {
		return sign + all
	}
	return sign + all[:len(all)-digits] + "." + all[len(all)-digits:]
}

// share is m times rate, rounded half up.
func (m money) share(rate *big.Rat) money {
	product := new(big.Rat).Mul(new(big.Rat).SetInt64(int64(m)), rate)
	doubled := new(big.Int).Add(new(big.Int).Lsh(product.Num(), 1), product.Denom())
	return money(new(big.Int).Div(doubled, new(big.Int).Lsh(product.Denom(), 1)).Int64())
}

// amountOf reads a price back; a price that this package did not write and that is no amount counts as nothing.
func amountOf(p Price, currency string) money {
	m, err := parseMoney(p.Amount, currency)
	if err != nil {
		return 0
	}
	return m
}
