package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// mostViolations are named; the status travels in headers, which are bounded.
const mostViolations = 20

// secret is found in what may be a key or an iv.
var secret = regexp.MustCompile("[0-9a-fA-F]{32}")

// violation is what is wrong with one field of a request. It never repeats the value, which may be
// a key.
type violation struct {
	field, said string
	// wanted is what would do, and hint what of it the message has.
	wanted, hint string
}

func unknown(what, place, name string, request protoreflect.MessageDescriptor) violation {
	if secret.MatchString(name) {
		said := fmt.Sprintf("unknown %s (its name, which may be a key, is left out)", what)
		return violation{place, said, known(request), ""}
	}
	name = place + fmt.Sprintf("%.100s", name)
	return violation{name, fmt.Sprintf("unknown %s %q", what, name), known(request), ""}
}

func unfit(what, place, problem string, field protoreflect.FieldDescriptor) violation {
	name, hint := place+string(field.Name()), wanted(what, field)
	return violation{name, fmt.Sprintf("%s %q: %s", what, name, problem), hint, ": " + hint}
}

// checkFields refuses a call with fields that its request does not have, or whose values do not
// fit. It names all of them at once, as the server does with what it refuses.
func checkFields(refuse refusal) runtime.Middleware {
	return func(next runtime.HandlerFunc) runtime.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request, parameters map[string]string) {
			if called, ok := operationOf(r); ok {
				if err := called.check(r); err != nil {
					refuse(w, r, err)
					return
				}
			}
			next(w, r, parameters)
		}
	}
}

func (o operation) check(r *http.Request) error {
	if !o.hasBody {
		return invalid(o.checkQuery(r.URL.Query()), "")
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return status.Error(codes.InvalidArgument, "the body cannot be read")
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return invalid(checkBody(o.request, "", body), place(protojson.Unmarshal(body, dynamicpb.NewMessage(o.request))))
}

// checkBody looks at each member of a message by itself, and at those of the messages in it; their names begin with
// that of the message. What is no JSON object is left to the codec.
func checkBody(message protoreflect.MessageDescriptor, prefix string, body []byte) []violation {
	var found []violation
	decoder := json.NewDecoder(bytes.NewReader(body))
	if opening, err := decoder.Token(); err != nil || opening != json.Delim('{') || !json.Valid(body) {
		return nil
	}
	for decoder.More() {
		var value json.RawMessage
		name, _ := decoder.Token()
		_ = decoder.Decode(&value)
		field := fieldOf(message, name.(string))
		if field == nil {
			found = append(found, unknown("field", prefix, name.(string), message))
			continue
		}
		if inner := checkMessages(field, prefix+string(field.Name()), value); len(inner) > 0 {
			found = append(found, inner...)
			continue
		}
		alone := fmt.Appendf(nil, "{%q: %s}", field.Name(), value)
		if protojson.Unmarshal(alone, dynamicpb.NewMessage(message)) != nil {
			found = append(found, unfit("field", prefix, problemOf(field), field))
		}
	}
	return found
}

// checkMessages looks into the value of a field that is a message, or a list of them, and has that name.
func checkMessages(field protoreflect.FieldDescriptor, name string, value []byte) []violation {
	if field.Message() == nil {
		return nil
	}
	if !field.IsList() {
		return checkBody(field.Message(), name+".", value)
	}
	var found []violation
	var each []json.RawMessage
	_ = json.Unmarshal(value, &each)
	for i, one := range each {
		found = append(found, checkBody(field.Message(), fmt.Sprintf("%s[%d].", name, i), one)...)
	}
	return found
}

func problemOf(field protoreflect.FieldDescriptor) string {
	if field.IsList() || field.Message() != nil {
		return "a value in the body cannot be taken"
	}
	return misfit(field)
}

// misfit says that a value is of another kind than its field.
func misfit(field protoreflect.FieldDescriptor) string {
	if field.Enum() != nil {
		return "the value is not one of the allowed values"
	}
	return "the value is no " + field.Kind().String()
}

// checkQuery looks at each parameter by itself.
func (o operation) checkQuery(query url.Values) []violation {
	var found []violation
	parser, nothing := runtime.DefaultQueryParser{}, utilities.NewDoubleArray(nil)
	for _, name := range slices.Sorted(maps.Keys(query)) {
		field := fieldOf(o.request, name)
		if field == nil {
			found = append(found, unknown("parameter", "", name, o.request))
			continue
		}
		alone := url.Values{string(field.Name()): query[name]}
		if parser.Parse(dynamicpb.NewMessage(o.request), alone, nothing) != nil {
			found = append(found, unfit("parameter", "", misfit(field), field))
		}
	}
	return found
}

// fieldOf is a message's field of that name, in the proto or in its usual JSON.
func fieldOf(message protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	fields := message.Fields()
	if field := fields.ByTextName(name); field != nil {
		return field
	}
	return fields.ByJSONName(name)
}

func known(request protoreflect.MessageDescriptor) string {
	var all []string
	for i := range request.Fields().Len() {
		all = append(all, string(request.Fields().Get(i).Name()))
	}
	return "there are " + strings.Join(all, ", ")
}

// wanted says what values a field takes: a parameter that is a list is given once for each.
func wanted(what string, field protoreflect.FieldDescriptor) string {
	one := "a " + field.Kind().String()
	switch field.Kind() {
	case protoreflect.BoolKind:
		one = "true or false"
	case protoreflect.EnumKind:
		one = "one of " + strings.Join(names(field.Enum()), ", ")
	case protoreflect.Int32Kind:
		one = "a whole number"
	case protoreflect.Uint32Kind:
		one = "a whole number from 0 to 4294967295"
	case protoreflect.MessageKind:
		one = "a JSON object"
	}
	if field.IsList() && what == "parameter" {
		return "each must be " + one
	}
	if field.IsList() {
		return "must be a list, with each value " + one
	}
	return "must be " + one
}

// names are those of an enum, but for the one that says nothing, and that of a job which is not there:
// no request asks for those.
func names(enum protoreflect.EnumDescriptor) []string {
	var all []string
	for i := range enum.Values().Len() {
		if value := enum.Values().Get(i); value.Number() != 0 && value.Name() != "NOTFOUND" {
			all = append(all, string(value.Name()))
		}
	}
	return all
}

// invalid is the refusal for what was found, nil for nothing. The first of it is at place.
func invalid(found []violation, place string) error {
	if len(found) == 0 {
		return nil
	}
	var texts []string
	details := &errdetails.BadRequest{}
	for i, one := range found[:min(len(found), mostViolations)] {
		if i == 0 && place != "" {
			one.said += " " + place
		}
		texts = append(texts, one.said+one.hint)
		details.FieldViolations = append(details.FieldViolations,
			&errdetails.BadRequest_FieldViolation{Field: one.field, Description: one.wanted})
	}
	refused := status.New(codes.InvalidArgument, strings.Join(texts, "; "))
	info := &errdetails.ErrorInfo{Reason: "INVALID_REQUEST", Domain: "myd.analysis.v1"}
	if detailed, err := refused.WithDetails(info, details); err == nil {
		refused = detailed
	}
	return refused.Err()
}
