// Package handlers speaks HTTP: it decodes, makes one call and answers. Every route is on one screen in New; what a request
// means is decided below.
package handlers

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/go-chi/chi/v5"
	"go.opentelemetry.io/otel/trace"

	"waybill/services/accounts"
	"waybill/services/audit"
	"waybill/services/desk"
	"waybill/services/feed"
	"waybill/services/idempotency"
	"waybill/services/orders"
	"waybill/services/ordersync"
	"waybill/services/outgoing"
	"waybill/services/people"
)

// Deps are what the handlers need. Only Tracer and Observe may be nil.
type Deps struct {
	Orders   *orders.Service
	Sync     *ordersync.Service
	Accounts *accounts.Service
	People   *people.Service
	Desk     *desk.Service
	Audit    *audit.Service
	Feed     *feed.Service
	Outgoing *outgoing.Service
	// Idempotency keeps what named requests were answered.
	Idempotency *idempotency.Service
	// PublicURL is where browsers and platforms reach Waybill.
	PublicURL string
	// TrustedProxies are believed when they tell for whom they ask; none by default.
	TrustedProxies []netip.Prefix
	// RequestsPerMinute is how often each caller may ask, webhooks aside; 0 for as often as he likes.
	RequestsPerMinute int
	// Embedded lets Wix show the dashboard within its own. It needs an https PublicURL.
	Embedded bool
	About    About
	Ready    func(context.Context) error
	Docs     http.Handler // the OpenAPI document and its reference page
	Pages    interface {  // the dashboard's files and pages; Serve reports false for what is neither
		Serve(w http.ResponseWriter, r *http.Request) bool
	}
	Log     *slog.Logger
	Tracer  trace.Tracer // nil: requests leave no traces
	Observe func(method, route string, status int, took time.Duration)
}

type server struct {
	Deps
	validate *validation
	costly   costly
	paces    paces
	bodies   bodies
}

// New builds the program's HTTP interface. It panics when a part is missing: wiring mistakes end at start-up.
//
//	@title						Waybill API
//	@version					1
//	@description				Keeps a dropshipping order's status the same in the merchant's Wix store, in Waybill and in the merchant's AliExpress account. Lists are paged by cursor, ids are text, times are RFC 3339 in UTC, money is minor units plus currency. Every error is a problem document (RFC 9457) with a stable code. A request without a key is answered 401 (key_missing), as is one with a key that is not known (key_unknown), has expired (key_expired) or was revoked (key_revoked). Who asks too often in a minute is answered 429 (too_many_requests) with Retry-After. A POST may name itself with an Idempotency-Key: for 72 hours a repeat does nothing and is told what the first was answered, with Idempotency-Replayed: true. Kept are final answers: not 401, 403, 429, 5xx, and none with Retry-After. The same key with another request is answered 422 (idempotency_key_reused); while the first still runs, 409 (idempotency_in_progress) with Retry-After. An answer that held a secret is not kept: its repeat is answered 409 (idempotency_answer_not_kept).
//	@license.name				MIT
//	@license.url				https://opensource.org/license/mit
//	@BasePath					/api/v1
//	@tag.name					orders
//	@tag.description			Orders by tab, one order with everything that hangs on it, and its timeline.
//	@tag.name					supplier orders
//	@tag.description			Buying from AliExpress: place, link what was bought by hand, resolve what is unknown.
//	@tag.name					pushes
//	@tag.description			Telling the store about parcels. Wix's API has no switch for the e-mail that buyers get when goods are shipped: the site's settings decide. Waybill makes one fulfillment for each parcel and changes it in place wherever Wix allows, so that a parcel is mailed once; only where its contents were wrong it has to be made anew.
//	@tag.name					flags
//	@tag.description			What needs a person: list it, put it off, close it.
//	@tag.name					carriers
//	@tag.description			How stores are told of the carriers that AliExpress names.
//	@tag.name					sync
//	@tag.description			Sync now, for one order or many, and what it changed.
//	@tag.name					product mappings
//	@tag.description			Where a store's variant is bought.
//	@tag.name					connections
//	@tag.description			Connected stores and supplier accounts.
//	@tag.name					events
//	@tag.description			Changes as they happen.
//	@tag.name					health
//	@tag.description			How syncing goes, and what was given up.
//	@tag.name					settings
//	@tag.description			What the merchant has decided, in general and about a store.
//	@tag.name					views
//	@tag.description			Queries of the dashboard under names.
//	@tag.name					session
//	@tag.description			Signing in, one's own account, passwords and second factors. Browsers hold a session as a cookie.
//	@tag.name					people
//	@tag.description			The merchant's people and their roles. A role that lacks what a route wants is answered 403 (role_missing).
//	@tag.name					support
//	@tag.description			The desk of the installation's staff. They need a second factor (second_factor_needed), look at a merchant only after they have said why (view_not_begun), and see buyers masked.
//	@tag.name					api keys
//	@tag.description			Keys of the merchant and what each is allowed. A key without the scope that a route wants is answered 403 (scope_missing).
//	@tag.name					audit
//	@tag.description			What people, keys and the operator did. Entries are only ever added, and each holds the hash of itself and of the one before it, so that what was changed later is found.
//	@tag.name					webhook endpoints
//	@tag.description			Where the merchant's own systems are told of changes, and what became of it.
//	@tag.name					webhooks
//	@tag.description			What the platforms call. Authenticated by signature, not by key.
//	@securityDefinitions.apikey	BearerAuth
//	@in							header
//	@name						Authorization
func New(d Deps) http.Handler {
	s := newServer(d)
	router := s.routes()
	if routes, lines := unpermitted(router); len(routes)+len(lines) > 0 {
		panic(fmt.Sprintf("handlers: routes without a permission %v, permissions without a route %v", routes, lines))
	}
	return router
}

// NewIngest is the interface of a process that only takes in what the platforms send.
func NewIngest(d Deps) http.Handler {
	s := newServer(d)
	r := s.front()
	r.Route(apiRoot, func(r chi.Router) {
		r.Use(s.bodies.hold)
		s.webhooks(r)
	})
	return r
}

// NewHealth is the interface of a process that answers nobody, and says how it is.
func NewHealth(d Deps) http.Handler { return newServer(d).front() }

func newServer(d Deps) *server {
	if d.Orders == nil || d.Sync == nil || d.Accounts == nil || d.People == nil || d.Desk == nil || d.Audit == nil || d.Feed == nil || d.Outgoing == nil || d.Idempotency == nil || d.Ready == nil || d.Docs == nil || d.Pages == nil || d.Log == nil {
		panic("handlers: a dependency is missing")
	}
	return &server{Deps: d, validate: newValidation(), paces: paces{perMinute: d.RequestsPerMinute}, bodies: bodies{most: bodiesAtOnce}}
}

// front is what every process has: what comes before each route, and how it is.
func (s *server) front() chi.Router {
	r := chi.NewRouter()
	r.Use(s.named, s.traced, s.clientAddress, s.accessLog, s.recover, s.secureHeaders, s.ownSite)
	r.NotFound(s.wrap(s.noRoute))
	r.MethodNotAllowed(s.wrap(s.noMethod))
	r.Get("/healthz", s.wrap(s.alive))
	r.Get("/readyz", s.wrap(s.ready))
	return r
}

// webhooks are signed by the platforms: the signature over the raw bytes is their authentication.
func (s *server) webhooks(r chi.Router) {
	r.Post("/webhooks/wix", s.wrap(s.wixWebhook))
	r.Post("/webhooks/aliexpress", s.wrap(s.aliExpressPush))
	r.Get("/webhooks/aliexpress", s.wrap(s.probe))
}

func (s *server) routes() chi.Router {
	r := s.front()
	r.Route(apiRoot, func(r chi.Router) {
		r.Use(s.inPace, s.bodies.hold)
		r.Get("/openapi.json", s.Docs.ServeHTTP)
		r.NotFound(s.wrap(s.noRoute))
		r.MethodNotAllowed(s.wrap(s.noMethod))

		r.Get("/about", s.wrap(s.getAbout))

		r.Post("/session", s.wrap(s.signIn))
		r.Post("/session/wix", s.wrap(s.signInFromWix))
		r.Delete("/session", s.wrap(s.signOut))
		r.Post("/session/passkey/question", s.wrap(s.beginPasskeySignIn))
		r.Post("/session/passkey", s.wrap(s.finishPasskeySignIn))
		r.Post("/password-resets", s.wrap(s.askForReset))
		r.Post("/password-resets/use", s.wrap(s.resetPassword))
		r.Post("/sign-ups", s.wrap(s.askToSignUp))
		r.Post("/sign-ups/use", s.wrap(s.signUp))
		r.Post("/invitations/read", s.wrap(s.readInvitation))
		r.Post("/invitations/accept", s.wrap(s.acceptInvitation))

		r.Get("/me", s.authed(s.getMe))
		r.Put("/me/password", s.authed(s.personal(s.changePassword)))
		r.Get("/me/sessions", s.authed(s.personal(s.listMySessions)))
		r.Post("/me/sessions/end", s.authed(s.personal(s.endMySessions)))
		r.Post("/me/authenticator-app", s.authed(s.personal(s.beginApp)))
		r.Put("/me/authenticator-app", s.authed(s.personal(s.finishApp)))
		r.Post("/me/authenticator-app/remove", s.authed(s.personal(s.removeApp)))
		r.Get("/me/passkeys", s.authed(s.personal(s.listMyPasskeys)))
		r.Post("/me/passkeys", s.authed(s.personal(s.finishPasskey)))
		r.Post("/me/passkeys/question", s.authed(s.personal(s.beginPasskey)))
		r.Post("/me/passkeys/{key}/remove", s.authed(s.personal(s.removePasskey)))

		r.Get("/people", s.authed(s.listPeople))
		r.Post("/people/invitations", s.authed(s.invite))
		r.Delete("/people/invitations/{id}", s.authed(s.uninvite))
		r.Put("/people/second-factor", s.authed(s.demandFactor))
		r.Put("/people/{id}", s.authed(s.changeRole))
		r.Delete("/people/{id}", s.authed(s.removePerson))
		r.Delete("/people/{id}/sessions", s.authed(s.endSessionsOf))

		r.Get("/support/orders", s.authed(s.searchAll))
		r.Get("/support/merchants", s.authed(s.listMerchants))
		r.Post("/support/views", s.authed(s.beginView))
		r.Delete("/support/views/{merchant}", s.authed(s.endView))
		r.Get("/support/staff", s.authed(s.listStaff))
		r.Post("/support/staff/invitations", s.authed(s.inviteStaff))
		r.Delete("/support/staff/invitations/{id}", s.authed(s.uninviteStaff))
		r.Put("/support/staff/{id}", s.authed(s.changeStaff))
		r.Delete("/support/staff/{id}/sessions", s.authed(s.endSessionsOfStaff))

		s.webhooks(r)

		r.Get("/orders", s.authed(s.listOrders))
		r.Get("/orders/counts", s.authed(s.countOrders))
		r.Get("/orders/export", s.authed(s.exportOrders))
		r.Get("/orders/{id}", s.authed(s.getOrder))
		r.Get("/orders/{id}/timeline", s.authed(s.getTimeline))
		r.Get("/orders/{id}/explanation", s.authed(s.explainOrder))
		r.Post("/orders/{id}/show-address", s.authed(s.showAddress))
		r.Post("/orders/{id}/notes", s.authed(s.addNote))
		r.Post("/orders/{id}/erase", s.authed(s.eraseBuyer))
		r.Post("/orders/{id}/sync", s.authed(s.syncOrder))
		r.Post("/orders/{id}/supplier-orders", s.authed(s.placeOrder))
		r.Post("/orders/{id}/supplier-orders/link", s.authed(s.linkSupplierOrder))

		r.Post("/orders/{id}/preflight", s.authed(s.preflightOrder))
		r.Post("/orders/{id}/hold", s.authed(s.holdOrder))
		r.Post("/orders/{id}/release", s.authed(s.releaseOrder))
		r.Put("/orders/{id}/purchase-address", s.authed(s.setPurchaseAddress))
		r.Delete("/orders/{id}/purchase-address", s.authed(s.dropPurchaseAddress))
		r.Post("/supplier-orders/bulk", s.authed(s.placeMany))
		r.Patch("/supplier-orders/{id}", s.authed(s.renumberSupplierOrder))
		r.Post("/supplier-orders/{id}/place-now", s.authed(s.placeNow))
		r.Post("/supplier-orders/{id}/hold", s.authed(s.holdSupplierOrder))
		r.Post("/supplier-orders/{id}/withdraw", s.authed(s.withdrawSupplierOrder))
		r.Post("/supplier-orders/{id}/unlink", s.authed(s.unlinkSupplierOrder))
		r.Get("/pay-list", s.authed(s.listToPay))
		r.Post("/settings/resume-placing", s.authed(s.resumePlacing))

		r.Post("/supplier-orders/{id}/resolve", s.authed(s.resolveSupplierOrder))
		r.Post("/pushes/{id}/retry", s.authed(s.retryPush))

		r.Get("/sync-jobs", s.authed(s.listSyncJobs))
		r.Post("/sync-jobs", s.authed(s.createSyncJob))
		r.Post("/sync-jobs/estimate", s.authed(s.estimateSync))
		r.Get("/sync-jobs/{id}", s.authed(s.getSyncJob))
		r.Get("/sync-jobs/{id}/items", s.authed(s.listSyncJobItems))
		r.Post("/sync-jobs/{id}/cancel", s.authed(s.cancelSyncJob))

		r.Get("/product-mappings", s.authed(s.listMappings))
		r.Get("/product-mappings/wanted", s.authed(s.listWantedMappings))
		r.Get("/supplier-products/{product_id}", s.authed(s.getSupplierProduct))
		r.Get("/suppliers", s.authed(s.listSuppliers))
		r.Post("/product-mappings", s.authed(s.createMapping))
		r.Get("/product-mappings/{id}", s.authed(s.getMapping))
		r.Put("/product-mappings/{id}", s.authed(s.replaceMapping))
		r.Delete("/product-mappings/{id}", s.authed(s.deleteMapping))

		r.Get("/connections", s.authed(s.listConnections))
		r.Post("/connections", s.authed(s.createConnection))
		r.Post("/connections/authorizations", s.authed(s.createAuthorization))
		r.Get("/connections/{platform}/callback", s.wrap(s.finishAuthorization)) // proved by state and cookie
		r.Get("/connections/{id}", s.authed(s.getConnection))
		r.Delete("/connections/{id}", s.authed(s.deleteConnection))
		r.Put("/connections/{id}/settings", s.authed(s.replaceStoreSettings))

		r.Get("/events", s.authed(s.streamEvents))
		r.Get("/sync-health", s.authed(s.getSyncHealth))
		r.Get("/sync-health/history", s.authed(s.getSyncHistory))
		r.Get("/dead-letters", s.authed(s.listDeadLetters))
		r.Post("/dead-letters/replay", s.authed(s.replayDeadLetters))
		r.Get("/flags", s.authed(s.listFlags))
		r.Post("/flags/{id}/snooze", s.authed(s.snoozeFlag))
		r.Post("/flags/{id}/close", s.authed(s.closeFlag))
		r.Post("/flags/{id}/reopen", s.authed(s.reopenFlag))
		r.Get("/mismatches", s.authed(s.listMismatches))
		r.Post("/pushes/{id}/fix", s.authed(s.fixPush))
		r.Post("/pushes/{id}/overwrite", s.authed(s.overwritePush))
		r.Post("/pushes/{id}/accept", s.authed(s.acceptPush))
		r.Post("/orders/{id}/fulfil-without-number", s.authed(s.fulfilWithoutNumber))
		r.Post("/orders/{id}/overrides", s.authed(s.createOverride))
		r.Delete("/orders/{id}/overrides/{oid}", s.authed(s.deleteOverride))
		r.Get("/carriers", s.authed(s.listCarriers))
		r.Put("/carriers", s.authed(s.putCarrier))
		r.Delete("/carriers", s.authed(s.deleteCarrier))
		r.Post("/carriers/test", s.authed(s.testCarrier))

		r.Get("/views", s.authed(s.listViews))
		r.Post("/views", s.authed(s.createView))
		r.Put("/views/{id}", s.authed(s.replaceView))
		r.Delete("/views/{id}", s.authed(s.deleteView))

		r.Get("/settings", s.authed(s.getSettings))
		r.Put("/settings", s.authed(s.replaceSettings))

		r.Get("/webhook-endpoints", s.authed(s.listWebhookEndpoints))
		r.Post("/webhook-endpoints", s.authed(s.createWebhookEndpoint))
		r.Get("/webhook-endpoints/{id}", s.authed(s.getWebhookEndpoint))
		r.Put("/webhook-endpoints/{id}", s.authed(s.replaceWebhookEndpoint))
		r.Delete("/webhook-endpoints/{id}", s.authed(s.deleteWebhookEndpoint))
		r.Post("/webhook-endpoints/{id}/rotate-secret", s.authed(s.rotateWebhookSecret))
		r.Post("/webhook-endpoints/{id}/test", s.authed(s.testWebhookEndpoint))
		r.Get("/webhook-endpoints/{id}/deliveries", s.authed(s.listWebhookDeliveries))
		r.Post("/webhook-endpoints/{id}/replay-failed", s.authed(s.replayFailedWebhooks))
		r.Post("/webhook-messages/{id}/replay", s.authed(s.replayWebhookMessage))

		r.Get("/api-keys", s.authed(s.listAPIKeys))
		r.Post("/api-keys", s.authed(s.createAPIKey))
		r.Delete("/api-keys/{id}", s.authed(s.revokeAPIKey))

		r.Get("/erasures", s.authed(s.listErasures))
		r.Get("/audit", s.authed(s.listAudit))
		r.Get("/audit/export", s.authed(s.exportAudit))
		r.Get("/audit/verify", s.authed(s.verifyAudit))
	})

	r.Get("/docs", s.Docs.ServeHTTP)
	r.Get("/docs/*", s.Docs.ServeHTTP)
	r.NotFound(s.wrap(s.page))
	return r
}
