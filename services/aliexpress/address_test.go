package aliexpress_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"waybill/models"
)

func TestAddressesAreSpeltAsAliExpressWantsThem(t *testing.T) {
	t.Parallel()
	g := answering(t, `{}`)
	c := g.client(t)
	for name, row := range map[string]struct {
		change func(*models.Address)
		want   map[string]string // members that differ from the American address; "" means left out
	}{
		"as it is":              {func(*models.Address) {}, map[string]string{}},
		"region named":          {func(a *models.Address) { a.Subdivision, a.Region = "US-NY", "New York" }, map[string]string{"province": "New York"}},
		"region a code":         {func(a *models.Address) { a.Region = "ny" }, map[string]string{"province": "New York"}},
		"bare subdivision":      {func(a *models.Address) { a.Subdivision = "TX" }, map[string]string{"province": "Texas"}},
		"no subdivision":        {func(a *models.Address) { a.Subdivision = "" }, map[string]string{"province": ""}},
		"spaces":                {func(a *models.Address) { a.FirstName, a.LastName, a.Line1 = " Malik ", "van  Jack", "1\nA St" }, map[string]string{"contact_person": "Malik van Jack", "full_name": "Malik van Jack", "address": "1 A St"}},
		"one name":              {func(a *models.Address) { a.FirstName = "" }, map[string]string{"contact_person": "Jack", "full_name": "Jack"}},
		"tax id":                {func(a *models.Address) { a.TaxID = "12-3" }, map[string]string{"tax_number": "12-3"}},
		"phone without plus":    {phone("(856) 555-0100"), map[string]string{}},
		"phone with 1":          {phone("1 856 555 0100"), map[string]string{}},
		"phone with 00":         {phone("001 856 555 0100"), map[string]string{}},
		"foreign phone":         {phone("+44 (0)7911 123456"), map[string]string{"phone_country": "+44", "mobile_no": "7911123456"}},
		"phone of three digits": {phone("+353 86 123 4567"), map[string]string{"phone_country": "+353", "mobile_no": "861234567"}},
		"phone of nowhere":      {phone("+999123"), map[string]string{"phone_country": "", "mobile_no": "999123"}},
		"no phone":              {phone(""), map[string]string{"mobile_no": ""}},
		"Canada":                {to("CA", "CA-QC", "+15145550123"), map[string]string{"country": "CA", "province": "Quebec", "mobile_no": "5145550123"}},
		"United Kingdom":        {to("GB", "GB-ENG", "07911 123456"), map[string]string{"country": "UK", "province": "ENG", "phone_country": "+44", "mobile_no": "7911123456"}},
		"Serbia":                {to("RS", "", "+381601234567"), map[string]string{"country": "SRB", "province": "Other", "phone_country": "+381", "mobile_no": "601234567"}},
		"Kosovo":                {to("XK", "", "+38344123456"), map[string]string{"country": "KS", "province": "Other", "phone_country": "+383", "mobile_no": "44123456"}},
		"Congo":                 {to("CD", "Kinshasa", "+243 991234567"), map[string]string{"country": "ZR", "province": "Kinshasa", "phone_country": "+243", "mobile_no": "991234567"}},
		"Spain":                 {to("es", "ES-M", "612 345 678"), map[string]string{"country": "ES", "province": "M", "phone_country": "+34", "mobile_no": "612345678"}},
		"Italy keeps its zero":  {to("IT", "IT-RM", "+39 06 1234567"), map[string]string{"country": "IT", "province": "RM", "phone_country": "+39", "mobile_no": "061234567"}},
		"Saudi Arabia": {func(a *models.Address) {
			to("SA", "Riyadh", "0512345678")(a)
		}, map[string]string{"country": "SA", "province": "Riyadh", "phone_country": "+966", "mobile_no": "512345678"}},
		"Brazil": {func(a *models.Address) {
			to("BR", "BR-SP", "5511987654321")(a)
			a.Region, a.TaxID = "São Paulo", "529.982.247-25"
		}, map[string]string{"country": "BR", "province": "Sao Paulo", "cpf": "529.982.247-25", "phone_country": "+55", "mobile_no": "11987654321"}},
		"Brazil by code": {to("BR", "BR-MG", "+5531987654321"), map[string]string{"country": "BR", "province": "Minas Gerais", "phone_country": "+55", "mobile_no": "31987654321"}},
		"Mexico": {func(a *models.Address) {
			to("MX", "Jalisco", "+523312345678")(a)
			a.TaxID = "GODE561231GR8"
		}, map[string]string{"country": "MX", "province": "Jalisco", "passport_no": "GODE561231GR8", "phone_country": "+52", "mobile_no": "3312345678"}},
		"Israel": {func(a *models.Address) {
			to("IL", "", "+972501234567")(a)
			a.TaxID = "12345678-9"
		}, map[string]string{"country": "IL", "province": "Other", "passport_no": "123456789", "foreigner_passport_no": "123456789", "is_foreigner": "false", "phone_country": "+972", "mobile_no": "501234567"}},
		"Argentina": {func(a *models.Address) {
			to("AR", "Cordoba", "+543511234567")(a)
			a.TaxID = "20123456786"
		}, map[string]string{"country": "AR", "province": "Cordoba", "passport_no": "20-12345678-6", "foreigner_passport_no": "20-12345678-6", "phone_country": "+54", "mobile_no": "3511234567"}},
	} {
		req := purchase()
		row.change(&req.Address)
		c.Place(t.Context(), access, req, nil)
		want := map[string]string{
			"address": "120 E Landis Ave", "address2": "Apt 4", "city": "Vineland", "contact_person": "Malik Jack", "country": "US",
			"full_name": "Malik Jack", "locale": "en_US", "mobile_no": "8565550100", "phone_country": "+1", "province": "New Jersey", "zip": "08360",
		}
		for member, value := range row.want {
			want[member] = value
			if value == "" && member == "phone_country" {
				delete(want, member)
			}
		}
		_, forms := g.seen()
		var sent struct {
			Address map[string]string `json:"logistics_address"`
		}
		if err := json.Unmarshal([]byte(forms[len(forms)-1].Get("param_place_order_request4_open_api_d_t_o")), &sent); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, sent.Address); diff != "" {
			t.Errorf("%s (-want +sent):\n%s", name, diff)
		}
	}
}

func phone(number string) func(*models.Address) {
	return func(a *models.Address) { a.Phone = number }
}

func to(country, subdivision, number string) func(*models.Address) {
	return func(a *models.Address) { a.Country, a.Subdivision, a.Phone = country, subdivision, number }
}

func TestTheSaudiNationalAddressGoesWhereItIsWanted(t *testing.T) {
	t.Parallel()
	g := answering(t, `{}`)
	req := purchase()
	to("SA", "Riyadh", "+966512345678")(&req.Address)
	req.Address.Line2 = "RAHA3443, flat 2"
	g.client(t).Place(t.Context(), access, req, nil)
	_, forms := g.seen()
	if got, want := forms[0].Get("ds_extend_request"), `{"payment":{"try_to_pay":"false"},"trade_extra_param":{"nat_addr":"RAHA3443"}}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
