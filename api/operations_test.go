package main

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"waybill/services/database/databasetest"
)

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(raw, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// Whatever the alerts and Grafana's dashboard ask for is measured, under this name and with these labels.
func TestAlertsAndTheDashboardAskForWhatIsMeasured(t *testing.T) {
	t.Parallel()
	metrics := freeAddress(t)
	w := newWorld(t, databasetest.URL(t), "WAYBILL_METRICS_LISTEN="+metrics)
	w.run()
	w.connect()
	o := w.awaitOrder(w.buy("paid", w.goods()...), "the order is here", inTab("awaiting_order"))
	w.place(o.ID)
	w.await("there was something to measure of everything", func() bool { return strings.Contains(scrape(t, metrics), `what="placement"`) })

	labels := map[string]map[string]bool{} // of each metric
	series := regexp.MustCompile(`(?m)^([a-z_0-9]+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? `)
	label := regexp.MustCompile(`([a-z]+)=~?"|([a-z]+)!=~?"|([a-z]+)!~"`)
	for _, line := range series.FindAllStringSubmatch(scrape(t, metrics), -1) {
		if labels[line[1]] == nil {
			labels[line[1]] = map[string]bool{"job": true, "instance": true}
		}
		for _, l := range label.FindAllStringSubmatch(line[2], -1) {
			labels[line[1]][l[1]] = true
		}
	}
	asked := regexp.MustCompile(`\b((?:waybill|process|go)_[a-z_0-9]+?)(?:_bucket|_sum|_count)?\b(?:\{([^}]*)\})?`)
	queries := queriesOf(t)
	if len(queries) < 30 {
		t.Fatalf("only %d queries were found", len(queries))
	}
	for where, query := range queries {
		found := asked.FindAllStringSubmatch(query, -1)
		if len(found) == 0 && !strings.HasPrefix(query, "up{") {
			t.Errorf("%s asks for nothing of ours: %s", where, query)
		}
		for _, f := range found {
			if labels[f[1]] == nil {
				t.Errorf("%s asks for %s, which is not measured", where, f[1])
				continue
			}
			for _, l := range label.FindAllStringSubmatch(f[2], -1) {
				if name := l[1] + l[2] + l[3]; !labels[f[1]][name] {
					t.Errorf("%s asks for the label %s of %s, which has only %v", where, name, f[1], slices.Collect(maps.Keys(labels[f[1]])))
				}
			}
		}
	}
}

// queriesOf are those of the alerts and of the dashboard, by where they stand.
func queriesOf(t *testing.T) map[string]string {
	t.Helper()
	queries := map[string]string{}
	var alerts struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Labels      map[string]string
				Annotations map[string]string
			}
		}
	}
	readYAML(t, "../docs/ops/alerts.yaml", &alerts)
	for _, group := range alerts.Groups {
		for _, rule := range group.Rules {
			queries[rule.Alert] = rule.Expr
			if rule.Annotations["summary"] == "" || rule.Labels["severity"] == "" {
				t.Errorf("%s does not say what it means", rule.Alert)
			}
		}
	}
	raw, err := os.ReadFile("../docs/ops/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr, RefID string }
		}
	}
	if err := json.Unmarshal(raw, &dashboard); err != nil {
		t.Fatal(err)
	}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			queries[panel.Title+" "+target.RefID] = target.Expr
		}
	}
	return queries
}

// compose.yaml sets what can be set, and the parts of its profile are parts of Waybill that go through the pooler and migrate past it.
func TestComposeSetsWhatCanBeSet(t *testing.T) {
	t.Parallel()
	type service struct {
		Profiles    []string
		Environment map[string]string
		Image       string
		Volumes     []string
	}
	var compose struct{ Services map[string]service }
	readYAML(t, "../compose.yaml", &compose)
	known := map[string]bool{}
	for _, s := range (&Config{}).settings() {
		known[s.name] = true
	}
	secrets := map[string]string{"WAYBILL_SECRET_KEY": "", "WAYBILL_API_KEY": "key-of-the-compose-file-0123456789", "WAYBILL_PUBLIC_URL": "https://waybill.example.com"}
	variable := regexp.MustCompile(`\$\{[A-Z_]+(?::-([^}]*)|:\?[^}]*)?\}`)
	var parts []string
	for name, s := range compose.Services {
		if s.Image != "waybill" {
			continue
		}
		env := map[string]string{}
		for setting, value := range s.Environment {
			if !known[setting] {
				t.Errorf("%s sets %s, which is no setting", name, setting)
			}
			if env[setting] = variable.ReplaceAllString(value, "$1"); secrets[setting] != "" {
				env[setting] = secrets[setting]
			}
		}
		cfg, err := readConfig(environment(env))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if slices.Contains(s.Profiles, "scaled") {
			parts = append(parts, cfg.Roles.String())
			if !strings.Contains(env["DATABASE_URL"], "@pooler:") || !strings.Contains(env["WAYBILL_DIRECT_DATABASE_URL"], "@database:") || !strings.Contains(env["WAYBILL_OWNER_DATABASE_URL"], "@database:") {
				t.Errorf("%s does not go through the pooler, and past it where it must", name)
			}
		}
	}
	slices.Sort(parts)
	if !slices.Equal(parts, []string{"ingest", "web", "work"}) {
		t.Errorf("the profile has the parts %v", parts)
	}
	for name, s := range compose.Services {
		for _, v := range s.Volumes {
			if from, _, _ := strings.Cut(v, ":"); strings.HasPrefix(from, "./") {
				if _, err := os.Stat("../" + from); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		if s.Image != "waybill" && s.Image != "waybill-pgbouncer" && !regexp.MustCompile(`:[0-9]`).MatchString(s.Image) {
			t.Errorf("%s has no version: %s", name, s.Image)
		}
	}
}
