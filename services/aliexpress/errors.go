package aliexpress

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"waybill/models"
)

// refusal is an answer by the gateway, or by what lies behind it, that is no result (aliexpress.md 9.2).
type refusal struct {
	Code      text `json:"code"`
	SubCode   text `json:"sub_code"`
	Msg       text `json:"msg"`
	Message   text `json:"message"`
	SubMsg    text `json:"sub_msg"`
	RequestID text `json:"request_id"`
}

// verdict is what a refusal means.
type verdict int

const (
	trouble       verdict = iota // the backend failed, or a code nobody documented: the work may have been done
	limited                      // called too often
	badToken                     // the access token is missing, wrong or expired
	badApp                       // key, signature, clock or parameters: nothing a merchant can change
	noPermission                 // not allowed, or an order that is not (yet) visible
	notYours                     // data of another account
	badCode                      // the code of the consent page
	badRefresh                   // the refresh token
	unfinishedApp                // the developer account lacks an approval
)

// verdicts knows the codes and sub-codes of aliexpress.md 9.3 and 3.5, in lower case. The numbers are the retired gateway's.
var verdicts = map[string]verdict{
	"apicalllimit": limited, "apicalllimits": limited, "appapicalllimit": limited, "appcalllimit": limited,
	"sellercalllimit": limited, "7": limited,

	"illegalaccesstoken": badToken, "invalidsession": badToken, "invalid-sessionkey": badToken, "26": badToken, "27": badToken,

	"incompletesignature": badApp, "25": badApp, "illegaltimestamp": badApp, "invalidappkey": badApp, "invalidapipath": badApp,
	"missingparameter": badApp, "invalidparameter": badApp,

	"insufficientpermission": noPermission, "isv.insufficient-permission": noPermission,
	"isv.invalid-authorization": notYours,

	"invalidcode": badCode, "illegalrefreshtoken": badRefresh,
	"auth_type_unsupported": unfinishedApp, "isv.account-migration-check-fail": unfinishedApp,
}

const (
	limitPrefix = "accesscontrol.limited-by-"
	dailyLimit  = "accesscontrol.limited-by-app-access-count"
)

func (r refusal) verdict() verdict {
	sub := strings.ToLower(r.SubCode.String())
	switch {
	case strings.HasPrefix(sub, "isp."):
		return trouble
	case strings.HasPrefix(sub, limitPrefix):
		return limited
	}
	if v, known := verdicts[sub]; known {
		return v
	}
	return verdicts[strings.ToLower(r.Code.String())]
}

// beforeDispatch reports whether the gateway refused without executing anything (aliexpress.md 9.3, last column).
func (r refusal) beforeDispatch() bool {
	switch r.verdict() {
	case limited, badToken, badApp, noPermission, notYours:
		return true
	}
	return false
}

// cause names a refusal for the log. AliExpress' own words stay out of it: they may repeat what was sent.
func (r refusal) cause(api string) error {
	code := r.Code.String()
	if sub := r.SubCode.String(); sub != "" {
		code += " " + sub
	}
	return fmt.Errorf("%s: code %s, request %s", api, clip(code, 80), clip(r.RequestID.String(), 40))
}

// explain turns a refusal of a reading or token call into an error of ours.
func (c *Client) explain(api string, r refusal) *models.Error {
	switch v := r.verdict(); {
	case v == limited:
		return c.throttled(api, r)
	case v == badToken:
		return tokenRefused().Because(r.cause(api))
	case v == badRefresh:
		return tokenRefused().Because(r.cause(api))
	case v == badCode:
		return models.Errorf(models.Rejected, "auth_code_invalid",
			"AliExpress did not accept its sign-in code, which works once and for a few minutes. Connect the account again.").
			Because(r.cause(api))
	case v == badApp, v == unfinishedApp:
		return misconfigured(models.Rejected, api, r)
	case readsOrder(api) && (v == notYours || v == noPermission && r.SubCode != ""):
		return models.Errorf(models.NotFound, "supplier_order_not_visible", "AliExpress says this is not an order of this account.").
			Because(r.cause(api))
	case v == notYours, v == noPermission:
		return notPermitted(models.Rejected, api, r)
	}
	return unavailable(r.cause(api))
}

// explainPlacing turns a refusal before dispatch into an error of ours.
func (c *Client) explainPlacing(r refusal) *models.Error {
	switch r.verdict() {
	case limited:
		return c.throttled(methodCreate, r)
	case badToken:
		return tokenRefused().Because(r.cause(methodCreate))
	case badApp:
		return misconfigured(models.Invalid, methodCreate, r)
	}
	return notPermitted(models.Invalid, methodCreate, r)
}

func readsOrder(api string) bool { return api == methodOrder || api == methodTracking }

func (c *Client) throttled(api string, r refusal) *models.Error {
	wait := r.ban(c.now())
	e := models.Errorf(models.Throttled, "platform_limit", "AliExpress' call limit is used up; it is tried again in %s.",
		wait.Round(time.Second))
	e.RetryAfter = wait
	return e.Because(r.cause(api))
}

var banLength = regexp.MustCompile(`(?i)ban will last (?:for )?(\d+)(?: more)? seconds`)

// china is the zone in which daily quotas end.
var china = time.FixedZone("GMT+8", 8*60*60)

// ban is how long to stay away: what AliExpress says and a second more. Without a number it is a second, a minute for
// limits of the whole app, and to the end of the Chinese day for the daily quota.
func (r refusal) ban(now time.Time) time.Duration {
	for _, words := range []text{r.SubMsg, r.Msg, r.Message} {
		m := banLength.FindStringSubmatch(string(words))
		if m == nil {
			continue
		}
		seconds, err := strconv.Atoi(m[1])
		if err != nil || seconds > 24*60*60 {
			seconds = 24 * 60 * 60
		}
		return time.Duration(seconds+1) * time.Second
	}
	if strings.EqualFold(r.SubCode.String(), dailyLimit) {
		year, month, day := now.In(china).Date()
		return time.Date(year, month, day+1, 0, 0, 0, 0, china).Sub(now) + time.Second
	}
	switch strings.ToLower(r.Code.String()) {
	case "appcalllimit", "sellercalllimit":
		return time.Minute
	}
	return 2 * time.Second
}

func tokenRefused() *models.Error {
	return models.Errorf(models.Disconnected, "token_refused", "AliExpress no longer accepts this connection. Connect the account again.")
}

func misconfigured(kind models.Kind, api string, r refusal) *models.Error {
	return models.Errorf(kind, "aliexpress_app_misconfigured",
		"AliExpress does not accept the calls of this app (%s). Check WAYBILL_ALIEXPRESS_APP_KEY, "+
			"WAYBILL_ALIEXPRESS_APP_SECRET, the app's approval and the server's clock.",
		r.name()).Because(r.cause(api))
}

func notPermitted(kind models.Kind, api string, r refusal) *models.Error {
	return models.Errorf(kind, "aliexpress_not_permitted",
		"AliExpress says that the app or this account may not do this (%s). Check the permissions of the app at AliExpress.", r.name()).
		Because(r.cause(api))
}

// name is the code that a person can search for.
func (r refusal) name() string {
	if r.SubCode != "" {
		return clip(r.SubCode.String(), 80)
	}
	return clip(r.Code.String(), 80)
}

func unavailable(cause error) *models.Error {
	return models.Errorf(models.Unavailable, "aliexpress_unavailable", "AliExpress could not answer just now. It will be tried again.").
		Because(cause)
}

func unreadable(api string, cause error) *models.Error {
	return models.Errorf(models.Unavailable, "aliexpress_unreadable",
		"AliExpress gave an answer that Waybill does not understand. It will be tried again.").Because(fmt.Errorf("%s: %w", api, cause))
}

// businessTrouble is for a failure inside a successful envelope that has no meaning of its own to us.
func businessTrouble(api, code string) *models.Error {
	return unavailable(fmt.Errorf("%s: business code %s", api, clip(code, 80)))
}

func badID(what, text string) *models.Error {
	return models.Errorf(models.Invalid, "invalid_"+strings.ReplaceAll(what, " ", "_"), "%q is no AliExpress %s.", clip(text, 40), what)
}

// clip makes foreign text fit for a sentence or a log line: one line, printable, at most limit characters.
func clip(s string, limit int) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if runes := []rune(s); len(runes) > limit {
		return string(runes[:limit-1]) + "…"
	}
	return s
}
