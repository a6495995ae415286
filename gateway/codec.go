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
		return explain(protojson.Unmarshal(body, message), body)
	})
}

var (
	twiceField = regexp.MustCompile(`duplicate field "[^"]*"`)
	position   = regexp.MustCompile(`\(line \d+:\d+\)`)
)

// explain says what is wrong with a body as a whole: checkFields has looked at each field. The
// library's own text repeats the value at fault, which may be a key.
func explain(err error, body []byte) error {
	if err == nil {
		return nil
	}
	reason := "the body is not one JSON object"
	if found := twiceField.FindString(plain(err)); found != "" {
		reason = found
	} else if json.Valid(body) && bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) {
		reason = "a value in the body cannot be taken"
	}
	return errors.New(strings.TrimSpace(reason + " " + place(err)))
}

// place is where in a body an error is: "(line 1:16)"; empty where that is not known.
func place(err error) string {
	if err == nil {
		return ""
	}
	return position.FindString(plain(err))
}

// plain is an error's text with the library's odd spaces, which are odd on purpose, made plain.
func plain(err error) string { return strings.ReplaceAll(err.Error(), "\u00a0", " ") }
