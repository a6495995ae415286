// Command openapi completes the OpenAPI document that protoc-gen-openapiv2 writes: it reads it from
// stdin and writes to stdout the one that is published, without a key among the parameters of a
// URL.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "openapi:", err)
		os.Exit(1)
	}
}

func run() error {
	var document map[string]any
	if err := json.NewDecoder(os.Stdin).Decode(&document); err != nil {
		return err
	}
	paths, _ := document["paths"].(map[string]any)
	for _, operations := range paths {
		for _, operation := range operations.(map[string]any) {
			dropKeys(operation.(map[string]any))
		}
	}
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(document)
}

// dropKeys takes the parameters for a key out of a URL; the gateway refuses them there.
func dropKeys(operation map[string]any) {
	parameters, ok := operation["parameters"].([]any)
	if !ok {
		return
	}
	operation["parameters"] = slices.DeleteFunc(parameters, func(parameter any) bool {
		this := parameter.(map[string]any)
		return this["in"] == "query" && (this["name"] == "aes256cbckey" || this["name"] == "iv")
	})
}
