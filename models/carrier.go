package models

import (
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Carrier says how a store is told of a carrier that AliExpress names: a word that the store knows, or any text with a link.
type Carrier struct {
	MerchantID MerchantID `gorm:"primaryKey"`
	Key        string     `gorm:"primaryKey"` // the name as it is compared: CarrierKey
	Name       string     // AliExpress' name for it; AnyCarrier for all that nobody knows
	Provider   string     // what the store is told; empty: AliExpress' name
	Link       string     // the tracking page, with {number}; empty: the store builds it
	CreatedAt  time.Time  `gorm:"autoCreateTime:false;autoUpdateTime:false"`
	UpdatedAt  time.Time  `gorm:"autoCreateTime:false;autoUpdateTime:false"`
}

const (
	// AnyCarrier names the rule for every carrier that no other rule knows.
	AnyCarrier = "*"
	// NumberPlaceholder stands for the tracking number in a link.
	NumberPlaceholder = "{number}"

	providerLimit = 100  // wix.md 4.1
	linkLimit     = 1900 // of 2048, to leave room for the number
)

// defaultCarriers are known by a word of their name. For the first four Wix itself builds a tracking link (wix.md 4.2): it is
// sent none, and the template is for those whom Wix takes no number from.
var defaultCarriers = []Carrier{
	{Key: "fedex", Provider: "fedex", Link: "https://www.fedex.com/apps/fedextrack/?action=track&trackingnumber={number}"},
	{Key: "ups", Provider: "ups", Link: "https://wwwapps.ups.com/WebTracking/track?track=yes&trackNums={number}"},
	{Key: "usps", Provider: "usps", Link: "https://tools.usps.com/go/TrackConfirmAction.action?tLabels={number}"},
	{Key: "dhl", Provider: "dhl", Link: "https://www.logistics.dhl/global-en/home/tracking.html?tracking-id={number}"},
	{Key: "canada post", Provider: "canadaPost", Link: "https://www.canadapost-postescanada.ca/track-reperage/en#/search?searchFor={number}"},
	{Key: "canadapost", Provider: "canadaPost", Link: "https://www.canadapost-postescanada.ca/track-reperage/en#/search?searchFor={number}"},
	{Key: "royal mail", Link: "https://www.royalmail.com/track-your-item#/tracking-results/{number}"},
	{Key: "yunexpress", Link: "https://www.yuntrack.com/parcelTracking?id={number}"},
	{Key: "4px", Link: "https://track.4px.com/#/result/0/{number}"},
	{Key: AnyCarrier, Link: "https://global.cainiao.com/detail.htm?mailNoList={number}"},
}

// DefaultCarriers lists the built-in rules. The last is for every carrier that none of the others knows.
func DefaultCarriers() []Carrier {
	list := slices.Clone(defaultCarriers)
	for i := range list {
		list[i].Name = list[i].Key
	}
	return list
}

// StoreBuildsLink reports whether the store builds the tracking link of a provider by itself.
func StoreBuildsLink(provider string) bool {
	return slices.Contains([]string{"fedex", "ups", "usps", "dhl"}, provider)
}

// CarrierKey is a carrier's name as it is compared: case and spaces do not matter.
func CarrierKey(name string) string { return strings.Join(strings.Fields(strings.ToLower(name)), " ") }

// CarrierFor finds the rule for a name: the merchant's own of that name, else the built-in one by a word of it, else what is
// said of every other carrier, by the merchant first. There always is one: a carrier nobody knows keeps no parcel from being
// told.
func CarrierFor(own []Carrier, name string) (rule Carrier, isOwn bool) {
	key := CarrierKey(name)
	find := func(wanted string) int {
		return slices.IndexFunc(own, func(c Carrier) bool { return c.Key == wanted })
	}
	if at := find(key); at >= 0 {
		return own[at], true
	}
	for _, c := range defaultCarriers {
		if c.Key != AnyCarrier && strings.Contains(" "+key+" ", " "+c.Key+" ") {
			return c, false
		}
	}
	if at := find(AnyCarrier); at >= 0 {
		return own[at], true
	}
	return defaultCarriers[len(defaultCarriers)-1], false
}

// CarrierWords are what a store is told of a parcel's carrier.
type CarrierWords struct {
	Provider string
	Link     string // empty: the store builds it
	// FullLink is Link, or what the store would build: for a parcel whose number the store does not take.
	FullLink string
}

// TellCarrier says how a store is told of a parcel. also are further numbers of the same goods: a store takes one number for
// each unit, so they stand beside the carrier's name, where buyers see them.
func TellCarrier(own []Carrier, name, number string, also []string) CarrierWords {
	rule, _ := CarrierFor(own, name)
	w := CarrierWords{Provider: rule.Provider, FullLink: fillLink(rule.Link, number)}
	if w.Provider == "" {
		w.Provider = strings.TrimSpace(name)
	}
	if w.Provider == "" {
		w.Provider = "AliExpress"
	}
	if w.FullLink == "" {
		w.FullLink = fillLink(linkOfProvider(w.Provider), number)
	}
	if rule.Link != "" && (rule.MerchantID != "" || !StoreBuildsLink(w.Provider)) {
		w.Link = w.FullLink
	}
	if len(also) > 0 {
		w.Provider, w.Link = w.Provider+" (also "+strings.Join(also, ", ")+")", w.FullLink
	}
	if runes := []rune(w.Provider); len(runes) > providerLimit {
		w.Provider = string(runes[:providerLimit])
	}
	return w
}

func linkOfProvider(provider string) string {
	for _, c := range defaultCarriers {
		if c.Provider != "" && c.Provider == provider {
			return c.Link
		}
	}
	return defaultCarriers[len(defaultCarriers)-1].Link
}

// fillLink puts a number into a link so that it stays one part of it, in a path as in a query.
func fillLink(link, number string) string {
	return strings.ReplaceAll(link, NumberPlaceholder, strings.ReplaceAll(url.QueryEscape(number), "+", "%20"))
}

// CheckCarrierLink says why a link cannot be a carrier's tracking page; empty when it can. Buyers will follow it: it must be
// https, on a named public host, and carry the number outside of the host.
func CheckCarrierLink(link string) (reason string) {
	if link == "" {
		return ""
	}
	u, err := url.Parse(strings.ReplaceAll(link, NumberPlaceholder, "0"))
	switch {
	case err != nil || len(link) > linkLimit:
		return "must be a web address of at most 1900 characters"
	case u.Scheme != "https":
		return "must begin with https://"
	case u.User != nil || u.Port() != "":
		return "must name a host only, without user or port"
	case net.ParseIP(u.Hostname()) != nil || !publicHost(u.Hostname()):
		return "must be on a public host such as track.example.com"
	case !strings.Contains(link, NumberPlaceholder):
		return "must hold {number}, where the tracking number goes"
	case strings.Contains(strings.SplitN(link, "/", 4)[2], NumberPlaceholder):
		return "must hold {number} after the host"
	}
	return ""
}

func publicHost(host string) bool {
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if label == "" || strings.Trim(strings.ToLower(label), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	last := strings.ToLower(labels[len(labels)-1])
	private := []string{"localhost", "local", "internal", "localdomain", "home", "lan", "test", "invalid"}
	return len(labels) > 1 && !slices.Contains(private, last) && strings.Trim(last, "0123456789") != ""
}
