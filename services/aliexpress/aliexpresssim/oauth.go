package aliexpresssim

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	firstUserID = 2637908814
	codeLife    = 3 * time.Minute // aliexpress.md 3.1
)

// Account is a further buyer account with a code to connect it.
type Account struct {
	UserID   string `json:"user_id"`
	AuthCode string `json:"auth_code"`
}

type account struct {
	userID   string
	havanaID string
	nick     string
	email    string
}

// authCode is exchangeable once; a zero expires means until then.
type authCode struct {
	userID  string
	expires time.Time
}

// grant is a pair of tokens.
type grant struct {
	userID                        string
	accessToken, refreshToken     string
	accessExpires, refreshExpires time.Time
}

// AddAccount opens a further buyer account.
func (s *Server) AddAccount() Account {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.openAccount()
	return Account{UserID: a.userID, AuthCode: s.issueCode(a.userID, codeLife)}
}

// NewAuthCode gives what the consent page would send back; it lives for three minutes.
func (s *Server) NewAuthCode(userID string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(userID)
	if err != nil {
		return "", err
	}
	return s.issueCode(a.userID, codeLife), nil
}

// ExpireTokens lets all access tokens of an account expire now; refresh tokens live on. An empty userID means the
// seeded account.
func (s *Server) ExpireTokens(userID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(userID)
	if err != nil {
		return err
	}
	for _, g := range s.access {
		if g.userID == a.userID && g.accessExpires.After(s.now()) {
			g.accessExpires = s.now()
		}
	}
	s.record(Entry{Kind: KindTokenExpired, UserID: a.userID})
	return nil
}

// RevokeTokens withdraws an account's consent: access and refresh tokens stop. An empty userID means the seeded
// account.
func (s *Server) RevokeTokens(userID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(userID)
	if err != nil {
		return err
	}
	for _, grants := range []map[string]*grant{s.access, s.refresh} {
		for token, g := range grants {
			if g.userID == a.userID {
				delete(grants, token)
			}
		}
	}
	s.record(Entry{Kind: KindTokenRevoked, UserID: a.userID})
	return nil
}

// account finds a buyer, by default the seeded one; locked.
func (s *Server) account(userID string) (*account, error) {
	if userID == "" {
		userID = s.seed.UserID
	}
	a, ok := s.accounts[userID]
	if !ok {
		return nil, fmt.Errorf("%w: account %s", ErrNotFound, userID)
	}
	return a, nil
}

// openAccount is locked.
func (s *Server) openAccount() *account {
	n := len(s.accountOrder)
	a := &account{
		userID:   strconv.Itoa(firstUserID + n),
		havanaID: strconv.Itoa(3000021188814 + n),
		nick:     fmt.Sprintf("us%datrae", 1040495815+n),
		email:    fmt.Sprintf("buyer%d@example.com", n+1),
	}
	s.accounts[a.userID] = a
	s.accountOrder = append(s.accountOrder, a.userID)
	return a
}

// issueCode makes an authorisation code; a life of 0 lets it live until it is used; locked.
func (s *Server) issueCode(userID string, life time.Duration) string {
	code := &authCode{userID: userID}
	if life > 0 {
		code.expires = s.now().Add(life)
	}
	text := "3_" + s.opts.AppKey + "_" + randomText(16)
	s.codes[text] = code
	return text
}

// issueTokens makes a new pair; the refresh token ends when it is told to; locked.
func (s *Server) issueTokens(userID, how string, refreshExpires time.Time) *grant {
	g := &grant{
		userID:         userID,
		accessToken:    "50000" + randomText(28),
		refreshToken:   "50001" + randomText(28),
		accessExpires:  s.now().Add(s.opts.TokenLife),
		refreshExpires: refreshExpires,
	}
	s.access[g.accessToken] = g
	s.refresh[g.refreshToken] = g
	s.record(Entry{Kind: KindTokenIssued, UserID: userID, Detail: how})
	return g
}

func randomText(bytes int) string {
	raw := make([]byte, bytes)
	rand.Read(raw)
	return hex.EncodeToString(raw)
}

// authorize finds the account of a call's token, which goes by two names (aliexpress.md 1.2); locked.
func (s *Server) authorize(c *call) *apiError {
	token := c.params["session"]
	if token == "" {
		token = c.params["access_token"]
	}
	g := s.access[token]
	if g == nil || !s.now().Before(g.accessExpires) {
		return illegalToken()
	}
	c.userID = g.userID
	return nil
}

// createToken exchanges a code (aliexpress.md 3.2). Sending a uuid makes every code invalid, as the documentation
// warns.
func (s *Server) createToken(c *call) (object, *apiError) {
	if code, ok := faultCode(c); ok {
		return nil, isvError(code, code)
	}
	text := c.params["code"]
	if text == "" {
		return nil, missingParameter("code")
	}
	code := s.codes[text]
	late := code != nil && !code.expires.IsZero() && !s.now().Before(code.expires)
	if code == nil || late || c.params["uuid"] != "" {
		return nil, isvError("InvalidCode", "Invalid Code")
	}
	delete(s.codes, text)
	c.userID = code.userID
	g := s.issueTokens(code.userID, "code", s.now().Add(s.opts.RefreshLife))
	return s.tokenAnswer(c, g), nil
}

// refreshToken makes a new pair and stops the old refresh token, whose end the new one inherits (aliexpress.md 3.4).
func (s *Server) refreshToken(c *call) (object, *apiError) {
	if code, ok := faultCode(c); ok {
		return nil, isvError(code, code)
	}
	text := c.params["refresh_token"]
	if text == "" {
		return nil, missingParameter("refresh_token")
	}
	c.userID = s.caller(c)
	old := s.refresh[text]
	if old == nil || !s.now().Before(old.refreshExpires) {
		return nil, isvError("IllegalRefreshToken", "The specified refresh token is invalid or expired")
	}
	delete(s.refresh, text)
	s.spent[text] = old.userID
	return s.tokenAnswer(c, s.issueTokens(old.userID, "refresh", old.refreshExpires)), nil
}

// tokenAnswer is locked.
func (s *Server) tokenAnswer(c *call, g *grant) object {
	a, now := s.accounts[g.userID], s.now()
	answer := object{
		"access_token":             g.accessToken,
		"refresh_token":            g.refreshToken,
		"expires_in":               wholeSeconds(g.accessExpires.Sub(now)),
		"refresh_expires_in":       wholeSeconds(g.refreshExpires.Sub(now)),
		"expire_time":              g.accessExpires.UnixMilli(),
		"refresh_token_valid_time": g.refreshExpires.UnixMilli(),
		"user_id":                  a.userID,
		"seller_id":                a.userID,
		"locale":                   "zh_CN",
		"sp":                       "ae",
	}
	if c.api == "/auth/token/security/create" {
		return answer
	}
	return with(answer, object{
		"user_nick": a.nick, "havana_id": a.havanaID, "account": a.email, "account_platform": "buyerApp",
	})
}

// faultCode is the refusal that a scripted business fault asks for.
func faultCode(c *call) (string, bool) {
	if c.fault == nil {
		return "", false
	}
	return c.fault.How.businessCode()
}

var consentPage = template.Must(template.New("consent").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>AliExpress (simulated)</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:28rem;margin:4rem auto;padding:0 1rem}
a{display:block;margin:.75rem 0;padding:.75rem 1rem;background:#c9281d;color:#fff;text-decoration:none;border-radius:6px}
.no{background:#666}
</style></head><body>
<h1>Authorise the app</h1>
<p>This is a simulated AliExpress. App {{.AppKey}} asks to place and read orders. Choose the buyer account to connect.</p>
{{range .Choices}}<a href="{{.URL}}">Authorise as {{.Account}}</a>
{{end}}<a class="no" href="{{.Refuse}}">Refuse</a></body></html>
`))

// serveConsent is the page that the merchant sees (aliexpress.md 3.1). With approve=<user_id> it consents at once, with refuse it refuses: that
// AliExpress then sends error=access_denied, as OAuth has it, is a guess.
func (s *Server) serveConsent(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	back, err := url.Parse(query.Get("redirect_uri"))
	switch {
	case query.Get("client_id") != s.opts.AppKey:
		http.Error(w, "InvalidAppkey: unknown client_id", http.StatusBadRequest)
		return
	case query.Get("response_type") != "code":
		http.Error(w, "AUTH_TYPE_UNSUPPORTED: response_type must be code", http.StatusBadRequest)
		return
	case err != nil || back.Host == "" || back.Scheme != "http" && back.Scheme != "https":
		http.Error(w, "redirect_uri must be the registered callback", http.StatusBadRequest)
		return
	}
	if query.Has("refuse") {
		sendBack(w, r, back, "error", "access_denied")
		return
	}
	if userID := query.Get("approve"); userID != "" {
		s.approve(w, r, back, userID)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	consentPage.Execute(w, s.choices(query))
}

func (s *Server) approve(w http.ResponseWriter, r *http.Request, back *url.URL, userID string) {
	code, err := s.NewAuthCode(userID)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	sendBack(w, r, back, "code", code)
}

func sendBack(w http.ResponseWriter, r *http.Request, back *url.URL, name, value string) {
	params := back.Query()
	params.Set(name, value)
	if state := r.URL.Query().Get("state"); state != "" {
		params.Set("state", state)
	}
	back.RawQuery = params.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

type consentChoice struct{ URL, Account string }

type consentData struct {
	AppKey  string
	Choices []consentChoice
	Refuse  string
}

func (s *Server) choices(query url.Values) consentData {
	s.mu.Lock()
	defer s.mu.Unlock()
	data := consentData{AppKey: s.opts.AppKey, Refuse: "?" + query.Encode() + "&refuse"}
	for _, userID := range s.accountOrder {
		query.Set("approve", userID)
		data.Choices = append(data.Choices, consentChoice{"?" + query.Encode(), s.accounts[userID].email})
	}
	return data
}

// wholeSeconds rounds, so that a life of 30 days is not a second short in the answer that starts it.
func wholeSeconds(d time.Duration) int64 {
	return int64(d.Round(time.Second) / time.Second)
}
