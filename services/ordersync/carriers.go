package ordersync

import (
	"net/url"
	"strings"
)

// The carriers for which Wix itself builds a tracking link (wix.md 4.2), by words in AliExpress' names for them.
var storeProviders = []struct{ word, provider string }{
	{"fedex", "fedex"}, {"ups", "ups"}, {"usps", "usps"}, {"dhl", "dhl"}, {"canada post", "canadaPost"}, {"canadapost", "canadaPost"},
}

// carrierFor says how the store is told of a carrier: its own word where it has one, else AliExpress' name with a link that
// shows the parcel. A carrier nobody knows never keeps a parcel from being told.
func carrierFor(name, number string) (provider, link string) {
	words := " " + strings.ToLower(name) + " "
	for _, p := range storeProviders {
		if strings.Contains(words, " "+p.word+" ") {
			if p.provider == "canadaPost" {
				return p.provider, "https://www.canadapost-postescanada.ca/track-reperage/en#/search?searchFor=" + url.QueryEscape(number)
			}
			return p.provider, ""
		}
	}
	if name == "" {
		name = "AliExpress"
	}
	return name, "https://global.cainiao.com/detail.htm?mailNoList=" + url.QueryEscape(number)
}
