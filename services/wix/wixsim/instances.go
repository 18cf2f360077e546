package wixsim

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	tokenLife       = 4 * time.Hour // wix.md 1.1
	legacyTokenLife = 5 * time.Minute
	codeLife        = 10 * time.Minute
	rateWindow      = time.Minute
)

// instance is the app on one site.
type instance struct {
	id, siteID, ownerID string
	origin              string // the instance of the site that this one is a copy of
	installed           bool
	lastNumber          int
	windowStart         time.Time
	windowCount         int
}

type token struct {
	site            string
	issued, expires time.Time
}

type authCode struct {
	site    string
	expires time.Time
}

// admit counts a request in a fixed window of a minute, wix.md 6.
func (i *instance) admit(now time.Time, limit int) bool {
	if limit < 0 {
		return true
	}
	if now.Sub(i.windowStart) >= rateWindow {
		i.windowStart, i.windowCount = now, 0
	}
	i.windowCount++
	return i.windowCount <= limit
}

// CreateInstance adds a site on which the app is installed, without a webhook, and returns its instance id.
func (s *Server) CreateInstance() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	site := &instance{id: newGUID(), siteID: newGUID(), ownerID: newGUID(), installed: true, lastNumber: firstNumber}
	s.addInstance(site)
	return site.id
}

// CopyInstance adds a site that the merchant made as a copy of another, with the app on it, and returns its instance id.
func (s *Server) CopyInstance(origin string) string {
	id := s.CreateInstance()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.instances[id].origin = origin
	return id
}

func (s *Server) addInstance(site *instance) {
	s.instances[site.id] = site
	s.instanceIDs = append(s.instanceIDs, site.id)
	s.note(Entry{Kind: KindInstanceCreated, InstanceID: site.id})
}

// Install puts the app on a site and sends AppInstalled, wix.md 5.5.
func (s *Server) Install(instanceID string) error {
	return s.setInstalled(instanceID, true)
}

// Remove takes the app off a site and sends AppRemoved. The site's tokens stop working at once.
func (s *Server) Remove(instanceID string) error {
	return s.setInstalled(instanceID, false)
}

func (s *Server) setInstalled(instanceID string, installed bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	site, ok := s.instances[instanceID]
	if !ok {
		return fmt.Errorf("no instance %q", instanceID)
	}
	s.switchApp(site, installed)
	return nil
}

func (s *Server) switchApp(site *instance, installed bool) {
	site.installed = installed
	kind, eventType := KindInstalled, "AppInstalled"
	if !installed {
		kind, eventType = KindRemoved, "AppRemoved"
		s.revoke(site.id)
	}
	s.note(Entry{Kind: kind, InstanceID: site.id})
	s.emitAppEvent(site, eventType)
}

func (s *Server) revoke(instanceID string) {
	for text, t := range s.tokens {
		if t.site == instanceID {
			delete(s.tokens, text)
		}
	}
	for text, site := range s.refresh {
		if site == instanceID {
			delete(s.refresh, text)
		}
	}
}

// SignedInstance makes the value of the dashboard's instance parameter, wix.md 1.6.
func (s *Server) SignedInstance(instanceID string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	site, ok := s.instances[instanceID]
	if !ok {
		return "", fmt.Errorf("no instance %q", instanceID)
	}
	return s.signInstance(site), nil
}

type instanceClaims struct {
	InstanceID      string  `json:"instanceId"`
	AppDefID        string  `json:"appDefId"`
	MetaSiteID      string  `json:"metaSiteId"`
	SignDate        string  `json:"signDate"`
	UID             string  `json:"uid"`
	Permissions     string  `json:"permissions"`
	VendorProductID *string `json:"vendorProductId"`
	DemoMode        bool    `json:"demoMode"`
	SiteOwnerID     string  `json:"siteOwnerId"`
	SiteMemberID    string  `json:"siteMemberId"`
	ExpirationDate  string  `json:"expirationDate"`
}

func (s *Server) signInstance(site *instance) string {
	now := s.now()
	data := base64.RawURLEncoding.EncodeToString(encode(instanceClaims{
		InstanceID: site.id, AppDefID: s.appID, MetaSiteID: site.siteID, SignDate: stamp(now), UID: site.ownerID,
		Permissions: "OWNER", SiteOwnerID: site.ownerID, SiteMemberID: site.ownerID, ExpirationDate: stamp(now.Add(tokenLife)),
	}))
	return s.instanceSignature(data) + "." + data
}

func (s *Server) instanceSignature(data string) string {
	mac := hmac.New(sha256.New, []byte(s.appSecret))
	mac.Write([]byte(data))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// authenticate finds the site of a request's token, sent bare or with "Bearer ", wix.md 1.2.
func (s *Server) authenticate(r *http.Request) (*instance, error) {
	text := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if text == "" {
		return nil, errUnauthenticated("no access token was sent")
	}
	t, ok := s.tokens[text]
	if !ok {
		return nil, errUnauthenticated("the access token is not known")
	}
	if !s.now().Before(t.expires) {
		delete(s.tokens, text)
		return nil, errUnauthenticated("the access token has expired")
	}
	return s.instances[t.site], nil
}

type tokenRequest struct {
	GrantType    string `json:"grant_type"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	InstanceID   string `json:"instance_id"`
	Code         string `json:"code"`
	RefreshToken string `json:"refresh_token"`
}

type tokenResponse struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"`
}

type legacyTokenResponse struct {
	RefreshToken string `json:"refresh_token"`
	AccessToken  string `json:"access_token"`
}

// issueToken is the client credentials grant, wix.md 1.1.
func (s *Server) issueToken(c *call) (any, error) {
	req, err := s.tokenRequest(c)
	if err != nil {
		return nil, err
	}
	if req.GrantType != "client_credentials" {
		return nil, oauthError(http.StatusBadRequest, "unsupported_grant_type", "only client_credentials is supported")
	}
	if req.InstanceID == "" {
		return nil, oauthError(http.StatusBadRequest, "invalid_request", "instance_id is missing")
	}
	site, ok := s.instances[req.InstanceID]
	if !ok || !site.installed {
		return nil, oauthError(http.StatusUnauthorized, "invalid_client", "the app is not installed on this instance")
	}
	c.site = site
	return tokenResponse{s.newToken(site, tokenLife), "Bearer", int(tokenLife.Seconds())}, nil
}

// issueLegacyToken is the older flow with a code and a refresh token, wix.md 1.4.
func (s *Server) issueLegacyToken(c *call) (any, error) {
	req, err := s.tokenRequest(c)
	if err != nil {
		return nil, err
	}
	siteID, err := s.redeem(req)
	if err != nil {
		return nil, err
	}
	site := s.instances[siteID]
	if !site.installed {
		return nil, oauthError(http.StatusBadRequest, "invalid_grant", "the app is not installed on this instance")
	}
	c.site = site
	refresh := req.RefreshToken
	if req.GrantType == "authorization_code" {
		refresh = "OAUTH2." + randomText(32)
		s.refresh[refresh] = siteID
	}
	return legacyTokenResponse{refresh, s.newToken(site, legacyTokenLife)}, nil
}

func (s *Server) redeem(req tokenRequest) (site string, err error) {
	switch req.GrantType {
	case "authorization_code":
		code, ok := s.codes[req.Code]
		delete(s.codes, req.Code) // a code is good once
		if !ok || !s.now().Before(code.expires) {
			return "", oauthError(http.StatusBadRequest, "invalid_grant", "the code is unknown or has expired")
		}
		return code.site, nil
	case "refresh_token":
		site, ok := s.refresh[req.RefreshToken]
		if !ok {
			return "", oauthError(http.StatusBadRequest, "invalid_grant", "the refresh token is unknown")
		}
		return site, nil
	}
	return "", oauthError(http.StatusBadRequest, "unsupported_grant_type", "authorization_code or refresh_token is expected")
}

// tokenRequest reads the body and checks the app's own credentials.
func (s *Server) tokenRequest(c *call) (tokenRequest, error) {
	var req tokenRequest
	if c.decode(&req) != nil {
		return req, oauthError(http.StatusBadRequest, "invalid_request", "the body is not JSON")
	}
	if req.GrantType == "" || req.ClientID == "" || req.ClientSecret == "" {
		return req, oauthError(http.StatusBadRequest, "invalid_request", "grant_type, client_id and client_secret are needed")
	}
	if req.ClientID != s.appID || subtle.ConstantTimeCompare([]byte(req.ClientSecret), []byte(s.appSecret)) != 1 {
		return req, oauthError(http.StatusUnauthorized, "invalid_client", "the app id or secret is wrong")
	}
	return req, nil
}

func (s *Server) newToken(site *instance, life time.Duration) string {
	now := s.now()
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"kid":"sim","alg":"HS256"}`))
	text := "OauthNG.JWS." + header + "." + randomText(24) + "." + randomText(32)
	s.tokens[text] = token{site: site.id, issued: now, expires: now.Add(life)}
	s.note(Entry{Kind: KindTokenIssued, Op: opToken, InstanceID: site.id, Detail: map[string]any{"expires_in": int(life.Seconds())}})
	return text
}

func randomText(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

type tokenInfoResponse struct {
	Active      bool   `json:"active"`
	SubjectType string `json:"subjectType,omitempty"`
	SubjectID   string `json:"subjectId,omitempty"`
	Exp         string `json:"exp,omitempty"`
	Iat         string `json:"iat,omitempty"`
	ClientID    string `json:"clientId,omitempty"`
	SiteID      string `json:"siteId,omitempty"`
	InstanceID  string `json:"instanceId,omitempty"`
}

// tokenInfo explains an access token or a signed instance, wix.md 1.3.
func (s *Server) tokenInfo(c *call) (any, error) {
	var req struct {
		Token string `json:"token"`
	}
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	if req.Token == "" {
		return nil, invalid("token", "must not be empty")
	}
	t, subjectType := s.explain(req.Token)
	site, ok := s.instances[t.site]
	if !ok || !site.installed || !s.now().Before(t.expires) {
		return tokenInfoResponse{Active: false}, nil
	}
	subject := s.appID
	if subjectType == "USER" {
		subject = site.ownerID
	}
	return tokenInfoResponse{
		Active: true, SubjectType: subjectType, SubjectID: subject,
		Exp: strconv.FormatInt(t.expires.Unix(), 10), Iat: strconv.FormatInt(t.issued.Unix(), 10),
		ClientID: s.appID, SiteID: site.siteID, InstanceID: site.id,
	}, nil
}

func (s *Server) explain(text string) (t token, subjectType string) {
	if t, ok := s.tokens[text]; ok {
		return t, "APP"
	}
	signature, data, _ := strings.Cut(text, ".")
	if !hmac.Equal([]byte(signature), []byte(s.instanceSignature(data))) {
		return token{}, ""
	}
	return s.readSignedInstance(data), "USER"
}

func (s *Server) readSignedInstance(data string) token {
	raw, err := base64.RawURLEncoding.DecodeString(data)
	if err != nil {
		return token{}
	}
	var claims instanceClaims
	if err := (&call{body: raw}).decode(&claims); err != nil {
		return token{}
	}
	issued, err := time.Parse(time.RFC3339Nano, claims.SignDate)
	if err != nil {
		return token{}
	}
	return token{site: claims.InstanceID, issued: issued, expires: issued.Add(tokenLife)}
}

// getInstance describes the app and its site, wix.md 1.5.
func (s *Server) getInstance(c *call) (any, error) {
	inst := map[string]any{
		"instanceId": c.site.id, "appName": "Waybill", "appVersion": "1.0.0", "isFree": true,
		"permissions":    []string{"SCOPE.DC-STORES.READ-ORDERS", "SCOPE.DC-STORES.MANAGE-ORDERS"},
		"availablePlans": []any{}, "copiedFromTemplate": false, "freeTrialAvailable": false,
	}
	if c.site.origin != "" {
		inst["originInstanceId"] = c.site.origin
	}
	return map[string]any{
		"instance": inst,
		"site": map[string]any{
			"siteId": c.site.siteID, "siteDisplayName": "Sample Shop " + c.site.id[:4], "url": "https://shop-" + c.site.id[:8] + ".example.com",
			"locale": "en", "paymentCurrency": "USD", "description": "",
			"multilingual":     map[string]any{"isMultiLingual": false, "supportedLanguages": []string{"en"}},
			"installedWixApps": []string{"stores"},
			"ownerInfo":        map[string]any{"email": "owner@example.com", "emailStatus": "VERIFIED_OTHER"},
		},
	}, nil
}

// browserInstall is the consent page of the legacy flow: it agrees at once, wix.md 1.4.
func (s *Server) browserInstall(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	target, err := s.installTarget(q.Get("appId"), q.Get("redirectUrl"))
	if err != nil {
		writeFailure(w, asFailure(err))
		return
	}
	s.mu.Lock()
	site := s.installFirst()
	code := randomText(24)
	s.codes[code] = authCode{site: site.id, expires: s.now().Add(codeLife)}
	s.mu.Unlock()
	redirect(w, r, target, map[string]string{"code": code, "state": q.Get("state"), "instanceId": site.id})
}

// browserAppInstaller is the installation that starts on the app's own site, wix.md 1.5.
func (s *Server) browserAppInstaller(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	target, err := s.installTarget(q.Get("appId"), q.Get("postInstallationUrl"))
	if err != nil {
		writeFailure(w, asFailure(err))
		return
	}
	s.mu.Lock()
	site := s.installFirst()
	signed := s.signInstance(site)
	s.mu.Unlock()
	redirect(w, r, target, map[string]string{
		"appId": s.appID, "tenantId": site.siteID, "instanceId": site.id, "signedInstance": signed,
	})
}

func (s *Server) installTarget(appID, to string) (*url.URL, error) {
	if appID != s.appID {
		return nil, invalid("appId", "no such app")
	}
	target, err := url.Parse(to)
	if err != nil || target.Host == "" || (target.Scheme != "https" && target.Scheme != "http") {
		return nil, invalid("redirectUrl", "must be an absolute URL")
	}
	return target, nil
}

// installFirst puts the app on the first site, if it is not there already.
func (s *Server) installFirst() *instance {
	site := s.instances[s.instanceIDs[0]]
	if !site.installed {
		s.switchApp(site, true)
	}
	return site
}

func redirect(w http.ResponseWriter, r *http.Request, target *url.URL, add map[string]string) {
	q := target.Query()
	for k, v := range add {
		if v != "" {
			q.Set(k, v)
		}
	}
	target.RawQuery = q.Encode()
	http.Redirect(w, r, target.String(), http.StatusFound)
}
