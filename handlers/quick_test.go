package handlers

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	quick "github.com/goccy/go-json"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"waybill/models"
)

// What is answered is encoded, and digests are read, by a faster library than the standard one: byte for byte the same, whatever is in it.
func TestAnswersAreWhatTheStandardLibraryWrites(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		order := models.Order{Digest: new(models.Digest)}
		draw(t, reflect.ValueOf(&order).Elem())
		d := orderDetail{orderSummary: toSummary(order), Lines: []orderLine{}, SupplierOrders: []supplierOrder{}, Parcels: []parcel{}, Pushes: []push{}}
		draw(t, reflect.ValueOf(&d.Recipient).Elem())
		for _, v := range []any{orderPage{Orders: []orderSummary{toSummary(order), toSummary(models.Order{})}, NextCursor: order.Number}, d, toCounts(nil), received{Status: order.Why}, map[string]any{"why": order.Why, "n": order.Version}} {
			want, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			got, err := quick.Marshal(v)
			if err != nil || string(got) != string(want) {
				t.Fatalf("%v\n got %s\nwant %s", err, got, want)
			}
		}
		written, err := json.Marshal(order.Digest)
		if err != nil {
			t.Fatal(err)
		}
		var a, b models.Digest
		if err := json.Unmarshal(written, &a); err != nil {
			t.Fatal(err)
		}
		if err := quick.Unmarshal(written, &b); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(a, b); diff != "" {
			t.Fatal(diff)
		}
	})
}

// draw fills a value with anything.
func draw(t *rapid.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(rapid.String().Draw(t, "text"))
	case reflect.Int, reflect.Int64, reflect.Int32:
		v.SetInt(rapid.Int64().Draw(t, "number"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "yes"))
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "there") {
			v.Set(reflect.New(v.Type().Elem()))
			draw(t, v.Elem())
		}
	case reflect.Slice:
		n := rapid.IntRange(0, 3).Draw(t, "many")
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			draw(t, v.Index(i))
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(rapid.Int64Range(0, 1e10).Draw(t, "at"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanos")).UTC()))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				draw(t, v.Field(i))
			}
		}
	}
}
