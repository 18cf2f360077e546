package aliexpress_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"waybill/models"
)

func TestAddressRulesNameTheField(t *testing.T) {
	t.Parallel()
	c := answering(t, `{}`).client(t)
	good := models.Address{FirstName: "Jane", LastName: "Doe", Phone: "+12125550123", Line1: "235 West 23rd Street", City: "New York", Subdivision: "US-NY", PostalCode: "10011", Country: "US"}
	in := func(country, subdivision, phone string, more ...func(*models.Address)) func(*models.Address) {
		return func(a *models.Address) {
			a.Country, a.Subdivision, a.Phone = country, subdivision, phone
			for _, f := range more {
				f(a)
			}
		}
	}
	tax := func(id string) func(*models.Address) { return func(a *models.Address) { a.TaxID = id } }
	for name, row := range map[string]struct {
		change func(*models.Address)
		want   string // pointers, in the order found
	}{
		"United States":             {func(*models.Address) {}, ""},
		"nothing at all":            {func(a *models.Address) { *a = models.Address{} }, "/country /line1 /city /last_name /phone"},
		"one name":                  {func(a *models.Address) { a.FirstName = "" }, "/first_name"},
		"an initial":                {func(a *models.Address) { a.FirstName = "J" }, "/first_name"},
		"a long last name":          {func(a *models.Address) { a.LastName = strings.Repeat("x", 33) }, "/last_name"},
		"a short street":            {func(a *models.Address) { a.Line1 = "A St" }, "/line1"},
		"a long street":             {func(a *models.Address) { a.Line1 = strings.Repeat("x", 36) }, "/line1"},
		"no state":                  {func(a *models.Address) { a.Subdivision = "" }, "/subdivision"},
		"a state that is none":      {func(a *models.Address) { a.Subdivision = "US-ZZ" }, "/subdivision"},
		"no phone":                  {func(a *models.Address) { a.Phone = "" }, "/phone"},
		"Germany":                   {in("DE", "DE-BE", "+493012345678"), ""},
		"Germany without a region":  {in("DE", "", "+493012345678"), ""},
		"Spain":                     {in("ES", "ES-M", "+34612345678"), ""},
		"Spain, phone too short":    {in("ES", "ES-M", "+3461234567"), "/phone"},
		"Australia":                 {in("AU", "AU-NSW", "+61412345678"), ""},
		"Australia, other letters":  {in("AU", "AU-NSW", "+61412345678", func(a *models.Address) { a.LastName = "Дое" }), "/last_name"},
		"New Zealand, one name":     {in("NZ", "NZ-AUK", "+64211234567", func(a *models.Address) { a.LastName = "" }), "/last_name"},
		"Brazil":                    {in("BR", "BR-SP", "+5511987654321", tax("529.982.247-25"), func(a *models.Address) { a.PostalCode = "01310-100" }), ""},
		"Brazil without CPF or CEP": {in("BR", "BR-SP", "+5511987654321"), "/tax_id /postal_code"},
		"Mexico":                    {in("MX", "MX-CMX", "+525512345678", tax("GODE561231GR8")), ""},
		"Mexico without a tax id":   {in("MX", "MX-CMX", "+525512345678"), "/tax_id"},
		"Mexico, long second line":  {in("MX", "MX-CMX", "+525512345678", tax("GODE561231GR8"), func(a *models.Address) { a.Line2 = strings.Repeat("x", 61) }), "/line2"},
		"Saudi Arabia":              {in("SA", "Riyadh", "+966512345678", func(a *models.Address) { a.Line2 = "RAHA3443" }), ""},
		"Saudi Arabia, landline":    {in("SA", "Riyadh", "+966112345678"), "/phone /line2"},
		"Israel":                    {in("IL", "Tel Aviv", "+972521234567", tax("123456782")), ""},
		"Israel without an id":      {in("IL", "Tel Aviv", "+972521234567"), "/tax_id"},
		"Argentina":                 {in("AR", "Buenos Aires", "+541123456789", tax("20123456786")), ""},
		"Argentina without CUIT":    {in("AR", "Buenos Aires", "+541123456789"), "/tax_id"},
		"South Africa, one name":    {in("ZA", "ZA-GP", "+27821234567", func(a *models.Address) { a.FirstName = "" }), "/first_name"},
	} {
		a := good
		row.change(&a)
		var got []string
		for _, f := range c.CheckAddress(a) {
			got = append(got, f.Pointer)
			if f.Reason == "" {
				t.Errorf("%s: %s has no reason", name, f.Pointer)
			}
		}
		if diff := cmp.Diff(row.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// What the simulator refuses for its address is found before anything is sent, and what is found it refuses.
func TestAddressRulesAgreeWithTheMarket(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	base := models.Address{FirstName: "Jane", LastName: "Doe", Line1: "235 West 23rd Street", City: "Anytown", PostalCode: "12345", Country: "US"}
	for country, phone := range map[string]string{
		"US": "+12125550123", "ES": "+34612345678", "AU": "+61412345678", "NZ": "+64211234567", "BR": "+5511987654321", "MX": "+525512345678",
		"SA": "+966512345678", "IL": "+972521234567", "AR": "+541123456789", "ZA": "+27821234567", "DZ": "+213551234567", "DE": "+493012345678", "GB": "+447911123456",
	} {
		for name, change := range map[string]func(*models.Address){
			"plain": func(*models.Address) {},
			"tax id": func(a *models.Address) {
				a.TaxID = map[string]string{"BR": "529.982.247-25", "IL": "123456782", "AR": "20123456786"}[country]
			},
			"one name":   func(a *models.Address) { a.LastName = "" },
			"no phone":   func(a *models.Address) { a.Phone = "" },
			"short line": func(a *models.Address) { a.Line1 = "A" },
			"region":     func(a *models.Address) { a.Subdivision = map[string]string{"US": "US-NY", "BR": "BR-SP"}[country] },
			"good": func(a *models.Address) {
				a.TaxID = map[string]string{"BR": "529.982.247-25", "IL": "123456782", "AR": "20123456786", "MX": "GODE561231GR8"}[country]
				a.Subdivision = map[string]string{"US": "US-NY", "BR": "BR-SP"}[country]
				a.Line2 = map[string]string{"SA": "RAHA3443"}[country]
				if country == "BR" {
					a.PostalCode = "01310-100"
				}
			},
		} {
			a := base
			a.Country, a.Phone = country, phone
			change(&a)
			found := s.client.CheckAddress(a)
			req := s.basket()
			req.Key, req.Address = country+name, a
			placed := s.client.Place(t.Context(), s.access, req, nil)
			if placed.Class != models.ClassPlaced && placed.Class != models.ClassRejected {
				t.Fatalf("%s, %s: %v", country, name, placed.Err)
			}
			refused := placed.Class == models.ClassRejected
			if refused && placed.Err.Code != "address_rejected" {
				t.Errorf("%s, %s: refused for %v", country, name, placed.Err)
			}
			if (len(found) > 0) != refused {
				t.Errorf("%s, %s: found %+v, refused %t", country, name, found, refused)
			}
		}
	}
}

// AliExpress' words about an address lead to the part that they mean.
func TestCase30_ARefusedAddressNamesTheField(t *testing.T) {
	t.Parallel()
	for words, pointer := range map[string]string{
		"Please enter a City": "/city", "Please select a State/Province/County": "/subdivision",
		"Please enter the country code and phone number without any spaces or special characters": "/phone",
		"Please enter a valid zip code": "/postal_code", "The CPF/CNPJ is invalid": "/tax_id", "Please enter between 2 - 32 characters": "",
	} {
		g := answering(t, `{"aliexpress_ds_order_create_response":{"result":{"is_success":false,"error_code":"B_DROPSHIPPER_DELIVERY_ADDRESS_VALIDATE_FAIL","error_msg":"`+words+`"}}}`)
		got := g.client(t).Place(t.Context(), access, purchase(), nil)
		var named string
		if len(got.Err.Fields) > 0 {
			named = got.Err.Fields[0].Pointer
		}
		if got.Class != models.ClassRejected || named != pointer {
			t.Errorf("%q: %s names %q", words, got.Class, named)
		}
	}
}

// Created, but not paid: the order exists, whatever the message beside it says.
func TestCase29_SuccessWithAFailedPaymentIsPlaced(t *testing.T) {
	t.Parallel()
	got := answering(t, string(fixture(t, "order_create_autopay_failed.json"))).client(t).Place(t.Context(), access, purchase(), nil)
	if got.Class != models.ClassPlaced || len(got.Numbers) != 1 || got.Err != nil {
		t.Errorf("%s %v %v", got.Class, got.Numbers, got.Err)
	}
}

func TestANoteThatIsTooLongIsRefusedBeforeItIsSent(t *testing.T) {
	t.Parallel()
	c := answering(t, `{}`).client(t)
	if err := c.CheckNote(strings.Repeat("ü", 1000)); err != nil {
		t.Error(err)
	}
	if err := c.CheckNote(strings.Repeat("ü", 1001)); models.AsError(err).Code != "note_too_long" {
		t.Errorf("%v", err)
	}
}
