package accounts_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"waybill/models"
	"waybill/services/accounts"
	"waybill/services/aliexpress"
	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/database"
	"waybill/services/database/databasetest"
	"waybill/services/orders"
	"waybill/services/ordersync"
	"waybill/services/vault"
	"waybill/services/wix"
	"waybill/services/wix/wixsim"
)

// office is the service between two simulated platforms.
type office struct {
	t   *testing.T
	db  *database.DB
	wix *wixsim.Server
	ae  *aliexpresssim.Server
	*accounts.Service
	supplier *aliexpress.Client
	store    *wix.Client
	m        models.MerchantID
	keys     *vault.Vault
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, db: databasetest.New(t), wix: wixsim.New(wixsim.Options{RateLimit: -1}), ae: aliexpresssim.New(aliexpresssim.Options{ReadableAfter: -1})}
	shop, market := httptest.NewServer(o.wix), httptest.NewServer(o.ae)
	t.Cleanup(func() {
		o.wix.Close()
		o.ae.Close()
		shop.Close()
		market.Close()
	})
	wi, ai := o.wix.Info(), o.ae.Info()
	var err error
	o.store, err = wix.New(wix.Config{BaseURL: shop.URL, AppID: wi.AppID, AppSecret: models.Secret(wi.AppSecret), PublicKeyPEM: wi.WebhookPublicKey, PerMinute: -1})
	o.must(err)
	o.supplier, err = aliexpress.New(aliexpress.Config{BaseURL: market.URL, AppKey: ai.AppKey, AppSecret: models.Secret(ai.AppSecret), PerSecond: -1})
	o.must(err)
	o.keys = vault.New(o.db, newSealer(t))
	o.Service = accounts.New(o.db, o.keys, o.supplier, o.store)
	o.m, _, err = o.CreateMerchant(t.Context(), "Shop", "Europe/Berlin", "")
	o.must(err)
	return o
}

func newSealer(t *testing.T) *vault.Sealer {
	t.Helper()
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	s, err := vault.NewSealer(models.Secret(base64.StdEncoding.EncodeToString(key)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (o *office) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) connectSupplier(m models.MerchantID, user string) models.Connection {
	o.t.Helper()
	code, err := o.ae.NewAuthCode(user)
	o.must(err)
	c, err := o.ConnectSupplier(o.t.Context(), m, code, models.App{}, "api:test")
	o.must(err)
	return c
}

func (o *office) exec(sql string, args ...any) {
	o.t.Helper()
	o.must(databasetest.Owner(o.t, o.db).Exec(sql, args...).Error)
}

func (o *office) issued() (n int) {
	for _, e := range o.ae.Journal() {
		if e.Kind == aliexpresssim.KindTokenIssued {
			n++
		}
	}
	return n
}

func (o *office) openFlags(c models.Connection) (n int) {
	o.t.Helper()
	o.must(databasetest.Owner(o.t, o.db).Raw("SELECT count(*) FROM flags WHERE connection_id = ? AND closed_at IS NULL", c.ID).Row().Scan(&n))
	return n
}

func codeOf(err error) string { return models.AsError(err).Code }

func TestTokensAreSealedToTheirRow(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	first := o.connectSupplier(o.m, "")
	access, err := o.Access(t.Context(), o.m, first.ID)
	o.must(err)
	var row string
	o.must(databasetest.Owner(t, o.db).Raw("SELECT connections::text || encode(credentials, 'escape') FROM connections WHERE id = ?", first.ID).Row().Scan(&row))
	if access.Token.Reveal() == "" || bytes.Contains([]byte(row), []byte(access.Token.Reveal())) {
		t.Error("the token can be read in its row")
	}
	var secrets string
	o.must(databasetest.Owner(t, o.db).Raw("SELECT credentials FROM connections WHERE id = ?", first.ID).Row().Scan(&secrets))
	if bytes.Contains([]byte(secrets), []byte("refresh")) {
		t.Error("the sealed value is not sealed")
	}

	second := o.connectSupplier(o.m, o.ae.AddAccount().UserID)
	o.exec("UPDATE connections SET credentials = (SELECT credentials FROM connections WHERE id = ?) WHERE id = ?", first.ID, second.ID)
	if _, err := o.Access(t.Context(), o.m, second.ID); err == nil {
		t.Error("a value moved to another row opens")
	}
	other := accounts.New(o.db, vault.New(o.db, newSealer(t)), o.supplier, o.store)
	if _, err := other.Access(t.Context(), o.m, first.ID); err == nil || models.KindOf(err) != models.Internal {
		t.Errorf("another key opens it: %v", err)
	}
}

func TestTenCallersRenewATokenOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	c := o.connectSupplier(o.m, "")
	old, err := o.Access(t.Context(), o.m, c.ID)
	o.must(err)
	o.exec("UPDATE connections SET token_expires_at = clock_timestamp() + interval '10 minutes' WHERE id = ?", c.ID)
	before := o.issued()
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if a, err := o.Access(context.Background(), o.m, c.ID); err != nil || a.Token.Reveal() == "" {
				t.Errorf("no access: %v", err)
			}
		})
	}
	all.Wait()
	if n := o.issued() - before; n != 1 {
		t.Errorf("%d tokens were issued", n)
	}
	fresh, err := o.Access(t.Context(), o.m, c.ID)
	o.must(err)
	if fresh.Token == old.Token {
		t.Error("the old token is still used")
	}
	// Whoever still holds the old one gets its successor, not another renewal.
	if a, err := o.Renew(t.Context(), o.m, c.ID, old.Token); err != nil || a.Token != fresh.Token || o.issued()-before != 1 {
		t.Errorf("%d tokens were issued, %v", o.issued()-before, err)
	}
}

func TestARefusedTokenIsRenewedOnceThenAPersonIsNeeded(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	c := o.connectSupplier(o.m, "")
	store := orders.New(o.db, o.keys, models.Pace{})
	moves := ordersync.New(ordersync.Options{DB: o.db, Vault: o.keys, Orders: store, Accounts: o.Service, Store: o.store, Supplier: o.supplier, Log: slog.New(slog.DiscardHandler)})
	link := func() error { // asks AliExpress for an order, so that its token is tried
		_, _, err := moves.Link(t.Context(), o.m, o.anOrder(store), ordersync.LinkRequest{Number: o.ae.Info().OrderID}, orders.By{Actor: "api:test", Source: models.SourcePerson})
		return err
	}
	before := o.issued()
	o.must(o.ae.ExpireTokens(""))
	if err := link(); codeOf(err) != "lines_not_matched" {
		t.Errorf("got %v", err)
	}
	if n := o.issued() - before; n != 1 {
		t.Errorf("%d tokens were issued", n)
	}
	o.must(o.ae.RevokeTokens(""))
	for range 3 {
		if err := link(); models.KindOf(err) != models.Disconnected && codeOf(err) != "account_needed" {
			t.Errorf("got %v", err)
		}
	}
	if c, err := o.Connection(t.Context(), o.m, c.ID); err != nil || c.State != models.ConnectionNeedsReauth || o.openFlags(c) != 1 {
		t.Errorf("%s with %d flags, %v", c.State, o.openFlags(c), err)
	}
	if _, err := o.Access(t.Context(), o.m, c.ID); codeOf(err) != "needs_reauth" {
		t.Errorf("got %v", err)
	}
	again := o.connectSupplier(o.m, "")
	if again.ID != c.ID || again.State != models.ConnectionActive || o.openFlags(again) != 0 {
		t.Errorf("%+v", again)
	}
	if err := link(); codeOf(err) != "lines_not_matched" {
		t.Errorf("got %v", err)
	}
}

func TestARenewalThatIsRefusedNeedsAPerson(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	c := o.connectSupplier(o.m, "")
	o.must(o.ae.RevokeTokens(""))
	o.exec("UPDATE connections SET token_expires_at = clock_timestamp() + interval '1 minute' WHERE id = ?", c.ID)
	if _, err := o.Access(t.Context(), o.m, c.ID); models.KindOf(err) != models.Disconnected {
		t.Errorf("got %v", err)
	}
	if c, err := o.Connection(t.Context(), o.m, c.ID); err != nil || c.State != models.ConnectionNeedsReauth || o.openFlags(c) != 1 {
		t.Errorf("%s with %d flags, %v", c.State, o.openFlags(c), err)
	}
}

func TestARefusedRefreshTokenIsSentOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	c := o.connectSupplier(o.m, "")
	o.must(o.ae.RevokeTokens(""))
	o.exec("UPDATE connections SET token_expires_at = clock_timestamp() + interval '1 minute' WHERE id = ?", c.ID)
	for range 3 {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() { _, _ = o.Access(context.Background(), o.m, c.ID) })
		}
		all.Wait()
	}
	refused := 0
	for _, e := range o.ae.Journal() {
		if e.Kind == aliexpresssim.KindRefused {
			refused++
		}
	}
	if refused != 1 || o.openFlags(c) != 1 {
		t.Errorf("sent %d times, %d flags", refused, o.openFlags(c))
	}
}

func TestARenewalWithoutAnswerKeepsTheTokenThatIsStillGood(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	c := o.connectSupplier(o.m, "")
	o.exec("UPDATE connections SET token_expires_at = clock_timestamp() + interval '10 minutes' WHERE id = ?", c.ID)
	o.must(o.ae.Fail(aliexpresssim.Fault{Method: "/auth/token/refresh", How: aliexpresssim.ResetBefore}))
	if a, err := o.Access(t.Context(), o.m, c.ID); err != nil || a.Token == "" {
		t.Errorf("got %v", err)
	}
	before := o.issued()
	if _, err := o.Access(t.Context(), o.m, c.ID); err != nil || o.issued()-before != 1 {
		t.Errorf("not renewed afterwards: %v", err)
	}
}

// renewing has a token renewed and holds the call at AliExpress; got gives the outcome.
func (o *office) renewing(c models.Connection, how aliexpresssim.How) (got chan models.Access) {
	o.t.Helper()
	o.exec("UPDATE connections SET token_expires_at = clock_timestamp() + interval '10 minutes' WHERE id = ?", c.ID)
	o.must(o.ae.Fail(aliexpresssim.Fault{Method: "/auth/token/refresh", How: how}))
	got = make(chan models.Access, 1)
	go func() {
		a, err := o.Access(context.Background(), o.m, c.ID)
		if err != nil {
			o.t.Errorf("no access: %v", err)
		}
		got <- a
	}()
	o.eventually("the call has reached AliExpress", func() bool { return len(o.ae.Barriers()) == 1 })
	return got
}

func (o *office) eventually(what string, fact func() bool) {
	o.t.Helper()
	deadline, tick := time.NewTimer(20*time.Second), time.NewTicker(5*time.Millisecond)
	defer deadline.Stop()
	defer tick.Stop()
	for !fact() {
		select {
		case <-tick.C:
		case <-deadline.C:
			o.t.Fatalf("waited in vain: %s", what)
		}
	}
}

func (o *office) checkWorks(c models.Connection, with models.Access) {
	o.t.Helper()
	stored, err := o.Access(o.t.Context(), o.m, c.ID)
	if err != nil || stored.Token != with.Token || o.openFlags(c) != 0 {
		o.t.Errorf("another token is stored, or %d flags are open: %v", o.openFlags(c), err)
	}
	if _, err := o.supplier.Order(o.t.Context(), with, o.ae.Info().OrderID); err != nil {
		o.t.Errorf("AliExpress refuses the token: %v", err)
	}
}

// The old pair is dead when the new one comes: the database's connection may be lost in this very moment.
func TestANewPairIsKeptAlthoughTheDatabaseGoesAway(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	c := o.connectSupplier(o.m, "")
	old, err := o.Access(t.Context(), o.m, c.ID)
	o.must(err)
	got := o.renewing(c, aliexpresssim.BarrierAfter)
	locked := databasetest.Owner(t, o.db).Begin()
	o.must(locked.Exec("SELECT 1 FROM connections WHERE id = ? FOR UPDATE", c.ID).Error)
	o.ae.ReleaseBarriers()
	o.eventually("the connection that stores the pair is lost", func() bool {
		var lost int
		o.must(databasetest.Owner(t, o.db).Raw("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").Row().Scan(&lost))
		return lost > 0
	})
	o.must(locked.Rollback().Error)
	kept := <-got
	if kept.Token == old.Token {
		t.Error("the new pair is lost")
	}
	o.checkWorks(c, kept)
}

func TestARenewalThatComesLateDoesNotReplaceWhatAPersonConnected(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	c := o.connectSupplier(o.m, "")
	got := o.renewing(c, aliexpresssim.BarrierAfter)
	o.connectSupplier(o.m, "")
	connected, err := o.Access(t.Context(), o.m, c.ID)
	o.must(err)
	o.ae.ReleaseBarriers()
	if late := <-got; late.Token != connected.Token {
		t.Error("the late renewal does not go on with what the person connected")
	}
	o.checkWorks(c, connected)
}

// A process that was paused for longer than its lease sends a refresh token that another one has used meanwhile.
func TestTheRefusalOfATokenThatWasReplacedIsOldNews(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	c := o.connectSupplier(o.m, "")
	got := o.renewing(c, aliexpresssim.BarrierBefore)
	o.exec("UPDATE connections SET refresh_lease = clock_timestamp() - interval '1 second' WHERE id = ?", c.ID)
	renewed, err := o.Access(t.Context(), o.m, c.ID)
	o.must(err)
	o.ae.ReleaseBarriers()
	if late := <-got; late.Token != renewed.Token {
		t.Error("the paused one does not go on with the successor")
	}
	o.checkWorks(c, renewed)
}

func TestAPausedRenewalDoesNotEndTheLeaseOfAnother(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	c := o.connectSupplier(o.m, "")
	got := o.renewing(c, aliexpresssim.BarrierBefore)
	o.exec("UPDATE connections SET refresh_lease = clock_timestamp() + interval '10 minutes' WHERE id = ?", c.ID) // another's
	o.ae.CutBarriers()
	<-got
	var held bool
	o.must(databasetest.Owner(t, o.db).Raw("SELECT refresh_lease > clock_timestamp() FROM connections WHERE id = ?", c.ID).Row().Scan(&held))
	if !held {
		t.Error("two may renew at once now, with a token that works once")
	}
}

func TestAStaleFailureDoesNotStopAConnectionMadeAnew(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	began := time.Now().Add(-time.Second)
	c := o.connectSupplier(o.m, "")
	o.must(o.Failed(t.Context(), o.m, c.ID, began, models.Errorf(models.Disconnected, "token_refused", "no")))
	if c, err := o.Connection(t.Context(), o.m, c.ID); err != nil || c.State != models.ConnectionActive || o.openFlags(c) != 0 {
		t.Errorf("%s, %v", c.State, err)
	}
}

func TestAStoreBelongsToOneMerchant(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	signed, err := o.wix.SignedInstance(o.wix.Info().InstanceID)
	o.must(err)
	first, err := o.ConnectStore(t.Context(), o.m, signed, false, "api:test")
	o.must(err)
	other, _, err := o.CreateMerchant(t.Context(), "Other", "UTC", "")
	o.must(err)
	if _, err := o.ConnectStore(t.Context(), other, signed, false, "api:test"); models.KindOf(err) != models.Conflict || codeOf(err) != "connected_elsewhere" {
		t.Errorf("got %v", err)
	}
	o.connectSupplier(o.m, "")
	code, err := o.ae.NewAuthCode("")
	o.must(err)
	if _, err := o.ConnectSupplier(t.Context(), other, code, models.App{}, "api:test"); codeOf(err) != "connected_elsewhere" {
		t.Errorf("got %v", err)
	}
	if list, err := o.Connections(t.Context(), other); err != nil || len(list) != 0 {
		t.Errorf("the other merchant has %d connections, %v", len(list), err)
	}
	again, err := o.ConnectStore(t.Context(), o.m, signed, false, "api:test")
	if err != nil || again.ID != first.ID {
		t.Errorf("%s, %v", again.ID, err)
	}
	if _, err := o.ConnectStore(t.Context(), o.m, signed[:len(signed)-2]+"xx", false, "api:test"); models.KindOf(err) != models.Rejected && models.KindOf(err) != models.Invalid {
		t.Errorf("a forged instance: %v", err)
	}
	if _, err := o.Connection(t.Context(), other, first.ID); models.KindOf(err) != models.NotFound {
		t.Errorf("got %v", err)
	}
	if _, err := o.Access(t.Context(), other, first.ID); models.KindOf(err) != models.NotFound {
		t.Errorf("got %v", err)
	}
	if m, id, found, err := o.Route(t.Context(), models.Wix, first.ExternalID); err != nil || !found || m != o.m || id != first.ID {
		t.Errorf("%s %s %t %v", m, id, found, err)
	}
	if _, _, found, err := o.Route(t.Context(), models.Wix, "nobody"); err != nil || found {
		t.Errorf("%t %v", found, err)
	}
}

func TestAKeyNamesItsMerchant(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	m, key, err := o.CreateMerchant(t.Context(), "Keyed", "UTC", "")
	o.must(err)
	if caller, err := o.Authenticate(t.Context(), key.Reveal()); err != nil || caller.MerchantID != m || caller.Actor != "api:first" {
		t.Errorf("%+v, %v", caller, err)
	}
	for _, wrong := range []string{"", "wb_x", key.Reveal() + "x"} {
		if _, err := o.Authenticate(t.Context(), wrong); models.KindOf(err) != models.Unauthenticated {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	var stored int
	o.must(databasetest.Owner(t, o.db).Raw("SELECT count(*) FROM api_keys WHERE api_keys::text LIKE ?", "%"+key.Reveal()+"%").Row().Scan(&stored))
	if any, err := o.HasMerchants(t.Context()); err != nil || !any || stored != 0 {
		t.Errorf("%t, stored %d times, %v", any, stored, err)
	}
}

func TestTheKeyFileIsMadeOnceAndReadAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys", "secret")
	first, err := vault.KeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := vault.KeyFile(path)
	if err != nil || second.Reveal() != first.Reveal() {
		t.Errorf("another key: %v", err)
	}
	if _, err := vault.NewSealer(first); err != nil {
		t.Error(err)
	}
	if _, err := vault.NewSealer("c2hvcnQ="); err == nil {
		t.Error("a short key is taken")
	}
}

// anOrder is an order of a store without any line that the seeded supplier order could match.
func (o *office) anOrder(s *orders.Service) models.ID {
	o.t.Helper()
	signed, err := o.wix.SignedInstance(o.wix.Info().InstanceID)
	o.must(err)
	store, err := o.ConnectStore(o.t.Context(), o.m, signed, false, "api:test")
	o.must(err)
	var c orders.Changes
	o.must(o.db.Of(o.m).InTx(o.t.Context(), func(tx database.Tx) error {
		c, err = s.Receive(tx, o.m, store.ID, orders.By{Actor: models.ActorSystem, Source: models.SourceSweep}, models.StoreOrder{
			ExternalID: "e1", Number: "1", Status: "APPROVED", PaymentStatus: "PAID", Payload: []byte("{}"),
			Lines: []models.StoreLine{{ID: "l1", Name: "Cup", Quantity: 1, Shippable: true}, {ID: "l2", Name: "Pot", Quantity: 1, Shippable: true}},
		})
		return err
	}))
	return c.OrderID
}

func TestCase26_ACopyOfAConnectedSiteIsNotConnectedUnseen(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	connect := func(instance string, acceptCopy bool) error {
		signed, err := o.wix.SignedInstance(instance)
		o.must(err)
		_, err = o.ConnectStore(t.Context(), o.m, signed, acceptCopy, "api:test")
		return err
	}
	origin := o.wix.Info().InstanceID
	stranger := o.wix.CopyInstance(o.wix.CreateInstance())
	o.must(connect(stranger, false)) // its origin is not connected here
	o.must(connect(origin, false))
	copied := o.wix.CopyInstance(origin)
	if err := connect(copied, false); models.KindOf(err) != models.Conflict || codeOf(err) != "site_is_a_copy" {
		t.Errorf("a copy: %v", err)
	}
	o.must(connect(copied, true))
}

// An access that ends for good is warned of 7, 3 and 1 days ahead; a warning that was put off comes back with the next.
func TestAPersonIsWarnedBeforeTheAccessEndsForGood(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	c := o.connectSupplier(o.m, "")
	var due time.Time
	next := func() *time.Time {
		fresh, err := o.Connection(t.Context(), o.m, c.ID)
		o.must(err)
		return fresh.NextWarningAt
	}
	if at := next(); at == nil || c.RefreshExpiresAt.Sub(*at).Round(time.Second) != 7*24*time.Hour {
		t.Fatalf("the first warning is due at %v, the end is at %v", at, c.RefreshExpiresAt)
	}
	for _, step := range []struct {
		left   time.Duration
		days   string
		before time.Duration // of the warning after; 0: none
	}{{7 * 24 * time.Hour, "7 day", 3 * 24 * time.Hour}, {3 * 24 * time.Hour, "3 day", 24 * time.Hour}, {24 * time.Hour, "1 day", 0}} {
		o.exec("UPDATE connections SET refresh_expires_at = now() + make_interval(secs => ?), next_warning_at = now() WHERE id = ?", step.left.Seconds()-60, c.ID)
		o.must(o.Warn(t.Context(), o.m, c.ID))
		var flags []models.Flag
		o.must(databasetest.Owner(t, o.db).Where("connection_id = ? AND closed_at IS NULL", c.ID).Find(&flags).Error)
		if len(flags) != 1 || flags[0].Code != models.FlagAccessEnding || !strings.Contains(flags[0].Detail, step.days) || flags[0].SnoozedUntil != nil || flags[0].Deadline == nil {
			t.Errorf("with %s left: %+v", step.left, flags)
		}
		o.exec("UPDATE flags SET snoozed_until = now() + interval '1 year'")
		fresh, err := o.Connection(t.Context(), o.m, c.ID)
		o.must(err)
		due = *fresh.RefreshExpiresAt
		if at := next(); (at == nil) != (step.before == 0) || at != nil && due.Sub(*at).Round(time.Second) != step.before {
			t.Errorf("with %s left the next warning is due at %v", step.left, at)
		}
	}
	o.connectSupplier(o.m, c.ExternalID)
	if n := o.openFlags(c); n != 0 {
		t.Errorf("%d flags after it was connected again", n)
	}
}

// A token that nobody uses is renewed all the same, at about half of its life.
func TestATokenIsRenewedAtHalfItsLife(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	c := o.connectSupplier(o.m, "")
	if life, at := time.Until(*c.TokenExpiresAt), time.Until(*c.TokenRenewAt); at < life*2/5 || at > life*3/5 {
		t.Errorf("of %s it is renewed after %s", life, at)
	}
	before := o.issued()
	o.must(o.RenewDue(t.Context(), o.m, c.ID))
	after, err := o.Connection(t.Context(), o.m, c.ID)
	o.must(err)
	if left := time.Until(*after.TokenRenewAt); o.issued() != before+1 || !after.TokenExpiresAt.After(*c.TokenExpiresAt) || left < time.Until(*after.TokenExpiresAt)*2/5 {
		t.Errorf("%d tokens, renewed next in %s", o.issued()-before, left)
	}
}

// A merchant's own app signs its own calls and its own push messages.
func TestAnAppOfTheMerchantsOwn(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	if _, err := o.ConnectSupplier(t.Context(), o.m, "code", models.App{Key: "only a key"}, "api:test"); codeOf(err) != "app_incomplete" {
		t.Errorf("half an app: %v", err)
	}
	code, err := o.ae.NewAuthCode("")
	o.must(err)
	if _, err := o.ConnectSupplier(t.Context(), o.m, code, models.App{Key: "99999", Secret: "of another app"}, "api:test"); err == nil {
		t.Error("AliExpress takes a key that it does not know")
	}
	ai := o.ae.Info()
	own := models.App{Key: ai.AppKey, Secret: models.Secret(ai.AppSecret)} // the one app that the simulator knows, brought by the merchant
	code, err = o.ae.NewAuthCode("")
	o.must(err)
	c, err := o.ConnectSupplier(t.Context(), o.m, code, own, "api:test")
	o.must(err)
	access, err := o.Access(t.Context(), o.m, c.ID)
	o.must(err)
	kept, err := o.App(t.Context(), o.m, c.ID)
	o.must(err)
	if c.AppKey != own.Key || access.App != own || kept != own {
		t.Errorf("%s, %v, %v", c.AppKey, access.App, kept)
	}
	o.must(o.RenewDue(t.Context(), o.m, c.ID))
	if renewed, err := o.Access(t.Context(), o.m, c.ID); err != nil || renewed.App != own || renewed.Token == access.Token {
		t.Errorf("renewed: %v, %v", renewed.App, err)
	}
}
