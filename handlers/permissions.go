package handlers

import (
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"waybill/models"
	"waybill/services/accounts"
)

const apiRoot = "/api/v1"

const (
	noKey  models.KeyScope = "no key"   // open to anybody, or proved by something else
	anyKey models.KeyScope = "any key"  // whoever is known, whatever is allowed
	aSelf  models.KeyScope = "a person" // people, about their own account
)

// permissions is what a key or a person must be allowed for each route. A route without a line is not served. What each role is
// allowed is in models/person.go.
var permissions = map[string]models.KeyScope{
	"GET /openapi.json":                    noKey,
	"GET /about":                           noKey,
	"POST /webhooks/wix":                   noKey, // signed
	"POST /webhooks/aliexpress":            noKey, // signed
	"GET /webhooks/aliexpress":             noKey,
	"GET /connections/{platform}/callback": noKey, // proved by state and cookie
	"GET /me":                              anyKey,

	"POST /session":                  noKey,
	"POST /session/wix":              noKey, // signed by Wix
	"DELETE /session":                noKey,
	"POST /session/passkey/question": noKey,
	"POST /session/passkey":          noKey,
	"POST /password-resets":          noKey,
	"POST /password-resets/use":      noKey, // proved by the link
	"POST /sign-ups":                 noKey,
	"POST /sign-ups/use":             noKey, // proved by the link
	"POST /invitations/read":         noKey, // proved by the link
	"POST /invitations/accept":       noKey, // proved by the link

	"PUT /me/password":                  aSelf,
	"GET /me/sessions":                  aSelf,
	"POST /me/sessions/end":             aSelf,
	"POST /me/authenticator-app":        aSelf,
	"PUT /me/authenticator-app":         aSelf,
	"POST /me/authenticator-app/remove": aSelf,
	"GET /me/passkeys":                  aSelf,
	"POST /me/passkeys":                 aSelf,
	"POST /me/passkeys/question":        aSelf,
	"POST /me/passkeys/{key}/remove":    aSelf,

	"GET /people":                     models.MayReadSettings,
	"POST /people/invitations":        models.MayManagePeople,
	"DELETE /people/invitations/{id}": models.MayManagePeople,
	"PUT /people/second-factor":       models.MayManagePeople,
	"PUT /people/{id}":                models.MayManagePeople,
	"DELETE /people/{id}":             models.MayManagePeople,
	"DELETE /people/{id}/sessions":    models.MayManagePeople,

	"GET /support/orders":                    models.MayUseDesk,
	"GET /support/merchants":                 models.MayUseDesk,
	"POST /support/views":                    models.MayUseDesk,
	"DELETE /support/views/{merchant}":       models.MayUseDesk,
	"GET /support/staff":                     models.MayOperate,
	"POST /support/staff/invitations":        models.MayOperate,
	"DELETE /support/staff/invitations/{id}": models.MayOperate,
	"PUT /support/staff/{id}":                models.MayOperate,
	"DELETE /support/staff/{id}/sessions":    models.MayOperate,

	"GET /orders":                    models.MayReadOrders,
	"GET /orders/counts":             models.MayReadOrders,
	"GET /orders/export":             models.MayReadOrders,
	"GET /orders/{id}":               models.MayReadOrders,
	"GET /orders/{id}/timeline":      models.MayReadOrders,
	"GET /orders/{id}/explanation":   models.MayReadOrders,
	"POST /orders/{id}/show-address": models.MayReadOrders, // changes nothing, and is entered
	"POST /orders/{id}/notes":        models.MayNote,
	"GET /pay-list":                  models.MayReadOrders,
	"GET /suppliers":                 models.MayReadOrders,
	"GET /flags":                     models.MayReadOrders,
	"GET /mismatches":                models.MayReadOrders,
	"GET /events":                    models.MayReadOrders,
	"GET /sync-jobs":                 models.MayReadOrders,
	"GET /sync-jobs/{id}":            models.MayReadOrders,
	"GET /sync-jobs/{id}/items":      models.MayReadOrders,
	"GET /dead-letters":              models.MayReadOrders,

	"POST /orders/{id}/supplier-orders/link":  models.MayWriteOrders,
	"POST /orders/{id}/hold":                  models.MayWriteOrders,
	"POST /orders/{id}/release":               models.MayWriteOrders,
	"PUT /orders/{id}/purchase-address":       models.MayWriteOrders,
	"DELETE /orders/{id}/purchase-address":    models.MayWriteOrders,
	"POST /orders/{id}/overrides":             models.MayWriteOrders,
	"DELETE /orders/{id}/overrides/{oid}":     models.MayWriteOrders,
	"PATCH /supplier-orders/{id}":             models.MayWriteOrders,
	"POST /supplier-orders/{id}/hold":         models.MayWriteOrders,
	"POST /supplier-orders/{id}/withdraw":     models.MayWriteOrders,
	"POST /supplier-orders/{id}/unlink":       models.MayWriteOrders,
	"POST /flags/{id}/snooze":                 models.MayWriteOrders,
	"POST /flags/{id}/close":                  models.MayWriteOrders,
	"POST /flags/{id}/reopen":                 models.MayWriteOrders,
	"POST /orders/{id}/supplier-orders":       models.MayPlace,
	"POST /orders/{id}/preflight":             models.MayPlace,
	"POST /supplier-orders/bulk":              models.MayPlace,
	"POST /supplier-orders/{id}/place-now":    models.MayPlace,
	"POST /supplier-orders/{id}/resolve":      models.MayPlace,
	"POST /settings/resume-placing":           models.MayPlace, // what waits is bought then
	"POST /pushes/{id}/retry":                 models.MayRetryPushes,
	"POST /pushes/{id}/fix":                   models.MayPlace,
	"POST /pushes/{id}/overwrite":             models.MayPlace,
	"POST /pushes/{id}/accept":                models.MayPlace,
	"POST /orders/{id}/fulfil-without-number": models.MayPlace,

	"POST /orders/{id}/sync":      models.MaySync,
	"POST /sync-jobs":             models.MaySync,
	"POST /sync-jobs/estimate":    models.MaySync,
	"POST /sync-jobs/{id}/cancel": models.MaySync,
	"POST /dead-letters/replay":   models.MaySync,

	"GET /connections":                 models.MayReadConnections,
	"GET /connections/{id}":            models.MayReadConnections,
	"GET /sync-health":                 models.MayReadConnections,
	"GET /sync-health/history":         models.MayReadConnections,
	"POST /connections":                models.MayWriteConnections,
	"POST /connections/authorizations": models.MayWriteConnections,
	"DELETE /connections/{id}":         models.MayWriteConnections,

	"GET /settings":                       models.MayReadSettings,
	"GET /carriers":                       models.MayReadSettings,
	"POST /carriers/test":                 models.MayReadSettings, // says what would be; changes nothing
	"GET /views":                          models.MayReadSettings,
	"GET /product-mappings":               models.MayReadSettings,
	"GET /product-mappings/wanted":        models.MayReadSettings,
	"GET /product-mappings/{id}":          models.MayReadSettings,
	"GET /supplier-products/{product_id}": models.MayReadSettings,
	"PUT /settings":                       models.MayWriteSettings,
	"PUT /connections/{id}/settings":      models.MayWriteSettings,
	"PUT /carriers":                       models.MayWriteSettings,
	"DELETE /carriers":                    models.MayWriteSettings,
	"POST /views":                         models.MayWriteSettings,
	"PUT /views/{id}":                     models.MayWriteSettings,
	"DELETE /views/{id}":                  models.MayWriteSettings,
	"POST /product-mappings":              models.MayWriteSettings,
	"PUT /product-mappings/{id}":          models.MayWriteSettings,
	"DELETE /product-mappings/{id}":       models.MayWriteSettings,

	"GET /webhook-endpoints":                     models.MayReadSettings,
	"GET /webhook-endpoints/{id}":                models.MayReadSettings,
	"GET /webhook-endpoints/{id}/deliveries":     models.MayReadSettings,
	"POST /webhook-endpoints":                    models.MayWriteWebhooks,
	"PUT /webhook-endpoints/{id}":                models.MayWriteWebhooks,
	"DELETE /webhook-endpoints/{id}":             models.MayWriteWebhooks,
	"POST /webhook-endpoints/{id}/rotate-secret": models.MayWriteWebhooks,
	"POST /webhook-endpoints/{id}/test":          models.MayWriteWebhooks,
	"POST /webhook-endpoints/{id}/replay-failed": models.MayWriteWebhooks,
	"POST /webhook-messages/{id}/replay":         models.MayWriteWebhooks,

	"GET /api-keys":         models.MayManageKeys,
	"POST /api-keys":        models.MayManageKeys,
	"DELETE /api-keys/{id}": models.MayManageKeys,

	"POST /orders/{id}/erase": models.MayErase,
	"GET /erasures":           models.MayReadSettings,

	"GET /audit":        models.MayReadAudit,
	"GET /audit/export": models.MayReadAudit,
	"GET /audit/verify": models.MayReadAudit,
}

// authedHandler answers a request of a caller.
type authedHandler func(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error

// authed gives a handler its caller, or answers 401, or 403 when the caller may not do what the route does.
func (s *server) authed(h authedHandler) http.HandlerFunc {
	return s.wrap(func(w http.ResponseWriter, r *http.Request) error {
		caller, err := s.caller(r)
		if err != nil {
			return err
		}
		s.wasGood(r)
		infoOf(r).caller = caller
		route := r.Method + " " + strings.TrimPrefix(chi.RouteContext(r.Context()).RoutePattern(), apiRoot)
		if err := permit(caller, permissions[route]); err != nil {
			return err
		}
		return s.once(route, h)(w, r, caller)
	})
}

// permit says whether a caller may do what wants a scope. Whatever is not about the caller himself or the installation is about a
// merchant.
func permit(caller accounts.Caller, scope models.KeyScope) error {
	switch scope {
	case anyKey:
		return nil
	case aSelf:
		if caller.Person == "" {
			return models.Errorf(models.Forbidden, "person_needed", "Only people have an account of their own. An API key may not do this.")
		}
		return nil
	case models.MayUseDesk, models.MayOperate:
		return caller.Wants(scope)
	}
	if err := caller.Wants(scope); err != nil {
		return err
	}
	if caller.MerchantID == "" {
		return models.Errorf(models.Forbidden, "merchant_not_chosen", "Say at which merchant (%s), after you have begun to look at it.", merchantHeader)
	}
	return nil
}

// unpermitted compares a router with the table: the API's routes that have no line, and lines that have no route.
func unpermitted(router chi.Routes) (routes, lines []string) {
	served := map[string]bool{}
	_ = chi.Walk(router, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if path, ours := strings.CutPrefix(route, apiRoot); ours {
			served[method+" "+path] = true
		}
		return nil
	})
	for route := range served {
		if permissions[route] == "" {
			routes = append(routes, route)
		}
	}
	for line := range permissions {
		if !served[line] {
			lines = append(lines, line)
		}
	}
	slices.Sort(routes)
	slices.Sort(lines)
	return routes, lines
}
