package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// codec is the JSON of the original service: names as in the proto, default values shown. A body
// is one JSON object; a member that the request does not know is refused.
type codec struct{ runtime.JSONPb }

func newCodec() *codec {
	return &codec{runtime.JSONPb{
		MarshalOptions: protojson.MarshalOptions{UseProtoNames: true, EmitDefaultValues: true},
	}}
}

// NewDecoder reads a request's body. An empty one is an empty message.
func (c *codec) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(v any) error {
		message, ok := v.(proto.Message)
		body, err := io.ReadAll(r)
		switch {
		case err != nil || !ok:
			return errors.New("the body cannot be read")
		case len(bytes.TrimSpace(body)) == 0:
			return io.EOF
		}
		return explain(protojson.Unmarshal(body, message), body, message)
	})
}

var (
	unknownField = regexp.MustCompile(`unknown field "[^"]*"`)
	twiceField   = regexp.MustCompile(`duplicate field "[^"]*"`)
	badValue     = regexp.MustCompile(`invalid value for (\w+) field (\w+)`)
	position     = regexp.MustCompile(`\(line \d+:\d+\)`)
)

// explain says what is wrong with a body. The library's own text repeats the value at fault, which
// may be a key.
func explain(err error, body []byte, message proto.Message) error {
	if err == nil {
		return nil
	}
	text := strings.ReplaceAll(err.Error(), "\u00a0", " ")
	reason := "the body is not one JSON object"
	if json.Valid(body) && bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) {
		reason = "a value in the body cannot be taken"
	}
	if found := unknownField.FindString(text); found != "" {
		reason = found
	} else if found := twiceField.FindString(text); found != "" {
		reason = found
	} else if found := badValue.FindStringSubmatch(text); found != nil {
		reason = "field \"" + protoName(message, found[2]) + "\": the value is no " + found[1]
	}
	return errors.New(strings.TrimSpace(reason + " " + position.FindString(text)))
}

// protoName is a field's name in the proto, as callers write it and every other message has it.
func protoName(message proto.Message, jsonName string) string {
	if field := message.ProtoReflect().Descriptor().Fields().ByJSONName(jsonName); field != nil {
		return string(field.Name())
	}
	return jsonName
}
