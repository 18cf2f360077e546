package handlers

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode"
)

// Whatever the query is, a list is given or the query is refused: never our mistake.
func FuzzQuery(f *testing.F) {
	d := newDoor(f)
	paths := []string{"/orders", "/orders/counts", "/orders/export", "/pay-list", "/views", "/connections"}
	for i := range paths {
		for _, q := range []string{
			"", "tab=pending&limit=200", "q=%00", "q=%ff", "q='; DROP TABLE orders --", "q=%25_%5c", "limit=-1", "limit=99999999999999999999", "store_id=0198a7f2-7c1e-7b5e-9d53-0b8f0f3c2f11",
			"placed_from=0000-01-01T00:00:00Z&placed_to=9999-12-31T23:59:59-23:59", "cursor=e30", "sort=deadline&cursor=eyJhdCI6IjAwMDAtMDEtMDFUMDA6MDA6MDBaIn0", "tab=pending&tab=closed", "%zz", "a;b", "country=us",
			"view=attention&flag=no_supplier&supplier=1103800006&country=US",
		} {
			f.Add(byte(i), q)
		}
	}
	f.Fuzz(func(t *testing.T, which byte, q string) {
		u, err := url.Parse("/api/v1" + paths[int(which)%len(paths)])
		if err != nil {
			t.Fatal(err)
		}
		u.RawQuery = q
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL = u
		r.Header.Set("Authorization", "Bearer "+d.key)
		w := httptest.NewRecorder()
		d.api.ServeHTTP(w, r)
		if w.Code != http.StatusOK && w.Code != http.StatusUnprocessableEntity {
			t.Errorf("GET %s?%q answers %d: %s", u.Path, q, w.Code, w.Body)
		}
	})
}

// Whatever the body is, it is read or refused with a problem document.
func FuzzBody(f *testing.F) {
	s := &server{validate: newValidation()}
	for _, body := range []string{
		"", "{}", "null", "[]", `{"store_id":"x"}`, `{"variant_key":"\u0000"}`, `{"price_cap":{"minor":1e99}}`, `{"a":1}{`, "\xff", `{"rank":-1}`, `{"price_cap":{"minor":"x"}}`, strings.Repeat("[", 20000),
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		s.wrap(func(w http.ResponseWriter, r *http.Request) error {
			in, err := decode[createMappingRequest](s, w, r, false)
			if err == nil && strings.ContainsRune(in.VariantKey+in.StoreID, 0) {
				t.Errorf("a zero byte came through: %q", in.VariantKey)
			}
			return err
		})(w, r)
		var p problem
		if w.Code >= http.StatusInternalServerError || w.Code != http.StatusOK && json.Unmarshal(w.Body.Bytes(), &p) != nil {
			t.Errorf("%q is answered with %d %s", body, w.Code, w.Body)
		}
	})
}

// Whatever a text is, in the table it is one cell that shows it and that no spreadsheet runs.
func FuzzCell(f *testing.F) {
	for _, text := range []string{"", "=1+1", " =1", "\t=1", "\r\n=1", "＝1", "\u00a0@x", "\"=1", "a,\"b\"\n;c", "'=1", "\x00=1", "\ufeff=1", "\u200b=1", "\xff=1", "-", "\v=1", "\u2003+1"} {
		f.Add(text, "beside")
	}
	f.Fuzz(func(t *testing.T, text, beside string) {
		got := cell(text)
		if got != text && got != "'"+text {
			t.Fatalf("%q becomes %q", text, got)
		}
		shown := strings.TrimLeftFunc(got, func(r rune) bool {
			return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar
		})
		if shown != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(shown)[0]) {
			t.Errorf("%q is a formula", got)
		}
		var out bytes.Buffer
		table := csv.NewWriter(&out)
		table.UseCRLF = true
		if err := table.WriteAll([][]string{{"first", got, cell(beside)}, {"second", "", ""}}); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&out).ReadAll()
		if err != nil || len(rows) != 2 || len(rows[0]) != 3 {
			t.Fatalf("%q and %q make %q, %v", text, beside, rows, err)
		}
		if want := strings.ReplaceAll(got, "\r", ""); rows[0][1] != want { // ends of lines are the table's
			t.Errorf("%q is read back as %q", want, rows[0][1])
		}
	})
}
