package aliexpresssim

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Variation changes the shape of answers and leaves their content, to try a client's decoding (aliexpress.md 1.4 and
// checklist point 8). Setting it replaces the one before.
type Variation struct {
	// SingleAsObject gives a list of one element as that element.
	SingleAsObject bool `json:"single_as_object"`
	// NumbersAsStrings and BoolsAsStrings quote what they name.
	NumbersAsStrings bool `json:"numbers_as_strings"`
	BoolsAsStrings   bool `json:"bools_as_strings"`
	// BareLists leaves out the objects around lists; HonorSimplify does so for requests with simplify=true only.
	BareLists     bool `json:"bare_lists"`
	HonorSimplify bool `json:"honor_simplify"`
	// NoRoot leaves out the root key, CodeBesideRoot puts code and request_id beside it, and RespResult puts a
	// further level with resp_code and resp_msg below it.
	NoRoot         bool `json:"no_root"`
	CodeBesideRoot bool `json:"code_beside_root"`
	RespResult     bool `json:"resp_result"`
	// ExtraFields adds unknown members to every object.
	ExtraFields bool `json:"extra_fields"`
	// DropOptional leaves out what a client can do without; DropPackageSKU the sku_id of a parcel's items, which
	// the older reference page lacks (aliexpress.md 6.1).
	DropOptional   bool `json:"drop_optional"`
	DropPackageSKU bool `json:"drop_package_sku"`
	// LegacyErrors answers refusals with the numeric codes of the retired gateway, FlatErrors with the /rest form
	// on /sync too (aliexpress.md 9.2).
	LegacyErrors bool `json:"legacy_errors"`
	FlatErrors   bool `json:"flat_errors"`
}

// SetVariation changes the shape of all answers from now on.
func (s *Server) SetVariation(v Variation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.variation = v
}

// listWrappers are the single keys that stand between a list's name and its elements (aliexpress.md 1.4).
var listWrappers = map[string]bool{
	"number": true, "aeop_child_order_info": true, "aeop_order_logistics_info": true,
	"ae_child_order_info": true, "ae_order_logistics_info": true,
	"tracking_detail": true, "detail_node": true, "package_item": true,
	"delivery_option_d_t_o": true, "ae_item_sku_info_d_t_o": true, "ae_sku_property_d_t_o": true,
	"ae_item_property": true, "ae_video_d_t_o": true, "details": true,
	"aeop_freight_calculate_result_for_buyer_dto": true,
}

var optionalMembers = map[string]bool{
	"store_url": true, "user_order_amount": true, "sale_discount_fee": true, "shipping_discount_fee": true,
	"actual_tax_fee": true, "already_include_tax": true, "price_include_tax": true,
	"logistics_info_list": true, "eta_time_stamps": true, "item_title": true, "sku_desc": true,
	"delivery_date_desc": true, "guaranteed_delivery_days": true, "ddpIncludeVATTax": true,
	"ae_multimedia_info_dto": true, "package_info_dto": true, "ae_item_properties": true,
	"user_nick": true, "account": true, "account_id": true, "havana_id": true, "locale": true, "sp": true,
	"request_id": true,
}

// shape turns the content of an answer into the document that goes out.
func (v Variation) shape(c *call, body object, err *apiError) any {
	if err != nil {
		return v.shapeError(c, err)
	}
	if v.HonorSimplify && c.params["simplify"] == "true" {
		v.BareLists = true
	}
	if v.RespResult && !c.rest {
		body = object{"resp_result": with(body, object{"resp_code": 200, "resp_msg": "Call succeeds"})}
	}
	if !c.rest && !v.CodeBesideRoot {
		body["request_id"] = c.requestID
	}
	answer := v.bend(body, "")
	if c.rest {
		return with(answer.(object), object{"code": "0", "request_id": c.requestID})
	}
	if v.NoRoot {
		return answer
	}
	root := object{strings.ReplaceAll(c.api, ".", "_") + "_response": answer}
	if v.CodeBesideRoot {
		root["code"], root["request_id"] = "0", c.requestID
	}
	return root
}

func with(o, more object) object {
	for name, value := range more {
		o[name] = value
	}
	return o
}

// bend copies an answer, changed as the variation says.
func (v Variation) bend(body object, name string) any {
	if v == (Variation{}) {
		return body
	}
	dec := json.NewDecoder(bytes.NewReader(encode(body)))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err != nil {
		panic(err)
	}
	return v.bendValue(tree, name)
}

func (v Variation) bendValue(value any, parent string) any {
	switch value := value.(type) {
	case object:
		return v.bendObject(value, parent)
	case []any:
		for i := range value {
			value[i] = v.bendValue(value[i], parent)
		}
		return value
	case json.Number:
		if v.NumbersAsStrings {
			return value.String()
		}
	case bool:
		if v.BoolsAsStrings {
			if value {
				return "true"
			}
			return "false"
		}
	}
	return value
}

func (v Variation) bendObject(o object, parent string) any {
	for name, value := range o {
		if v.DropOptional && optionalMembers[name] || v.DropPackageSKU && parent == "package_item" && name == "sku_id" {
			delete(o, name)
			continue
		}
		o[name] = v.bendValue(value, name)
	}
	if wrapper, items, ok := wrapped(o); ok {
		if v.SingleAsObject && len(items) == 1 {
			o[wrapper] = items[0]
		}
		if v.BareLists {
			return o[wrapper]
		}
		return o
	}
	if v.ExtraFields {
		o["x_unknown_member"] = "kept"
		o["x_unknown_object"] = object{"list": []any{json.Number("1"), nil}}
	}
	return o
}

// wrapped recognises a list's wrapper.
func wrapped(o object) (string, []any, bool) {
	if len(o) != 1 {
		return "", nil, false
	}
	for name, value := range o {
		items, isList := value.([]any)
		return name, items, isList && listWrappers[name]
	}
	return "", nil, false
}

// shapeError gives the envelope of a refusal (aliexpress.md 9.2).
func (v Variation) shapeError(c *call, err *apiError) any {
	if v.LegacyErrors {
		if legacy := legacyError(err); legacy != nil {
			legacy["request_id"] = c.requestID
			return object{"error_response": legacy}
		}
	}
	if err.flat || c.rest || v.FlatErrors {
		return object{
			"type": err.kind, "code": err.code, "message": err.message, "request_id": c.requestID,
		}
	}
	refusal := object{"type": err.kind, "code": err.code, "msg": err.message, "request_id": c.requestID}
	if err.subCode != "" {
		refusal["sub_code"], refusal["sub_msg"] = err.subCode, err.subMessage
	}
	return object{"error_response": refusal}
}

// legacyError is nil for what the retired gateway had no code of its own for.
func legacyError(err *apiError) object {
	switch err.code {
	case "IllegalAccessToken":
		return object{"code": 27, "msg": "Invalid session", "sub_code": "invalid-sessionkey"}
	case "IncompleteSignature":
		return object{"code": 25, "msg": "Invalid signature"}
	case "ApiCallLimit", "AppApiCallLimit":
		_, ban, _ := strings.Cut(strings.ToLower(err.message), "ban will last ")
		seconds, _, _ := strings.Cut(ban, " ")
		return object{
			"code": 7, "msg": "App Call Limited", "sub_code": "accesscontrol.limited-by-app-api-access-count",
			"sub_msg": "This ban will last for " + seconds + " more seconds",
		}
	}
	return nil
}
