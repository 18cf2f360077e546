// Command convert turns the Swagger 2.0 document that swag writes into the OpenAPI 3.0 document that Waybill serves, and
// mends what 2.0 cannot say: bearer authentication, problem documents, open and closed routes.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: convert swagger.json openapi.json")
		os.Exit(2)
	}
	if err := convert(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "convert:", err)
		os.Exit(1)
	}
}

func convert(from, to string) error {
	raw, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	// A Go package is of no interest to the API's users: models.Tab is Tab.
	raw = bytes.ReplaceAll(raw, []byte(`"#/definitions/models.`), []byte(`"#/definitions/`))
	raw = bytes.ReplaceAll(raw, []byte(`"models.`), []byte(`"`))
	var old openapi2.T
	if err := json.Unmarshal(raw, &old); err != nil {
		return fmt.Errorf("read %s: %w", from, err)
	}
	doc, err := openapi2conv.ToV3(&old)
	if err != nil {
		return fmt.Errorf("convert: %w", err)
	}
	mend(doc)
	out, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", to, err)
	}
	// What is served is what was checked: load it again and validate that.
	if doc, err = openapi3.NewLoader().LoadFromData(out); err != nil {
		return fmt.Errorf("load what was written: %w", err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		return fmt.Errorf("the document is not valid: %w", err)
	}
	return os.WriteFile(to, append(out, '\n'), 0o644)
}

func mend(doc *openapi3.T) {
	doc.Servers = openapi3.Servers{{URL: "/api/v1", Description: "This installation"}}
	scheme := openapi3.NewSecurityScheme().WithType("http").WithScheme("bearer")
	scheme.Description = "The merchant's API key"
	doc.Components.SecuritySchemes = openapi3.SecuritySchemes{"BearerAuth": &openapi3.SecuritySchemeRef{Value: scheme}}
	for path, item := range doc.Paths.Map() {
		if op := item.Post; op != nil && !strings.HasPrefix(path, "/webhooks/") {
			op.AddParameter(idempotencyKey())
		}
		for _, op := range item.Operations() {
			if strings.HasPrefix(path, "/webhooks/") {
				op.Security = openapi3.NewSecurityRequirements() // signed, not keyed
			}
			for status, r := range op.Responses.Map() {
				mendResponse(status, r.Value)
			}
		}
	}
}

// idempotencyKey is a header that every request of a merchant may have which does something: it stands in one place of the code, too.
func idempotencyKey() *openapi3.Parameter {
	p := openapi3.NewHeaderParameter("Idempotency-Key").WithSchema(openapi3.NewStringSchema().WithMinLength(1).WithMaxLength(255))
	p.Description = "Names the request, so that a repeat within 72 hours does nothing and is told what the first was answered"
	return p
}

// mendResponse gives a problem its own media type and only that, and every answer a description.
func mendResponse(status string, r *openapi3.Response) {
	if r.Description == nil || *r.Description == "" {
		text := map[string]string{
			"200": "OK", "201": "Created", "202": "Accepted", "204": "Done", "401": "No valid key or signature", "404": "No such thing",
			"409": "The present state does not allow it", "422": "Something in the request is out of range", "default": "Any other problem",
		}[status]
		r.Description = &text
	}
	for media, content := range r.Content {
		if content.Schema != nil && content.Schema.Ref == "#/components/schemas/Problem" {
			delete(r.Content, media)
			r.Content["application/problem+json"] = content
		}
	}
}
