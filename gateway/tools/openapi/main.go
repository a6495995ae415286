// Command openapi completes the OpenAPI document that protoc-gen-openapiv2 writes: it reads it from
// stdin and writes to stdout the one that is published. There, no key is among the parameters of a
// URL, where the gateway refuses it, and parameters have the bounds of their types in the proto and
// the values of enums that a request may have. A token may come with each call.
package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
)

type object = map[string]any

// notAsked are the values of enums that no request may have.
var notAsked = []string{"STATUS_UNSPECIFIED", "NOTFOUND"}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "openapi:", err)
		os.Exit(1)
	}
}

func run() error {
	var document object
	if err := json.NewDecoder(os.Stdin).Decode(&document); err != nil {
		return err
	}
	for _, operations := range document["paths"].(object) {
		for _, operation := range operations.(object) {
			complete(operation.(object))
		}
	}
	// With or without a token: which of both, is a setting of the server.
	document["security"] = []any{object{"bearer": []any{}}, object{}}
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(document)
}

func complete(operation object) {
	parameters, ok := operation["parameters"].([]any)
	if !ok {
		return
	}
	operation["parameters"] = slices.DeleteFunc(parameters, func(one any) bool {
		parameter := one.(object)
		return parameter["in"] == "query" && (parameter["name"] == "aes256cbckey" || parameter["name"] == "iv")
	})
	for _, one := range parameters {
		if parameter, ok := one.(object); ok && parameter["in"] == "query" {
			bound(parameter)
			ask(parameter)
		}
	}
}

// ask leaves a list of enum values those that may be asked for.
func ask(parameter object) {
	items, ok := parameter["items"].(object)
	if !ok {
		return
	}
	if values, ok := items["enum"].([]any); ok {
		items["enum"] = slices.DeleteFunc(values, func(value any) bool {
			return slices.Contains(notAsked, value.(string))
		})
		// The description of each value is that of the enum itself.
		description, _, _ := strings.Cut(parameter["description"].(string), "\n\n - ")
		parameter["description"] = description
	}
}

func bound(parameter object) {
	switch {
	case parameter["type"] == "integer":
		parameter["minimum"] = 0
		if parameter["format"] == "int64" { // which is how uint32 is written
			parameter["maximum"] = math.MaxUint32
		}
	case parameter["required"] == true:
		parameter["minLength"] = 1
	}
}
