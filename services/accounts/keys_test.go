package accounts_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"strings"
	"sync"
	"testing"

	"waybill/models"
	"waybill/services/accounts"
	"waybill/services/database/databasetest"
	"waybill/services/vault"
)

func newSecret() models.Secret {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw)
	return models.Secret(base64.StdEncoding.EncodeToString(raw))
}

// with is the office under other keys: the current one, and old ones.
func (o *office) with(current models.Secret, old ...models.Secret) *accounts.Service {
	o.t.Helper()
	s, err := vault.NewSealer(current)
	o.must(err)
	for _, k := range old {
		o.must(s.AddOld(k))
	}
	return accounts.New(o.db, vault.New(o.db, s), o.supplier, o.store)
}

func (o *office) sealedWith(c models.Connection) (tokens string, keys int) {
	o.t.Helper()
	o.must(databasetest.Owner(o.t, o.db).Raw("SELECT key_id FROM connections WHERE id = ?", c.ID).Row().Scan(&tokens))
	o.must(databasetest.Owner(o.t, o.db).Raw("SELECT count(DISTINCT key_id) FROM merchant_keys").Row().Scan(&keys))
	return tokens, keys
}

func (o *office) opens(s *accounts.Service, c models.Connection) error {
	o.t.Helper()
	a, err := s.Access(o.t.Context(), c.MerchantID, c.ID)
	if err == nil && a.Token.Reveal() == "" {
		o.t.Error("no token")
	}
	return err
}

func TestWhatIsSealedOpensForItsMerchantAlone(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	mine := o.connectSupplier(o.m, "")
	other, _, err := o.CreateMerchant(t.Context(), "Other", "UTC", "")
	o.must(err)
	theirs := o.connectSupplier(other, o.ae.AddAccount().UserID)
	o.must(o.opens(o.Service, theirs))

	copied := "UPDATE connections SET credentials = mine.credentials, key_id = mine.key_id FROM connections mine WHERE mine.id = ? AND connections.id = ?"
	o.exec(copied, mine.ID, theirs.ID)
	if err := o.opens(o.Service, theirs); err == nil {
		t.Error("another merchant's value opens")
	}
	// With the key copied as well it is still not his.
	o.exec("INSERT INTO merchant_keys SELECT ?, id, sealed, key_id, created_at FROM merchant_keys WHERE merchant_id = ?", other, o.m)
	if err := o.opens(o.Service, theirs); err == nil {
		t.Error("another merchant's value opens with a copied key")
	}
	// Nor under the name of a key of his own.
	o.exec("UPDATE connections SET key_id = (SELECT id FROM merchant_keys WHERE merchant_id = ? ORDER BY id DESC LIMIT 1) WHERE id = ?", other, theirs.ID)
	if err := o.opens(o.Service, theirs); err == nil {
		t.Error("another merchant's value opens with a key of his own")
	}
	o.must(o.opens(o.Service, mine))
}

func TestKeysAreRotatedAndTheOldOneIsNeededNoMore(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	first, second := newSecret(), newSecret()
	before := o.with(first)
	o.Service = before
	direct, enveloped := o.connectSupplier(o.m, ""), o.connectSupplier(o.m, o.ae.AddAccount().UserID)
	o.must(before.SealDirectly(t.Context(), direct))
	o.must(o.opens(before, direct))

	both := o.with(second, first)
	o.must(both.CheckKeys(t.Context()))
	o.must(o.opens(both, direct))
	o.must(o.opens(both, enveloped))
	all, err := both.Rotate(t.Context(), func(accounts.Rotated) {})
	if err != nil || all != (accounts.Rotated{Keys: 1, Tokens: 1}) {
		t.Errorf("%+v, %v", all, err)
	}
	if tokens, keys := o.sealedWith(direct); len(tokens) != 36 || keys != 1 {
		t.Errorf("the tokens are sealed with %s, merchants' keys with %d others", tokens, keys)
	}
	if all, err := both.Rotate(t.Context(), func(accounts.Rotated) {}); err != nil || all != (accounts.Rotated{}) {
		t.Errorf("once more: %+v, %v", all, err)
	}
	after := o.with(second)
	o.must(after.CheckKeys(t.Context()))
	o.must(o.opens(after, direct))
	o.must(o.opens(after, enveloped))
	if err := o.opens(o.with(first), enveloped); err == nil {
		t.Error("the old key still opens")
	}
}

func TestAMissingKeyIsToldBeforeAnythingIsChanged(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	first, second, third := newSecret(), newSecret(), newSecret()
	o.Service = o.with(first)
	lost := o.connectSupplier(o.m, "")
	other, _, err := o.CreateMerchant(t.Context(), "Other", "UTC", "")
	o.must(err)
	o.Service = o.with(second)
	kept := o.connectSupplier(other, o.ae.AddAccount().UserID)

	contents := func() (sum string) {
		o.must(databasetest.Owner(t, o.db).Raw(`SELECT string_agg(line, '' ORDER BY line) FROM (SELECT merchant_keys::text AS line FROM merchant_keys UNION ALL SELECT connections::text FROM connections) a`).Row().Scan(&sum))
		return sum
	}
	before := contents()
	rotating := o.with(third, second)
	var missing string
	o.must(databasetest.Owner(t, o.db).Raw("SELECT key_id FROM merchant_keys WHERE merchant_id = ?", o.m).Row().Scan(&missing))
	if _, err := rotating.Rotate(t.Context(), func(accounts.Rotated) {}); err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("it does not name %s: %v", missing, err)
	}
	if contents() != before {
		t.Error("something was changed")
	}

	n, err := rotating.ForgetLost(t.Context())
	if err != nil || n != 1 {
		t.Errorf("%d forgotten, %v", n, err)
	}
	o.must(rotating.CheckKeys(t.Context()))
	if c, err := rotating.Connection(t.Context(), o.m, lost.ID); err != nil || c.State != models.ConnectionNeedsReauth || c.Credentials != nil || o.openFlags(c) != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	all, err := rotating.Rotate(t.Context(), func(accounts.Rotated) {})
	if err != nil || all.Keys != 1 {
		t.Errorf("%+v, %v", all, err)
	}
	o.must(o.opens(o.with(third), kept))
	o.Service = rotating
	again := o.connectSupplier(o.m, lost.ExternalID)
	o.must(o.opens(rotating, again))
}

// Tokens are renewed all the while: none is lost to the rotation, and none is left behind.
func TestKeysAreRotatedWhileTokensAreRenewed(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	first, second := newSecret(), newSecret()
	o.Service = o.with(first)
	running, rotating := o.with(second, first), o.with(second, first)
	var connections []models.Connection
	for range 6 {
		c := o.connectSupplier(o.m, o.ae.AddAccount().UserID)
		o.must(o.SealDirectly(t.Context(), c))
		connections = append(connections, c)
	}
	var renewing sync.WaitGroup
	started := make(chan struct{}, len(connections))
	for _, c := range connections {
		renewing.Go(func() {
			a, err := running.Access(context.Background(), c.MerchantID, c.ID)
			for range 20 {
				if err != nil {
					t.Error(err)
					return
				}
				a, err = running.Renew(context.Background(), c.MerchantID, c.ID, a.Token)
				select {
				case started <- struct{}{}:
				default:
				}
			}
		})
	}
	<-started
	_, err := rotating.Rotate(t.Context(), func(accounts.Rotated) {})
	o.must(err)
	renewing.Wait()
	after := o.with(second)
	o.must(after.CheckKeys(t.Context()))
	for _, c := range connections {
		a, err := after.Access(t.Context(), c.MerchantID, c.ID)
		o.must(err)
		if _, err := after.Renew(t.Context(), c.MerchantID, c.ID, a.Token); err != nil {
			t.Errorf("its tokens are no longer good: %v", err)
		}
		if tokens, keys := o.sealedWith(c); len(tokens) != 36 || keys != 1 {
			t.Errorf("the tokens are sealed with %s, merchants' keys with %d others", tokens, keys)
		}
	}
}
