package models_test

import (
	"math"
	"testing"

	"waybill/models"
)

func TestParseMoney(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text, currency string
		minor          int64
		shown          string
	}{
		{"19.99", "USD", 1999, "19.99 USD"},
		{"35.0", "USD", 3500, "35.00 USD"},
		{"0", "USD", 0, "0.00 USD"},
		{"77.39", "EUR", 7739, "77.39 EUR"},
		{" 7 ", "USD", 700, "7.00 USD"},
		{"5.", "USD", 500, "5.00 USD"},
		{".5", "USD", 50, "0.50 USD"},
		{"0.05", "USD", 5, "0.05 USD"},
		{"-1.5", "USD", -150, "-1.50 USD"},
		{"-0.01", "USD", -1, "-0.01 USD"},
		{"-0", "USD", 0, "0.00 USD"},
		{"007", "USD", 700, "7.00 USD"},
		{"1.004", "USD", 100, "1.00 USD"},
		{"1.005", "USD", 101, "1.01 USD"},
		{"1.0049999", "USD", 100, "1.00 USD"},
		{"0.995", "USD", 100, "1.00 USD"},
		{"999.999", "USD", 100000, "1000.00 USD"},
		{"-1.005", "USD", -101, "-1.01 USD"},
		{"1200", "JPY", 1200, "1200 JPY"},
		{"1200.4", "JPY", 1200, "1200 JPY"},
		{"1200.5", "JPY", 1201, "1201 JPY"},
		{"0.5", "JPY", 1, "1 JPY"},
		{"-3", "JPY", -3, "-3 JPY"},
		{"1.234", "KWD", 1234, "1.234 KWD"},
		{"1.2345", "KWD", 1235, "1.235 KWD"},
		{"0.007", "KWD", 7, "0.007 KWD"},
		{"12.3", "", 1230, "12.30"},
		{"12.3", "ZZZ", 1230, "12.30 ZZZ"},
		{"999999999999999.999", "USD", 100000000000000000, "1000000000000000.00 USD"},
		{"999999999999999.999", "KWD", 999999999999999999, "999999999999999.999 KWD"},
	} {
		got, err := models.ParseMoney(c.text, c.currency)
		if err != nil || got != (models.Money{Minor: c.minor, Currency: c.currency}) {
			t.Errorf("%q %s: %+v, %v", c.text, c.currency, got, err)
		}
		if got.String() != c.shown {
			t.Errorf("%q %s: shown as %q, want %q", c.text, c.currency, got, c.shown)
		}
	}
}

func TestParseMoneyRefusesGarbage(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", " ", ".", "-", "-.", "--1", "+1", "1,5", "1.2.3", "1.-5", "1e5", "0x10", "abc", "$5", "5 USD", "1 000", "NaN", "Infinity", "１２", "٣", "1.½", "1\x00",
		"1000000000000000", "99999999999999999999999", "-1000000000000000.00",
	} {
		if got, err := models.ParseMoney(text, "USD"); err == nil || got != (models.Money{}) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestMoneyStringAtTheEnds(t *testing.T) {
	t.Parallel()
	for minor, want := range map[int64]string{math.MaxInt64: "92233720368547758.07 USD", math.MinInt64: "-92233720368547758.08 USD"} {
		if got := (models.Money{Minor: minor, Currency: "USD"}).String(); got != want {
			t.Errorf("%d: %q, want %q", minor, got, want)
		}
	}
}
