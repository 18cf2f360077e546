package aliexpress_test

import (
	"encoding/json"
	"os"
	"testing"

	"waybill/services/aliexpress"
)

type vectors struct {
	HMAC []struct {
		ID     string            `json:"id"`
		Secret string            `json:"app_secret"`
		API    string            `json:"api"`
		Params map[string]string `json:"params"`
		Sign   string            `json:"sign"`
	} `json:"hmac_sha256"`
	Push []struct {
		ID            string `json:"id"`
		AppKey        string `json:"app_key"`
		Secret        string `json:"app_secret"`
		Body          string `json:"raw_body"`
		Authorization string `json:"authorization"`
	} `json:"push_messages"`
}

func readVectors(t *testing.T) vectors {
	t.Helper()
	var v vectors
	if err := json.Unmarshal(fixture(t, "sign_vectors.json"), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestSignReproducesEveryVector(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	if len(v.HMAC) != 14 {
		t.Fatalf("%d vectors, want 14", len(v.HMAC))
	}
	for _, vector := range v.HMAC {
		if got := aliexpress.Sign(vector.Secret, vector.API, vector.Params); got != vector.Sign {
			t.Errorf("%s: %s, want %s", vector.ID, got, vector.Sign)
		}
	}
}

func TestSignLeavesTheSignatureItselfOut(t *testing.T) {
	t.Parallel()
	v := readVectors(t).HMAC[0]
	v.Params["sign"] = "whatever"
	if got := aliexpress.Sign(v.Secret, v.API, v.Params); got != v.Sign {
		t.Errorf("%s, want %s", got, v.Sign)
	}
}
