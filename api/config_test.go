package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
)

func environment(values map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := values[name]
		return v, ok
	}
}

func TestEveryMistakeInTheSettingsIsReportedTogether(t *testing.T) {
	t.Parallel()
	_, err := readConfig(environment(map[string]string{
		"WAYBILL_WORKERS": "many", "WAYBILL_LOG_LEVEL": "loud", "WAYBILL_MERCHANT_ZONE": "Mars/Olympus", "WAYBILL_WIX_BASE_URL": "http://example.com",
		"WAYBILL_PLACE_TIMEOUT": "60s", "WAYBILL_PLACE_LEASE": "50s", "WAYBILL_API_KEY": "short", "WAYBILL_WIX_APP_ID": "x", "WAYBILL_CHECK_SPEED": "NaN",
		"WAYBILL_TRUSTED_PROXIES": "10.0.0.0/8, everybody", "WAYBILL_SMTP_URL": "mail.example.com", "WAYBILL_STOLEN_PASSWORDS": "/no/such/file",
	}))
	if err == nil {
		t.Fatal("no mistake was found")
	}
	for _, name := range []string{"WAYBILL_WORKERS", "WAYBILL_LOG_LEVEL", "WAYBILL_MERCHANT_ZONE", "WAYBILL_WIX_BASE_URL", "WAYBILL_PLACE_LEASE", "WAYBILL_API_KEY", "WAYBILL_WIX_APP_SECRET", "WAYBILL_CHECK_SPEED", "WAYBILL_TRUSTED_PROXIES", "WAYBILL_SMTP_URL", "WAYBILL_STOLEN_PASSWORDS"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not reported:\n%v", name, err)
		}
	}
}

func TestDefaultsAreValidAndSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	secrets := map[string]string{
		"DATABASE_URL": "postgres://u:canary-1@h/d", "WAYBILL_DIRECT_DATABASE_URL": "postgres://u:canary-9@h/d", "WAYBILL_REPLICA_DATABASE_URL": "postgres://u:canary-10@h/d", "WAYBILL_SECRET_KEY": "canary-2", "WAYBILL_OLD_SECRET_KEYS": "canary-6,canary-7", "WAYBILL_API_KEY": "canary-3-canary-3-canary-3",
		"WAYBILL_WIX_APP_ID": "app", "WAYBILL_WIX_APP_SECRET": "canary-4", "WAYBILL_ALIEXPRESS_APP_KEY": "key", "WAYBILL_ALIEXPRESS_APP_SECRET": "canary-5",
		"WAYBILL_SMTP_URL": "smtps://u:canary-8@mail.example.com", "WAYBILL_MAIL_FROM": "waybill@example.com",
	}
	if _, err := readConfig(environment(nil)); err != nil {
		t.Fatal(err)
	}
	cfg, err := readConfig(environment(secrets))
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cfg.LogFormat = "json"
	newLog(cfg, &log).Info("starting", cfg.inUse()...)
	newLog(cfg, &log).Info("all of it", "config", cfg)
	if strings.Contains(log.String(), "canary") {
		t.Errorf("a secret is shown: %s", log.String())
	}
	if !strings.Contains(log.String(), "***") {
		t.Error("that a secret is set is not shown")
	}
}

func TestHelpListsEverySetting(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := run(t.Context(), []string{"serve", "--help"}, environment(nil), &out, &out); err == nil {
		t.Fatal("help is expected to end the command")
	}
	var cfg Config
	for _, s := range cfg.settings() {
		if !strings.Contains(out.String(), s.name) {
			t.Errorf("%s is not listed", s.name)
		}
	}
}

// The settings table of the README is what the program says.
func TestReadmeListsEverySetting(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var cfg Config
	for _, s := range cfg.settings() {
		if row := "| `" + s.name + "` | "; !strings.Contains(string(readme), row) || !strings.Contains(string(readme), " | "+s.help+" |") {
			t.Errorf("README.md has no row for %s with %q", s.name, s.help)
		}
	}
}

func TestTrustedProxiesAreNetworksOrAddresses(t *testing.T) {
	t.Parallel()
	cfg, err := readConfig(environment(map[string]string{"WAYBILL_TRUSTED_PROXIES": "10.1.2.3/8, 192.0.2.1,fd00::/8"}))
	if got := fmt.Sprint(cfg.Proxies); err != nil || got != "[10.0.0.0/8 192.0.2.1/32 fd00::/8]" {
		t.Errorf("%s, %v", got, err)
	}
	for _, wrong := range []string{"0.0.0.0/0", "::/0", "localhost", "10.0.0.0/33"} {
		if _, err := readConfig(environment(map[string]string{"WAYBILL_TRUSTED_PROXIES": wrong})); err == nil {
			t.Errorf("%s is taken", wrong)
		}
	}
}
